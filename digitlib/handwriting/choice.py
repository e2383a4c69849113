"""Choose which pieces of a line form which digits, and which are signs or specks."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from digitlib.data import NUM_CLASSES
from digitlib.handwriting.pieces import Candidate, Piece

# Costs in units of -ln(probability), chosen on pages drawn from validation images.
_DIGIT_COST = 0.15  # few digits are likelier than many
_CUT_COST = 2.0  # most digits don't touch
_SIGN_COST = 1.0  # of a dash or a speck
_COMMA_COST = 0.2  # of something small beside the foot of a digit
_OTHER_COST = 4.0  # of anything else that isn't a digit, such as a letter
_FEW_PIECES = 5  # what consists of more is one digit only if the evidence is clear
_CLEAR = 0.9
_UNKNOWN = 0.1  # evidence of the least that can be a digit


def choose_digits(
    candidates: Sequence[Candidate],
    probabilities: npt.NDArray[np.float32],
    line: Sequence[Piece],
    height: float,
) -> list[int]:
    """Chooses the candidates that explain a line best, and leaves out signs and specks.

    Args:
        candidates: those of a line, from left to right.
        probabilities: float32 (n, 10), of each digit, for each candidate.
        line: its pieces.
        height: the usual height of a digit, in pixels.

    Returns:
        The indices of the chosen candidates.
    """
    best: list[tuple[float, list[int]]] = [(0.0, []), *((-math.inf, []) for _ in line)]
    tall = [piece for piece in line if piece.box[2] - piece.box[0] > 0.5 * height]
    for number, candidate in enumerate(candidates):
        before, chosen = best[candidate.first]
        # The network learned equal probabilities for negative examples.
        evidence = (NUM_CLASSES * probabilities[number].max() - 1) / (NUM_CLASSES - 1)
        as_digit = math.log(max(evidence, 1e-3)) - _digit_cost(candidate, height)
        if candidate.end - candidate.first > _FEW_PIECES and evidence < _CLEAR:
            as_digit = -math.inf
        alone = candidate.end - candidate.first == len(line)  # it's marked, not left out
        as_sign = -math.inf if alone else -_sign_cost(candidate, height, evidence, tall)
        left_out = [*chosen, number] if _may_be_several(candidate, height) else chosen
        for score, digits in ((as_digit, [*chosen, number]), (as_sign, left_out)):
            if before + score > best[candidate.end][0]:
                best[candidate.end] = before + score, digits
    return best[-1][1]


def _digit_cost(candidate, height):
    """The cost of a cut, and of a size that is unusual for a digit."""
    tall, wide = _measure(candidate, height)
    # A part of the ink may be a small digit; a piece of a part is rarely one.
    short = max(0, 0.55 - tall) * (5 if candidate.whole else 15)
    broad = max(0, wide - 1.05) * 7
    return _DIGIT_COST + _CUT_COST * candidate.cut + short + broad


def _sign_cost(candidate, height, evidence, digits):
    """The cost of leaving a candidate out of the number."""
    tall, wide = _measure(candidate, height)
    if not candidate.whole:
        return math.inf
    if max(tall, wide) < 0.6 and _is_low(candidate.box, digits):
        return _COMMA_COST
    if tall < 0.3 or max(tall, wide) < 0.45:
        return _SIGN_COST
    return _OTHER_COST if evidence < _UNKNOWN and wide < 1.2 else math.inf


def _may_be_several(candidate, height):
    """Whether this may be digits that touch, which must not be left out without a mark."""
    tall, wide = _measure(candidate, height)
    return tall > 0.5 and wide > 1


def _is_low(box, digits):
    """Whether a box stands beside the lower half of the nearest digit, or below it."""
    if not digits:
        return False
    near = min(digits, key=lambda digit: abs(sum(digit.box[1::2]) - box[1] - box[3])).box
    return box[0] > (near[0] + near[2]) / 2


def _measure(candidate, height):
    top, left, bottom, right = candidate.box
    return (bottom - top) / height, (right - left) / height
