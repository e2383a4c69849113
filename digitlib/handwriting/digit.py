"""From any picture of a digit to an image as MNIST has them, step by step.

Source: Y. LeCun et al., Gradient-based learning applied to document recognition, 1998, and the
description of MNIST: digits are fitted into 20 x 20 pixels, then placed with their centre of mass
in the middle of 28 x 28.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import disk, skeletonize

from digitlib.data import IMAGE_SIZE
from digitlib.handwriting.pictures import read_picture

BOX = 20  # pixels that a digit's longer side fills
_STROKE = 2.2  # thinner strokes, in pixels of the box, are thickened


class Steps(NamedTuple):
    """What becomes of a picture, one step after the other.

    Attributes:
        grey: float32 (h, w), the picture, 0 black to 1 white.
        ink: float32 (h, w), how much ink is where, from 0; paper and shadow are gone. Only the
            digit's surroundings.
        digit: float (h, w), the digit alone, 0 to 1, cropped.
        scaled: float32 (h, w), fitted into 20 x 20 pixels, thin strokes thickened.
        image: uint8 (28, 28), centred by mass, as MNIST has it.
    """

    grey: np.ndarray
    ink: np.ndarray
    digit: np.ndarray
    scaled: np.ndarray
    image: np.ndarray


class Ink(NamedTuple):
    """Where a picture has ink.

    Attributes:
        amount: float32 (h, w), how far each place is from the paper about it, from 0.
        mask: bool (h, w), where that is enough to be ink.
        polarity: 1 for dark ink on light paper, -1 for light on dark.
        sharpness: how many times steeper brightness changes along the mask's rim than in most of
            the rest; for a pen on paper above 10.
    """

    amount: np.ndarray
    mask: np.ndarray
    polarity: int
    sharpness: float


def image_to_digit(image):
    """Turns a picture of one digit into an image as MNIST has them.

    Args:
        image: what `read_picture` takes: a path, bytes, a Pillow image or an array; the digit dark
            on light or light on dark, anywhere in the picture.

    Returns:
        uint8 (28, 28), 0 background to 255 ink.

    Raises:
        OSError, TypeError, ValueError: the picture cannot be read (see `read_picture`), or nothing
            in it looks like a digit.
    """
    return explain_steps(image).image


def explain_steps(image):
    """Turns a picture of one digit into an image as MNIST has them, and keeps every step.

    Args:
        image: as for `image_to_digit`.

    Returns:
        `Steps`.

    Raises:
        OSError, TypeError, ValueError: as for `image_to_digit`.
    """
    grey = read_picture(image)
    # The digit is found in a small copy, so that a second look is as close as it allows.
    factor = min(1, 300 / max(grey.shape))
    coarse = find_ink(resize(grey, factor), _keep_digit, reach=0.5)
    verify_ink(coarse)
    ink = _look_closer(grey, coarse, factor)
    digit = cut_out(ink.amount, ink.mask)
    scaled = _fit(_thicken(digit))
    return Steps(grey, ink.amount, digit, scaled, _centre(scaled))


def digit_to_image(digit):
    """Fits a digit that is cut out into 20 x 20 pixels, and centres it by mass, as MNIST did.

    Thin strokes are thickened.

    Args:
        digit: float32 (h, w), 0 paper to 1 ink, cropped, at least 60 pixels long.

    Returns:
        uint8 (28, 28).
    """
    return _centre(_fit(_thicken(digit)))


def _look_closer(grey, coarse, factor):
    """The ink found in a small copy, as it is in the picture."""
    extent = _extent(coarse.mask)
    margin = 0.75 * max(side.stop - side.start for side in extent)
    about = tuple(_widen(side, margin, factor) for side in extent)
    near = resize(grey[about], 300 / max(grey[about].shape))
    known = _resize_to(coarse.mask.astype(np.float32), grey.shape)[about]
    known = _resize_to(known, near.shape) > 0.5
    # A closer look moves outlines a little, and may find paler ends of strokes.
    reached = ndimage.binary_dilation(known, iterations=12)
    return find_ink(
        near,
        lambda mask: ndimage.binary_propagation(known & mask, mask=reached & mask),
        reach=0.4,
        polarities=[coarse.polarity],
    )


def find_ink(grey, keep, *, reach, polarities=(1, -1)):
    """Finds out whether a picture is dark on light or light on dark, and where its ink is.

    Args:
        grey: float32 (h, w), 0 black to 1 white.
        keep: takes a mask, bool (h, w), and returns the part of it that can be writing.
        reach: strokes are thinner than this share of the picture's longer side.
        polarities: what to try: 1 for dark ink on light paper, -1 for light on dark.

    Returns:
        `Ink`.

    Raises:
        ValueError: there is none.
    """
    grey = ndimage.gaussian_filter(grey, max(grey.shape) / 400)
    slope = ndimage.gaussian_gradient_magnitude(grey, 1.5)
    best, most = None, 0
    for polarity in polarities:
        amount = _compare_with_paper(polarity * grey, reach * max(grey.shape))
        threshold = threshold_otsu(amount)
        mask = keep(apply_hysteresis_threshold(amount, 0.7 * threshold, threshold))
        # Where ink ends the picture changes abruptly; a wrong guess ends where nothing is.
        rim = ndimage.binary_dilation(mask) ^ ndimage.binary_erosion(mask, border_value=1)
        cut = mask[[0, -1]].sum() + mask[:, [0, -1]].sum()
        total = slope[rim].sum()
        evidence = total * (total / max(1, rim.sum() + 3 * cut)) ** 2
        if evidence > most:
            rest = slope[~ndimage.binary_dilation(mask, iterations=5)]
            usual = np.percentile(rest, 75) if rest.size else slope.mean()
            sharpness = slope[rim].mean() / (usual + 1e-6)
            best, most = Ink(amount, mask, polarity, sharpness), evidence
    if best is None:
        raise ValueError("no digit found: the picture is blank")
    return best


def cut_out(amount, mask):
    """Crops to the mask; what is nearly as dark as its darkest part counts as full ink.

    Args:
        amount: float32 (h, w), as `Ink` has it.
        mask: bool (h, w), not empty.

    Returns:
        float32 (h, w), 0 to 1.
    """
    full = np.percentile(amount[mask], 60)
    near = ndimage.binary_dilation(mask)
    soft = np.clip((amount / full - 0.3) / 0.5, 0, 1) * near
    return soft[_extent(soft > 0.3)]


def verify_ink(ink):
    """Refuses paper whose grain or shadows pass for ink.

    Args:
        ink: an `Ink`.

    Raises:
        ValueError: it is none.
    """
    if ink.sharpness < 4 or np.median(ink.amount[ink.mask]) < 0.05:
        raise ValueError("no digit found: the picture shows only paper, shadow or noise")


def _compare_with_paper(brightness, window):
    """How much darker each place is than the paper about it, as a share of the paper's light."""
    factor = max(1, window / 24)
    small = resize(brightness, 1 / factor)
    # The brightest level that a window finds wherever it is moved over a place: strokes are
    # thinner than the window and vanish, the edge of a shadow stays where it is.
    size = max(3, round(window / factor))
    paper = ndimage.grey_closing(small, size=(size, size), mode="nearest")
    paper = _resize_to(paper, brightness.shape)
    amount = np.clip(paper - brightness, 0, None)
    # In a shadow, ink and paper are nearer to each other.
    return amount / np.maximum(paper, 0.05) if brightness.max() > 0 else amount


