// The layer as PyTorch code that runs as it stands; its numbers are linked to the picture.

import { html } from "onebyone/dom";
import { product, weightShape } from "onebyone/layer";
import { UNITS, WEIGHTS } from "onebyone/mlpconv";

const MOST_NUMBERS = 512,
  PER_LINE = 8;

/** The code in pieces: text, or a number with the key of what it stands for. */
export function codeOf(view) {
  const { geo, form, values, state } = view;
  const pieces = ["import torch\nfrom torch import nn\n"];
  if (form === "local") pieces.push("from onebyone import LocallyConnected\n");
  pieces.push(`\nlayer = ${constructor(view)}\n`);
  const stored = product(weightShape(geo, form));
  const biases = state.bias ? (form === "shared" ? geo.O : geo.rows) : 0;
  if (stored + biases <= MOST_NUMBERS) {
    pieces.push("with torch.no_grad():\n    layer.weight.copy_(");
    pieces.push(
      ...tensor(
        stored,
        (n) => values.stored(form, n),
        (n) => `w${n}`,
      ),
      ".reshape(layer.weight.shape))\n",
    );
    if (biases) {
      const row = (n) => (form === "shared" ? n * geo.places : n);
      pieces.push(
        "    layer.bias.copy_(",
        ...tensor(
          biases,
          (n) => values.bias(form, row(n)),
          (n) => `o${row(n)}`,
        ),
        ".reshape(layer.bias.shape))\n",
      );
    }
  } else pieces.push(`# its ${stored.toLocaleString("en")} weights are too many to print here\n`);
  pieces.push(...call(view));
  return pieces;
}

function call(view) {
  const { geo, form, values, state } = view;
  const input = state.dim === 1 ? [geo.C, geo.across.size] : geo.input;
  const output = state.dim === 1 ? [geo.O, geo.across.outputs] : geo.output;
  const apply = form === "dense" ? `layer(x.flatten()).reshape(${output.join(", ")})` : "layer(x)";
  if (geo.columns > MOST_NUMBERS || geo.rows > MOST_NUMBERS) {
    const drawn = `x = torch.randn(${input.join(", ")})\ny = ${apply}`;
    return state.mlp ? [drawn, ...network(view)] : [drawn];
  }
  const pieces = [
    "x = ",
    ...tensor(
      geo.columns,
      (n) => values.input(n),
      (n) => `i${n}`,
    ),
    `.reshape(${input.join(", ")})\ny = ${apply}\n# y = `,
  ];
  pieces.push(
    ...list(
      geo.rows,
      (n) => Number(values.output(form, n).toPrecision(6)),
      (n) => `o${n}`,
      "# ",
    ),
  );
  if (!state.back) return state.mlp ? pieces.concat(network(view)) : pieces;
  pieces.push(
    "\ny.backward(",
    ...tensor(
      geo.rows,
      (n) => values.outerGradient(n),
      (n) => `o${n}`,
    ),
    ".reshape(y.shape))\n",
  );
  const stored = product(weightShape(geo, form));
  if (stored > MOST_NUMBERS) return pieces;
  return pieces.concat(
    "# layer.weight.grad = ",
    list(
      stored,
      (n) => Number(values.gradient(form, n).toPrecision(6)),
      (n) => `w${n}`,
      "# ",
    ),
  );
}

/** What an mlpconv does with the layer's outputs. */
function network({ mlpconv, geo, state }) {
  const [first, second, third] = mlpconv.channels;
  const relu = state.relu ? ".relu()" : "";
  const make = (name, before, after) => `${name} = nn.Conv${geo.dim}d(${before}, ${after}, 1)\n`;
  const pieces = ["\n", make("second", first, second), make("third", second, third)];
  const apply = `z = third(second(y${relu})${relu})${relu}\n`;
  const units = third * geo.places;
  if (Math.max(first * second, second * third, units, geo.rows) > MOST_NUMBERS)
    return pieces.concat("# their weights are too many to print here\n", apply);
  pieces.push("with torch.no_grad():\n");
  for (const [n, name] of [
    [1, "second"],
    [2, "third"],
  ]) {
    const [rows, columns] = mlpconv.shape(n);
    const weight = tensor(
      rows * columns,
      (i) => mlpconv.weights[n][i],
      (i) => `${WEIGHTS[n]}${i}`,
    );
    const unit = (o) => `${UNITS[n]}${o * geo.places}`;
    const bias = tensor(rows, (o) => mlpconv.biases[n][o], unit);
    pieces.push(`    ${name}.weight.copy_(`, ...weight, `.reshape(${name}.weight.shape))\n`);
    pieces.push(`    ${name}.bias.copy_(`, ...bias, ")\n");
  }
  const value = (n) => Number(mlpconv.unit(2, n).toPrecision(6));
  return pieces.concat(
    apply,
    "# z = ",
    list(units, value, (n) => `z${n}`, "# "),
  );
}

function constructor({ geo, form, state }) {
  const bias = state.bias ? "" : ", bias=False";
  if (form === "dense") return `nn.Linear(${geo.columns}, ${geo.rows}${bias})`;
  const flat = state.dim === 1;
  const brief = (pair) =>
    flat ? String(pair[1]) : pair[0] === pair[1] ? String(pair[0]) : `(${pair.join(", ")})`;
  const differs = (pair, usual) => (flat ? [pair[1]] : pair).some((n) => n !== usual);
  const options = [
    ["stride", state.s, 1],
    ["dilation", state.d, 1],
  ]
    .filter(([, pair, usual]) => differs(pair, usual))
    .map(([name, pair]) => `, ${name}=${brief(pair)}`);
  if (differs(state.e, 0)) options.push(', padding="same"');
  else if (differs(state.p, 0)) options.push(`, padding=${brief(state.p)}`);
  if (geo.groups > 1) options.push(`, groups=${geo.groups}`);
  const input = flat ? [geo.C, geo.across.size] : geo.input;
  const name =
    form === "local" ? `LocallyConnected((${input.join(", ")})` : `nn.Conv${state.dim}d(${geo.C}`;
  return `${name}, ${geo.O}, ${brief(state.k)}${options.join("")}${bias})`;
}

const tensor = (n, value, key) => ["torch.tensor(", ...list(n, value, key, "    "), ")"];

/** A number as Python reads a float. */
const float = (value) =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.` : String(value);

function list(n, value, key, indent) {
  const pieces = ["["];
  for (let i = 0; i < n; i++) {
    if (i) pieces.push(i % PER_LINE ? ", " : `,\n${indent}    `);
    pieces.push({ key: key(i), text: float(value(i)) });
  }
  return [...pieces, "]"];
}

export function drawCode(view, links, container) {
  const pieces = codeOf(view).map((piece) =>
    typeof piece === "string"
      ? piece
      : links.add(piece.key, html("span", { class: "number" }, piece.text)),
  );
  container.replaceChildren(...pieces);
}
