// Step 6: zero padding inside a network, where windows of an image differ from crops.

import { html, short } from "onebyone/dom";
import { beside, cellOf, comparison, grid, panel } from "lesson/flat";
import { IMAGE, equal } from "lesson/numbers";
import { choice, flag, number } from "lesson/state";
import { MAP, SIDE, onCrop, overImage, places, shared, sideOf } from "lesson/windows";

const KINDS = {
  all: { fill: "#56B4E9", name: "shared by every window over it" },
  edge: { fill: "#E69F00", name: "along an edge: shared in a row or column" },
  own: { fill: "#CC79A7", name: "in a corner: this window's own" },
};
const INK = "#1F2328"; // on the three
const NARROW = 26,
  WIDE = 30;

/** All that the figure shows, for one window and for the map. */
function found({ pad, way, y, x }) {
  const image = overImage(pad);
  const one = shared(pad);
  const cellAt = (r, c) => (way === "slide" ? one.windows[r][c].score : image.map[r][c]);
  const indices = [...Array(MAP).keys()];
  const map = indices.map((r) => indices.map((c) => cellAt(r, c)));
  const crops = indices.map((r) => indices.map((c) => onCrop(pad, r, c)));
  const same = map.map((row, r) => row.map((value, c) => equal(value, crops[r][c].score)));
  const part = image.hidden.slice(y, y + sideOf(pad)).map((row) => row.slice(x, x + sideOf(pad)));
  const used = way === "slide" ? one.windows[y][x].hidden : part;
  const differs = used.map((row, r) =>
    row.map((value, c) => !equal(value, crops[y][x].hidden[r][c])),
  );
  return { image, map, same, crop: crops[y][x], used, differs, counts: one.counts };
}

const legend = () =>
  html(
    "p",
    { class: "legend" },
    ...Object.values(KINDS).map(({ fill, name }) =>
      html("span", {}, html("i", { style: `background:${fill}` }), name),
    ),
  );

function inputPanel({ y, x }, cell) {
  const sheets = IMAGE.map((rows, c) =>
    grid({ name: `channel ${c}`, rows, cell, frame: [y, x, SIDE, SIDE] }),
  );
  return panel("The image and a window", html("div", { class: "beside tight" }, ...sheets));
}

/** What the chosen cell is computed from. */
function usedPanel(state, { image, used, differs }, cell) {
  const { pad, y, x, way } = state;
  if (way === "slide") {
    const kinds = places(pad, y, x).map((row) => row.map(({ kind }) => kind));
    const fill = (r, c) => {
      const color = KINDS[kinds[r][c]].fill;
      return { fill: color, ink: INK };
    };
    const own = (r, c) => kinds[r][c] === "own";
    return panel(
      "First layer, as slide does it",
      grid({ name: "for this window", rows: used, cell, fill, own }),
    );
  }
  const side = sideOf(pad);
  const mark = (r, c) => (differs[r - y]?.[c - x] ? "≠" : null);
  const rows = image.hidden;
  const name = "for all windows at once";
  return panel(
    "First layer, whole image",
    grid({ name, rows, cell, mark, frame: [y, x, side, side] }),
  );
}

function mapPanel(state, { map, same }, cell) {
  const here = (y, x) => y === state.y && x === state.x;
  const sheet = grid({
    name: "a cell for each window",
    rows: map,
    cell: cell + 12,
    key: (y, x) => `m${y},${x}`,
    at: (y, x) =>
      `row ${y + 1}, column ${x + 1}, ${same[y][x] ? "equal to its crop" : "not equal to its crop"}`,
    chosen: here,
    mark: (y, x) => (same[y][x] ? "=" : "≠"),
  });
  return panel("Map", sheet);
}

function draw(stage, state) {
  const all = found(state);
  const cell = stage.clientWidth < 420 ? NARROW : WIDE;
  const alone = grid({ name: "for the crop alone", rows: all.crop.hidden, cell });
  const value = all.map[state.y][state.x];
  const both = [
    ["cell of the map", [value]],
    ["network on the crop", [all.crop.score]],
  ];
  stage.replaceChildren(
    beside(inputPanel(state, cell), mapPanel(state, all, cell)),
    beside(usedPanel(state, all, cell), panel("First layer, crop", alone)),
    ...(state.way === "slide" ? [legend()] : []),
    comparison(both, all.same[state.y][state.x]),
  );
}