def _keep_digit(mask):
    """The largest part and what belongs to it; what the picture's edge cuts is likely no digit."""
    parts = regionprops(label(mask, connectivity=2))
    if not parts:
        return mask

    def is_cut(part):
        return min(part.bbox) == 0 or any(np.equal(part.bbox[2:], mask.shape))

    def length(part):
        return max(part.image.shape)

    main = max(parts, key=lambda part: part.area * (0.03 if is_cut(part) else 1))
    kept = np.zeros_like(mask)
    for part in parts:
        large = part.area > 0.04 * main.area and length(part) > 0.12 * length(main)
        if part is main or (large and is_cut(part) <= is_cut(main)):
            kept[part.slice] |= part.image
    return kept


def _thicken(digit):
    """Makes strokes that would fade when the digit shrinks as thick as thin ones of MNIST."""
    side = max(digit.shape)
    digit = np.pad(digit, side // 4)
    mask = digit > 0.5
    width = mask.sum() / max(1, skeletonize(mask).sum()) * BOX / side
    radius = round((_STROKE - width) / 2 * side / BOX)
    if radius > 0:
        digit = ndimage.grey_dilation(digit, footprint=disk(radius))
    return digit[_extent(digit > 0.3)]


def _fit(digit):
    scaled = resize(digit.astype(np.float32), BOX / max(digit.shape))
    return np.clip(scaled / scaled.max(), 0, 1)


def _centre(scaled):
    image = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    offsets = [
        int(np.clip(round(IMAGE_SIZE / 2 - centre), 0, IMAGE_SIZE - length))
        for centre, length in zip(ndimage.center_of_mass(scaled), scaled.shape, strict=True)
    ]
    place = tuple(slice(o, o + n) for o, n in zip(offsets, scaled.shape, strict=True))
    image[place] = np.round(255 * scaled)
    return image


def _extent(mask):
    """The rows and columns, as slices, between the first and last that have something."""
    return ndimage.find_objects(mask.astype(np.uint8))[0]


def _widen(side, margin, factor):
    """A slice of a copy as one of the picture, with a margin on both ends."""
    return slice(
        max(0, int((side.start - margin) / factor)), int((side.stop + margin) / factor) + 1
    )


def resize(array, factor):
    """Makes a picture, float32 (h, w), larger or smaller by a factor, smoothly."""
    height, width = array.shape
    return _resize_to(array, (max(1, round(height * factor)), max(1, round(width * factor))))


def _resize_to(array, shape):
    if array.shape == shape:
        return array
    smaller = shape[0] < array.shape[0]
    method = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(array).resize(shape[::-1], method))
