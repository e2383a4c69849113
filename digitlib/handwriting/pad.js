// The browser's half of the drawing pad: strokes on a canvas go to Python, its prediction comes back.

const STEP = 10; // how far an arrow key moves the pen
const LARGEST = 6e6; // characters of a file in base64: Jupyter refuses a message of more than 10 million
const LONGEST = 2000; // pixels of a picture that had to be made smaller

function element(kind, properties = {}, children = []) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...children);
  return made;
}

function likeliest(probabilities) {
  const best = Math.max(...probabilities);
  return `${probabilities.indexOf(best)} (${(100 * best).toFixed(1)}%)`;
}

function render({ model, el }) {
  const [WIDTH, HEIGHT] = [model.get("width"), model.get("height")];
  const canvas = element("canvas", { className: "pad-canvas", width: WIDTH, height: HEIGHT, tabIndex: 0 });
  canvas.style.width = `${WIDTH}px`;
  canvas.setAttribute("role", "application");
  canvas.setAttribute(
    "aria-label",
    "Drawing area. Arrow keys move the pen, the space bar lowers and lifts it, Delete clears, Z undoes.",
  );
  const pen = canvas.getContext("2d");
  const clear = element("button", { textContent: "Clear" });
  const undo = element("button", { textContent: "Undo" });
  const width = element("input", { type: "range", min: 6, max: 40, value: 18 });
  const file = element("input", { type: "file", accept: "image/*" });
  const images = element("div", { className: "pad-images" });
  const message = element("p", { className: "pad-message" });
  message.setAttribute("role", "status");
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const bar = element("span", { className: "pad-bar" });
    const percent = element("span", { className: "pad-percent" });
    const row = element("li", {}, [element("span", { textContent: digit }), bar, percent]);
    return { row, bar, percent };
  });

  const list = element("ol", { ariaLabel: "Probabilities" }, bars.map(({ row }) => row));

  let strokes = []; // each one: {width, points: [[x, y], ...]}
  let ground = null; // a picture under the strokes: the example, or an uploaded file
  let stroke = null; // the one that is being drawn
  let cursor = null; // the keyboard's pen: {x, y, down}

  function draw() {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, WIDTH, HEIGHT);
    if (ground) {
      const scale = Math.min(WIDTH / ground.width, HEIGHT / ground.height);
      const [w, h] = [ground.width * scale, ground.height * scale];
      pen.drawImage(ground, (WIDTH - w) / 2, (HEIGHT - h) / 2, w, h);
    }
    pen.strokeStyle = "black";
    pen.lineCap = pen.lineJoin = "round";
    for (const { width, points } of strokes) {
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(...points[0]);
      for (const point of points) pen.lineTo(...point);
      pen.stroke();
    }
  }

  function drawCursor() {
    if (!cursor || document.activeElement !== canvas) return;
    pen.strokeStyle = cursor.down ? "#d55e00" : "#0072b2";
    pen.lineWidth = 2;
    pen.strokeRect(cursor.x - 5, cursor.y - 5, 10, 10);
  }

  function send() {
    draw();
    model.set("drawing", strokes.length ? canvas.toDataURL("image/png").split(",")[1] : "");
    model.save_changes();
    drawCursor();
  }

  function begin(point) {
    if (!strokes.length) ground = null; // a drawing replaces the picture instead of covering it
    stroke = { width: Number(width.value), points: [point] };
    strokes.push(stroke);
    draw();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * WIDTH) / box.width, ((event.clientY - box.top) * HEIGHT) / box.height];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    cursor = null;
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke || cursor) return;
    // A fast pen makes more points than events.
    const events = event.getCoalescedEvents?.() ?? [];
    stroke.points.push(...(events.length ? events : [event]).map(place));
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      if (!stroke || cursor) return;
      stroke = null;
      send();
    });
  }

  clear.onclick = () => {
    [strokes, ground, stroke, cursor] = [[], null, null, null];
    send();
  };
  undo.onclick = () => {
    if (strokes.pop()) send();
  };

  const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  function press(event) {
    if (event.target !== canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    cursor ??= { x: WIDTH / 2, y: HEIGHT / 2, down: false };
    if (event.key in moves) {
      const within = (value, end) => Math.min(end, Math.max(0, value));
      cursor.x = within(cursor.x + moves[event.key][0], WIDTH);
      cursor.y = within(cursor.y + moves[event.key][1], HEIGHT);
      if (cursor.down) stroke.points.push([cursor.x, cursor.y]);
      draw();
      drawCursor();
    } else if (event.key === " ") {
      cursor.down = !cursor.down;
      if (cursor.down) begin([cursor.x, cursor.y]);
      else stroke = null;
      send();
    } else if (event.key === "Delete") clear.click();
    else if (event.key === "z") undo.click();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  // Jupyter has shortcuts of its own for these keys; its listener sits on the document.
  window.addEventListener("keydown", press, true);

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
    strokes = [];
    model.set("drawing", source.split(",")[1]);
    model.save_changes();
    show(source);
  }

  function show(source) {
    const picture = new Image();
    picture.onload = () => {
      ground = picture;
      draw();
    };
    picture.onerror = () => {
      ground = null;
      draw();
    };
    picture.src = source;
  }

  function showPrediction() {
    const { images: pngs, probabilities, message: text } = model.get("prediction");
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
    message.textContent = text;
    const single = pngs.length === 1;
    list.style.display = single ? "" : "none";
    bars.forEach(({ row, bar, percent }, digit) => {
      const share = single ? probabilities[0][digit] : 0;
      bar.style.width = `${Math.round(100 * share)}px`;
      percent.textContent = `${(100 * share).toFixed(1)}%`;
      row.className = single && share === Math.max(...probabilities[0]) ? "pad-best" : "";
    });
  }

  el.classList.add("pad");
  const labelled = (text, control) => element("label", {}, [text, control]);
  el.append(
    element("div", {}, [
      canvas,
      element("div", { className: "pad-controls" }, [clear, undo, labelled("pen width ", width)]),
      labelled("or read a picture file ", file),
    ]),
    element("div", {}, [images, message, list]),
  );
  model.on("change:prediction", showPrediction);
  draw();
  if (model.get("drawing")) show(`data:image/png;base64,${model.get("drawing")}`);
  showPrediction();
  return () => {
    model.off("change:prediction", showPrediction);
    window.removeEventListener("keydown", press, true);
  };
}

export default { render };
