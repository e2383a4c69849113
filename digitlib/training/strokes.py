"""Draw digits with a pen: as curves through points, in the styles that schools teach."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

_LENGTH = 80  # the height of a digit, in pixels
# Each line is one way to write a character: its strokes, each with points x,y in hundredths of the
# height of a digit; y is 0 at its top and 100 at its foot. The pen bends towards the points between
# the first and the last one; a point given twice makes a corner.
_SHAPES = """
0  35,0 5,2 0,50 5,98 35,100 62,98 66,50 62,2 30,0
0  45,4 12,-4 -2,45 8,100 32,102 60,96 66,45 50,-4 24,6
0  34,0 4,0 0,50 4,100 34,100 64,100 68,50 64,0 30,0 | 62,4 6,96
0  34,0 4,0 0,50 4,100 34,100 64,100 68,50 64,0 30,0 | 74,-8 -8,108
1  20,0 20,100
1  0,45 34,0 34,0 34,100
1  0,78 44,0 44,0 44,100
1  0,95 50,0 50,0 52,100
1  6,24 26,0 26,0 24,100 | 0,100 50,100
1  0,48 36,0 36,0 36,100 | 10,100 64,100
1  4,14 14,16 24,0 24,0 24,100
1  4,30 22,22 30,0 30,0 22,100
2  4,28 4,-2 60,-10 62,34 30,70 2,98 2,98 64,98
2  2,14 30,-14 74,14 44,66 0,100 0,100 66,100
2  0,22 20,-10 62,-4 58,34 40,70 -4,98 6,72 34,84 50,104 72,92
2  2,8 2,0 62,-4 60,40 2,100 2,100 30,92 66,100
2  0,0 58,0 58,0 2,100 2,100 62,100
3  2,12 30,-10 70,10 50,46 22,48 22,48 72,48 66,98 24,108 0,90
3  0,2 60,0 60,0 28,40 28,40 80,44 66,104 20,108 0,88
3  4,8 60,-14 60,46 14,46 60,46 74,104 2,104 0,92
4  38,0 0,66 0,66 68,66 | 46,34 46,100
4  46,0 46,100 | 46,0 46,0 0,70 0,70 70,70
4  6,0 2,50 2,50 58,50 | 56,0 54,100
4  14,0 0,62 0,62 66,58 | 50,20 38,104
4  4,4 4,50 20,56 58,48 58,48 60,0 60,0 56,100
5  58,0 8,0 8,0 6,44 6,44 36,26 70,50 60,104 22,104 0,92
5  10,0 6,46 6,46 50,32 72,62 50,106 14,104 0,94 | 10,0 60,-4
5  62,2 30,-4 10,6 -4,44 40,42 70,62 52,104 20,104 2,94
6  54,2 10,14 -4,66 4,104 56,106 66,58 30,50 4,70
6  36,0 6,50 -4,98 30,104 60,104 62,60 30,56 2,76
6  60,8 40,-6 2,14 -2,70 4,108 58,104 60,52 20,44 2,76
7  0,2 60,2 60,2 20,100
7  0,2 62,0 62,0 40,40 30,100 | 14,50 56,48
7  4,20 4,0 4,0 62,0 62,0 30,50 20,100
7  0,0 4,14 4,14 64,4 64,4 26,100 | 10,54 60,50
7  0,16 20,-4 40,12 66,2 66,2 40,40 24,100
7  0,2 60,2 60,2 30,100 | 20,42 60,60
8  54,16 40,-8 4,-6 4,34 34,48 66,64 62,104 30,104 -4,102 2,62 34,48 62,30 52,8
8  34,0 4,0 4,44 34,44 62,44 62,0 32,0 | 32,44 -4,46 -4,100 34,100 70,100 70,46 34,44
8  60,4 30,-6 0,4 10,44 70,60 56,104 30,104 0,100 2,66 64,40 58,2
9  58,14 34,-8 -2,4 2,52 34,52 58,44 60,8 60,8 56,100
9  58,20 50,-6 2,-6 0,48 50,54 58,20 58,20 62,60 56,106 24,104 4,94
9  56,16 40,-6 2,0 2,46 40,52 56,20 56,20 36,64 20,102
9  32,0 2,0 2,46 32,46 60,46 60,0 30,0 | 60,14 62,98
+  0,50 62,50 | 31,18 31,82
x  0,20 56,84 | 56,18 0,86
÷  0,50 62,50 | 30,22 32,24 | 30,76 32,78
=  0,36 60,36 | 0,64 60,62
-  0,50 60,48
~  0,54 20,34 40,70 60,46
#  14,0 8,100 | 46,0 40,100 | 0,32 58,30 | 0,70 56,66
$  58,12 40,-4 4,0 8,44 60,54 62,98 20,104 2,88 | 34,-14 28,116
€  62,10 40,-10 8,10 8,90 40,110 62,92 | -4,40 46,40 | -4,60 44,60
"""


def read_shapes(shapes: str) -> dict[str, list[list[list[tuple[float, float]]]]]:
    """Returns a dict: character -> ways to write it, each a list of strokes of points (x, y)."""
    strokes: dict[str, list] = {}
    for letter, *words in map(str.split, shapes.strip().split("\n")):
        way = [stroke.split() for stroke in " ".join(words).split("|")]
        points = [[tuple(int(n) / 100 for n in p.split(",")) for p in stroke] for stroke in way]
        strokes.setdefault(letter, []).append(points)
    return strokes


STROKES = read_shapes(_SHAPES)


def draw_character(letter: str, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws a character of `STROKES` with a random pen, width and slant, and an unsteady hand.

    Args:
        letter: a key of `STROKES`.
        rng: decides everything that is random.

    Returns:
        Its ink, float32 (h, w), 0 to 1; a digit is about 80 pixels high.
    """
    ways = STROKES[letter]
    unsteady = rng.uniform(0.01, 0.05)
    wide = rng.choice([rng.uniform(0.7, 1.2), rng.uniform(1.2, 2)], p=[0.75, 0.25])
    slant = rng.uniform(-0.15, 0.35)
    paths = []
    for stroke in ways[rng.integers(len(ways))]:
        points = np.array(stroke) + rng.normal(0, unsteady, (len(stroke), 2))
        corner = (np.diff(stroke, axis=0) == 0).all(axis=1).nonzero()[0]
        points[corner + 1] = points[corner]
        x, y = bend(points).T
        paths.append(np.stack([x * wide - slant * y, y], axis=1) * _LENGTH)
    return draw_paths(paths, rng.uniform(0.06, 0.2) * _LENGTH)[0]


