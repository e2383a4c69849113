"""Draw pictures of handwritten numbers, as people write and photograph them: pages of ten kinds.

Every drawing function takes images, uint8 (n, 28, 28), of all ten digits, their labels, and a
`numpy.random.Generator` that chooses everything else, and returns a `Page`.
"""

import io
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.transform import estimate_transform

from benchmarks.hands import INKS, choose_amount, choose_hand, choose_text, keep_darker, write
from digitlib.training.strokes import bend, draw_paths

_PRINTS = np.array([(0.95, 0.5, 0.1), (0.85, 0.2, 0.2), (0.2, 0.6, 0.3), (0.5, 0.75, 0.95)])
_GREYS = np.array([(0.1, 0.1, 0.1), (0.5, 0.5, 0.5), (0.7, 0.7, 0.7)])
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_WORDS = "Invoice Order Name Address Date Phone Customer number Total Room Street Office Reply to"


class Page(NamedTuple):
    """A picture, and the numbers that are written in it."""

    picture: np.ndarray  # (h, w, 3): uint8 RGB; float32 from 0 to 1 until it is photographed
    numbers: list  # in reading order: (text, box), with box = (top, left, bottom, right) in pixels


def draw_plain(images, labels, rng):
    """Draws one to three numbers on paper, in lines or scattered."""
    texts = [choose_text(rng, 10) for _ in range(rng.integers(1, 4))]
    rows = [texts[:2], texts[2:]] if rng.random() < 0.3 else [[text] for text in texts]
    hand = choose_hand(rng, rows, turn=rng.choice([2, 20]))
    return photograph(write_rows([row for row in rows if row], hand, (images, labels), rng), rng)


def draw_turned(images, labels, rng):
    """Draws a plain page turned by a quarter, a half or three quarters."""
    picture, numbers = draw_plain(images, labels, rng)
    for _ in range(rng.integers(1, 4)):
        width = picture.shape[1]
        picture = np.rot90(picture)
        numbers = [(text, (width - b[3], b[0], width - b[1], b[2])) for text, b in numbers]
    return Page(np.ascontiguousarray(picture), numbers)


def draw_styles(images, labels, rng):
    """Draws one number of digits made of strokes, in the styles of many schools."""
    rows = [[choose_text(rng, 6)]]
    hand = choose_hand(rng, rows, drawn=True, gap=rng.uniform(0.1, 0.5))
    return photograph(write_rows(rows, hand, (images, labels), rng), rng)


def draw_amounts(images, labels, rng):
    """Draws amounts of money and calculations; the signs are strokes of the same pen."""
    rows = [[choose_amount(rng)] for _ in range(rng.integers(1, 4))]
    hand = choose_hand(rng, rows, turn=5, gap=rng.uniform(0.1, 0.4))
    return photograph(write_rows(rows, hand, (images, labels), rng), rng, room=hand.length / 4)


def draw_ruled(images, labels, rng):
    """Draws numbers on ruled, squared, dotted or dashed paper, sometimes underlined."""
    rows = [[choose_text(rng, 8)] for _ in range(rng.integers(1, 4))]
    hand = choose_hand(rng, rows, turn=4)
    page = write_rows(rows, hand, (images, labels), rng)
    kind = rng.choice(["ruled", "squared", "dotted", "dashed"])
    spacing = hand.length * (rng.uniform(0.4, 1.1) if kind == "squared" else rng.uniform(0.7, 2))
    foot = page.numbers[0][1][2] + rng.uniform(-0.4, 0.15) * hand.length
    rule(page, kind, spacing, foot, hand, rng)
    for _, (_, left, bottom, right) in page.numbers:
        if rng.random() < 0.3:
            points = [(left, 0), ((left + right) / 2, 0), (right, rng.normal(0, hand.length / 20))]
            ink, top, left = draw_paths([bend(np.array(points))], hand.pen * hand.length)
            lay_ink(page.picture, ink, bottom + top + hand.length / 6, left, hand.colour)
    return photograph(page, rng, room=hand.length / 4)


