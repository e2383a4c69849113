"""Score how the numbers of a picture were read."""

from difflib import SequenceMatcher

import numpy as np
from skimage.transform import estimate_transform

import digitlib


def list_numbers(reading, shape):
    """Turns a `Reading` into what `score_page` takes.

    Args:
        reading: what `digitlib.read_digits` returned.
        shape: of the picture that was read; the reading's boxes belong to the sheet in it.

    Returns:
        A list of (text, boxes), with a box for each digit.
    """
    height, width = reading.picture.shape
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    place = estimate_transform("projective", frame, reading.corners * shape[1::-1])

    def find_place(box):
        x, y = place(np.array(box)[[(1, 0), (3, 0), (3, 2), (1, 2)]]).T
        return float(y.min()), float(x.min()), float(y.max()), float(x.max())

    return [(n.text, [find_place(digit.box) for digit in n.digits]) for n in reading.numbers]


def read_page(model, picture):
    """Reads a picture with `digitlib.read_digits`; nothing found is an empty list."""
    try:
        return list_numbers(digitlib.read_digits(model, picture), picture.shape)
    except ValueError:
        return []


def score_page(read, page):
    """Compares a reading with what is written on a page.

    Args:
        read: a list of (text, boxes) in reading order: digits, with "?" for uncertain ones, and a
            box for each of them, in pixels of the picture.
        page: a `Page`.

    Returns:
        A dict: exact, whether all numbers are right and in order, and none is added; numbers, how
        many are on the page; whole, those that were read without a mistake, each where it stands;
        written, the number of digits on the page; right, those that were read in the right order;
        marked, how many "?"; ghosts, digits read where no number is; sure_wrong, all other wrong
        digits. The last two leave out the uncertain ones.
    """
    written = "".join(text for text, _ in page.numbers)
    digits = [pair for text, boxes in read for pair in zip(text, boxes, strict=True)]
    places = [box for _, box in page.numbers]
    inside = [any(_holds(place, box) for place in places) for _, box in digits]
    kept = "".join(digit for (digit, _), kept in zip(digits, inside, strict=True) if kept)
    matches = SequenceMatcher(None, kept, written, autojunk=False).get_matching_blocks()
    right = sum(block.size for block in matches)
    whole = [
        any(text == t and _holds(place, np.mean(boxes, axis=0)) for t, boxes in read)
        for text, place in page.numbers
    ]
    sure, marked = len(kept) - kept.count("?"), sum(digit == "?" for digit, _ in digits)
    return {
        "exact": [text for text, _ in read] == [text for text, _ in page.numbers],
        "numbers": len(page.numbers),
        "whole": sum(whole),
        "written": len(written),
        "right": right,
        "sure_wrong": sure - right,
        "ghosts": len(digits) - marked - sure,
        "marked": marked,
    }


def _holds(outer, inner):
    """Whether a box holds the centre of another one."""
    row, column = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= row <= outer[2] and outer[1] <= column <= outer[3]
