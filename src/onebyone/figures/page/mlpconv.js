// The small network that an mlpconv layer slides: after the layer a ReLU, a 1×1 convolution, a
// ReLU, a 1×1 convolution, a ReLU. Without the ReLUs all of it folds into one layer (S14). No DOM.
//
// Stage 0 is the layer's outputs (keys o), stages 1 and 2 are those of the 1×1 convolutions (keys
// h and z), whose weights are [channels, channels before] (keys u and v).

import { product, weightShape } from "onebyone/layer";
import { drawn, editsOf } from "onebyone/values";

export const UNITS = ["o", "h", "z"];
export const WEIGHTS = [null, "u", "v"];

const SEEDS = [null, 16, 36]; // the example's units are open in part

export class Mlpconv {
  constructor({ state, values, geo, form }, tail) {
    Object.assign(this, { state, values, geo, form });
    this.channels = [geo.O, ...state.m];
    this.weights = [null, 1, 2].map((n) => n && this.#weights(n, tail?.[n - 1]));
    this.biases = [null, 1, 2].map((n) => n && this.#biases(n, tail?.[n - 1]));
    this.known = new Map();
  }

  shape(n) {
    return [this.channels[n], this.channels[n - 1]];
  }

  grid(n) {
    return [this.channels[n], ...this.geo.output.slice(1)];
  }

  #weights(n, given) {
    const [rows, columns] = this.shape(n);
    const edits = editsOf(this.state.edits, WEIGHTS[n], [rows, columns]);
    return Float64Array.from({ length: rows * columns }, (_, flat) => {
      const [o, c] = [Math.floor(flat / columns), flat % columns];
      const inside = given && o < given.shape[0] && c < given.shape[1];
      const start = inside ? given.weight[o * given.shape[1] + c] : drawn(o, c, SEEDS[n]) / 10;
      return edits.get(flat) ?? start;
    });
  }

  #biases(n, given) {
    return Float64Array.from({ length: this.channels[n] }, (_, o) => given?.bias?.[o] ?? 0);
  }

  /** A unit of a stage before its ReLU. */
  sum(n, unit) {
    const key = `${n},${unit}`;
    if (!this.known.has(key))
      this.known.set(
        key,
        this.#sum(n, unit, (c) => this.unit(n - 1, c)),
      );
    return this.known.get(key);
  }

  #sum(n, unit, below) {
    if (n === 0) return this.values.output(this.form, unit);
    const { places } = this.geo;
    const [o, place] = [Math.floor(unit / places), unit % places];
    const columns = this.channels[n - 1];
    let sum = this.biases[n][o];
    for (let c = 0; c < columns; c++)
      sum += this.weights[n][o * columns + c] * below(c * places + place);
    return sum;
  }

  /** A unit of a stage, after its ReLU where there are ReLUs. */
  unit(n, unit) {
    const sum = this.sum(n, unit);
    return this.state.relu ? Math.max(0, sum) : sum;
  }

  /** What the units above and the weights add up to: pairs of weight index and unit below. */
  terms(n, unit) {
    const { places } = this.geo;
    const [o, place] = [Math.floor(unit / places), unit % places];
    const columns = this.channels[n - 1];
    return Array.from({ length: columns }, (_, c) => ({
      index: o * columns + c,
      below: c * places + place,
    }));
  }

  /** The last stage at a location when all its inputs are multiplied by `factor`. */
  #at(place, factor) {
    const { places } = this.geo;
    const bend = (v) => (this.state.relu ? Math.max(0, v) : v);
    let stage = Array.from({ length: this.channels[0] }, (_, o) => {
      const row = o * places + place;
      const bias = this.values.bias(this.form, row);
      return bend(bias + factor * (this.sum(0, row) - bias));
    });
    for (const n of [1, 2])
      stage = Array.from(this.biases[n], (bias, o) =>
        bend(stage.reduce((sum, v, c) => sum + this.weights[n][o * stage.length + c] * v, bias)),
      );
    return stage;
  }

  /** f(x) + f(−x) − 2·f(0) at a location, where it is largest: 0 for every layer with a bias. */
  bend(place) {
    const [plus, minus, zero] = [1, -1, 0].map((factor) => this.#at(place, factor));
    const bends = plus.map((v, o) => v + minus[o] - 2 * zero[o]);
    const o = bends.reduce((best, v, n) => (Math.abs(v) > Math.abs(bends[best]) ? n : best), 0);
    return { unit: o * this.geo.places + place, value: Math.abs(bends[o]) < 1e-9 ? 0 : bends[o] };
  }

  /** The units of all stages at a location whose ReLU is shut. */
  shut(place) {
    return [0, 1, 2].flatMap((n) =>
      Array.from({ length: this.channels[n] }, (_, o) => o * this.geo.places + place).filter(
        (unit) => this.sum(n, unit) <= 0,
      ),
    ).length;
  }

  get stored() {
    return (
      product(weightShape(this.geo, this.form)) + product(this.shape(1)) + product(this.shape(2))
    );
  }

  /** S14: the weights V·U·W of the one convolution that is left without the ReLUs. */
  folded() {
    const window = product(weightShape(this.geo, "shared")) / this.geo.O;
    // Groups: an output channel of the folded layer reads all of them, each with its own window.
    const { geo, values } = this;
    const [h1, h2] = this.state.m;
    const mixed = (n, o, c) => this.weights[n][o * this.channels[n - 1] + c];
    const whole = new Float64Array(h2 * geo.C * geo.taps);
    for (let z = 0; z < h2; z++) {
      for (let o = 0; o < geo.O; o++) {
        let factor = 0;
        for (let h = 0; h < h1; h++) factor += mixed(2, z, h) * mixed(1, h, o);
        const first = Math.floor((o * geo.groups) / geo.O) * geo.perGroup * geo.taps;
        for (let t = 0; t < window; t++)
          whole[z * geo.C * geo.taps + first + t] += factor * values.shared[o * window + t];
      }
    }
    return whole;
  }
}

/** Which units and weights of the small network belong to a focus, by kind of key. */
export function belongingAbove({ mlpconv, geo }, { kind, at: [n] }, rows) {
  const place = (unit) => unit % geo.places;
  const channel = (unit) => Math.floor(unit / geo.places);
  // A weight leads from a channel of one stage to a channel of the next.
  const columns = { u: mlpconv.channels[0], v: mlpconv.channels[1] };
  const to = (letter, index) => Math.floor(index / columns[letter]);
  const from = (letter, index) => index % columns[letter];
  const places = new Set([...rows].map(place));
  if ("hz".includes(kind)) places.add(place(n));
  const here = (unit) => places.has(place(unit));
  const unitsOf = {
    u: { o: (c) => c === from("u", n), h: (c) => c === to("u", n), z: () => false },
    v: { o: () => false, h: (c) => c === from("v", n), z: (c) => c === to("v", n) },
  }[kind];
  const unit = (letter) => (one) => {
    if (unitsOf) return unitsOf[letter](channel(one));
    return letter === kind ? one === n : here(one);
  };
  const weight = (letter, below, above) => (index) => {
    if (kind === below) return from(letter, index) === channel(n);
    return kind === above ? to(letter, index) === channel(n) : false;
  };
  return {
    h: unit("h"),
    z: unit("z"),
    u: weight("u", "o", "h"),
    v: weight("v", "h", "z"),
    o: (row) => (unitsOf ? unitsOf.o(channel(row)) : "hz".includes(kind) && here(row)),
  };
}
