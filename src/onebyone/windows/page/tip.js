// What is said under the pointer: a layer's name, shapes and lattice, and a position's owners.

import { byId, data, html } from "sharing/dom";
import { apartAlong, latticeAlong, sharedAlong } from "sharing/table";
import { by, rangeWords } from "sharing/words";

const ROOM = 14; // between the pointer and the tip, in CSS pixels

function layerLines(layer) {
  return [
    `${layer.name} (${layer.operator})`,
    `one window: ${by(layer.shape)}`,
    `shared: ${sharedAlong(layer)}`,
    `on the map: ${latticeAlong(layer)}`,
    apartAlong(layer),
  ];
}

function ownersLine(part) {
  if (part?.dataset?.first === undefined) return "";
  const range = [Number(part.dataset.first), Number(part.dataset.stop)];
  const count = Number(part.dataset.owners);
  const one = range[1] - range[0] === 1;
  const whose = count > 1 ? `${count} windows own ${one ? "it" : "each"}` : "this window's alone";
  return `position${one ? "" : "s"} ${rangeWords(range)}: ${whose}`;
}

function linesAt(target) {
  const key = target.closest?.("#rows [data-key]")?.dataset.key;
  if (!key) return [];
  if (key[0] === "l") return [...layerLines(data.layers[Number(key.slice(1))]), ownersLine(target)];
  const [first, stop] = data.runs[Number(key.slice(1))];
  const last = layerLines(data.layers[stop - 1]);
  return [`${stop - first} operators whose positions lie alike; the last:`, ...last];
}

/** Shows it beside the pointer, within the screen. */
export function addTip() {
  const tip = byId("tip");
  byId("rows").addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const lines = linesAt(event.target).filter(Boolean);
    tip.hidden = !lines.length;
    tip.replaceChildren(...lines.map((line) => html("div", {}, line)));
    const { width, height } = tip.getBoundingClientRect();
    const below = event.clientY + ROOM + height < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + ROOM, innerWidth - width - 8))}px`;
    tip.style.top = `${below ? event.clientY + ROOM : event.clientY - ROOM - height}px`;
  });
  byId("rows").addEventListener("pointerleave", () => (tip.hidden = true));
  addEventListener("scroll", () => (tip.hidden = true), { passive: true });
}
