const SHOWN = 5; // classes listed under the pointer
const LEGEND = 14; // classes listed in the legend
const GREY = [128, 128, 128, 160]; // where a score is not a number
const HEAT = [[255, 214, 10], [247, 103, 7], [214, 20, 78]]; // at 0, 0.5 and 1

const data = JSON.parse(document.getElementById("data").textContent);
const { image, grid: [rows, columns], stride: [down, across], classes, merged } = data;
const cells = rows * columns;
const [firstHeight, firstWidth] = data.windows[0];
const top = (firstHeight - down) / 2; // each cell is the stride about its window's centre
const left = (firstWidth - across) / 2;
const missing = 2 ** data.bits - 1;
const one = missing - 1;

const element = (id) => document.getElementById(id);
const make = (tag, className = "", text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return data.bits === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer);
}

/** Places an element over the image, in pixels of the image. */
function place(node, y, x, height, width) {
  node.style.top = `${(100 * y) / image.height}%`;
  node.style.left = `${(100 * x) / image.width}%`;
  node.style.height = `${(100 * height) / image.height}%`;
  node.style.width = `${(100 * width) / image.width}%`;
}

const UNKNOWN = -1; // a score is not a number
const NOTHING = -2; // no class has more than 0

/** The top class of every cell, or UNKNOWN or NOTHING. */
function topClasses(scores) {
  const best = new Int32Array(cells).fill(NOTHING);
  for (let cell = 0; cell < cells; cell++) {
    let highest = 0;
    for (let k = 0; k < classes.length; k++) {
      const score = scores[k * cells + cell];
      if (score === missing) { best[cell] = UNKNOWN; break; }
      if (score > highest) { highest = score; best[cell] = k; }
    }
  }
  return best;
}

function heat(value) {
  const [from, to] = value < 0.5 ? [HEAT[0], HEAT[1]] : [HEAT[1], HEAT[2]];
  const share = 2 * value - (value < 0.5 ? 0 : 1);
  return from.map((channel, i) => Math.round(channel + share * (to[i] - channel)));
}

const toRGB = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function paint(scores, best) {
  const view = element("view").value;
  const canvas = element("map");
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  const palette = data.colours.map(toRGB);
  for (let cell = 0; cell < cells; cell++) {
    const k = view === "top" || view === "highest" ? best[cell] : Number(view);
    if (best[cell] === UNKNOWN && !data.masked) pixels.data.set(GREY, 4 * cell);
    if (best[cell] < 0) continue;
    if (view === "top" && k === data.background) continue;
    const value = scores[k * cells + cell] / one;
    const colour = view === "top" ? palette[k] : heat(value);
    pixels.data.set([...colour, Math.round(255 * value)], 4 * cell);
  }
  context.putImageData(pixels, 0, 0);
  element("ramp").hidden = view === "top";
  element("stage").classList.toggle("heat", view !== "top");
  element("more").hidden = view !== "top";
  for (const item of element("legend").children) item.hidden = view !== "top" && !item.dataset.always;
}

function swatch(k) {
  const node = make("span", k === data.background ? "swatch none" : "swatch");
  node.style.background = data.colours[k];
  return node;
}

/** Lists the classes that are on top somewhere, the most frequent first. */
function listClasses(best) {
  const counts = new Array(classes.length).fill(0);
  for (const k of best) if (k >= 0) counts[k]++;
  const present = [...counts.keys()].filter((k) => counts[k] > 0);
  const listed = present.sort((a, b) => counts[b] - counts[a]).slice(0, LEGEND).sort((a, b) => a - b);
  element("legend").replaceChildren(...listed.map((k) => {
    const item = make("li");
    item.append(swatch(k), make("span", "name", classes[k]));
    item.title = `${classes[k]}: ${counts[k]} windows`;
    return item;
  }));
  const unknown = best.includes(UNKNOWN);
  if (unknown && !data.masked) {
    const item = make("li"), grey = make("span", "swatch");
    grey.style.background = `rgba(${GREY.slice(0, 3)}, ${GREY[3] / 255})`;
    item.append(grey, make("span", "name", "not a number"));
    item.dataset.always = "yes";
    element("legend").append(item);
  }
  const rest = present.length - listed.length;
  const clear = (data.background !== null ? `${classes[data.background]} is left clear. ` : "") +
    (unknown && data.masked ? "Windows without scores are left clear. " : "");
  element("more").textContent = clear + (rest > 0 ? `${rest} more classes are on top somewhere.` : "");
}

function nameOf(row, column) {
  if (merged === 1) return `Window ${row}, ${column}`;
  return `${merged} × ${merged} windows from ${row * merged}, ${column * merged}`;
}

