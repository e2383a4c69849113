// The page of a network: draw a digit, see the prediction, and follow every number back to the pixels.

const BLUE = [42, 143, 212]; // positive values; both can be seen on a light and on a dark page, also by colour-blind readers
const ORANGE = [226, 113, 29]; // negative values
const SIDE = 280; // of the drawing, in pixels
const PEN = 20;
const MOST = 6; // values that are listed for and against an output

const number = (value, digits = 4) => {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? "0" : text.replace("-", "−");
};
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const describeShape = (shape) => (shape.length === 3 ? shape.join(" × ") : `${shape.join(" × ")} values`);
const strongest = (values) =>
  values.reduce((best, value, place) => (Math.abs(value) > Math.abs(values[best]) ? place : best), 0);

function button(text, onclick, properties = {}) {
  return element("button", { type: "button", textContent: text, onclick, ...properties });
}

// Draws values as a picture, blue for positive and orange for negative ones; an image of ink is black.
function paint(canvas, width, height, values, { scale, most, ink = false }) {
  const small = element("canvas", { width, height });
  const pixels = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    const colour = ink ? [0, 0, 0] : values[place] < 0 ? ORANGE : BLUE;
    pixels.data.set([...colour, 255 * Math.min(1, Math.abs(values[place]) / (most || 1)) ** (ink ? 1 : 0.7)], 4 * place);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  return pen;
}

// The places of a layer's maps on its card: a grid that is about as wide as high. Values without maps are squares.
function arrange({ shape }) {
  const [rows, columns, maps] = shape.length === 3 ? shape : [1, 1, shape[0]];
  const across = maps === 10 ? 5 : Math.ceil(Math.sqrt(maps));
  const scale = Math.max(1, Math.floor(320 / (across * columns)));
  const gap = maps > 1 && scale * columns > 4 ? Math.max(1, Math.round((scale * columns) / 20)) : 0;
  return { rows, columns, maps, across, scale, gap, width: columns * scale + gap, height: rows * scale + gap };
}

function paintCard(canvas, tensor, ink) {
  const { rows, columns, maps, across, scale, gap, width, height } = arrange(tensor);
  const down = Math.ceil(maps / across);
  const sheet = new Float32Array(across * columns * down * rows);
  tensor.data.forEach((value, place) => {
    const [map, column, row] = [place % maps, Math.floor(place / maps) % columns, Math.floor(place / (maps * columns))];
    const [x, y] = [(map % across) * columns + column, Math.floor(map / across) * rows + row];
    sheet[y * across * columns + x] = value;
  });
  const all = element("canvas");
  const most = ink ? 1 : tensor.data.reduce((best, value) => Math.max(best, Math.abs(value)), 0);
  paint(all, across * columns, down * rows, sheet, { scale, most, ink });
  if (!gap) {
    [canvas.width, canvas.height] = [all.width, all.height];
    canvas.getContext("2d").drawImage(all, 0, 0);
    return;
  }
  [canvas.width, canvas.height] = [across * width - gap, down * height - gap];
  const pen = canvas.getContext("2d");
  for (let map = 0; map < maps; map++) {
    const [x, y] = [map % across, Math.floor(map / across)];
    const [w, h] = [columns * scale, rows * scale];
    pen.fillStyle = "rgba(128, 128, 128, 0.14)";
    pen.fillRect(x * width, y * height, w, h);
    pen.drawImage(all, x * w, y * h, w, h, x * width, y * height, w, h);
  }
}

