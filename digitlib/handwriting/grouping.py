"""Divide the digits of a line into numbers: at wide gaps, and at signs."""

from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from digitlib.handwriting.ink import Mask
from digitlib.handwriting.pieces import Box

_MOST_UNSURE = 0.4  # of the digits of a number; with more, it may be a printed word,
_LEGIBLE = 0.87  # unless the mean probability is at least this
_SIGN = 0.42  # what has a lower probability stands between numbers, and not in one
_LOW = 0.85  # a letter is lower than what stands on both sides


class Digit(NamedTuple):
    """One digit that was found in a picture."""

    text: str  # the predicted digit, or "?" where the prediction is uncertain
    box: Box  # in pixels of `Reading.picture`
    image: npt.NDArray[np.uint8]  # (28, 28), the input of the network
    probabilities: npt.NDArray[np.float32]  # (10,), the predicted probability of each digit


class Number(NamedTuple):
    """Digits that stand together in a line."""

    text: str  # one character for each digit, "?" where it is uncertain
    box: Box  # around all its digits
    digits: tuple[Digit, ...]  # from left to right


def find_numbers(line: list[Digit], sure: float, height: float, rules: Mask) -> list[Number]:
    """Divides the digits of a line where a gap is wide, and far wider than the others.

    Args:
        line: its digits from left to right, with "?" for what may be a sign.
        sure: the threshold, 0 to 1; a digit with a lower probability is marked as uncertain.
        height: the usual height of a digit, in pixels.
        rules: where printed lines were removed, bool (h, w).

    Returns:
        The numbers from left to right.
    """
    digits = [d._replace(text="?") if d.probabilities.max() < sure else d for d in line]
    gaps = np.array([after.box[1] - before.box[3] for before, after in pairwise(digits)])
    # In a form, all gaps are wide: then only a very wide one divides.
    wide = np.minimum(np.maximum(height, 2.5 * np.median(gaps)), 3 * height) if len(gaps) else 0
    ends = [
        int(number) + 1
        for number in np.flatnonzero(gaps > wide)
        if not _has_empty_box(digits[number].box, digits[number + 1].box, rules, height)
    ]
    groups = [digits[first:end] for first, end in pairwise([0, *ends, len(digits)])]
    return [join_digits(part) for group in groups for part in _divide_at_signs(group)]


def _divide_at_signs(digits):
    """Divides a group at what hardly looks like a digit, such as the signs of a sum."""
    unsure = sum(digit.text == "?" for digit in digits)
    legible = np.mean([digit.probabilities.max() for digit in digits]) >= _LEGIBLE
    # Some letters of a printed word look like digits.
    if unsure > max(1, _MOST_UNSURE * len(digits)) and not legible:
        return [mark(digits)]
    signs = [digit.text == "?" and digit.probabilities.max() < _SIGN for digit in digits]
    for number in np.flatnonzero(signs) + 1:
        if _is_small_letter(digits[number - 1 : number + 2]):
            digits[number], signs[number] = digits[number]._replace(text="?"), True
    parts = groupby(zip(digits, signs, strict=True), lambda pair: pair[1])
    return [[digit for digit, _ in part] for _, part in parts]


def _is_small_letter(digits):
    """Whether the second of three belongs to the sign before it, as the s of "Rs 100" does."""
    if len(digits) < 3:
        return False
    sign, letter, digit = (digit.box for digit in digits)
    low = letter[2] - letter[0] < _LOW * min(sign[2] - sign[0], digit[2] - digit[0])
    return low and letter[1] - sign[3] < digit[1] - letter[3]


def _has_empty_box(before, after, rules, height):
    """Whether an empty box of a form, or an empty place of a comb, lies between two digits."""
    top, bottom = min(before[0], after[0]), max(before[2], after[2])
    rows = np.arange(len(rules)) - (top + bottom) / 2
    away = (abs(rows) - (bottom - top) / 2) / height
    between = rules[:, before[3] : after[1]]
    sides = between[away < 0.5].sum(axis=0) > 0.25 * height
    # The lines of squared paper or of a table go on above and below.
    beyond = between[(away > 0.8) & (away < 2)]
    places = np.flatnonzero(sides & (beyond.sum(axis=0) <= 0.85 * len(beyond)))
    return len(places) > 0 and np.ptp(places) > 0.4 * height


def mark(digits: Iterable[Digit]) -> list[Digit]:
    """Returns the same digits, all marked as uncertain."""
    return [digit._replace(text="?") for digit in digits]


def join_digits(digits: Iterable[Digit]) -> Number:
    """Returns the `Number` that consists of these digits, given from left to right."""
    boxes = np.array([digit.box for digit in digits])
    box = *boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()
    return Number("".join(digit.text for digit in digits), box, tuple(digits))
