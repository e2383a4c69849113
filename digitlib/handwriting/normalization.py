"""Turn any picture of a digit into an image like those of MNIST, step by step.

Source: Y. LeCun et al., Gradient-based learning applied to document recognition, 1998, and the
description of MNIST: digits are fitted into 20 x 20 pixels, then placed with their centre of mass
in the middle of 28 x 28.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import skeletonize

from digitlib.data import IMAGE_SIZE
from digitlib.handwriting.ink import (
    Grey,
    cut_out,
    enlarge,
    find_clear_ink,
    find_extent,
    find_ink,
    find_parts,
)
from digitlib.handwriting.pictures import PictureSource, read_picture, resize, resize_to

DETAIL = 120  # length of a digit's longer side that shows all its strokes, in pixels
_BOX = 20  # length of a digit's longer side, in pixels
_STROKE = 2.2  # thinner strokes, in pixels of the box, are thickened


class Steps(NamedTuple):
    """The steps from a picture to an image like those of MNIST."""

    grey: Grey  # the picture, at least 100 pixels long, 0 black to 1 white
    ink: Grey  # the amount of ink around the digit, from 0, without paper and shadow
    digit: Grey  # the digit alone, 0 to 1, cropped
    scaled: Grey  # fitted into 20 x 20 pixels, with thin strokes thickened
    image: npt.NDArray[np.uint8]  # (28, 28), centred by mass, 0 background to 255 ink


def image_to_digit(image: PictureSource) -> npt.NDArray[np.uint8]:
    """Returns only the last step of `explain_steps`: the image, uint8 (28, 28)."""
    return explain_steps(image).image


def explain_steps(image: PictureSource) -> Steps:
    """Turns a picture of one digit into an image like those of MNIST, and keeps every step.

    Args:
        image: a `PictureSource`, such as a path, with a digit anywhere, dark on light or reversed.

    Returns:
        `Steps`: grey, ink, digit and scaled, float32 (h, w), and image, uint8 (28, 28).

    Example:
        >>> import numpy as np
        >>> page = np.full((200, 300), 255, np.uint8)
        >>> page[40:160, 95:105] = 0  # a 1
        >>> steps = explain_steps(page)
        >>> steps.scaled.shape, steps.image.shape
        ((20, 2), (28, 28))
    """
    grey = enlarge(read_picture(image))
    # A small copy is enough to find the digit; the second look is as close as the picture allows.
    factor = min(1, 300 / max(grey.shape))
    coarse = find_clear_ink(resize(grey, factor), _keep_digit, reach=0.5)
    ink = _look_closer(grey, coarse, factor)
    digit = cut_out(ink.amount, ink.mask)
    scaled = _fit(digit)
    return Steps(grey, ink.amount, digit, scaled, _centre(scaled))


def digit_to_image(digit: Grey) -> npt.NDArray[np.uint8]:
    """Turns a cropped digit, float32 (h, w), 0 paper to 1 ink, into a `Steps.image`."""
    return _centre(_fit(digit))


def _look_closer(grey, coarse, factor):
    """The ink that was found in a small copy, at the picture's own resolution."""
    extent = find_extent(coarse.mask)
    margin = 0.75 * max(side.stop - side.start for side in extent)
    around = tuple(
        slice(max(0, int((side.start - margin) / factor)), int((side.stop + margin) / factor) + 1)
        for side in extent
    )
    near = resize(grey[around], 300 / max(grey[around].shape))
    known = resize_to(coarse.mask.astype(np.float32), grey.shape)[around]
    known = resize_to(known, near.shape) > 0.5
    # A closer look moves outlines a little, and may find paler ends of strokes.
    reached = ndimage.binary_dilation(known, iterations=12)

    def keep(mask):
        return ndimage.binary_propagation(known & mask, mask=reached & mask)

    return find_ink(near, keep, reach=0.4, polarities=[coarse.polarity])


def _keep_digit(mask):
    """Keeps the largest part and what belongs to it. A part cut by the edge is rarely a digit."""
    parts = find_parts(mask)
    if not parts:
        return mask
    main, main_is_cut = max(parts, key=lambda pair: pair[0].area * (0.03 if pair[1] else 1))
    kept = np.zeros_like(mask)
    for part, is_cut in parts:
        long = max(part.image.shape) > 0.12 * max(main.image.shape)
        if long and part.area > 0.04 * main.area and is_cut <= main_is_cut:
            kept[part.slice] |= part.image
    return kept


def _fit(digit):
    """Fits a digit into 20 x 20 pixels, and first thickens strokes that would fade."""
    digit = resize(digit, min(1, DETAIL / max(digit.shape)))
    mask = digit > 0.5
    width = mask.sum() / max(1, skeletonize(mask).sum())
    radius = (_STROKE * max(digit.shape) / _BOX - width) / 2
    if radius > 0.5:
        digit = _thicken(digit, radius)
    digit = digit[find_extent(digit > 0.3)]
    scaled = resize(digit.astype(np.float32), _BOX / max(digit.shape))
    return np.clip(scaled / scaled.max(), 0, 1)


def _thicken(digit, radius):
    """Moves the outline of a digit outwards by a number of pixels."""
    digit = np.pad(digit, int(radius) + 2)
    # A dilation with a disk does nearly the same, in a time that grows with the disk's area.
    distance = ndimage.distance_transform_edt(digit <= 0.5)
    return np.maximum(digit, np.clip(radius + 1 - distance, 0, 1))


def _centre(scaled):
    image = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    height, width = scaled.shape
    centre = np.round(IMAGE_SIZE / 2 - np.array(ndimage.center_of_mass(scaled)))
    top, left = np.clip(centre, 0, IMAGE_SIZE - np.array(scaled.shape)).astype(int)
    image[top : top + height, left : left + width] = np.round(255 * scaled)
    return image
