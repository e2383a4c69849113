import numpy as np
import pytest
from PIL import Image, ImageDraw

from digitlib.handwriting.normalization import image_to_digit
from digitlib.handwriting.pieces import Candidate
from digitlib.handwriting.signs import compare_with_signs


def draw(points, left, *, top=0, height=100):
    """A stroke through points in hundredths of its height, as a candidate."""
    picture = Image.new("L", (300, 300), 255)
    path = [(100 + 2 * x, 50 + 2 * y) for x, y in points]
    ImageDraw.Draw(picture).line(path, fill=0, width=16, joint="curve")
    width = height * (max(x for x, _ in points) - min(x for x, _ in points)) // 100 + 8
    box = top, left, top + height, left + width
    return Candidate(0, 1, box, False, True, image_to_digit(picture))


ONE = [(20, 0), (18, 50), (16, 100)]
SLASH = [(55, 0), (0, 100)]
OPEN = [(30, 0), (8, 25), (0, 50), (8, 75), (30, 100)]
CLOSE = [(-x, y) for x, y in OPEN]
OTHERS = [(0, 40, 100, 100), (0, 120, 100, 180)]
DASH = (48, 80, 56, 120)


@pytest.mark.parametrize(
    ("strokes", "height", "rest", "doubts"),
    [
        ([ONE, ONE], 100, [], [0, 0]),
        ([ONE], 130, [], [0]),  # only taller
        ([ONE], 100, [DASH], [0]),  # a 1 before a dash
        ([SLASH], 130, [], [0.5]),
        ([SLASH], 100, [DASH], [1]),
        ([SLASH], 100, [], [0]),  # only leans
        ([OPEN], 130, [], [0.5]),
        ([OPEN, CLOSE], 130, [], [1, 1]),
        ([CLOSE, OPEN], 130, [], [0.5, 0.5]),
        ([OPEN, CLOSE], 100, [], [0, 0]),  # as tall as digits
    ],
)
def test_what_looks_like_a_1_may_be_a_sign(strokes, height, rest, doubts):
    ones = [draw(stroke, 200 * number, height=height) for number, stroke in enumerate(strokes)]
    assert compare_with_signs(ones, OTHERS, rest, 0.0).tolist() == doubts


def test_a_1_directly_before_a_last_dash_is_uncertain():
    one = [draw(ONE, 200)]
    upper, lower = (48, 240, 56, 280), (68, 240, 76, 280)
    assert compare_with_signs(one, OTHERS, [upper], 0.0).tolist() == [0.5]
    assert compare_with_signs(one, OTHERS, [upper, lower], 0.0).tolist() == [0]  # an equals sign


def test_a_slash_is_compared_with_the_slant_of_the_digits():
    slash = [draw(SLASH, 200, height=130)]
    assert compare_with_signs(slash, OTHERS, [], 0.5).tolist() == [0]
    assert compare_with_signs([], OTHERS, [], 0.0).shape == (0,)
    assert np.array_equal(compare_with_signs(slash, [], [], 0.0), [0])  # nothing to compare with
