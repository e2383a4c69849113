"""Tell printed text from handwriting: its feet stand on one line, and its digits are as tall."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from scipy.stats import theilslopes

from digitlib.handwriting.grouping import Number

_LETTERS = 4  # the least number of letters of a printed word,
_LEGIBLE = 0.8  # and the highest mean probability of their predictions
_SHARE = 0.3  # the least fraction of all digits and letters that belongs to such words
_SAME = 0.03  # how far feet are from a line, and heights from each other, as a fraction of a height
_ABOVE, _BELOW = 1.2, 0.4  # how far print reaches from its line, in heights of its tallest letter


class _Line(NamedTuple):
    """The line that the feet of a printed word stand on."""

    slope: float
    start: float  # its row in column 0
    letters: list[int]  # their heights

    def measure(self, boxes):
        """How far below it boxes, int (n, 4), start and end, in pixels: float (2, n)."""
        rows = self.start + self.slope * (boxes[:, 1] + boxes[:, 3]) / 2
        return boxes[:, [0, 2]].T - rows


def find_print(numbers: Sequence[Number]) -> list[Number]:
    """Finds printed words and numbers among what was read.

    A printed word has several letters, most of them uncertain, that stand on one line. The digits
    of a printed number stand on such a line, or on one of their own, and each is as tall as some
    letter. What else is uncertain on one of these lines, and no taller, is printed, too.

    Args:
        numbers: all that was read in a picture, with letters as uncertain digits.

    Returns:
        Those that are printed; none unless printed words are a good part of the page.
    """
    lines = [_fit_line(_boxes(number)) for number in numbers if _is_word(number)]
    letters = sum(len(line.letters) for line in lines)
    # On a page full of handwriting, the feet of a few illegible digits may be level by chance.
    if letters < max(1, _SHARE * sum(len(number.text) for number in numbers)):
        return []
    known = [number for number in numbers if _is_number(number, lines)]
    lines += [_fit_line(_boxes(number)) for number in known]
    return known + [number for number in numbers if _is_beside(number, lines)]


def _is_word(number):
    mean = np.mean([digit.probabilities.max() for digit in number.digits])
    few = len(number.text) < _LETTERS or not _is_uncertain(number)
    return not few and mean < _LEGIBLE and _stands(_boxes(number), 75)


def _is_uncertain(number):
    return 2 * number.text.count("?") > len(number.text)


def _is_number(number, lines):
    sure = [text != "?" for text in number.text]
    boxes = _boxes(number)[sure]
    heights = boxes[:, 2] - boxes[:, 0]
    letters = np.array(list(chain(*(line.letters for line in lines))))
    apart = abs(heights[:, None] - letters).min(axis=1)
    if _is_uncertain(number) or (apart > np.maximum(1, _SAME * heights)).any():
        return False
    return (len(boxes) > 1 and _stands(boxes)) or any(_stands(boxes, 100, line) for line in lines)


def _is_beside(number, lines):
    ends = [line.measure(_boxes(number)) / max(line.letters) for line in lines]
    within = any((tops > -_ABOVE).all() and (feet < _BELOW).all() for tops, feet in ends)
    return within and _is_uncertain(number)


def _stands(boxes, percentile=100, line=None):
    """Whether that many boxes stand on a line, or on one of their own."""
    _, feet = (line or _fit_line(boxes)).measure(boxes)
    allowed = max(1, _SAME * np.median(boxes[:, 2] - boxes[:, 0]))
    return np.percentile(abs(feet), percentile) <= allowed


def _fit_line(boxes):
    middles, feet = boxes[:, [1, 3]].mean(axis=1), boxes[:, 2].astype(float)
    slope, start = theilslopes(feet, middles)[:2] if len(feet) > 2 else (0, feet.mean())
    return _Line(slope, start, (boxes[:, 2] - boxes[:, 0]).tolist())


def _boxes(number):
    return np.array([digit.box for digit in number.digits])
