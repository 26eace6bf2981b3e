// The whole lesson for paper: all steps, figures still, questions with their answers.

import { html } from "onebyone/dom";
import { startOf } from "lesson/state";

export function drawHandout(container, steps) {
  container.append(html("h1", {}, "Is a 1×1 convolution a fully connected layer?"));
  steps.forEach((step, n) => {
    const state = { ...startOf(step), ...step.handout, shown: 1, paper: true };
    const { ask, answers } = step.question;
    const right = answers.find((answer) => answer.right);
    const stage = html("div", { class: "stage" });
    container.append(
      html(
        "section",
        { "data-step": step.name },
        html("h2", {}, `${n + 1} ${step.title}`),
        ...step.text(),
        html("p", {}, html("i", {}, ask), ` ${right.text} ${right.why}`),
        stage,
        html("p", { class: "seen" }, step.seen(state)),
      ),
    );
    container.append(...(step.last?.() ?? []));
    step.draw(stage, state);
    for (const element of stage.querySelectorAll("[tabindex]")) element.removeAttribute("tabindex");
  });
}
