"""Tell slashes and parentheses from the digit 1, by their shape and their neighbours."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from digitlib.handwriting.pieces import Box, Candidate

_TALLER = 1.15  # than the other digits
_LEANING = 0.3  # more than the other digits, in pixels to the right for each pixel up
_BENT = 0.15  # how far the middle is beside the ends, as a fraction of half the height


def compare_with_signs(
    ones: Sequence[Candidate], others: Sequence[Box], rest: Sequence[Box], slant: float
) -> npt.NDArray[np.float64]:
    """Compares what looks like a 1 with a slash and with parentheses.

    A slash leans more than the digits, a parenthesis is bent, and both are taller. What leans or is
    tall before a last dash, as in "125/-", and parentheses around digits, are certainly signs.
    Anything else that looks like a 1 is uncertain directly before such a dash.

    Args:
        ones: candidates of a line, from left to right.
        others: the boxes of the other digits in it.
        rest: the boxes of what follows the last digit: it may be a dash.
        slant: how far the digits lean to the right, in pixels for each pixel up.

    Returns:
        float (n,): 0 for a 1, 0.5 where that is uncertain, 1 for a sign.
    """
    doubts = np.zeros(len(ones))
    if not ones:
        return doubts
    usual = np.median([box[2] - box[0] for box in others or [one.box for one in ones]])
    opened = None
    for number, (_, _, box, *_, image) in enumerate(ones):
        lean, bend = _measure(image)
        taller, leaning = box[2] - box[0] > _TALLER * usual, lean > slant + _LEANING
        if rest and _is_dash(rest[-1], box, usual):
            is_last = len(rest) == 1 and all(box[1] > other[1] for other in others)
            doubts[number] = 1 if taller or leaning else 0.5 * is_last
        if not taller:
            continue
        doubts[number] = max(doubts[number], 0.5 * (leaning or abs(bend) > _BENT))
        if bend > _BENT:
            opened = number
        elif bend < -_BENT and opened is not None:
            doubts[[opened, number]] = 1
            opened = None
    return doubts


def _measure(image):
    """How much a stroke leans to the right, and how far its middle is to the left of its ends."""
    ink = image.astype(float)
    rows = np.flatnonzero(ink.sum(axis=1) > 0)
    if len(rows) < 3:
        return 0.0, 0.0
    columns = ink[rows] @ np.arange(ink.shape[1]) / ink[rows].sum(axis=1)
    half = max(1, np.ptp(rows) / 2)
    bend, down, _ = np.polyfit((rows - rows.mean()) / half, columns, 2) / half
    return -down, bend


def _is_dash(box, before, usual):
    """Whether a flat stroke stands to the right of another box, between its top and its foot."""
    flat = box[3] - box[1] > 1.5 * (box[2] - box[0])
    between = before[0] < (box[0] + box[2]) / 2 < before[2]
    return flat and between and 0 < box[1] + box[3] - before[1] - before[3] < 3 * usual
