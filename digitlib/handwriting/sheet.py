"""Find the sheet of paper in a photograph and correct its perspective."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import find_contours, label, regionprops
from skimage.morphology import disk
from skimage.transform import estimate_transform, warp

from digitlib.handwriting.ink import Mask
from digitlib.handwriting.pictures import Colours, Grey, resize

Points = npt.NDArray[np.float64]  # (n, 2): x and y; (0, 0) is the corner of the first pixel
_SIDE = 240  # pixels of the longer side of the picture in which the outline is searched
_SMALLEST = 64  # pixels of the shorter side; smaller pictures show a digit and no table
_LEVELS = 10  # how many limits between dark and light are tried
_AREA = 0.1  # smallest sheet, as a fraction of the picture
_STEP = 0.12  # how much darker than the paper the table must be, as a fraction of the paper
_MARGIN = 0.006  # cut off inside the outline, as a fraction of the diagonal


class Sheet(NamedTuple):
    """The paper in a picture."""

    picture: Colours  # the sheet alone, seen from above
    corners: Points  # (4, 2), of `picture` in pixels of the given one, clockwise from the top left


def find_sheet(colours: Colours) -> Sheet:
    """Finds the sheet of paper in a picture, cuts it out and corrects its perspective.

    The sheet is a light quadrilateral with ink on it, and the table is darker on at least three
    of its sides. Where there is none, as in a page that fills the picture, the picture itself is
    returned.

    Args:
        colours: float32 (h, w, 3), 0 to 1.

    Returns:
        A `Sheet`: its picture, float32 (h2, w2, 3), at about the same resolution, and its corners,
        float (4, 2).
    """
    height, width = colours.shape[:2]
    whole = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    if min(height, width) < _SMALLEST:
        return Sheet(colours, whole)
    small = resize(colours, _SIDE / max(height, width))
    corners = _find_corners(small)
    if corners is None:
        return Sheet(colours, whole)
    corners = corners * np.divide((width, height), small.shape[1::-1])
    return Sheet(_straighten(colours, corners), corners)


def _find_corners(small):
    """The corners of the quadrilateral with the clearest outline, or None."""
    best, most = None, 0
    # White paper on wood differs most in its darkest channel, coloured paper in its brightness.
    for grey in (small.min(axis=2), small.mean(axis=2), small.max(axis=2)):
        # Strokes are narrow and dark: a closing removes them and keeps the outline of the sheet,
        # also where little of the table is left between the sheet and the edge of the picture.
        wider = np.pad(grey, 12, mode="edge")
        paper = ndimage.grey_closing(wider, footprint=disk(6))[12:-12, 12:-12]
        for corners, region in _find_quadrilaterals(paper):
            score = _score(corners, region, grey, paper)
            if score > most:
                best, most = corners, score
    return None if best is None else _move_sides(best, _MARGIN * np.hypot(*small.shape[:2]))


def _find_quadrilaterals(paper: Grey) -> Iterator[tuple[Points, Mask]]:
    """Yields quadrilaterals around large light regions, and the regions, for many limits."""
    low, high = np.percentile(paper, (1, 99))
    if high - low <= _STEP * high:
        return
    # An opening cuts off narrow things that touch the sheet.
    compact = ndimage.grey_opening(paper, footprint=disk(4), mode="nearest")
    for limit in np.geomspace(max(low, 0.1 * high), high, _LEVELS + 2)[1:-1]:
        for part in regionprops(label(compact > limit)):
            if _AREA * paper.size < part.area:
                region = np.zeros(paper.shape, bool)
                region[part.slice] = part.image
                corners = _fit_quadrilateral(region)
                if corners is not None:
                    yield corners, region


def _fit_quadrilateral(region):
    """The corners of a quadrilateral whose sides follow the outline of a region, or None."""
    outline = max(find_contours(np.pad(region, 1).astype(float), 0.5), key=len)[:, ::-1] - 0.5
    hull = ConvexHull(outline)
    if region.sum() < 0.75 * hull.volume:
        return None  # no sheet, even if a hand covers a part of it
    corners = _reduce_hull(outline[hull.vertices])
    for near in (5, 3, 2):
        corners = _cross(*_fit_sides(corners, outline, near))
    beyond = np.abs(corners - outline.mean(axis=0)) > 0.75 * np.ptp(outline, axis=0)
    return None if beyond.any() else np.roll(corners, -np.argmin(corners.sum(axis=1)), axis=0)


def _reduce_hull(corners):
    """Removes sides of a convex polygon until four are left, each time with the least area."""
    while len(corners) > 4:
        side = np.roll(corners, -1, axis=0) - corners
        before, after = np.roll(side, 1, axis=0), np.roll(side, -1, axis=0)
        turn = _turn(before, after)
        # The sides before and after it meet there when a side is removed.
        length = _turn(side, after) / np.where(turn > 0, turn, np.nan)
        added = length * _turn(before, side)
        removed = int(np.nanargmin(added))
        corners[removed] += length[removed] * before[removed]
        corners = np.delete(corners, (removed + 1) % len(corners), axis=0)
    return corners


def _fit_sides(corners, outline, near):
    """Fits a line to the points at most `near` pixels from each side: its point and direction."""
    points, directions = corners.copy(), np.roll(corners, -1, axis=0) - corners
    for number, (point, direction) in enumerate(zip(points, directions, strict=True)):
        length = np.hypot(*direction)
        along = (outline - point) @ direction / length**2
        distance = _turn(direction, outline - point) / length
        chosen = outline[(abs(along - 0.5) < 0.4) & (abs(distance) < near)]
        if len(chosen) > length / 4:
            points[number] = chosen.mean(axis=0)
            line = np.linalg.svd(chosen - points[number], full_matrices=False)[2][0]
            directions[number] = line * np.sign(line @ direction)
    return points, directions


def _cross(points, directions):
    """The corners where four lines meet, each with the one before it."""
    before, back = np.roll(points, 1, axis=0), np.roll(directions, 1, axis=0)
    turn = _turn(back, directions)
    turn = np.where(abs(turn) > 1e-6, turn, 1e-6)
    return before + back * (_turn(points - before, directions) / turn)[:, None]


def _score(corners, region, grey, paper):
    """How surely a quadrilateral is a sheet with ink on a darker table; 0 where it isn't one."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*sides.T)
    turns = _turn(sides, np.roll(sides, -1, axis=0)) / lengths / np.roll(lengths, -1)
    if turns.min() < 0.7 or lengths.min() < 0.2 * max(paper.shape):
        return 0
    clear, lonely = _compare_sides(corners, paper)
    if (clear > 0.6).sum() < 3 or np.nanmin(clear) < 0.3 or (lonely > 0.5).sum() < 2:
        return 0
    inside = _draw_polygon(corners, paper.shape)
    overlap = (inside & region).sum() / (inside | region).sum()
    light = grey[inside] > (1 - _STEP) * paper[inside & region].min()
    # The ragged outline of a light digit on black isn't ink: it doesn't lie in the middle.
    middle = _draw_polygon(_move_sides(corners, 0.12 * lengths.min()), paper.shape)
    ink = middle & (paper - grey > _STEP * paper)
    if overlap < 0.8 or light.mean() < 0.65 or ink.sum() < 10:
        return 0
    seen = np.nan_to_num(clear, nan=0.5).mean()  # rather with all its sides than cut by the edge
    return seen * overlap**2 * np.sqrt(inside.mean())


