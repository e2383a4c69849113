// Turns a clean drawing into an image like those of MNIST, in the steps of normalization.py and ink.py: the digit is
// cut out, thickened if its strokes are thin, fitted into 20 x 20 pixels, and centred by its mass in 28 x 28.
// A picture is {width, height, data}; its numbers run from 0, paper, to 1, ink.

const CLOSE = 300; // pixels of the longer side when the digit is looked at closely
const DETAIL = 120; // pixels of a digit's longer side that show all its strokes
const BOX = 20; // pixels of a digit's longer side at the end
const STROKE = 2.2; // thinner strokes, in pixels of the box, are thickened

const newPicture = (width, height) => ({ width, height, data: new Float32Array(width * height) });
const longest = ({ width, height }) => Math.max(width, height);

// The drawing as an image of 784 pixels, 0 to 255; null if there is no ink.
function normaliseDrawing(picture) {
  const coarse = keepDigit(blur(picture, longest(picture) / 400));
  const extent = findExtent(coarse, 0.5);
  if (!extent) return null;
  const margin = 0.75 * Math.max(extent.right - extent.left, extent.bottom - extent.top);
  const around = {
    left: Math.max(0, Math.floor(extent.left - margin)),
    top: Math.max(0, Math.floor(extent.top - margin)),
    right: Math.min(picture.width, Math.floor(extent.right + margin) + 1),
    bottom: Math.min(picture.height, Math.floor(extent.bottom + margin) + 1),
  };
  const kept = { ...picture, data: picture.data.map((ink, place) => (ink && near(coarse, place) ? ink : 0)) };
  const part = crop(kept, around);
  const close = resize(part, CLOSE / longest(part));
  const blurred = blur(close, longest(close) / 400);
  const soft = { ...blurred, data: blurred.data.map((ink) => Math.min(1, Math.max(0, (ink - 0.3) / 0.5))) };
  return centre(fit(crop(soft, findExtent(soft, 0.3))));
}

// Fits a digit into 20 x 20 pixels, and first thickens strokes that would fade.
function fit(digit) {
  if (longest(digit) > DETAIL) digit = resize(digit, DETAIL / longest(digit));
  const mask = Uint8Array.from(digit.data, (ink) => (ink > 0.5 ? 1 : 0));
  const count = (marks) => marks.reduce((total, mark) => total + mark, 0);
  const width = count(mask) / Math.max(1, count(thin(mask, digit.width, digit.height)));
  const radius = ((STROKE * longest(digit)) / BOX - width) / 2;
  if (radius > 0.5) digit = thicken(digit, radius);
  digit = crop(digit, findExtent(digit, 0.3));
  const scaled = resize(digit, BOX / longest(digit));
  const most = scaled.data.reduce((best, ink) => Math.max(best, ink), 0);
  return { ...scaled, data: scaled.data.map((ink) => Math.min(1, Math.max(0, ink / most))) };
}

function centre({ width, height, data }) {
  let [sum, x, y] = [0, 0, 0];
  data.forEach((ink, place) => {
    sum += ink;
    x += ink * (place % width);
    y += ink * Math.floor(place / width);
  });
  const left = Math.min(28 - width, Math.max(0, roundToEven(14 - x / sum)));
  const top = Math.min(28 - height, Math.max(0, roundToEven(14 - y / sum)));
  const image = new Uint8Array(28 * 28);
  data.forEach((ink, place) => {
    image[(top + Math.floor(place / width)) * 28 + left + (place % width)] = Math.round(255 * ink);
  });
  return image;
}

// As Python rounds: a half to the even neighbour.
function roundToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

function crop(picture, { left, top, right, bottom }) {
  const part = newPicture(right - left, bottom - top);
  for (let y = top; y < bottom; y++) {
    const row = picture.data.subarray(y * picture.width + left, y * picture.width + right);
    part.data.set(row, (y - top) * part.width);
  }
  return part;
}

// The smallest rectangle with all the ink above a threshold; null if there is none.
function findExtent({ width, height, data }, threshold) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!(data[y * width + x] > threshold)) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), y + 1];
    }
  }
  return right ? { left, top, right, bottom } : null;
}

