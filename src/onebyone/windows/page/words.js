// What the page says, in words and numbers.

import { isShared } from "sharing/owners";

const PREFIXES = ["", "k", "M", "G", "T", "P"];

/** A number of operations in three digits. */
export function counted(count) {
  if (!count) return "0";
  const power = Math.min(Math.floor(Math.log10(count) / 3), PREFIXES.length - 1);
  return `${Number((count / 1000 ** power).toPrecision(3))} ${PREFIXES[power]}`.trim();
}

export const by = (sizes) => sizes.join("×");
export const grouped = (number) => number.toLocaleString("en");
export const times = (ratio) => `${ratio < 99.95 ? ratio.toFixed(1) : grouped(Math.round(ratio))}×`;

const several = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
const places = (count) => several(count, "place");

export const saved = ({ crops, here }) => (here ? times(crops / here) : "");

/** What is shared along one axis. */
export function sharedWords(layer, k) {
  if (!layer.positions.length) return "one result for each window";
  const n = layer.positions[k];
  if (!isShared(layer, k)) return `${several(n, "position")}, none shared`;
  const [a, b] = layer.shared[k];
  if (b - a === n) return n === 1 ? "its one position is shared" : `all ${n} positions shared`;
  const edges = [a, n - b].filter(Boolean).map(grouped).join(" + ");
  return `${n} positions: ${rangeWords([a, b])} shared, ${edges} edge`;
}

export const rangeWords = ([a, b]) => (b - a === 1 ? String(a) : `${a}–${b - 1}`);

/** Where shared positions lie along one axis. */
export function latticeWords(layer, k) {
  if (!layer.positions.length) return "no positions are left";
  if (!isShared(layer, k)) return "none: each window computes its own";
  const [t, u, a] = [layer.windowsApart[k], layer.dilation[k], layer.shared[k][0]];
  const [last, n] = [layer.shared[k][1] - 1, layer.positions[k]];
  if (n === 1) return t ? `window i at place ${factor(t)}i` : "one window, one place";
  if (a === last) return `position ${a} of window i at place ${t ? `${factor(t)}i` : "0"}`;
  const position = a ? `${factor(u)}${u === 1 ? `p − ${a}` : `(p − ${a})`}` : `${factor(u)}p`;
  return `position p of window i at place ${t ? `${factor(t)}i + ` : ""}${position}`;
}

const factor = (number) => (number === 1 ? "" : `${number}`);

/** How far positions and windows are apart along one axis. */
export function apartWords(layer, k, stride) {
  const [t, u] = [layer.windowsApart[k], layer.dilation[k]];
  if (!isShared(layer, k) || !t) return "";
  const pixels = stride / t;
  const each = `a place is ${Number(pixels.toPrecision(3))} ${pixels === 1 ? "pixel" : "pixels"}`;
  if (layer.positions[k] === 1) return `windows ${places(t)} apart; ${each}`;
  return `windows ${places(t)} apart, positions ${places(u)}; ${each}`;
}

/** What other windows own of a layer in the chosen window. */
export function seenWords(layer, counts, window) {
  const name = `Window ${window.join(", ")}`;
  if (!layer.positions.length) return `${name} has one result at this layer, its own.`;
  const has = `${name} has ${several(counts.total, "position")} at this layer`;
  if (!counts.windows) return `${has}, ${counts.total === 1 ? "" : "all "}its own.`;
  const owned = counts.sharedOwned + counts.edgeOwned;
  const others = several(counts.windows, "other window");
  const along = counts.edgeOwned ? `, ${grouped(counts.edgeOwned)} are shared along one axis` : "";
  const edge = `Its edge has ${grouped(counts.edge)}: ${grouped(counts.edge - counts.edgeOwned)} are its own${along}.`;
  return [
    `${has}. ${others} own${counts.windows === 1 ? "s" : ""} ${grouped(owned)} of them, too;`,
    `no position is owned by more than ${grouped(counts.most)} windows.`,
    ...(counts.edge && counts.shared ? [edge] : []),
  ].join(" ");
}
