// The switch between the three forms of the same weights: what is equal, what is shared, and how
// many weights each stores.

import { count, html, short } from "onebyone/dom";
import { FORMS, localIndex, product, spot, weightShape } from "onebyone/layer";

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
const SEARCHED = 1e6; // connections that are searched for the first that differs

export const isPointwise = ({ down, across }) =>
  [down, across].every(
    (a) => a.kernel === 1 && a.stride === 1 && a.outputs === a.size && a.padding === 0,
  );

export function convolutionName({ dim, down, across }) {
  return dim === 1
    ? `length-${across.kernel} convolution`
    : `${down.kernel}×${across.kernel} convolution`;
}

function title(form, geo) {
  if (form === "shared") return convolutionName(geo).replace(/^l/, "L");
  if (form === "dense") return "One fully connected layer";
  const number = NUMBERS[geo.places] ?? geo.places.toLocaleString("en");
  return `${number} fully connected layer${geo.places === 1 ? "" : "s"}`;
}

function sharing(form, view) {
  const { geo } = view;
  const perPlace = product(weightShape(geo, "local")) / geo.places;
  if (form === "shared")
    return geo.places === 1
      ? "used at one location"
      : `shared by ${geo.places.toLocaleString("en")} locations`;
  if (form === "local") return `${perPlace.toLocaleString("en")} for each location, not shared`;
  return "one for every pair of input and output";
}

export function drawForms(view, container, choose) {
  const focused = container.contains(document.activeElement);
  container.replaceChildren(...FORMS.map((form) => card(form, view, choose)));
  if (focused) container.querySelector("[aria-checked=true]").focus();
}

function card(form, view, choose) {
  const { geo, state, values } = view;
  const chosen = form === state.form;
  const distance = values.distance(form);
  const equal = distance === 0;
  const verdict = equal ? (chosen ? "shown" : "= equal") : `≠ ${short(distance, 2)} away`;
  const button = html(
    "button",
    {
      type: "button",
      role: "radio",
      "aria-checked": String(chosen),
      tabindex: chosen ? 0 : -1,
      class: "form",
      "data-form": form,
    },
    html("b", {}, title(form, geo)),
    html("span", { class: equal ? "verdict yes" : "verdict no" }, verdict),
    html(
      "span",
      { class: "stores" },
      html("span", { class: "count" }, count(product(weightShape(geo, form)), "weight")),
      html("span", { class: "quiet" }, sharing(form, view)),
    ),
  );
  button.addEventListener("click", () => choose(form));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(FORMS[(FORMS.indexOf(form) + step + FORMS.length) % FORMS.length]);
  });
  return button;
}

/** What is true of the layer, in a sentence or two, with the statement that says so. */
export function statement(view) {
  const { geo, values, state } = view;
  if (values.distance("shared") > 0) return refusal(view);
  if (state.source === "dense" && values.distance("local") > 0) return refusal(view);
  const name = convolutionName(geo);
  if (isPointwise(geo) && geo.places === 1) {
    return "Over a single position a 1×1 convolution is a fully connected layer, weight for weight (S1).";
  }
  if (geo.places === 1) {
    return `This kernel meets the input at one location only, so the ${name} is one fully connected layer (S3).`;
  }
  const layers = `${geo.places.toLocaleString("en")} fully connected layers that share their weights`;
  const drift = " Equal now is not equal under training: unshared copies drift apart (S12).";
  if (isPointwise(geo)) {
    return `A 1×1 convolution over ${geo.places.toLocaleString("en")} positions is ${layers}. Together they are one fully connected layer with M = W ⊗ I (S2).${drift}`;
  }
  return `This ${name} is ${layers}, one at every window. Together they are one fully connected layer whose matrix repeats the kernel (S5).${drift}`;
}

function refusal(view) {
  const { geo, values, state } = view;
  const name = `a ${convolutionName(geo)}`;
  const away = short(values.distance("shared"), 3);
  const [row, column] = firstForbidden(view) ?? [];
  const reason =
    row === undefined
      ? "its locations have different weights, and a convolution has one set"
      : `output ${spot(geo, row, geo.output)} reads input ${spot(geo, column, geo.input)}, and ${name} cannot`;
  const shown =
    state.form === "shared" && state.source !== "shared"
      ? " Shown is the nearest one (the mean over the locations)."
      : "";
  return `This layer is not ${name}: ${reason}. The nearest one is ${away} away (S7).${shown}`;
}

/** The first connection with a weight other than 0 that a convolution lacks. */
function firstForbidden({ geo, values, state }) {
  if (state.source !== "dense" || geo.rows * geo.columns > SEARCHED) return null;
  for (let row = 0; row < geo.rows; row++) {
    for (let column = 0; column < geo.columns; column++) {
      if (localIndex(geo, row, column) < 0 && values.weight("dense", { row, column }) !== 0)
        return [row, column];
    }
  }
  return null;
}
