// The grids of inputs and outputs as sheets, one per channel, and the wires between them.

import { placeColor, signed } from "onebyone/color";
import { short, svg, tiny } from "onebyone/dom";
import { spot, unflatten } from "onebyone/layer";
import { cellsOf, parse } from "onebyone/view";

const MANY = 100; // wires, above which those that are not pinned step back
const GAP = 24,
  DROP = 104,
  HEAD = 26,
  READABLE = 30,
  WIDEST = 58;
const HIGH = 0.66,
  LEAN = 0.4; // height and lean of a cell of width 1

export function drawSheets(view, links, container) {
  const { geo } = view;
  const width = Math.min(640, Math.max(320, container.clientWidth - 2));
  const cell = cellWidth([view.inputs, view.outputs], width);
  const inputs = layOut(view.inputs, geo.input, cell, HEAD);
  const outputs = layOut(view.outputs, geo.output, cell, inputs.bottom + DROP);
  const full = Math.max(inputs.width, outputs.width) + 8;
  for (const part of [inputs, outputs]) part.left = (full - part.width) / 2;
  const height = outputs.bottom + 30;
  const picture = svg("svg", {
    viewBox: `0 0 ${full} ${height}`,
    width: full,
    height,
    role: "group",
    "aria-label": "Inputs, wires and outputs",
  });
  const [hits, lines, numbers] = ["hits", "lines", "numbers"].map((name) =>
    svg("g", { class: name }),
  );
  picture.append(
    hits,
    ...["i", "o"].map((kind) =>
      sheets(view, links, kind, kind === "i" ? inputs : outputs, cell, numbers),
    ),
    lines,
    numbers,
  );
  const wires = view.wires();
  const end = cell * HIGH * 0.3;
  const drawWire = (entry) => {
    if (inputs.centers.has(entry.column) && outputs.centers.has(entry.row)) {
      wire(
        view,
        links,
        entry,
        inputs.at(entry.column, end),
        outputs.at(entry.row, -end),
        hits,
        lines,
      );
    }
  };
  if (wires?.length > MANY) lines.classList.add("many");
  for (const entry of wires ?? view.entries(parse(view.state.pin))) drawWire(entry);
  label(picture, inputs, view.inputs, "input", geo.C, HEAD - 9);
  label(
    picture,
    outputs,
    view.outputs,
    view.state.back ? "∂L/∂output" : "output",
    geo.O,
    height - 10,
  );
  container.replaceChildren(picture);
  return note(view, wires);
}

function cellWidth(parts, width) {
  const fits = parts.map(
    ({ channels, down, across }) =>
      (width - 12 - (channels.size - 1) * GAP) / (channels.size * (across.size + LEAN * down.size)),
  );
  return Math.max(17, Math.min(WIDEST, ...fits));
}

/** Where the cells of a window of sheets lie, by their flat index. */
function layOut(part, grid, cell, top) {
  const { channels, down, across } = part;
  const high = cell * HIGH,
    lean = cell * LEAN;
  const step = across.size * cell + down.size * lean + GAP;
  const layout = {
    width: channels.size * step - GAP,
    bottom: top + down.size * high,
    top,
    left: 0,
    step,
    sheet: across.size * cell,
    lean: down.size * lean,
    centers: new Map(),
    /** Where wires meet a cell: `toward` the front edge or, negative, the back. */
    at(index, toward) {
      const [x, y] = this.centers.get(index);
      return [x + this.left - (toward * LEAN) / HIGH, y + toward];
    },
  };
  for (const index of cellsOf(part, grid)) {
    const [c, y, x] = unflatten(index, grid);
    const left = (c - channels.first) * step + (x - across.first) * cell;
    const center = left + cell / 2 + (down.size - (y - down.first) - 0.5) * lean;
    layout.centers.set(index, [center, top + (y - down.first + 0.5) * high]);
  }
  return layout;
}