def draw_boxes(images, labels, rng):
    """Draws forms with a box for each digit, or a comb that is open at the top."""
    rows = [spread(choose_text(rng, 8), rng) for _ in range(rng.integers(1, 4))]
    most = max(map(len, rows))
    colour = INKS[rng.integers(2)] + rng.uniform(0, 0.2)
    hand = choose_hand(rng, [["0" * (most + 2)]], turn=3, colour=colour)
    high, wide = hand.length * rng.uniform(1, 1.7), hand.length * rng.uniform(0.85, 1.5)
    apart = rng.choice([0, 0, rng.uniform(0.1, 0.4)]) * wide
    margin = hand.length * rng.uniform(0.6, 1.5)
    size = len(rows) * 1.4 * high + 2 * margin, most * (wide + apart) + 2 * margin
    page = Page(draw_paper(np.maximum(size, (160, 300)).astype(int), rng), [])
    outlines = np.zeros(page.picture.shape[:2], np.float32)
    outline = draw_outline(int(high), int(wide), hand, rng)
    for number, texts in enumerate(rows):
        spots = []
        for place, text in enumerate(texts):
            corner = margin + 1.4 * high * number, margin + place * (wide + apart)
            keep_darker(outlines, outline, *corner)
            middle = np.add(corner, (high / 2, wide / 2))
            spots += write_around(page, text, middle, hand, (images, labels), rng)
        page.numbers.append(("".join(texts), _surround(spots)))
    colours = _PRINTS if rng.random() < 0.7 else _GREYS
    lay_ink(page.picture, outlines, 0, 0, rng.choice(colours))
    return photograph(page, rng, room=margin / 3)


def draw_envelope(images, labels, rng):
    """Draws handwritten numbers below or beside printed text, which has digits of its own."""
    rows = [[choose_text(rng, 8)] for _ in range(rng.integers(1, 3))]
    hand = choose_hand(rng, rows, turn=4, length=rng.uniform(30, 80))
    lines = [choose_line(rng) for _ in range(rng.integers(1, 6))]
    font = rng.choice(["DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif"])
    text = print_text(lines, font, int(hand.length * rng.uniform(0.35, 0.9)))
    above = rng.random() < 0.6
    space = (len(text) * above, text.shape[1] * (not above))
    margin = hand.length * rng.uniform(0.2, 0.6)
    least = np.maximum(np.add(text.shape, 2 * margin), (0, 300))
    page = write_rows(rows, hand, (images, labels), rng, space=space, least=least)
    lay_ink(page.picture, text, margin, margin, rng.choice(_GREYS[:2]))
    return photograph(page, rng, room=margin / 3)


