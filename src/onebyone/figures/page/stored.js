// The stored weights as one chip each: kernels side by side, once for all locations or once for
// each; for one fully connected layer, an input grid of weights for each output.

import { signed } from "onebyone/color";
import { html, short, tiny } from "onebyone/dom";
import { flatten, product, spot, unflatten, weightEntries, weightShape } from "onebyone/layer";

const MOST = 128;

export function drawStored(view, links, container) {
  const { geo, form, state } = view;
  const shape = weightShape(geo, form);
  const total = product(shape);
  const chips = Math.min(total, MOST);
  const limit = state.colour === "values" ? largest(view, chips) : 1;
  const boxes = new Map();
  for (let index = 0; index < chips; index++) {
    const at = unflatten(index, shape);
    const kernel = at.slice(-2).every((n) => n === 0);
    const title =
      form === "shared"
        ? `output channel ${at[0]}`
        : `output ${spot(geo, flatten(at.slice(0, 3), geo.output), geo.output)}`;
    if (!boxes.has(title))
      boxes.set(title, html("div", { class: "box" }, html("span", { class: "label" }, title)));
    const box = boxes.get(title);
    if (kernel)
      box.append(
        html("div", {
          class: "kernel",
          style: `grid-template-columns:repeat(${shape.at(-1)},auto)`,
        }),
      );
    box.lastChild.append(chip(view, links, index, limit, index === 0));
  }
  const rest =
    total > chips
      ? [
          html(
            "p",
            { class: "quiet" },
            `The first ${chips} of ${total.toLocaleString("en")} weights.`,
          ),
        ]
      : [];
  container.replaceChildren(...boxes.values(), ...rest);
}

function shownOf({ values, form, state }, index) {
  return state.back ? values.gradient(form, index) : values.stored(form, index);
}

function largest(view, chips) {
  let limit = 0;
  for (let index = 0; index < chips; index++)
    limit = Math.max(limit, Math.abs(shownOf(view, index)));
  return limit;
}

function chip(view, links, index, limit, first) {
  const value = shownOf(view, index);
  const [entry] = weightEntries(view.geo, view.form, index);
  const paint =
    view.state.colour === "values" ? signed(value, limit) : entry ? view.paint(entry, limit) : null;
  const button = html(
    "button",
    {
      type: "button",
      class: "chip",
      tabindex: first ? 0 : -1,
      "aria-label": `${view.state.back ? "gradient of weight" : "weight"} ${spot(view.geo, index, weightShape(view.geo, view.form))}: ${short(value)}`,
      style: paint ? `background:${paint.fill};color:${paint.ink}` : null,
    },
    tiny(value),
  );
  button.dataset.value = value;
  return links.add(`w${index}`, button);
}

/** The stored weight beside another one: `step` on along an axis of the shape. */
export function beside({ geo, form }, index, down, across) {
  const shape = weightShape(geo, form);
  const at = unflatten(index, shape);
  const last = shape.length - 1;
  if (down && at[last - 1] + down >= 0 && at[last - 1] + down < shape[last - 1]) {
    at[last - 1] += down;
    return flatten(at, shape);
  }
  const next = index + (across || down);
  return next >= 0 && next < product(shape) ? next : index;
}
