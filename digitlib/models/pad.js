// The browser's half of the drawing pad: the drawing goes to Python with the prediction of the network in the page; if
// there is none, or a picture was uploaded, Python's prediction comes back.

const LARGEST = 6e6; // characters of a file in base64: Jupyter refuses a message of more than 10 million
const LONGEST = 2000; // pixels of a picture that had to be made smaller

function likeliest(probabilities) {
  const best = Math.max(...probabilities);
  return `${probabilities.indexOf(best)} (${percent(best)})`;
}

const encode = (canvas) => canvas.toDataURL("image/png").split(",")[1];

// An image as MNIST has it, white ink on black.
function drawImage(pixels) {
  const canvas = element("canvas", { width: 28, height: 28 });
  const image = new ImageData(28, 28);
  pixels.forEach((ink, place) => image.data.set([ink, ink, ink, 255], 4 * place));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function render({ model, el }) {
  let network = null; // opened for the first stroke
  const area = makeDrawingArea({
    width: model.get("width"),
    height: model.get("height"),
    penWidth: () => Number(width.value),
    changed: () => send(area.isEmpty() ? "" : encode(area.canvas), predict()),
    drawing: () => !area.isEmpty() && showPrediction(predict()),
  });
  const clear = element("button", { textContent: "Clear", onclick: area.clear });
  const undo = element("button", { textContent: "Undo", onclick: area.undo });
  const width = element("input", { type: "range", min: 6, max: 40, value: 18 });
  const file = element("input", { type: "file", accept: "image/*" });
  const images = element("div", { className: "pad-images" });
  const message = element("p", { className: "pad-message" });
  message.setAttribute("role", "status");
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const bar = element("span", { className: "pad-bar" });
    const text = element("span", { className: "pad-percent" });
    const row = element("li", {}, [element("span", { textContent: digit }), bar, text]);
    return { row, bar, text };
  });

  const list = element(
    "ol",
    { ariaLabel: "Probabilities" },
    bars.map(({ row }) => row),
  );

  // What Python would answer to a drawing; undefined if only Python can.
  function predict() {
    const description = model.get("network");
    if (!description.layers) return;
    if (area.isEmpty()) return { images: [], probabilities: [], message: "Draw here." };
    network ??= openNetwork(description);
    const pixels = normaliseDrawing(area.read());
    if (!pixels) return;
    const probabilities = Array.from(runNetwork(network, pixels).at(-1).data);
    const message = `Prediction: ${likeliest(probabilities)}`;
    return { images: [encode(drawImage(pixels))], probabilities: [probabilities], message };
  }

  // Together, so that Python knows what the prediction is of.
  function send(drawing, prediction) {
    model.set({ drawing, ...(prediction && { prediction: { ...prediction, drawing } }) });
    model.save_changes();
  }

  file.onchange = () => {
    const reader = new FileReader();
    reader.onload = () => upload(reader.result);
    if (file.files.length) reader.readAsDataURL(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  };

  function upload(source) {
    const picture = new Image();
    picture.onload = () => hand(source.length > LARGEST ? shrink(picture) : source);
    picture.onerror = () => hand(source.slice(0, LARGEST)); // Python says what is wrong with it
    picture.src = source;
  }

  function shrink(picture) {
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const small = element("canvas", { width: picture.width * scale, height: picture.height * scale });
    small.getContext("2d").drawImage(picture, 0, 0, small.width, small.height);
    return small.toDataURL("image/jpeg", 0.9);
  }

  function hand(source) {
    send(source.split(",")[1]);
    show(source);
  }

  function show(source) {
    const picture = new Image();
    picture.onload = () => area.show(picture);
    picture.onerror = () => area.show(null);
    picture.src = source;
  }

  function showPrediction(prediction = model.get("prediction")) {
    const { images: pngs, probabilities, message: said } = prediction;
    const size = pngs.length > 1 ? 56 : 112;
    images.replaceChildren(
      ...pngs.map((png, place) =>
        element("img", {
          src: `data:image/png;base64,${png}`,
          width: size,
          height: size,
          alt: `Digit ${place + 1} as the network sees it: 28 x 28 pixels`,
          title: likeliest(probabilities[place]),
        }),
      ),
    );
    message.textContent = said;
    const single = pngs.length === 1;
    list.style.display = single ? "" : "none";
    bars.forEach(({ row, bar, text }, digit) => {
      const share = single ? probabilities[0][digit] : 0;
      bar.style.width = `${Math.round(100 * share)}px`;
      text.textContent = percent(share);
      row.className = single && share === Math.max(...probabilities[0]) ? "pad-best" : "";
    });
  }

  el.classList.add("pad");
  const labelled = (text, control) => element("label", {}, [text, control]);
  el.append(
    element("div", {}, [
      area.canvas,
      element("div", { className: "pad-controls" }, [clear, undo, labelled("pen width ", width)]),
      labelled("or read a picture file ", file),
    ]),
    element("div", {}, [images, message, list]),
  );
  const showAnswer = () => showPrediction();
  model.on("change:prediction", showAnswer);
  area.show(null);
  if (model.get("drawing")) show(`data:image/png;base64,${model.get("drawing")}`);
  showPrediction();
  return () => {
    model.off("change:prediction", showAnswer);
    area.remove();
  };
}

export default { render };
