// What is looked at: one form of the layer, the part of it that is shown, and how its connections
// are coloured. Large layers are shown through windows about the pinned cell. No DOM.

import { signed, weightColor, inkOn } from "onebyone/color";
import {
  columnEntries,
  localIndex,
  product,
  rowEntries,
  sharedIndex,
  unflatten,
  weightEntries,
  weightIndex,
  weightShape,
} from "onebyone/layer";
import { Mlpconv } from "onebyone/mlpconv";
import { Values } from "onebyone/values";

const MOST_ROWS = 24,
  MOST_COLUMNS = 32; // of the matrix
const MOST_ACROSS = 24,
  MOST_SIDE = 10,
  MOST_SHEETS = 6; // cells and channels in a row of sheets
const MOST_LIT = 2e5; // connections of a location
export const MOST_WIRES = 600;

export class View {
  constructor(state, given) {
    this.state = state;
    this.values = new Values(state, given);
    this.geo = this.values.geo;
    this.form = state.form;
    this.mlpconv = new Mlpconv(this, given.tail);
    const pinned = this.entries(parse(state.pin))[0] ?? { row: 0, column: 0 };
    const { geo } = this;
    this.place = pinned.row % geo.places;
    this.rows = span(geo.rows, MOST_ROWS, pinned.row);
    this.columns = span(geo.columns, MOST_COLUMNS, pinned.column);
    this.inputs = sheetsAbout(geo.input, unflatten(pinned.column, geo.input));
    this.outputs = sheetsAbout(geo.output, unflatten(pinned.row, geo.output));
  }

  /** The connections of a focus: an output or a unit above it, input, connection, stored weight. */
  entries(focus) {
    const { geo, form } = this;
    const { kind, at } = focus;
    if (kind === "o") return at[0] < geo.rows ? rowEntries(geo, form, at[0]) : [];
    if (kind === "h" || kind === "z") return this.#entriesAt(at[0] % geo.places);
    if (kind === "i") return at[0] < geo.columns ? columnEntries(geo, form, at[0]) : [];
    if (kind === "w") return at[0] < this.stored ? weightEntries(geo, form, at[0]) : [];
    if (kind !== "c" || at[0] >= geo.rows || at[1] >= geo.columns) return [];
    const index = weightIndex(geo, form, ...at);
    return index < 0 ? [] : [{ row: at[0], column: at[1], index }];
  }

  /** The connections of all outputs of a location; where they are many, of one in each group. */
  #entriesAt(place) {
    const { geo, form } = this;
    const row = form === "dense" ? geo.columns : geo.perGroup * geo.taps;
    const groups = form === "dense" ? 1 : geo.groups;
    const shown = geo.O * row > MOST_LIT ? groups : geo.O;
    const channels = Array.from({ length: shown }, (_, n) => (n * geo.O) / shown);
    return channels.flatMap((o) => rowEntries(geo, form, o * geo.places + place));
  }

  get stored() {
    return product(weightShape(this.geo, this.form));
  }

  index(row, column) {
    return weightIndex(this.geo, this.form, row, column);
  }

  /** What a connection shows: its weight or, going backward, its share of the gradient. */
  shown(entry) {
    const { values } = this;
    if (this.state.back) return values.outerGradient(entry.row) * values.input(entry.column);
    return values.weight(this.form, entry);
  }

  /** The rank of a connection's colour: that of the shared weight while it equals it, null for 0. */
  #rank({ row, column, index }) {
    if (this.form === "shared") return index;
    const local = localIndex(this.geo, row, column);
    const value = this.values.weight(this.form, { row, column });
    if (local < 0) return value === 0 ? null : this.values.base.length + index;
    const shared = sharedIndex(this.geo, local);
    return value === this.values.base[shared] ? shared : this.values.base.length + index;
  }

  /** Fill and ink of a connection; null for a weight of 0 that the other forms lack. */
  paint(entry, limit) {
    if (this.state.colour === "values") return signed(this.shown(entry), limit);
    const rank = this.#rank(entry);
    if (rank === null) return null;
    const fill = weightColor(rank);
    return { fill, ink: inkOn(fill) };
  }

  /** The part of the connections that both windows of sheets show. */
  wires() {
    const { geo } = this;
    const found = [];
    for (const row of cellsOf(this.outputs, geo.output)) {
      for (const column of cellsOf(this.inputs, geo.input)) {
        const index = this.index(row, column);
        if (index >= 0) found.push({ row, column, index });
      }
      if (found.length > MOST_WIRES) return null;
    }
    return found;
  }
}

export function parse(key) {
  const at = key.slice(1).split(",").map(Number);
  return { kind: key[0] ?? "", at };
}

/** A window of at most `most` of `total`, with `wanted` in its first half. */
export function span(total, most, wanted) {
  const size = Math.min(total, most);
  const first = Math.max(0, Math.min(total - size, wanted < size ? 0 : wanted - (size >> 2)));
  return { first, size, total };
}

function sheetsAbout([channels, height, width], [c, y, x]) {
  const across = span(width, MOST_SIDE, x);
  const most = Math.max(1, Math.min(MOST_SHEETS, Math.floor(MOST_ACROSS / across.size)));
  return { channels: span(channels, most, c), down: span(height, MOST_SIDE, y), across };
}

const range = ({ first, size }) => Array.from({ length: size }, (_, i) => first + i);

/** The flat indices of the cells in a window of sheets. */
export function cellsOf({ channels, down, across }, [, height, width]) {
  const found = [];
  for (const c of range(channels)) {
    for (const y of range(down))
      for (const x of range(across)) found.push((c * height + y) * width + x);
  }
  return found;
}
