"""Measure models on test images with the 15 corruptions of MNIST-C.

The kinds and their strengths are those of MNIST-C's test set; the code and the random numbers are
ours. Accuracies are therefore close to those on the published files, but not the same.

Source:
    N. Mu and J. Gilmer: MNIST-C: a robustness benchmark for computer vision (2019).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.feature import canny
from tqdm import tqdm

import digitlib
from benchmarks.handwriting import load_models
from benchmarks.tables import write_rows
from digitlib.uncertainty import measure_calibration

COLUMNS = ["model", "corruption", "images", "accuracy", "calibration_error"]
CLEAN, MEAN = "clean", "mean of the 15"
CENTRE = 13.5
ROWS, COLS = np.mgrid[:28, :28]
ZIGZAG = np.array(
    [[0, 2, 6, 10, 14, 18, 22, 23], [0, 2, -2, 2, -2, 2, -2, -0.3]]
)  # along and across


def main():
    """Measures the models and prints a table."""
    options = _build_parser().parse_args()
    digitlib.start_keras()
    models = load_models(options.models)
    test = digitlib.load_mnist().test
    part = digitlib.Split(test.images[: options.images], test.labels[: options.images])
    rows = measure_corruptions(models, part)
    rows = write_rows(rows, COLUMNS, options.output) if options.output else rows
    print(tabulate(pd.DataFrame(list(rows))).map("{:.2%}".format).to_string())


def corrupt_images(images, name, seed=0):
    """Returns corrupted copies of images.

    Args:
        images: uint8 (n, 28, 28), 0 background to 255 ink.
        name: a key of `CORRUPTIONS`.
        seed: the random seed.

    Returns:
        uint8 (n, 28, 28).
    """
    corrupted = CORRUPTIONS[name](images / 255, np.random.default_rng(seed))
    return np.rint(255 * np.clip(corrupted, 0, 1)).astype(np.uint8)


def measure_corruptions(models, split):
    """Yields a row of `COLUMNS` for each corruption and model, those of the clean images first."""
    for name in tqdm([CLEAN, *CORRUPTIONS], unit="corruption", disable=None):
        images = split.images if name == CLEAN else corrupt_images(split.images, name)
        for model in models:
            probabilities = digitlib.predict_probabilities(models[model], images)
            right = probabilities.argmax(axis=1) == split.labels
            error = measure_calibration(probabilities, split.labels).error
            values = model, name, len(right), right.mean(), round(error, 4)
            yield dict(zip(COLUMNS, values, strict=True))


def tabulate(rows):
    """Returns accuracies and calibration errors: a row for each corruption, and their mean."""
    models = rows.set_index("corruption").groupby("model", sort=False)
    table = pd.concat({name: group[COLUMNS[-2:]] for name, group in models}, axis=1)
    table.loc[MEAN] = table.loc[list(CORRUPTIONS)].mean()
    return table.rename_axis(index=None)


# Each corruption takes images, float (n, 28, 28) from 0 to 1, and a random generator. It returns
# images of the same shape, whose values may lie outside 0 to 1.


def add_shot_noise(images, rng):
    """Counts photons, of which a white pixel receives three on average."""
    return rng.poisson(3 * images) / 3


def add_impulse_noise(images, rng):
    """Turns 17% of the pixels black or white."""
    hit = rng.random(images.shape) < 0.17
    return np.where(hit, rng.integers(2, size=images.shape), images)


def blur_with_glass(images, rng):
    """Swaps neighbouring pixels at random, with a vertical blur (as published) before and after."""
    shuffled = _blur(images, (0.7, 0))
    every = np.arange(len(images))
    for _ in range(2):
        for row in range(27, 1, -1):
            for column in range(27, 1, -1):
                swap = rng.random(len(images)) < 0.5
                up, left = rng.integers(2, size=(2, len(images))) * swap
                there = every, row - up, column - left
                moved = shuffled[there]
                shuffled[there] = shuffled[:, row, column]
                shuffled[:, row, column] = moved
    return _blur(shuffled, (0.7, 0))


def blur_by_motion(images, rng):
    """Smears along a direction up to 45 degrees from the horizontal, with half a Gaussian."""
    angles = rng.uniform(-np.pi / 4, np.pi / 4, len(images))[:, None, None]
    steps = np.arange(21)
    weights = np.exp(-(steps**2) / 18)
    smeared = np.zeros_like(images)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        rows = np.rint(ROWS + step * np.sin(angles)).astype(int).clip(0, 27)
        columns = np.rint(COLS + step * np.cos(angles)).astype(int).clip(0, 27)
        smeared += weight * images[np.arange(len(images))[:, None, None], rows, columns]
    return smeared


def shear(images, rng):
    """Slants by 0.4 radians to the left or the right."""
    signs = rng.choice([-1, 1], len(images))
    return _warp(images, [[[np.cos(0.4), 0], [s * np.sin(0.4), 1]] for s in signs])


def scale(images, rng):
    """Shrinks to 70%."""
    return _warp(images, [np.eye(2) / 0.7] * len(images))


def rotate(images, rng):
    """Rotates by 0.4 radians in either direction."""
    cos, sin = np.cos(0.4), np.sin(0.4)
    signs = rng.choice([-1, 1], len(images))
    return _warp(images, [[[cos, s * sin], [-s * sin, cos]] for s in signs])


def brighten(images, rng):
    """Adds half of the range to every pixel."""
    return images + 0.5


def translate(images, rng):
    """Shifts by three pixels up or down, and three to the left or the right."""
    return _warp(images, [np.eye(2)] * len(images), rng.choice([-3, 3], (len(images), 2)))


def add_stripe(images, rng):
    """Inverts the left and the right quarter, so that the middle looks like a stripe."""
    return np.where((COLS < 7) | (COLS >= 21), 1 - images, images)


def add_fog(images, rng):
    """Mixes one part of the image with three parts of random clouds."""
    # A map of clouds is much larger than its image, so only a few are drawn at a time.
    starts = range(0, len(images), 50)
    clouds = [_draw_clouds(min(50, len(images) - start), rng) for start in starts]
    brightest = images.max(axis=(1, 2), keepdims=True)
    return (images + 3 * np.concatenate(clouds)) * brightest / (brightest + 3)


def add_spatter(images, rng):
    """Covers parts of the image with dark grey spots of mud."""
    wet = _blur(rng.normal(0.65, 0.3, images.shape), (1, 1)) > 0.65
    mud = _blur(wet.astype(float), (1.5, 1.5))
    mud[mud < 0.8] = 0
    return images * (1 - mud) + 63 / 255 * mud


def add_dotted_line(images, rng):
    """Draws a dotted line from the left edge to the right."""
    left, right = rng.integers(27, size=(2, len(images)))
    lines = _draw_lines(np.zeros(len(images)), left, np.full(len(images), 27), right)
    return images + np.where(COLS // 2 % 2, lines, 0)


def add_zigzag(images, rng):
    """Draws a zigzag line, nearly horizontal, from the left to the right."""
    top = rng.integers(27, size=len(images))
    angles = np.arctan(rng.integers(-5, 5, len(images)) / 23)
    cos, sin = np.cos(angles), np.sin(angles)
    along, across = ZIGZAG[:, :, None]
    columns, rows = 2 + along * cos - across * sin, top + along * sin + across * cos
    drawn = images
    for i in range(len(columns) - 1):
        drawn = drawn + _draw_lines(columns[i], rows[i], columns[i + 1], rows[i + 1])
    return drawn


def find_edges(images, rng):
    """Keeps only the edges that Canny's method finds."""
    return np.array([canny(image) for image in images], float)