// Filters along the columns, then along the rows. `weigh(length, end)` says, for each pixel of a new line, which pixels
// of the old one it mixes: [{place, weight}, ...].
function filterBoth(picture, width, height, weigh) {
  const down = newPicture(picture.width, height);
  weigh(picture.height, height).forEach((mixed, y) => {
    const line = down.data.subarray(y * down.width, (y + 1) * down.width);
    for (const { place, weight } of mixed) {
      const row = picture.data.subarray(place * down.width, (place + 1) * down.width);
      for (let x = 0; x < down.width; x++) line[x] += weight * row[x];
    }
  });
  const out = newPicture(width, height);
  const across = weigh(picture.width, width);
  const places = across.map((mixed) => Int32Array.from(mixed, ({ place }) => place));
  const weights = across.map((mixed) => Float64Array.from(mixed, ({ weight }) => weight));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, by] = [places[x], weights[x]];
      let total = 0;
      for (let step = 0; step < from.length; step++) total += by[step] * down.data[y * down.width + from[step]];
      out.data[y * width + x] = total;
    }
  }
  return out;
}

const share = (mixed) => {
  const sum = mixed.reduce((total, { weight }) => total + weight, 0);
  return mixed.map(({ place, weight }) => ({ place, weight: weight / sum }));
};

// A Gaussian filter; beyond the edge, the picture is reflected.
function blur(picture, deviation) {
  const reach = Math.floor(4 * deviation + 0.5);
  const steps = Array.from({ length: 2 * reach + 1 }, (_, place) => place - reach);
  return filterBoth(picture, picture.width, picture.height, (length) => {
    const reflect = (place) => Math.min(place < 0 ? -1 - place : place, 2 * length - 1 - place);
    return Array.from({ length }, (_, middle) =>
      share(
        steps.map((step) => ({
          place: Math.max(0, reflect(middle + step)),
          weight: Math.exp(-((step / deviation) ** 2) / 2),
        })),
      ),
    );
  });
}

// Python rounds the sides; then each new pixel is a mean (smaller) or a cubic interpolation (larger) of old ones.
function resize(picture, factor) {
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, roundToEven(side * factor)));
  const cubic = height >= picture.height;
  const support = cubic ? 2 : 0.5;
  return filterBoth(picture, width, height, (length, end) => {
    const stretch = Math.max(1, length / end);
    return Array.from({ length: end }, (_, pixel) => {
      const middle = ((pixel + 0.5) * length) / end;
      const first = Math.max(0, Math.floor(middle - support * stretch + 0.5));
      const last = Math.min(length, Math.floor(middle + support * stretch + 0.5));
      const mixed = [];
      for (let place = first; place < last; place++) {
        const distance = (place - middle + 0.5) / stretch;
        const weight = cubic ? bend(Math.abs(distance)) : Number(distance > -0.5 && distance <= 0.5);
        if (weight) mixed.push({ place, weight });
      }
      return share(mixed);
    });
  });
}

