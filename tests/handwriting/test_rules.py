import numpy as np
import pytest
from PIL import Image, ImageDraw

from digitlib.handwriting.rules import remove_rules

ORANGE, BLUE, GREY, BLACK = (240, 150, 60), (130, 190, 240), (150, 150, 150), (20, 20, 20)
DIGITS = {  # strokes (x, y) in hundredths of the height
    "0": [[(35, 0), (70, 20), (70, 85), (55, 100), (15, 100), (0, 85), (0, 25), (35, 0)]],
    "1": [[(12, 25), (32, 0), (32, 100)]],
    "2": [[(2, 20), (10, 2), (45, 0), (58, 25), (0, 100), (62, 100)]],
    "4": [[(45, 100), (47, 0), (0, 66), (64, 66)]],
    "5": [[(58, 0), (10, 0), (8, 42), (40, 38), (60, 65), (40, 98), (0, 92)]],
    "7": [[(0, 3), (58, 3), (24, 100)], [(8, 52), (54, 50)]],
}


def write(text, *, left=60, top=60, height=60, pitch=70, size=(420, 190), pen=6):
    """True where digits are written, bool (h, w)."""
    picture = Image.new("L", size)
    for place, digit in enumerate(text):
        for stroke in DIGITS.get(digit, []):
            x = left + place * pitch
            points = [(x + height * a / 100, top + height * b / 100) for a, b in stroke]
            ImageDraw.Draw(picture).line(points, fill=255, width=pen, joint="curve")
    return np.asarray(picture) > 127


def print_lines(shape, *segments, width=2, dash=None):
    """True where lines (x, y, x, y) are printed, bool (h, w)."""
    picture = Image.new("L", shape[::-1])
    for x, y, right, bottom in segments:
        steps = 1 if dash is None else round(np.hypot(right - x, bottom - y) / dash)
        for step in range(steps):
            a, b = step / steps, (step + (1 if dash is None else 0.5)) / steps
            ends = [(x + t * (right - x), y + t * (bottom - y)) for t in (a, b)]
            ImageDraw.Draw(picture).line(ends, fill=255, width=width)
    return np.asarray(picture) > 127


def lay(ink, lines, colour, *, ink_colour=(25, 35, 90)):
    """A sheet with printed lines and writing over them, float32 (h, w, 3)."""
    rng = np.random.default_rng(4)
    page = np.full((*ink.shape, 3), (244, 242, 230), float)
    page[lines] = colour
    page[ink] = ink_colour
    return np.clip((page + rng.normal(0, 2, page.shape)) / 255, 0, 1).astype(np.float32)


def assert_cleaned(page, ink, lines, removed):
    dark = removed.picture.min(axis=2) < 0.6
    assert dark[ink].mean() > 0.9
    printed = lines & ~ink
    changed = removed.picture.min(axis=2)[printed] > page.min(axis=2)[~ink & ~lines].mean() - 0.12
    assert changed.mean() > 0.9
    assert removed.lines[printed].mean() > 0.9
    assert removed.picture.dtype == np.float32
    assert removed.picture.shape == page.shape


def assert_untouched(ink):
    page = lay(ink, np.zeros_like(ink), BLACK)
    assert not remove_rules(page).lines.any()


