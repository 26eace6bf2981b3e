// Step 4: all locations at once are one fully connected layer, whose matrix is W ⊗ I.

import { html, short } from "onebyone/dom";
import { unflatten, weightShape } from "onebyone/layer";
import { Links } from "onebyone/links";
import { drawMatrix } from "onebyone/matrix";
import { beside, comparison } from "lesson/flat";
import { PLACES, exampleView, settled } from "lesson/numbers";
import { subset } from "lesson/state";

const [ROWS, COLUMNS] = [4, 8];
const ON = 0.5; // what a zero becomes; any other entry becomes 0
const NEAR = 1e-9; // of a distance that is 0 but for rounding

const isZero = (index) => Math.floor(index / COLUMNS) !== index % ROWS;

/** The view of one fully connected layer with some entries switched. */
function switched(flips) {
  const shape = weightShape(exampleView().geo, "dense");
  const edits = Object.fromEntries(
    flips.map((index) => [`d${unflatten(index, shape).join(".")}`, isZero(index) ? ON : 0]),
  );
  return exampleView({ form: "dense", source: "dense", pin: "", edits });
}

function found({ flips }) {
  const view = switched(flips);
  const { values } = view;
  const rows = PLACES.map((_, row) => row);
  const distance = values.distance("shared");
  return {
    view,
    distance: distance < NEAR ? 0 : distance,
    nearest: [...values.shared].map(settled),
    outputs: rows.map((row) => settled(values.output("dense", row))),
    convolved: rows.map((row) => settled(values.output("shared", row))),
  };
}

/** Why it is no convolution: the first entry that one lacks, or a diagonal that is uneven. */
function reason(flips) {
  const entry = flips.find(isZero);
  if (entry !== undefined) {
    const [row, column] = [Math.floor(entry / COLUMNS), entry % COLUMNS];
    return `the ${PLACES[row]} output now reads the ${PLACES[column % ROWS]} number of channel ${Math.floor(column / ROWS)}, another location`;
  }
  const channel = [0, 1].find((c) => {
    const off = flips.filter((index) => Math.floor((index % COLUMNS) / ROWS) === c).length;
    return off && off < ROWS;
  });
  return `the four locations no longer have the same weight for channel ${channel}`;
}

function seen({ flips }) {
  const { distance, nearest } = found({ flips });
  const [w0, w1] = nearest.map((value) => short(value));
  if (!flips.length)
    return "8 connections, 2 different numbers, 24 zeros. This layer and the 1×1 convolution are equal for every input.";
  if (!distance)
    return `Still a 1×1 convolution, for each diagonal holds one number four times and all else is 0. Its weights are ${w0} and ${w1}.`;
  return `No 1×1 convolution any more: ${reason(flips)}. The nearest one has the weights ${w0} and ${w1}, the mean of each diagonal. It is ${short(distance)} away: the differences of all entries, squared, added, and the root taken.`;
}

export const whole = {
  name: "whole",
  short: "All at once",
  title: "All at once: one fully connected layer of 8 inputs and 4 outputs",
  statement: "S7",
  fields: { flips: subset(ROWS * COLUMNS) },
  handout: { flips: [3, 8] },
  text: () => [
    html(
      "p",
      {},
      "Write the eight inputs in one row. Then the four layers together are one fully connected layer of 8 inputs and 4 outputs. Its matrix has a row for each output and a column for each input: 32 numbers, of which 24 are 0.",
    ),
    html(
      "p",
      {},
      "Such a matrix is written ",
      html("b", {}, "W ⊗ I"),
      ". The sign ⊗ says: in the place of each number of W put that number times I, the square table with ones on its diagonal and zeros elsewhere. W is (0.8, −0.5), so 0.8 fills one diagonal and −0.5 the other, once for each location.",
    ),
  ],
  question: {
    ask: "You give one of the 24 zeros a weight. Is the layer still a 1×1 convolution?",
    answers: [
      {
        text: "No, it is another layer.",
        right: true,
        why: "An output would read a number at another location. A 1×1 convolution has no such connection: every 1×1 convolution is a fully connected layer, but few fully connected layers are a 1×1 convolution.",
      },
      {
        text: "Yes, with one weight more.",
        why: "A 1×1 convolution cannot hold that weight: its kernel sees one location, and the new connection leads to an output from another one.",
      },
    ],
  },
  draw(stage, state) {
    const { view, distance, nearest, outputs, convolved } = found(state);
    const box = html("div", { class: "matrix" });
    const heads = [0, 1].map((c) => html("span", {}, `channel ${c}`));
    const side = html(
      "div",
      { class: "matrix-side" },
      html("div", { class: "heads" }, ...heads),
      box,
    );
    stage.replaceChildren(side);
    drawMatrix(view, new Links(), box);
    for (const cell of box.querySelectorAll(".cell")) {
      const [row, column] = cell.dataset.key.slice(1).split(",").map(Number);
      const pressed = state.flips.includes(row * COLUMNS + column);
      cell.setAttribute("aria-pressed", String(pressed));
      const from = `channel ${Math.floor(column / ROWS)} ${PLACES[column % ROWS]}`;
      cell.setAttribute(
        "aria-label",
        `from ${from} to output ${PLACES[row]}: ${short(Number(cell.dataset.value))}`,
      );
      cell.classList.toggle("pin", pressed);
    }
    const name = distance ? "outputs, nearest 1×1" : "outputs, 1×1";
    const weights = html(
      "p",
      { class: "nearest", "data-distance": distance },
      `${distance ? "Nearest" : "The"} 1×1 convolution: W = (`,
      html("b", { "data-weight": nearest[0] }, short(nearest[0])),
      ", ",
      html("b", { "data-weight": nearest[1] }, short(nearest[1])),
      ")",
      ...(distance ? [", distance ", html("b", {}, short(distance))] : []),
    );
    stage.append(
      beside(
        comparison(
          [
            ["outputs, this layer", outputs],
            [name, convolved],
          ],
          !distance,
        ),
      ),
      weights,
    );
  },
  pick(key, { flips }) {
    const [, row, column] = /^c(\d+),(\d+)$/.exec(key) ?? [];
    if (row === undefined) return null;
    const index = Number(row) * COLUMNS + Number(column);
    const rest = flips.filter((one) => one !== index);
    return { flips: rest.length < flips.length ? rest : [...flips, index].sort((a, b) => a - b) };
  },
  controls({ flips, ...state }, { go }) {
    const button = html(
      "button",
      { type: "button", "data-name": "again", disabled: !flips.length },
      "Start again",
    );
    button.addEventListener("click", () => go({ ...state, flips: [] }));
    return [button];
  },
  seen,
  hint: () =>
    "Click an entry of the matrix: a zero gets the weight 0.5, a connection is switched off.",
  words(state) {
    const { view } = found(state);
    const rows = PLACES.map((name, row) => {
      const entries = Array.from({ length: COLUMNS }, (_, column) =>
        short(view.values.weight("dense", { row, column })),
      );
      return `${name}: ${entries.join(", ")}`;
    });
    return `The matrix, a row for each output. ${rows.join("; ")}.`;
  },
};
