// Elements, and the page's data.

import { byId } from "shared/elements";

export { byId, html, svg } from "shared/elements";

/** A layer's name, which may be broken behind its dots. */
export const breakable = (name) =>
  name.split(/(?<=\.)/).flatMap((part, k) => (k ? [document.createElement("wbr"), part] : [part]));

export const data = JSON.parse(byId("data").textContent);
