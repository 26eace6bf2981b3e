// The numbers of the lesson. All layers are computed by the picture's own `Values`. No DOM.

import { startOf } from "onebyone/state";
import { Values, prepare } from "onebyone/values";
import { View } from "onebyone/view";

export const KERNEL = [0.8, -0.5]; // the 1×1 convolution of 2 channels to 1
export const PLACES = ["top left", "top right", "bottom left", "bottom right"];

/** The running example's image is its upper left corner: 2 channels of 2×2. */
export const IMAGE = [
  [
    [1, 2, 0, 3, 1, 4],
    [3, 4, 2, 1, 0, 2],
    [0, 1, 5, 2, 3, 1],
    [2, 0, 1, 4, 2, 0],
    [1, 3, 2, 0, 5, 1],
    [4, 1, 0, 2, 1, 3],
  ],
  [
    [5, 6, 1, 2, 4, 0],
    [7, 8, 3, 0, 1, 2],
    [2, 1, 0, 4, 2, 3],
    [0, 3, 2, 1, 6, 1],
    [1, 0, 4, 2, 0, 2],
    [2, 5, 1, 3, 1, 0],
  ],
];

const PLAIN = { dim: 2, g: 1, s: [1, 1], e: [0, 0], d: [1, 1], bias: 0 };

/** A convolution without bias, weights [o, c, k, k], that was made for a grid of h×w. */
export const convolution = (c, o, h, w, k, weight, p = 0) =>
  prepare({
    shape: { ...PLAIN, c, o, h, w, k: [k, k], p: [p, p] },
    kind: "shared",
    form: "shared",
    weight,
    bias: null,
  });

/** A fully connected layer without bias over c channels of h×w, weights [o, c·h·w]. */
export const dense = (c, o, h, w, weight) =>
  prepare({
    shape: { ...PLAIN, c, o, h, w, k: [h, w], p: [0, 0] },
    kind: "dense",
    form: "dense",
    weight,
    bias: null,
  });

/** The upper left part of height h and width w, from (y, x) on, of an image [channel][y][x]. */
export const crop = (image, y, x, h, w) =>
  image.map((channel) => channel.slice(y, y + h).map((row) => row.slice(x, x + w)));

/** Inputs [channel][y][x] as the edits of a state. */
export const inputs = (image) =>
  Object.fromEntries(
    image.flatMap((rows, c) =>
      rows.flatMap((row, y) => row.map((value, x) => [`x${c}.${y}.${x}`, value])),
    ),
  );

/** The state of a layer over an image. */
export const stateOver = (given, image, changes = {}) => ({
  ...startOf(given),
  h: image[0].length,
  w: image[0][0].length,
  ...changes,
  edits: { ...inputs(image), ...changes.edits },
});

/** A number that is 0 but for rounding is 0. */
export const settled = (value) => (Math.abs(value) < 1e-12 ? 0 : value);

/** All outputs [o][y][x] of a layer over an image. */
export function outputs(given, image) {
  const state = stateOver(given, image);
  const values = new Values(state, given);
  const [o, h, w] = values.geo.output;
  return Array.from({ length: o }, (_, k) =>
    Array.from({ length: h }, (_, y) =>
      Array.from({ length: w }, (_, x) =>
        settled(values.output(state.source, (k * h + y) * w + x)),
      ),
    ),
  );
}

/** The vector [o] that a fully connected layer gives for an image of its own size. */
export const vector = (given, image) => outputs(given, image).map(([[value]]) => value);

/** Equal but for the order in which numbers were added. */
export const equal = (a, b) => Math.abs(a - b) < 1e-9;

export const EXAMPLE_IMAGE = crop(IMAGE, 0, 0, 2, 2);
export const EXAMPLE = convolution(2, 1, 2, 2, 1, KERNEL);

/** The example as the picture's modules draw it. */
export const exampleView = (changes = {}) =>
  new View(stateOver(EXAMPLE, EXAMPLE_IMAGE, changes), EXAMPLE);
