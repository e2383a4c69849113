import numpy as np

from digitlib.handwriting.pieces import find_strokes, find_writing


def test_one_tall_line_does_not_make_digits_small():
    page = np.full((400, 400), 255, np.uint8)
    for left in range(40, 300, 60):
        page[100:140, left : left + 6] = page[134:140, left : left + 24] = 0
    page[20:380, 360:362] = 0
    assert 36 <= find_writing(find_strokes(page / np.float32(255))).height <= 46
