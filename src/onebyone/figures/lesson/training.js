// Step 3 in numbers: the four layers trained, sharing their weights or not. A run is a text: u ends
// the sharing, r shares again, t is a step, t5 are five. No DOM.

import { withWeights } from "onebyone/edits";
import { product, unflatten, weightShape } from "onebyone/layer";
import { Values } from "onebyone/values";
import { EXAMPLE, inputs } from "lesson/numbers";
import { startOf } from "onebyone/state";

export const RATE = 0.1;
export const MOST_STEPS = 60;

/** What is learned from: images of 2 channels of 2×2, and the four outputs that each should give. */
export const EXAMPLES = [
  { image: [[[1, 0], [1, 2]], [[0, 1], [1, -1]]], targets: [1.4, -1.2, -0.2, 0.5] },
  { image: [[[2, 1], [0, 1]], [[1, -1], [1, 0]]], targets: [2.6, 1.1, -1.3, 0.2] },
  { image: [[[0, 1], [1, 0]], [[1, 2], [-1, 1]]], targets: [0.4, -1.7, 2.2, 0.3] },
]; // prettier-ignore

const TOKENS = /[ur]|t\d*/g;
const stepsOf = (token) => (token[0] === "t" ? Number(token.slice(1) || 1) : 0);
const tokensOf = (run) => run.match(TOKENS) ?? [];

export const stepsIn = (run) => tokensOf(run).reduce((sum, token) => sum + stepsOf(token), 0);
export const isRun = (run) =>
  /^([ur]|t\d{0,2})*$/.test(run) && run.length <= 60 && stepsIn(run) <= MOST_STEPS;

/** A run with something more at its end. */
export function extended(run, token) {
  const tokens = tokensOf(run);
  const last = tokens.at(-1) ?? "";
  if (token[0] !== "t" || last[0] !== "t") return run + token;
  return [...tokens.slice(0, -1), `t${stepsOf(last) + stepsOf(token)}`].join("");
}

let last = { run: null };

/** The state after a run, and the weights [location][channel] before it and after each step. */
export function replay(run) {
  if (last.run !== run) last = { run, ...computed(run) }; // one drawing asks several times
  return last;
}

function computed(run) {
  let state = { ...startOf(EXAMPLE), edits: {} };
  const trail = [weights(state)];
  for (const token of tokensOf(run)) {
    if (token === "u") state = { ...state, form: "local" };
    else if (token === "r") {
      state = withWeights(new Values(state, EXAMPLE), "shared", []);
      state = { ...state, form: "shared" };
      trail.push(weights(state));
    }
    for (let n = 0; n < stepsOf(token); n++) {
      state = stepped(state);
      trail.push(weights(state));
    }
  }
  return { state, trail, weights: trail.at(-1), error: meanError(state) };
}

function weights(state) {
  const values = new Values(state, EXAMPLE);
  return [0, 1, 2, 3].map((row) =>
    [0, 1].map((c) => values.weight("local", { row, column: 4 * c + row })),
  );
}

/** The layer on an example's image. */
const on = (state, image, edits = {}) =>
  new Values({ ...state, edits: { ...state.edits, ...inputs(image), ...edits } }, EXAMPLE);

/** Output − target at each location. */
function misses(state, { image, targets }) {
  const values = on(state, image);
  return targets.map((target, row) => values.output(state.form, row) - target);
}

/** The mean over the examples of ½ Σ (output − target)². */
function meanError(state) {
  const squares = EXAMPLES.map((example) =>
    misses(state, example).reduce((sum, miss) => sum + miss ** 2 / 2, 0),
  );
  return squares.reduce((a, b) => a + b) / EXAMPLES.length;
}

/** A step of RATE down the gradient of that mean. */
function stepped(state) {
  const values = new Values(state, EXAMPLE);
  const total = product(weightShape(values.geo, state.form));
  const gradient = new Float64Array(total);
  for (const example of EXAMPLES) {
    const outer = misses(state, example).map((miss, row) => [
      `g${unflatten(row, values.geo.output).join(".")}`,
      miss,
    ]);
    const known = on(state, example.image, Object.fromEntries(outer));
    for (let index = 0; index < total; index++)
      gradient[index] += known.gradient(state.form, index) / EXAMPLES.length;
  }
  const changes = Array.from(gradient, (slope, index) => [
    index,
    values.stored(state.form, index) - RATE * slope,
  ]);
  return withWeights(values, state.form, changes);
}
