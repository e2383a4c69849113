"""Training images that MNIST lacks: digits as elsewhere written, and what is no digit."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digitlib.data import Split
from digitlib.handwriting.digit import digit_to_image

# Those that hardly anyone writes like a digit.
_LETTERS = "ACEFHJKMNPRTUVWXYadefhkmnrtvwx#%&?+=@*"
_SCALE = 4  # enlarged, so that strokes can be thickened smoothly


def make_negatives(images, count, seed=0):
    """Makes images of what a reader meets where it looks for a digit and there is none.

    Half of them are two digits side by side, as a page has them where they touch; a quarter one
    digit and a piece of the next; a quarter letters and signs.

    Args:
        images: uint8 (n, 28, 28), of digits.
        count: how many to make.
        seed: int.

    Returns:
        uint8 (count, 28, 28), in MNIST's size and place.
    """
    rng = np.random.default_rng(seed)
    digits = (images[number] for number in rng.integers(len(images), size=2 * count))
    makers = [_draw_neighbours, _draw_neighbours, _draw_with_piece, _draw_letter]
    made = [makers[number % 4](digits, rng) for number in range(count)]
    return np.array([digit_to_image(ink) for ink in made]).reshape(count, *images.shape[1:])


def make_writing_styles(split, count, seed=0):
    """Makes digits as other countries write them, which MNIST hardly has.

    Two thirds are ones with an upstroke, some with a foot; a third sevens with a bar.

    Args:
        split: a `Split` whose ones and sevens get these strokes.
        count: how many to make.
        seed: int.

    Returns:
        A `Split` of `count` images in MNIST's size and place.
    """
    rng = np.random.default_rng(seed)
    made, labels = [], np.array([1, 1, 7] * count, split.labels.dtype)[:count]
    places = {digit: np.flatnonzero(split.labels == digit) for digit in (1, 7)}
    for digit in labels:
        ink = _enlarge(split.images[rng.choice(places[digit])])
        made.append(digit_to_image(_add_upstroke(ink, rng) if digit == 1 else _add_bar(ink, rng)))
    return Split(np.array(made).reshape(count, *split.images.shape[1:]), labels)


def _add_upstroke(ink, rng):
    height, width = ink.shape
    pen = ink.sum() / np.hypot(height, width)  # area by length
    top, bottom = _middle(ink, pen / 2), _middle(ink, height - pen / 2)
    lean = np.arctan2(top[1] - bottom[1], bottom[0] - top[0])
    angle = min(lean + np.radians(rng.uniform(20, 60)), np.radians(65))  # from straight down
    length = height * rng.uniform(0.2, 0.6)
    strokes = [(top, (top[0] + length * np.cos(angle), top[1] - length * np.sin(angle)))]
    if rng.random() < 0.3:
        left, right = height * rng.uniform(0.1, 0.3, size=2)
        strokes.append(((bottom[0], bottom[1] - left), (bottom[0], bottom[1] + right)))
    return _add_strokes(ink, strokes, pen)


def _add_bar(ink, rng):
    height, width = ink.shape
    pen = ink.sum() / (width + np.hypot(height, width))
    row, column = _middle(ink, height * rng.uniform(0.5, 0.65))  # higher, it would close a 9
    left, right = width * rng.uniform(0.2, 0.4, size=2)
    rise = width * rng.uniform(-0.05, 0.1)
    return _add_strokes(ink, [((row + rise, column - left), (row - rise, column + right))], pen)


def _middle(ink, row):
    """The place (row, column) in the middle of a row's ink."""
    return row, np.average(np.arange(ink.shape[1]), weights=ink[int(row)] + 1e-6)


def _add_strokes(ink, strokes, pen):
    """Draws strokes from place to place with a round pen, and crops to all ink."""
    margin = max(ink.shape)
    picture = Image.fromarray(np.pad(255 * ink, margin).astype(np.uint8))
    for stroke in strokes:
        points = [(column + margin, row + margin) for row, column in stroke]
        ImageDraw.Draw(picture).line(points, fill=255, width=round(pen))
        for point in points:
            ImageDraw.Draw(picture).circle(point, pen / 2, fill=255)
    return np.asarray(picture.crop(picture.getbbox()), np.float32) / 255


def _draw_neighbours(digits, rng):
    return _join(_enlarge(next(digits)), _enlarge(next(digits)), rng)


def _draw_with_piece(digits, rng):
    """A digit and a piece of its neighbour, as a cut in the wrong place leaves it."""
    whole, cut = _enlarge(next(digits)), _enlarge(next(digits))
    share = max(1, int(cut.shape[1] * rng.uniform(0.3, 0.7)))
    if rng.random() < 0.5:
        return _join(whole, cut[:, :share], rng)
    return _join(cut[:, -share:], whole, rng)


def _join(left, right, rng):
    """Side by side, from a gap to an overlap between them, not quite on one line."""
    drops = rng.integers(0, 5, size=2) * _SCALE
    start = max(0, left.shape[1] + int(rng.integers(-4, 4)) * _SCALE)
    height = max(left.shape[0] + drops[0], right.shape[0] + drops[1])
    ink = np.zeros((height, max(left.shape[1], start + right.shape[1])), np.float32)
    for digit, top, first in ((left, drops[0], 0), (right, drops[1], start)):
        place = ink[top : top + digit.shape[0], first : first + digit.shape[1]]
        np.maximum(place, digit, out=place)
    return ink


def _draw_letter(_, rng):
    picture = Image.new("L", (200, 200))
    letter, thickness = _LETTERS[rng.integers(len(_LETTERS))], int(rng.integers(0, 5))
    font = ImageFont.load_default(size=20 * _SCALE)
    ImageDraw.Draw(picture).text((60, 40), letter, fill=255, font=font, stroke_width=thickness)
    turned = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR)
    return np.asarray(turned.crop(turned.getbbox()), np.float32) / 255


def _enlarge(image):
    """One image of MNIST, cropped to its ink."""
    rows, columns = np.nonzero(image)
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    cropped = Image.fromarray(image).crop(box)
    larger = cropped.resize([_SCALE * side for side in cropped.size], Image.Resampling.BICUBIC)
    return np.asarray(larger, np.float32) / 255
