// Everything that stands for the same thing lights up together. Views register their elements by
// key: o5 an output, i3 an input, c5,3 a connection, w1 a stored weight; of an mlpconv h5 and z5
// units, u1 and v1 weights.

import { belongingAbove } from "onebyone/mlpconv";
import { parse } from "onebyone/view";

export class Links {
  #elements = new Map();
  #lit = [];
  #pinned = [];

  clear() {
    this.#elements.clear();
    this.#lit = this.#pinned = [];
  }

  add(key, element) {
    element.dataset.key = key;
    if (!this.#elements.has(key)) this.#elements.set(key, []);
    this.#elements.get(key).push(element);
    return element;
  }

  get(key) {
    return this.#elements.get(key) ?? [];
  }

  /** Light what belongs to a key; the rest steps back. Without a key nothing is lit. */
  light(view, key) {
    document.body.classList.toggle("linked", Boolean(key));
    this.#lit = this.#mark(view, key, "lit", this.#lit);
  }

  /** Outline what belongs to the pinned key. */
  pin(view, key) {
    this.#pinned = this.#mark(view, key, "pinned", this.#pinned);
    for (const element of this.get(key)) element.classList.add("pin");
  }

  #mark(view, key, name, before) {
    for (const element of before) element.classList.remove(name);
    const belongs = key ? belonging(view, key) : () => false;
    const elements = [...this.#elements]
      .filter(([one]) => belongs(one))
      .flatMap(([, found]) => found);
    for (const element of elements) element.classList.add(name);
    return elements;
  }
}

/** Whether a key belongs to what another key stands for. */
function belonging(view, key) {
  const { kind, at } = parse(key);
  const entries = view.entries({ kind, at });
  const rows = new Set(entries.map((entry) => entry.row));
  const columns = new Set(entries.map((entry) => entry.column));
  const weights = new Set(entries.map((entry) => entry.index));
  if (kind === "c") rows.add(at[0]) && columns.add(at[1]); // also where there is no connection
  const above = belongingAbove(view, { kind, at }, rows);
  const uses = (row, column) => {
    const index = view.index(row, column);
    return (
      index >= 0 &&
      ({ o: row === at[0], i: column === at[0], w: index === at[0] }[kind] ??
        ("hz".includes(kind) && above.o(row)))
    );
  };
  const tests = {
    ...above,
    o: (n) => rows.has(n) || above.o(n),
    i: (n) => columns.has(n),
    w: (n) => weights.has(n),
    c: uses,
  };
  return (name) => {
    if (name === key) return true;
    const other = parse(name);
    return tests[other.kind](...other.at);
  };
}
