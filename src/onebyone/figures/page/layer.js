// What one linear layer is: which output reads which input with which weight, by formula
// (statement S5), in three forms. No entry is stored, so any size will do. No DOM here.
//
// "shared" is the convolution, "local" one fully connected layer per location, "dense" one fully
// connected layer. A row is an output (channel, y, x) flattened, a column an input.
// One axis is a grid of height 1.

export const FORMS = ["shared", "local", "dense"];

/** Inputs, outputs and stored weights up to which any view is drawn at once. */
const MOST_VALUES = 2 ** 20;

function axis(size, kernel, stride, padding, extra, dilation) {
  const room = size + 2 * padding + extra - dilation * (kernel - 1) - 1;
  return { size, kernel, stride, padding, dilation, outputs: Math.floor(room / stride) + 1 };
}

/** The input position that tap k of output position o reads; it may lie in the padding. */
const reads = (a, o, k) => a.stride * o + a.dilation * k - a.padding;
const inside = (a, i) => i >= 0 && i < a.size;

/** The tap through which output position o reads input position i, or -1. */
function tapBetween(a, o, i) {
  const tap = (i + a.padding - a.stride * o) / a.dilation;
  return Number.isInteger(tap) && tap >= 0 && tap < a.kernel ? tap : -1;
}

/** What is wrong with a shape, in a sentence, or "" where it is a layer. */
export function problem(shape) {
  const { c, o, g, dim, h, w, k, d, p, e, m } = shape;
  if (dim !== 1 && dim !== 2) return `A layer has 1 or 2 axes, not ${dim}.`;
  const flags = [shape.bias, shape.back, shape.mlp, shape.relu];
  if (!flags.every((flag) => flag === 0 || flag === 1)) return "A switch is 0 or 1.";
  const whole = (least, ...values) => values.every((v) => Number.isInteger(v) && v >= least);
  if (!whole(1, c, o, g, h, w, ...k, ...d, ...m, ...shape.s) || !whole(0, ...p, ...e)) {
    return "Sizes are whole numbers; only padding can be 0.";
  }
  if (c % g || o % g) return `Groups must divide the channels: ${g} does not divide ${c} and ${o}.`;
  const fits = [h, w].every(
    (n, i) => (dim === 1 && i === 0) || d[i] * (k[i] - 1) < n + 2 * p[i] + e[i],
  );
  if (!fits) return "The kernel is larger than the padded input.";
  const most = shape.most ?? MOST_VALUES;
  const [name, number] = Object.entries(counts(shape)).find(([, n]) => !(n <= most)) ?? [];
  const shown = (n) => n.toLocaleString("en", { maximumSignificantDigits: 9 });
  return name
    ? `This page shows up to ${shown(most)} inputs, outputs or weights; these are ${shown(number)} ${name}.`
    : "";
}

function counts(shape) {
  const { C, O, rows, columns, perGroup, taps } = geometryOf(shape);
  const [m0, m1] = shape.m;
  return {
    inputs: columns,
    outputs: rows,
    weights: O * perGroup * taps,
    "weights of the 1×1 convolutions": O * m0 + m0 * m1,
    channels: C + O,
  };
}

/** The limit of a page that was made for a layer: its own layer is never too large. */
export const mostOf = (shape) => Math.max(MOST_VALUES, ...Object.values(counts(shape)));

export function geometryOf(shape) {
  const { c: C, o: O, g: groups, dim, k, s, p, e, d } = shape;
  const flat = dim === 1;
  const down = flat ? axis(1, 1, 1, 0, 0, 1) : axis(shape.h, k[0], s[0], p[0], e[0], d[0]);
  const across = axis(shape.w, k[1], s[1], p[1], e[1], d[1]);
  const space = down.size * across.size;
  const places = down.outputs * across.outputs;
  return {
    C,
    O,
    groups,
    dim,
    down,
    across,
    space,
    places,
    perGroup: C / groups,
    taps: down.kernel * across.kernel,
    rows: O * places,
    columns: C * space,
    input: [C, down.size, across.size],
    output: [O, down.outputs, across.outputs],
  };
}

/** The shape of a form's stored weights. */
export function weightShape(geo, form) {
  const window = [geo.perGroup, geo.down.kernel, geo.across.kernel];
  if (form === "shared") return [geo.O, ...window];
  return form === "local" ? [...geo.output, ...window] : [...geo.output, ...geo.input];
}

export const product = (numbers) => numbers.reduce((a, b) => a * b, 1);
export const flatten = (index, shape) => index.reduce((flat, i, n) => flat * shape[n] + i, 0);

