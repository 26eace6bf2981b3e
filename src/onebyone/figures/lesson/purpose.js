// Step 7: what it is for: Network in Network's mlpconv, a small network at every window.

import { placeColor, weightColor } from "onebyone/color";
import { html, short, svg } from "onebyone/dom";
import { prepare } from "onebyone/values";
import { View } from "onebyone/view";
import { beside, cellOf, comparison, grid, panel } from "lesson/flat";
import { WEIGHTS } from "lesson/growing";
import { answer, furtherOn } from "lesson/further";
import { IMAGE, convolution, crop, equal, outputs, settled, stateOver } from "lesson/numbers";
import { number } from "lesson/state";

const INK = "#1F2328";
const SIDE = 4,
  MAP = 3;
const PICTURE = crop(IMAGE, 0, 0, SIDE, SIDE);

/** The 1×1 convolutions after the 2×2 convolution of step 5: weights [3, 2] and [1, 3]. */
export const FIRST = [0.8, -0.5, -0.6, 0.9, 0.4, 0.7];
export const SECOND = [0.7, 0.6, -0.4];
const GIVEN = prepare({
  ...convolution(2, 2, 2, 2, 2, WEIGHTS),
  tail: [
    { shape: [3, 2], weight: FIRST, bias: null },
    { shape: [1, 3], weight: SECOND, bias: null },
  ],
});
const CHANNELS = [2, 3, 1];

function found({ y, x, relu }) {
  const { mlpconv } = new View(stateOver(GIVEN, PICTURE, { relu, pin: "" }), GIVEN);
  const place = y * MAP + x;
  const units = CHANNELS.map((channels, n) =>
    Array.from({ length: channels }, (_, c) => settled(mlpconv.unit(n, c * MAP * MAP + place))),
  );
  const rows = [...Array(MAP).keys()];
  const map = rows.map((r) => rows.map((c) => settled(mlpconv.unit(2, r * MAP + c))));
  const folded = [...mlpconv.folded()];
  const one = outputs(convolution(2, 1, 2, 2, 2, folded), PICTURE)[0];
  return { units, map, folded, one: one[y][x], value: map[y][x] };
}

/** The small network at one location. */
function network(units, place, relu) {
  const at = (n, c) => [70 + 110 * n, 100 + (c - (CHANNELS[n] - 1) / 2) * 62];
  const wires = [FIRST, SECOND].flatMap((weights, n) =>
    weights.map((value, index) => {
      const [from, to] = [index % CHANNELS[n], Math.floor(index / CHANNELS[n])];
      const [x0, y0] = at(n, from);
      const [x1, y1] = at(n + 1, to);
      const style = `--wire:${weightColor(index + 6 * n)}`;
      return svg("g", { class: "wire", style }, svg("path", { d: `M${x0} ${y0} L${x1} ${y1}` }));
    }),
  );
  const inputs = Array.from({ length: 8 }, (_, n) => [8, 37 + 18 * n]); // of the window
  const bundle = inputs.flatMap(([x0, y0]) => [
    ...units[0].map((_, c) =>
      svg("path", { d: `M${x0} ${y0} L${at(0, c).join(" ")}`, class: "bundle" }),
    ),
    svg("circle", { cx: x0, cy: y0, r: 4, class: "input" }),
  ]);
  const nodes = units.flatMap((values, n) =>
    values.map((value, c) => {
      const [cx, cy] = at(n, c);
      const shut = relu && value === 0;
      return svg(
        "g",
        { class: shut ? "unit shut" : "unit", "data-value": value, "data-unit": `${n}.${c}` },
        svg("circle", { cx, cy, r: 23, style: `fill:${placeColor(place)}` }),
        svg("text", { x: cx, y: cy + 4, style: `fill:${INK}` }, short(value)),
      );
    }),
  );
  const names = ["2×2", "1×1", "1×1"].map((name, n) =>
    svg("text", { x: 70 + 110 * n, y: 212, class: "label" }, name),
  );
  return svg(
    "svg",
    {
      viewBox: "0 0 320 220",
      width: 320,
      height: 220,
      role: "img",
      "aria-label": units
        .map((values, n) => `layer ${n + 1}: ${values.map((value) => short(value)).join(", ")}`)
        .join("; "),
    },
    ...bundle,
    ...wires,
    ...nodes,
    ...names,
  );
}

