// The page of a network: draw a digit, see the prediction, and follow every number back to the pixels.

const SIDE = 280; // of the drawing, in pixels
const PEN = 20;

// Builds everything in an element, and returns a function that removes it.
function explore(root, network) {
  let pixels = new Uint8Array(784);
  let run = null; // {layers, outputs}
  let trail = null; // the values that the reader followed, each {number, place}: number 0 is the image
  let ready = false;
  const last = network.layers.length;

  const area = makeDrawingArea({
    width: SIDE,
    height: SIDE,
    penWidth: () => PEN,
    changed: classify,
    drawing: classify,
  });
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
    const name = layer ? layer.kind.replace(/([a-z])([A-Z2])/g, "$1\u200b$2") : "Image"; // may be divided there
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
    for (let place = map; place < data.length; place += maps)
      if (Math.abs(data[place]) > Math.abs(data[best])) best = place;
    return best;
  }

  function classify() {
    show(normaliseDrawing(area.read()), null);
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
    message.textContent = image ? `Prediction: ${best} (${percent(probabilities[best])})` : "Draw a digit.";
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
    if (ready) showLayers();
    else requestAnimationFrame(showLater);
  }

  // At the start, the prediction is on the screen before the maps are painted.
  function showLater() {
    performance.mark("first answer");
    setTimeout(() => {
      ready = true;
      showLayers();
    });
  }

  function showLayers() {
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
  const list = (items, className) =>
    element(
      "ol",
      { className },
      items.map((item) => element("li", {}, [item])),
    );
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
        list(
          bars.map(({ row }) => row),
          "net-bars",
        ),
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
        "Each card shows all values of one layer for this image: blue is positive, orange is negative, and the " +
          "strongest value of the layer is darkest. Choose a map to see how its values are computed.",
      ),
      list(
        cards.map(({ card }) => card),
        "net-cards",
      ),
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
