// The mlpconv view: the maps of the three stages, and the small network at the pinned location.

import { largest, placeColor, signed } from "onebyone/color";
import { byId, short, svg, tiny } from "onebyone/dom";
import { convolutionName } from "onebyone/forms";
import { spot, unflatten } from "onebyone/layer";
import { conclusion, drawFolded, drawMixing, mixingColor } from "onebyone/mixing";
import { UNITS, WEIGHTS } from "onebyone/mlpconv";
import { cellsOf, parse, span } from "onebyone/view";

const MOST_CHANNELS = 6,
  MOST_SIDE = 6,
  MOST_WORK = 3e5; // multiplications for the maps
const NODE = 18,
  BESIDE = 8, // between a map and its node
  HEAD = 42,
  BETWEEN = 12;
const NAMES = ["y", "h", "z"];

export function drawNetwork(view, links) {
  const { state } = view;
  byId("mlpconv").hidden = !state.mlp;
  if (!state.mlp) return;
  const stages = UNITS.map((kind, n) => stage(view, kind, n));
  drawStages(view, links, stages, byId("network"));
  drawMixing(view, links, byId("mixing"));
  byId("network-note").textContent = note(view, stages);
  byId("more").replaceChildren(...conclusion(view, placesOf(stages[0])));
  drawFolded(view, byId("folded"));
}

function stage(view, kind, n) {
  const { mlpconv, geo } = view;
  const { kind: pinned, at } = parse(view.state.pin);
  const wanted = pinned === kind ? Math.floor(at[0] / geo.places) : 0;
  const grid = mlpconv.grid(n);
  const [y, x] = unflatten(view.place, grid.slice(1));
  const row = view.form === "dense" ? geo.columns : geo.perGroup * geo.taps;
  const room = Math.sqrt(MOST_WORK / (geo.O * row));
  const side = Math.max(1, Math.min(MOST_SIDE, Math.floor(geo.dim === 1 ? room ** 2 : room)));
  return {
    kind,
    n,
    grid,
    channels: span(grid[0], MOST_CHANNELS, wanted),
    down: span(grid[1], side, y),
    across: span(grid[2], side, x),
  };
}

function drawStages(view, links, stages, container) {
  const [{ down, across }] = stages;
  const room = Math.min(760, container.clientWidth - 4);
  const node = BESIDE + 2 * NODE;
  const fitting = (room - 3 * node - 60) / (3 * across.size);
  const cell = Math.max(7, Math.min(13, fitting));
  const map = { cell, width: across.size * cell, height: down.size * cell };
  const block = map.width + node;
  const row = Math.max(map.height, 2 * NODE) + BETWEEN;
  const most = Math.max(...stages.map(({ channels }) => channels.size));
  const gap = Math.max(28, (room - 3 * block) / 2);
  const width = 3 * block + 2 * gap + 4,
    height = HEAD + most * row;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "group",
    "aria-label": "The small network at the pinned location, and the maps of its units",
  });
  const wires = svg("g", { class: "lines" }),
    hits = svg("g", { class: "hits" });
  picture.append(hits, wires);
  const { place } = view;
  const nodes = stages.map(({ n, kind, channels }) => {
    const left = 2 + n * (block + gap);
    const top = HEAD + ((most - channels.size) * row) / 2;
    const name = n ? "1×1" : view.form === "shared" ? convolutionName(view.geo) : "the layer";
    const units = view.state.relu ? (n ? `ReLU: ${NAMES[n]}` : "ReLU(y)") : NAMES[n];
    [name, units].forEach((words, line) =>
      picture.append(
        svg("text", { x: left + block / 2, y: 13 + 15 * line, class: "label" }, words),
      ),
    );
    const found = new Map();
    for (let c = channels.first; c < channels.first + channels.size; c++) {
      const middle = top + (c - channels.first + 0.5) * row - BETWEEN / 2;
      drawMap(view, links, picture, stages[n], c, [left, middle - map.height / 2], cell);
      const at = [left + map.width + BESIDE + NODE, middle];
      found.set(c, at);
      picture.append(
        drawNode(view, links, kind, n, c * view.geo.places + place, at, found.size === 1),
      );
    }
    return found;
  });
  for (const n of [1, 2]) drawWires(view, links, n, nodes, map.width, hits, wires);
  container.replaceChildren(picture);
}

