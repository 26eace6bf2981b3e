// The list of layers: runs of alike layers, each folded or not, and its keyboard.

import { breakable, byId, data, html } from "sharing/dom";
import { strip } from "sharing/strips";
import { counted, saved } from "sharing/words";

const runName = (layers) => {
  const [first, last] = [layers[0].name, layers.at(-1).name];
  return first === last ? first : `${first} … ${last}`;
};

/** The rows that are shown: a run, or one layer. */
export function rowsOf(open) {
  return data.runs.flatMap(([first, stop], run) => {
    const layers = data.layers.slice(first, stop);
    if (layers.length === 1) return [{ key: `l${first}`, first, layers, level: 1 }];
    const head = { key: `r${run}`, run, first, layers, level: 1, open: open.has(run) };
    if (!head.open) return [head];
    return [head, ...layers.map((layer, k) => (
      { key: `l${first + k}`, first: first + k, layers: [layer], level: 2, within: run }
    ))];
  });
}

const sum = (layers, what) => layers.reduce((total, layer) => total + layer[what], 0);

function bars(work, most) {
  const bar = (name) => {
    const made = html("i", { class: name });
    made.style.width = `${most ? (100 * work[name === "work" ? "here" : "crops"]) / most : 0}%`;
    return made;
  };
  const said = `${counted(work.crops)} by crops, ${counted(work.here)} shared`;
  return [
    html("span", { class: "bars", "aria-hidden": "true" }, ...(work.crops ? [bar("crops"), bar("work")] : [])),
    html("span", { class: "count" }, ...(work.crops
      ? [html("span", { class: "hidden" }, `operations: ${said}, `),
        html("span", { "aria-hidden": "true" }, `${counted(work.crops)} → ${counted(work.here)}`),
        html("b", {}, saved(work), html("span", { class: "hidden" }, " fewer"))]
      : [html("span", { class: "hidden" }, "no operations")])),
  ];
}

function item(row, state, most) {
  const { layers } = row;
  const several = layers.length > 1;
  const work = { crops: sum(layers, "crops"), here: sum(layers, "here") };
  const ended = layers.find((layer) => layer.ended);
  const chosen = row.first <= state.layer && state.layer < row.first + layers.length && !row.open;
  const name = html("span", { class: "name" },
    html("b", {}, ...breakable(several ? runName(layers) : layers[0].name)),
    html("span", { class: "quiet" }, several ? `${layers.length} operators` : layers[0].operator));
  return html("div",
    {
      role: "treeitem", class: `row level${row.level}${work.crops ? "" : " still"}`, "data-key": row.key,
      "aria-level": row.level, "aria-expanded": several ? String(row.open) : null,
      "aria-selected": String(chosen), tabindex: row.key === state.focus ? 0 : -1,
    },
    html("span", { class: "twist", "aria-hidden": "true" }, several ? (row.open ? "▾" : "▸") : ""),
    name,
    ...(row.open ? [] : [strip(layers, state.axis, state.pieces[state.axis]), ...bars(work, most)]),
    ...(ended && !row.open ? [html("p", { class: "end" }, `Sharing ends at ${ended.name}: ${ended.ended}`)] : []));
}

/** Draws the rows; whichever had the focus keeps it. */
export function drawRows(state) {
  const rows = rowsOf(state.open);
  if (!rows.some((row) => row.key === state.focus)) state.focus = rows[0]?.key;
  const most = Math.max(0, ...rows.filter((row) => !row.open).map((row) => sum(row.layers, "crops")));
  const had = byId("rows").contains(document.activeElement);
  byId("rows").replaceChildren(...rows.map((row) => item(row, state, most)));
  if (had) focused()?.focus({ preventScroll: true });
}

const focused = () => byId("rows").querySelector("[tabindex='0']");

/** @param actions state: reads it; choose: chooses a row; turn: folds a run or unfolds it. */
export function addRows({ state, choose, turn }) {
  const list = byId("rows");
  const rowOf = (event) => {
    const key = event.target.closest?.("[data-key]")?.dataset.key;
    return rowsOf(state().open).find((row) => row.key === key);
  };
  const go = (row) => {
    if (!row) return;
    choose(row);
    focused()?.focus();
  };
  list.addEventListener("click", (event) => {
    const row = rowOf(event);
    if (!row) return;
    go(row);
    if (row.run !== undefined) turn(row.run, !row.open);
  });
  list.addEventListener("keydown", (event) => {
    const row = rowOf(event);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = rowsOf(state().open);
    const at = rows.findIndex((one) => one.key === row.key);
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (move !== undefined) go(rows[move]);
    else if (event.key === "ArrowRight" && row.open === false) turn(row.run, true);
    else if (event.key === "ArrowRight" && row.open) go(rows[at + 1]);
    else if (event.key === "ArrowLeft" && row.open) turn(row.run, false);
    else if (event.key === "ArrowLeft" && row.within !== undefined)
      go(rows.find((one) => one.run === row.within));
    else if ((event.key === "Enter" || event.key === " ") && row.run !== undefined)
      turn(row.run, !row.open);
    else return;
    event.preventDefault();
  });
}
