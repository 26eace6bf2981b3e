// The lesson: one step at a time, its state in the URL.

import { byId, html } from "onebyone/dom";
import { addActions } from "lesson/acting";
import { statementLink } from "lesson/further";
import { drawHandout } from "lesson/handout";
import { drawQuestion, showAnswer } from "lesson/question";
import { fromFragment, startOf, toFragment } from "lesson/state";
import { STEPS } from "lesson/steps";

const docs = JSON.parse(byId("docs").textContent);
const kept = STEPS.map(startOf); // the state in which each step was left
let at = -1,
  guess = null;

const fragmentOf = (n) => toFragment(STEPS, n, kept[n]);
const read = () => ({ step: STEPS[at], state: kept[at] });

function readLink() {
  byId("notice").textContent = "";
  try {
    return fromFragment(STEPS, location.hash.slice(1));
  } catch (error) {
    byId("notice").textContent = `${error.message} Shown is the first step.`;
    return { at: 0, state: startOf(STEPS[0]) };
  }
}

/** Show a state; back returns to the one before. */
function go(state) {
  kept[at] = state;
  draw();
  if (location.hash.slice(1) !== fragmentOf(at)) location.hash = fragmentOf(at);
}

/** Show a state in the place of this one. */
function move(state) {
  kept[at] = state;
  draw();
  replaceAddress();
}

/** The same for a field that shows its own value: drawn anew, it would lose the next Tab. */
function adjust(state) {
  preview(state);
  replaceAddress();
}

function replaceAddress() {
  drawSteps();
  const address = `${location.href.split("#")[0]}#${fragmentOf(at)}`;
  if (location.href !== address) history.replaceState(null, "", address);
}

/** Draw a state only: what is dragged comes by many. */
function preview(state) {
  kept[at] = state;
  drawFigure();
}

function enter(n, state) {
  const other = n !== at;
  at = n;
  kept[n] = state;
  if (other) drawStep();
  draw();
}

/** What stays while one is at a step. */
function drawStep() {
  const step = STEPS[at];
  guess = null;
  byId("title").replaceChildren(html("span", { class: "quiet" }, `${at + 1}`), ` ${step.title}`);
  byId("text").replaceChildren(...step.text());
  drawQuestion(step.question, (n) => {
    guess = n;
    go({ ...kept[at], shown: 1 });
  });
  byId("figure").dataset.step = step.name;
  const statement = docs !== null && step.statement ? [statementLink(docs, step.statement)] : [];
  byId("more").replaceChildren(...(step.more?.(docs) ?? []), ...statement);
}

function draw() {
  const { step, state } = read();
  const refocus = focused(byId("figure"));
  if (!state.shown) guess = null;
  showAnswer(step.question, guess, state.shown);
  const controls = state.shown ? (step.controls?.(state, { read, go, adjust, preview }) ?? []) : [];
  byId("controls").replaceChildren(...controls);
  byId("more").hidden = !state.shown;
  drawFigure();
  refocus();
  drawSteps();
  document.documentElement.dataset.ready = "true";
}

function drawFigure() {
  const { step, state } = read();
  const refocus = focused(byId("stage"));
  byId("stage").classList.toggle("follows", Boolean(step.follows && state.shown));
  step.draw(byId("stage"), state);
  const seen = state.shown
    ? `${step.seen(state)} ${step.hint(state)}`
    : "Choose an answer first, or “Show me”.";
  if (byId("seen").textContent !== seen) byId("seen").textContent = seen; // it is read aloud
  byId("seen").classList.toggle("quiet", !state.shown);
  byId("words").textContent = step.words(state);
  refocus();
}

/** A call that gives the focus back to the same thing after it is drawn anew. */
function focused(home) {
  const element = document.activeElement;
  if (!home.contains(element)) return () => {};
  for (const name of ["key", "handle", "name"]) {
    const value = element.dataset[name];
    if (value === undefined) continue;
    const same = `[data-${name}="${CSS.escape(value)}"]`;
    return () => (home.querySelector(`${same}[tabindex]`) ?? home.querySelector(same))?.focus();
  }
  return () => {};
}

function drawSteps() {
  byId("steps").replaceChildren(
    ...STEPS.map(({ short }, n) =>
      html("li", {}, link(n, html("b", {}, `${n + 1}`), html("span", {}, short))),
    ),
  );
  for (const [id, n] of [
    ["previous", at - 1],
    ["next", at + 1],
  ]) {
    const turn = byId(id);
    turn.hidden = !STEPS[n];
    if (!STEPS[n]) continue;
    turn.setAttribute("href", `#${fragmentOf(n)}`);
    turn.textContent = id === "next" ? `${STEPS[n].short} →` : `← ${STEPS[n].short}`;
  }
}

function link(n, ...content) {
  const current = n === at ? "step" : null;
  const label = `${n + 1} ${STEPS[n].short}`; // a phone shows the number only
  const href = `#${fragmentOf(n)}`;
  return html("a", { href, "aria-current": current, "aria-label": label }, ...content);
}

/** Go to a step; whoever reads by voice or key goes on at its title. */
function turnTo(n) {
  if (!STEPS[n]) return;
  location.hash = fragmentOf(n);
}

function addTurning() {
  document.addEventListener("click", (event) => {
    const to = event.target.closest?.('a[href^="#step="]');
    if (!to || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault(); // in a notebook's frame a plain link would load the notebook
    location.hash = to.getAttribute("href").slice(1);
  });
  document.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const busy = event.target.closest?.("input, select, textarea, [data-key], [data-handle]");
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (by && !busy && !modified && !event.defaultPrevented) turnTo(at + by);
  });
}

addActions(byId("stage"), { read, go, move, preview });
addTurning();
addEventListener("hashchange", () => {
  const next = readLink();
  const turned = next.at !== at;
  if (!turned && toFragment(STEPS, next.at, next.state) === fragmentOf(at)) return;
  enter(next.at, next.state);
  if (!turned) return;
  byId("title").focus({ preventScroll: true });
  scrollTo({ top: 0 });
});
let width = innerWidth; // a phone's keyboard changes the height only
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  drawFigure();
});
const first = readLink();
enter(first.at, first.state);
drawHandout(byId("handout"), STEPS);
