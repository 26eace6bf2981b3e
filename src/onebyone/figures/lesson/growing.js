// Step 5: a fully connected layer over 2×2 is a convolution with a 2×2 kernel, for larger images too.

import { placeColor } from "onebyone/color";
import { html, short, svg } from "onebyone/dom";
import { beside, comparison, grid, panel } from "lesson/flat";
import { IMAGE, convolution, crop, dense, equal, outputs, vector } from "lesson/numbers";
import { number } from "lesson/state";

const WINDOW = 2,
  MOST = 6; // sides of the layer's input, and of the largest image
const INK = "#1F2328";
const NARROW = 25,
  WIDE = 30; // sides of a cell

/** The fully connected layer, 8 → 2, and the same weights as a 2×2 kernel. */
export const WEIGHTS = [
  0.5, -0.2, 0.1, 0.4, -0.3, 0.2, 0.1, -0.4, -0.1, 0.3, 0.6, -0.5, 0.2, -0.3, 0.4, 0.1,
];
const LAYER = dense(2, 2, WINDOW, WINDOW, WEIGHTS);
const KERNEL = convolution(2, 2, WINDOW, WINDOW, WINDOW, WEIGHTS);

function found({ h, w, y, x }) {
  const image = crop(IMAGE, 0, 0, h, w);
  const map = outputs(KERNEL, image);
  const under = crop(image, y, x, WINDOW, WINDOW);
  return { image, map, under, cell: map.map((sheet) => sheet[y][x]), alone: vector(LAYER, under) };
}

/** The state with its cell inside the map. */
const inside = (state) => ({
  ...state,
  y: Math.min(state.y, state.h - WINDOW),
  x: Math.min(state.x, state.w - WINDOW),
});

const sized = (state, h, w) => {
  const clamp = (size) => Math.max(WINDOW, Math.min(MOST, size));
  return inside({ ...state, h: clamp(h), w: clamp(w) });
};

const pair = (numbers) => `(${numbers.map((value) => short(value)).join(", ")})`;

/** The corner that is dragged. */
function handle(picture, h, w, cell) {
  const [x, y] = [w * cell + 3, h * cell + 3];
  picture.append(
    svg(
      "g",
      {
        class: "handle",
        tabindex: 0,
        role: "button",
        "data-handle": "corner",
        "aria-label": `Corner of the image, ${h} rows and ${w} columns. Arrow keys change its size.`,
      },
      svg("circle", { cx: x, cy: y, r: 20, class: "reach" }),
      svg("circle", { cx: x, cy: y, r: 8 }),
      svg("path", { d: `M${x - 3} ${y + 3} L${x + 3} ${y - 3} M${x} ${y + 4} L${x + 4} ${y}` }),
    ),
  );
}

function draw(stage, state) {
  const { image, map, under, cell, alone } = found(state);
  const side = stage.clientWidth < 420 ? NARROW : WIDE;
  const chosen = { fill: placeColor(0), ink: INK };
  const within = (y, x) =>
    y >= state.y && y < state.y + WINDOW && x >= state.x && x < state.x + WINDOW;
  const channels = image.map((rows, c) =>
    grid({
      name: `channel ${c}`,
      rows,
      cell: side,
      room: state.paper ? undefined : [MOST, MOST],
      fill: (y, x) => (within(y, x) ? chosen : null),
      frame: [state.y, state.x, WINDOW, WINDOW],
    }),
  );
  if (state.shown && !state.paper) handle(channels[1].querySelector("svg"), state.h, state.w, side);
  const here = (y, x) => y === state.y && x === state.x;
  const sheets = map.map((rows, k) =>
    grid({
      name: `output ${k}`,
      rows,
      cell: side + 10,
      room: state.paper ? undefined : [MOST - 1, MOST - 1],
      key: (y, x) => `m${k}:${y},${x}`,
      at: (y, x) => `output ${k}, row ${y + 1}, column ${x + 1}`,
      fill: (y, x) => (here(y, x) ? chosen : null),
      chosen: here,
    }),
  );
  const crops = under.map((rows, c) => grid({ name: `channel ${c}`, rows, fill: () => chosen }));
  const both = [
    ["cell of the map", cell],
    ["layer on the crop", alone],
  ];
  stage.replaceChildren(
    beside(
      panel(`Image, ${state.h}×${state.w}`, html("div", { class: "beside tight" }, ...channels)),
      panel(
        `Map of outputs, ${state.h - 1}×${state.w - 1}`,
        html("div", { class: "beside tight" }, ...sheets),
      ),
    ),
    beside(
      panel("The crop under the cell", html("div", { class: "beside tight" }, ...crops)),
      comparison(
        both,
        cell.every((value, k) => equal(value, alone[k])),
      ),
    ),
  );
}

