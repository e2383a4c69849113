// How a value is computed, in numbers: the elements that the page shows for each kind of layer.

const MOST = 6; // values that are listed for and against an output

const equation = (text) => element("p", { className: "net-equation", textContent: text });
const bracket = (value, digits = 4) => (value < 0 ? `(${number(value, digits)})` : number(value, digits));

function explainPixel({ run, current }) {
  const pixel = run.pixels[current.place];
  return [
    equation(`${pixel} / 255 = ${number(pixel / 255)}`),
    element("p", {
      textContent: `This pixel has the value ${pixel} of 255. You have reached the image: nothing comes before it.`,
    }),
  ];
}

function explainValue(view) {
  const { run, current, layer, follow } = view;
  const [input, output] = [run.outputs[current.number - 1], run.outputs[current.number]];
  const found = inspectValue(layer, input, output, current.place);
  const inside = found.terms.filter(({ index }) => index >= 0); // without the padding
  const best = inside[strongest(inside.map(({ product, value }) => product ?? value))];
  const text = inside.length === 1 ? "Back to the value before" : "Back to the strongest of these values";
  const back = button(text, () => follow(best.index), { className: "net-back" });
  return [...(EXPLANATIONS[layer.kind] ?? explainSame)(view, found, input), back];
}

// The map before, with a frame around the values that take part.
function drawBefore({ run, current }, terms) {
  const before = current.number - 1;
  const { shape } = run.outputs[before];
  const places = terms.filter(({ index }) => index >= 0).map(({ index }) => locate(run, before, index));
  if (shape.length < 3 || !places.length) return [];
  const [ys, xs] = [places.map(({ row }) => row), places.map(({ column }) => column)];
  const [{ map }, top, left] = [places[0], Math.min(...ys), Math.min(...xs)];
  const canvas = element("canvas", { className: before ? "net-before" : "net-before net-paper" });
  const { pen, scale } = paintMap(canvas, run.outputs[before], map, !before);
  frame(pen, left, top, Math.max(...xs) + 1 - left, Math.max(...ys) + 1 - top, scale);
  const text = before
    ? `Map ${map} of the layer before. The framed part is used.`
    : "The image. The framed part is used.";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text);
  return [element("figure", {}, [canvas, element("figcaption", { className: "net-hint", textContent: text })])];
}

const explainSame = (view, { terms, value }) => [...drawBefore(view, terms), equation(`unchanged: ${number(value)}`)];
const explainFunction =
  (name) =>
  (view, { terms, value }) => [
    ...drawBefore(view, terms),
    equation(`${name(view.layer)}(${number(terms[0].value)}) = ${number(value)}`),
  ];

const EXPLANATIONS = {
  Conv2D: explainConvolution,
  Dense: explainDense,
  MaxPooling2D: (view, found) => explainWindow(view, found, "the largest"),
  AveragePooling2D: (view, found) => explainWindow(view, found, "the mean"),
  GlobalMaxPooling2D: (view, { terms, value }) => [
    equation(`the largest of ${terms.length} values = ${number(value)}`),
  ],
  GlobalAveragePooling2D: (view, { terms, value }) => [
    equation(`the mean of ${terms.length} values = ${number(value)}`),
  ],
  BatchNormalization: explainNormalisation,
  ReLU: explainFunction(() => "ReLU"),
  LeakyReLU: explainFunction(() => "leaky ReLU"),
  ELU: explainFunction(() => "ELU"),
  Activation: ({ layer, current, run }, found, input) =>
    layer.activation === "softmax"
      ? explainSoftmax(input.data, current.place)
      : explainFunction(() => layer.activation)({ layer }, found),
  Softmax: ({ current }, found, input) => explainSoftmax(input.data, current.place),
  Rescaling: ({ layer }, { terms, value }) => [
    equation(`${number(terms[0].value)} × ${number(layer.scale)} + ${bracket(layer.offset)} = ${number(value)}`),
  ],
};

