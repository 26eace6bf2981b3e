// The pinned thing in words and numbers: its formula, term by term, and the field that edits it.

import { withBias, withInput, withMixing, withOuterGradient, withWeights } from "onebyone/edits";
import { html, short } from "onebyone/dom";
import { spot, unflatten, weightShape } from "onebyone/layer";
import { UNITS, WEIGHTS } from "onebyone/mlpconv";
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
  if (WEIGHTS.includes(kind))
    return `${mixingName(view, kind, at[0])} = ${short(mixing(view, kind, at[0]))}`;
  if (kind !== "c") return unitFormula(view, UNITS.indexOf(kind), at[0]);
  const index = view.index(...at);
  const ends = `y${y(at[0])} reads x${spot(geo, at[1], geo.input)}`;
  if (index < 0) return ends.replace("reads", "does not read");
  return `${ends} with ${short(values.weight(form, { row: at[0], column: at[1] }))}`;
}

export function drawDetails(view, links, container, go) {
  const { kind, at } = parse(view.state.pin);
  const draw = {
    o: outputDetails,
    i: inputDetails,
    w: weightDetails,
    c: connectionDetails,
    h: (...rest) => unitDetails(1, ...rest),
    z: (...rest) => unitDetails(2, ...rest),
    u: (...rest) => mixingDetails(1, ...rest),
    v: (...rest) => mixingDetails(2, ...rest),
  }[kind];
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

const mixing = ({ mlpconv }, letter, index) => mlpconv.weights[WEIGHTS.indexOf(letter)][index];

function mixingName({ mlpconv }, letter, index) {
  const shape = mlpconv.shape(WEIGHTS.indexOf(letter));
  return `${letter}(${unflatten(index, shape).join(", ")})`;
}

function unitFormula({ mlpconv, geo, state }, n, unit) {
  const name = `${UNITS[n]}${spot(geo, unit, mlpconv.grid(n))}`;
  const sum = short(mlpconv.sum(n, unit));
  return state.relu
    ? `${name} = ReLU(${sum}) = ${short(mlpconv.unit(n, unit))}`
    : `${name} = ${sum}`;
}

/** A unit after a 1×1 convolution: a fully connected layer on the channels of its location. */
function unitDetails(n, view, links, _go, unit) {
  const { mlpconv } = view;
  const bias = mlpconv.biases[n][Math.floor(unit / view.geo.places)];
  const below = `ReLU(${n === 1 ? "y" : "h"})`;
  const words = `${WEIGHTS[n]} · ${view.state.relu ? below : n === 1 ? "y" : "h"}, summed over the channels at this location:`;
  const found = mlpconv.terms(n, unit);
  return [
    headline(unitFormula(view, n, unit)),
    html("p", {}, words),
    sumOf(
      found.map(({ index, below: one }) => ({
        key: `${WEIGHTS[n]}${index}`,
        factors: [mlpconv.weights[n][index], mlpconv.unit(n - 1, one)],
      })),
      links,
      "+",
      bias || null,
      mlpconv.sum(n, unit),
    ),
  ];
}

function mixingDetails(n, view, links, go, index) {
  const value = view.mlpconv.weights[n][index];
  const places = view.geo.places;
  const used =
    places === 1
      ? "One location uses it."
      : `All ${places.toLocaleString("en")} locations share it.`;
  return [
    headline(`${mixingName(view, WEIGHTS[n], index)} = ${short(value, 5)}`),
    editor("Weight", value, (v) => go(withMixing(view, n, index, v))),
    html("p", {}, used),
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
  const each = entries.slice(0, MOST_TERMS).map((entry) => ({
    key: `c${entry.row},${entry.column}`,
    factors: factors(entry),
    fill: view.state.colour === "sharing" ? view.paint(entry, 1)?.fill : null,
  }));
  return sumOf(each, links, sign, bias, sum, entries.length);
}

/** A sum of products, each of them linked to a key. */
function sumOf(products, links, sign, bias, sum, total = products.length) {
  const list = html("p", { class: "terms" });
  const number = (v) => (v < 0 ? `(${short(v)})` : short(v));
  products.slice(0, MOST_TERMS).forEach(({ key, factors, fill }, n) => {
    const swatch = html("i", { style: fill ? `background:${fill}` : null });
    const term = html("span", { class: "term" }, swatch, factors.map(number).join(" · "));
    if (n) list.append(html("span", { class: "sign" }, sign === "+" ? " + " : " "));
    list.append(links.add(key, term));
  });
  if (total > MOST_TERMS) list.append(` … (${(total - MOST_TERMS).toLocaleString("en")} more)`);
  if (bias !== null) list.append(`${total ? " + " : ""}${number(bias)}`);
  if (sum !== null) list.append(html("b", {}, ` = ${short(sum, 5)}`));
  return list;
}
