// A grid of numbers, flat, with a name above it.

import { html, short, svg, tiny } from "onebyone/dom";

const ROOM = 3; // around the cells, for outlines

/**
 * @param spec name: what stands above; rows: the numbers; cell: the side of a cell; and, for each
 *   cell (y, x), if wanted: key: what it is picked by; fill: colour and ink; label: its words;
 *   chosen, own: whether it is outlined, or drawn dashed; mark: a sign below the number. `frame` is a
 *   window [y, x, height, width] that is outlined; `room` the rows and columns that there may be.
 */
export function grid({ name, rows, cell = 34, room = [rows.length, rows[0].length], ...spec }) {
  const [height, width] = room.map((side) => side * cell + 2 * ROOM);
  const words = `${name}: ${rows.map((row) => row.map((value) => short(value)).join(" ")).join("; ")}`;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: spec.key ? "group" : "img",
    "aria-label": spec.key ? name : words,
  });
  if (room[0] * room[1] > rows.flat().length)
    picture.append(
      svg("rect", { x: 1, y: 1, width: width - 2, height: height - 2, class: "room" }),
    );
  let first = true;
  rows.forEach((row, y) =>
    row.forEach((value, x) => {
      const key = spec.key?.(y, x);
      picture.append(drawCell(spec, cell, y, x, value, key, first));
      first = false;
    }),
  );
  if (spec.frame) picture.append(outline(spec.frame, cell));
  return html("div", { class: "sheet" }, html("span", { class: "label" }, name), picture);
}

function drawCell(spec, cell, y, x, value, key, first) {
  const paint = spec.fill?.(y, x);
  const classes = ["cell"];
  if (spec.chosen?.(y, x)) classes.push("pin");
  if (spec.own?.(y, x)) classes.push("own");
  if (!key) classes.push("still");
  const mark = spec.mark?.(y, x);
  const element = svg(
    "g",
    { class: classes.join(" "), "data-value": value },
    svg("rect", {
      x: ROOM + x * cell + 1,
      y: ROOM + y * cell + 1,
      width: cell - 2,
      height: cell - 2,
      rx: 4,
      style: `fill:${paint?.fill ?? "var(--ground)"}`,
    }),
    svg(
      "text",
      {
        x: ROOM + (x + 0.5) * cell,
        y: ROOM + (y + 0.5) * cell + (mark ? -1 : 4),
        style: paint?.ink ? `fill:${paint.ink}` : null,
      },
      tiny(value),
    ),
  );
  if (mark)
    element.append(
      svg(
        "text",
        {
          x: ROOM + (x + 0.5) * cell,
          y: ROOM + (y + 0.9) * cell,
          style: paint?.ink ? `fill:${paint.ink}` : null,
        },
        mark,
      ),
    );
  if (key) {
    Object.assign(element.dataset, { key });
    element.setAttribute("tabindex", first ? 0 : -1);
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", spec.label?.(y, x) ?? `${spec.at(y, x)}: ${short(value)}`);
  }
  return element;
}

function outline([y, x, h, w], cell) {
  return svg("rect", {
    x: ROOM + x * cell,
    y: ROOM + y * cell,
    width: w * cell,
    height: h * cell,
    rx: 5,
    class: "frame",
  });
}

/** Grids side by side; on a narrow screen one below the other. */
/** The cell of a map that a key names by row and column. */
export function cellOf(key) {
  const [, y, x] = /^m(\d+),(\d+)$/.exec(key);
  return { y: Number(y), x: Number(x) };
}

export const beside = (...parts) => html("div", { class: "beside" }, ...parts);

/** A column with a heading. */
export const panel = (name, ...parts) =>
  html("div", { class: "panel" }, html("h3", {}, name), ...parts);

/** Two numbers, or lists of them, and whether they are equal. */
export function comparison(rows, same) {
  const lines = rows.map(([name, values]) =>
    html(
      "tr",
      {},
      html("th", { scope: "row" }, name),
      ...values.map((value) => html("td", { "data-value": value }, short(value, 4))),
    ),
  );
  const verdict = html(
    "p",
    { class: same ? "verdict yes" : "verdict no" },
    same ? "= equal" : "≠ not equal",
  );
  return html("div", { class: "comparison" }, html("table", {}, ...lines), verdict);
}