// Builds everything in an element, and returns a function that removes it.
function explore(root, network) {
  let pixels = new Uint8Array(784);
  let run = null; // {layers, outputs}
  let trail = null; // the values that the reader followed, each {number, place}: number 0 is the image
  const last = network.layers.length;

  const area = makeDrawingArea({ width: SIDE, height: SIDE, penWidth: () => PEN, changed: classify, drawing: schedule });
  const seen = element("canvas", { className: "net-paper net-seen" });
  seen.setAttribute("role", "img");
  const message = element("p", { className: "net-message" });
  message.setAttribute("role", "status");
  const bars = Array.from({ length: 10 }, (_, digit) => makeBar(digit));
  const examples = network.examples.map(makeExample);
  const cards = [null, ...network.layers].map(makeCard);
  const detail = element("section", { className: "net-detail" });

  function makeBar(digit) {
    const bar = element("span", { className: "net-bar" });
    const share = element("span", { className: "net-share" });
    const title = "Show how this output is computed";
    const row = button("", () => open({ number: last, place: digit }), { className: "net-digit", title });
    row.append(element("span", { textContent: `${digit} ` }), bar, share);
    return { row, bar, share };
  }

  function makeExample({ label, pixels: image }) {
    const canvas = element("canvas", { className: "net-paper" });
    paint(canvas, 28, 28, image, { scale: 2, most: 255, ink: true });
    const choose = button("", () => showExample(image), { className: "net-example" });
    choose.append(canvas);
    choose.setAttribute("aria-label", `Test image of a ${label}`);
    return choose;
  }

  function makeCard(layer, number) {
    const canvas = element("canvas", { className: layer ? "" : "net-paper" });
    const shape = element("span", { className: "net-shape" });
    const card = button("", (event) => openLayer(number, canvas, event), { className: "net-card" });
    const name = layer ? layer.kind.replace(/(?<=[a-z])(?=[A-Z2])/g, "\u200b") : "Image"; // may be divided there
    const title = element("strong", { textContent: `${number} ${name}` });
    const kind = layer ? (KINDS[layer.kind]?.(layer) ?? "") : "pixels / 255";
    card.append(title, element("span", { className: "net-kind", textContent: kind }), canvas, shape);
    return { card, canvas, shape };
  }

  // A click on a map opens this map; the keyboard opens the strongest value of all.
  function openLayer(number, canvas, event) {
    let place = strongest(run.outputs[number].data);
    if (event.detail && event.target === canvas) {
      const { width, height, across, maps } = arrange(run.outputs[number]);
      const box = canvas.getBoundingClientRect();
      const x = Math.floor((((event.clientX - box.left) / box.width) * canvas.width) / width);
      const y = Math.floor((((event.clientY - box.top) / box.height) * canvas.height) / height);
      const map = y * across + x;
      if (map < maps) place = strongestIn(run.outputs[number], map);
    }
    open({ number, place });
  }

  function open(value) {
    inspect([value]);
    detail.scrollIntoView({ block: "nearest" });
  }

  function strongestIn({ shape, data }, map) {
    const maps = shape.at(-1);
    let best = map;
    for (let place = map; place < data.length; place += maps) if (Math.abs(data[place]) > Math.abs(data[best])) best = place;
    return best;
  }

  let waiting = false;
  function schedule() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => setTimeout(classify)); // the stroke is painted first
  }

  function classify() {
    waiting = false;
    const data = area.read();
    const ink = Float32Array.from({ length: SIDE * SIDE }, (_, place) => 1 - data[4 * place] / 255);
    show(normaliseDrawing({ width: SIDE, height: SIDE, data: ink }), null);
  }

  function showExample(image) {
    const picture = element("canvas");
    paint(picture, 28, 28, image, { scale: 10, most: 255, ink: true });
    area.show(picture);
    show(image, image);
  }

  // Runs the network on an image of 784 pixels, or on a blank one for null.
  function show(image, example) {
    pixels = image ?? new Uint8Array(784);
    run = { layers: network.layers, outputs: runNetwork(network, pixels) };
    const probabilities = run.outputs.at(-1).data;
    const best = strongest(probabilities);
    message.textContent = image ? `Reads ${best} (${percent(probabilities[best])})` : "Draw a digit.";
    paint(seen, 28, 28, pixels, { scale: 6, most: 255, ink: true });
    seen.setAttribute("aria-label", image ? "The 28 × 28 pixels that the network sees" : "No pixels yet");
    bars.forEach(({ row, bar, share }, digit) => {
      const probability = image ? probabilities[digit] : 0;
      bar.style.setProperty("--share", probability);
      share.textContent = percent(probability);
      row.classList.toggle("net-best", Boolean(image) && digit === best);
    });
    examples.forEach((choose, place) => {
      choose.setAttribute("aria-pressed", network.examples[place].pixels === example);
    });
    cards.forEach(({ canvas, shape }, place) => {
      const output = run.outputs[place];
      paintCard(canvas, output, place === 0);
      shape.textContent = describeShape(output.shape);
    });
    showDetail(trail ?? [{ number: 1, place: strongest(run.outputs[1].data) }]);
  }

  function showDetail(values) {
    detail.replaceChildren(...inspectionView({ ...run, pixels }, values, inspect));
    cards.forEach(({ card }, place) => card.toggleAttribute("aria-current", place === values.at(-1).number));
  }

  function inspect(values, focus = "h2") {
    trail = values;
    showDetail(trail);
    if (focus) detail.querySelector(focus)?.focus({ preventScroll: true });
  }

  const heading = (text) => element("h2", { textContent: text });
  const paragraph = (text, className = "") => element("p", { textContent: text, className });
  const list = (items, className) => element("ol", { className }, items.map((item) => element("li", {}, [item])));
  root.classList.add("net");
  root.append(
    element("section", { className: "net-try" }, [
      element("div", { className: "net-draw" }, [
        heading("Draw a digit"),
        area.canvas,
        element("div", { className: "net-controls" }, [button("Undo", area.undo), button("Clear", area.clear)]),
        paragraph("With keys: arrows move the pen, space lowers and lifts it.", "net-hint"),
      ]),
      element("div", {}, [heading("What the network sees"), seen, paragraph("28 × 28 pixels, centred", "net-hint")]),
      element("div", { className: "net-answer" }, [
        heading("What it predicts"),
        message,
        list(bars.map(({ row }) => row), "net-bars"),
      ]),
      element("div", { className: "net-choose" }, [
        heading("Or choose a test image"),
        paragraph(
          `They come from the test data.${examples.length > 10 ? " This network gets the last ones wrong." : ""}`,
          "net-hint",
        ),
        list(examples, "net-examples"),
      ]),
    ]),
    element("section", { className: "net-network" }, [
      heading("Layer by layer"),
      paragraph(
        "Each card shows all values of one layer for this image: blue is positive, orange is negative, and the strongest " +
          "value of the layer is darkest. Choose a map to see how its values are computed.",
      ),
      list(cards.map(({ card }) => card), "net-cards"),
    ]),
    detail,
  );
  const start = network.examples.find(({ label }) => label === 7) ?? network.examples[0];
  showExample(start.pixels);
  return () => {
    area.remove();
    root.replaceChildren();
  };
}
