// The unrolled matrix: a row for each output, a column for each input.

import { placeColor } from "onebyone/color";
import { short, svg, tiny } from "onebyone/dom";

const HEAD = 13,
  READABLE = 27;

export function drawMatrix(view, links, container) {
  const { rows, columns, geo } = view;
  const room = Math.max(280, container.clientWidth - 2) - HEAD - 4;
  const cell = Math.max(
    14,
    Math.min(44, Math.floor(room / Math.max(columns.size, rows.size / 1.6))),
  );
  const width = HEAD + columns.size * cell + 3,
    height = HEAD + rows.size * cell + 3;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "group",
    "aria-label": "Matrix: a row for each output, a column for each input",
  });
  for (let n = 0; n < columns.size; n++)
    head(
      picture,
      links,
      `i${columns.first + n}`,
      geo.space,
      HEAD + n * cell + 1,
      1,
      cell - 2,
      HEAD - 4,
    );
  for (let n = 0; n < rows.size; n++)
    head(
      picture,
      links,
      `o${rows.first + n}`,
      geo.places,
      1,
      HEAD + n * cell + 1,
      HEAD - 4,
      cell - 2,
    );
  picture.append(
    svg("rect", {
      x: HEAD,
      y: HEAD,
      width: columns.size * cell,
      height: rows.size * cell,
      class: "ground",
    }),
  );
  drawCells(view, links, picture, cell);
  drawBorders(picture, view, cell);
  container.replaceChildren(picture);
  return note(view);
}

function head(picture, links, key, places, x, y, width, height) {
  const fill = placeColor(Number(key.slice(1)) % places);
  picture.append(
    links.add(
      key,
      svg("rect", { x, y, width, height, rx: 2, class: "head", style: `fill:${fill}` }),
    ),
  );
}

function drawCells(view, links, picture, cell) {
  const { rows, columns } = view;
  const found = [];
  for (let row = rows.first; row < rows.first + rows.size; row++) {
    for (let column = columns.first; column < columns.first + columns.size; column++) {
      found.push({ row, column, index: view.index(row, column) });
    }
  }
  for (const entry of found) if (entry.index >= 0) entry.value = view.shown(entry);
  const limit = Math.max(...found.map((entry) => Math.abs(entry.value ?? 0)));
  found.forEach((entry, n) => {
    const x = HEAD + (entry.column - columns.first) * cell,
      y = HEAD + (entry.row - rows.first) * cell;
    picture.append(
      links.add(`c${entry.row},${entry.column}`, drawCell(view, entry, limit, x, y, cell, n === 0)),
    );
  });
}

function drawCell(view, entry, limit, x, y, cell, first) {
  const stored = entry.index >= 0;
  const paint = stored ? view.paint(entry, limit) : null;
  const kind = stored ? (paint ? "cell" : "cell zero") : "cell empty";
  const what = stored ? short(entry.value) : "no connection";
  const element = svg(
    "g",
    {
      class: kind,
      tabindex: first ? 0 : -1,
      role: "button",
      "aria-label": `row ${entry.row}, column ${entry.column}: ${what}`,
    },
    svg("rect", {
      x: x + 1,
      y: y + 1,
      width: cell - 2,
      height: cell - 2,
      rx: Math.min(4, cell / 6),
      style: paint ? `fill:${paint.fill}` : null,
    }),
  );
  if (stored && cell >= READABLE) {
    element.append(
      svg(
        "text",
        { x: x + cell / 2, y: y + cell / 2 + 4, style: paint ? `fill:${paint.ink}` : null },
        tiny(entry.value),
      ),
    );
  }
  if (stored) Object.assign(element.dataset, { value: entry.value, weight: entry.index });
  return element;
}

/** Lines where a channel ends. */
function drawBorders(picture, { rows, columns, geo }, cell) {
  const line = (x1, y1, x2, y2) => picture.append(svg("line", { x1, y1, x2, y2, class: "border" }));
  const right = HEAD + columns.size * cell,
    bottom = HEAD + rows.size * cell;
  for (let n = 1; n < columns.size; n++) {
    if ((columns.first + n) % geo.space === 0 && geo.space > 1)
      line(HEAD + n * cell, HEAD, HEAD + n * cell, bottom);
  }
  for (let n = 1; n < rows.size; n++) {
    if ((rows.first + n) % geo.places === 0 && geo.places > 1)
      line(HEAD, HEAD + n * cell, right, HEAD + n * cell);
  }
}

function note({ rows, columns, state }) {
  const back = state.back
    ? "Entries show ∂L/∂y · x: what each connection adds to the gradient of its weight. "
    : "";
  if (rows.size === rows.total && columns.size === columns.total) return back.trim();
  const part = (name, { first, size, total }) =>
    `${name} ${first.toLocaleString("en")}–${(first + size - 1).toLocaleString("en")} of ${total.toLocaleString("en")}`;
  return `${back}Shown: ${part("rows", rows)}, ${part("columns", columns)}. The window follows the pinned cell.`;
}
