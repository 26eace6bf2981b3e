// The page: what is chosen, and what is drawn of it.

import { breakable, byId, data, html } from "sharing/dom";
import { countsOf, pieceOf, relatives } from "sharing/owners";
import { drawPositions } from "sharing/positions";
import { addRows, drawRows } from "sharing/rows";
import { addStage, drawStage } from "sharing/stage";
import { apartAlong, latticeAlong, sharedAlong, writeTable } from "sharing/table";
import { addTip } from "sharing/tip";
import { by, counted, saved, seenWords } from "sharing/words";

const FEW = 24; // layers that are not folded at first
const folds = data.runs.flatMap(([first, stop], run) => (stop - first > 1 ? [run] : []));

const state = {
  window: data.grid.map((count) => Math.floor(count / 2)),
  axis: data.axes.length - 1,
  layer: Math.max(0, data.layers.findIndex((layer) => layer.crops)),
  open: new Set(data.layers.length <= FEW ? folds : []),
  focus: null,
  pieces: [],
};

function drawLayer() {
  const layer = data.layers[state.layer];
  byId("others").hidden = byId("positions").hidden = !layer;
  if (!layer) return;
  const counts = countsOf(layer, state.pieces);
  byId("layer-name").replaceChildren(
    html("span", {}, ...breakable(layer.name)), " ", html("span", { class: "quiet" }, `${layer.operator}, ${by(layer.positions) || "no"} positions`));
  byId("seen").textContent = seenWords(layer, counts, state.window);
  byId("positions").setAttribute("aria-label", byId("seen").textContent);
  drawPositions([byId("positions"), byId("window").firstElementChild], layer, state.pieces);
  const lines = [
    ["One window", by(layer.shape)],
    ["Shared", sharedAlong(layer)],
    ["Lattice", [latticeAlong(layer), apartAlong(layer)].filter(Boolean).join("; ")],
    ["Operations", layer.crops ? `${counted(layer.crops)} by crops, ${counted(layer.here)} shared: ${saved(layer)} fewer` : "none counted"],
    ["It ends here", layer.ended],
  ];
  byId("lattice").replaceChildren(...lines.filter(([, words]) => words).flatMap(([name, words]) =>
    [html("dt", {}, name), html("dd", {}, words)]));
}

function drawWindow() {
  state.pieces = state.window.map((index, k) => pieceOf(data.turns[k], index));
  const layer = data.layers[state.layer];
  drawStage(state.window, state.pieces.map((piece, k) =>
    layer ? relatives(layer, k, piece) : { first: state.window[k], last: state.window[k] }));
}

function draw() {
  drawWindow();
  drawRows(state);
  drawLayer();
  const all = folds.every((run) => state.open.has(run));
  byId("fold").textContent = all ? "Fold alike layers" : "Unfold all";
}

let waiting = false;
/** Draws once for all that happens before the next frame. */
function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function addAxes() {
  byId("axes").hidden = data.axes.length < 2;
  byId("axes").append(...data.axes.map((axis, k) => {
    const input = html("input", { type: "radio", name: "axis", value: k });
    input.checked = k === state.axis;
    input.addEventListener("change", () => {
      state.axis = k;
      draw();
    });
    return html("label", {}, input, ` ${axis}`);
  }));
}

function tell() {
  byId("summary").textContent = data.summary;
  byId("size").textContent = `${by(data.size)} pixels, ${by(data.grid)} windows`;
  const notes = [
    data.pieces > 1 && `The image is run in ${data.pieces} pieces; windows of one piece share, and operations below are those of the largest.`,
    data.padding === "image" && "Zeros lie at the image's border only, so results are not those of crops.",
    data.backend !== "torch" && `Backend: ${data.backend}.`,
  ];
  byId("notes").textContent = notes.filter(Boolean).join(" ");
  const ends = data.layers.filter((layer) => layer.ended);
  byId("ends-card").hidden = !ends.length;
  byId("ends").append(...ends.map((layer) =>
    html("li", {}, html("b", {}, layer.name), ` (${layer.operator}): ${layer.ended}`)));
  byId("why").hidden = !data.reasons.length;
  byId("reasons").append(...data.reasons.map((reason) => html("li", {}, reason)));
  byId("fold").hidden = !folds.length;
}

tell();
writeTable();
addAxes();
addStage({
  window: () => state.window,
  move(window) {
    if (window.every((index, k) => index === state.window[k])) return;
    state.window = window;
    soon();
  },
});
addRows({
  state: () => state,
  choose(row) {
    state.focus = row.key;
    state.layer = row.layers.length > 1 && row.first <= state.layer && state.layer < row.first + row.layers.length
      ? state.layer : row.first;
    draw();
  },
  turn(run, open) {
    if (open) state.open.add(run);
    else state.open.delete(run);
    draw();
  },
});
addTip();
byId("fold").addEventListener("click", () => {
  state.open = new Set(folds.every((run) => state.open.has(run)) ? [] : folds);
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let opened = null;
addEventListener("beforeprint", () => {
  opened = byId("words").open;
  byId("words").open = true;
});
addEventListener("afterprint", () => (byId("words").open = opened));
document.querySelector("main").hidden = false;
draw();
document.documentElement.dataset.ready = "yes";
