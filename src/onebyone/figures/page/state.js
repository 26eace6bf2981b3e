// The whole state of the page, and its text in the URL fragment. What equals the page's own
// starting state is left out, so that links stay short. No DOM.

import { FORMS, geometryOf, mostOf, problem, product, weightShape } from "onebyone/layer";

const PAIRS = ["k", "s", "p", "e", "d", "m"];
const NUMBERS = ["dim", "c", "o", "h", "w", "g", "bias", "back", "mlp", "relu"];
const CHOICES = { form: FORMS, source: FORMS, colour: ["sharing", "values"] };
const PIN = /^([oiwhzuv]\d+|c\d+,\d+)?$/;

/** The starting state of a page made for a layer. */
export function startOf(given) {
  const m = given.tail?.map(({ shape }) => shape[0]) ?? [2, 2];
  return {
    ...given.shape,
    form: given.form,
    source: given.kind,
    colour: "sharing",
    back: 0,
    mlp: given.tail ? 1 : 0,
    relu: 1,
    m,
    most: mostOf({ ...given.shape, m }),
    pin: "o0",
    edits: {},
  };
}

export function toFragment(state, start) {
  const parts = [];
  const put = (name, text) => parts.push(`${name}=${text}`);
  for (const name of [...NUMBERS, ...Object.keys(CHOICES), "pin"]) {
    if (state[name] !== start[name]) put(name, state[name]);
  }
  for (const name of PAIRS) {
    if (String(state[name]) !== String(start[name])) put(name, state[name].join("x"));
  }
  const edits = Object.entries(state.edits).map(([key, value]) => `${key}:${value}`);
  if (edits.length) put("edits", edits.sort().join(";"));
  return parts.join("&");
}

/** Read a fragment; whatever is no valid layer is an error. */
export function fromFragment(text, start) {
  const state = { ...start, edits: {} };
  for (const part of decoded(text).split("&").filter(Boolean)) {
    const [name, value = ""] = part.split(/=(.*)/s);
    if (name === "edits") state.edits = readEdits(value);
    else if (NUMBERS.includes(name)) state[name] = Number(value);
    else if (PAIRS.includes(name)) state[name] = value.split("x").map(Number);
    else if (isChoice(name, value) || (name === "pin" && PIN.test(value))) state[name] = value;
    else throw new Error(`The link says “${brief(part)}”, which this page does not know.`);
  }
  const wrong = PAIRS.some((name) => state[name].length !== 2) ? "Give two sizes." : problem(state);
  if (wrong) throw new Error(`The link is of no layer. ${wrong}`);
  if (!pinExists(state)) throw new Error(`The link pins ${state.pin}, which this layer has not.`);
  return state;
}

const isChoice = (name, value) => Object.hasOwn(CHOICES, name) && CHOICES[name].includes(value);
const brief = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("The link is damaged.");
  }
}

/** Whether the layer has what is pinned. */
export function pinExists({ pin, form, m, ...shape }) {
  const geo = geometryOf(shape);
  const { rows, columns, places, O } = geo;
  const totals = {
    o: [rows],
    i: [columns],
    w: [product(weightShape(geo, form))],
    c: [rows, columns],
    h: [m[0] * places],
    z: [m[1] * places],
    u: [O * m[0]],
    v: [m[0] * m[1]],
  };
  const at = pin.slice(1).split(",").map(Number);
  return !pin || totals[pin[0]].every((total, n) => at[n] < total);
}

function readEdits(text) {
  const edits = {};
  for (const part of text.split(";").filter(Boolean)) {
    const [key, value] = part.split(":");
    if (!/^[sldbqxguv]\d+(\.\d+)*$/.test(key) || !Number.isFinite(Number(value))) {
      throw new Error(`The link says “${brief(part)}”, which is no value.`);
    }
    edits[key] = Number(value);
  }
  return edits;
}
