"""Choose which pieces of a line form which digits, and which are signs or specks."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from digitlib.data import NUM_CLASSES
from digitlib.handwriting.pieces import Candidate

# Costs in units of -ln(probability), chosen on pages drawn from validation images.
_DIGIT_COST = 0.15  # few digits are likelier than many
_CUT_COST = 2.0  # most digits don't touch
_SIGN_COST = 1.0  # of a comma, a point, a dash or a speck
_OTHER_COST = 4.0  # of anything else that isn't a digit, such as a letter
_UNKNOWN = 0.1  # evidence of the least that can be a digit


def choose_digits(
    candidates: Sequence[Candidate],
    probabilities: npt.NDArray[np.float32],
    count: int,
    height: float,
) -> list[int]:
    """Chooses the candidates that explain a line best; what none of them holds is no digit.

    Args:
        candidates: those of a line, from left to right.
        probabilities: float32 (n, 10), of each digit, for each candidate.
        count: how many pieces the line has.
        height: the usual height of a digit, in pixels.

    Returns:
        The indices of the chosen candidates.
    """
    best = [(0.0, [])] + [(-math.inf, [])] * count
    for number, candidate in enumerate(candidates):
        before, chosen = best[candidate.first]
        # Equal probabilities for all ten digits mean that this is no digit.
        evidence = (NUM_CLASSES * probabilities[number].max() - 1) / (NUM_CLASSES - 1)
        as_digit = math.log(max(evidence, 1e-3)) - _digit_cost(candidate, height)
        as_sign = -_sign_cost(candidate, height, evidence)
        for score, digits in ((as_digit, [*chosen, number]), (as_sign, chosen)):
            if before + score > best[candidate.end][0]:
                best[candidate.end] = before + score, digits
    return best[count][1]


def _digit_cost(candidate, height):
    """The cost of a cut, and of a size that is unusual for a digit."""
    tall, wide = _measure(candidate, height)
    # A part of the ink may be a small digit; a piece of a part is rarely one.
    short = max(0, 0.55 - tall) * (5 if candidate.whole else 15)
    broad = max(0, wide - 1.05) * 7
    return _DIGIT_COST + _CUT_COST * candidate.cut + short + broad


def _sign_cost(candidate, height, evidence):
    """The cost of leaving a candidate out of the number."""
    tall, wide = _measure(candidate, height)
    if not candidate.whole:
        return math.inf
    if tall < 0.3 or max(tall, wide) < 0.45:
        return _SIGN_COST
    return _OTHER_COST if evidence < _UNKNOWN and wide < 1.2 else math.inf


def _measure(candidate, height):
    top, left, bottom, right = candidate.box
    return (bottom - top) / height, (right - left) / height
