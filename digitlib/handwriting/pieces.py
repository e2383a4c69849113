"""Divide the ink of a picture into lines, and lines into pieces of a digit or less."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.stats import theilslopes
from skimage.measure import label, regionprops

from digitlib.handwriting.ink import Ink, cut_out, find_clear_ink, find_ink, find_parts
from digitlib.handwriting.normalization import DETAIL, digit_to_image
from digitlib.handwriting.pictures import Grey, resize

_MAX_PARTS = 300
_MOST_PIECES = 9  # of a digit: a 0 with a bar across can be cut in many places
_ROW = 4  # small parts that form a line of their own, at least
_LEANING = 0.3  # how far digits may lean as they are, in pixels to a side for each pixel up
_BLURRED = 0.4  # of the usual slope at an outline: a shadow, or something out of focus
_SIDESTEP = 0.3  # cost of a cut's step from one column to the next, in pixels of ink
Box = tuple[int, ...]  # top, left, bottom, right, in pixels


class Piece(NamedTuple):
    """Ink between two possible cuts."""

    number: int  # in `Writing.labels`
    part: int  # the number of the connected component that it was cut from
    box: Box
    place: float  # from left to right, in pixels, without the slant


class Writing(NamedTuple):
    """A picture's ink in pieces."""

    lines: list[list[Piece]]  # from top to bottom, each from left to right
    height: float  # the usual height of a digit, in pixels
    slant: float  # how far the digits lean to the right, in pixels for each pixel up
    labels: npt.NDArray[np.int_]  # (h, w), the number of the piece at each pixel, 0 for none
    amount: Grey  # as in `Ink`


class Candidate(NamedTuple):
    """The pieces `first` to `end` - 1 of a line, taken as one digit."""

    first: int
    end: int
    box: Box  # around all of them
    cut: bool  # whether the last piece was cut from the one that follows
    whole: bool  # whether neither that one nor the first piece was cut from a neighbour
    image: npt.NDArray[np.uint8]  # (28, 28), like those of MNIST


def find_strokes(grey: Grey) -> Ink:
    """Finds the ink of all strokes in a picture; raises ValueError if it is blank."""
    ink = find_clear_ink(grey, _drop_specks, reach=0.15)
    height = _usual_height([part for part, _ in find_parts(ink.mask)])
    if height < 0.06 * max(grey.shape):  # the blur has joined the strokes of such small digits
        blur, sign = height / 40, [ink.polarity]
        closer = find_ink(grey, _drop_specks, reach=0.15, blur=blur, polarities=sign)
        if closer.sharpness > ink.sharpness / 2:  # or the grain of the paper is found instead
            ink = closer
    return _drop_blurred(ink)


def _drop_blurred(ink):
    """Removes what begins more gradually than most ink, such as a shadow at the picture's edge."""
    labels = label(ink.mask, connectivity=2)
    rim = ink.mask & ~ndimage.binary_erosion(ink.mask, border_value=1)
    slope = ndimage.gaussian_gradient_magnitude(ink.amount, 1)
    numbers = np.arange(1, labels.max() + 1)
    clear = ndimage.mean(slope, labels * rim, numbers) / ndimage.median(ink.amount, labels, numbers)
    blurred = clear < _BLURRED * np.nanpercentile(clear, 75)
    return ink._replace(mask=np.append(False, ~blurred)[labels])


def find_writing(ink: Ink) -> Writing:
    """Cuts ink where digits might touch, and sorts the pieces; raises ValueError if it is blank."""
    mask = ink.mask
    if not mask.any():
        raise ValueError("no digit found: the picture is blank")
    # A stroke with a gap between its upper and its lower end belongs together.
    gap = round(0.08 * _usual_height([part for part, _ in find_parts(mask)]))
    joined = ndimage.binary_closing(np.pad(mask, gap), np.ones((gap + 1, 1)))
    joined = label(joined, connectivity=2)[gap : gap + len(mask), gap : gap + mask.shape[1]]
    parts = regionprops(joined * mask)
    if len(parts) > _MAX_PARTS:
        raise ValueError(f"more than {_MAX_PARTS} marks: crop the picture to the number")
    height = _usual_height(parts)
    slant = _find_slant(parts, height)
    pieces, labels = _split(mask, parts, slant, height)
    lines = [
        sorted((piece for piece in pieces if piece.part in line), key=lambda piece: piece.place)
        for line in _find_lines(np.array([part.bbox for part in parts]), height)
    ]
    return Writing(lines, height, slant, labels, ink.amount)


def measure_line(writing: Writing, line: list[Piece]) -> float:
    """Returns the usual height of a digit in a line: a line of small ones has its own."""
    heights = [bottom - top for _, _, (top, _, bottom, _), _ in line]
    small = max(heights) < 0.5 * writing.height
    return float(np.percentile(heights, 75)) if small else writing.height


