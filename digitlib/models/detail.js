// The part of the page about one value: where it lies, how it is computed, and the way back to the image.

// The elements that explain the last value of a trail; inspect(trail, focus) shows another one.
function inspectionView(run, trail, inspect) {
  const current = trail.at(-1);
  const layer = current.number ? run.layers[current.number - 1] : null;
  const title = element("h2", { tabIndex: -1 });
  title.textContent = layer ? `Layer ${current.number}: ${layer.kind}` : "The image";
  const view = {
    run,
    trail,
    current,
    layer,
    inspect,
    follow: (place) => inspect([...trail, { number: current.number - 1, place }]),
  };
  const meaning = element("p", { textContent: layer ? describeLayer(layer) : MEANINGS.image });
  const calculation = element("div", { className: "net-calculation" }, layer ? explainValue(view) : explainPixel(view));
  return [
    title,
    meaning,
    makeTrail(view),
    element("div", { className: "net-columns" }, [
      element("div", { className: "net-figures" }, drawFigures(view)),
      calculation,
    ]),
  ];
}

// A value's name, such as "map 3, row 5, column 7". Numbers start at 0, as in Python.
function nameValue(run, number, place) {
  const { map, row, column } = locate(run, number, place);
  if (number === 0) return `row ${row}, column ${column}`;
  if (run.outputs[number].shape.length === 3) return `map ${map}, row ${row}, column ${column}`;
  if (map === undefined || number === run.layers.length)
    return `${number === run.layers.length ? "output" : "value"} ${place}`;
  return `value ${place} (map ${map}, row ${row}, column ${column})`;
}

function makeTrail({ run, trail, inspect }) {
  const steps = trail.map(({ number, place }, step) => {
    const name = `${number ? run.layers[number - 1].kind : "Image"}, ${nameValue(run, number, place)}`;
    const back = button(name, () => inspect(trail.slice(0, step + 1)));
    if (step === trail.length - 1) back.setAttribute("aria-current", "step");
    return element("li", {}, [back]);
  });
  const nav = element("nav", {}, [element("ol", { className: "net-trail" }, steps)]);
  nav.setAttribute("aria-label", "The values that you followed");
  return nav;
}

// The map of the value, boxes to choose another one, and the pixels that the value depends on.
function drawFigures({ run, trail, current, layer, inspect }) {
  const { number, place } = current;
  const { shape, data } = run.outputs[number];
  const choose = (other, focus) => inspect([...trail.slice(0, -1), { number, place: other }], focus);
  const figures = [];
  if (shape.length === 3) {
    const [rows, columns, maps] = shape;
    const { map, row, column } = locate(run, number, place);
    const canvas = element("canvas", { className: layer ? "net-map" : "net-map net-paper" });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", layer ? `Map ${map} of ${maps}, ${rows} × ${columns} values` : "The image");
    const { pen, scale } = paintMap(canvas, run.outputs[number], map, !layer);
    frame(pen, column, row, 1, 1, scale);
    canvas.onclick = (event) => {
      const box = canvas.getBoundingClientRect();
      const c = Math.min(columns - 1, Math.floor(((event.clientX - box.left) / box.width) * columns));
      const r = Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows));
      choose((Math.max(0, r) * columns + Math.max(0, c)) * maps + map);
    };
    const boxes = [
      ["map", map, maps],
      ["row", row, rows],
      ["column", column, columns],
    ].slice(layer ? 0 : 1);
    const moved = { map, row, column };
    figures.push(
      canvas,
      makeBoxes(boxes, (name, value) => {
        moved[name] = value;
        choose((moved.row * columns + moved.column) * maps + moved.map, `[name=${name}]`);
      }),
    );
  } else {
    const name = number === run.layers.length ? "output" : "value";
    figures.push(makeBoxes([[name, place, data.length]], (_, value) => choose(value, `[name=${name}]`)));
  }
  if (number) figures.push(...drawField({ run, number, place }));
  return figures;
}

function drawField({ run, number, place }) {
  const { rows, columns } = findReceptiveField(run, number, place);
  const canvas = element("canvas", { className: "net-paper net-field" });
  const [width, height] = [columns[1] - columns[0] + 1, rows[1] - rows[0] + 1];
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The image; the value depends on ${height} × ${width} pixels of it`);
  const pen = paint(canvas, 28, 28, run.outputs[0].data, { scale: 6, most: 1, ink: true });
  frame(pen, columns[0], rows[0], width, height, 6);
  const part = height * width < 784 ? `${height} × ${width} of the 28 × 28 pixels` : "all pixels";
  const text = `Receptive field: the value depends on ${part}.`;
  return [canvas, element("p", { className: "net-hint", textContent: text })];
}

function frame(pen, column, row, width, height, scale) {
  for (const [colour, line] of [
    ["white", 5],
    ["black", 2],
  ]) {
    [pen.strokeStyle, pen.lineWidth] = [colour, line];
    pen.strokeRect(column * scale, row * scale, width * scale, height * scale);
  }
}

function makeBoxes(boxes, changed) {
  const labels = boxes.map(([name, value, count]) => {
    const box = element("input", { type: "number", name, value, min: 0, max: count - 1, step: 1, required: true });
    box.onchange = () => box.checkValidity() && changed(name, Number(box.value));
    return element("label", {}, [name, box]);
  });
  const hint = element("p", { className: "net-hint", textContent: "All are counted from 0, as in Python." });
  return element("div", { className: "net-boxes" }, [...labels, hint]);
}
