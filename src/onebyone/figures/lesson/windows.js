// Step 6 in numbers: a 3×3 convolution, a ReLU and a fully connected layer, at every 4×4 window of an
// image of 6×6. No DOM.

import { IMAGE, convolution, crop, dense, outputs, settled, vector } from "lesson/numbers";

export const SIDE = 4; // of a window
export const MAP = 3; // windows along each side of the image
const REACH = 1; // of the 3×3 kernel, to each side

export const KERNEL = [
  [0.2, -0.1, 0.1, 0.3, 0.5, -0.2, 0.1, 0.2, -0.1],
  [-0.1, 0.2, 0.1, 0.1, -0.3, 0.2, 0.2, -0.1, 0.1],
];

/** Weights of the fully connected layer over the 4×4 numbers of the first layer with padding. */
export const LAST = [
  [0.2, -0.3, 0.1, 0.4],
  [-0.1, 0.5, 0.3, -0.2],
  [0.3, 0.2, -0.4, 0.1],
  [-0.2, 0.1, 0.3, 0.2],
];
/** Without padding the first layer has 2×2 numbers, and the last layer the inner weights. */
export const INNER = crop([LAST], REACH, REACH, 2, 2)[0];

export const sideOf = (pad) => (pad ? SIDE : SIDE - 2 * REACH);
const first = (pad) => convolution(2, 1, SIDE, SIDE, 3, KERNEL.flat(), pad ? REACH : 0);
const lastWeights = (pad) => (pad ? LAST : INNER).flat();
const relu = (maps) => maps.map((rows) => rows.map((row) => row.map((v) => Math.max(0, v))));

/** The network as one convolution after the other over the whole image. */
export function overImage(pad) {
  const side = sideOf(pad);
  const hidden = relu(outputs(first(pad), IMAGE));
  const [map] = outputs(convolution(1, 1, side, side, side, lastWeights(pad)), hidden);
  return { hidden: hidden[0], map };
}

/** The network on one crop alone. */
export function onCrop(pad, y, x) {
  const hidden = relu(outputs(first(pad), crop(IMAGE, y, x, SIDE, SIDE)));
  return { hidden: hidden[0], score: last(pad, hidden) };
}

const last = (pad, hidden) =>
  vector(dense(1, 1, sideOf(pad), sideOf(pad), lastWeights(pad)), hidden)[0];

/** −1 in the first row or column of a window with padding, 1 in the last, else 0. */
const edge = (pad, n) => (!pad ? 0 : n === 0 ? -1 : n === SIDE - 1 ? 1 : 0);

/**
 * The intermediate numbers that a window needs, row by row. Those at an edge see zeros beyond it,
 * and are others than what lies there in the image; windows that have the same edge share them.
 */
export function places(pad, y, x) {
  const from = pad ? 0 : REACH;
  return Array.from({ length: sideOf(pad) }, (_, r) =>
    Array.from({ length: sideOf(pad) }, (_, c) => {
      const [down, across] = [edge(pad, r), edge(pad, c)];
      return {
        at: [y + from + r, x + from + c],
        edges: [down, across],
        kind: ["all", "edge", "own"][Math.abs(down) + Math.abs(across)],
      };
    }),
  );
}

/** One intermediate number, from the pixels about it that lie on this side of its edges. */
function compute({ at: [y, x], edges: [down, across] }) {
  const cut = (edge, tap) => edge !== 0 && edge === tap;
  let sum = 0;
  IMAGE.forEach((channel, c) => {
    for (let a = -REACH; a <= REACH; a++)
      for (let b = -REACH; b <= REACH; b++)
        if (!cut(down, a) && !cut(across, b))
          sum += KERNEL[c][(a + REACH) * 3 + b + REACH] * channel[y + a][x + b];
  });
  return Math.max(0, settled(sum));
}

/** All windows, each intermediate number computed once for all windows that share it. */
export function shared(pad) {
  const known = new Map();
  const counts = { all: 0, edge: 0, own: 0 };
  const lookUp = (place) => {
    const key = String([place.at, place.edges]);
    if (!known.has(key)) {
      known.set(key, compute(place));
      counts[place.kind] += 1;
    }
    return known.get(key);
  };
  const windows = Array.from({ length: MAP }, (_, y) =>
    Array.from({ length: MAP }, (_, x) => {
      const hidden = places(pad, y, x).map((row) => row.map(lookUp));
      return { hidden, score: last(pad, [hidden]) };
    }),
  );
  return { windows, counts };
}