function sheets(view, links, kind, layout, cell, numbers) {
  const { values, geo, state, form } = view;
  const grid = kind === "i" ? geo.input : geo.output;
  const read = {
    i: (n) => values.input(n),
    o: (n) => (state.back ? values.outerGradient(n) : values.output(form, n)),
  }[kind];
  const shown = new Map([...layout.centers.keys()].map((n) => [n, read(n)]));
  const limit = Math.max(...[...shown.values()].map(Math.abs));
  const group = svg("g", { transform: `translate(${layout.left} 0)` });
  const w = cell / 2,
    h = (cell * HIGH) / 2,
    lean = (cell * LEAN) / 2;
  const shift = (kind === "i" ? -1 : 1) * h * 0.3; // away from where wires leave and arrive
  let first = true;
  for (const [index, [x, y]] of layout.centers) {
    const value = shown.get(index);
    const paint =
      state.colour === "values"
        ? signed(value, limit)
        : { fill: placeColor(index % (grid[1] * grid[2])), ink: "#1F2328" };
    const points = [
      [x - w + lean, y - h],
      [x + w + lean, y - h],
      [x + w - lean, y + h],
      [x - w - lean, y + h],
    ];
    const name = kind === "i" ? "input" : state.back ? "gradient at output" : "output";
    const element = svg(
      "g",
      {
        class: "cell",
        tabindex: first ? 0 : -1,
        role: "button",
        "aria-label": `${name} ${spot(geo, index, grid)}: ${short(value)}`,
      },
      svg("polygon", { points: points.join(" "), style: `fill:${paint.fill}` }),
    );
    if (cell >= READABLE) {
      const at = { x: x + layout.left - (shift * LEAN) / HIGH, y: y + 4 + shift };
      numbers.append(
        links.add(
          `${kind}${index}`,
          svg("text", { ...at, style: `fill:${paint.ink};stroke:${paint.fill}` }, tiny(value)),
        ),
      );
    }
    element.dataset.value = value;
    first = false;
    group.append(links.add(`${kind}${index}`, element));
  }
  return group;
}

function wire(view, links, entry, [x0, y0], [x1, y1], hits, lines) {
  const bend = (y1 - y0) / 2;
  const d = `M${x0} ${y0} C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`;
  const key = `c${entry.row},${entry.column}`;
  const paint = view.paint(entry, 1);
  const color =
    view.state.colour === "values"
      ? view.shown(entry) < 0
        ? "var(--negative)"
        : "var(--positive)"
      : paint?.fill;
  const empty = !color || (view.state.colour === "values" && view.shown(entry) === 0);
  hits.append(links.add(key, svg("path", { d, class: "hit" })));
  lines.append(
    links.add(
      key,
      svg(
        "g",
        { class: empty ? "wire none" : "wire", style: empty ? null : `--wire:${color}` },
        svg("path", { d }),
        svg("circle", { cx: x0, cy: y0, r: 2.6 }),
        svg("circle", { cx: x1, cy: y1, r: 2.6 }),
      ),
    ),
  );
}

function label(picture, layout, part, name, channels, y) {
  for (let n = 0; n < part.channels.size; n++) {
    const top = name === "input";
    const x = layout.left + n * layout.step + layout.sheet / 2 + (top ? layout.lean : 0);
    const text = channels === 1 ? name : `${name} ${part.channels.first + n}`;
    picture.append(svg("text", { x, y, class: "label" }, text));
  }
}

function note(view, wires) {
  const { geo } = view;
  const part = (name, { channels, down, across }, total) => {
    const whole = channels.size * down.size * across.size === total;
    const of = (span, word) =>
      span.size < span.total
        ? `${word} ${span.first}–${span.first + span.size - 1} of ${span.total}`
        : "";
    const words = [of(channels, "channels"), of(down, "rows"), of(across, "columns")].filter(
      Boolean,
    );
    return whole ? "" : `${name}: ${words.join(", ")}.`;
  };
  return [
    part("Inputs shown", view.inputs, geo.columns),
    part("Outputs shown", view.outputs, geo.rows),
    wires ? "" : "Too many wires to draw: those of the pinned cell are shown.",
  ]
    .filter(Boolean)
    .join(" ");
}