function drawMap(view, links, picture, { kind, n, grid, down, across }, c, [left, top], cell) {
  const { mlpconv, state, geo } = view;
  const units = cellsOf({ channels: { first: c, size: 1 }, down, across }, grid);
  const limit = largest(units.map((unit) => mlpconv.unit(n, unit)));
  for (const unit of units) {
    const [, y, x] = unflatten(unit, grid);
    const value = mlpconv.unit(n, unit);
    const shut = state.relu && mlpconv.sum(n, unit) <= 0;
    const fill =
      state.colour === "values" ? signed(value, limit).fill : placeColor(unit % geo.places);
    picture.append(
      links.add(
        `${kind}${unit}`,
        svg(
          "g",
          { class: shut && state.colour !== "values" ? "cell shut" : "cell" },
          svg("rect", {
            x: left + (x - across.first) * cell + 0.5,
            y: top + (y - down.first) * cell + 0.5,
            width: cell - 1,
            height: cell - 1,
            rx: 2,
            style: `fill:${fill}`,
          }),
        ),
      ),
    );
  }
}

function drawNode(view, links, kind, n, unit, [x, y], first) {
  const { mlpconv, state, geo } = view;
  const value = mlpconv.unit(n, unit);
  const shut = state.relu && mlpconv.sum(n, unit) <= 0;
  const element = svg(
    "g",
    {
      class: shut ? "node shut" : "node",
      tabindex: first ? 0 : -1,
      role: "button",
      "aria-label": `${NAMES[n]}${spot(geo, unit, mlpconv.grid(n))}: ${short(value)}`,
    },
    svg("circle", { cx: x, cy: y, r: NODE, style: `fill:${placeColor(unit % geo.places)}` }),
    svg("text", { x, y: y + 4, style: "fill:#1F2328" }, tiny(value)),
  );
  element.dataset.value = value;
  return links.add(`${kind}${unit}`, element);
}

function drawWires(view, links, n, nodes, map, hits, wires) {
  const { mlpconv, state } = view;
  const limit = largest(mlpconv.weights[n]);
  for (const [o, [x1, y1]] of nodes[n]) {
    for (const [c, [x0, y0]] of nodes[n - 1]) {
      const index = o * mlpconv.channels[n - 1] + c;
      const [from, to] = [x0 + NODE, x1 - NODE - BESIDE - map];
      const bend = (to - from) / 2;
      const d = `M${from} ${y0} C${from + bend} ${y0} ${to - bend} ${y1} ${to} ${y1}`;
      const key = `${WEIGHTS[n]}${index}`;
      const value = mlpconv.weights[n][index];
      const color =
        state.colour === "values"
          ? value < 0
            ? "var(--negative)"
            : "var(--positive)"
          : mixingColor(view, n, index);
      const strength = 0.8 + 2.4 * Math.abs(value / (limit || 1));
      hits.append(links.add(key, svg("path", { d, class: "hit" })));
      wires.append(
        links.add(
          key,
          svg(
            "g",
            { class: "wire", style: `--wire:${color}` },
            svg("path", { d, style: `stroke-width:${strength.toFixed(2)}` }),
          ),
        ),
      );
    }
  }
}

function note({ geo }, stages) {
  const hidden = stages.filter(({ channels }) => channels.size < channels.total);
  const channels = hidden.map(
    ({ n, channels: c }) => `${NAMES[n]} ${c.first}–${c.first + c.size - 1} of ${c.total}`,
  );
  const [{ down, across }] = stages;
  const places = down.size * across.size;
  const words = [...channels];
  if (places < geo.places) words.push(`${places} of ${geo.places.toLocaleString("en")} locations`);
  return words.length ? `Shown: ${words.join(", ")}; they follow the pinned cell.` : "";
}

/** The locations that a stage shows. */
const placesOf = ({ grid, down, across }) =>
  cellsOf({ channels: { first: 0, size: 1 }, down, across }, grid);
