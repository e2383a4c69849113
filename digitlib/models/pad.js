// The browser's half of the drawing pad: strokes on a canvas go to Python, its prediction comes back.

const LARGEST = 6e6; // characters of a file in base64: Jupyter refuses a message of more than 10 million
const LONGEST = 2000; // pixels of a picture that had to be made smaller

function likeliest(probabilities) {
  const best = Math.max(...probabilities);
  return `${probabilities.indexOf(best)} (${percent(best)})`;
}

function render({ model, el }) {
  const area = makeDrawingArea({
    width: model.get("width"),
    height: model.get("height"),
    penWidth: () => Number(width.value),
    changed: () => send(area.isEmpty() ? "" : area.canvas.toDataURL("image/png").split(",")[1]),
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

  function send(drawing) {
    model.set("drawing", drawing);
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

  function showPrediction() {
    const { images: pngs, probabilities, message: said } = model.get("prediction");
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
  model.on("change:prediction", showPrediction);
  area.show(null);
  if (model.get("drawing")) show(`data:image/png;base64,${model.get("drawing")}`);
  showPrediction();
  return () => {
    model.off("change:prediction", showPrediction);
    area.remove();
  };
}

export default { render };
