// What a layer does, in words, and how it computes one of its values, number by number.

const KINDS = {
  Conv2D: (layer) => `${layer.kernel.shape[3]} filters of ${layer.kernel_size.join(" × ")}`,
  Dense: (layer) => `${layer.kernel.shape[1]} units`,
  MaxPooling2D: (layer) => `the largest of ${layer.pool_size.join(" × ")}`,
  AveragePooling2D: (layer) => `the mean of ${layer.pool_size.join(" × ")}`,
};

const MEANINGS = {
  image: "The network sees 28 × 28 pixels. Each is divided by 255, so that 0 is no ink and 1 is full ink.",
  Conv2D:
    "Each filter slides over the maps before it. At each position it multiplies each weight by the value under it, " +
    "adds all products, over the window and over the channels, and adds its bias at the end. Each filter produces " +
    "one feature map, which shows where the filter finds its pattern.",
  Dense: "Each unit has a weight for every value. It multiplies, adds all products, and adds its bias at the end.",
  MaxPooling2D:
    "Pooling replaces each window with its largest value. The maps become smaller, and change little if the digit " +
    "shifts by a pixel.",
  AveragePooling2D: "Pooling replaces each window with the mean of its values. The maps become smaller.",
  GlobalMaxPooling2D: "Each feature map is replaced by its largest value: the network forgets where it was.",
  GlobalAveragePooling2D: "Each feature map is replaced by its mean: the network forgets where the values were.",
  BatchNormalization:
    "Each map is normalised with a mean and a variance from training, then comes a learned scale and shift. So the " +
    "values keep the same range while the network learns.",
  ReLU: "Negative values become 0, all others stay as they are.",
  LeakyReLU: "Negative values become much smaller, all others stay as they are.",
  ELU: "Negative values are squeezed towards a limit, all others stay as they are.",
  Activation: "The same function is applied to each value.",
  Softmax: "Softmax turns scores into probabilities.",
  Rescaling: "Each value is multiplied by the same number, and another one is added.",
  Flatten: "All values are written into one long row. From here on, each position has weights of its own.",
  Reshape: "The same values are arranged in another shape.",
  Dropout: "In training, random values are set to 0. In a prediction, like here, nothing changes.",
};
const IDLE = "This layer works in training only. In a prediction, like here, nothing changes.";
const SOFTMAX =
  "Then softmax turns the ten scores into probabilities: it takes the exponential of each score, and divides it by " +
  "the sum of all exponentials.";

function describeLayer(layer) {
  const meaning = MEANINGS[layer.kind] ?? IDLE;
  if (layer.activation === "softmax") return `${meaning} ${SOFTMAX}`;
  if (["linear", undefined].includes(layer.activation)) return meaning;
  if (layer.activation === "relu") return `${meaning} Then comes ReLU: negative values become 0.`;
  return `${meaning} Then comes the activation ${layer.activation}.`;
}

// How one value of a layer's output comes about: {terms, sum, bias, score, scores, value}. A term is a value of the
// input, {index, value}, that takes part; in a sum of products it has a weight, a product and a channel, too.
function inspectValue(layer, input, output, place) {
  const value = output.data[place];
  const take = (index) => ({ index, value: index < 0 ? 0 : input.data[index] });
  if (layer.kind === "Conv2D" || layer.kind === "Dense") return { ...inspectSum(layer, input, output, place), value };
  if (layer.pool_size) {
    const window = listWindow(layer, input, output.shape, place);
    return { terms: window.filter(({ index }) => index >= 0).map((term) => ({ ...term, ...take(term.index) })), value };
  }
  if (layer.kind.startsWith("Global")) {
    const maps = input.shape[2];
    return { terms: Array.from({ length: input.data.length / maps }, (_, each) => take(each * maps + place)), value };
  }
  return { terms: [take(place)], value };
}

function inspectSum(layer, input, output, place) {
  const kernel = layer.kernel;
  const units = kernel.shape.at(-1);
  const unit = place % units;
  const inputs = kernel.data.length / units;
  let parts;
  if (layer.kind === "Conv2D") {
    parts = listWindow(layer, input, output.shape, place).map((part) => {
      const row = (part.y * layer.kernel_size[1] + part.x) * kernel.shape[2] + part.channel;
      return { ...part, weight: kernel.data[row * units + unit] };
    });
  } else {
    const start = Math.floor(place / units) * inputs;
    parts = Array.from({ length: inputs }, (_, row) => ({
      index: start + row,
      weight: kernel.data[row * units + unit],
    }));
  }
  const terms = parts.map((part) => {
    const value = part.index < 0 ? 0 : input.data[part.index]; // padding is 0
    return { ...part, value, product: value * part.weight };
  });
  const sum = terms.reduce((total, { product }) => total + product, 0);
  const bias = layer.bias?.data[unit] ?? 0;
  const found = { terms, sum, bias, score: sum + bias };
  if (layer.activation === "softmax") found.scores = Array.from(sumWeighted(layer, input).data);
  return found;
}

// The pixels that a value depends on, its receptive field: rows and columns from the first to the last.
function findReceptiveField({ layers, outputs }, number, place) {
  let { rows, columns } = locate({ layers, outputs }, number, place);
  for (let before = number - 1; before >= 0; before--) {
    const layer = layers[before];
    const { shape } = outputs[before];
    const flat = outputs[before + 1].shape.length < 3;
    if (shape.length < 3) continue;
    if (flat && !rows)
      [rows, columns] = [
        [0, shape[0] - 1],
        [0, shape[1] - 1],
      ]; // it depends on whole maps
    else if (!flat && (layer.kernel_size || layer.pool_size)) {
      [rows, columns] = [rows, columns].map(([start, end], axis) => {
        const { first, size, stride } = placeWindows(layer, shape[axis], axis);
        return [Math.max(0, first + start * stride), Math.min(shape[axis] - 1, first + end * stride + size - 1)];
      });
    }
  }
  return { rows, columns };
}

// The row, column and map of a value, before it was flattened; {} if it never belonged to a map.
function locate(run, number, place) {
  const maps = findMaps(run, number);
  if (!maps) return {};
  const [, width, depth] = maps.shape;
  const [row, column] = [Math.floor(place / (width * depth)), Math.floor(place / depth) % width];
  return { row, column, map: place % depth, rows: [row, row], columns: [column, column] };
}

// The last maps that an output consists of, perhaps flattened since; null if its values are sums or means of them.
function findMaps({ layers, outputs }, number) {
  for (let layer = number; outputs[layer].shape.length < 3; layer--) {
    if (layer === 0 || layers[layer - 1].kind === "Dense" || layers[layer - 1].kind.startsWith("Global")) return null;
    if (outputs[layer - 1].data.length !== outputs[layer].data.length) return null;
  }
  for (let layer = number; ; layer--) if (outputs[layer].shape.length === 3) return outputs[layer];
}

// What is known about the network and its training, in a line.
function describeRecord({ record, layers }) {
  const weights = layers.flatMap((layer) => Object.values(layer)).filter((value) => value?.data);
  const count = weights.reduce((total, { data }) => total + data.length, 0);
  const told = [`${layers.length} layers`, `${count.toLocaleString("en-GB")} parameters`];
  if (record.recipe) told.push(`recipe ${record.recipe}`);
  if (record.seed !== undefined) told.push(`random seed ${record.seed}`);
  if (record.validation_accuracy !== undefined) {
    told.push(`validation accuracy ${(100 * record.validation_accuracy).toFixed(2)}%`);
  }
  if (record.date) told.push(`trained on ${record.date}`);
  return told.join(" · ");
}
