"""Read several digits: try every way to divide the ink into digits, and mark uncertain ones."""

import math
from contextlib import suppress
from itertools import chain, compress
from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from digitlib.evaluation import Ensemble, predict_probabilities
from digitlib.handwriting.choice import choose_digits
from digitlib.handwriting.grouping import Digit, Number, find_numbers, join_digits, mark
from digitlib.handwriting.pictures import (
    Grey,
    PictureSource,
    read_colours,
    resize,
    resize_to,
    to_grey,
)
from digitlib.handwriting.pieces import find_strokes, find_writing, join_pieces, measure_line
from digitlib.handwriting.printed import find_print
from digitlib.handwriting.rules import remove_rules
from digitlib.handwriting.sheet import find_sheet
from digitlib.handwriting.signs import compare_with_signs

if TYPE_CHECKING:
    import keras

SURE = 0.98  # a prediction with a lower probability is uncertain,
SURE_OF_CLEAR = 0.9  # or this in a picture where
_CLEAR = 0.85  # at least this fraction of digits reaches the other
_TALLER = 1.3  # than print: handwriting that is read again without the print
_LONGEST_SIDE = 1200
_UPRIGHT = 0.85  # with a smaller fraction of sure digits, other directions are tried, too
_UPRIGHT_FORM = 0.5  # the same for many digits, where print or signs may be among them
_SAMPLE = 4  # lines that show whether all lines of a direction are worth reading
_READABLE = 0.5  # the least fraction of sure digits in another direction


class Reading(NamedTuple):
    """The numbers that were recognised in a picture."""

    text: str  # the numbers, divided by a space, and lines, divided by a line break
    numbers: tuple[Number, ...]  # in reading order
    picture: Grey  # the picture, or the sheet of paper in it, at most 1,200 pixels long
    corners: npt.NDArray[np.float64]  # (4, 2), see `read_digits`

    @property
    def digits(self) -> tuple[Digit, ...]:
        """All digits, in the same order."""
        return tuple(digit for number in self.numbers for digit in number.digits)


def read_digits(
    model: "keras.Model | Ensemble", image: PictureSource, *, sure: float | None = None
) -> Reading:
    """Reads all handwritten digits of a picture, also of one that lies on its side.

    Printed lines and text are left out; print as tall as the handwriting is marked as uncertain.

    Args:
        model: a model, preferably of the recipe `robust`, which learned negative examples, too.
        image: a `PictureSource`, such as a path, with lines of digits of about the same size.
        sure: the threshold, 0 to 1; a digit with a lower probability is marked as uncertain.
            None is 0.98, or 0.9 if at least 85% of the digits reach that.

    Returns:
        A `Reading`: the text, a tuple of `Number`, and the picture, float32 (h, w), upright and,
        if it shows a sheet on a table, cropped to the sheet; and corners, float (4, 2): where the
        corners of that picture are in the given one, clockwise from the top left, x and y from 0
        to 1.
    """
    verify_sure(sure)
    colours = read_colours(image)
    sheet = find_sheet(colours)
    picture, rules = remove_rules(sheet.picture)
    grey = resize(to_grey(picture), min(1, _LONGEST_SIDE / max(picture.shape)))
    rules = resize_to(rules.astype(np.float32), grey.shape) > 0.3
    ink = find_strokes(grey)
    direction = _find_direction(model, ink)
    turns = direction.turns
    lines = _find_handwriting(model, _turn(ink, turns), np.rot90(rules, turns), direction, sure)
    text = "\n".join(" ".join(number.text for number in line) for line in lines)
    corners = np.roll(sheet.corners, -turns, axis=0) / colours.shape[1::-1]
    return Reading(text, tuple(chain(*lines)), np.rot90(grey, turns), corners)


def verify_sure(sure: float | None) -> None:
    """Raises ValueError unless `sure`, a threshold for probabilities, is None or from 0 to 1."""
    if sure is not None and not (isinstance(sure, Real) and 0 <= sure <= 1):
        raise ValueError(f"sure must be between 0 and 1; got {sure}")


class _Direction(NamedTuple):
    """What was read in a picture after some quarter turns."""

    lines: list[list[Digit]]  # "?" is for what may be a sign
    heights: list[float]  # the usual height of a digit in each line, in pixels
    turns: int


def _turn(ink, turns):
    return ink._replace(amount=np.rot90(ink.amount, turns), mask=np.rot90(ink.mask, turns))


def _find_direction(model, ink):
    """Reads a picture as it is, and in the other directions if many digits are uncertain."""
    best = _read_lines(model, find_writing(ink))
    most = upright = _judge(best.lines)
    for turns in () if upright.clear else (1, 2, 3):
        with suppress(ValueError):  # in this direction, there may be nothing to read
            writing = find_writing(_turn(ink, turns))
            other = _read_lines(model, writing, turns, most=_SAMPLE)
            judged = _judge(other.lines)
            if judged.readable and len(writing.lines) > _SAMPLE:
                other = _read_lines(model, writing, turns)
                judged = _judge(other.lines)
            if judged.readable and judged.sure > upright.sure and judged > most:
                best, most = other, judged
    return best