def join_pieces(writing: Writing, line: list[Piece]) -> Iterator[Candidate]:
    """Yields, from left to right, every `Candidate` in a line: neighbours that can be one digit."""
    height = measure_line(writing, line)
    skew = _find_skew(line, height, writing.slant)
    for first in range(len(line)):
        box = line[first].box
        for end in range(first + 1, min(len(line), first + _MOST_PIECES) + 1):
            if end > first + 1:
                other = line[end - 1].box
                gap = max(other[1] - box[3], box[1] - other[3])
                box = *map(min, box[:2], other[:2]), *map(max, box[2:], other[2:])
                width = box[3] - box[1] - abs(writing.slant) * (box[2] - box[0])
                if gap > 0.2 * height or width > 1.4 * height:
                    break
            cut = end < len(line) and line[end].part == line[end - 1].part
            whole = not cut and (first == 0 or line[first - 1].part != line[first].part)
            yield Candidate(first, end, box, cut, whole, _draw(writing, box, line[first:end], skew))


def _drop_specks(mask):
    """Keeps what can be part of a digit: no specks, ruled lines or edges of the table."""
    parts = find_parts(mask)
    if not parts:
        return mask
    whole = [part for part, is_cut in parts if not is_cut]
    usual = _usual_height(whole or [part for part, _ in parts])
    kept = np.zeros_like(mask)
    for part, is_cut in parts:
        height, width = part.image.shape / usual
        tiny = max(height, width) < 0.15
        ruled = (width > 4 and height < 0.3) or (height > 2.5 and width < 0.3)
        # Keep a digit that the edge of the picture cuts: it must not be lost without notice.
        digit_size = 0.5 < height < 1.5 and width < 1.5
        if not (tiny or ruled) and (digit_size or not is_cut):
            kept[part.slice] |= part.image
    return kept


def _usual_height(parts):
    """The height that half of the ink is above: few digits are tall, and specks have little ink."""
    heights = np.array([_measure_height(part) for part in parts])
    order = heights.argsort()
    ink = np.cumsum(np.array([part.area for part in parts])[order])
    return heights[order][np.searchsorted(ink, ink[-1] / 2)]


def _measure_height(part):
    """The height of a part; digits that touch may go up or down together."""
    height, width = part.image.shape
    if width < 1.2 * height:
        return height
    rows, columns = part.coords.T
    rise = np.polyfit(columns, rows, 1)[0]
    return round(np.ptp(rows - rise * columns)) + 1


def _find_slant(parts, height):
    """How far the writing leans to the right, in pixels for each pixel up."""
    slants = np.linspace(-0.7, 0.7, 29)
    votes = np.zeros(len(slants))
    for part in parts:
        if part.image.shape[0] > 0.5 * height:
            # Each part has one vote, so that neither a shadow nor the line's direction decides.
            clearness = [_measure_clearness(*part.coords.T, slant) for slant in slants]
            votes += np.divide(clearness, max(clearness))
    return slants[votes.argmax()]


def _measure_clearness(rows, columns, slant):
    # Upright digits fill few columns, and fill them well.
    places = columns + slant * rows
    return (np.bincount((places - places.min()).astype(int)) ** 2.0).sum()


def _split(mask, parts, slant, height):
    """Cuts parts of ink along the slant; returns the pieces and `Writing.labels`."""
    labels = np.zeros(mask.shape, int)
    pieces = []
    for number, part in enumerate(parts):
        rows, columns = part.coords.T
        for piece in _cut_part(rows - rows.min(), columns + slant * rows, height):
            inside = rows[piece], columns[piece]
            labels[inside] = len(pieces) + 1
            box = *np.min(inside, axis=1), *(np.max(inside, axis=1) + 1)
            place = (box[1] + box[3]) / 2 + slant * (box[0] + box[2]) / 2
            pieces.append(Piece(len(pieces) + 1, number, tuple(map(int, box)), place))
    return pieces, labels


def _cut_part(rows, places, height):
    """Yields masks of the pieces of a part, cut where a path from top to bottom crosses little."""
    places = (places - places.min()).astype(int)
    numbers = np.zeros(len(places), int)
    if places.max() + 1 > 0.3 * height:
        ink = np.zeros((rows.max() + 1, places.max() + 1), np.float32)
        ink[rows, places] = 1
        for path in _find_cuts(ink, height):
            numbers += places >= path[rows]
    for number in np.unique(numbers):
        yield numbers == number


def _find_cuts(ink, height):
    """Cuts through a part, float (h, w): straight ones, then others, which cross less ink.

    Each is the column where the next piece starts, for each row, int (h,).
    """
    apart = max(2, round(0.08 * height))
    cuts = [np.full(len(ink), x) for x in _find_minima(ink.sum(axis=0), height, apart)]
    if ink.shape[1] >= 0.8 * height:
        # Between round digits that touch, more ink is crossed than through their loops.
        solid = ndimage.binary_fill_holes(ink).astype(np.float32)
        has_loops = solid.sum() > 1.5 * ink.sum()
        for layer, most in ((ink, 0.4), (solid, 0.65))[: 1 + has_loops]:
            paths = _find_paths(layer, height, apart, most)
            cuts += [p for p in paths if all(abs(p - other).max() > apart for other in cuts)]
    return cuts


