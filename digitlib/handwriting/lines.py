"""Find straight lines in a picture, solid or dashed: ruled lines, squares, boxes, combs."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

from digitlib.handwriting.ink import Mask
from digitlib.handwriting.pictures import Colours, Grey, resize, resize_to

_SLOPES = np.linspace(-0.12, 0.12, 7)  # up to 7 degrees
_MOST = 120  # candidates for lines in each direction


class Line(NamedTuple):
    """A straight line; for an upright one, exchange rows and columns."""

    upright: bool
    first: int  # its first column
    rows: npt.NDArray[np.float64]  # (n,), where it is in each column from there
    low: int  # where the band that it covers starts, in pixels below `rows`
    high: int  # where the band ends
    mass: npt.NDArray[np.float32]  # (3,), darkness times thickness, for each colour
    colour: npt.NDArray[np.float32]  # (3,), darkness of its middle
    solid: float  # share of its length that is dark, where no stroke crosses it: half for dashes
    clear: float  # share of its length where no stroke crosses it


def measure_darkness(colours: Colours) -> Colours:
    """Returns how much darker than the paper each pixel is, as a fraction, float32 (h, w, 3)."""
    factor = min(1, 250 / max(colours.shape))
    small = resize(colours, factor)
    size = max(3, round(0.25 * max(small.shape[:2])))
    paper = ndimage.grey_closing(small, (size, size, 1), mode="nearest")
    paper = resize_to(ndimage.uniform_filter(paper, (3, 3, 1)), colours.shape[:2])
    darkness = 1 - colours / np.maximum(paper, np.float32(0.05))
    return (darkness - np.median(darkness[::7, ::7], axis=(0, 1))).astype(np.float32)


def find_deepest(darkness: Colours) -> Grey:
    """Returns each pixel's darkness in the colour that is darkest there, float32 (h, w)."""
    return np.maximum(np.maximum(darkness[..., 0], darkness[..., 1]), darkness[..., 2])


def _noise(dark):
    """The standard deviation of the paper's darkness."""
    few = dark[::3, ::3]
    return 1.48 * np.median(abs(few - np.median(few))) + 0.003


def find_mask(darkness: Colours) -> Mask:
    """Returns where anything is drawn or printed clearly, bool (h, w)."""
    level = _noise(find_deepest(darkness))
    dark = ndimage.uniform_filter(find_deepest(darkness), 2)
    drawn = dark[dark > max(0.06, 4 * level)]
    if drawn.size < 9:
        return np.zeros(dark.shape, bool)
    return dark > 0.7 * min(threshold_otsu(drawn), np.percentile(drawn, 90))


def find_lines(darkness: Colours, mask: Mask, upright: bool) -> list[Line]:
    """Finds straight thin lines, whether printed or parts of digits, level ones or upright ones."""
    if upright:
        darkness, mask = darkness.swapaxes(0, 1), mask.T
    level = _noise(find_deepest(darkness))
    reach = _widest(mask)
    dark = np.clip(find_deepest(darkness), 0, 0.4)
    thin = dark - ndimage.grey_opening(dark, (reach + 2, 1), mode="nearest")
    block = max(2, round(max(dark.shape) / 300))
    points, strengths = _find_ridges(np.ascontiguousarray(thin), level, block)
    return [
        line._replace(upright=upright)
        for first, rows in _link(points, strengths, block, max(1.5, reach / 6))
        for line in _measure_lines(darkness, first, rows, reach, level)
    ]


def _widest(mask):
    """The width of the widest strokes, in pixels."""
    inner = ndimage.distance_transform_cdt(mask)
    ridge = inner[mask & (inner == ndimage.maximum_filter(inner, 3))]
    return int(np.clip(2 * np.percentile(ridge, 90), 4, max(mask.shape) / 30 + 4))


def _find_ridges(thin, level, block):
    """Where a short straight line of nearly level direction passes: (row, block, number)."""
    columns = thin.shape[1] // block
    small = sum(thin[:, step : columns * block : block] for step in range(block)) / block
    reach = 2
    room = int(np.ceil(reach * block * _SLOPES.max()))
    padded = np.pad(small, ((room, room), (reach, reach)))
    best = np.zeros_like(small)
    for slope in _SLOPES:
        total = np.zeros_like(small)
        for step in range(-reach, reach + 1):
            down = room + round(step * block * slope)
            left = reach + step
            total += padded[down : down + len(small), left : left + columns]
        np.maximum(best, total / (2 * reach + 1), out=best)
    best[1:-1] = (best[:-2] + 2 * best[1:-1] + best[2:]) / 4
    spread = 1.48 * np.median(abs(best - np.median(best)))
    enough = max(0.015, np.median(best) + 4 * spread, 0.3 * level)
    tops = (best > enough) & (best == ndimage.maximum_filter1d(best, 5, axis=0))
    numbers, _ = ndimage.label(tops, np.ones((3, 3)))
    rows, places = np.nonzero(tops)
    return np.stack([rows, places, numbers[rows, places]], axis=1), best[rows, places]