def bend(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns many points, float (n, 2), on quadratic curves that bend towards the inner ones."""
    if len(points) == 2:
        points = np.array([points[0], points.mean(axis=0), points[1]])
    middles = (points[1:] + points[:-1]) / 2
    ends = np.concatenate([points[:1], middles[1:-1], points[-1:]])
    t = np.linspace(0, 1, 12)[:, None]
    pieces = zip(ends[:-1], points[1:-1], ends[1:], strict=True)
    curves = [(1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c for a, b, c in pieces]
    return np.concatenate(curves)


def draw_paths(
    paths: list[npt.NDArray[np.float64]], pen: float
) -> tuple[npt.NDArray[np.float32], float, float]:
    """Draws paths of points (x, y) with a round pen; returns the ink, (h, w), its top and left."""
    pen = max(1.2, pen)
    low = np.floor(np.concatenate(paths).min(axis=0) - pen / 2)
    width, height = np.ceil(np.concatenate(paths).max(axis=0) + pen / 2 - low).astype(int)
    large = Image.new("L", (4 * width, 4 * height))
    draw = ImageDraw.Draw(large)
    reach = 2 * pen - 0.5
    for path in paths:
        points = 4 * (path - low)
        draw.line(list(map(tuple, points)), fill=255, width=round(4 * pen))
        for x, y in points:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    ink = np.divide(np.asarray(large.reduce(4)), 255, dtype=np.float32)
    return ink, low[1], low[0]