// The weight of a pixel in a cubic interpolation, by its distance.
function bend(x) {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

// Marks the largest connected part and what belongs to it: a dot by mistake is no part of the digit.
function keepDigit(picture) {
  const { width, height, data } = picture;
  const parts = [];
  const seen = new Uint8Array(data.length);
  data.forEach((ink, start) => {
    if (seen[start] || ink <= 0.35) return;
    const part = { places: [start], sure: false, left: width, right: 0, top: height, bottom: 0 };
    seen[start] = 1;
    for (let next = 0; next < part.places.length; next++) {
      const [x, y] = [part.places[next] % width, Math.floor(part.places[next] / width)];
      part.sure ||= data[part.places[next]] > 0.5;
      part.left = Math.min(part.left, x);
      part.right = Math.max(part.right, x + 1);
      part.top = Math.min(part.top, y);
      part.bottom = Math.max(part.bottom, y + 1);
      for (let r = Math.max(0, y - 1); r < Math.min(height, y + 2); r++) {
        for (let c = Math.max(0, x - 1); c < Math.min(width, x + 2); c++) {
          const place = r * width + c;
          if (seen[place] || data[place] <= 0.35) continue;
          seen[place] = 1;
          part.places.push(place);
        }
      }
    }
    part.cut = part.left === 0 || part.top === 0 || part.right === width || part.bottom === height;
    part.length = Math.max(part.right - part.left, part.bottom - part.top);
    if (part.sure) parts.push(part);
  });
  const weight = (part) => part.places.length * (part.cut ? 0.03 : 1);
  const main = parts.reduce((best, part) => (best && weight(best) >= weight(part) ? best : part), null);
  const kept = newPicture(width, height);
  for (const part of parts) {
    const large = part.length > 0.12 * main.length && part.places.length > 0.04 * main.places.length;
    if (large && part.cut <= main.cut) part.places.forEach((place) => (kept.data[place] = 1));
  }
  return kept;
}

// Is a pixel marked, or close to one that is?
function near({ width, height, data }, place) {
  const [x, y] = [place % width, Math.floor(place / width)];
  for (let r = Math.max(0, y - 2); r < Math.min(height, y + 3); r++) {
    for (let c = Math.max(0, x - 2); c < Math.min(width, x + 3); c++) if (data[r * width + c]) return true;
  }
  return false;
}

// Moves the outline of a digit outwards by a number of pixels.
function thicken(digit, radius) {
  const pad = Math.floor(radius) + 2;
  const out = newPicture(digit.width + 2 * pad, digit.height + 2 * pad);
  digit.data.forEach((ink, place) => {
    const [x, y] = [(place % digit.width) + pad, Math.floor(place / digit.width) + pad];
    out.data[y * out.width + x] = Math.max(out.data[y * out.width + x], ink);
    if (ink <= 0.5) return;
    for (let r = y - pad; r <= y + pad; r++) {
      for (let c = x - pad; c <= x + pad; c++) {
        if (r < 0 || c < 0 || r >= out.height || c >= out.width) continue;
        const reached = Math.min(1, radius + 1 - Math.hypot(r - y, c - x));
        if (reached > out.data[r * out.width + c]) out.data[r * out.width + c] = reached;
      }
    }
  });
  return out;
}

// The skeleton of a mask: lines one pixel wide.
// Source: T. Zhang and C. Suen, A fast parallel algorithm for thinning digital patterns, 1984.
function thin(mask, width, height) {
  const wide = width + 2; // with an empty border
  const marks = new Uint8Array(wide * (height + 2));
  mask.forEach((mark, place) => (marks[(Math.floor(place / width) + 1) * wide + (place % width) + 1] = mark));
  const around = [-wide, -wide + 1, 1, wide + 1, wide, wide - 1, -1, -wide - 1]; // clockwise from above
  const ring = (place) => around.map((step) => marks[place + step]);
  let left = Array.from(marks.keys()).filter((place) => marks[place]);
  for (let removed = true; removed;) {
    removed = false;
    for (const [north, east, south, west] of [
      [0, 2, 4, 6],
      [4, 6, 0, 2],
    ]) {
      const ends = left.filter((place) => {
        const r = ring(place);
        const neighbours = r.reduce((total, value) => total + value, 0);
        if (neighbours < 2 || neighbours > 6 || (r[east] && r[south] && (r[north] || r[west]))) return false;
        return r.filter((value, side) => !value && r[(side + 1) % 8]).length === 1;
      });
      for (const place of ends) marks[place] = 0;
      left = left.filter((place) => marks[place]);
      removed ||= ends.length > 0;
    }
  }
  // On slanted lines it leaves steps, whose inner corner connects nothing.
  for (const place of left) {
    const r = ring(place);
    const corner = [0, 2, 4, 6].some(
      (side) => r[side] && r[(side + 2) % 8] && ![4, 5, 6].some((far) => r[(side + far) % 8]),
    );
    if (corner) marks[place] = 0;
  }
  return marks;
}
