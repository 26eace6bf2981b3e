// The shape of the layer, and how it is shown.

import { byId, html } from "onebyone/dom";
import { problem } from "onebyone/layer";

const SINGLE = [
  ["c", "Input channels"],
  ["o", "Output channels"],
  ["g", "Groups"],
];
const PAIRED = [
  ["k", "Kernel", 1],
  ["s", "Stride", 1],
  ["p", "Padding", 0],
  ["d", "Dilation", 1],
];

/** The state with another shape. Weights that only a wider form holds have no place in it. */
export function reshaped(state, changes) {
  const kept = Object.entries(state.edits).filter(([key]) => !"ldq".includes(key[0]));
  return { ...state, e: [0, 0], ...changes, source: "shared", edits: Object.fromEntries(kept) };
}

/** Build the fields once; `read` gives the state, `go` takes the next one. */
export function addControls(read, go) {
  const form = byId("controls");
  form.append(
    select("dim", "Axes", [
      ["2", "2-D"],
      ["1", "1-D"],
    ]),
  );
  for (const [name, label] of SINGLE) form.append(row(label, [field(name, label, 1)]));
  form.append(row("Height × width", [field("h", "Height", 1), field("w", "Width", 1)]));
  for (const [name, label, least] of PAIRED) {
    form.append(
      row(label, [
        field(`${name}0`, `${label}, down`, least),
        field(`${name}1`, `${label}, across`, least),
      ]),
    );
  }
  form.append(
    html("label", { class: "check" }, html("input", { type: "checkbox", name: "bias" }), " Bias"),
  );
  form.addEventListener("change", () => {
    const next = reshaped(read(), shapeIn(form));
    const trouble = problem(next);
    byId("trouble").textContent = trouble;
    if (!trouble) go(next);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
}

/** The shape that the fields show, all of them: a change may need two fields to be right. */
function shapeIn({ elements }) {
  const number = (name) => (elements[name].value === "" ? NaN : Number(elements[name].value));
  const single = ["dim", "c", "o", "g", "h", "w"].map((name) => [name, number(name)]);
  const pairs = PAIRED.map(([name]) => [name, [number(`${name}0`), number(`${name}1`)]]);
  return { ...Object.fromEntries([...single, ...pairs]), bias: elements.bias.checked ? 1 : 0 };
}

function field(name, label, min) {
  return html("input", {
    type: "number",
    name,
    min,
    max: 512,
    step: 1,
    inputmode: "numeric",
    "aria-label": label,
  });
}

function row(label, fields) {
  const between = fields.length === 2 ? [fields[0], html("span", {}, "×"), fields[1]] : fields;
  return html(
    "div",
    { class: "row" },
    html("span", {}, label),
    html("span", { class: "fields" }, ...between),
  );
}

function select(name, label, options) {
  const choices = options.map(([value, text]) => html("option", { value }, text));
  return html(
    "label",
    { class: "row" },
    html("span", {}, label),
    html("select", { name }, ...choices),
  );
}

/** Put a state into the fields. */
export function showControls(state) {
  const { elements } = byId("controls");
  for (const name of ["dim", "c", "o", "g", "h", "w"]) elements[name].value = state[name];
  for (const [name] of PAIRED)
    state[name].forEach((value, n) => (elements[`${name}${n}`].value = value));
  elements.bias.checked = Boolean(state.bias);
  for (const name of ["h", "k0", "s0", "p0", "d0"]) elements[name].disabled = state.dim === 1;
  byId("trouble").textContent = "";
}
