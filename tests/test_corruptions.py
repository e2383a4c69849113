"""The corruptions of MNIST-C: each does what it says, and models are measured on them."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.corruptions import CLEAN, COLUMNS, CORRUPTIONS, MEAN, corrupt_images, tabulate
from digitlib import RECIPES, evaluate_model, load_model, predict_digits, save_model
from digitlib.data import Split
from digitlib.training.networks import build_model

WITHOUT_CHANCE = {"scale", "brightness", "stripe", "canny edges"}
SLANT = np.cos(0.4), np.sin(0.4)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_changes_each_image_as_the_seed_says(mnist, name):
    images = mnist.test.images[:30]
    original = images.copy()
    first, same, other = (corrupt_images(images, name, seed) for seed in (0, 0, 1))
    assert np.array_equal(images, original)
    assert (first.shape, first.dtype) == (images.shape, images.dtype)
    assert (first != images).any(axis=(1, 2)).all()
    assert np.array_equal(first, same)
    assert np.array_equal(first, other) == (name in WITHOUT_CHANCE)


def test_corrupted_digits_can_be_recognised(mnist):
    model, images, labels = load_model("robust"), mnist.test.images[:100], mnist.test.labels[:100]
    names = set(CORRUPTIONS) - {"stripe"}
    right = {n: (predict_digits(model, corrupt_images(images, n)) == labels).mean() for n in names}
    assert {n for n in names if right[n] < 0.7} == set()
    restored = corrupt_images(corrupt_images(images, "stripe"), "stripe")
    assert np.array_equal(restored, images)


def correlate(first, second):
    return np.mean(
        [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(first, second, strict=True)]
    )


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("shot noise", 0.8, 0.95),
        ("impulse noise", 0.6, 0.8),
        ("glass blur", 0.75, 0.95),
        ("motion blur", 0.6, 0.9),
        ("brightness", 0.95, 0.999),
        ("fog", 0.75, 0.95),
        ("spatter", 0.9, 0.999),
        ("dotted line", 0.85, 0.99),
        ("zigzag", 0.75, 0.95),
    ],
)
def test_noise_blur_and_lines_leave_the_digit(mnist, name, low, high):
    images = mnist.test.images[:100]
    assert low < correlate(images, corrupt_images(images, name)) < high


def move(image, matrix, shift=(0, 0)):
    """Moves an image about its centre with Pillow, whose rows of numbers give x, then y."""
    matrix = np.array(matrix)
    offset = 34 + np.array(shift) - matrix @ [34, 34]
    numbers = np.column_stack([matrix, offset]).ravel()
    picture = Image.fromarray(np.pad(image.astype(np.float32), 20))
    moved = picture.transform((68, 68), Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR)
    return np.asarray(moved)[20:-20, 20:-20]


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("rotate", [([[SLANT[0], s], [-s, SLANT[0]]], (0, 0)) for s in (SLANT[1], -SLANT[1])]),
        ("shear", [([[1, s], [0, SLANT[0]]], (0, 0)) for s in (SLANT[1], -SLANT[1])]),
        ("scale", [([[1 / 0.7, 0], [0, 1 / 0.7]], (0, 0))]),
        ("translate", [(np.eye(2), (x, y)) for x in (-3, 3) for y in (-3, 3)]),
    ],
)
def test_digits_move_as_pillow_moves_them(mnist, name, ways):
    images = mnist.test.images[:40]
    moved = corrupt_images(images, name).astype(float)
    expected = np.array([[move(image, *way) for way in ways] for image in images])
    errors = np.abs(expected - moved[:, None]).max(axis=(2, 3))
    assert errors.min(axis=1).max() <= 1
    assert set(errors.argmin(axis=1)) == set(range(len(ways)))


def test_single_pixels_change_as_described():
    grey = np.full((200, 28, 28), 153, np.uint8)
    black = np.zeros((200, 28, 28), np.uint8)
    noisy = corrupt_images(grey, "impulse noise")
    assert [(noisy == value).mean() for value in (0, 255)] == pytest.approx([0.085] * 2, abs=0.005)
    shot = corrupt_images(grey, "shot noise")
    assert set(np.unique(shot)) == {0, 85, 170, 255}
    assert (shot == 0).mean() == pytest.approx(np.exp(-3 * 0.6), abs=0.005)
    assert (corrupt_images(grey, "brightness") == 255).all()
    assert (corrupt_images(black, "brightness") == 128).all()
    stripe = corrupt_images(black, "stripe")
    assert (stripe[:, :, 7:21] == 0).all()
    assert (np.delete(stripe, np.s_[7:21], axis=2) == 255).all()
    assert set(np.unique(corrupt_images(grey, "canny edges"))) <= {0, 255}
    dots = corrupt_images(black, "dotted line").max(axis=1)
    assert dots.any(axis=0).tolist() == [c // 2 % 2 == 1 and c < 27 for c in range(28)]
    zigzag = corrupt_images(black, "zigzag").any(axis=(0, 1))
    assert np.flatnonzero(zigzag).tolist() == list(range(2, 25))


def test_the_command_measures_models(run_module, tmp_path, mnist):
    path, output = tmp_path / "small.keras", tmp_path / "measured.csv"
    model = build_model(RECIPES["tiny"])
    save_model(model, path)
    done = run_module("benchmarks.corruptions", path, "--images", 20, "--output", output)
    rows = pd.read_csv(output)
    assert list(rows.columns) == COLUMNS
    assert rows["corruption"].tolist() == [CLEAN, *CORRUPTIONS]
    assert set(rows["model"]) == {"small"}
    assert set(rows["images"]) == {20}
    report = evaluate_model(model, Split(mnist.test.images[:20], mnist.test.labels[:20]))
    assert rows["accuracy"][0] == report.accuracy
    assert rows["calibration_error"][0] == pytest.approx(report.calibration.error, abs=1e-4)
    mean = rows["accuracy"][1:].mean()
    assert tabulate(rows).loc[MEAN, ("small", "accuracy")] == pytest.approx(mean)
    assert re.search(rf"^{MEAN} +{mean:.2%} ", done.stdout, re.M)


def test_models_that_cannot_be_measured_end_in_one_line(run_module, tmp_path):
    (tmp_path / "robust.keras").write_bytes(b"")
    for paths, message in [
        (["robust", "missing.keras"], "missing.keras is not a file; train a model first."),
        (["robust", "robust"], "each model needs a file name of its own; got robust, robust"),
    ]:
        for module in ("benchmarks.corruptions", "benchmarks.handwriting"):
            done = run_module(module, *paths)
            assert done.returncode == 1
            assert done.stderr.strip() == message