def _draw_polygon(corners, shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.ones(shape, bool)
    for (x, y), (right, down) in zip(corners, np.roll(corners, -1, axis=0) - corners, strict=True):
        inside &= right * (rows - y) > down * (columns - x)
    return inside


def _compare_sides(corners, paper):
    """On which part of each side the table is darker, beside the sheet and all the way outwards.

    Beyond the stroke of a 0 or the frame of a box, the paper is as light as inside it.

    Returns:
        Two arrays, float (4,), from 0 to 1; NaN for sides along the edge of the picture.
    """
    sides = np.roll(corners, -1, axis=0) - corners
    outward = np.stack([sides[:, 1], -sides[:, 0]], axis=1) / np.hypot(*sides.T)[:, None]
    points = corners[:, None] + sides[:, None] * np.linspace(0.08, 0.92, 40)[:, None]
    away = np.array([-5, 3, 5, 8, 11, *range(15, 80, 4)])[:, None, None, None]
    seen = _look(paper, points + away * outward[:, None])
    darker = ~(seen[1:] > (1 - _STEP) * seen[0])  # also beyond the edge of the picture
    visible = ~np.isnan(seen[:2]).any(axis=0)
    count = np.where(visible.mean(axis=1) > 0.3, visible.sum(axis=1), np.nan)
    near, far = (darker[:last].all(axis=0) & visible for last in (4, None))
    return near.sum(axis=1) / count, far.sum(axis=1) / count


def _look(paper, points):
    """The brightness at points, float (..., 2); NaN outside the picture."""
    return ndimage.map_coordinates(paper, points[..., ::-1].T - 0.5, order=0, cval=np.nan).T


def _move_sides(corners, distance):
    """Moves the sides of a quadrilateral inwards."""
    sides = np.roll(corners, -1, axis=0) - corners
    inward = np.stack([-sides[:, 1], sides[:, 0]], axis=1) / np.hypot(*sides.T)[:, None]
    return _cross(corners + distance * inward, sides)


def _turn(one, other):
    """The cross product of vectors, (n, 2) or (2,); it's positive for a turn clockwise."""
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]


def _straighten(colours, corners):
    """The quadrilateral as a rectangle, float32 (h, w, 3)."""
    lengths = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    width, height = (max(1, round((lengths[n] + lengths[n + 2]) / 2)) for n in (0, 1))
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    back = estimate_transform("projective", frame - 0.5, corners - 0.5)
    return warp(colours, back, output_shape=(height, width), mode="edge").astype(np.float32)
