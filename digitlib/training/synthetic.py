"""Training images that MNIST lacks: other writing styles, and images without a digit."""

from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from digitlib.data import Split
from digitlib.handwriting.normalization import digit_to_image
from digitlib.training.strokes import STROKES, bend, draw_character, draw_paths

# Letters and symbols that are hardly ever written like a digit.
_LETTERS = "ACEFHJKMNPRTUVWXYadefhkmnrtvwx#%&?+=@*"
_FONTS = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("DejaVuS*[!y].ttf"))
_SIGNS = [character for character in STROKES if not character.isdigit()]
# Three get strokes that MNIST lacks, the rest is drawn; the styles of 1, 7, 4 and 9 differ most.
_STYLES = [1, 1, 7, *(1, 7, 4, 9, 0, 1, 2, 3, 5, 6, 8, 9)]
_SCALE = 4  # enlarged, so that strokes can be thickened smoothly


def make_negatives(
    images: npt.NDArray[np.uint8], count: int, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Makes negative examples: images that show anything but exactly one digit.

    Half of them show two digits side by side, as touching digits of a number do; a quarter a digit
    and a part of its neighbour; a quarter letters, signs and scribbles.

    Args:
        images: uint8 (n, 28, 28), 0 background to 255 ink, of digits.
        count: how many to make.
        seed: int.

    Returns:
        uint8 (count, 28, 28), scaled and centred as in MNIST.

    Raises:
        ValueError: there are no images of digits, or one is empty.
    """
    if count and not len(images):
        raise ValueError("negatives are made from images of digits; got none.")
    rng = np.random.default_rng(seed)
    digits = (_enlarge(images[row]) for row in rng.integers(len(images), size=2 * count))
    makers = [_draw_neighbours, _draw_neighbours, _draw_with_part, _draw_other]
    return _stack([makers[number % 4](digits, rng) for number in range(count)])


def make_writing_styles(split: Split, count: int, seed: int = 0) -> Split:
    """Makes digits in writing styles that MNIST lacks, or has rarely.

    A fifth are ones and sevens of MNIST with an upstroke, some with a foot, or with a bar. All
    others are drawn with a pen, narrow or wide, as schools of several countries teach them: see
    `digitlib.training.strokes`.

    Args:
        split: images and labels; its ones and sevens get a stroke more.
        count: how many to make.
        seed: int.

    Returns:
        `count` images, scaled and centred as in MNIST, and their labels.

    Raises:
        ValueError: the split has no one or no seven, or one of them is empty.

    Example:
        >>> from digitlib import load_mnist
        >>> from digitlib.training.synthetic import make_writing_styles
        >>> make_writing_styles(load_mnist().test, 3).labels
        array([1, 1, 7], dtype=uint8)
    """
    rng = np.random.default_rng(seed)
    made, labels = [], np.array(_STYLES * count, split.labels.dtype)[:count]
    rows = {digit: np.flatnonzero(split.labels == digit) for digit in (1, 7)}
    for number, digit in enumerate(labels):
        if number % len(_STYLES) > 2:
            made.append(draw_character(str(digit), rng))
            continue
        if not rows[digit].size:
            raise ValueError(f"writing styles are made from ones and sevens; found no {digit}.")
        ink = _enlarge(split.images[rng.choice(rows[digit])])
        made.append(_add_upstroke(ink, rng) if digit == 1 else _add_bar(ink, rng))
    return Split(_stack(made), labels)


def _stack(made):
    return np.array([digit_to_image(ink) for ink in made], np.uint8).reshape(-1, 28, 28)


def _add_upstroke(ink, rng):
    height, width = ink.shape
    pen = ink.sum() / np.hypot(height, width)  # area / length
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
    """Returns the row and the mean column of its ink."""
    return row, np.average(np.arange(ink.shape[1]), weights=ink[int(row)] + 1e-6)


def _add_strokes(ink, strokes, pen):
    """Draws strokes, each from one (row, column) to another, with a round pen; crops to the ink."""
    margin = max(ink.shape)
    picture = Image.fromarray(np.pad(255 * ink, margin).astype(np.uint8))
    for stroke in strokes:
        points = [(column + margin, row + margin) for row, column in stroke]
        ImageDraw.Draw(picture).line(points, fill=255, width=round(pen))
        for point in points:
            ImageDraw.Draw(picture).circle(point, pen / 2, fill=255)
    return np.asarray(picture.crop(picture.getbbox()), np.float32) / 255


def _draw_neighbours(digits, rng):
    return _join(next(digits), next(digits), rng)


def _draw_with_part(digits, rng):
    """Draws a digit and a part of its neighbour, as a cut at the wrong position leaves it."""
    whole, cut = next(digits), next(digits)
    width = max(1, int(cut.shape[1] * rng.uniform(0.3, 0.7)))
    if rng.random() < 0.5:
        return _join(whole, cut[:, :width], rng)
    return _join(cut[:, -width:], whole, rng)


def _join(left, right, rng):
    """Puts two side by side, with a gap or an overlap, and not quite on one line."""
    drops = rng.integers(0, 5, size=2) * _SCALE
    start = max(0, left.shape[1] + int(rng.integers(-4, 4)) * _SCALE)
    height = max(left.shape[0] + drops[0], right.shape[0] + drops[1])
    ink = np.zeros((height, max(left.shape[1], start + right.shape[1])), np.float32)
    for digit, top, first in ((left, drops[0], 0), (right, drops[1], start)):
        place = ink[top : top + digit.shape[0], first : first + digit.shape[1]]
        np.maximum(place, digit, out=place)
    return ink


def _draw_other(_, rng):
    kind = rng.integers(4)
    if kind == 0:
        return draw_character(_SIGNS[rng.integers(len(_SIGNS))], rng)
    if kind == 1:  # a scribble
        points = rng.uniform(0, 80, (rng.integers(7, 16), 2)) * (rng.uniform(0.5, 2), 1)
        return draw_paths([bend(points)], rng.uniform(4, 12))[0]
    return _draw_letter(rng)


def _draw_letter(rng):
    picture = Image.new("L", (200, 200))
    letter, thickness = _LETTERS[rng.integers(len(_LETTERS))], int(rng.integers(0, 5))
    font = ImageFont.truetype(_FONTS[rng.integers(len(_FONTS))], 20 * _SCALE)
    ImageDraw.Draw(picture).text((60, 40), letter, fill=255, font=font, stroke_width=thickness)
    turned = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR)
    return np.asarray(turned.crop(turned.getbbox()), np.float32) / 255


def _enlarge(image):
    """Crops an image to its ink and enlarges it; float32 (h, w), 0 to 1."""
    picture = Image.fromarray(image)
    if not picture.getbbox():
        raise ValueError("an image is empty: all its pixels are 0. Remove it from the data set.")
    cropped = picture.crop(picture.getbbox())
    larger = cropped.resize([_SCALE * side for side in cropped.size], Image.Resampling.BICUBIC)
    return np.asarray(larger, np.float32) / 255