function describe(scores, best, row, column) {
  const cell = row * columns + column;
  const first = Math.max(0, best[cell]);
  const [height, width] = data.windows[data.windowOfClass[first]];
  const y = top + (row + 0.5) * down - height / 2;
  const x = left + (column + 0.5) * across - width / 2;
  place(element("window"), y, x, height, width);
  element("window").hidden = false;
  element("place").textContent =
    `${nameOf(row, column)}: ${width} × ${height} pixels at x\u00a0${Math.round(x)}, y\u00a0${Math.round(y)}` +
    (best[cell] === UNKNOWN ? `. ${data.masked ? "It has no scores" : "Its scores are not numbers"}.` : "");
  if (best[cell] === UNKNOWN) return element("scores").replaceChildren();
  const score = (k) => scores[k * cells + cell];
  const order = [...classes.keys()].sort((a, b) => score(b) - score(a)).slice(0, SHOWN);
  element("scores").replaceChildren(...order.map((k) => {
    const item = make("li"), bar = make("span", "bar"), value = score(k) / one;
    bar.append(make("i"));
    bar.firstChild.style.width = `${100 * value}%`;
    item.append(swatch(k), make("span", "name", classes[k]), bar, make("span", "value", value.toFixed(3)));
    item.title = classes[k];
    return item;
  }));
}

function addControls(repaint) {
  const view = element("view");
  view.append(new Option("Colours: top class", "top"), new Option("Heat: highest score", "highest"));
  classes.forEach((name, k) => view.append(new Option(`Heat: ${name}`, k)));
  view.value = { "top class": "top", "highest score": "highest" }[data.view] ?? classes.indexOf(data.view);
  view.addEventListener("change", repaint);
  element("opacity").addEventListener("input", () => {
    const percent = element("opacity").value;
    element("map").style.opacity = percent / 100;
    element("percent").textContent = `${percent} %`;
  });
  element("map").style.opacity = element("opacity").value / 100;
}

function addPointer(show) {
  const stage = element("stage");
  let row = Math.floor(rows / 2), column = Math.floor(columns / 2);
  const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
  const move = (toRow, toColumn) => {
    row = clamp(toRow, rows);
    column = clamp(toColumn, columns);
    show(row, column);
  };
  const point = (event) => {
    const box = element("scene").getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * image.height;
    const x = ((event.clientX - box.left) / box.width) * image.width;
    move(Math.floor((y - top) / down), Math.floor((x - left) / across));
  };
  stage.addEventListener("pointermove", point);
  stage.addEventListener("pointerdown", point);
  stage.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    move(row + by * step[0], column + by * step[1]);
    stage.dispatchEvent(new Event("moved")); // a zoomed image follows
  });
}

function drawStage() {
  const stage = element("stage");
  stage.style.aspectRatio = `${image.width} / ${image.height}`;
  // Small images are enlarged, but no further than the screen's height shows.
  element("frame").style.maxWidth = `max(280px, calc(82vh * ${image.width / image.height}))`;
  element("image").src = image.src;
  const canvas = element("map");
  Object.assign(canvas, { width: columns, height: rows });
  place(canvas, top, left, rows * down, columns * across);
  for (const box of data.boxes) {
    const node = make("div");
    node.append(make("span", "", box.label));
    place(node, box.top, box.left, box.height, box.width);
    element("boxes").append(node);
  }
  new ResizeObserver(placeLabels).observe(element("scene"));
}

/** Keep every label within the image: below its box's upper edge, or leftwards from its right one. */
function placeLabels() {
  const scene = element("scene").getBoundingClientRect();
  for (const node of element("boxes").children) {
    const [box, label] = [node.getBoundingClientRect(), node.firstChild];
    node.classList.toggle("inside", box.top - scene.top < label.offsetHeight);
    node.classList.toggle("leftwards", box.left + label.offsetWidth > scene.right);
  }
}

function writeFacts() {
  const sizes = data.windows.length === 1 ? `${firstWidth} × ${firstHeight} pixels` : `${data.windows.length} sizes`;
  const step = down === across ? `${down}` : `${across} × ${down}`;
  const shown = merged === 1
    ? `windows of ${sizes}, one every ${step} pixels`
    : `cells of ${across} × ${down} pixels, each the mean of ${merged} × ${merged} windows`;
  element("facts").textContent =
    `${image.width} × ${image.height} pixels, ${columns} × ${rows} ${shown}; ` +
    `${classes.length} ${classes.length === 1 ? "class" : "classes"}`;
  element("note").textContent = data.note;
  element("notes").textContent = data.notes.join(" ");
  const heats = [0, 0.5, 1].map((value) => `rgba(${heat(value)}, ${value})`);
  element("ramp").children[1].style.background = `linear-gradient(to right, ${heats})`;
  document.documentElement.style.setProperty("--rows", `${26 * Math.min(SHOWN, classes.length)}px`);
}

async function start() {
  drawStage();
  writeFacts();
  const scores = await unpack(data.scores);
  const best = topClasses(scores);
  listClasses(best);
  const repaint = () => paint(scores, best);
  addControls(repaint);
  addPointer((row, column) => describe(scores, best, row, column));
  repaint();
  document.documentElement.dataset.ready = "true";
}

start();
