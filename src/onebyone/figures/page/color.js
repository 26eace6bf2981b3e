// Colours: one for each weight that is shared, a soft one for each location, and a signed scale
// from orange (negative) over the page's own ground to blue (positive). As in palette.py.

const BASE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
const PLACES = ["#F3DC8C", "#B7E0C4", "#D8C8F0", "#F6C6C6"];
const GOLDEN_ANGLE = 0.381966;

function fromHls(hue, lightness, saturation) {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n) => {
    const k = (n + hue * 12) % 12;
    const value = lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value)
      .toString(16)
      .padStart(2, "0")
      .toUpperCase();
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

export function weightColor(index) {
  if (index < BASE.length) return BASE[index];
  return fromHls((index * GOLDEN_ANGLE) % 1, [0.42, 0.58, 0.5][index % 3], 0.55);
}

export function placeColor(index) {
  return index < PLACES.length ? PLACES[index] : fromHls((index * GOLDEN_ANGLE) % 1, 0.84, 0.55);
}

export function inkOn(color) {
  const linear = [1, 3, 5].map((i) => {
    const c = parseInt(color.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance < 0.3 ? "#FFFFFF" : "#000000";
}

/** Fill and ink of a value on the signed scale whose ends are ±limit. */
export function signed(value, limit) {
  const share = limit ? Math.min(1, Math.abs(value) / limit) : 0;
  const end = value < 0 ? "var(--negative)" : "var(--positive)";
  const fill = `color-mix(in oklab, ${end} ${Math.round(100 * share)}%, var(--neutral))`;
  return { fill, ink: share > 0.55 ? "#FFFFFF" : "var(--ink)" };
}

/** The end of the signed scale for some values. */
export const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
