// One step of gradient descent in a form: shared weights move together, copies drift apart (S12).

import { withWeights } from "onebyone/edits";
import { product, unflatten, weightShape } from "onebyone/layer";

export const MOST_TRAINED = 512; // stored weights; each becomes an edit in the link
const RATE = 0.1;
const rounded = (value) => Number(value.toPrecision(9));

/** The state after the stored weights, and the biases, take a step of 0.1 down the gradient. */
export function stepped(values, form) {
  const { geo } = values;
  const count = product(weightShape(geo, form));
  const changes = Array.from({ length: count }, (_, index) => [
    index,
    rounded(values.stored(form, index) - RATE * values.gradient(form, index)),
  ]);
  const next = withWeights(values, form, changes);
  if (!next.bias) return next;
  const biases = form === "shared" ? channelBiases(values) : outputBiases(values, form);
  return { ...next, edits: { ...next.edits, ...biases } };
}

function channelBiases(values) {
  const { geo } = values;
  const edits = {};
  for (let o = 0; o < geo.O; o++) {
    let gradient = 0;
    for (let place = 0; place < geo.places; place++)
      gradient += values.outerGradient(o * geo.places + place);
    edits[`b${o}`] = rounded(values.bias("shared", o * geo.places) - RATE * gradient);
  }
  return edits;
}

function outputBiases(values, form) {
  const rows = Array.from({ length: values.geo.rows }, (_, row) => row);
  return Object.fromEntries(
    rows.map((row) => [
      `q${unflatten(row, values.geo.output).join(".")}`,
      rounded(values.bias(form, row) - RATE * values.outerGradient(row)),
    ]),
  );
}
