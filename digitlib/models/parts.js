// What the page is made of: numbers as text, buttons, and pictures of values.

// Colour-blind readers can tell them apart, on a light and on a dark page.
const BLUE = [42, 143, 212]; // positive values
const ORANGE = [226, 113, 29]; // negative values
const BLACK = [0, 0, 0]; // ink

const number = (value, digits = 4) => {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? "0" : text.replace("-", "−");
};
const percent = (share) => `${(100 * share).toFixed(1)}%`;
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
    const [red, green, blue] = ink ? BLACK : values[place] < 0 ? ORANGE : BLUE;
    const strength = Math.min(1, Math.abs(values[place]) / (most || 1));
    pixels.data[4 * place] = red;
    pixels.data[4 * place + 1] = green;
    pixels.data[4 * place + 2] = blue;
    pixels.data[4 * place + 3] = 255 * (ink ? strength : strength ** 0.7);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  return pen;
}

const largestAmount = (values) => Math.abs(values[strongest(values)]);

// Draws one of a tensor's maps; returns the pen, and the size of a value in pixels.
function paintMap(canvas, { shape, data }, map, ink) {
  const [rows, columns, maps] = shape;
  const values = Array.from({ length: rows * columns }, (_, place) => data[place * maps + map]);
  const scale = Math.max(1, Math.floor(280 / Math.max(rows, columns)));
  return { pen: paint(canvas, columns, rows, values, { scale, most: largestAmount(data), ink }), scale };
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
  const most = ink ? 1 : largestAmount(tensor.data);
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