def draw_crowded(images, labels, rng):
    """Draws a form of A4 size at 150 dots per inch, with 20 to 40 numbers in columns."""
    columns = int(rng.integers(2, 4))
    count = int(rng.integers(20, 41))
    texts = [choose_text(rng, 12 // columns + 2) for _ in range(count)]
    rows = [texts[first : first + columns] for first in range(0, count, columns)]
    hand = choose_hand(rng, rows, length=rng.uniform(28, 44), turn=2)
    hand = hand._replace(gap=min(hand.gap, 0.25))
    margin = 120
    page = write_rows(rows, hand, (images, labels), rng, shape=(1754, 1240), margin=margin)
    pitch = (1754 - 2 * margin) / len(rows)
    rule(page, rng.choice(["ruled", "dotted"]), pitch, margin, hand, rng)
    for number in range(columns):
        left = margin + number * (1240 - 2 * margin) // columns
        title = print_text([choose_line(rng)[:12]], "DejaVuSans", 26)
        lay_ink(page.picture, title, margin / 2, left, _GREYS[0])
        if rng.random() < 0.5:
            lay_ink(page.picture, np.ones((1754 - margin, 2)), margin / 2, left - 12, _GREYS[1])
    return photograph(page, rng, room=margin / 4)


def draw_webcam(images, labels, rng):
    """Draws one digit as a frame of 32 x 32 pixels, pale, blurred and unevenly lit."""
    text = str(rng.integers(10))
    length = 4 * (rng.uniform(26, 31) if rng.random() < 0.25 else rng.uniform(16, 24))
    hand = choose_hand(rng, [[text]], length=length, drawn=rng.random() < 0.3, turn=10)
    hand = hand._replace(colour=rng.uniform(0.2, 0.6) + 0.3 * hand.colour)
    page = Page(draw_paper((128, 128), rng), [])
    spots = write_around(page, text, rng.normal(64, 4, 2), hand, (images, labels), rng)
    picture = photograph(page, rng, blur=rng.uniform(1.5, 5)).picture
    small = Image.fromarray(picture).reduce(4)
    noisy = np.asarray(small) + rng.normal(0, rng.uniform(0, 4), (32, 32, 3))
    box = np.array(_surround(spots)) / 4
    box = *np.floor(box[:2]), *np.ceil(box[2:])
    return Page(np.clip(noisy, 0, 255).astype(np.uint8), [(text, _clip(box, (32, 32)))])


def draw_scene(images, labels, rng):
    """Draws a sheet on a darker table, seen at an angle, with vignetting and JPEG noise."""
    rows = [[choose_text(rng, 8)] for _ in range(rng.integers(1, 4))]
    hand = choose_hand(rng, rows, turn=4)
    sheet = write_rows(rows, hand, (images, labels), rng, margin=hand.length * rng.uniform(0.6, 3))
    return lay_on_table(sheet, hand.length / 6, rng)


def lay_on_table(sheet, shadow, rng):
    """Photographs a page on a table; its shadow falls `shadow` pixels wide."""
    longest = max(sheet.picture.shape)
    high, wide = np.array(sheet.picture.shape[:2]) * np.clip(1, 300 / longest, 1300 / longest)
    shape = np.array([high * rng.uniform(1.1, 1.5), wide * rng.uniform(1.1, 1.5)]).astype(int)
    angle = np.radians(rng.uniform(-12, 12))
    axes = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    corners = (np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) - 0.5) * (wide, high) @ axes
    reach = np.ptp(corners, axis=0) / shape[::-1]
    corners = corners / max(1, *reach) + rng.normal(0, 0.02 * high, (4, 2)) + shape[::-1] / 2
    picture, cover, numbers = warp_page(sheet, corners, shape)
    table = draw_table(shape, rng)
    shade = ndimage.gaussian_filter(cover, shadow)
    table *= 1 - 0.5 * shade[..., None]
    cover = ndimage.gaussian_filter(cover, 0.7)[..., None]
    page = Page(table + (picture - table) * cover, numbers)
    page.picture[...] *= _shade_edge(shape, rng)[..., None]
    return compress(photograph(page, rng), rng.integers(60, 91))


KINDS = {
    "plain": draw_plain,
    "boxes": draw_boxes,
    "scene": draw_scene,
    "ruled": draw_ruled,
    "amounts": draw_amounts,
    "envelope": draw_envelope,
    "webcam": draw_webcam,
    "turned": draw_turned,
    "styles": draw_styles,
    "crowded": draw_crowded,
}


def draw_pages(kind, split, count, seed):
    """Yields `count` pages of a kind; each depends only on the seed, the kind and its number."""
    for number in range(count):
        rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
        yield KINDS[kind](split.images, split.labels, rng)


def choose_line(rng):
    """Returns a line of print: words, and sometimes a date or a telephone number."""
    words = rng.choice(_WORDS.split(), rng.integers(1, 4))
    numbers = rng.integers(1, 29), rng.integers(1, 13), rng.integers(100, 1000), rng.integers(9999)
    ends = ["", ":", " {}.{}.2024", " 0{2} {3:04}", " {3}"]
    return " ".join(words) + rng.choice(ends).format(*numbers)


def spread(text, rng):
    """Returns the digits of a number, one for each box of a form, with "" for empty boxes."""
    cells = list(text)
    if len(cells) > 1 and rng.random() < 0.2:
        cells.insert(rng.integers(1, len(cells)), "")
    return [""] * rng.choice([0, 0, 0, 1, 2]) + cells + [""] * rng.choice([0, 0, 1, 3])


def write_rows(rows, hand, pool, rng, *, shape=None, margin=None, space=(0, 0), least=(0, 300)):
    """Writes rows of texts in columns on paper that is large enough, or has the given shape.

    `space`, in pixels, stays free above and on the left, for print; `least` is the smallest shape.
    """
    written = [[write(text, hand, pool, rng) for text in row] for row in rows]
    inks = [ink.shape for row in written for ink, _ in row]
    pitch, column = np.max(inks, axis=0) * rng.uniform(1.05, 1.5, 2)
    columns = max(map(len, rows))
    margin = margin or hand.length * rng.uniform(0.4, 1.5)
    if shape:
        pitch, column = (shape[0] - 2 * margin) / len(rows), (shape[1] - 2 * margin) / columns
    size = np.array([pitch * len(rows), column * columns]) + 2 * margin + space
    size = np.maximum(size, least).astype(int) if shape is None else shape
    page = Page(draw_paper(size, rng), [])
    loose = rng.choice([0.2, 1])
    for row, items in enumerate(written):
        for number, (ink, numbers) in enumerate(items):
            free = max(0, column - ink.shape[1]) * loose
            top = space[0] + margin + (row + 1) * pitch - len(ink)
            top -= rng.uniform(0, max(0, min(pitch - len(ink), 0.2 * hand.length)))
            left = space[1] + margin + number * column + rng.uniform(0, free)
            lay_ink(page.picture, ink, top, left, hand.colour)
            page.numbers.extend(_move(numbers, top, left))
    return page


def write_around(page, text, middle, hand, pool, rng):
    """Writes a text around a point (row, column), nearly, and returns the boxes of its numbers."""
    if not text:
        return []
    ink, numbers = write(text, hand, pool, rng)
    corner = np.array(middle) - np.array(ink.shape) / 2 + rng.normal(0, 0.06, 2) * hand.length
    top, left = np.maximum(0, corner)
    lay_ink(page.picture, ink, top, left, hand.colour)
    return [box for _, box in _move(numbers, top, left)]


def draw_paper(shape, rng):
    """Returns white, grey or yellowish paper with grain, float32 (h, w, 3)."""
    tone = rng.uniform(0.7, 0.97) * np.array([1, rng.uniform(0.96, 1), rng.uniform(0.82, 1)])
    grain = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), rng.uniform(0.5, 3))
    grain *= rng.uniform(0, 0.02) / grain.std()
    return ((1 + grain[..., None]) * tone).astype(np.float32)


