// The state after a number is changed. A weight changed in a wider form moves the truth there; one
// changed in a narrower form first takes the nearest weights of that form. No DOM.

import { FORMS, product, unflatten, weightIndex, weightShape } from "onebyone/layer";
import { WEIGHTS } from "onebyone/mlpconv";
import { LETTERS, rank } from "onebyone/values";

const editKey = (letter, flat, shape) => letter + unflatten(flat, shape).join(".");

function edited(state, letter, flat, shape, value) {
  return { ...state, edits: { ...state.edits, [editKey(letter, flat, shape)]: value } };
}

/** Give stored weights of a form values: pairs of index and value. */
export function withWeights(values, form, changes) {
  const { state, geo } = values;
  const narrower = rank(form) < rank(state.source);
  const edits = narrower ? collapsed(values, form) : { ...state.edits };
  const shape = weightShape(geo, form);
  for (const [index, value] of changes) edits[editKey(LETTERS[form], index, shape)] = value;
  return { ...state, edits, source: form };
}

/** Edits that hold a narrower form whole, without those of the wider forms. */
function collapsed(values, form) {
  const { state, geo } = values;
  const wider = FORMS.slice(rank(form) + 1).map((name) => LETTERS[name]);
  if (form === "shared") wider.push("q");
  const kept = Object.entries(state.edits).filter(([key]) => !wider.includes(key[0]));
  const edits = Object.fromEntries(kept);
  const shape = weightShape(geo, form);
  for (const i of moved(values, form))
    edits[editKey(LETTERS[form], i, shape)] = values.stored(form, i);
  for (let o = 0; form === "shared" && state.bias && o < geo.O; o++) {
    edits[`b${o}`] = values.bias(form, o * geo.places);
  }
  return edits;
}

/** The weights of a narrower form that wider ones have moved; all, where one was given whole. */
function moved(values, form) {
  const { geo, given } = values;
  if (given.dense || given.local) return Array(product(weightShape(geo, form))).keys();
  const indices = [...values.changed(values.state.source)].map(({ row, column }) =>
    weightIndex(geo, form, row, column),
  );
  return new Set(indices.filter((index) => index >= 0));
}

export function withBias(values, form, row, value) {
  const { geo } = values;
  const state = withWeights(values, form, []);
  if (form !== "shared") return edited(state, "q", row, geo.output, value);
  return edited(state, "b", Math.floor(row / geo.places), [geo.O], value);
}

export const withInput = (values, column, value) =>
  edited(values.state, "x", column, values.geo.input, value);

export const withOuterGradient = (values, row, value) =>
  edited(values.state, "g", row, values.geo.output, value);

/** Give a weight of the n-th 1×1 convolution after the layer a value. */
export const withMixing = ({ state, mlpconv }, n, index, value) =>
  edited(state, WEIGHTS[n], index, mlpconv.shape(n), value);
