"""Part the ink of a picture into lines, and lines into pieces that are a digit or less.

Every part of the ink is cut along the slant, wherever two digits might meet. Which pieces belong
together is not decided here: `join_pieces` offers every way.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.measure import label, regionprops

from digitlib.handwriting.digit import cut_out, digit_to_image, find_ink, resize, verify_ink

_MOST_PARTS = 300


class _Piece(NamedTuple):
    """Some ink between possible cuts: its number, that of the part it was cut from, its place."""

    number: int
    part: int
    box: tuple
    place: float


class Writing(NamedTuple):
    """A picture's ink in pieces.

    Attributes:
        lines: from top to bottom, a list of pieces from left to right each.
        height: of a usual digit, in pixels.
        labels: int (h, w), the number of the piece that each place belongs to, 0 for none.
        amount: float32 (h, w), the ink, 0 to 1.
    """

    lines: list
    height: float
    labels: np.ndarray
    amount: np.ndarray


class Candidate(NamedTuple):
    """The pieces `first` to `end` - 1 of a line, taken as one digit.

    Attributes:
        first: int.
        end: int.
        box: four int, (top, left, bottom, right) in pixels.
        cut: whether it touches the next piece.
        image: uint8 (28, 28).
    """

    first: int
    end: int
    box: tuple
    cut: bool
    image: np.ndarray


def find_writing(grey):
    """Finds a picture's ink, cuts it along its slant wherever digits might touch, and sorts it.

    Args:
        grey: float32 (h, w), 0 black to 1 white.

    Returns:
        A `Writing`.

    Raises:
        ValueError: nothing looks like writing, or there are more than 300 separate marks.
    """
    ink = find_ink(grey, _drop_specks, reach=0.15)
    verify_ink(ink)
    mask = ink.mask
    # Strokes that are broken from above to below belong together.
    gap = round(0.08 * _usual_height(regionprops(label(mask, connectivity=2))))
    joined = ndimage.binary_closing(np.pad(mask, gap), np.ones((gap + 1, 1)))
    joined = label(joined, connectivity=2)[gap : gap + len(mask), gap : gap + mask.shape[1]]
    parts = regionprops(joined * mask)
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"more than {_MOST_PARTS} marks: crop the picture to the number")
    height = _usual_height(parts)
    pieces, labels = _split(mask, parts, _find_slant(mask), height)
    return Writing(_find_lines(pieces, height), height, labels, ink.amount)


def join_pieces(writing, line):
    """Yields all candidates for a digit: neighbours of a line that can be one.

    Args:
        writing: a `Writing`.
        line: one of its lines.

    Yields:
        Each `Candidate`, sorted by the first of its pieces.
    """
    height = writing.height
    for first in range(len(line)):
        box = line[first].box
        for end in range(first + 1, min(len(line), first + 5) + 1):
            if end > first + 1:
                other = line[end - 1].box
                gap = max(other[1] - box[3], box[1] - other[3])
                box = _union(box, other)
                if gap > 0.2 * height or box[3] - box[1] > 1.4 * height:
                    break
            cut = end < len(line) and line[end].part == line[end - 1].part
            yield Candidate(first, end, box, cut, _draw(writing, box, line[first:end]))


def _drop_specks(mask):
    """Keeps what can be a part of a digit: neither tiny, nor a ruled line, nor the table's edge."""
    parts = regionprops(label(mask, connectivity=2))
    if not parts:
        return mask
    usual = _usual_height([part for part in parts if not _is_cut(part, mask.shape)] or parts)
    kept = np.zeros_like(mask)
    for part in parts:
        height, width = part.image.shape / usual
        tiny, ruled = max(height, width) < 0.15, width > 4 and height < 0.3
        # A digit may be cut by the picture's edge: it must not get lost without a word.
        alien = _is_cut(part, mask.shape) and not (0.5 < height < 1.5 and width < 1.5)
        if not (tiny or ruled or alien):
            kept[part.slice] |= part.image
    return kept


