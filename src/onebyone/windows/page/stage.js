// The image and the window on it: by pointer, keys and sliders.

import { byId, data, html } from "sharing/dom";
import { percent } from "sharing/strips";

const plane = data.size.length > 1 ? [data.size.length - 2, data.size.length - 1] : [null, 0];
const clamp = (k, index) => Math.max(0, Math.min(data.grid[k] - 1, index));
const TALL = 230; // of the image, at most, in CSS pixels

/** Places an element over the image: from the first pixel along each axis, so many pixels. */
function place(element, from, sizes) {
  const [[top, height], [left, width]] = plane.map((k) =>
    k === null ? [0, 1] : [from[k] / data.size[k], sizes[k] / data.size[k]]);
  Object.assign(element.style, {
    top: percent(top), left: percent(left), height: percent(height), width: percent(width),
  });
}

const corner = (window) => window.map((index, k) => index * data.stride[k]);

export function drawStage(window, relatives) {
  place(byId("window"), corner(window), data.window);
  const first = relatives.map(({ first }) => first);
  const spans = relatives.map(({ first, last }, k) => (last - first) * data.stride[k] + data.window[k]);
  place(byId("others"), corner(first), spans);
  window.forEach((index, k) => {
    byId(`window${k}`).value = index;
    byId(`at${k}`).textContent = `${index} of ${data.grid[k] - 1}`;
  });
}

function addSliders(move, window) {
  byId("sliders").append(...data.axes.map((axis, k) => html("label", {},
    html("span", {}, html("span", { class: "hidden" }, "Window "), axis),
    html("input", { type: "range", id: `window${k}`, min: 0, max: data.grid[k] - 1, value: 0 }),
    html("output", { id: `at${k}`, for: `window${k}` }))));
  data.axes.forEach((_, k) => byId(`window${k}`).addEventListener("input", (event) =>
    move(window().map((index, j) => (j === k ? event.target.valueAsNumber : index)))));
}

/** @param actions window: reads which is chosen; move: chooses another. */
export function addStage({ window, move }) {
  const stage = byId("stage");
  const [height, width] = plane.map((k) => (k === null ? 0 : data.size[k]));
  byId("picture").hidden = !data.picture;
  if (data.picture) byId("picture").src = data.picture;
  const shape = height ? width / height : 1e9;
  stage.style.aspectRatio = height ? `${width} / ${height}` : "auto";
  stage.style.maxWidth = `max(48px, ${Math.round(TALL * shape)}px)`;
  addSliders(move, window);
  let grip = null; // where in the window it is held, as a share of the image

  const under = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
  };
  const follow = (event) => {
    const found = [...window()];
    under(event).forEach((share, j) => {
      const k = plane[j];
      if (k !== null) found[k] = clamp(k, Math.round(((share - grip[j]) * data.size[k]) / data.stride[k]));
    });
    move(found);
  };
  stage.addEventListener("pointerdown", (event) => {
    const at = corner(window());
    const held = byId("window").contains(event.target);
    const shares = under(event);
    grip = plane.map((k, j) => {
      if (k === null) return 0;
      return held ? shares[j] - at[k] / data.size[k] : data.window[k] / 2 / data.size[k];
    });
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => grip && follow(event));
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (grip = null));

  stage.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [1, -1], ArrowRight: [1, 1] };
    const [j, step] = steps[event.key] ?? [];
    if (j === undefined || plane[j] === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const k = plane[j];
    const by = event.shiftKey ? 10 * step : step;
    move(window().map((index, axis) => (axis === k ? clamp(k, index + by) : index)));
  });
}
