// The weights of the two 1×1 convolutions of an mlpconv, and what they fold into without the ReLUs.

import { inkOn, largest, signed, weightColor } from "onebyone/color";
import { count, html, short, tiny } from "onebyone/dom";
import { convolutionName } from "onebyone/forms";
import { product, spot, unflatten, weightShape } from "onebyone/layer";
import { WEIGHTS } from "onebyone/mlpconv";

const MOST_SIDE = 12, // rows and columns of weights
  MOST_CHIPS = 64;

export function mixingColor({ mlpconv, geo }, n, index) {
  const before = product(weightShape(geo, "shared")) + (n === 2 ? product(mlpconv.shape(1)) : 0);
  return weightColor(before + index);
}

/** The weights of the two 1×1 convolutions, a row for each channel after it. */
export function drawMixing(view, links, container) {
  container.replaceChildren(
    ...[1, 2].map((n) => {
      const [rows, columns] = view.mlpconv.shape(n);
      const shown = Math.min(columns, MOST_SIDE);
      const grid = html("div", {
        class: "kernel",
        style: `grid-template-columns:repeat(${shown},auto)`,
      });
      for (let o = 0; o < Math.min(rows, MOST_SIDE); o++)
        for (let c = 0; c < shown; c++) grid.append(chip(view, links, n, o * columns + c));
      const part = Math.max(rows, columns) > MOST_SIDE ? ", a part" : "";
      const name = `${WEIGHTS[n]}: the ${n === 1 ? "first" : "second"} 1×1, ${rows}×${columns}${part}`;
      return html("div", { class: "box" }, html("span", { class: "label" }, name), grid);
    }),
  );
}

function chip(view, links, n, index) {
  const { mlpconv, state } = view;
  const value = mlpconv.weights[n][index];
  const fill = state.colour === "values" ? null : mixingColor(view, n, index);
  const paint = fill ? { fill, ink: inkOn(fill) } : signed(value, largest(mlpconv.weights[n]));
  const button = html(
    "button",
    {
      type: "button",
      class: "chip",
      tabindex: index ? -1 : 0,
      "aria-label": `weight ${WEIGHTS[n]}(${unflatten(index, mlpconv.shape(n)).join(", ")}): ${short(value)}`,
      style: `background:${paint.fill};color:${paint.ink}`,
    },
    tiny(value),
  );
  button.dataset.value = value;
  return links.add(`${WEIGHTS[n]}${index}`, button);
}

/** What the ReLUs are for, in numbers. */
export function conclusion(view, places) {
  const { mlpconv, geo, state, values, place } = view;
  const shared = values.distance("shared") === 0;
  const layer = shared ? convolutionName(geo) : "fully connected layer";
  if (!state.relu) {
    const one = count(product([state.m[1], geo.C, geo.taps]), "weight");
    const fewer = shared ? `: ${one} in the place of ${mlpconv.stored.toLocaleString("en")}` : "";
    return [
      html("b", {}, `Without the ReLUs it is one ${layer} (S14).`),
      ` Its weights are v · u · W${fewer}. The outputs are the same for every input.`,
    ];
  }
  const bends = [place, ...places].map((one) => mlpconv.bend(one));
  const { unit, value } = bends.find((bend) => bend.value) ?? bends[0];
  const total = mlpconv.channels.reduce((a, b) => a + b);
  const shut = `${mlpconv.shut(place)} of the ${total} ReLUs at this location are shut.`;
  const z = `z${spot(geo, unit, mlpconv.grid(2))}`;
  if (!value)
    return [
      `${shut} Where it is shown, one ${layer} could give the same for x and −x: change an input.`,
    ];
  return [
    html("b", {}, `With the ReLUs it is more than one ${layer}.`),
    ` ${shut} At ${z}, f(x) + f(−x) − 2·f(0) = ${short(value)}; `,
    "of every convolution, and of every fully connected layer, that is 0.",
  ];
}

/** The kernels that are left without the ReLUs. */
export function drawFolded(view, container) {
  const { state, geo, mlpconv, values } = view;
  container.hidden = Boolean(state.relu) || values.distance("shared") > 0;
  if (container.hidden) return;
  const weights = mlpconv.folded();
  const limit = largest(weights);
  const boxes = [];
  weights.slice(0, MOST_CHIPS).forEach((value, index) => {
    const [z, c, tap] = unflatten(index, [state.m[1], geo.C, geo.taps]);
    if (c === 0 && tap === 0)
      boxes.push(
        html(
          "div",
          { class: "box" },
          html("span", { class: "label" }, `folded, output channel ${z}`),
        ),
      );
    if (tap === 0)
      boxes.at(-1).append(
        html("div", {
          class: "kernel",
          style: `grid-template-columns:repeat(${geo.across.kernel},auto)`,
        }),
      );
    const { fill, ink } = signed(value, limit);
    const cell = html(
      "span",
      { class: "chip", style: `background:${fill};color:${ink}` },
      tiny(value),
    );
    cell.dataset.value = value;
    boxes.at(-1).lastChild.append(cell);
  });
  if (weights.length > MOST_CHIPS)
    boxes.push(
      html(
        "p",
        { class: "quiet" },
        `The first ${MOST_CHIPS} of ${weights.length.toLocaleString("en")}.`,
      ),
    );
  container.replaceChildren(...boxes);
}
