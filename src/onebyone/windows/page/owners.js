// Which windows own a position of a window, too. Integers only, one axis at a time.

export const EDGE = "edge", SHARED = "shared", ENDED = "ended";

const product = (numbers) => numbers.reduce((found, number) => found * number, 1);
const within = (low, value, high) => Math.max(low, Math.min(high, value));

/** The piece that a window lies in: how many windows it has, and which of them this one is. */
export function pieceOf(turns, window) {
  const holds = ([first, stop, step]) =>
    first <= window && window < stop && (window - first) % step === 0;
  const [first, stop, step] = turns.find(holds);
  return { first, step, count: Math.ceil((stop - first) / step), at: (window - first) / step };
}

/** Whether windows share anything of a layer along an axis. */
export const isShared = (layer, k) => layer.positions.length > 0 && layer.shared[k][0] < layer.shared[k][1];

/** How far the positions of one place are apart: in windows, and in positions of a window.
 *
 * Window i has position p at place t·i + u·(p − a); t and u have no common divisor, since a lattice
 * is thinned to the places in use. */
const steps = (layer, k) => ({ windows: layer.dilation[k], positions: layer.windowsApart[k] });

/** How many windows own each position of a window along an axis, itself among them. */
export function ownersAlong(layer, k, piece) {
  const owners = new Array(layer.positions[k]).fill(1);
  if (!isShared(layer, k) || piece.count === 1) return owners;
  const [a, b] = layer.shared[k];
  const step = steps(layer, k);
  // Window at − s·windows has at position p + s·positions what this one has at p.
  const most = Math.floor(piece.at / step.windows);
  const least = -Math.floor((piece.count - 1 - piece.at) / step.windows);
  for (let p = a; p < b; p++) {
    const low = Math.max(least, -Math.floor((p - a) / step.positions));
    const high = Math.min(most, Math.floor((b - 1 - p) / step.positions));
    owners[p] = high - low + 1;
  }
  return owners;
}

/** The windows that own some position of a window along an axis: the first, the last, how many. */
export function relatives(layer, k, piece) {
  const alone = { first: piece.first + piece.step * piece.at, count: 1 };
  alone.last = alone.first;
  if (!isShared(layer, k) || piece.count === 1) return alone;
  const [a, b] = layer.shared[k];
  const step = steps(layer, k);
  const reach = Math.floor((b - 1 - a) / step.positions);
  const before = within(0, Math.floor(piece.at / step.windows), reach);
  const behind = within(0, Math.floor((piece.count - 1 - piece.at) / step.windows), reach);
  const apart = piece.step * step.windows;
  return {
    first: alone.first - before * apart,
    last: alone.first + behind * apart,
    count: before + behind + 1,
  };
}

/** The most windows that can own one position along an axis. */
export function mostOwners(layer, k, windows) {
  if (!isShared(layer, k) || windows === 1) return 1;
  const [a, b] = layer.shared[k];
  const step = steps(layer, k);
  return Math.min(Math.floor((b - 1 - a) / step.positions), Math.floor((windows - 1) / step.windows)) + 1;
}

/** What a position is along an axis. */
export function kindOf(layer, k, p) {
  if (!isShared(layer, k)) return ENDED;
  const [a, b] = layer.shared[k];
  return a <= p && p < b ? SHARED : EDGE;
}

/** A layer's positions in one window, over all axes. */
export function countsOf(layer, pieces) {
  const along = pieces.map((piece, k) => ownersAlong(layer, k, piece));
  const inside = along.map((owners, k) => owners.slice(...layer.shared[k]));
  const alone = (all) => product(all.map((owners) => owners.filter((count) => count === 1).length));
  const total = product(layer.positions);
  const shared = product(inside.map((owners) => owners.length));
  const sharedOwned = shared - alone(inside);
  const owned = total - alone(along);
  return {
    total,
    shared,
    sharedOwned,
    edge: total - shared,
    edgeOwned: owned - sharedOwned,
    most: product(along.map((owners) => Math.max(...owners))),
    windows: product(pieces.map((piece, k) => relatives(layer, k, piece).count)) - 1,
  };
}
