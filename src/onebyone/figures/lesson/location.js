// Step 2: at one location it is a fully connected layer of 2 inputs and 1 output.

import { placeColor, weightColor } from "onebyone/color";
import { html, short, svg } from "onebyone/dom";
import { beside, comparison, grid } from "lesson/flat";
import {
  EXAMPLE_IMAGE,
  KERNEL,
  PLACES,
  convolution,
  dense,
  equal,
  outputs,
  vector,
} from "lesson/numbers";
import { decimals, number } from "lesson/state";

const INK = "#1F2328"; // on the soft colours of locations

/** The two numbers at a location, and what both layers make of them. */
function numbers({ at, w }) {
  const x = EXAMPLE_IMAGE.map((channel) => channel.flat()[at]);
  const pixel = x.map((value) => [[value]]);
  const convolved = outputs(convolution(2, 1, 2, 2, 1, w), EXAMPLE_IMAGE)[0].flat()[at];
  const [connected] = vector(dense(2, 1, 1, 1, w), pixel);
  return { x, convolved, connected };
}

function network(x, w, y, at) {
  const fill = placeColor(at);
  const node = (cx, cy, value, name) =>
    svg(
      "g",
      { class: "unit", "data-value": value, "data-unit": name },
      svg("circle", { cx, cy, r: 26, style: `fill:${fill}` }),
      svg("text", { x: cx, y: cy + 4, style: `fill:${INK}` }, short(value)),
      svg("text", { x: cx, y: cy + 42, class: "label" }, name),
    );
  const wire = (n, y1) => {
    const color = weightColor(n);
    return svg(
      "g",
      { class: "wire", style: `--wire:${color}`, "data-weight": n, "data-value": w[n] },
      svg("path", { d: `M66 ${y1} L232 95`, style: `stroke-width:${1 + 4 * Math.abs(w[n])}` }),
      svg(
        "text",
        { x: 138, y: (y1 + 95) / 2 + (n ? 18 : -10), class: "weight" },
        `× ${short(w[n])}`,
      ),
    );
  };
  return svg(
    "svg",
    {
      viewBox: "0 0 300 200",
      width: 300,
      height: 200,
      role: "img",
      "aria-label": `${short(x[0])} times ${short(w[0])} plus ${short(x[1])} times ${short(w[1])} is ${short(y)}`,
    },
    wire(0, 40),
    wire(1, 140),
    node(40, 40, x[0], "channel 0"),
    node(40, 140, x[1], "channel 1"),
    node(258, 95, y, "output"),
  );
}

const signed = (value) => (value < 0 ? `− ${short(-value)}` : `+ ${short(value)}`);

/** The sum as one writes it: 0.8 · 2 − 0.5 · 6 = −1.4. */
const formula = (w, x, y) => `${short(w[0])} · ${x[0]} ${signed(w[1])} · ${x[1]} = ${short(y, 4)}`;

function slider(n, state, { read, adjust, preview }) {
  const input = html("input", {
    type: "range",
    min: -1,
    max: 1,
    step: 0.1,
    value: state.w[n],
    "data-name": `w${n}`,
  });
  const shown = html("output", {}, short(state.w[n]));
  const changed = () => {
    const now = read().state;
    return { ...now, w: now.w.map((one, i) => (i === n ? input.valueAsNumber : one)) };
  };
  input.addEventListener("input", () => {
    shown.textContent = short(input.valueAsNumber);
    preview(changed());
  });
  input.addEventListener("change", () => adjust(changed()));
  return html("label", { class: "slider" }, `Weight of channel ${n} `, input, " ", shown);
}

export const location = {
  name: "location",
  short: "One location",
  statement: "S1",
  title: "One location is one small fully connected layer",
  fields: { at: number(1, 0, 3), w: decimals(KERNEL, 1) },
  follows: true,
  text: () => [
    html(
      "p",
      {},
      "Take one location. Its two numbers lead to one output, each multiplied by a weight, and the products are added. That is a fully connected layer: 2 inputs, 1 output, every input connected to every output.",
    ),
  ],
  question: {
    ask: "Suppose the image had only this one location. What would differ between the 1×1 convolution and the fully connected layer?",
    answers: [
      {
        text: "Nothing.",
        right: true,
        why: "Both have the same two weights and add the same two products. Over a single location they are one layer, weight for weight.",
      },
      {
        text: "The number of weights.",
        why: "Both have two: a kernel of 1×1 has one weight for each channel, and so has the fully connected layer.",
      },
      {
        text: "The output.",
        why: "Both add the same two products, so with the same weights they give the same output.",
      },
    ],
  },
  draw(stage, state) {
    const { x, convolved, connected } = numbers(state);
    const sheet = (c) =>
      grid({
        name: `channel ${c}`,
        rows: EXAMPLE_IMAGE[c],
        key: (y, x) => `p${c}${2 * y + x}`,
        at: (y, x) => `channel ${c}, ${PLACES[2 * y + x]}`,
        fill: (y, x) => (2 * y + x === state.at ? { fill: placeColor(state.at), ink: INK } : null),
        chosen: (y, x) => 2 * y + x === state.at,
      });
    const both = [
      ["1×1 convolution, at this location", [convolved]],
      ["fully connected layer, 2 → 1", [connected]],
    ];
    stage.replaceChildren(
      beside(
        html("div", { class: "beside tight" }, sheet(0), sheet(1)),
        network(x, state.w, connected, state.at),
      ),
      ...(state.shown ? [comparison(both, equal(convolved, connected))] : []),
    );
  },
  pick: (key) => ({ at: Number(key.slice(2)) }),
  controls: (state, actions) => [0, 1].map((n) => slider(n, state, actions)),
  seen(state) {
    const { x, connected } = numbers(state);
    return `${formula(state.w, x, connected)}. The convolution gives the same number there.`;
  },
  hint: () => "Change the weights: it still does.",
  words(state) {
    const { x, connected } = numbers(state);
    return `The ${PLACES[state.at]} location is chosen. A network of two inputs and one output: ${x[0]} from channel 0 with the weight ${short(state.w[0])}, ${x[1]} from channel 1 with the weight ${short(state.w[1])}; the output is ${short(connected, 4)}.`;
  },
};