ROWS = [(0, 20, 420, 26), (0, 80, 420, 86), (0, 140, 420, 146)]
SQUARES = [(0, y, 420, y) for y in range(15, 190, 40)] + [(x, 0, x, 190) for x in range(5, 420, 40)]
KINDS = {
    "ruled": (ROWS, BLUE, {}),
    "black": (ROWS, BLACK, {"width": 1}),
    "squared": (SQUARES, GREY, {"width": 1}),
    "dashed": (ROWS, GREY, {"dash": 12}),
    "dotted": (ROWS, BLACK, {"dash": 4}),
    "underlined": ([(50, 134, 330, 138)], BLACK, {"width": 5}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_printed_lines_go_and_digits_stay(kind):
    segments, colour, style = KINDS[kind]
    ink = write("2745")
    lines = print_lines(ink.shape, *segments, **style)
    page = lay(ink, lines, colour)
    assert_cleaned(page, ink, lines, remove_rules(page))


def draw_boxes(shape, count, *, tooth):
    """A row of boxes, or a comb if the teeth are shorter than 80 pixels, bool (h, w)."""
    sides = [(50 + 70 * n, 130 - tooth, 50 + 70 * n, 130) for n in range(count + 1)]
    level = [130] if tooth < 80 else [130 - tooth, 130]
    return print_lines(shape, *sides, *[(50, y, 50 + 70 * count, y) for y in level])


@pytest.mark.parametrize("colour", [ORANGE, BLACK])
@pytest.mark.parametrize("tooth", [80, 25])
def test_boxes_and_combs_go_and_digits_stay(tooth, colour):
    ink = write("27 45", left=66, top=56)
    lines = draw_boxes(ink.shape, 5, tooth=tooth)
    page = lay(ink, lines, colour)
    assert_cleaned(page, ink, lines, remove_rules(page))


def test_the_teeth_of_a_black_comb_go():
    """They're as thick as the strokes and look like a 1, but short and alike."""
    ink = write("27 45", left=66, top=50)
    lines = print_lines(
        ink.shape,
        *[(50 + 70 * n, 105, 50 + 70 * n, 130) for n in range(6)],
        (50, 130, 400, 130),
        width=5,
    )
    page = lay(ink, lines, BLACK, ink_colour=BLACK)
    assert remove_rules(page).lines[lines & ~ink].mean() > 0.9


def test_a_line_goes_where_digits_stand_on_it():
    ink = write("222", left=20, top=56, height=60, pitch=62)
    foot = np.flatnonzero(ink.any(axis=1))[-1]
    lines = print_lines(ink.shape, *[(0, y, 420, y) for y in (30, foot - 2, 165)], width=2)
    page = lay(ink, lines, GREY)
    assert_cleaned(page, ink, lines, remove_rules(page))


@pytest.mark.parametrize("text", ["1", "7", "2", "4", "111", "7 5", "2745"])
def test_a_page_without_lines_stays_as_it_is(text):
    ink = write(text)
    page = lay(ink, np.zeros_like(ink), BLACK)
    for picture in (page, np.repeat(page[..., :1], 3, axis=2)):
        removed = remove_rules(picture)
        assert np.array_equal(removed.picture, picture)
        assert not removed.lines.any()


def test_the_bars_of_two_thin_digits_in_a_row_are_not_a_line():
    ink = write("4", left=20, height=75, pen=14)
    ink |= write(" 77", left=45, height=75, pitch=65, pen=6)
    assert_untouched(ink)


@pytest.mark.parametrize("length", [60, 120])
def test_a_dash_alone_on_a_page_is_not_a_line(length):
    """It may be a 1 on its side."""
    ink = print_lines((190, 420), (150, 90, 150 + length, 94), width=7)
    assert_untouched(ink)


@pytest.mark.parametrize("pen", [4, 5])
def test_a_thin_1_beside_a_thicker_digit_is_not_a_line(pen):
    ink = write("  4", left=20, height=100, pitch=80, pen=14)
    ink |= write("   1", left=20, height=90, pitch=80, pen=pen)
    assert_untouched(ink)


@pytest.mark.parametrize("pen", [4, 5, 6])
def test_the_foot_of_a_2_under_the_next_digit_is_not_a_line(pen, monkeypatch):
    foot = [(2, 20), (10, 2), (45, 0), (58, 25), (0, 100), (180, 100)]
    monkeypatch.setitem(DIGITS, "2", [foot])
    ink = write("20", top=40, pen=pen) | write("745", top=120, pen=pen)
    assert_untouched(ink)


@pytest.mark.parametrize("pen", [3, 4, 5])
def test_a_dark_edge_does_not_make_thin_strokes_lines(pen):
    ink = write("25745", height=50, pitch=60, pen=pen)
    ink[:12] = True  # a table
    assert_untouched(ink)


@pytest.mark.parametrize("text", ["1", "7", "4"])
def test_a_digit_that_fills_the_picture_loses_nothing(text):
    for size, pen in ((32, 3), (200, 25)):
        ink = write(
            text, left=size // 6, top=size // 10, height=0.8 * size, size=(size,) * 2, pen=pen
        )
        assert not remove_rules(lay(ink, np.zeros_like(ink), BLACK)).lines.any()


def test_light_ink_on_dark_paper_passes():
    ink = write("2745")
    lines = print_lines(ink.shape, *ROWS)
    page = 1 - lay(ink, lines, BLUE)
    removed = remove_rules(page)
    assert np.array_equal(removed.picture, page)
    assert not removed.lines.any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 50, 3), (50, 1, 3), (7, 9, 3)])
@pytest.mark.parametrize("brightness", [0, 0.5, 1])
def test_tiny_and_blank_pictures_pass(shape, brightness):
    page = np.full(shape, brightness, np.float32)
    assert np.array_equal(remove_rules(page).picture, page)
    page.ravel()[0] = 0.2
    remove_rules(page)


def test_large_pictures_are_cleaned_at_their_own_size():
    ink = write("2745", left=300, top=300, height=300, pitch=350, size=(1900, 900), pen=30)
    lines = print_lines(ink.shape, (0, 450, 1900, 470), (0, 150, 1900, 170), width=6)
    page = lay(ink, lines, BLUE)
    assert_cleaned(page, ink, lines, remove_rules(page))
