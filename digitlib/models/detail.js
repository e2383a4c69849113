// The part of the page that shows how one value is computed, with a button for each value that takes part.

const equation = (text) => element("p", { className: "net-equation", textContent: text });
const bracket = (value, digits = 4) => (value < 0 ? `(${number(value, digits)})` : number(value, digits));

// The elements that explain the last value of a trail; inspect(trail, focus) shows another one.
function inspectionView(run, trail, inspect) {
  const current = trail.at(-1);
  const layer = current.number ? run.layers[current.number - 1] : null;
  const title = element("h2", { tabIndex: -1 });
  title.textContent = layer ? `Layer ${current.number}: ${layer.kind}` : "The image";
  const view = { run, trail, current, layer, inspect, follow: (place) => inspect([...trail, { number: current.number - 1, place }]) };
  const meaning = element("p", { textContent: layer ? describeLayer(layer) : MEANINGS.image });
  const calculation = element("div", { className: "net-calculation" }, layer ? explainValue(view) : explainPixel(view));
  return [
    title,
    meaning,
    makeTrail(view),
    element("div", { className: "net-columns" }, [element("div", { className: "net-figures" }, drawFigures(view)), calculation]),
  ];
}

// A value's name, such as "map 3, row 5, column 7". Numbers start at 0, as in Python.
function nameValue(run, number, place) {
  const { map, row, column } = locate(run, number, place);
  if (number === 0) return `row ${row}, column ${column}`;
  if (run.outputs[number].shape.length === 3) return `map ${map}, row ${row}, column ${column}`;
  if (map === undefined || number === run.layers.length) return `${number === run.layers.length ? "output" : "value"} ${place}`;
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
    const values = Array.from({ length: rows * columns }, (_, each) => data[each * maps + map]);
    const most = data.reduce((best, value) => Math.max(best, Math.abs(value)), 0);
    const scale = Math.max(1, Math.floor(280 / Math.max(rows, columns)));
    const pen = paint(canvas, columns, rows, values, { scale, most, ink: !layer });
    frame(pen, column, row, 1, 1, scale);
    canvas.onclick = (event) => {
      const box = canvas.getBoundingClientRect();
      const c = Math.min(columns - 1, Math.floor(((event.clientX - box.left) / box.width) * columns));
      const r = Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows));
      choose((Math.max(0, r) * columns + Math.max(0, c)) * maps + map);
    };
    const boxes = [["map", map, maps], ["row", row, rows], ["column", column, columns]].slice(layer ? 0 : 1);
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
  for (const [colour, line] of [["white", 5], ["black", 2]]) {
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

function explainPixel({ run, current }) {
  const pixel = run.pixels[current.place];
  return [
    equation(`${pixel} / 255 = ${number(pixel / 255)}`),
    element("p", { textContent: `This pixel has the value ${pixel} of 255. You have reached the image: nothing comes before it.` }),
  ];
}

function explainValue(view) {
  const { run, current, layer, follow } = view;
  const [input, output] = [run.outputs[current.number - 1], run.outputs[current.number]];
  const found = inspectValue(layer, input, output, current.place);
  const strength = found.terms.map(({ product, value, index }) => (index < 0 ? 0 : Math.abs(product ?? value)));
  const best = found.terms[strongest(strength)];
  const one = found.terms.length === 1;
  const back = button(one ? "Back to the value before" : "Back to the strongest of these values", () => follow(best.index), {
    className: "net-back",
  });
  return [...(EXPLANATIONS[layer.kind] ?? explainSame)(view, found, input), back];
}

const explainSame = (view, { value }) => [equation(`unchanged: ${number(value)}`)];
const explainFunction = (name) => (view, { terms, value }) => [equation(`${name(view.layer)}(${number(terms[0].value)}) = ${number(value)}`)];

const EXPLANATIONS = {
  Conv2D: explainConvolution,
  Dense: explainDense,
  MaxPooling2D: (view, found) => explainWindow(view, found, "the largest"),
  AveragePooling2D: (view, found) => explainWindow(view, found, "the mean"),
  GlobalMaxPooling2D: (view, { terms, value }) => [equation(`the largest of ${terms.length} values = ${number(value)}`)],
  GlobalAveragePooling2D: (view, { terms, value }) => [equation(`the mean of ${terms.length} values = ${number(value)}`)],
  BatchNormalization: explainNormalisation,
  ReLU: explainFunction(() => "ReLU"),
  LeakyReLU: explainFunction(() => "leaky ReLU"),
  ELU: explainFunction(() => "ELU"),
  Activation: ({ layer, current, run }, found, input) =>
    layer.activation === "softmax" ? explainSoftmax(input.data, current.place) : explainFunction(() => layer.activation)({ layer }, found),
  Softmax: ({ current }, found, input) => explainSoftmax(input.data, current.place),
  Rescaling: ({ layer }, { terms, value }) => [
    equation(`${number(terms[0].value)} × ${number(layer.scale)} + ${bracket(layer.offset)} = ${number(value)}`),
  ],
};

function explainSum({ layer, current }, { sum, bias, score, scores, value }) {
  const lines = [equation(`sum of the products ${number(sum)} + bias ${bracket(bias)} = ${number(score)}`)];
  if (scores) lines.push(...explainSoftmax(scores, current.place));
  else if (layer.activation !== "linear") lines.push(equation(`${layer.activation}(${number(score)}) = ${number(value)}`));
  return lines;
}

function explainConvolution(view, found) {
  const { layer, current, trail, inspect } = view;
  const maps = layer.kernel.shape[2];
  const sums = new Array(maps).fill(0);
  for (const { channel, product } of found.terms) sums[channel] += product;
  const order = Array.from(sums.keys()).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  const shown = current.channel ?? order[0];
  const terms = found.terms.filter(({ channel }) => channel === shown);
  const parts = [explainProducts(view, terms)];
  if (maps > 1) {
    const choices = order.slice(0, MOST).map((channel) => {
      const choose = () => inspect([...trail.slice(0, -1), { ...current, channel }], ".net-channels [aria-pressed=true]");
      const choice = button(`map ${channel}: ${number(sums[channel])}`, choose);
      choice.setAttribute("aria-pressed", channel === shown);
      return element("li", {}, [choice]);
    });
    const rest = order.slice(MOST).reduce((total, channel) => total + sums[channel], 0);
    if (maps > MOST) choices.push(element("li", { textContent: `the other ${maps - MOST} maps: ${number(rest)}` }));
    parts.unshift(
      element("p", { textContent: `The filter has a kernel for each of the ${maps} maps before it. These add most to the sum:` }),
      element("ul", { className: "net-channels" }, choices),
    );
  }
  return [...parts, ...explainSum(view, found)];
}

// The window, the kernel and their products, side by side.
function explainProducts({ run, current, layer, follow }, terms) {
  const largest = (key) => terms.reduce((best, term) => Math.max(best, Math.abs(term[key])), 0);
  const source = current.number > 1 ? `window on map ${terms[0].channel}` : "window on the image";
  const make = (caption, key, choose) => makeTable(caption, terms, layer.kernel_size[1], key, largest(key), choose);
  return element("div", { className: "net-product" }, [
    make(source, "value", follow),
    element("span", { textContent: "×" }),
    make("kernel", "weight"),
    element("span", { textContent: "=" }),
    make("products", "product"),
  ]);
}

// A table of numbers, one for each term; with `choose`, each is a button that follows its value.
function makeTable(caption, terms, columns, key, most, choose) {
  const table = element("table", {}, [element("caption", { textContent: caption })]);
  for (let start = 0; start < terms.length; start += columns) {
    const row = table.insertRow();
    for (const term of terms.slice(start, start + columns)) {
      const cell = row.insertCell();
      const text = term.index < 0 && choose ? "pad" : number(term[key], 2);
      cell.style.setProperty("--strength", `${Math.round((40 * Math.abs(term[key])) / (most || 1))}%`);
      cell.className = term[key] < 0 ? "net-negative" : "net-positive";
      cell.append(choose && term.index >= 0 ? button(text, () => choose(term.index), { title: "Follow this value" }) : text);
    }
  }
  return table;
}

function explainWindow({ layer, follow }, { terms, value }, what) {
  const most = terms.reduce((best, term) => Math.max(best, Math.abs(term.value)), 0);
  const columns = terms.filter(({ y }) => y === terms[0].y).length;
  const table = makeTable("window", terms, columns, "value", most, follow);
  return [element("div", { className: "net-product" }, [table]), equation(`${what} of ${terms.length} values = ${number(value)}`)];
}

function explainNormalisation({ layer, current, run }, { terms, value }) {
  const map = current.place % run.outputs[current.number].shape.at(-1);
  const get = (name, usual) => layer[name]?.data[map] ?? usual;
  const [mean, variance] = [get("moving_mean", 0), get("moving_variance", 1)];
  const normal = (terms[0].value - mean) / Math.sqrt(variance + layer.epsilon);
  return [
    equation(`(value ${number(terms[0].value)} − mean ${bracket(mean)}) / √(variance ${number(variance)} + ${layer.epsilon}) = ${number(normal)}`),
    equation(`${number(normal)} × scale ${bracket(get("gamma", 1))} + shift ${bracket(get("beta", 0))} = ${number(value)}`),
  ];
}

function explainSoftmax(scores, place) {
  const exponentials = Array.from(scores, (score) => Math.exp(score - Math.max(...scores)));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  const head = ["class", "score", "exponential", "probability"].map((text) => element("th", { textContent: text, scope: "col" }));
  const table = element("table", { className: "net-softmax" }, [
    element("caption", { textContent: "Softmax. Only differences between scores count: the largest is subtracted from all of them first." }),
    element("tr", {}, head),
  ]);
  exponentials.forEach((exponential, each) => {
    const cells = [number(scores[each], 2), number(exponential), percent(exponential / sum)];
    const name = element("th", { textContent: each, scope: "row" });
    const row = element("tr", {}, [name, ...cells.map((textContent) => element("td", { textContent }))]);
    row.className = each === place ? "net-best" : "";
    table.append(row);
  });
  return [table, equation(`${number(exponentials[place])} / ${number(sum)} = ${percent(exponentials[place] / sum)}`)];
}

function explainDense(view, found, input) {
  const { run, current, follow } = view;
  const sorted = found.terms.toSorted((a, b) => b.product - a.product);
  const [pro, contra] = [sorted.filter(({ product }) => product > 0), sorted.filter(({ product }) => product < 0).reverse()];
  const parts = [["For", "speak for", pro], ["Against", "speak against", contra]].map(([title, verb, terms]) => {
    const total = terms.reduce((sum, { product }) => sum + product, 0);
    const items = terms.slice(0, MOST).map(({ index, value, weight, product }) => {
      const vote = button("", () => follow(index), { title: "Follow this value" });
      const text = `${number(value, 2)} × ${bracket(weight, 2)} = ${number(product, 2)}`;
      vote.append(element("span", { textContent: nameValue(run, current.number - 1, index) }), element("span", { textContent: text }));
      return element("li", {}, [vote]);
    });
    const text = `${terms.length.toLocaleString("en-GB")} values ${verb} it, together ${number(total, 2)}. The strongest:`;
    return element("div", {}, [
      element("h3", { textContent: title }),
      element("p", { textContent: text }),
      element("ol", { className: "net-votes" }, items),
    ]);
  });
  const columns = element("div", { className: "net-sides" }, parts);
  const rest = [drawEvidence(view, found), explainSum(view, found)].filter((parts) => parts.length);
  const below = rest.map((parts) => element("div", {}, parts));
  return [columns, element("div", { className: "net-sides" }, below)];
}

// Where the values lie that speak for an output and against it, if they were maps before Flatten.
function drawEvidence({ run, current }, { terms }) {
  const maps = findMaps(run, current.number - 1);
  if (!maps) return [];
  const [rows, columns, depth] = maps.shape;
  const sums = new Float32Array(rows * columns);
  terms.forEach(({ index, product }) => (sums[Math.floor(index / depth)] += product));
  const canvas = element("canvas", { className: "net-evidence" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `For and against, added at each of ${rows} × ${columns} positions`);
  const most = sums.reduce((best, value) => Math.max(best, Math.abs(value)), 0);
  paint(canvas, columns, rows, sums, { scale: Math.max(1, Math.floor(140 / rows)), most });
  const text = "Where in the image? All products at each position, added over the maps: blue speaks for this output, orange against it.";
  return [element("figure", {}, [canvas, element("figcaption", { className: "net-hint", textContent: text })])];
}
