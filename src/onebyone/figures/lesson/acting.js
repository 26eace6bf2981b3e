// Pointer and keys on a figure. Cells are picked by their key; in steps that follow, dragging over
// cells and walking to them with arrow keys picks them, too. A handle is dragged, or nudged.

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * @param stage where figures are drawn.
 * @param lesson read: the step and its state; go: a new state, for which back returns to this one;
 *   move: one in its place; preview: one that is only drawn, while something is dragged.
 */
export function addActions(stage, lesson) {
  let dragged = null; // "handle" or "cells", while a pointer is down
  const keyAt = (event) =>
    document.elementFromPoint(event.clientX, event.clientY)?.closest?.("[data-key]")?.dataset.key;
  const pick = (key, put) => {
    const { step, state } = lesson.read();
    const changes = key && state.shown ? step.pick?.(key, state) : null;
    if (changes) put({ ...state, ...changes });
  };

  stage.addEventListener("pointerdown", (event) => {
    const { step, state } = lesson.read();
    if (event.target.closest("[data-handle]")) dragged = "handle";
    else if (state.shown && step.follows && keyAt(event)) dragged = "cells";
    if (!dragged) return;
    stage.setPointerCapture(event.pointerId);
    if (dragged === "cells") {
      const key = keyAt(event);
      pick(key, lesson.move);
      focusOn(stage, key);
    } else event.target.closest("[data-handle]").focus();
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    const { step, state } = lesson.read();
    if (dragged === "cells") pick(keyAt(event), lesson.preview);
    if (dragged === "handle") lesson.preview({ ...state, ...step.dragTo(stage, state, event) });
  });
  for (const end of ["pointerup", "pointercancel"])
    stage.addEventListener(end, () => {
      if (dragged) lesson.move(lesson.read().state);
      dragged = null;
    });
  stage.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (!lesson.read().step.follows) pick(key, lesson.go);
  });
  stage.addEventListener("keydown", (event) => onKey(event, stage, lesson, pick));
}

/** Arrow keys go on from the cell that was pressed. */
function focusOn(stage, key) {
  stage.querySelector(`[data-key="${CSS.escape(key)}"][tabindex]`)?.focus({ preventScroll: true });
}

function onKey(event, stage, lesson, pick) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { step, state } = lesson.read();
  const arrow = ARROWS[event.key];
  const element = event.target.closest("[data-key][tabindex]");
  if (arrow && event.target.closest("[data-handle]")) {
    lesson.move({ ...state, ...step.nudge(state, arrow) });
  } else if (element && arrow) {
    const next = neighbour(element, arrow);
    next?.focus();
    if (next && step.follows) pick(next.dataset.key, lesson.move);
  } else if (element && (event.key === "Enter" || event.key === " ")) {
    pick(element.dataset.key, step.follows ? lesson.move : lesson.go);
  } else return;
  event.preventDefault();
}

/** The nearest cell of the same figure in the direction of an arrow. */
function neighbour(element, [down, across]) {
  const middle = (one) => {
    const box = one.getBoundingClientRect();
    return [box.top + box.height / 2, box.left + box.width / 2];
  };
  const [y, x] = middle(element);
  let best = null,
    least = Infinity;
  for (const one of element.closest(".stage, #stage").querySelectorAll("[data-key][tabindex]")) {
    const [dy, dx] = [middle(one)[0] - y, middle(one)[1] - x];
    const along = dy * down + dx * across;
    const aside = Math.abs(dy * across) + Math.abs(dx * down);
    if (along > 4 && along + 2 * aside < least) [best, least] = [one, along + 2 * aside];
  }
  return best;
}
