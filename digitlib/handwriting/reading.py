"""Read whole numbers: try every way to part the ink into digits, and mark what is unsure.

Of all ways to join the pieces of a line (see `pieces.py`), in their order, the one is taken whose
digits the network recognises best.
"""

import math
from typing import NamedTuple

import numpy as np

from digitlib.data import NUM_CLASSES
from digitlib.evaluation import predict_probabilities
from digitlib.handwriting.digit import resize
from digitlib.handwriting.pictures import read_picture
from digitlib.handwriting.pieces import find_writing, join_pieces

_UNSURE = "?"
_LONGEST_SIDE = 1200
# Costs in units of -ln(probability), chosen on pages drawn from validation images.
_DIGIT_COST = 0.15  # few digits are likelier than many
_CUT_COST = 2.0  # most digits do not touch


class Digit(NamedTuple):
    """One digit that was found in a picture.

    Attributes:
        text: the digit read, or "?" if the network is not sure of it.
        box: four int, (top, left, bottom, right) in pixels of `Reading.picture`.
        image: uint8 (28, 28), as the network saw it.
        probabilities: float32 (10,).
    """

    text: str
    box: tuple
    image: np.ndarray
    probabilities: np.ndarray


class Reading(NamedTuple):
    """What was read in a picture.

    Attributes:
        text: all digits in reading order, lines separated by a line break; "?" where unsure.
        digits: a tuple of `Digit`, in the same order.
        picture: float32 (h, w), 0 black to 1 white: the picture, at most 1,200 pixels long.
    """

    text: str
    digits: tuple
    picture: np.ndarray


def read_digits(model, image, *, sure=0.98):
    """Reads all handwritten digits of a picture.

    Args:
        model: what `predict_probabilities` takes; best one of the recipe `robust`, which knows
            what is no digit and whose probabilities are calibrated.
        image: what `read_picture` takes: a path, bytes, a Pillow image or an array; one or more
            lines of digits of about one size.
        sure: the probability below which a digit is marked as unsure, 0 to 1.

    Returns:
        A `Reading`.

    Raises:
        OSError, TypeError, ValueError: the picture cannot be read (see `read_picture`), or nothing
            in it looks like writing, or it has more than 300 separate marks.
    """
    grey = read_picture(image)
    grey = resize(grey, min(1, _LONGEST_SIDE / max(grey.shape)))
    writing = find_writing(grey)
    lines = [
        [
            Digit(str(answer.argmax()) if answer.max() >= sure else _UNSURE, box, image, answer)
            for box, image, answer in _read_line(model, writing, line)
        ]
        for line in writing.lines
    ]
    text = "\n".join("".join(digit.text for digit in line) for line in lines)
    return Reading(text, tuple(digit for line in lines for digit in line), grey)


def _read_line(model, writing, line):
    """Yields box, image and probabilities of each digit."""
    candidates = list(join_pieces(writing, line))
    images = np.array([candidate.image for candidate in candidates])
    answers = predict_probabilities(model, images)
    for number in _choose(candidates, answers, len(line), writing.height):
        yield candidates[number].box, images[number], answers[number]


def _choose(candidates, answers, count, height):
    """The numbers of the candidates that together explain all pieces of a line best."""
    best = [(0.0, [])] + [(-math.inf, [])] * count
    for number, candidate in enumerate(candidates):
        before, chosen = best[candidate.first]
        score = before + _plausibility(candidate, answers[number], height)
        if score > best[candidate.end][0]:
            best[candidate.end] = score, [*chosen, number]
    return best[count][1]


def _plausibility(candidate, probabilities, height):
    """A logarithm: how well a candidate is recognised, and whether it has a digit's size."""
    top, left, bottom, right = candidate.box
    tall, wide = (bottom - top) / height, (right - left) / height
    short = max(0, 0.55 - tall) * 15
    broad = max(0, wide - 1.05) * 7
    cost = _DIGIT_COST + _CUT_COST * candidate.cut + short + broad
    # The same probability for all ten digits says that this is none.
    evidence = (NUM_CLASSES * probabilities.max() - 1) / (NUM_CLASSES - 1)
    return math.log(max(evidence, 1e-3)) - cost
