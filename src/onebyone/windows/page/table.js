// Every layer in words and numbers.

import { breakable, byId, data, html } from "sharing/dom";
import { apartWords, by, grouped, latticeWords, saved, sharedWords } from "sharing/words";

const alongEach = (say) => {
  const said = data.axes.map((axis, k) => [axis, say(k)]);
  const same = said.every(([, words]) => words === said[0][1]);
  if (same || said.length === 1) return said[0][1];
  return said.map(([axis, words]) => `${axis}: ${words}`).join("; ");
};

/** What is shared along each axis; once, where it is the same along all. */
export const sharedAlong = (layer) => alongEach((k) => sharedWords(layer, k));
export const latticeAlong = (layer) => alongEach((k) => latticeWords(layer, k));
/** How far apart places are; a shift of the image has every so many windows. */
export const apartAlong = (layer) =>
  alongEach((k) => apartWords(layer, k, data.stride[k] * data.turns[k][0][2]));

const HEADS = ["Layer", "Operator", "Value of one window", "Shared", "Lattice",
  "Operations of crops", "Operations of sharing", "Fewer", "Sharing ends"];

function row(layer) {
  const cells = [
    layer.operator, by(layer.shape), sharedAlong(layer), latticeAlong(layer),
    grouped(layer.crops), grouped(layer.here), layer.crops ? saved(layer) : "", layer.ended,
  ];
  return html("tr", {}, html("th", { scope: "row" }, ...breakable(layer.name)),
    ...cells.map((text, k) => html("td", { class: k > 3 && k < 7 ? "number" : k > 1 ? "wide" : null }, text)));
}

/** Writes the table. */
export function writeTable() {
  const crops = data.layers.reduce((sum, layer) => sum + layer.crops, 0);
  const here = data.layers.reduce((sum, layer) => sum + layer.here, 0);
  const all = { crops, here };
  byId("words").querySelector("table").replaceChildren(
    html("caption", { class: "quiet" }, data.summary),
    html("thead", {}, html("tr", {}, ...HEADS.map((head, k) =>
      html("th", { scope: "col", class: k > 4 && k < 8 ? "number" : null }, head)))),
    html("tbody", {}, ...data.layers.map(row)),
    html("tfoot", {}, html("tr", {}, html("th", { scope: "row", colspan: 5 },
      data.pieces > 1 ? "All layers, of the largest piece" : "All layers"),
    ...[grouped(crops), grouped(here), saved(all), ""].map((text, k) =>
      html("td", { class: k < 3 ? "number" : null }, text)))));
}