def _link(points, strengths, block, tolerance):
    """Yields lines through many points, the longest first, as (first column, rows)."""
    rows, places, numbers = points.T
    free = np.ones(len(points), bool)
    totals = np.bincount(numbers, strengths)
    for number in np.argsort(-totals)[:_MOST]:
        near = free & (numbers == number)
        for _ in range(2):
            if np.count_nonzero(near) < 3:
                break
            fit = _fit(places[near], rows[near])
            close = free & (abs(fit(places) - rows) <= tolerance)
            near = close & _adjoin(places, close, np.median(places[near]), gap=8)
        free &= ~near
        if np.count_nonzero(near) >= 3:
            columns = np.arange(places[near].min() * block, (places[near].max() + 1) * block)
            yield columns[0], fit((columns + 0.5) / block - 0.5)


def _fit(places, rows):
    """A straight line through points; a long one may bend a little, as paper does."""
    if np.ptp(places) > 80:
        return np.polynomial.Polynomial.fit(places, rows, 2)
    middle, height = places.mean(), rows.mean()
    off = places - middle
    slope = off @ (rows - height) / max(1, off @ off)
    return lambda place: height + slope * (place - middle)


def _adjoin(places, close, middle, gap):
    """Which places lie in the run around the middle, where `close` ones have no long gap."""
    present = np.unique(places[close])
    if not present.size:
        return np.zeros(len(places), bool)
    runs = np.split(present, np.flatnonzero(np.diff(present) > gap) + 1)
    run = min(runs, key=lambda r: max(r[0] - middle, middle - r[-1], -np.inf))
    return (places >= run[0]) & (places <= run[-1])


def straighten(darkness: Colours, first: int, rows: npt.NDArray[np.float64], reach: int) -> Colours:
    """Returns a line and its surroundings, float32 (2 reach + 1, n, 3); it is in the middle row."""
    offsets = np.arange(-reach, reach + 1)[:, None]
    rows = np.clip(np.round(rows).astype(int) + offsets, 0, len(darkness) - 1)
    return darkness[rows, np.arange(first, first + rows.shape[1])]


def _measure_lines(darkness, first, rows, reach, level):
    """Yields the unbroken parts of a line, with the band that they cover."""
    strip = straighten(darkness, first, rows, reach)
    dark = find_deepest(strip)
    middle = slice(reach // 2, reach + reach // 2 + 2)
    # Where a stroke touches or crosses the line, the band can't be measured.
    beside = np.delete(dark, np.arange(len(dark))[middle], axis=0).max(axis=0)
    free = beside <= max(np.percentile(beside, 30), 4 * level)
    top, low, high, strength = _find_band(dark[:, free].mean(axis=1), middle)
    if high - low > reach + 2 or strength < max(0.012, 0.4 * level):
        return
    colour = np.percentile(strip[top, free], 75, axis=0)
    covered = max(0.25, (strip[top, free].max(axis=1) > 0.5 * colour.max()).mean())
    mass = np.clip(strip[low:high, free].mean(axis=1), 0, None).sum(axis=0) / covered
    along = dark[max(0, top - 1) : top + 2].max(axis=0) > 0.5 * colour.max()
    for start, stop in _find_runs(along, gap=4 * (high - low) + 2):
        if stop - start > max(4, reach / 2):
            clear = beside[start:stop] < 0.4 * colour.max()
            solid = along[start:stop][clear].mean() if clear.any() else 0
            band = low - reach, high - reach
            yield Line(
                False, first + start, rows[start:stop], *band, mass, colour, solid, clear.mean()
            )


def _find_band(profile, middle):
    """The darkest row in the middle of a profile, the first and the last of its band, and how dark.

    That is 0 if something else is nearly as dark.
    """
    profile = profile - min(np.median(profile), np.percentile(profile, 20))
    top = middle.start + int(profile[middle].argmax())
    low, high = top, top + 1
    while low > 0 and profile[low - 1] > 0.15 * profile[top]:
        low -= 1
    while high < len(profile) and profile[high] > 0.15 * profile[top]:
        high += 1
    outside = np.delete(profile, np.arange(max(0, low - 1), min(high + 1, len(profile))))
    unclear = outside.size and outside.max() > 0.5 * profile[top]
    return top, low, high, 0 if unclear else profile[top]


def _find_runs(along, gap):
    """The (start, stop) of each run of True, bool (n,), with gaps of at most `gap`."""
    places = np.flatnonzero(along)
    if not places.size:
        return []
    breaks = np.flatnonzero(np.diff(places) > gap)
    starts = places[np.r_[0, breaks + 1]]
    return zip(starts, places[np.r_[breaks, len(places) - 1]] + 1, strict=True)
