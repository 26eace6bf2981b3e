// The positions of a layer in the window, drawn over the last two axes.

import { EDGE, ENDED, kindOf, mostOwners, ownersAlong } from "sharing/owners";
import { CELLS, strength } from "sharing/strips";

const SIDE = 560; // of a drawing with cells apart, about, in its own pixels

const ALONE = { counts: [1], kinds: [ENDED], most: 1 };

function along(layer, k, piece) {
  if (k < 0 || !layer.positions.length) return ALONE;
  const counts = ownersAlong(layer, k, piece);
  return {
    counts,
    kinds: counts.map((_, p) => kindOf(layer, k, p)),
    most: mostOwners(layer, k, piece.count),
  };
}

/** The colours of the page, as they are in its light or dark. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["others", "single", "edge", "ended"].map((name) => (
    [name, style.getPropertyValue(`--${name}`)]
  )));
}

function look(kinds, count, most) {
  if (kinds.every((kind) => kind === ENDED)) return ["ended", 1];
  const edge = kinds.some((kind) => kind === EDGE);
  if (edge) return ["edge", count > 1 ? 0.45 : 1]; // shared along the other axis, or by none
  return count > 1 ? ["others", strength(count, most)] : ["single", 1];
}

/** Draws the positions of a layer on canvases, a few of them as cells apart. */
export function drawPositions(canvases, layer, pieces) {
  const rank = pieces.length;
  const [down, across] = [rank - 2, rank - 1].map((k) => along(layer, k, pieces[k]));
  const [rows, columns] = [down.counts.length, across.counts.length];
  const longest = Math.max(rows, columns);
  const scale = longest > CELLS ? 1 : Math.floor(SIDE / longest);
  const gap = Math.floor(scale / 12);
  const colours = palette();
  for (const canvas of canvases) {
    Object.assign(canvas, { width: columns * scale, height: rows * scale });
    canvas.classList.toggle("fine", scale === 1);
    const context = canvas.getContext("2d");
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const [name, alpha] = look(
          rank > 1 ? [down.kinds[y], across.kinds[x]] : [across.kinds[x]],
          down.counts[y] * across.counts[x],
          down.most * across.most,
        );
        context.globalAlpha = alpha;
        context.fillStyle = colours[name];
        context.fillRect(x * scale, y * scale, scale - gap, scale - gap);
      }
    }
  }
}