function controls(state, { read, adjust }) {
  const field = (name, text) => {
    const input = html("input", {
      type: "number",
      min: WINDOW,
      max: MOST,
      value: state[name],
      "data-name": name,
    });
    input.addEventListener("change", () => {
      const now = read().state;
      const size = Number.isInteger(input.valueAsNumber) ? input.valueAsNumber : now[name];
      const { h, w } = { ...now, [name]: size };
      adjust(sized(now, h, w));
      input.value = read().state[name];
    });
    return html("label", {}, text, input);
  };
  return [field("h", "Rows"), field("w", "Columns")];
}

export const growing = {
  name: "growing",
  short: "The other way",
  title: "The other way: a fully connected layer is a convolution",
  statement: "S11",
  fields: {
    h: number(WINDOW, WINDOW, MOST),
    w: number(WINDOW, WINDOW, MOST),
    y: number(0, 0, MOST - WINDOW),
    x: number(0, 0, MOST - WINDOW),
  },
  handout: { h: 3, w: 4, y: 1, x: 1 },
  follows: true,
  repaired: inside,
  text: () => [
    html(
      "p",
      {},
      "Now take any fully connected layer over the 2×2 image, here with 8 inputs and 2 outputs. Lay its weights out as they lie over the image: each output has a 2×2 kernel, and the layer is a convolution that fits the image at one place. As Yann LeCun points out, it can then be applied to larger images.",
    ),
  ],
  question: {
    ask: "You apply that 2×2 convolution to an image of 3×4. What comes out?",
    answers: [
      {
        text: "A map of 2×3 output vectors.",
        right: true,
        why: "The kernel fits at 2×3 places. At each one it computes what the fully connected layer gives for the 2×2 crop there.",
      },
      {
        text: "One output vector, as before.",
        why: "The kernel slides: it fits a 3×4 image at 2×3 places, and each gives a vector of its own.",
      },
      {
        text: "An error: the size is wrong.",
        why: "The fully connected layer would refuse it. As a convolution the same weights slide: they fit at 2×3 places.",
      },
    ],
  },
  draw,
  controls,
  pick(key) {
    const [, y, x] = /:(\d+),(\d+)$/.exec(key);
    return { y: Number(y), x: Number(x) };
  },
  /** The state while the corner is dragged to the pointer. */
  dragTo(stage, state, { clientX, clientY }) {
    const picture = stage.querySelector("[data-handle]").ownerSVGElement;
    const box = picture.getBoundingClientRect();
    const size = (length) => Math.round((length / box.width) * MOST);
    return sized(state, size(clientY - box.top), size(clientX - box.left));
  },
  nudge: (state, [down, across]) => sized(state, state.h + down, state.w + across),
  seen(state) {
    const { cell, alone } = found(state);
    const [down, across] = [state.h - 1, state.w - 1];
    if (down * across === 1)
      return `The kernel fits at one place, so there is one output vector: ${pair(cell)}, the fully connected layer's own.`;
    return `The kernel fits the image at ${down}×${across} places, so there are ${down * across} output vectors. The chosen cell is ${pair(cell)}; the fully connected layer gives ${pair(alone)} for the crop under it. All cells use the same 16 weights.`;
  },
  hint: ({ h, w }) =>
    h * w === WINDOW * WINDOW
      ? "Drag the corner of the image to enlarge it."
      : "Choose another cell of the map.",
  words(state) {
    return `An image of two channels of ${state.h} rows and ${state.w} columns, and a map of two outputs of ${state.h - 1} rows and ${state.w - 1} columns. The cell in row ${state.y + 1}, column ${state.x + 1} of the map is chosen; its window of 2×2 begins in the same row and column of the image.`;
  },
};
