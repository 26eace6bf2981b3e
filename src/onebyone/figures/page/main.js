// The page: one state, in the URL; four linked views of it, drawn anew when it changes.

import { drawCode } from "onebyone/code";
import { addControls, showControls } from "onebyone/controls";
import { describe, drawDetails } from "onebyone/details";
import { byId } from "onebyone/dom";
import { drawForms, statement } from "onebyone/forms";
import { addKeyboard } from "onebyone/keyboard";
import { problem, spot } from "onebyone/layer";
import { Links } from "onebyone/links";
import { drawMatrix } from "onebyone/matrix";
import { drawNetwork } from "onebyone/network";
import { drawSheets } from "onebyone/sheets";
import { fromFragment, pinExists, startOf, toFragment } from "onebyone/state";
import { drawStored } from "onebyone/stored";
import { MOST_TRAINED, stepped } from "onebyone/training";
import { prepare } from "onebyone/values";
import { View } from "onebyone/view";

const given = prepare(JSON.parse(byId("layer").textContent));
const start = startOf(given);
const links = new Links();
let state,
  view,
  hovered = "";

function go(next) {
  state = pinExists(next) ? next : { ...next, pin: "" };
  render();
  const fragment = toFragment(state, start);
  if (location.hash.slice(1) !== fragment) location.hash = fragment;
}

function readLink() {
  try {
    byId("notice").textContent = "";
    return fromFragment(location.hash.slice(1), start);
  } catch (error) {
    byId("notice").textContent = `${error.message} Shown is the starting view.`;
    return { ...start, edits: {} };
  }
}

function render() {
  const focused = focusedPlace();
  view = new View(state, given);
  links.clear();
  drawForms(view, byId("forms"), (form) =>
    go({ ...state, form, pin: state.pin[0] === "w" ? "" : state.pin }),
  );
  byId("statement").textContent = statement(view);
  byId("sheets-note").textContent = drawSheets(view, links, byId("sheets"));
  byId("matrix-note").textContent = drawMatrix(view, links, byId("matrix"));
  drawNetwork(view, links);
  drawStored(view, links, byId("stored"));
  drawDetails(view, links, byId("details"), go);
  drawCode(view, links, byId("code"));
  showControls(state);
  showModes();
  links.pin(view, state.pin);
  point("");
  focused?.();
  document.documentElement.dataset.ready = "true";
}

function showModes() {
  const { geo } = view;
  for (const box of document.querySelectorAll("[name=colour]"))
    box.checked = box.value === state.colour;
  for (const box of document.querySelectorAll("[name=back]"))
    box.checked = Number(box.value) === state.back;
  document.body.dataset.colour = state.colour;
  for (const name of ["mlp", "relu"]) byId(name).checked = Boolean(state[name]);
  state.m.forEach((channels, n) => (byId(`m${n}`).value = channels));
  byId("train").hidden = !state.back || view.stored > MOST_TRAINED;
  byId("stored-title").textContent = state.back
    ? "Gradients of the stored weights"
    : "Stored weights";
  byId("size").textContent = `${geo.rows.toLocaleString("en")}×${geo.columns.toLocaleString("en")}`;
  const row = state.pin[0] === "o" ? Number(state.pin.slice(1)) : view.place;
  Object.assign(byId("step"), { max: geo.rows - 1, value: row });
  byId("position").textContent = `output ${spot(geo, row, geo.output)}`;
}

/** A call that gives the focus back to the same thing after the views are drawn anew. */
function focusedPlace() {
  const element = document.activeElement;
  const key = element?.dataset?.key,
    home = element?.closest?.("section");
  if (!key || !home) return null;
  return () =>
    links
      .get(key)
      .find((one) => home.contains(one) && one.hasAttribute("tabindex"))
      ?.focus();
}

function pin(key) {
  go({ ...state, pin: key === state.pin ? "" : key });
}

