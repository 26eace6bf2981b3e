// Elements in one call, numbers as text.

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
export const byId = (id) => document.getElementById(id);

/** A number in few characters, with a real minus sign. */
export function short(value, digits = 3) {
  const text = String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−").replace(/e\+?/, "·10^");
}

/** A number for a cell: two decimals at most; 0.00, without a sign, for what is small but not 0. */
export function tiny(value) {
  const size = Math.abs(value);
  if (size >= 1e4) return short(value, 2);
  const decimals = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(decimals);
  return Number(text) ? String(Number(text)).replace("-", "−") : text.replace("-", "");
}

export const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
