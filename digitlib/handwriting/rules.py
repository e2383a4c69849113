"""Remove printed lines from a picture: ruled lines, squares, boxes, combs, lines under numbers."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import skeletonize
from skimage.segmentation import clear_border

from digitlib.handwriting.ink import Mask, measure_contrast
from digitlib.handwriting.lines import (
    find_deepest,
    find_lines,
    find_mask,
    measure_darkness,
    straighten,
)
from digitlib.handwriting.pictures import Colours, resize, resize_to

_LONGEST_SIDE = 1200  # of the copy in which lines are looked for
_SMALLEST = 64  # strokes and lines look the same in smaller pictures


class Rules(NamedTuple):
    """A picture without its printed lines."""

    picture: Colours
    lines: Mask  # what was removed


class _Pen(NamedTuple):
    """The handwriting of a picture."""

    mask: Mask
    colour: npt.NDArray[np.float32]  # (3,), darkness
    mass: npt.NDArray[np.float32]  # (3,), darkness times the width of a stroke
    width: float  # of a stroke, in pixels
    height: float  # of a digit, in pixels


def remove_rules(colours: Colours) -> Rules:
    """Paints printed lines over with the paper around them, where no stroke crosses them.

    Args:
        colours: a picture, float32 (h, w, 3), 0 to 1. Light ink on dark paper stays as it is.

    Returns:
        `Rules`: the picture, float32 (h, w, 3), and what was removed, bool (h, w).
    """
    factor = min(1, _LONGEST_SIDE / max(colours.shape))
    small = resize(colours, factor)
    darkness = measure_darkness(small)
    mask = find_mask(darkness)
    untouched = Rules(colours, np.zeros(colours.shape[:2], bool))
    is_small = max(mask.shape) < _SMALLEST or min(mask.shape) < _SMALLEST / 4
    below, above = measure_contrast(small.mean(axis=2))
    if is_small or not mask.any() or above > below:  # light ink on dark paper
        return untouched
    found = find_lines(darkness, mask, False) + find_lines(darkness, mask, True)
    pen = _study_pen(darkness, mask, found)
    lines = _choose_lines(found, pen)
    if not lines or _is_alone(lines, pen.mask):
        return untouched
    removed = _cover(mask.shape, lines, darkness, pen)
    picture = _paint(small, removed, mask)
    if factor == 1:
        return Rules(picture, removed)
    removed = resize_to(removed.astype(np.float32), colours.shape[:2]) > 0.3
    picture = resize_to(picture, colours.shape[:2])
    return Rules(np.where(removed[..., np.newaxis], picture, colours), removed)


def _study_pen(darkness, mask, lines):
    """Measures the strokes in a mask after taking away the lines that are thin or pale."""
    longer = [line for line in lines if len(line.rows) > max(mask.shape) / 25]
    rest = mask & ~_band(mask.shape, longer, margin=1)
    inner = mask & ~(rest & ~clear_border(rest))  # without the edge of a table, or a shadow
    mask = inner if inner.sum() > 0.03 * mask.sum() else mask
    rest &= mask
    rest = rest if rest.sum() > 0.1 * mask.sum() else mask
    length = max(1, skeletonize(rest).sum())
    near = ndimage.uniform_filter(rest.astype(np.uint8), 3, output=np.float32) > 0
    mass = darkness[near].sum(axis=0) / length
    colour = np.percentile(darkness[rest], 60, axis=0)
    pen = _Pen(mask, colour, mass, float(mass.max() / colour.max()), 0)
    pale = [line for line in longer if _weight(line, pen) < 0.65]
    rest = mask & ~_band(mask.shape, pale, margin=1)
    long = [line for line in longer if len(line.rows) > max(mask.shape) / 3]
    wide = [line for line in long if line.clear > 0.6 and line.solid > 0.4]
    without = rest & ~_band(mask.shape, wide, margin=1)
    # A digit that fills the picture has strokes as long as printed lines; then little remains.
    rest = without if without.sum() > 0.3 * rest.sum() else rest
    parts = ndimage.find_objects(label(rest, connectivity=2))
    shapes = np.array([[side.stop - side.start for side in part] for part in parts] or [(1, 1)])
    # A page may lie on its side, so a digit is as long as the longer side of its box.
    sizes = np.maximum(shapes[:, 0], np.minimum(shapes[:, 1], 1.6 * shapes[:, 0]))
    return pen._replace(height=np.median(sizes[sizes >= 0.5 * sizes.max()]))


def _weight(line, pen):
    """The darkness times thickness of a line, as a fraction of a pen stroke's; 0 in other hues."""
    return float((line.mass / np.maximum(pen.mass, 0.1 * pen.mass.max())).min())


