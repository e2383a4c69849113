"""Draw MNIST digits as photographs of paper, written with different pens, in bad light."""

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.hands import keep_darker


def draw_photo(image, rng):
    """Draws one digit somewhere on a sheet of paper.

    Args:
        image: uint8 (28, 28), as in MNIST.
        rng: a `numpy.random.Generator`, which chooses everything else.

    Returns:
        uint8 (h, w), each side 150 to 600 pixels; some show light ink on dark paper.
    """
    side = int(rng.integers(150, 500))
    length = int(side * rng.uniform(0.3, 0.75))
    ink = _write(image, int(1.4 * length), length, rng.choice([-2, -1, 0, 0, 1]))
    turned = Image.fromarray(ink).rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC)
    page = np.zeros([int(side * rng.uniform(0.9, 1.2)) for _ in range(2)], np.float32)
    top, left = (int(rng.integers(0, max(1, n - len(ink) + 1))) for n in page.shape)
    keep_darker(page, np.clip(turned, 0, 1), top, left)
    photo = _photograph(page, side, rng)
    return 255 - photo if rng.random() < 0.15 else photo


def draw_page(images, rng):
    """Draws a line of digits in one handwriting: slanted, nearly even, sometimes touching.

    Args:
        images: uint8 (n, 28, 28).
        rng: a `numpy.random.Generator`, which chooses everything else.

    Returns:
        uint8 (h, w), the page.
    """
    length = int(rng.integers(36, 110))
    gap = rng.uniform(-0.02, 0.6) * length
    pen = rng.choice([-1, 0, 0, 1])
    inks = [
        _crop(_write(i, int(1.4 * length * rng.uniform(0.85, 1.15)), length, pen)) for i in images
    ]
    height = int(length * rng.uniform(2.2, 4))
    middle, tilt = height * rng.uniform(0.35, 0.55), rng.uniform(-0.04, 0.04)
    gaps = gap + rng.uniform(-0.05, 0.2, len(inks)) * length
    width = int(sum(ink.shape[1] for ink in inks) + gaps.clip(0).sum() + 3 * length)
    page = np.zeros((height, width), np.float32)
    left = float(length)
    for ink, space in zip(inks, gaps, strict=True):
        top = middle - len(ink) / 2 + tilt * left + rng.uniform(-0.08, 0.08) * length
        top = int(np.clip(top, 0, max(0, height - len(ink))))
        keep_darker(page, ink, top, left)
        left += ink.shape[1] + space
    slant = rng.uniform(-0.25, 0.35)
    across = (1, slant, -slant * height / 2, 0, 1, 0)
    slanted = Image.fromarray(page).transform(
        page.shape[::-1], Image.Transform.AFFINE, across, Image.Resampling.BICUBIC
    )
    return _photograph(np.clip(slanted, 0, 1), length, rng)


def _write(image, side, length, pen):
    """Enlarges an image to sharp strokes; a negative `pen` is thinner, a positive one thicker."""
    large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    smooth = ndimage.gaussian_filter(np.asarray(large, np.float32) / 255, length / 60)
    ink = np.clip((smooth - 0.5) * 6 + 0.5, 0, 1)
    by = max(1, round(0.018 * length))
    if pen > 0:
        return ndimage.grey_dilation(ink, size=(2 * by + 1, 2 * by + 1))
    thin = ndimage.grey_erosion(ink, size=(1 - by * pen, 1 - by * pen))
    # A thinner pen must not break a stroke.
    return thin if _count_parts(thin) == _count_parts(ink) else ink


def _count_parts(ink):
    return ndimage.label(ink > 0.5, np.ones((3, 3)))[1]


def _crop(ink):
    columns = np.flatnonzero((ink > 0.5).any(axis=0))
    return ink[:, columns[0] : columns[-1] + 1]


def _photograph(ink, scale, rng):
    rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]] / max(ink.shape)
    angle = rng.uniform(0, 2 * np.pi)
    slope = columns * abs(np.cos(angle)) + rows * abs(np.sin(angle))
    light = 1 - rng.uniform(0, 0.27) * slope
    if rng.random() < 0.4:  # the shadow of a hand, with a soft edge
        angle, where = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8, 2)
        edge = (columns - where[0]) * np.cos(angle) + (rows - where[1]) * np.sin(angle)
        softness = rng.uniform(0.01, 0.1)
        light *= 1 - rng.uniform(0.1, 0.4) / (1 + np.exp(-edge / softness))
    paper = rng.uniform(0.55, 0.98)
    grain = ndimage.gaussian_filter(rng.normal(size=ink.shape), rng.uniform(0.5, 4))
    grain *= rng.uniform(0, 0.02) / grain.std()
    picture = ((paper + grain) * (1 - ink) + rng.uniform(0.05, 0.45) * paper * ink) * light
    picture = ndimage.gaussian_filter(picture, rng.uniform(0, scale / 100))
    picture += rng.normal(size=ink.shape) * rng.uniform(0, 0.04)
    return (255 * np.clip(picture, 0, 1)).astype(np.uint8)
