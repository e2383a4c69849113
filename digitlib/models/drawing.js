// A drawing area for mouse, pen, finger and keyboard, shared by the drawing pad and the page of a network.

const STEP = 10; // how far an arrow key moves the pen
const KEYS = "Arrow keys move the pen, the space bar lowers and lifts it, Delete clears, Z undoes.";

function element(kind, properties = {}, children = []) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...children);
  return made;
}

// Calls drawing() while a stroke grows, at most once a frame, and changed() when the drawing has changed; penWidth() is
// the width of strokes.
function makeDrawingArea({ width, height, penWidth, changed, drawing }) {
  const canvas = element("canvas", { className: "pad-canvas", width, height, tabIndex: 0 });
  canvas.style.width = `${width}px`;
  canvas.style.touchAction = "none"; // a finger draws instead of scrolling
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `Drawing area. ${KEYS}`);
  const pen = canvas.getContext("2d", { willReadFrequently: true });

  let strokes = []; // each one: {width, points: [[x, y], ...]}
  let ground = null; // a picture under the strokes: the example, or an uploaded file
  let stroke = null; // the one that is being drawn
  let cursor = null; // the keyboard's pen: {x, y, down}

  function draw() {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, width, height);
    if (ground) {
      const scale = Math.min(width / ground.width, height / ground.height);
      const [w, h] = [ground.width * scale, ground.height * scale];
      pen.drawImage(ground, (width - w) / 2, (height - h) / 2, w, h);
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

  function tell() {
    draw();
    changed();
    drawCursor();
  }

  let waiting = false;
  function grow() {
    draw();
    if (waiting) return;
    waiting = true;
    const call = () => {
      waiting = false;
      drawing();
    };
    requestAnimationFrame(() => setTimeout(call)); // the stroke is painted first
  }

  function begin(point) {
    if (!strokes.length) ground = null; // a drawing replaces the picture instead of covering it
    stroke = { width: penWidth(), points: [point] };
    strokes.push(stroke);
    draw();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
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
    grow();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      if (!stroke || cursor) return;
      stroke = null;
      tell();
    });
  }

  function clear() {
    [strokes, ground, stroke, cursor] = [[], null, null, null];
    tell();
  }

  function undo() {
    if (strokes.pop()) tell();
  }

  const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  function press(event) {
    if (event.target !== canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    cursor ??= { x: width / 2, y: height / 2, down: false };
    if (event.key in moves) {
      const within = (value, end) => Math.min(end, Math.max(0, value));
      cursor.x = within(cursor.x + moves[event.key][0], width);
      cursor.y = within(cursor.y + moves[event.key][1], height);
      if (cursor.down) stroke.points.push([cursor.x, cursor.y]);
      cursor.down ? grow() : draw();
      drawCursor();
    } else if (event.key === " ") {
      cursor.down = !cursor.down;
      if (cursor.down) begin([cursor.x, cursor.y]);
      else stroke = null;
      tell();
    } else if (event.key === "Delete") clear();
    else if (event.key === "z") undo();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
  // Jupyter has shortcuts of its own for these keys; its listener sits on the document.
  window.addEventListener("keydown", press, true);

  return {
    canvas,
    clear,
    undo,
    isEmpty: () => !strokes.length,
    show(picture) {
      [strokes, ground, stroke] = [[], picture, null];
      draw();
    },
    // The drawing as a picture of normalization.js.
    read() {
      draw(); // without the keyboard's pen
      const { data } = pen.getImageData(0, 0, width, height);
      drawCursor();
      const ink = Float32Array.from({ length: width * height }, (_, place) => 1 - data[4 * place] / 255);
      return { width, height, data: ink };
    },
    remove: () => window.removeEventListener("keydown", press, true),
  };
}
