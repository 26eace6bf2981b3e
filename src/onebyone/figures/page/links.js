// Everything that stands for the same thing lights up together. Views register their elements by
// key: o5 an output, i3 an input, c5,3 a connection, w1 a stored weight.

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
    const elements = key ? [...keysOf(view, key)].flatMap((one) => this.get(one)) : [];
    for (const element of elements) element.classList.add(name);
    return elements;
  }
}

/** The keys of everything that belongs to a key. */
export function keysOf(view, key) {
  const focus = parse(key);
  const keys = new Set([key]);
  if (focus.kind === "c") keys.add(`o${focus.at[0]}`).add(`i${focus.at[1]}`);
  for (const { row, column, index } of view.entries(focus)) {
    keys.add(`o${row}`).add(`i${column}`).add(`c${row},${column}`).add(`w${index}`);
  }
  return keys;
}
