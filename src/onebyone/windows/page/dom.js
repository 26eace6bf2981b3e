// Elements in one call, and the page's data.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat());
  return element;
}

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);
export const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
/** A layer's name, which may be broken behind its dots. */
export const breakable = (name) =>
  name.split(/(?<=\.)/).flatMap((part, k) => (k ? [document.createElement("wbr"), part] : [part]));
export const byId = (id) => document.getElementById(id);

export const data = JSON.parse(byId("data").textContent);
