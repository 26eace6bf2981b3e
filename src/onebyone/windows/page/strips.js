// A strip: the positions of one window along an axis, at each of some layers.

import { svg } from "sharing/dom";
import { ENDED, SHARED, isShared, kindOf, mostOwners, ownersAlong } from "sharing/owners";
import { sharedWords } from "sharing/words";

export const CELLS = 40; // positions that are drawn one by one
const LOW = 12, HIGH = 60; // of a strip, in CSS pixels
const LAYER = 3; // of each layer of a strip that shows several

/** How strong the colour of a position is that so many windows own, from 0 to 1. */
export const strength = (count, most) => (most > 1 ? 0.38 + (0.62 * (count - 1)) / (most - 1) : 1);

/** That colour, mixed with the ground and not transparent, so that bands may overlap. */
const shade = (count, most) =>
  `fill: color-mix(in srgb, var(--others) ${percent(strength(count, most))}, var(--card))`;

/** Positions side by side that look alike: first, last-plus-one, kind and number of owners. */
export function segments(layer, k, piece) {
  const owners = ownersAlong(layer, k, piece);
  const found = [];
  owners.forEach((count, p) => {
    const kind = kindOf(layer, k, p);
    const last = found.at(-1);
    const cells = owners.length <= CELLS;
    if (last && !cells && last.kind === kind && last.count === count) last.stop = p + 1;
    else found.push({ first: p, stop: p + 1, kind, count });
  });
  return found;
}

export const percent = (share) => `${Number((100 * share).toFixed(4))}%`;

function band(layer, k, piece, y, height, several) {
  if (!layer.positions.length)
    return [svg("rect", { x: 0, y, width: "100%", height, class: "ended" })];
  const n = layer.positions[k];
  const most = mostOwners(layer, k, piece.count);
  return segments(layer, k, piece).map(({ first, stop, kind, count }) => {
    const name = kind === ENDED ? "ended" : kind === SHARED ? (count > 1 ? "others" : "single") : "edge";
    return svg("rect", {
      x: percent(first / n), y, width: percent((stop - first) / n), height, class: name,
      style: name === "others" ? shade(count, most) : null,
      fill: name === "edge" && !several ? "url(#hatch)" : null,
      "data-first": first, "data-stop": stop, "data-owners": count,
    });
  });
}

/** The strip of some layers, the first on top. */
export function strip(layers, k, piece) {
  const several = layers.length > 1;
  const ended = !layers.some((layer) => layer.positions.some((_, axis) => isShared(layer, axis)));
  const height = several && !ended ? Math.max(LOW, Math.min(HIGH, LAYER * layers.length)) : LOW;
  const each = height / layers.length;
  const last = layers.at(-1);
  const cells = !several && last.positions.length && last.positions[k] <= CELLS;
  return svg(
    "svg",
    {
      class: cells ? "strip cells" : several ? "strip bands" : "strip", width: "100%", height, role: "img",
      "aria-label": several
        ? `${sharedWords(layers[0], k)}; at the last, ${sharedWords(last, k)}`
        : sharedWords(last, k),
    },
    layers.flatMap((layer, place) =>
      band(layer, k, piece, place * each, height - place * each, several)),
  );
}