CORRUPTIONS = {
    "shot noise": add_shot_noise,
    "impulse noise": add_impulse_noise,
    "glass blur": blur_with_glass,
    "motion blur": blur_by_motion,
    "shear": shear,
    "scale": scale,
    "rotate": rotate,
    "brightness": brighten,
    "translate": translate,
    "stripe": add_stripe,
    "fog": add_fog,
    "spatter": add_spatter,
    "dotted line": add_dotted_line,
    "zigzag": add_zigzag,
    "canny edges": find_edges,
}


def _blur(images, deviations):
    return ndimage.gaussian_filter(images, (0, *deviations), mode="nearest")


def _warp(images, matrices, shifts=0):
    """Moves each pixel, seen from the centre, to where its matrix and shift take it from."""
    offsets = CENTRE + shifts - CENTRE * np.sum(matrices, axis=2)
    warped = [
        ndimage.affine_transform(image, matrix, offset, order=1, mode="grid-constant")
        for image, matrix, offset in zip(images, matrices, offsets, strict=True)
    ]
    return np.array(warped)


def _draw_lines(left, top, right, bottom):
    """Draws a soft line about three pixels thick on each image, float (n, 28, 28)."""
    left, top, right, bottom = (np.reshape(x, (-1, 1, 1)) for x in (left, top, right, bottom))
    rows, columns = np.ogrid[:28, :28]
    distances = np.abs(rows - top - (bottom - top) / (right - left) * (columns - left))
    lines = np.maximum(0, 1 + np.log(1 - np.minimum(distances, 2.2) / 2.3))
    return lines * ((columns >= np.floor(left)) & (columns < np.ceil(right)))


def _draw_clouds(count, rng, size=256):
    """Draws fractal clouds by the diamond-square method; returns a corner, float (n, 28, 28)."""
    clouds = np.zeros((count, size, size), np.float32)
    step, roughness = size, 1.0

    def average(*neighbours):
        jitter = rng.random(neighbours[0].shape, np.float32) - 0.5
        return sum(neighbours) / 4 + roughness * jitter

    while step >= 2:
        half = step // 2
        corners = clouds[:, ::step, ::step]
        right, below = np.roll(corners, -1, 2), np.roll(corners, -1, 1)
        middles = average(corners, right, below, np.roll(below, -1, 2))
        clouds[:, half::step, half::step] = middles
        above, before = np.roll(middles, 1, 1), np.roll(middles, 1, 2)
        clouds[:, ::step, half::step] = average(corners, right, middles, above)
        clouds[:, half::step, ::step] = average(corners, below, middles, before)
        step, roughness = half, roughness / 1.4**2
    clouds -= clouds.min(axis=(1, 2), keepdims=True)
    return clouds[:, :28, :28] / clouds.max(axis=(1, 2), keepdims=True)


def _build_parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corruptions", description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="robust, or a .keras file")
    parser.add_argument(
        "--images", type=int, default=10_000, metavar="N", help="default: %(default)s"
    )
    parser.add_argument("--output", type=Path, metavar="CSV", help="write the results to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
