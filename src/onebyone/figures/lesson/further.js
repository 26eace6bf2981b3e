// The answer in five lines, and where to go on. Without the documentation, commands in its place.

import { html } from "onebyone/dom";

const LINES = [
  ["Over one location: yes.", "Both are one layer, weight for weight."],
  [
    "Over many locations: as many fully connected layers.",
    "One at each, and all share their weights.",
  ],
  [
    "All at once: one large fully connected layer.",
    "Its matrix is W ⊗ I: a few numbers, repeated, and zeros.",
  ],
  [
    "The other way: seldom.",
    "A fully connected layer is a 1×1 convolution only if its matrix has that form.",
  ],
  [
    "But always with a larger kernel.",
    "A fully connected layer over 2×2 is a 2×2 convolution, and over a larger image it gives a map. Each cell equals the crop under it if no layer inside pads, or if the edges are computed for each window.",
  ],
];

const DOORS = [
  [
    "Learn",
    "tutorials from the answer in numbers on, and every statement behind it",
    "tutorials/index.html",
    "onebyone explain --help",
  ],
  [
    "Rewrite a model",
    "linear layers as 1×1 convolutions and back, checked exactly",
    "rewriting-modules.html",
    "onebyone rewrite --help",
  ],
  [
    "Run a classifier everywhere",
    "every window of an image, with the numbers of its crops",
    "every-window.html",
    "onebyone slide --help",
  ],
];

export function answer() {
  const lines = LINES.map(([first, rest]) => html("li", {}, html("b", {}, first), ` ${rest}`));
  return html(
    "section",
    { class: "answer-lines" },
    html("h3", {}, "So: is a 1×1 convolution a fully connected layer?"),
    html("ol", {}, ...lines),
  );
}

export function furtherOn(docs) {
  const doors = DOORS.map(([name, what, page, command]) =>
    html(
      "li",
      {},
      docs === null
        ? html("b", {}, `${name}:`)
        : html("a", { href: `${docs}/${page}` }, `${name}:`),
      ` ${what}.`,
      ...(docs === null ? [" ", html("code", {}, command)] : []),
    ),
  );
  return html(
    "section",
    { class: "doors" },
    html("h3", {}, "Where to go next"),
    html("ul", {}, ...doors),
  );
}

/** Where the documentation states what a step shows. */
export const statementLink = (docs, name) =>
  html(
    "p",
    { class: "quiet" },
    html("a", { href: `${docs}/statements.html#${name.toLowerCase()}` }, `Statement ${name}`),
    " in the documentation says it with its conditions.",
  );
