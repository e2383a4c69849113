import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.measure import label

from digitlib.handwriting.pieces import find_strokes, find_writing, measure_line


def test_one_tall_line_does_not_make_digits_small():
    page = np.full((400, 400), 255, np.uint8)
    for left in range(40, 300, 60):
        page[100:140, left : left + 6] = page[134:140, left : left + 24] = 0
    page[20:380, 360:362] = 0
    assert 36 <= find_writing(find_strokes(page / np.float32(255))).height <= 46


@pytest.mark.parametrize(("small", "lines"), [(6, [6, 4]), (2, [6])])
def test_a_row_of_small_parts_is_a_line_of_its_own(small, lines):
    """A few belong to the nearest digits instead, like accents or the parts of a broken stroke."""
    page = np.full((500, 700), 255, np.uint8)
    for left in range(60, 460, 100):
        page[300:400, left : left + 20] = 0
    for left in range(60, 60 + 40 * small, 40):
        page[150:185, left : left + 12] = 0
    writing = find_writing(find_strokes(page / np.float32(255)))
    assert [len(line) for line in writing.lines] == lines
    assert writing.height == pytest.approx(100, abs=4)
    if small == 6:
        assert measure_line(writing, writing.lines[0]) == pytest.approx(35, abs=4)
    assert measure_line(writing, writing.lines[-1]) == writing.height


@pytest.mark.parametrize("pen", [8, 12])
@pytest.mark.parametrize("overlap", [4, 8])
def test_zeros_that_touch_side_by_side_can_be_cut_there(pen, overlap):
    """There is more ink between them than a cut through one of their loops crosses."""
    page = Image.new("L", (300, 200), 255)
    middle = 140 - overlap // 2
    for left in (60, 140 - overlap):
        ImageDraw.Draw(page).ellipse((left, 50, left + 80, 150), outline=0, width=pen)
    (line,) = find_writing(find_strokes(np.asarray(page) / np.float32(255))).lines
    starts = [piece.box[1] for piece in line]
    assert any(abs(start - middle) < pen for start in starts), starts


def test_the_grain_of_paper_is_not_read_beside_a_small_digit():
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.normal(size=(300, 280)), 0.6)
    page = 0.75 + 0.03 * grain / grain.std()
    page[80:92, 160:166] = 0.1
    ink = find_strokes(np.clip(page, 0, 1).astype(np.float32))
    assert label(ink.mask).max() == 1


@pytest.mark.parametrize("slant", [-0.3, 0.0, 0.3, 0.6])
def test_the_slant_is_that_of_the_strokes(slant):
    """Also where a corner is in the shadow."""
    page = np.full((300, 400), 255, np.uint8)
    for left in range(80, 260, 60):
        for row in range(60):
            start = round(left + slant * (60 - row))
            page[170 + row, start : start + 4] = 0
    for row in range(50):
        page[row, : 100 - row] = 60
    assert find_slant(page) == pytest.approx(slant, abs=0.06)


@pytest.mark.parametrize("first", range(0, 120, 24))
def test_two_lines_lean_as_each_of_them_does(mnist, first):
    """However they stand below each other; their columns do not add up."""
    lines = [mnist.test.images[start : start + 4] for start in (first, first + 4)]
    alone = [find_slant(write([line], 0)) for line in lines]
    for indent in (0, 36, 72):
        assert min(alone) - 0.1 <= find_slant(write(lines, indent)) <= max(alone) + 0.1


def find_slant(page):
    return find_writing(find_strokes(page / np.float32(255))).slant


def write(lines, indent):
    """Lines of digits, three times as large; each line starts so many pixels further right."""
    page = np.full((20 + 110 * len(lines), 600), 255, np.uint8)
    for number, line in enumerate(lines):
        for place, image in enumerate(line):
            top, left = 10 + 110 * number, 10 + indent * number + 72 * place
            around = page[top : top + 84, left : left + 84]
            np.minimum(around, 255 - image.repeat(3, axis=0).repeat(3, axis=1), out=around)
    return page