function controls(state, { go }) {
  const box = html("input", { type: "checkbox", "data-name": "pad", checked: Boolean(state.pad) });
  box.addEventListener("change", () => go({ ...state, pad: Number(box.checked) }));
  const way = (name, text) => {
    const input = html("input", {
      type: "radio",
      name: "way",
      value: name,
      "data-name": name,
      checked: state.way === name,
    });
    input.addEventListener("change", () => go({ ...state, way: name }));
    return html("label", {}, input, text);
  };
  return [
    html("label", {}, box, "The first layer pads with zeros"),
    html(
      "span",
      { role: "radiogroup", "aria-label": "How the map is computed", class: "ways" },
      way("whole", "as one convolution over the image"),
      way("slide", "as onebyone's slide does it"),
    ),
  ];
}

function seen(state) {
  const { map, crop, same, differs, counts } = found(state);
  const value = short(map[state.y][state.x], 4);
  const total = MAP * MAP * sideOf(state.pad) ** 2;
  const computed = counts.all + counts.edge + counts.own;
  if (!state.pad && state.way === "whole")
    return `Without padding each number of the first layer depends on pixels inside the window only, so all nine windows can share one map: every cell equals its crop.`;
  if (!state.pad)
    return `Without padding all windows share everything: ${computed} numbers of the first layer in the place of ${total} for nine crops.`;
  if (state.way === "whole") {
    const off = same.flat().filter((one) => !one).length;
    const inside = differs.flat().filter(Boolean).length;
    return `The cell is ${value}, but the crop gives ${short(crop.score, 4)}. At its border a crop has zeros where the image has neighbours, so ${inside} of its 16 numbers of the first layer differ. ${off === 9 ? "None of the nine cells equals its crop." : `${off} of the nine cells are not equal to their crops.`}`;
  }
  return `Equal again: ${value}. The 4 inner numbers are shared by every window over them, the 8 along the edges by the windows in the same row or column, and the 4 in the corners are this window's own. For nine windows that makes ${computed} numbers in the place of ${total}, and none differs from a crop's.`;
}

export const padding = {
  name: "padding",
  short: "Padding",
  title: "Padding is the trap",
  statement: "S11",
  fields: {
    pad: flag,
    way: choice("whole", "slide"),
    y: number(1, 0, MAP - 1),
    x: number(1, 0, MAP - 1),
  },
  handout: { pad: 1, way: "slide" },
  follows: true,
  text: () => [
    html(
      "p",
      {},
      "Real networks have more layers. Here are two: a 3×3 convolution with a ReLU, which makes negative numbers 0, then a fully connected layer. Made for windows of 4×4, the network runs over an image of 6×6, so the map has 3×3 cells.",
    ),
  ],
  question: {
    ask: "Many networks pad: before a convolution they put zeros around what it reads. With padding, is each cell of the map still what the network gives for its crop?",
    answers: [
      {
        text: "No.",
        right: true,
        why: "A crop has zeros right outside its border. The same place in the whole image has neighbours there, and zeros only at the border of the image.",
      },
      {
        text: "Yes: zeros add nothing.",
        why: "Zeros add nothing to a crop. But in the whole image there are neighbours in their place, and those do add something.",
      },
      {
        text: "Only for cells at the image's border.",
        why: "There it fails as well: the sides of such a crop that face the image have neighbours in the place of zeros.",
      },
    ],
  },
  draw,
  controls,
  pick: cellOf,
  seen,
  hint({ pad, way }) {
    if (!pad) return "Now let the first layer pad.";
    return way === "whole"
      ? "Now choose “as onebyone's slide does it”."
      : "Choose other cells of the map.";
  },
  words(state) {
    const { map, same } = found(state);
    const cells = map.map((row, y) =>
      row.map((value, x) => `${short(value)} ${same[y][x] ? "equal" : "not equal"}`).join(", "),
    );
    return `An image of two channels of 6×6 with a window of 4×4 in row ${state.y + 1}, column ${state.x + 1}; the first layer's numbers; and a map of 3×3 cells, each with whether it equals its crop: ${cells.join("; ")}.`;
  },
};