def _band(shape, lines, margin):
    """Where lines are, and `margin` pixels beside them, bool (h, w)."""
    band = np.zeros(shape, bool)
    for line in lines:
        view = band.T if line.upright else band
        rows = (
            np.round(line.rows).astype(int)
            + np.arange(line.low - margin, line.high + margin)[:, None]
        )
        view[np.clip(rows, 0, len(view) - 1), np.arange(line.first, line.first + rows.shape[1])] = 1
    return band


def _choose_lines(lines, pen):
    """Keeps lines that no digit has, and those that form boxes with them."""
    chosen = [line for line in lines if _is_too_long(line, lines, pen)]
    chosen = [line for line in chosen if not _may_be_stroke(line, chosen, pen)]
    others = [line for line in lines if not any(line is other for other in chosen)]
    long = [line for line in chosen if len(line.rows) > 3 * pen.height]
    thin = [line for line in others if _weight(line, pen) < 0.8 and line.clear > 0.5]
    chosen += [line for line in thin if any(_continues(line, other) for other in long)]
    chosen += _extend_lines(others, long, pen)
    short = [
        line
        for line in others
        if min(line.solid, 2 * line.clear) > 0.85 and 0.2 < len(line.rows) / pen.height < 2.5
    ]
    feet = [(line, _count_feet(line, chosen, pen)) for line in short]
    sides = [line for line, count in feet if count > (_weight(line, pen) > 0.6)]
    teeth = [line for line, count in feet if count and len(line.rows) < 0.65 * pen.height]
    boxes = [line for line in sides if _count_siblings(line, sides, pen)]
    # A tooth of a comb may be as black as the pen, and only one of its ends is at a line.
    return chosen + boxes + [line for line in teeth if _count_siblings(line, teeth, pen) > 2]


def _extend_lines(lines, long, pen):
    """Lines on the continuation of a printed one where digits stand on it, which hide how thin."""
    printed = [line for line in long if _weight(line, pen) < 0.6]
    return [
        line._replace(low=other.low, high=other.high, mass=other.mass, colour=other.colour)
        for line in lines
        if len(line.rows) > 1.3 * pen.height and line.solid > 0.9
        for other in printed
        if _is_aligned(line, other)
    ]


def _is_too_long(line, lines, pen):
    """Whether a line is too long for the strokes of a digit, or thin, and long enough to tell."""
    length, weight = len(line.rows) / pen.height, _weight(line, pen)
    if line.clear < 0.4:
        return False
    if line.solid < 0.8:  # dots or dashes, or strokes of digits in a row
        if line.solid < 0.25 or weight > 0.8:
            return False
        total = sum(len(other.rows) for other in lines if _continues(other, line)) / pen.height
        return line.clear > 0.7 and length > 1.3 and total > (5 if weight < 0.4 else 4)
    if weight < 0.65:
        # A 1 may be thin, too, and strokes of two digits in a row have a gap between them.
        may_be_digit = line.solid < 0.9 or (line.upright and weight > 0.25)
        return length > (2 if may_be_digit else 0.8 if weight < 0.45 else 1.3)
    return line.clear > 0.7 and line.solid > 0.97 and length > (2.2 if line.upright else 1.6)


def _may_be_stroke(line, lines, pen):
    """Whether a line may be a bar or a foot of a digit: short, like no other, and touched."""
    lonely = not any(other is not line and _look_alike(line, other) for other in lines)
    return lonely and len(line.rows) < 3 * pen.height and line.clear < 0.9


def _is_alone(lines, mask):
    """Whether one short line is all that is written: a dash, or a 1 on its side."""
    outside = mask & ~_band(mask.shape, lines, margin=2)
    short = len(lines) == 1 and len(lines[0].rows) < max(mask.shape) / 2
    return short and outside.sum() < 0.2 * mask.sum()


def _continues(line, other):
    """Whether a line lies on the continuation of another one that looks the same."""
    return _is_aligned(line, other) and _look_alike(line, other)