export function unflatten(flat, shape) {
  const index = [];
  for (let n = shape.length - 1; n >= 0; n--) {
    index.unshift(flat % shape[n]);
    flat = Math.floor(flat / shape[n]);
  }
  return index;
}

/** An index as PyTorch writes it: with one axis, nothing has a height. */
export function spot(geo, flat, shape) {
  const downs = { 3: [1], 4: [2], 6: [1, 4] }[shape.length];
  const index = unflatten(flat, shape).filter((_, n) => geo.dim === 2 || !downs.includes(n));
  return `(${index.join(", ")})`;
}

/** Index in the weights of the local form of the connection (row, column), or -1. */
export function localIndex(geo, row, column) {
  const [o, y, x] = unflatten(row, geo.output);
  const [c, iy, ix] = unflatten(column, geo.input);
  const channel = c - Math.floor((o * geo.groups) / geo.O) * geo.perGroup;
  if (channel < 0 || channel >= geo.perGroup) return -1;
  const a = tapBetween(geo.down, y, iy),
    b = tapBetween(geo.across, x, ix);
  return a < 0 || b < 0 ? -1 : flatten([o, y, x, channel, a, b], weightShape(geo, "local"));
}

/** Index of the shared weight of which a local weight is one copy. */
export function sharedIndex(geo, local) {
  const window = geo.perGroup * geo.taps;
  return Math.floor(local / (window * geo.places)) * window + (local % window);
}

/** Index of the stored weight behind (row, column) in a form, or -1: no connection. */
export function weightIndex(geo, form, row, column) {
  if (form === "dense") return row * geo.columns + column;
  const local = localIndex(geo, row, column);
  return local < 0 || form === "local" ? local : sharedIndex(geo, local);
}

const entry = (geo, form, row, column) => ({
  row,
  column,
  index: weightIndex(geo, form, row, column),
});

/** Every connection of one output. */
export function rowEntries(geo, form, row) {
  if (form === "dense") {
    return Array.from({ length: geo.columns }, (_, column) => entry(geo, form, row, column));
  }
  const [o, y, x] = unflatten(row, geo.output);
  const first = Math.floor((o * geo.groups) / geo.O) * geo.perGroup;
  const found = [];
  for (let c = first; c < first + geo.perGroup; c++) {
    for (let a = 0; a < geo.down.kernel; a++) {
      for (let b = 0; b < geo.across.kernel; b++) {
        const iy = reads(geo.down, y, a),
          ix = reads(geo.across, x, b);
        if (!inside(geo.down, iy) || !inside(geo.across, ix)) continue;
        found.push(entry(geo, form, row, flatten([c, iy, ix], geo.input)));
      }
    }
  }
  return found;
}

function outputsReading(a, i) {
  const found = [];
  for (let k = 0; k < a.kernel; k++) {
    const o = (i + a.padding - a.dilation * k) / a.stride;
    if (Number.isInteger(o) && o >= 0 && o < a.outputs) found.push(o);
  }
  return found.sort((one, other) => one - other);
}

/** Every connection of one input. */
export function columnEntries(geo, form, column) {
  if (form === "dense") {
    return Array.from({ length: geo.rows }, (_, row) => entry(geo, form, row, column));
  }
  const [c, iy, ix] = unflatten(column, geo.input);
  const perGroup = geo.O / geo.groups;
  const first = Math.floor(c / geo.perGroup) * perGroup;
  const found = [];
  for (let o = first; o < first + perGroup; o++) {
    for (const y of outputsReading(geo.down, iy)) {
      for (const x of outputsReading(geo.across, ix)) {
        found.push(entry(geo, form, flatten([o, y, x], geo.output), column));
      }
    }
  }
  return found;
}

/** Every connection that uses one stored weight. */
export function weightEntries(geo, form, index) {
  if (form === "dense") {
    return [{ row: Math.floor(index / geo.columns), column: index % geo.columns, index }];
  }
  const at = unflatten(index, weightShape(geo, form));
  const [channel, a, b] = at.slice(-3);
  const c = Math.floor((at[0] * geo.groups) / geo.O) * geo.perGroup + channel;
  const found = [];
  for (let place = 0; place < geo.places; place++) {
    const [y, x] = [Math.floor(place / geo.across.outputs), place % geo.across.outputs];
    if (form === "local" && (y !== at[1] || x !== at[2])) continue;
    const iy = reads(geo.down, y, a),
      ix = reads(geo.across, x, b);
    if (!inside(geo.down, iy) || !inside(geo.across, ix)) continue;
    const row = at[0] * geo.places + place;
    found.push({ row, column: flatten([c, iy, ix], geo.input), index });
  }
  return found;
}
