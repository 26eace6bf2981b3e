// Arrow keys walk from cell to cell, Enter or Space pins, Escape lets go.

import { unflatten } from "onebyone/layer";
import { UNITS, WEIGHTS } from "onebyone/mlpconv";
import { beside } from "onebyone/stored";
import { parse } from "onebyone/view";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function neighbour(view, key, [down, across]) {
  const { kind, at } = parse(key);
  const { geo } = view;
  const clamp = (value, total) => Math.max(0, Math.min(total - 1, value));
  if (kind === "c")
    return `c${clamp(at[0] + down, geo.rows)},${clamp(at[1] + across, geo.columns)}`;
  if (kind === "w") return `w${beside(view, at[0], down, across)}`;
  const above = WEIGHTS.indexOf(kind);
  if (above > 0) {
    const [rows, columns] = view.mlpconv.shape(above);
    return `${kind}${clamp(at[0] + down * columns + across, rows * columns)}`;
  }
  const grid = kind === "i" ? geo.input : view.mlpconv.grid(UNITS.indexOf(kind));
  const [, y] = unflatten(at[0], grid);
  const leaves = down && (y + down < 0 || y + down >= grid[1]);
  return `${kind}${leaves ? at[0] : clamp(at[0] + down * grid[2] + across, grid[0] * grid[1] * grid[2])}`;
}

/** @param actions read: the view; pin: pins a key; focus: moves to a key, shown or not. */
export function addKeyboard({ read, pin, focus }) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return pin("");
    const element = event.target.closest?.("[data-key][tabindex]");
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[event.key])
      focus(neighbour(read(), element.dataset.key, ARROWS[event.key]), element);
    else if (event.key === "Enter" || event.key === " ") pin(element.dataset.key);
    else return;
    event.preventDefault();
  });
}