def _is_aligned(line, other):
    """Whether a line lies on the continuation of another one."""
    if other.upright != line.upright:
        return False
    middle = line.first + len(line.rows) / 2
    slope = (other.rows[-1] - other.rows[0]) / len(other.rows)
    row = other.rows[0] + slope * (middle - other.first)
    distance = max(0, other.first - middle, middle - other.first - len(other.rows))
    return abs(row - line.rows[len(line.rows) // 2]) < 2 + 0.01 * distance


def _count_feet(line, chosen, pen):
    """How many ends of a short line, 0 to 2, are at chosen lines across it that look the same."""
    across = [other for other in chosen if other.upright != line.upright]
    if not across:
        return 0
    ends = np.array([(o.first, o.first + len(o.rows), o.rows[0], o.rows[-1]) for o in across]).T
    reach = pen.width + 0.1 * pen.height
    met = 0
    for end, place in ((0, line.first), (-1, line.first + len(line.rows))):
        row = line.rows[end]
        share = np.clip((row - ends[0]) / (ends[1] - ends[0]), 0, 1)
        beside = abs(ends[2] + share * (ends[3] - ends[2]) - place) < reach
        touching = beside & (row > ends[0] - reach) & (row < ends[1] + reach)
        met += any(_look_alike(line, across[number]) for number in np.flatnonzero(touching))
    return met


def _count_siblings(line, lines, pen):
    """How many other lines look the same and stand beside it."""
    near = 0.12 * pen.height + 2
    count = 0
    for other in lines:
        drift = 0.05 * abs(other.rows[0] - line.rows[0])  # along a row that isn't quite level
        same = other.upright == line.upright and abs(other.first - line.first) < near + drift
        alike = abs(len(other.rows) - len(line.rows)) < near and other is not line
        count += same and alike and _look_alike(line, other)
    return count


def _look_alike(line, other):
    """Whether two lines have the same hue, and nearly the same thickness or darkness."""
    a, b = line.mass, other.mass
    alike = a @ b > 0.95 * np.sqrt((a @ a) * (b @ b))
    return alike and 0.4 < a.sum() / b.sum() < 2.5  # some forms print lines twice


def _cover(shape, lines, darkness, pen):
    """Where to paint lines over: their bands without the strokes that cross or touch them."""
    removed, bands = np.zeros(shape, bool), _band(shape, lines, margin=1)
    for line in lines:
        view, dark = (removed.T, darkness.swapaxes(0, 1)) if line.upright else (removed, darkness)
        low, high = line.low - 1, line.high + 1
        reach = max(-low, high) + 3
        strip = straighten(dark, line.first, line.rows, reach)
        kept = _find_strokes(strip, reach + low, reach + high, line, pen)
        rows = np.round(line.rows).astype(int) + np.arange(low, high)[:, None]
        inside = (rows >= 0) & (rows < len(view)) & ~kept
        columns = np.broadcast_to(np.arange(line.first, line.first + len(line.rows)), rows.shape)
        view[rows[inside], columns[inside]] = True
    # Two lines are darker where they cross, as if a stroke were there: a stroke goes on outside.
    outside = pen.mask & ~(ndimage.uniform_filter(bands.astype(np.float32), 3) > 0.01)
    strokes = ndimage.uniform_filter(outside.astype(np.float32), 7) > 0.01
    kept = bands & ~removed
    return bands & ~ndimage.binary_propagation(kept & strokes, mask=kept)


def _find_strokes(strip, low, high, line, pen):
    """Where the pen crosses or touches the band from row `low` to `high` of a strip."""
    contrast = pen.colour - line.colour
    channel = int(contrast.argmax())
    if contrast[channel] > 0.25:  # ink is darker than the line, at least in one colour
        darker = strip[low:high, :, channel] - line.colour[channel]
        return darker > 0.35 * contrast[channel]
    ink = find_deepest(strip) > 0.5 * pen.colour.max()
    touched = ink[low - 2 : low].all(axis=0) | ink[high : high + 2].all(axis=0)
    return np.broadcast_to(touched, (high - low, len(touched)))


def _paint(colours, removed, mask):
    """Paints what was removed with the paper nearest to it."""
    paper = ndimage.uniform_filter((mask | removed).astype(np.float32), 3) < 0.01
    factor = min(1, 400 / max(removed.shape))
    weights = resize(paper.astype(np.float32), factor)
    _, nearest = ndimage.distance_transform_edt(weights < 0.05, return_indices=True)
    painted = colours.copy()
    for channel in range(3):
        total = resize(colours[..., channel] * paper, factor)
        means = (total / np.maximum(weights, 0.05))[tuple(nearest)]
        painted[..., channel][removed] = resize_to(means, paper.shape)[removed]
    return np.clip(painted, 0, 1)
