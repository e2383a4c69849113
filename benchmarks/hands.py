"""Write numbers as people do, in digits from MNIST images or from the strokes in `STROKES`.

`write` returns a line as ink, and what a hand looks like is a `Hand`.
"""

import re
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import skeletonize

from digitlib.training.strokes import bend, draw_paths, read_shapes

# As in digitlib/training/strokes.py, but other hands: what a network learned would read itself.
_SHAPES = """
0  30,0 10,0 0,30 0,70 12,100 46,100 60,70 60,30 46,0 25,2
0  30,0 10,0 0,30 0,70 12,100 46,100 60,70 60,30 46,0 25,2 | 58,-5 4,105
1  30,0 28,100
1  0,70 40,0 40,0 39,100
1  14,20 32,0 32,0 30,100
1  12,22 32,0 32,0 31,100 | 6,100 56,100
2  3,25 5,0 50,-8 65,30 0,100 0,100 62,100
2  2,20 10,-2 50,-5 60,30 35,75 5,105 -5,80 20,80 40,102 64,95
2  0,5 60,0 60,0 0,100 0,100 62,98
3  5,15 20,-5 60,0 55,45 20,46 20,46 64,48 64,100 20,106 0,85
3  3,2 56,0 56,0 22,42 22,42 66,40 64,100 20,106 0,88
4  10,0 0,60 0,60 62,58 | 45,25 42,100
4  45,100 47,0 47,0 0,68 0,68 64,66
4  5,0 0,55 30,60 52,45 | 54,0 50,105
5  12,2 7,42 7,42 30,30 66,40 60,100 20,105 0,88 | 12,2 58,0
5  58,0 12,2 12,2 7,42 7,42 30,30 66,40 60,100 20,105 0,88
6  50,0 10,20 -5,70 5,104 55,105 60,55 20,45 4,75
6  15,0 0,50 0,100 25,105 55,100 55,55 25,50 4,75
7  0,5 58,0 58,0 36,40 20,100
7  0,5 58,0 58,0 36,40 20,100 | 8,52 56,48
7  2,16 2,0 2,0 60,0 60,0 26,100
7  2,16 2,0 2,0 60,0 60,0 26,100 | 8,52 56,48
8  52,14 30,-8 -2,2 5,40 60,55 60,100 30,104 -2,100 0,60 50,42 58,5 40,2
8  30,0 0,0 0,46 30,46 56,46 56,0 28,0 | 30,46 -5,46 -5,100 30,100 64,100 64,46 28,46
9  54,12 35,-6 0,0 0,50 30,52 55,40 55,10 55,10 50,100
9  54,12 35,-6 0,0 0,50 30,52 55,40 55,10 58,60 55,110 20,110 3,90
,  8,90 10,100 0,115
.  5,97 6,99
/  42,-5 0,110
-  0,56 40,53
+  0,55 50,54 | 25,28 24,82
x  0,35 42,85 | 42,33 0,87
÷  0,55 50,54 | 24,27 26,29 | 25,80 26,82
=  0,42 50,40 | 0,68 50,67
(  22,-10 -2,20 -2,80 24,112
)  0,-10 25,20 25,80 0,112
R  6,100 5,0 | 5,5 75,-10 70,60 6,50 | 25,50 60,100
s  36,55 0,40 0,72 42,75 36,105 0,95
$  50,10 30,-8 0,10 10,40 60,60 50,100 20,103 0,85 | 30,-12 27,115
€  62,12 40,-8 10,10 10,90 40,108 62,90 | 0,42 48,40 | 0,60 45,58
"""

STROKES = read_shapes(_SHAPES)
INKS = np.array([(0.08, 0.08, 0.08), (0.1, 0.14, 0.5), (0.4, 0.4, 0.4), (0.7, 0.1, 0.12)])


class Hand(NamedTuple):
    """How one person writes; lengths are fractions of a digit's height."""

    length: float  # the height of a digit, in pixels
    pen: float  # the width of a stroke; the usual 0.1 or so, even where MNIST's is kept
    keep: bool  # whether the strokes of an MNIST image keep their own width
    drawn: bool  # whether digits are drawn from `STROKES` instead
    slant: float  # pixels to the right for each pixel up
    gap: float  # between digits; negative where they overlap
    uneven: float  # largest difference of a digit's size
    turn: float  # largest angle of a number, in degrees
    colour: np.ndarray  # (3,), 0 to 1


def choose_text(rng, most):
    """Returns a number of 1 to `most` digits, sometimes with a pair such as 20 or 00 in it."""
    text = "".join(map(str, rng.integers(10, size=rng.integers(1, most + 1))))
    if len(text) > 1 and rng.random() < 0.3:
        place = rng.integers(len(text) - 1)
        text = text[:place] + rng.choice(["00", "20", "10", "50"]) + text[place + 2 :]
    return text


def choose_amount(rng):
    """Returns a calculation or an amount of money."""
    a, b = (int(10 ** rng.uniform(0.3, 4)) for _ in range(2))
    cents = rng.integers(100)
    forms = [f"{a:,}/-", f"Rs {a:,}", f"Rs {a}/-", f"$ {a:,}.{cents:02}", f"€ {a},{cents:02}"]
    forms += [f"{a} + {b} = {a + b}", f"{a} - {b}", f"{a} x {b}", f"{a} ÷ {b}", f"({a})", f"- {a}"]
    return str(rng.choice([*forms, f"{a}.{cents:02}", f"({a} + {b}) x {cents}", f"{a} = {b}"]))