def _read_lines(model, writing, turns=0, most=None):
    """Reads each line that has digits; of at most that many lines, evenly spread."""
    step = math.ceil(len(writing.lines) / most) if most else 1
    pieces = writing.lines[::step]
    candidates = [list(join_pieces(writing, line)) for line in pieces]
    images = np.array([candidate.image for candidate in chain(*candidates)])
    # One prediction for all of them takes less time than one for each line.
    ends = np.cumsum([len(group) for group in candidates])[:-1]
    probabilities = np.split(predict_probabilities(model, images), ends)
    heights = [measure_line(writing, line) for line in pieces]
    groups = zip(candidates, probabilities, pieces, heights, strict=True)
    lines = [list(_choose(*group, writing)) for group in groups]
    if not any(lines):
        raise ValueError("no digit found: the picture shows only signs or specks")
    return _Direction(list(compress(lines, lines)), list(compress(heights, lines)), turns)


class _Judgement(NamedTuple):
    """What speaks for a direction: the better, the larger."""

    sure: int  # of all digits but 1, how many have a high probability
    probability: float  # their mean probability
    digits: int  # how many of them there are
    ones: int  # how many 1s there are

    @property
    def clear(self):
        """Whether so many digits are sure that no other direction needs to be tried."""
        least = _UPRIGHT if self.digits < 30 else _UPRIGHT_FORM
        return self.digits > 0 and self.sure >= least * self.digits

    @property
    def readable(self):
        """Whether enough digits are sure: a few may look like others upside down."""
        several = self.digits > 1 and self.digits + self.ones > 2
        return several and self.sure >= _READABLE * self.digits


def _judge(lines):
    """Judges a direction by all digits but 1: parts of others, or whole lines, look like one."""
    digits = [digit.probabilities for digit in chain(*lines)]
    highest = [digit.max() for digit in digits if digit.argmax() != 1]
    sure = sum(probability >= SURE for probability in highest)
    mean, ones = float(np.mean(highest or [0])), len(digits) - len(highest)
    return _Judgement(sure, mean, len(highest), ones)


def _find_handwriting(model, ink, rules, direction, sure):
    """The numbers of each line. Print is left out, or marked if it's as tall as the handwriting."""
    lines = _find_numbers(direction, rules, sure)
    printed = find_print(list(chain(*lines)))
    if printed:
        boxes = np.array([digit.box for number in printed for digit in number.digits])
        mask = ink.mask.copy()
        for top, left, bottom, right in boxes:
            mask[top:bottom, left:right] = False
        with suppress(ValueError):  # there may be nothing else
            # Handwriting is found more easily when print doesn't decide how tall digits are.
            other = _read_lines(model, find_writing(ink._replace(mask=mask)))
            if max(other.heights) > _TALLER * np.percentile(boxes[:, 2] - boxes[:, 0], 75):
                lines = _find_numbers(other, rules, sure)
                printed += find_print([*printed, *chain(*lines)])
    return [
        [join_digits(mark(n.digits)) if any(n is p for p in printed) else n for n in line]
        for line in lines
    ]


def _find_numbers(direction, rules, sure):
    """The numbers of each line; `sure` may be None, see `read_digits`."""
    if sure is None:
        certain = [digit.probabilities.max() >= SURE for digit in chain(*direction.lines)]
        sure = SURE_OF_CLEAR if np.mean(certain) >= _CLEAR else SURE
    lines = zip(direction.lines, direction.heights, strict=True)
    return [find_numbers(line, sure, height, rules) for line, height in lines]


def _choose(candidates, probabilities, line, height, writing):
    """Yields each `Digit` of a line; those that may be signs are marked."""
    chosen = choose_digits(candidates, probabilities, line, height)
    doubts = _doubt_ones(candidates, probabilities, chosen, writing, line)
    for number in chosen:
        doubt = doubts.get(number, 0)
        if doubt < 1:
            text = "?" if doubt else str(probabilities[number].argmax())
            box, image = candidates[number].box, candidates[number].image
            yield Digit(text, box, image, probabilities[number])


def _doubt_ones(candidates, probabilities, chosen, writing, line):
    """A dict: each chosen candidate that looks like a 1 -> how likely it's a sign, 0 to 1."""
    ones = [number for number in chosen if probabilities[number].argmax() == 1]
    others = [candidates[number].box for number in chosen if number not in ones]
    rest = [piece.box for piece in line[candidates[chosen[-1]].end :]] if chosen else []
    doubts = compare_with_signs([candidates[n] for n in ones], others, rest, writing.slant)
    return dict(zip(ones, doubts, strict=True))
