import numpy as np
import pytest

from digitlib.handwriting.choice import choose_digits
from digitlib.handwriting.pieces import Candidate, Piece

IMAGE = np.zeros((28, 28), np.uint8)


def stand(*boxes):
    """A line of whole parts, and a candidate for each."""
    line = [Piece(n + 1, n, box, (box[1] + box[3]) / 2) for n, box in enumerate(boxes)]
    return line, [Candidate(n, n + 1, box, False, True, IMAGE) for n, box in enumerate(boxes)]


def predict(*peaks):
    """Probabilities with these peaks, and the rest the same for the other digits."""
    return np.array([[peak, *[(1 - peak) / 9] * 9] for peak in peaks], np.float32)


TALL = (0, 0, 40, 24)


@pytest.mark.parametrize(
    ("box", "peak", "kept"),
    [
        ((0, 40, 40, 64), 0.99, True),
        ((0, 40, 40, 64), 0.5, True),  # uncertain, and marked later
        ((0, 40, 40, 64), 0.1, False),  # all digits are equally probable: a letter
        ((34, 40, 48, 46), 0.99, False),  # a comma looks like a 1
        ((18, 40, 24, 66), 0.9, False),  # a dash
        ((18, 40, 24, 80), 0.1, False),  # a long one
        ((0, 40, 40, 84), 0.1, True),  # no digit, but as wide as two: marked later
        ((14, 40, 36, 54), 0.99, True),  # a small digit
    ],
)
def test_what_cannot_be_a_digit_is_left_out(box, peak, kept):
    line, candidates = stand(TALL, box)
    chosen = choose_digits(candidates, predict(0.99, peak), line, 40.0)
    assert chosen == ([0, 1] if kept else [0])


@pytest.mark.parametrize(("peak", "joined"), [(0.99, True), (0.8, False)])
def test_what_can_be_cut_in_many_places_is_one_digit_only_if_that_is_clear(peak, joined):
    """A 0 with a bar across is in as many pieces as two digits that touch."""
    line = [Piece(n + 1, 0, (0, 5 * n, 40, 5 * n + 5), 5 * n + 2.5) for n in range(6)]
    halves = [
        Candidate(0, 3, (0, 0, 40, 15), True, False, IMAGE),
        Candidate(3, 6, (0, 15, 40, 30), False, False, IMAGE),
    ]
    whole = Candidate(0, 6, (0, 0, 40, 30), False, True, IMAGE)
    candidates = [halves[0], whole, halves[1]]
    chosen = choose_digits(candidates, predict(0.99, peak, 0.99), line, 40.0)
    assert chosen == ([1] if joined else [0, 2])


def test_a_piece_of_a_part_is_never_left_out():
    line, candidates = stand(TALL, (34, 40, 48, 46))
    candidates = [candidates[0], candidates[1]._replace(whole=False)]
    assert choose_digits(candidates, predict(0.99, 0.1), line, 40.0) == [0, 1]


def test_what_stands_alone_is_never_left_out():
    line, candidates = stand((18, 0, 24, 40))
    assert choose_digits(candidates, predict(0.1), line, 40.0) == [0]
