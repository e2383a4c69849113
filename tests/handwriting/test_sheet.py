import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.transform import estimate_transform

from digitlib.handwriting.sheet import find_sheet

NEAR = [(45, 16), (352, 2), (362, 284), (60, 298)]  # little of the table is left above and below
LEVEL = [(60, 50), (340, 50), (340, 240), (60, 240)]
ASKEW = [(70, 60), (330, 30), (350, 230), (50, 250)]
TURNED = [(125, 20), (350, 95), (290, 270), (60, 190)]
RNG = np.random.default_rng(12)


def draw_four(draw, left, top, side, fill, width):
    points = [(0.3, 0), (0, 0.6), (0.7, 0.6)], [(0.5, 0.3), (0.5, 1)]
    for stroke in points:
        draw.line([(left + side * x, top + side * y) for x, y in stroke], fill=fill, width=width)


def lay_on(table, corners, *, paper=(225, 220, 205), thumb=False):
    """A sheet with two digits on a table, float32 (300, 400, 3)."""
    picture = Image.fromarray(table)
    draw = ImageDraw.Draw(picture)
    draw.polygon(corners, fill=paper)
    for left in (150, 210):
        draw_four(draw, left, 110, 60, (30, 40, 90), 6)
    if thumb:
        draw.rounded_rectangle((180, 215, 215, 340), 17, fill=(150, 105, 85))
    blurred = ndimage.gaussian_filter(np.asarray(picture, np.float32) / 255, (0.8, 0.8, 0))
    noisy = blurred + RNG.normal(0, 0.01, blurred.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def plain_table():
    return np.full((300, 400, 3), (70, 60, 50), np.uint8)


def wooden_table():
    grain = ndimage.gaussian_filter(RNG.standard_normal((300, 400, 1)), (2, 60, 0))
    return np.clip(plain_table() * (1 + 0.2 * grain / grain.std()), 0, 255).astype(np.uint8)


def checked_cloth():
    rows, columns = np.mgrid[:300, :400] // 12
    return np.where(((rows + columns) % 2)[..., None], (120, 30, 40), (40, 50, 90)).astype(np.uint8)


def dark_screen():
    return np.full((300, 400, 3), 15, np.uint8)


def distance(sheet, corners):
    """The largest distance of a corner, as a fraction of the picture's diagonal of 500 pixels."""
    return np.hypot(*(sheet.corners - corners).T).max() / 500


@pytest.mark.parametrize("corners", [LEVEL, ASKEW, TURNED, NEAR])
@pytest.mark.parametrize("table", [plain_table, wooden_table, checked_cloth, dark_screen])
def test_a_sheet_on_a_table_is_found(table, corners):
    sheet = find_sheet(lay_on(table(), corners))
    assert distance(sheet, corners) < 0.015
    assert sheet.picture.dtype == np.float32
    assert 0 <= sheet.picture.min() <= sheet.picture.max() <= 1
    edges = [sheet.picture[0], sheet.picture[-1], sheet.picture[:, 0], sheet.picture[:, -1]]
    assert np.mean([np.median(edge) for edge in edges]) > 0.75  # paper, and no table
    assert (sheet.picture[..., 0] < 0.4).any()


def test_the_perspective_is_corrected_at_the_same_resolution():
    sheet = find_sheet(lay_on(plain_table(), LEVEL))
    assert sheet.picture.shape[:2] == pytest.approx((190, 280), abs=10)
    large = lay_on(plain_table(), ASKEW).repeat(3, axis=0).repeat(3, axis=1)
    sheet = find_sheet(large)
    assert distance(sheet, 3 * np.array(ASKEW)) < 3 * 0.015
    assert sheet.picture.shape[:2] == pytest.approx((3 * 190, 3 * 280), abs=45)


def test_corners_are_those_of_the_sheets_picture():
    picture = lay_on(plain_table(), ASKEW)
    picture[115:145, 200:230] = (1, 0, 0)
    sheet = find_sheet(picture)
    reds = np.nonzero(sheet.picture[..., 0] - sheet.picture[..., 1] > 0.5)
    place = np.array([reds[1].mean(), reds[0].mean()]) + 0.5
    height, width = sheet.picture.shape[:2]
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    back = estimate_transform("projective", frame, sheet.corners)
    assert back(place)[0] == pytest.approx((215, 130), abs=2)


@pytest.mark.parametrize(
    ("options", "light"),
    [
        ({"thumb": True}, 1),
        ({"paper": (240, 225, 120)}, 1),
        ({"paper": (140, 190, 225)}, 1),
        ({}, np.linspace(1, 0.6, 400)[:, None]),
        ({}, np.where(np.arange(400) < 200, 1, 0.65)[:, None]),
    ],
    ids=["thumb", "yellow", "blue", "side light", "shadow"],
)
def test_hands_colours_and_light_dont_hide_a_sheet(options, light):
    picture = (lay_on(plain_table(), ASKEW, **options) * light).astype(np.float32)
    assert distance(find_sheet(picture), ASKEW) < 0.015


def test_a_grey_picture_is_enough():
    grey = lay_on(wooden_table(), ASKEW).mean(axis=2)
    assert distance(find_sheet(np.stack([grey] * 3, axis=-1)), ASKEW) < 0.015


def test_the_largest_sheet_is_taken():
    table = Image.fromarray(plain_table())
    ImageDraw.Draw(table).polygon([(350, 100), (395, 100), (395, 200), (350, 200)], fill="white")
    smaller = [(40, 50), (320, 50), (320, 240), (40, 240)]
    assert distance(find_sheet(lay_on(np.array(table), smaller)), smaller) < 0.015


def test_a_sheet_may_leave_the_picture_at_one_side():
    beyond = [(70, 60), (330, 60), (330, 360), (70, 360)]
    visible = [(70, 60), (330, 60), (330, 300), (70, 300)]
    assert distance(find_sheet(lay_on(plain_table(), beyond)), visible) < 0.015


def full_page():
    return lay_on(plain_table(), [(-9, -9), (409, -9), (409, 309), (-9, 309)])


def shaded_page():
    light = np.ones((300, 400, 1), np.float32)
    light[90:, 140:] = 0.6
    return full_page() * light


def draw_on(colour, draw_marks):
    picture = Image.new("RGB", (300, 300), colour)
    draw_marks(ImageDraw.Draw(picture))
    return np.asarray(picture, np.float32) / 255


UNCHANGED = {
    "a full page": full_page(),
    "a page with a shadow": shaded_page(),
    "blank": np.full((300, 400, 3), 0.8, np.float32),
    "black": np.zeros((300, 400, 3), np.float32),
    "noise": RNG.random((200, 300, 3), dtype=np.float32),
    "chalk": draw_on("black", lambda draw: draw_four(draw, 60, 40, 200, "white", 40)),
    "a light 1": draw_on("black", lambda draw: draw.rectangle((110, 20, 190, 280), fill="white")),
    "a light 0": draw_on("black", lambda draw: draw.ellipse((60, 20, 240, 280), None, "white", 45)),
    "a dark 0": draw_on("white", lambda draw: draw.ellipse((40, 20, 260, 280), None, "black", 35)),
    "a box": draw_on("white", lambda draw: draw.rectangle((50, 40, 250, 260), None, "black", 25)),
    "a dark box": draw_on("white", lambda draw: draw.rectangle((40, 40, 200, 200), fill="black")),
    "one pixel": np.ones((1, 1, 3), np.float32),
    "one row": RNG.random((1, 500, 3), dtype=np.float32),
    "a small picture": RNG.random((28, 28, 3), dtype=np.float32),
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_a_picture_without_a_sheet_comes_back_as_it_is(name):
    picture = UNCHANGED[name]
    sheet = find_sheet(picture)
    assert sheet.picture is picture
    height, width = picture.shape[:2]
    assert np.array_equal(sheet.corners, [(0, 0), (width, 0), (width, height), (0, height)])
