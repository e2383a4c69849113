"""Find the ink in a picture, whether it is dark on light paper or light on dark."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.measure import label, regionprops

from digitlib.handwriting.pictures import Grey, resize, resize_to

Mask = npt.NDArray[np.bool_]  # (h, w)

_NO_INK = "no digit found: the picture shows only paper, shadow or noise"
_SHORTEST = 100  # of a picture's longer side, in pixels, with outlines that can be measured


class Ink(NamedTuple):
    """Where a picture has ink."""

    amount: Grey  # how much each pixel differs from the paper, from 0
    mask: Mask  # where that is enough to be ink
    polarity: int  # 1 for dark ink on light paper, -1 for light ink on dark paper
    sharpness: float  # slope of the brightness at the outline / usual slope; above 10 for a pen


def enlarge(grey: Grey) -> Grey:
    """Enlarges a picture whose strokes are hardly wider than a pixel, to at least 100 pixels."""
    factor = _SHORTEST / max(grey.shape)
    return np.clip(resize(grey, factor), 0, 1) if factor > 1 else grey


def find_ink(
    grey: Grey,
    keep: Callable[[Mask], Mask],  # returns the part of a mask that can be writing
    *,
    reach: float,  # upper limit for the width of strokes, as a fraction of the longer side
    blur: float | None = None,  # standard deviation, in pixels; by default, that of a large digit
    polarities: Iterable[int] = (1, -1),  # the ones to try
    margin: int = 0,  # pixels at the edge that were added, where no outline is measured
) -> Ink:
    """Finds the ink with the clearest outline; raises ValueError if the picture is blank."""
    grey = ndimage.gaussian_filter(grey, max(grey.shape) / 400 if blur is None else blur)
    slope = ndimage.gaussian_gradient_magnitude(grey, 1.5)
    known = np.pad(np.ones([side - 2 * margin for side in grey.shape], bool), margin)
    best, most = None, 0
    below, above = measure_contrast(grey)
    for polarity in polarities:
        amount = _compare_with_paper(polarity * grey, reach * max(grey.shape))
        threshold = find_threshold(amount)
        mask = keep(apply_hysteresis_threshold(amount, 0.7 * threshold, threshold))
        # The brightness changes abruptly where ink ends, and hardly where a wrong guess ends.
        rim = _find_outline(mask) & known
        cut = mask[[0, -1]].sum() + mask[:, [0, -1]].sum()
        total = slope[rim].sum()
        evidence = total * (total / max(1, rim.sum() + 3 * cut)) ** 2
        evidence *= below if polarity == 1 else above  # most of a page is paper, not ink
        if evidence > most:
            rest = slope[known & ~ndimage.binary_dilation(mask, iterations=5)]
            usual = np.percentile(rest, 75) if rest.size else slope[known].mean()
            sharpness = slope[rim].mean() / (usual + 1e-6)
            best, most = Ink(amount, mask, polarity, sharpness), evidence
    if best is None:
        raise ValueError("no digit found: the picture is blank")
    return best


def find_clear_ink(grey: Grey, keep: Callable[[Mask], Mask], *, reach: float) -> Ink:
    """Finds ink as `find_ink`, also of a digit that fills its picture from edge to edge.

    Args:
        grey: float32 (h, w), 0 black to 1 white.
        keep: as for `find_ink`.
        reach: as for `find_ink`.

    Returns:
        The `Ink`, of the size of the picture.

    Raises:
        ValueError: the picture is blank, or shows only the grain of the paper, a shadow or noise.
    """
    try:
        ink = find_ink(grey, keep, reach=reach)
        _verify_ink(ink)
    except ValueError:
        margin = max(10, round(0.2 * max(grey.shape)))
        ink = find_ink(_add_margin(grey, margin), keep, reach=min(0.5, 2 * reach), margin=margin)
        inside = (slice(margin, -margin),) * 2
        ink = ink._replace(amount=ink.amount[inside], mask=ink.mask[inside])
        _verify_ink(ink, least=0.3)
        _verify_outline(ink)
    return ink


def measure_contrast(grey: Grey) -> tuple[float, float]:
    """Returns how much darker, and how much lighter, it gets around a pixel on average."""
    grey = resize(grey, min(1, 250 / max(grey.shape)))
    size = max(3, round(0.12 * max(grey.shape)))
    darkest, lightest = ndimage.minimum_filter(grey, size), ndimage.maximum_filter(grey, size)
    return float((grey - darkest).mean()), float((lightest - grey).mean())


def _add_margin(grey, margin):
    """Adds paper on all sides: along the edge, a digit has less ink than there is paper."""
    edge = np.concatenate([*grey[[0, -1]], *grey[:, [0, -1]].T])
    split = find_threshold(edge - edge.min()) + edge.min()
    light = edge > split
    paper = edge[light if 2 * light.sum() > light.size else ~light]
    return np.pad(grey, margin, constant_values=np.median(paper) if paper.size else edge[0])


def find_threshold(amount: Grey) -> float:
    """Returns Otsu's threshold: it divides the pixels into two classes that differ the most.

    A clean drawing has few grey levels, and any threshold between two of them is equally good.
    The middle one keeps the same distance from paper and ink.

    Args:
        amount: as in `Ink`.

    Returns:
        The threshold.

    Source: N. Otsu, A threshold selection method from gray-level histograms, 1979.
    """
    counts, edges = np.histogram(amount, 256)
    levels = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * levels)
    above = np.maximum(below[-1] - below, 1)
    difference = sums / np.maximum(below, 1) - (sums[-1] - sums) / above
    variance = below.astype(float) * (below[-1] - below) * difference**2
    best = np.flatnonzero(variance >= (1 - 1e-9) * variance.max())
    return float(levels[best[[0, -1]]].mean())


def _find_outline(mask):
    return ndimage.binary_dilation(mask) ^ ndimage.binary_erosion(mask, border_value=1)


def _verify_ink(ink, least=0.05):
    if ink.sharpness < 2.5 or np.median(ink.amount[ink.mask]) < least:
        raise ValueError(_NO_INK)


def _verify_outline(ink):
    """Raises ValueError if the ink begins gradually, as a shadow does."""
    change = ndimage.gaussian_gradient_magnitude(ink.amount, 1.5)[_find_outline(ink.mask)].mean()
    if np.median(ink.amount[ink.mask]) > 0.18 * max(ink.mask.shape) * change:
        raise ValueError(_NO_INK)


def cut_out(amount: Grey, mask: Mask) -> Grey:
    """Crops `Ink.amount` to `Ink.mask` and scales it: 0 for paper, 1 for nearly the darkest ink."""
    full = np.percentile(amount[mask], 60)
    near = ndimage.binary_dilation(mask)
    soft = np.clip((amount / full - 0.3) / 0.5, 0, 1) * near
    return soft[find_extent(soft > 0.3)]


def find_parts(mask: Mask) -> list[tuple[Any, bool]]:
    """Returns each connected component, from `regionprops`, and whether it touches the edge."""
    parts = regionprops(label(mask, connectivity=2))
    return [(p, min(p.bbox) == 0 or any(np.equal(p.bbox[2:], mask.shape))) for p in parts]


def find_extent(mask: Mask) -> tuple[slice, ...]:
    """Returns the rows and columns from the first to the last True of a mask, bool (h, w)."""
    return ndimage.find_objects(mask.astype(np.uint8))[0]


def _compare_with_paper(brightness, window):
    """How much darker each pixel is than the paper around it, as a fraction of the paper."""
    factor = max(1, window / 24)
    small = resize(brightness, 1 / factor)
    # A closing removes dark strokes, which are narrower than the window, and leaves the edges of
    # shadows where they are. The result is the brightness of the paper alone.
    size = max(3, round(window / factor))
    paper = ndimage.grey_closing(small, size=(size, size), mode="nearest")
    paper = resize_to(paper, brightness.shape)
    amount = np.clip(paper - brightness, 0, None)
    # Ink differs less from the paper in a shadow.
    return amount / np.maximum(paper, 0.05) if brightness.max() > 0 else amount
