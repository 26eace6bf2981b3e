// Elements, and numbers as text.

export { byId, html, svg } from "shared/elements";

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
