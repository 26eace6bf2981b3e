// Step 1: an output of a 1×1 convolution reads one number of each channel.

import { html } from "onebyone/dom";
import { Links } from "onebyone/links";
import { drawSheets } from "onebyone/sheets";
import { EXAMPLE_IMAGE, PLACES, exampleView } from "lesson/numbers";
import { number } from "lesson/state";

/** The sheets of a view and the wires of what is pinned, or of everything. */
export function sheets(view, stage, all = false) {
  const box = html("div", { class: all ? "sheets" : "sheets chosen" });
  stage.append(box);
  const links = new Links();
  drawSheets(view, links, box);
  links.pin(view, view.state.pin);
  for (const label of box.querySelectorAll("text.label"))
    label.textContent = label.textContent.replace("input", "channel");
}

const read = (at) => EXAMPLE_IMAGE.map((channel) => channel.flat()[at]);

export const reading = {
  name: "reading",
  short: "What it reads",
  statement: "S2",
  title: "What does a 1×1 convolution read?",
  fields: { at: number(0, 0, 3) },
  handout: { at: 1 },
  follows: true,
  text: () => [
    html(
      "p",
      {},
      "Here is a small image: two channels, each with 2×2 numbers. A 1×1 convolution turns it into one output of 2×2. Is that a fully connected layer? First see what an output reads.",
    ),
  ],
  question: {
    ask: "How many of the eight input numbers does one output number depend on?",
    answers: [
      {
        text: "Two: one of each channel.",
        right: true,
        why: "An output reads the numbers at its own location, in every channel, and nothing beside them. That is what 1×1 means.",
      },
      {
        text: "Four: one whole channel.",
        why: "A channel has four locations, and a 1×1 kernel sees one of them. It does see every channel there.",
      },
      {
        text: "All eight.",
        why: "A fully connected layer over the whole image would read all eight. A 1×1 kernel sees one location.",
      },
    ],
  },
  draw(stage, { at, shown }) {
    stage.replaceChildren();
    sheets(exampleView({ pin: shown ? `o${at}` : "" }), stage);
  },
  pick: (key) => (/^[io]\d+$/.test(key) ? { at: Number(key.slice(1)) % 4 } : null),
  seen({ at }) {
    const [a, b] = read(at);
    return `The ${PLACES[at]} output reads ${a} in channel 0 and ${b} in channel 1, at its own location. It reads none of the other six numbers.`;
  },
  hint: () => "Drag over the image, or use the arrow keys on it: the other outputs do the same.",
  words: ({ at, shown }) =>
    `Two channels of 2×2 numbers above, one output of 2×2 below. Channel 0: ${EXAMPLE_IMAGE[0].flat().join(", ")}. Channel 1: ${EXAMPLE_IMAGE[1].flat().join(", ")}. ${shown ? `Two wires lead to the ${PLACES[at]} output, from the ${PLACES[at]} number of each channel.` : ""}`,
};
