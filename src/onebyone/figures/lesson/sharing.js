// Step 3: at four locations it is four fully connected layers, which share their weights.

import { placeColor } from "onebyone/color";
import { count, html, short, svg, tiny } from "onebyone/dom";
import { View } from "onebyone/view";
import { beside, panel } from "lesson/flat";
import { EXAMPLE, EXAMPLE_IMAGE, PLACES, equal, inputs } from "lesson/numbers";
import { sheets } from "lesson/reading";
import { EXAMPLES, MOST_STEPS, extended, isRun, replay, stepsIn } from "lesson/training";

const ARROWS = ["↖", "↗", "↙", "↘"];
const INK = "#1F2328";
const SIDE = 250, // of the plot, and the weights at its lower left corner and along a side
  LOWEST = [-0.3, -1.5],
  SPAN = 1.9;
const RADIUS = 12;

const at = ([w0, w1]) => [
  ((w0 - LOWEST[0]) / SPAN) * SIDE,
  SIDE - ((w1 - LOWEST[1]) / SPAN) * SIDE,
];
const alike = (weights) =>
  weights.every((pair) => pair.every((value, c) => equal(value, weights[0][c])));

/** The pairs of weights as points: one of four quarters while they are equal. */
function plot({ trail, weights }) {
  const [x0, y0] = at([0, 0]);
  const picture = svg(
    "svg",
    {
      viewBox: `-4 -4 ${SIDE + 8} ${SIDE + 26}`,
      width: SIDE + 8,
      height: SIDE + 30,
      role: "img",
      class: "plot",
      "aria-label": `The four pairs of weights as points. ${listed(weights)}`,
    },
    svg("rect", { x: 0, y: 0, width: SIDE, height: SIDE, class: "ground" }),
    svg("path", { d: `M0 ${y0} H${SIDE} M${x0} 0 V${SIDE}`, class: "axis" }),
    svg("text", { x: SIDE / 2, y: SIDE + 17, class: "label" }, "weight of channel 0 →"),
    svg(
      "text",
      { x: 14, y: SIDE / 2, class: "label", transform: `rotate(-90 14 ${SIDE / 2})` },
      "weight of channel 1 →",
    ),
  );
  PLACES.forEach((_, n) => {
    const points = trail.map((pairs) => at(pairs[n]).join(" ")).join(" L");
    picture.append(svg("path", { d: `M${points}`, class: "trail" }));
  });
  picture.append(...(alike(weights) ? quarters(at(weights[0])) : weights.map(dot)));
  return picture;
}

function dot(pair, n) {
  const [cx, cy] = at(pair);
  return svg(
    "g",
    { class: "dot" },
    svg("circle", { cx, cy, r: RADIUS, style: `fill:${placeColor(n)}` }),
    svg("text", { x: cx, y: cy + 4.5, style: `fill:${INK}` }, ARROWS[n]),
  );
}

function quarters([cx, cy]) {
  const r = RADIUS + 2;
  const parts = [
    `h${-r} a${r} ${r} 0 0 1 ${r} ${-r} z`,
    `v${-r} a${r} ${r} 0 0 1 ${r} ${r} z`,
    `v${r} a${r} ${r} 0 0 1 ${-r} ${-r} z`,
    `h${r} a${r} ${r} 0 0 1 ${-r} ${r} z`,
  ];
  return parts.map((part, n) =>
    svg("path", { d: `M${cx} ${cy} ${part}`, class: "quarter", style: `fill:${placeColor(n)}` }),
  );
}

function table(weights) {
  const row = (pair, n) =>
    html(
      "tr",
      {},
      html(
        "th",
        { scope: "row" },
        html(
          "span",
          { class: "swatch", style: `background:${placeColor(n)};color:${INK}` },
          ARROWS[n],
        ),
        PLACES[n],
      ),
      ...pair.map((value) => html("td", { "data-value": value }, tiny(value))),
    );
  const head = ["", "channel 0", "channel 1"].map((text) => html("th", { scope: "col" }, text));
  return html("table", { class: "weights" }, html("tr", {}, ...head), ...weights.map(row));
}

const listed = (weights) =>
  weights.map((pair, n) => `${PLACES[n]}: ${pair.map((v) => tiny(v)).join(" and ")}`).join("; ");

