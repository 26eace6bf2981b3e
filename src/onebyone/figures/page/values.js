// The numbers in a layer: weights in whichever form they were last changed, inputs, and the
// gradients of a loss. Wider forms copy, narrower forms take the mean of what they share. No DOM.

import {
  FORMS,
  columnEntries,
  flatten,
  geometryOf,
  localIndex,
  product,
  rowEntries,
  sharedIndex,
  unflatten,
  weightEntries,
  weightShape,
} from "onebyone/layer";

/** A number that depends on an index only, so that a link shows everyone the same. */
export function drawn(...index) {
  let bits = index.reduce((sum, i) => Math.imul(sum ^ (i + 0x9e37), 0x85ebca6b) ^ (sum >>> 13), 7);
  bits ^= bits >>> 15;
  const rank = (bits >>> 0) % 18;
  return rank < 9 ? rank - 9 : rank - 8; // −9 … 9 without 0
}

export const LETTERS = { shared: "s", local: "l", dense: "d" };
export const rank = (form) => FORMS.indexOf(form);

/** The edits with a letter, as a map from flat index to value; edits of other shapes are kept out. */
export function editsOf(edits, letter, shape) {
  const found = new Map();
  for (const [key, value] of Object.entries(edits)) {
    if (key[0] !== letter) continue;
    const index = key.slice(1).split(".").map(Number);
    const fits = index.length === shape.length && index.every((i, n) => i >= 0 && i < shape[n]);
    if (fits) found.set(flatten(index, shape), value);
  }
  return found;
}

const SHAPE = ["dim", "c", "o", "h", "w", "k", "s", "p", "e", "d", "g", "bias"];
const sameShape = (a, b) => SHAPE.every((name) => String(a[name]) === String(b[name]));

/** Mean over each sharing class of the connections that exist. */
function meanOverPlaces(geo, valueOfLocal) {
  const means = new Float64Array(product(weightShape(geo, "shared")));
  for (let index = 0; index < means.length; index++) {
    const entries = weightEntries(geo, "shared", index);
    let sum = 0;
    for (const { row, column } of entries)
      sum += valueOfLocal(localIndex(geo, row, column), row, column);
    means[index] = entries.length ? sum / entries.length : 0;
  }
  return means;
}

/** The layer that the page was made for, with the shared weights that it is nearest to. */
export function prepare(given) {
  const geo = geometryOf(given.shape);
  const { kind, weight, bias } = given;
  const flat = (local, row, column) =>
    weight[kind === "dense" ? row * geo.columns + column : local];
  const narrow = kind === "shared" ? weight : meanOverPlaces(geo, flat);
  const mean = (o) =>
    bias.slice(o * geo.places, (o + 1) * geo.places).reduce((a, b) => a + b) / geo.places;
  const channels = Array.from({ length: geo.O }, (_, o) => o);
  const channelBias = kind === "shared" || !bias ? (bias ?? []) : channels.map(mean);
  return { ...given, narrow, channelBias };
}

export class Values {
  /** @param given what `prepare` returned. */
  constructor(state, given) {
    this.state = state;
    this.geo = geometryOf(state);
    const { geo } = this;
    const own = sameShape(state, given.shape) ? given : null;
    this.edits = Object.fromEntries(
      FORMS.map((form) => [form, editsOf(state.edits, LETTERS[form], weightShape(geo, form))]),
    );
    this.given = {
      local: own?.kind === "local" && own.weight,
      dense: own?.kind === "dense" && own.weight,
    };
    this.base = this.#base(given);
    for (const [index, value] of this.edits.shared) this.base[index] = value;
    this.biasBase = Float64Array.from(
      { length: geo.O },
      (_, o) => given.channelBias[o] ?? drawn(o, 5) / 10,
    );
    for (const [o, value] of editsOf(state.edits, "b", [geo.O])) this.biasBase[o] = value;
    this.biasWide = own && own.kind !== "shared" && own.bias ? Float64Array.from(own.bias) : null;
    this.biasEdits = editsOf(state.edits, "q", geo.output);
    this.inputs = editsOf(state.edits, "x", geo.input);
    this.outer = editsOf(state.edits, "g", geo.output);
  }

