// A step and its state, and their text in the URL fragment. What equals the step's own start is
// left out, so that links stay short. No DOM.

const whole = (text, least, most) => {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (!(number >= least && number <= most)) throw new Error();
  return number;
};

/** A whole number from `least` to `most`. */
export const number = (start, least, most) => ({
  start,
  read: (text) => whole(text, least, most),
  write: String,
});

/** A switch that is off at first. */
export const flag = number(0, 0, 1);

/** One of some words; the first is the start. */
export const choice = (...words) => ({
  start: words[0],
  read: (text) => {
    if (!words.includes(text)) throw new Error();
    return text;
  },
  write: String,
});

/** Numbers from −`most` to `most`, as many as at the start, with up to two decimals. */
export const decimals = (start, most) => ({
  start,
  read: (text) => {
    const parts = text.split(",");
    const known = parts.every((one) => /^-?\d{1,2}(\.\d{1,2})?$/.test(one));
    const numbers = parts.map(Number);
    const inside = numbers.every((one) => Math.abs(one) <= most);
    if (!known || !inside || parts.length !== start.length) throw new Error();
    return numbers.map((one) => one + 0); // no −0
  },
  write: (numbers) => numbers.join(","),
});

/** Different whole numbers below `total`, in order. */
export const subset = (total) => ({
  start: [],
  read: (text) => {
    const found = text.split(",").map((one) => whole(one, 0, total - 1));
    return [...new Set(found)].sort((a, b) => a - b);
  },
  write: (numbers) => numbers.join(","),
});

const COMMON = { shown: flag };
const fieldsOf = (step) => ({ ...COMMON, ...step.fields });

/** The state in which a step starts: nothing is shown before the guess. */
export const startOf = (step) =>
  Object.fromEntries(Object.entries(fieldsOf(step)).map(([name, { start }]) => [name, start]));

/** The text of a state; `at` counts the steps from 0, as `steps` does. */
export function toFragment(steps, at, state) {
  const parts = [`step=${at + 1}`];
  for (const [name, { start, write }] of Object.entries(fieldsOf(steps[at]))) {
    if (write(state[name]) !== write(start)) parts.push(`${name}=${write(state[name])}`);
  }
  return parts.join("&");
}

/** Read a fragment; what this page does not know is an error. */
export function fromFragment(steps, text) {
  const parts = decoded(text)
    .split("&")
    .filter(Boolean)
    .map((part) => [part, ...part.split(/=(.*)/s)]);
  const named = parts.find(([, name]) => name === "step");
  const at = named ? read(named, { read: (value) => whole(value, 1, steps.length) - 1 }) : 0;
  const fields = fieldsOf(steps[at]);
  const state = startOf(steps[at]);
  for (const part of parts) {
    const name = part[1];
    if (name === "step") continue;
    state[name] = read(part, Object.hasOwn(fields, name) ? fields[name] : null);
  }
  return { at, state: steps[at].repaired?.(state) ?? state };
}

function read([part, , value = ""], field) {
  try {
    return field.read(value);
  } catch {
    const brief = part.length > 40 ? `${part.slice(0, 40)}…` : part;
    throw new Error(`The link says “${brief}”, which this page does not know.`);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error("The link is damaged.");
  }
}