function controls({ run, ...state }, { go }) {
  const shared = replay(run).state.form === "shared";
  const box = html("input", { type: "checkbox", "data-name": "shared", checked: shared });
  box.addEventListener("change", () =>
    go({ ...state, run: extended(run, box.checked ? "r" : "u") }),
  );
  const button = (name, text, next, disabled) => {
    const one = html("button", { type: "button", "data-name": name, disabled }, text);
    one.addEventListener("click", () => go({ ...state, run: next }));
    return one;
  };
  const left = MOST_STEPS - stepsIn(run);
  const full = run.length > 50;
  return [
    html("label", {}, box, "The four layers share their weights"),
    button("step", "Take a training step", extended(run, "t1"), left < 1 || full),
    button("ten", "Take ten", extended(run, "t10"), left < 10 || full),
    button("again", "Start again", "", !run),
  ];
}

function seen({ run }) {
  const { state, weights, trail, error } = replay(run);
  const shared = state.form === "shared";
  const [w0, w1] = weights[0].map((value) => tiny(value));
  const steps = stepsIn(run);
  if (!run)
    return `All four layers have the weights ${w0} and ${w1}, and share them: 2 numbers are stored, not 8.`;
  if (shared && run.endsWith("r") && !alike(trail.at(-2)))
    return `Shared again: each weight is now the mean of the four, ${w0} and ${w1}. That is the 1×1 convolution nearest to the four layers.`;
  if (shared)
    return `After ${count(steps, "step")} all four layers have the weights ${w0} and ${w1}. They move together: the gradient of a shared weight is the sum of what the four locations ask for. Error on the images: ${short(error)}.`;
  if (alike(weights))
    return `Now 8 numbers are stored: four pairs, which are still equal, so the outputs are the same as before.`;
  const [low, high] = [Math.min, Math.max].map((end) => tiny(end(...weights.map(([one]) => one))));
  return `The layers have drifted apart: their weights for channel 0 lie between ${low} and ${high}, because each learned from the numbers at its own location. Together they are no 1×1 convolution any more. Error on the images: ${short(error)}.`;
}

export const sharing = {
  name: "sharing",
  short: "Four locations",
  title: "Four locations: four fully connected layers that share their weights",
  statement: "S12",
  fields: {
    run: {
      start: "",
      read: (text) => {
        if (!isRun(text)) throw new Error();
        return text;
      },
      write: String,
    },
  },
  handout: { run: "ut6" },
  text: () => [
    html(
      "p",
      {},
      "At each of the four locations the convolution is such a layer: four fully connected layers, one for each colour. A well-known answer stops there. It leaves out that the four share their weights. What if they did not?",
    ),
  ],
  question: {
    ask: "The four layers stop sharing. They start with equal weights and are trained on the same images. Are they equal after one training step?",
    answers: [
      {
        text: "No, they drift apart.",
        right: true,
        why: "Each layer sees other numbers, those at its own location, so each gets a gradient of its own. Only sharing keeps them equal.",
      },
      {
        text: "Yes, they stay equal.",
        why: "They would if all locations showed the same numbers. But each layer sees only its own location, so each gets a gradient of its own.",
      },
    ],
  },
  draw(stage, { run }) {
    const found = replay(run);
    const edits = { ...found.state.edits, ...inputs(EXAMPLE_IMAGE) };
    const view = new View({ ...found.state, pin: "", edits }, EXAMPLE);
    const left = html("div", {});
    stage.replaceChildren(
      beside(left, panel("The weights of each layer", plot(found), table(found.weights))),
    );
    sheets(view, left, true);
  },
  controls,
  seen,
  hint({ run }) {
    const { state, weights } = replay(run);
    if (state.form === "shared") return "Take the sharing away, then take a training step.";
    return alike(weights) ? "Take a training step." : "Share them again and see where they meet.";
  },
  words: ({ run }) => {
    const { state, weights } = replay(run);
    const how = state.form === "shared" ? "share their weights" : "have weights of their own";
    return `Eight wires lead from the image to the output, two for each location. The four layers ${how}. ${listed(weights)}. They are trained on ${EXAMPLES.length} images.`;
  },
};