def _find_paths(ink, height, apart, most):
    """Yields paths from top to bottom that cross less ink than those beside them."""
    middle = len(ink) // 2
    down, up = _follow(ink[: middle + 1]), _follow(ink[middle:][::-1])
    crossed = down[-1] + up[-1] - ink[middle]
    for x in _find_minima(crossed, height, apart, most):
        yield np.array([*_trace(down, x), *_trace(up, x)[-2::-1]])


def _find_minima(profile, height, apart, most=0.4):
    """Yields the columns where a profile is low, at least so far from each other."""
    profile = ndimage.gaussian_filter1d(profile, max(0.5, height / 100))
    last = -apart
    for x in range(apart, len(profile) - apart):
        narrow = min(most * height, 0.9 * min(profile[:x].max(), profile[x:].max()))
        lowest = profile[x] == profile[x - apart : x + apart + 1].min()
        if lowest and profile[x] < narrow and x - last >= apart:
            last = x
            yield x


def _follow(ink):
    """The least ink on any path from the first row to each pixel, float (h, w)."""
    total = ink.copy()
    for above, here in pairwise(total):
        side = np.pad(above, 1, constant_values=np.inf) + _SIDESTEP
        here += np.minimum(above, np.minimum(side[:-2], side[2:]))
    return total


def _trace(total, column):
    """The columns of the best path from the first row to a column of the last one."""
    path = [column]
    for above in total[-2::-1]:
        near = np.arange(max(0, column - 1), min(len(above), column + 2))
        column = near[np.argmin(above[near] + _SIDESTEP * (near != column))]
        path.append(column)
    return path[::-1]


def _find_lines(boxes, height):
    """Sorts parts into lines from top to bottom: sets of the numbers of their boxes, int (n, 4)."""
    small = boxes[:, 2] - boxes[:, 0] < 0.5 * height
    lines, away = [], []

    def find_nearest(number):
        distances = [_distance(boxes[number], boxes[list(line)], height) for line in lines]
        return min(zip(distances, range(len(lines)), strict=True), default=(height, None))

    for number in np.lexsort((boxes[:, 1], small)):
        distance, nearest = find_nearest(number)
        if distance < height:
            lines[nearest].add(number)
        elif small[number]:
            away.append(number)
        else:
            lines.append({number})
    # Small parts belong to the nearest digits, unless a row of them stands apart, as print does.
    rows = _find_lines(boxes[away], np.median(np.diff(boxes[away, ::2]))) if away else []
    for row in ([away[place] for place in row] for row in rows):
        if len(row) >= _ROW:
            lines.append(set(row))
        else:
            for number in row:
                lines[find_nearest(number)[1]].add(number)
    return sorted(lines, key=lambda line: boxes[list(line), 0].mean())


def _distance(box, line, height):
    """How far a box is from the nearest one in a line; at least `height` if it's above or below."""
    aside = np.maximum(0, np.maximum(line[:, 1] - box[3], box[1] - line[:, 3]))
    middles, feet = (line[:, 0] + line[:, 2] - box[0] - box[2]) / 2, line[:, 2] - box[2]
    down = np.minimum(abs(middles), abs(feet))  # digits of different heights stand on one line
    nearest = np.lexsort((down, aside))[0]
    outside = height * (down[nearest] >= 0.7 * height)
    return down[nearest] + outside + 0.01 * min(aside[nearest], 10 * height)


def _find_skew(line, height, slant):
    """What levels a line, and sets its digits more upright if they lean far: float (2, 2)."""
    boxes = np.array([piece.box for piece in line if piece.box[2] - piece.box[0] > 0.5 * height])
    fall = 0.0  # in pixels for each pixel to the right
    if len(boxes) > 2 and np.ptp(boxes[:, 1]) > 2 * height:
        slope, *_ = theilslopes(boxes[:, ::2].mean(axis=1), boxes[:, 1::2].mean(axis=1))
        fall = np.clip(slope, -0.5, 0.5)
    lean = slant - np.clip(slant, -_LEANING, _LEANING)
    return np.array([(1, -fall), (lean, 1 - lean * fall)])


def _draw(writing, box, pieces, skew):
    """Draws these pieces alone, as an image like those of MNIST."""
    top, left, bottom, right = box
    around = slice(max(0, top - 2), bottom + 2), slice(max(0, left - 2), right + 2)
    mask = np.isin(writing.labels[around], [piece.number for piece in pieces])
    factor = DETAIL / max(mask.shape)
    amount, covered = (
        resize(layer, factor) for layer in (writing.amount[around], mask.astype(np.float32))
    )
    # Where a picture shrinks, a thin stroke covers less than half of any pixel.
    return digit_to_image(_move(cut_out(amount, covered > min(0.5, covered.max() / 2)), skew))


def _move(digit, matrix):
    """Moves each pixel (row, column) of a digit by a matrix, unless it would hardly change."""
    if np.allclose(matrix, np.eye(2), atol=0.05):
        return digit
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]) * digit.shape @ matrix.T
    back, first = np.linalg.inv(matrix), corners.min(axis=0)
    shape = tuple(np.ceil(corners.max(axis=0) - first).astype(int))
    return ndimage.affine_transform(digit, back, back @ first, output_shape=shape, order=1)
