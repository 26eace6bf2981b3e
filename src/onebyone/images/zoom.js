/* Zoom and pan: the scene fills the stage, and is larger than it where one has zoomed in. */

const STEP = 1.5; // of a button or a key
const REST = 300; // milliseconds after which a wheel that zoomed out scrolls the page again
const CELL = 64; // screen pixels of a cell at the most
const PIXEL = 8; // and of a pixel of the picture, where that is more

const [stage, scene, tools] = ["stage", "scene", "tools"].map((id) => document.getElementById(id));
const [closer, farther, whole] = ["closer", "farther", "whole"].map((id) => document.getElementById(id));
const view = { scale: 1, x: 0, y: 0 }; // x and y of the corner that is seen, in shares of the image
const fingers = new Map(); // pointers that are down, and where

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

function mostScale() {
  const width = stage.clientWidth || 1;
  const columns = document.getElementById("map").width;
  const pixels = document.getElementById("image").naturalWidth;
  return Math.max(8, (CELL * columns) / width, (PIXEL * pixels) / width);
}

function show() {
  const { scale } = view;
  view.x = clamp(view.x, 0, 1 - 1 / scale);
  view.y = clamp(view.y, 0, 1 - 1 / scale);
  scene.style.width = scene.style.height = `${100 * scale}%`;
  scene.style.left = `${-100 * scale * view.x}%`;
  scene.style.top = `${-100 * scale * view.y}%`;
  const picture = document.getElementById("image");
  picture.classList.toggle("pixels", scale > 1 && scale * stage.clientWidth > 4 * picture.naturalWidth);
  stage.classList.toggle("zoomed", scale > 1);
  document.getElementById("level").textContent = `${Math.round(100 * scale)} %`;
  farther.disabled = whole.disabled = scale === 1;
  closer.disabled = scale === mostScale();
}

/** The place of a point on the screen, in shares of the stage. */
function within(clientX, clientY) {
  const box = stage.getBoundingClientRect();
  return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
}

/** Zooms; what lies at u, v of the stage stays there. */
function zoom(scale, [u, v]) {
  const next = clamp(scale, 1, mostScale());
  view.x += u / view.scale - u / next;
  view.y += v / view.scale - v / next;
  view.scale = next;
  show();
}

/** Moves the image by pixels of the screen. */
function pan(right, down) {
  view.x -= right / (view.scale * stage.clientWidth);
  view.y -= down / (view.scale * stage.clientHeight);
  show();
}

/** The middle of the window that is looked at, where it is seen; else of the stage. */
function middle() {
  const box = document.getElementById("window").getBoundingClientRect();
  const place = within(box.left + box.width / 2, box.top + box.height / 2);
  return box.width && place.every((share) => share >= 0 && share <= 1) ? place : [0.5, 0.5];
}

/** Moves the image so that the window is seen, whole where there is room. */
function follow() {
  const seen = stage.getBoundingClientRect();
  const box = document.getElementById("window").getBoundingClientRect();
  const by = (from, to, least, most) => {
    if (to - from > most - least) return (least + most - from - to) / 2;
    return Math.max(0, least - from) + Math.min(0, most - to);
  };
  pan(by(box.left, box.right, seen.left, seen.right), by(box.top, box.bottom, seen.top, seen.bottom));
}

let turned = -Infinity; // when the wheel zoomed last
stage.addEventListener("wheel", (event) => {
  const scrolls = event.deltaY >= 0 && view.scale === 1 && !event.ctrlKey;
  if (scrolls && event.timeStamp - turned > REST) return;
  event.preventDefault();
  if (!scrolls) turned = event.timeStamp;
  const pixels = event.deltaY * [1, 16, stage.clientHeight][event.deltaMode];
  const speed = event.ctrlKey ? 0.01 : 0.002; // a pinch on a touchpad is a wheel of small steps
  zoom(view.scale * Math.exp(-clamp(speed * pixels, -0.5, 0.5)), within(event.clientX, event.clientY));
}, { passive: false });

stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  stage.setPointerCapture(event.pointerId);
});

stage.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  fingers.set(event.pointerId, now);
  if (fingers.size === 1) return pan(now[0] - before[0], now[1] - before[1]);
  event.stopImmediatePropagation(); // two fingers point at nothing
  const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
  const apart = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
  pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  zoom((view.scale * apart(now)) / apart(before), within((now[0] + other[0]) / 2, (now[1] + other[1]) / 2));
});

for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => fingers.delete(event.pointerId));
}

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const scale = { "+": view.scale * STEP, "=": view.scale * STEP, "-": view.scale / STEP, "0": 1 }[event.key];
  if (!scale) return;
  event.preventDefault();
  zoom(scale, middle());
});

stage.addEventListener("moved", follow);
closer.addEventListener("click", () => zoom(view.scale * STEP, middle()));
farther.addEventListener("click", () => zoom(view.scale / STEP, middle()));
whole.addEventListener("click", () => zoom(1, middle()));
new ResizeObserver(show).observe(stage);
tools.hidden = false;
