// A trained network, layer by layer, as in the lesson's forward pass in NumPy. A tensor is {shape, data}: the shape is
// [rows, columns, maps] or [values], and the data are its numbers in that order, the last axis fastest.

const makeTensor = (shape) => ({ shape, data: new Float32Array(shape.reduce((size, length) => size * length, 1)) });
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// Source: M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 1964, formula 7.1.26.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

const ACTIVATIONS = {
  linear: (x) => x,
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  leaky_relu: (x) => (x < 0 ? 0.2 * x : x),
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  selu: (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  sigmoid,
  hard_sigmoid: (x) => Math.min(1, Math.max(0, x / 6 + 0.5)),
  tanh: Math.tanh,
  silu: (x) => x * sigmoid(x),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  softsign: (x) => x / (1 + Math.abs(x)),
  exponential: Math.exp,
};

function mapValues({ shape, data }, change) {
  return { shape, data: data.map(change) };
}

// The exponential of each score, divided by the sum; only differences count, so the largest is subtracted first.
function softmax({ shape, data }) {
  const classes = shape.at(-1);
  const out = makeTensor(shape);
  for (let start = 0; start < data.length; start += classes) {
    const scores = data.subarray(start, start + classes);
    const largest = Math.max(...scores);
    const exponentials = Array.from(scores, (score) => Math.exp(score - largest));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    exponentials.forEach((value, place) => (out.data[start + place] = value / sum));
  }
  return out;
}

function activate(name, tensor) {
  if (name === "linear") return tensor;
  return name === "softmax" ? softmax(tensor) : mapValues(tensor, ACTIVATIONS[name]);
}

// The windows of a layer along the rows (axis 0) or columns (axis 1): their number, size and stride, and the first
// pixel of the first one, which "same" padding puts outside the image.
function placeWindows(layer, length, axis) {
  const size = (layer.kernel_size ?? layer.pool_size)[axis];
  const stride = layer.strides[axis];
  if (layer.padding === "valid") return { count: Math.floor((length - size) / stride) + 1, size, stride, first: 0 };
  const count = Math.ceil(length / stride);
  const beyond = Math.max(0, (count - 1) * stride + size - length);
  return { count, size, stride, first: -Math.floor(beyond / 2) };
}

// The sums of a convolution, before its activation.
function convolve(layer, { shape: [rows, columns, maps], data }) {
  const down = placeWindows(layer, rows, 0);
  const across = placeWindows(layer, columns, 1);
  const filters = layer.kernel.shape[3];
  const out = makeTensor([down.count, across.count, filters]);
  const sums = new Float64Array(filters);
  let end = 0;
  for (let row = 0; row < down.count; row++) {
    const [top, bottom] = clip(down, row, rows);
    for (let column = 0; column < across.count; column++) {
      const [left, right] = clip(across, column, columns);
      const [values, starts] = [[], []];
      for (let r = top; r < bottom; r++) {
        for (let c = left; c < right; c++) {
          const y = r - down.first - row * down.stride;
          const x = c - across.first - column * across.stride;
          const start = (y * across.size + x) * maps;
          for (let map = 0; map < maps; map++) {
            const value = data[(r * columns + c) * maps + map];
            if (value === 0) continue; // after ReLU, that is every second one
            values.push(value);
            starts.push((start + map) * filters);
          }
        }
      }
      layer.bias ? sums.set(layer.bias.data) : sums.fill(0);
      addProducts(sums, values, starts, layer.kernel.data);
      out.data.set(sums, end);
      end += filters;
    }
  }
  return out;
}

// Multiplies each value by its row of weights, one weight for each sum, and adds. Four at a time are twice as fast.
function addProducts(sums, values, starts, weights) {
  const count = sums.length;
  let place = 0;
  for (; place + 4 <= values.length; place += 4) {
    const [a, b, c, d] = [values[place], values[place + 1], values[place + 2], values[place + 3]];
    const [i, j, k, l] = [starts[place], starts[place + 1], starts[place + 2], starts[place + 3]];
    for (let sum = 0; sum < count; sum++) {
      sums[sum] += a * weights[i + sum] + b * weights[j + sum] + c * weights[k + sum] + d * weights[l + sum];
    }
  }
  for (; place < values.length; place++) {
    for (let sum = 0; sum < count; sum++) sums[sum] += values[place] * weights[starts[place] + sum];
  }
}

// One value of each window and map, such as its maximum; padding is left out.
function pool(layer, { shape: [rows, columns, maps], data }, combine) {
  const down = placeWindows(layer, rows, 0);
  const across = placeWindows(layer, columns, 1);
  const out = makeTensor([down.count, across.count, maps]);
  for (let row = 0; row < down.count; row++) {
    const [top, bottom] = clip(down, row, rows);
    for (let column = 0; column < across.count; column++) {
      const [left, right] = clip(across, column, columns);
      for (let map = 0; map < maps; map++) {
        const window = [];
        for (let r = top; r < bottom; r++) {
          for (let c = left; c < right; c++) window.push(data[(r * columns + c) * maps + map]);
        }
        out.data[(row * across.count + column) * maps + map] = combine(window);
      }
    }
  }
  return out;
}

// The part of a window that is inside the image.
function clip({ first, size, stride }, place, length) {
  const start = first + place * stride;
  return [Math.max(0, start), Math.min(length, start + size)];
}

// The places in the input that a value of the output depends on; padding has the index -1.
function listWindow(layer, { shape: [rows, columns, maps] }, [, width, depth], place) {
  const down = placeWindows(layer, rows, 0);
  const across = placeWindows(layer, columns, 1);
  const [row, column, map] = [Math.floor(place / (width * depth)), Math.floor(place / depth) % width, place % depth];
  const channels = layer.kernel ? Array.from({ length: maps }, (_, channel) => channel) : [map];
  const found = [];
  for (const channel of channels) {
    for (let y = 0; y < down.size; y++) {
      for (let x = 0; x < across.size; x++) {
        const r = down.first + row * down.stride + y;
        const c = across.first + column * across.stride + x;
        const inside = r >= 0 && r < rows && c >= 0 && c < columns;
        found.push({ index: inside ? (r * columns + c) * maps + channel : -1, y, x, channel });
      }
    }
  }
  return found;
}

const mean = (values) => values.reduce((total, value) => total + value, 0) / values.length;
const largest = (values) => values.reduce((best, value) => Math.max(best, value), -Infinity);

// The weighted sums of a dense layer, before its activation.
function sumWeighted(layer, { shape, data }) {
  const [inputs, units] = layer.kernel.shape;
  const out = makeTensor([...shape.slice(0, -1), units]);
  const starts = Array.from({ length: inputs }, (_, input) => input * units);
  for (let start = 0, end = 0; start < data.length; start += inputs, end += units) {
    const sums = new Float64Array(units);
    if (layer.bias) sums.set(layer.bias.data);
    addProducts(sums, data.subarray(start, start + inputs), starts, layer.kernel.data);
    out.data.set(sums, end);
  }
  return out;
}

function normalise(layer, { shape, data }) {
  const maps = shape.at(-1);
  const { gamma, beta, moving_mean, moving_variance } = layer;
  const scale = moving_variance.data.map(
    (variance, map) => (gamma?.data[map] ?? 1) / Math.sqrt(variance + layer.epsilon),
  );
  const shift = moving_mean.data.map((mean, map) => (beta?.data[map] ?? 0) - mean * scale[map]);
  return { shape, data: data.map((value, place) => value * scale[place % maps] + shift[place % maps]) };
}

function poolWholeMaps({ shape: [rows, columns, maps], data }, combine) {
  const out = makeTensor([maps]);
  for (let map = 0; map < maps; map++) {
    out.data[map] = combine(Array.from({ length: rows * columns }, (_, place) => data[place * maps + map]));
  }
  return out;
}

function rectify({ max_value, negative_slope, threshold }, x) {
  return x >= threshold ? Math.min(x, max_value ?? Infinity) : negative_slope * (x - threshold);
}

const same = (layer, input) => input;

// What each kind of layer does with its input.
const LAYERS = {
  Conv2D: (layer, input) => activate(layer.activation, convolve(layer, input)),
  Dense: (layer, input) => activate(layer.activation, sumWeighted(layer, input)),
  MaxPooling2D: (layer, input) => pool(layer, input, largest),
  AveragePooling2D: (layer, input) => pool(layer, input, mean),
  GlobalMaxPooling2D: (layer, input) => poolWholeMaps(input, largest),
  GlobalAveragePooling2D: (layer, input) => poolWholeMaps(input, mean),
  BatchNormalization: normalise,
  ReLU: (layer, input) => mapValues(input, (x) => rectify(layer, x)),
  LeakyReLU: (layer, input) => mapValues(input, (x) => (x < 0 ? layer.negative_slope * x : x)),
  ELU: (layer, input) => mapValues(input, (x) => (x < 0 ? layer.alpha * Math.expm1(x) : x)),
  Activation: (layer, input) => activate(layer.activation, input),
  Softmax: (layer, input) => softmax(input),
  Rescaling: (layer, input) => mapValues(input, (x) => x * layer.scale + layer.offset),
  Flatten: (layer, { data }) => ({ shape: [data.length], data }),
  Reshape: (layer, { data }) => ({ shape: layer.target_shape, data }),
  Dropout: same, // these change values only in training
  SpatialDropout2D: same,
  GaussianNoise: same,
  GaussianDropout: same,
};

// The image as a tensor, from 784 pixels 0 to 255, then the output of every layer; the last one has the probabilities.
function runNetwork(network, pixels) {
  const outputs = [{ shape: [28, 28, 1], data: Float32Array.from(pixels, (pixel) => pixel / 255) }];
  for (const layer of network.layers) outputs.push(LAYERS[layer.kind](layer, outputs.at(-1)));
  return outputs;
}

function decodeBytes(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);
  return bytes;
}

// A number of 16 bits: sign, 5 bits of exponent, 10 bits of fraction.
function decodeHalf(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

// Puts the weights, which the file holds in one piece, into the layers that they belong to.
function openNetwork(description) {
  const { buffer } = decodeBytes(description.weights);
  let start = 0;
  const layers = description.layers.map(({ arrays, ...layer }) => {
    for (const { name, shape, bits } of arrays) {
      const end = start + (makeTensor(shape).data.length * bits) / 8;
      const bytes = buffer.slice(start, end);
      const data = bits === 32 ? new Float32Array(bytes) : Float32Array.from(new Uint16Array(bytes), decodeHalf);
      layer[name] = { shape, data };
      start = end;
    }
    return layer;
  });
  const examples = (description.examples ?? []).map(({ label, pixels }) => ({ label, pixels: decodeBytes(pixels) }));
  return { ...description, layers, examples };
}
