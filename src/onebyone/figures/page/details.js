// The pinned thing in words and numbers: its formula, term by term, and the field that edits it.

import { withBias, withInput, withOuterGradient, withWeights } from "onebyone/edits";
import { html, short } from "onebyone/dom";
import { spot, weightShape } from "onebyone/layer";
import { parse } from "onebyone/view";

const MOST_TERMS = 24;

/** One line that says what a key stands for, and its value. */
export function describe(view, key) {
  const { values, geo, form, state } = view;
  const { kind, at } = parse(key);
  if (kind === "i") return `x${spot(geo, at[0], geo.input)} = ${short(values.input(at[0]))}`;
  const y = (row) => spot(geo, row, geo.output);
  if (kind === "o") {
    return state.back
      ? `∂L/∂y${y(at[0])} = ${short(values.outerGradient(at[0]))}`
      : `y${y(at[0])} = ${short(values.output(form, at[0]))}`;
  }
  if (kind === "w") {
    const name = `W${spot(geo, at[0], weightShape(geo, form))}`;
    return state.back
      ? `∂L/∂${name} = ${short(values.gradient(form, at[0]))}`
      : `${name} = ${short(values.stored(form, at[0]))}`;
  }
  const index = view.index(...at);
  const ends = `y${y(at[0])} reads x${spot(geo, at[1], geo.input)}`;
  if (index < 0) return ends.replace("reads", "does not read");
  return `${ends} with ${short(values.weight(form, { row: at[0], column: at[1] }))}`;
}

export function drawDetails(view, links, container, go) {
  const { kind, at } = parse(view.state.pin);
  const draw = { o: outputDetails, i: inputDetails, w: weightDetails, c: connectionDetails }[kind];
  const nothing = [
    html(
      "p",
      { class: "quiet" },
      "Click a cell, a wire or a weight to pin it and see its numbers.",
    ),
  ];
  container.replaceChildren(...(draw ? draw(view, links, go, ...at) : nothing));
}

function outputDetails(view, links, go, row) {
  const { values, geo, form, state } = view;
  const entries = view.entries({ kind: "o", at: [row] });
  const name = `y${spot(geo, row, geo.output)}`;
  if (state.back) {
    return [
      headline(`∂L/∂${name} = ${short(values.outerGradient(row))}`),
      editor("Gradient here", values.outerGradient(row), (v) =>
        go(withOuterGradient(values, row, v)),
      ),
      html(
        "p",
        {},
        `It adds this × input to the gradient of each of the ${entries.length.toLocaleString("en")} weights that this output uses:`,
      ),
      terms(
        view,
        links,
        entries,
        (e) => [values.outerGradient(row), values.input(e.column)],
        "and",
      ),
    ];
  }
  const bias = values.bias(form, row);
  const parts = [
    headline(
      `${name} = ${entries.length ? `Σ W · x${state.bias ? " + bias" : ""}` : "0"} = ${short(values.output(form, row), 5)}`,
    ),
  ];
  parts.push(
    terms(
      view,
      links,
      entries,
      (e) => [values.weight(form, e), values.input(e.column)],
      "+",
      state.bias ? bias : null,
      values.output(form, row),
    ),
  );
  if (state.bias)
    parts.push(
      editor(form === "shared" ? "Bias of the channel" : "Bias of this output", bias, (v) =>
        go(withBias(values, form, row, v)),
      ),
    );
  return parts;
}

function inputDetails(view, links, go, column) {
  const { values, geo, form, state } = view;
  const entries = view.entries({ kind: "i", at: [column] });
  const name = `x${spot(geo, column, geo.input)}`;
  const edit = editor("Input", values.input(column), (v) => go(withInput(values, column, v)));
  const readers = `${entries.length.toLocaleString("en")} output${entries.length === 1 ? " reads" : "s read"} it`;
  if (!state.back) {
    return [
      headline(`${name} = ${short(values.input(column))}`),
      edit,
      html("p", {}, entries.length ? `${readers}, with these weights:` : "No output reads it."),
      terms(view, links, entries, (e) => [values.weight(form, e)], "and"),
    ];
  }
  const sum = values.inputGradient(form, column);
  return [
    headline(`∂L/∂${name} = Σ ∂L/∂y · W = ${short(sum, 5)}`),
    html("p", {}, `${readers}.`),
    terms(
      view,
      links,
      entries,
      (e) => [values.outerGradient(e.row), values.weight(form, e)],
      "+",
      null,
      sum,
    ),
    edit,
  ];
}

function weightDetails(view, links, go, index) {
  const { values, geo, form, state } = view;
  const entries = view.entries({ kind: "w", at: [index] });
  const name = `W${spot(geo, index, weightShape(geo, form))}`;
  const value = values.stored(form, index);
  const edit = editor("Weight", value, (v) => go(withWeights(values, form, [[index, v]])));
  if (state.back) {
    const sum = values.gradient(form, index);
    const many =
      entries.length === 1
        ? "It is used at one location only, so its gradient has one term."
        : `S12: the gradient of a shared weight is the sum over its ${entries.length.toLocaleString("en")} locations.`;
    return [
      headline(`∂L/∂${name} = Σ ∂L/∂y · x = ${short(sum, 5)}`),
      html("p", {}, many),
      terms(
        view,
        links,
        entries,
        (e) => [values.outerGradient(e.row), values.input(e.column)],
        "+",
        null,
        sum,
      ),
      edit,
    ];
  }
  const used =
    entries.length === 1
      ? "One connection uses it."
      : `${entries.length.toLocaleString("en")} connections share it: one for each location that it serves.`;
  return [headline(`${name} = ${short(value, 5)}`), edit, html("p", {}, used)];
}

function connectionDetails(view, links, go, row, column) {
  const index = view.index(row, column);
  if (index >= 0) {
    return [
      html("p", { class: "quiet" }, `${describe(view, `c${row},${column}`)}.`),
      ...weightDetails(view, links, go, index),
    ];
  }
  return [
    headline(`${describe(view, `c${row},${column}`)}`),
    html(
      "p",
      {},
      "There is no connection here. One fully connected layer has one, with a weight of its own: switch to it to edit it.",
    ),
  ];
}

const headline = (text) => html("p", { class: "formula" }, text);

function editor(name, value, set) {
  const field = html("input", { type: "number", step: "any", value: Number(value.toPrecision(7)) });
  field.addEventListener(
    "change",
    () => Number.isFinite(field.valueAsNumber) && set(field.valueAsNumber),
  );
  return html("label", { class: "edit" }, `${name} `, field);
}

/** The terms of a sum, each linked to its connection. */
function terms(view, links, entries, factors, sign, bias = null, sum = null) {
  const list = html("p", { class: "terms" });
  const number = (v) => (v < 0 ? `(${short(v)})` : short(v));
  entries.slice(0, MOST_TERMS).forEach((entry, n) => {
    const paint = view.paint(entry, 1);
    const swatch = html("i", {
      style: paint && view.state.colour === "sharing" ? `background:${paint.fill}` : null,
    });
    const term = html("span", { class: "term" }, swatch, factors(entry).map(number).join(" · "));
    if (n) list.append(html("span", { class: "sign" }, sign === "+" ? " + " : " "));
    list.append(links.add(`c${entry.row},${entry.column}`, term));
  });
  if (entries.length > MOST_TERMS)
    list.append(` … (${(entries.length - MOST_TERMS).toLocaleString("en")} more)`);
  if (bias !== null) list.append(`${entries.length ? " + " : ""}${number(bias)}`);
  if (sum !== null) list.append(html("b", {}, ` = ${short(sum, 5)}`));
  return list;
}