function draw(stage, state) {
  const { units, map, one, value } = found(state);
  const place = (state.y * MAP + state.x) % 4;
  const here = (y, x) => y === state.y && x === state.x;
  const paint = { fill: placeColor(place), ink: INK };
  const within = (y, x) =>
    y >= state.y && y < state.y + 2 && x >= state.x && x < state.x + 2 ? paint : null;
  const sheets = PICTURE.map((rows, c) =>
    grid({ name: `channel ${c}`, rows, cell: 28, fill: within, frame: [state.y, state.x, 2, 2] }),
  );
  const sheet = grid({
    name: "output",
    rows: map,
    cell: 44,
    key: (y, x) => `m${y},${x}`,
    at: (y, x) => `output, row ${y + 1}, column ${x + 1}`,
    fill: (y, x) => (here(y, x) ? paint : null),
    chosen: here,
  });
  const both = [
    ["three layers", [value]],
    ["one 2×2 convolution", [one]],
  ];
  stage.replaceChildren(
    beside(
      panel("Image", html("div", { class: "beside tight" }, ...sheets)),
      panel("At this window", network(units, place, state.relu)),
      panel("Map", sheet),
    ),
    ...(state.shown ? [comparison(both, equal(value, one))] : []),
  );
}

function controls(state, { go }) {
  const box = html("input", {
    type: "checkbox",
    "data-name": "relu",
    checked: Boolean(state.relu),
  });
  box.addEventListener("change", () => go({ ...state, relu: Number(box.checked) }));
  return [html("label", {}, box, "ReLU after each layer")];
}

export const purpose = {
  name: "purpose",
  short: "What it is for",
  title: "What it is for: a small network at every window",
  statement: "S14",
  fields: { relu: number(1, 0, 1), y: number(0, 0, MAP - 1), x: number(1, 0, MAP - 1) },
  handout: { relu: 0 },
  follows: true,
  text: () => [
    html(
      "p",
      {},
      "Network in Network (Lin, Chen and Yan, 2013) puts two 1×1 convolutions after a convolution, with a ReLU after each layer. By the steps before, that is a small fully connected network at every window, the same one everywhere. The paper calls it mlpconv.",
    ),
  ],
  question: {
    ask: "Take the ReLUs out. What do the three layers compute then?",
    answers: [
      {
        text: "The same as one 2×2 convolution.",
        right: true,
        why: "Without anything between them, layers that multiply and add can be multiplied into one. The ReLUs are what makes three layers more than one.",
      },
      {
        text: "More than any single convolution.",
        why: "Without anything between them, layers that multiply and add can be multiplied into one. It is the ReLUs that make them more.",
      },
    ],
  },
  draw,
  controls,
  pick: cellOf,
  seen(state) {
    const { value, one } = found(state);
    if (!state.relu)
      return `Without ReLUs the three layers give ${short(value, 4)} at this window, and so does one 2×2 convolution of 8 weights. The 1×1 convolutions have added nothing that it cannot do.`;
    return `With ReLUs the three layers give ${short(value, 4)} at this window; the one convolution that they would be without them gives ${short(one, 4)}.`;
  },
  hint: ({ relu }) => (relu ? "Take the ReLUs out." : "Choose other cells of the map."),
  words(state) {
    const { units, map } = found(state);
    const layers = units.map((values) => values.map((value) => short(value)).join(" and "));
    return `An image of two channels of 4×4, a small network of 2, 3 and 1 units, and its map of 3×3 outputs: ${map.map((row) => row.map((value) => short(value)).join(", ")).join("; ")}. At the chosen window the units are ${layers.join("; then ")}.`;
  },
  more: (docs) => [answer(), furtherOn(docs)],
  last: () => [answer()],
};