def choose_hand(rng, rows, **chosen):
    """Returns a `Hand` whose longest row fits a picture; `chosen` overrules its fields."""
    letters = max(len(" ".join(row)) for row in rows)
    hand = Hand(
        length=min(rng.uniform(28, 110), 1300 / letters),
        pen=rng.uniform(0.05, 0.13),
        keep=rng.random() < 0.3,
        drawn=False,
        slant=rng.uniform(-0.2, 0.4),
        gap=rng.choice([rng.uniform(-0.06, 0.05), rng.uniform(0.05, 0.45)]),
        uneven=rng.choice([0.1, 0.35]),
        turn=3,
        colour=INKS[rng.choice(4, p=[0.4, 0.35, 0.17, 0.08])] + rng.uniform(0, 0.2),
    )
    return hand._replace(**chosen)


def write(text, hand, pool, rng):
    """Writes a line and returns its ink, float32 (h, w), and the numbers in it.

    A number is a run of digits; commas and points inside it don't divide it and aren't kept, any
    other sign or space does: "1,234/-" is 1234, and "12 + 34 = 46" are three numbers.
    """
    runs = [match.span() for match in re.finditer(r"\d[\d.,]*", text)]
    spots, left = [], 0.0
    for place, letter in enumerate(text):
        if letter != " ":
            ink, top = draw_letter(letter, hand, pool, rng)
            spots.append((place, ink, top, left))
            left += ink.shape[1] + (hand.gap + rng.uniform(-0.03, 0.1)) * hand.length
        else:
            left += 0.4 * hand.length
    highest = min(top for _, _, top, _ in spots)
    height = int(max(top + len(ink) for _, ink, top, _ in spots) - highest) + 2
    room = int(abs(hand.slant) * height) + 2
    layers = np.zeros((len(runs) + 1, height, int(left + hand.length) + 2 * room), np.float32)
    for place, ink, top, left in spots:
        run = [a <= place < b and text[place].isdigit() for a, b in runs]
        keep_darker(layers[run.index(True) if any(run) else -1], ink, top - highest, left + room)
    angle = rng.uniform(-hand.turn, hand.turn)
    layers = np.array([_slant(layer, hand.slant, angle) for layer in layers])
    box = find_box(layers.max(axis=0))
    layers = layers[:, box[0] : box[2], box[1] : box[3]]
    texts = [re.sub(r"\D", "", text[a:b]) for a, b in runs]
    return layers.max(axis=0), [(t, find_box(i)) for t, i in zip(texts, layers[:-1], strict=True)]


def draw_letter(letter, hand, pool, rng):
    """Returns the ink of one character, float32 (h, w), and the row of its top in the line."""
    length = hand.length * (1 + rng.uniform(-hand.uneven, hand.uneven) * letter.isdigit())
    down = hand.length - length + rng.normal(0, 0.03 * hand.length)
    if hand.drawn or not letter.isdigit():
        variants = STROKES[letter]
        wide = length * rng.uniform(0.8, 1.25)
        strokes = [np.array(stroke) for stroke in variants[rng.integers(len(variants))]]
        paths = [bend(s + rng.normal(0, 0.018, s.shape)) * (wide, length) for s in strokes]
        ink, top, _ = draw_paths(paths, hand.pen * hand.length)
        return ink, top + down
    images, labels = pool
    image = images[rng.choice(np.flatnonzero(labels == int(letter)))]
    ink = enlarge(image, length, None if hand.keep else hand.pen * hand.length / length)
    return ink, length - len(ink) + down


def enlarge(image, length, pen=None):
    """Enlarges an MNIST image to sharp strokes, cropped, float32 (h, w).

    Args:
        image: uint8 (28, 28); its digit is 20 pixels long.
        length: how long it becomes.
        pen: the width of its strokes as a fraction of `length`; None keeps them.
    """
    large = np.asarray(Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC))
    smooth = ndimage.gaussian_filter(np.pad(large, 8) / np.float32(255), 1.5)
    ink = np.clip((smooth - 0.4) * 4 + 0.5, 0, 1)
    if pen:
        distance = ndimage.distance_transform_edt(~skeletonize(smooth > 0.3))
        ink = np.clip(pen * 40 + 0.5 - ndimage.gaussian_filter(distance, 1), 0, 1)
    box = find_box(ink)
    ink = Image.fromarray(ink[box[0] : box[2], box[1] : box[3]].astype(np.float32))
    size = [max(2, round(side * length / 80)) for side in ink.size]
    return np.clip(ink.resize(size, Image.Resampling.BICUBIC), 0, 1)


def find_box(ink):
    """Returns the box around ink, float (h, w)."""
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def keep_darker(page, ink, top, left):
    """Lays ink on the ink of a page with its top left corner there; the darker one stays."""
    place = page[int(top) : int(top) + len(ink), int(left) : int(left) + ink.shape[1]]
    np.maximum(place, ink[: len(place), : place.shape[1]], out=place)


def _slant(ink, slant, angle):
    across = (1, slant, -slant * len(ink) / 2, 0, 1, 0)
    picture = Image.fromarray(ink)
    picture = picture.transform(
        picture.size, Image.Transform.AFFINE, across, Image.Resampling.BICUBIC
    )
    turned = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.clip(turned, 0, 1)