  #base(given) {
    const shape = weightShape(this.geo, "shared");
    const known = weightShape(geometryOf(given.shape), "shared");
    return Float64Array.from({ length: product(shape) }, (_, flat) => {
      const index = unflatten(flat, shape);
      const inside = index.every((i, n) => i < known[n]);
      return inside ? given.narrow[flatten(index, known)] : drawn(...index) / 10;
    });
  }

  /** The weight of a connection in the form where it was last changed. */
  #truth(local, row, column) {
    const { source } = this.state;
    const dense = row * this.geo.columns + column;
    if (source === "dense") {
      if (this.edits.dense.has(dense)) return this.edits.dense.get(dense);
      if (this.given.dense) return this.given.dense[dense];
    }
    if (local < 0) return 0;
    return source === "shared" ? this.base[sharedIndex(this.geo, local)] : this.#copy(local);
  }

  #copy(local) {
    if (this.edits.local.has(local)) return this.edits.local.get(local);
    return this.given.local ? this.given.local[local] : this.base[sharedIndex(this.geo, local)];
  }

  /** The shared weights: the layer's own, or the nearest where a wider form holds others. */
  get shared() {
    const { source } = this.state;
    if (source === "shared") return this.base;
    this.means ??= this.#nearestShared(source);
    return this.means;
  }

  #nearestShared(source) {
    if ((source === "dense" && this.given.dense) || this.given.local) {
      return meanOverPlaces(this.geo, (...connection) => this.#truth(...connection));
    }
    // Copies of the shared weights but for a few edits: only those move the mean.
    const means = Float64Array.from(this.base);
    for (const { local, row, column } of this.changed(source)) {
      if (local < 0) continue;
      const index = sharedIndex(this.geo, local);
      const copies = weightEntries(this.geo, "shared", index).length;
      means[index] += (this.#truth(local, row, column) - this.base[index]) / copies;
    }
    return means;
  }

  /** The connections whose weights edits may have moved off the shared ones, each once. */
  *changed(source) {
    const seen = new Set();
    const forms = source === "dense" ? ["local", "dense"] : ["local"];
    for (const form of forms) {
      for (const index of this.edits[form].keys()) {
        for (const { row, column } of weightEntries(this.geo, form, index)) {
          const key = row * this.geo.columns + column;
          if (seen.has(key)) continue;
          seen.add(key);
          yield { local: localIndex(this.geo, row, column), row, column };
        }
      }
    }
  }

  /** The weight of a connection in a form; 0 where it has none. */
  weight(form, { row, column }) {
    const local = localIndex(this.geo, row, column);
    if (form !== "dense" && local < 0) return 0;
    if (form !== "shared") return this.#truth(local, row, column);
    return this.shared[sharedIndex(this.geo, local)];
  }

  /** The value of a stored weight; one that only ever reads padding keeps its number. */
  stored(form, index) {
    if (form === "shared") return this.shared[index];
    const [first] = weightEntries(this.geo, form, index);
    return first ? this.weight(form, first) : this.#copy(index);
  }

  bias(form, row) {
    const o = Math.floor(row / this.geo.places);
    if (!this.state.bias) return 0;
    if (this.state.source === "shared") return this.biasBase[o];
    const one = (r) =>
      this.biasEdits.get(r) ?? (this.biasWide ? this.biasWide[r] : this.biasBase[o]);
    if (form !== "shared") return one(row);
    let sum = 0;
    for (let place = 0; place < this.geo.places; place++) sum += one(o * this.geo.places + place);
    return sum / this.geo.places;
  }

  input(column) {
    return this.inputs.get(column) ?? drawn(...unflatten(column, this.geo.input), 1);
  }

  /** The gradient of the loss with respect to an output, which the reader chooses. */
  outerGradient(row) {
    return this.outer.get(row) ?? (drawn(...unflatten(row, this.geo.output), 3) > 0 ? 1 : -1);
  }

  /** Connections that a form has beyond those of the source weigh nothing: leave them out. */
  #busy(form) {
    return rank(form) > rank(this.state.source) ? this.state.source : form;
  }

  output(form, row) {
    const busy = this.#busy(form);
    const shared = busy === "shared" ? this.shared : null;
    let sum = this.bias(form, row);
    for (const e of rowEntries(this.geo, busy, row)) {
      sum += (shared ? shared[e.index] : this.weight(busy, e)) * this.input(e.column);
    }
    return sum;
  }

  /** S12: the gradient of a stored weight is the sum over the connections that use it. */
  gradient(form, index) {
    const entries = weightEntries(this.geo, form, index);
    return entries.reduce((sum, e) => sum + this.outerGradient(e.row) * this.input(e.column), 0);
  }

  inputGradient(form, column) {
    const entries = columnEntries(this.geo, this.#busy(form), column);
    return entries.reduce((sum, e) => sum + this.outerGradient(e.row) * this.weight(form, e), 0);
  }

  /** Frobenius distance from the layer's matrix and biases to the nearest of a form; 0: equal. */
  distance(form) {
    const { source } = this.state;
    if (rank(form) >= rank(source)) return 0;
    let square = 0;
    const add = (row, column, local) =>
      (square += (this.#truth(local, row, column) - this.weight(form, { row, column })) ** 2);
    if (this.given.dense || this.given.local) {
      for (let row = 0; row < this.geo.rows; row++) {
        for (const { column } of rowEntries(this.geo, source, row))
          add(row, column, localIndex(this.geo, row, column));
      }
    } else square += this.#sparseSquare(form);
    if (form === "shared" && this.state.bias && (this.biasWide || this.biasEdits.size)) {
      for (let row = 0; row < this.geo.rows; row++)
        square += (this.bias(source, row) - this.bias(form, row)) ** 2;
    }
    return Math.sqrt(square);
  }

  /** What a few edits add: Σ(δ²) off the pattern and Σδ² − (Σδ)²/n within each sharing class. */
  #sparseSquare(form) {
    const classes = new Map();
    let square = 0;
    for (const { local, row, column } of this.changed(this.state.source)) {
      const value = this.#truth(local, row, column);
      if (local < 0) square += value ** 2;
      else if (form === "shared") {
        const index = sharedIndex(this.geo, local);
        const [sum, squares] = classes.get(index) ?? [0, 0];
        const delta = value - this.base[index];
        classes.set(index, [sum + delta, squares + delta ** 2]);
      }
    }
    for (const [index, [sum, squares]] of classes) {
      square += Math.max(0, squares - sum ** 2 / weightEntries(this.geo, "shared", index).length);
    }
    return square < 1e-24 ? 0 : square;
  }
}