def draw_table(shape, rng):
    """Returns a table, of plain colour or of wood, or a dark screen, float32 (h, w, 3)."""
    kind = rng.choice(["plain", "wood", "screen"])
    if kind == "screen":
        return np.full((*shape, 3), (0.06, 0.07, 0.09), np.float32)
    tone = rng.uniform(0.15, 0.45) * rng.uniform(0.65, 1) ** np.arange(3)  # grey to brown
    stretch = (2, 80) if kind == "wood" else 1
    grain = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), stretch)
    grain *= (0.15 if kind == "wood" else 0.04) / grain.std()
    return ((1 + grain[..., None]) * tone).astype(np.float32)


def draw_outline(high, wide, hand, rng):
    """Returns a box, a box without its upper side, or a comb's tooth, float32 (h, w)."""
    line = max(1, round(rng.uniform(0, 1 / 3) * hand.pen * hand.length))
    cover = np.zeros((high + line, wide + line), np.float32)
    kind = rng.choice(["box", "box", "open", "comb"])
    cover[-line:] = 1
    cover[high * 2 // 3 if kind == "comb" else 0 :, :line] = 1
    cover[high * 2 // 3 if kind == "comb" else 0 :, -line:] = 1
    if kind == "box":
        cover[:line] = 1
    return cover


def rule(page, kind, spacing, start, hand, rng):
    """Rules paper as the kind says, with a line at row `start` and a distance of `spacing`."""
    line = max(1, round(rng.uniform(0, 0.5) * hand.pen * hand.length))
    cover = np.zeros(page.picture.shape[:2], np.float32)
    columns = np.arange(cover.shape[1])
    dash = {"dotted": 3 * line, "dashed": 8 * line}.get(kind, 1)
    drawn = columns % dash < max(1, dash // 2)
    for row in np.arange(start % spacing, len(cover), spacing).astype(int):
        cover[row : row + line, drawn] = 1
    if kind == "squared":
        cover[:, columns % spacing < line] = 1
    lay_ink(page.picture, cover, 0, 0, rng.choice([*_PRINTS, *_GREYS], p=[0.04] * 3 + [0.22] * 4))


def print_text(lines, font, size):
    """Returns lines of print as ink, float32 (h, w)."""
    face = ImageFont.truetype(_FONTS / f"{font}.ttf", size)
    text = "\n".join(lines)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, face)
    picture = Image.new("L", (int(box[2]) + 2, int(box[3]) + 2))
    ImageDraw.Draw(picture).multiline_text((0, 0), text, 255, face)
    return np.asarray(picture) / np.float32(255)


def lay_ink(picture, ink, top, left, colour):
    """Puts ink, float (h, w), on a picture with its top left corner there; inks mix as glazes."""
    top, left = int(top), int(left)
    place = picture[top : top + len(ink), left : left + ink.shape[1]]
    cover = ink[: len(place), : place.shape[1], None]
    place *= 1 - cover * (1 - np.asarray(colour, np.float32))


def photograph(page, rng, *, room=0, blur=None):
    """Turns a page into a picture of uint8: uneven light, a shadow, blur and noise.

    With `room`, the camera is held askew, and loses at most that many pixels of the page's edge.
    """
    picture, numbers = page
    shape = picture.shape[:2]
    if room:
        frame = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        outward = (2 * frame - 1) * rng.uniform(0, room, (4, 2))
        picture, _, numbers = warp_page(page, frame * shape[::-1] + outward, shape)
    picture = picture * _light(shape, rng)[..., None]
    picture = ndimage.gaussian_filter(picture, (*[blur or rng.uniform(0, 1)] * 2, 0))
    noise = rng.uniform(0, 0.03) * rng.standard_normal((*shape, 1), np.float32)
    picture = (255 * np.clip(picture + noise, 0, 1)).astype(np.uint8)
    return Page(picture, [(text, _clip(box, shape)) for text, box in numbers])


def compress(page, quality):
    """Returns the page after saving it as JPEG with this quality."""
    buffer = io.BytesIO()
    Image.fromarray(page.picture).save(buffer, format="JPEG", quality=int(quality))
    return page._replace(picture=np.array(Image.open(buffer)))


def warp_page(page, corners, shape):
    """Moves the corners of a page, clockwise from the top left, to points (x, y).

    Returns:
        The picture, float32 (h, w, 3); where the page is, float32 (h, w); and the numbers.
    """
    height, width = page.picture.shape[:2]
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    moved = estimate_transform("projective", frame, corners)
    back = np.linalg.inv(moved.params)
    back = (back / back[2, 2]).ravel()[:8].tolist()
    how = tuple(map(int, shape[::-1])), Image.Transform.PERSPECTIVE, back
    picture = Image.fromarray((255 * np.clip(page.picture, 0, 1)).astype(np.uint8))
    cover = Image.new("L", (width, height), 255)
    resample = Image.Resampling.BICUBIC
    layers = [np.asarray(i.transform(*how, resample)) / np.float32(255) for i in (picture, cover)]
    numbers = []
    for text, (top, left, bottom, right) in page.numbers:
        x, y = moved([(left, top), (right, top), (right, bottom), (left, bottom)]).T
        numbers.append((text, (y.min(), x.min(), y.max(), x.max())))
    return *layers, numbers


def _light(shape, rng):
    """Light from a side, and sometimes the soft shadow of a hand, float32 (h, w)."""
    rows, columns = (np.mgrid[: shape[0], : shape[1]] / max(shape)).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0, 0.3) * (columns * abs(np.cos(angle)) + rows * abs(np.sin(angle)))
    if rng.random() < 0.4:
        angle, where = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8, 2)
        edge = (columns - where[0]) * np.cos(angle) + (rows - where[1]) * np.sin(angle)
        light *= 1 - rng.uniform(0.1, 0.4) / (1 + np.exp(-edge / rng.uniform(0.02, 0.1)))
    return light.astype(np.float32)


def _shade_edge(shape, rng):
    """Vignetting, and sometimes the dark shape of a hand or phone at an edge, float32 (h, w)."""
    rows, columns = (np.mgrid[: shape[0], : shape[1]].T / shape - 0.5).T.astype(np.float32)
    shade = 1 - rng.uniform(0, 0.9) * (rows**2 + columns**2)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        far = np.hypot(rows - 0.65 * np.sin(angle), columns - 0.65 * np.cos(angle))
        shade *= 1 - 0.7 / (1 + np.exp((far - rng.uniform(0.15, 0.3)) / 0.02))
    return shade.astype(np.float32)


def _move(numbers, top, left):
    return [(t, tuple(np.add(b, (int(top), int(left)) * 2).tolist())) for t, b in numbers]


def _surround(boxes):
    return *np.min(boxes, axis=0)[:2].tolist(), *np.max(boxes, axis=0)[2:].tolist()


def _clip(box, shape):
    return tuple(
        int(np.clip(round(x), 0, side)) for x, side in zip(box, (*shape, *shape), strict=True)
    )
