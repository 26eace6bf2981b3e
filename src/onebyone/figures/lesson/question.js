// One question before each reveal. Nothing is counted or stored: only what was chosen last is
// marked, until the step is left.

import { byId, html } from "onebyone/dom";

/** Put the question of a step there; `choose` gets the answer's number, or null to skip it. */
export function drawQuestion({ ask, answers }, choose) {
  byId("ask").textContent = ask;
  const buttons = answers.map(({ text }, n) => {
    const button = html("button", { type: "button", class: "answer", "data-answer": n }, text);
    button.addEventListener("click", () => choose(n));
    return button;
  });
  const skip = html("button", { type: "button", id: "skip" }, "Show me");
  skip.addEventListener("click", () => choose(null));
  byId("answers").replaceChildren(...buttons, skip);
}

/** Mark what was chosen, and say why it is right or not. */
export function showAnswer({ answers }, guess, shown) {
  const right = answers.findIndex((answer) => answer.right);
  for (const button of document.querySelectorAll("#answers .answer")) {
    const n = Number(button.dataset.answer);
    const known = shown && (n === right || n === guess);
    button.classList.toggle("right", Boolean(known) && n === right);
    button.classList.toggle("wrong", Boolean(known) && n !== right);
    button.setAttribute("aria-pressed", String(n === guess));
  }
  byId("skip").hidden = Boolean(shown);
  byId("why").textContent = shown ? feedback(answers, guess ?? null, right) : "";
}

function feedback(answers, guess, right) {
  if (guess === null) return `The answer: ${answers[right].text} ${answers[right].why}`;
  return `${guess === right ? "Yes." : "No."} ${answers[guess].why}`;
}