function focus(key, from) {
  const home = from.closest("section");
  const find = () =>
    links.get(key).find((one) => home.contains(one) && one.hasAttribute("tabindex"));
  if (!find()) go({ ...state, pin: key }); // the window moves there
  find()?.focus();
}

/** Light what is under the pointer or the focus, and say what it is. */
function point(key, element) {
  hovered = key;
  links.light(view, key);
  const tip = byId("tip");
  tip.hidden = !key;
  if (!key) return;
  tip.textContent = describe(view, key);
  const box = element.getBoundingClientRect();
  const width = tip.offsetWidth;
  tip.style.left = `${Math.max(8, Math.min(innerWidth - width - 8, box.left + box.width / 2 - width / 2))}px`;
  const below = key[0] === "o" || box.top < 48; // above an output are its wires
  tip.style.top = `${below ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px`;
}

function addPointer() {
  const keyed = (event) => event.target.closest?.("[data-key]");
  document.addEventListener("pointerover", (event) => {
    const element = keyed(event),
      key = element?.dataset.key ?? "";
    if (key !== hovered) point(key, element);
  });
  document.addEventListener("focusin", (event) =>
    point(keyed(event)?.dataset.key ?? "", keyed(event)),
  );
  document.addEventListener("click", (event) => {
    const element = keyed(event);
    if (element && !element.closest("#code")) pin(element.dataset.key);
  });
  document.addEventListener("scroll", () => (byId("tip").hidden = true), true);
}

function addModes() {
  for (const box of document.querySelectorAll("[name=colour]"))
    box.addEventListener("change", () => go({ ...state, colour: box.value }));
  for (const box of document.querySelectorAll("[name=back]"))
    box.addEventListener("change", () => go({ ...state, back: Number(box.value) }));
  byId("mlp").addEventListener("change", () =>
    go({
      ...state,
      mlp: Number(byId("mlp").checked),
      pin: "huvz".includes(state.pin[0]) ? "o0" : state.pin,
    }),
  );
  byId("relu").addEventListener("change", () =>
    go({ ...state, relu: Number(byId("relu").checked) }),
  );
  for (const n of [0, 1]) byId(`m${n}`).addEventListener("change", resize);
  const step = (row) => go({ ...state, pin: `o${(row + view.geo.rows) % view.geo.rows}` });
  byId("previous").addEventListener("click", () => step(byId("step").valueAsNumber - 1));
  byId("next").addEventListener("click", () =>
    step(state.pin[0] === "o" ? byId("step").valueAsNumber + 1 : 0),
  );
  byId("step").addEventListener("input", () => {
    const row = byId("step").valueAsNumber; // while it slides; letting go pins
    links.light(view, `o${row}`);
    byId("position").textContent = `output ${spot(view.geo, row, view.geo.output)}`;
  });
  byId("step").addEventListener("change", () => step(byId("step").valueAsNumber));
  byId("train").addEventListener("click", () => go(stepped(view.values, state.form)));
  byId("reset").addEventListener("click", () => go({ ...start, edits: {} }));
  byId("copy").addEventListener("click", copy);
}

/** Take the channels after the 1×1 convolutions from their fields. */
function resize() {
  const m = [0, 1].map((n) => byId(`m${n}`).valueAsNumber);
  const trouble = problem({ ...state, m });
  byId("notice").textContent = trouble;
  if (trouble) showModes();
  else go({ ...state, m });
}

async function copy() {
  try {
    await navigator.clipboard.writeText(byId("code").textContent);
    byId("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(byId("code")); // a frame may not write the clipboard
    byId("copy").textContent = "Selected";
  }
  setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
}

addControls(() => state, go);
addKeyboard({ read: () => view, pin, focus });
addPointer();
addModes();
addEventListener("hashchange", () => {
  const next = readLink();
  if (toFragment(next, start) !== toFragment(state, start)) {
    state = next;
    render();
  }
});
let width = innerWidth; // a phone's keyboard changes the height only
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  render();
});
state = readLink();
render();