function explainSum({ layer, current }, { sum, bias, score, scores, value }) {
  const lines = [equation(`sum of the products ${number(sum)} + bias ${bracket(bias)} = ${number(score)}`)];
  if (scores) lines.push(...explainSoftmax(scores, current.place));
  else if (layer.activation !== "linear")
    lines.push(equation(`${layer.activation}(${number(score)}) = ${number(value)}`));
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
  const parts = [...drawBefore(view, terms), explainProducts(view, terms)];
  if (maps > 1) {
    const choices = order.slice(0, MOST).map((channel) => {
      const choose = () =>
        inspect([...trail.slice(0, -1), { ...current, channel }], ".net-channels [aria-pressed=true]");
      const choice = button(`map ${channel}: ${number(sums[channel])}`, choose);
      choice.setAttribute("aria-pressed", channel === shown);
      return element("li", {}, [choice]);
    });
    const rest = order.slice(MOST).reduce((total, channel) => total + sums[channel], 0);
    if (maps > MOST) choices.push(element("li", { textContent: `the other ${maps - MOST} maps: ${number(rest)}` }));
    parts.unshift(
      element("p", {
        textContent: `The filter has a kernel for each of the ${maps} maps before it. These add most to the sum:`,
      }),
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
      cell.append(
        choose && term.index >= 0 ? button(text, () => choose(term.index), { title: "Follow this value" }) : text,
      );
    }
  }
  return table;
}

function explainWindow(view, { terms, value }, what) {
  const most = terms.reduce((best, term) => Math.max(best, Math.abs(term.value)), 0);
  const columns = terms.filter(({ y }) => y === terms[0].y).length;
  const table = makeTable("window", terms, columns, "value", most, view.follow);
  return [
    ...drawBefore(view, terms),
    element("div", { className: "net-product" }, [table]),
    equation(`${what} of ${terms.length} values = ${number(value)}`),
  ];
}

function explainNormalisation(view, { terms, value }) {
  const { layer, current, run } = view;
  const map = current.place % run.outputs[current.number].shape.at(-1);
  const get = (name, usual) => layer[name]?.data[map] ?? usual;
  const [mean, variance] = [get("moving_mean", 0), get("moving_variance", 1)];
  const normal = (terms[0].value - mean) / Math.sqrt(variance + layer.epsilon);
  const distance = `(value ${number(terms[0].value)} − mean ${bracket(mean)})`;
  return [
    ...drawBefore(view, terms),
    equation(`${distance} / √(variance ${number(variance)} + ${layer.epsilon}) = ${number(normal)}`),
    equation(
      `${number(normal)} × scale ${bracket(get("gamma", 1))} + shift ${bracket(get("beta", 0))} = ${number(value)}`,
    ),
  ];
}

function explainSoftmax(scores, place) {
  const exponentials = Array.from(scores, (score) => Math.exp(score - Math.max(...scores)));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  const head = ["class", "score", "exponential", "probability"].map((text) =>
    element("th", { textContent: text, scope: "col" }),
  );
  const table = element("table", { className: "net-softmax" }, [
    element("caption", {
      textContent: "Softmax. Only differences between scores count: the largest is subtracted from all of them first.",
    }),
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
  const sorted = [...found.terms].sort((a, b) => b.product - a.product);
  const [pro, contra] = [
    sorted.filter(({ product }) => product > 0),
    sorted.filter(({ product }) => product < 0).reverse(),
  ];
  const parts = [
    ["For", "speak for", pro],
    ["Against", "speak against", contra],
  ].map(([title, verb, terms]) => {
    const total = terms.reduce((sum, { product }) => sum + product, 0);
    const items = terms.slice(0, MOST).map(({ index, value, weight, product }) => {
      const vote = button("", () => follow(index), { title: "Follow this value" });
      const text = `${number(value, 2)} × ${bracket(weight, 2)} = ${number(product, 2)}`;
      vote.append(
        element("span", { textContent: nameValue(run, current.number - 1, index) }),
        element("span", { textContent: text }),
      );
      return element("li", {}, [vote]);
    });
    const count = terms.length.toLocaleString("en-GB");
    const text = `${count} values ${verb} it, together ${number(total, 2)}. The strongest:`;
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
  const scale = Math.max(1, Math.floor(140 / rows));
  paint(canvas, columns, rows, sums, { scale, most: largestAmount(sums) });
  const text =
    "Where in the image? All products at each position, added over the maps: blue speaks for this output, orange " +
    "against it.";
  return [element("figure", {}, [canvas, element("figcaption", { className: "net-hint", textContent: text })])];
}