def _usual_height(parts):
    heights = np.array([part.image.shape[0] for part in parts])
    return np.median(heights[heights > 0.5 * heights.max()])


def _is_cut(part, shape):
    return min(part.bbox) == 0 or any(np.equal(part.bbox[2:], shape))


def _find_slant(mask):
    """How far writing leans to the right, in pixels for each pixel up."""
    rows, columns = np.nonzero(mask[::2, ::2])
    slants = np.linspace(-0.7, 0.7, 29)
    clearness = []
    for slant in slants:  # upright, digits fill few columns, and these well
        places = columns + slant * rows
        clearness.append((np.bincount((places - places.min()).astype(int)) ** 2.0).sum())
    return slants[np.argmax(clearness)]


def _split(mask, parts, slant, height):
    """Cuts parts of ink along the slant: the pieces, and an array (h, w) with each one's number."""
    labels = np.zeros(mask.shape, int)
    pieces = []
    for number, part in enumerate(parts):
        rows, columns = part.coords.T
        places = columns + slant * rows
        for piece in _cut_part(places, height):
            inside = rows[piece], columns[piece]
            labels[inside] = len(pieces) + 1
            box = *np.min(inside, axis=1), *(np.max(inside, axis=1) + 1)
            place = (box[1] + box[3]) / 2 + slant * (box[0] + box[2]) / 2
            pieces.append(_Piece(len(pieces) + 1, number, tuple(map(int, box)), place))
    return pieces, labels


def _cut_part(places, height):
    """Yields masks of the pieces of a part, cut where its profile is narrow."""
    places = (places - places.min()).astype(int)
    profile = ndimage.gaussian_filter1d(np.bincount(places).astype(float), max(0.5, height / 100))
    apart = max(2, round(0.08 * height))
    cuts = []
    if len(profile) > 0.3 * height:
        for x in range(apart, len(profile) - apart):
            narrow = min(0.4 * height, 0.9 * min(profile[:x].max(), profile[x:].max()))
            lowest = profile[x] == profile[x - apart : x + apart + 1].min()
            if lowest and profile[x] < narrow and (not cuts or x - cuts[-1] >= apart):
                cuts.append(x)
    numbers = np.digitize(places, cuts)
    for number in np.unique(numbers):
        yield numbers == number


def _find_lines(pieces, height):
    """Sorts pieces into lines from top to bottom, each from left to right."""
    lines = []

    def is_small(piece):
        return _height(piece.box) < 0.5 * height

    # Small pieces belong to the digits beside them; a line of their own they never are.
    for piece in sorted(pieces, key=lambda piece: (is_small(piece), piece.box[1])):
        distances = [_distance(piece, line) for line in lines]
        if distances and (min(distances) < 0.7 * height or is_small(piece)):
            lines[int(np.argmin(distances))].append(piece)
        else:
            lines.append([piece])
    lines.sort(key=lambda line: np.mean([piece.box[0] for piece in line]))
    return [sorted(line, key=lambda piece: piece.place) for line in lines]


def _distance(piece, line):
    """How far a piece is above or below its nearest neighbour of a line, centre to centre."""
    nearest = min(line, key=lambda other: abs(other.place - piece.place))
    return abs(sum(piece.box[::2]) - sum(nearest.box[::2])) / 2


def _union(box, other):
    return (
        min(box[0], other[0]),
        min(box[1], other[1]),
        max(box[2], other[2]),
        max(box[3], other[3]),
    )


def _draw(writing, box, pieces):
    """The pieces alone, as an image of MNIST."""
    top, left, bottom, right = box
    around = slice(max(0, top - 2), bottom + 2), slice(max(0, left - 2), right + 2)
    mask = np.isin(writing.labels[around], [piece.number for piece in pieces])
    factor = max(1, 120 / max(mask.shape))
    amount = resize(writing.amount[around], factor)
    return digit_to_image(cut_out(amount, resize(mask.astype(np.float32), factor) > 0.5))


def _height(box):
    return box[2] - box[0]
