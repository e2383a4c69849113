"""The layers that change training images at random."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import ndimage

from digitlib import train_model
from digitlib.training.augmentation import build_augmentation
from tests.training.small import ONE_EPOCH

KINDS = ["line", "band", "cloud", "spot", "speckle", "smear", "shuffle", "outline"]
STARTS = [60, 180, 240, 300, 360, 420, 480]


def test_augmentation_moves_training_images_only(slices):
    images = slices[0].images[:50, ..., None].astype("float32") / 255
    moved = [np.array(build_augmentation(0.1, seed)(images, training=True)) for seed in (0, 0, 1)]
    assert np.array_equal(moved[0], moved[1])
    assert not np.allclose(moved[0], moved[2])
    assert not np.allclose(moved[0], images)
    assert moved[0].min() >= 0
    assert moved[0].max() <= 1 + 1e-6
    # The ink's centre stays within the strongest shift: a tenth of 28 pixels, and a little for
    # zoom and rotation about the middle.
    rows = np.arange(28)[:, None, None]
    centres = [(x * rows).sum((1, 2, 3)) / x.sum((1, 2, 3)) for x in (images, moved[0])]
    assert 1 < np.abs(centres[0] - centres[1]).max() < 2.8 + 1.5
    model = train_model(dataclasses.replace(ONE_EPOCH, augmentation=0.1), *slices, verbose=0).model
    assert not any("Random" in type(layer).__name__ for layer in model.layers)


def test_slant_and_strokes_are_changed_too(slices):
    images = slices[0].images[:50, ..., None].astype("float32") / 255
    assert build_augmentation(0.0, shear=0.0, stroke=0.0).layers == []
    ink = images.sum((1, 2, 3))
    strokes = np.array(build_augmentation(0.0, 3, stroke=1.0)(images, training=True))
    change = strokes.sum((1, 2, 3)) / ink
    assert change.min() < 0.8  # thinner
    assert change.max() > 1.3  # thicker
    assert strokes.min() >= 0
    assert strokes.max() <= 1
    # A place becomes no darker than the darkest about it, and no lighter than the lightest.
    around = {"size": (1, 3, 3, 1), "mode": "nearest"}
    assert (strokes <= ndimage.maximum_filter(images, **around) + 1e-6).all()
    assert (strokes >= ndimage.minimum_filter(images, **around) - 1e-6).all()
    slanted = np.array(build_augmentation(0.0, 3, shear=0.2)(images, training=True))
    # Rows move sideways: each keeps its ink, but for what leaves the picture.
    assert slanted.sum((2, 3)) == pytest.approx(images.sum((2, 3)), abs=2)
    assert not np.allclose(slanted, images, atol=0.3)


def test_every_second_image_gets_grey_and_noisy_paper(slices):
    images = slices[0].images[:1000, ..., None].astype("float32") / 255
    assert build_augmentation(0.0, degradation=0.0).layers == []
    degrade = build_augmentation(0.0, 3, degradation=0.8)
    assert np.array_equal(degrade(images, training=False), images)
    changed = np.array(degrade(images, training=True))
    assert changed.min() >= 0
    assert changed.max() <= 1
    touched = (changed != images).any((1, 2, 3))
    assert 430 <= touched.sum() <= 570, "further from half of 1,000 than chance goes"
    corner = changed[touched, :4, :4]  # no digit of MNIST reaches it
    assert (images[touched, :4, :4] == 0).all()
    assert 0.1 < corner.mean() < 0.4, "half the fading, half the grey: 0.2, and noise cut at 0"
    assert 0.02 < corner.std((1, 2, 3)).mean() < 0.2
    # Fading and blur take contrast from the ink.
    contrast = changed[touched].max((1, 2, 3)) - changed[touched].mean((1, 2, 3))
    assert contrast.mean() < 0.9 * (images.max((1, 2, 3)) - images.mean((1, 2, 3))).mean()
    again = np.array(build_augmentation(0.0, 3, degradation=0.8)(images, training=True))
    assert np.array_equal(changed, again)


def test_clutter_lies_over_the_share_of_images_that_was_asked_for(slices):
    images = slices[0].images[:900, ..., None].astype("float32") / 255
    assert build_augmentation(0.0, clutter=0.0).layers == []
    cover = build_augmentation(0.0, 3, clutter=0.6)
    assert np.array_equal(cover(images, training=False), images)
    changed = np.array(cover(images, training=True))
    again = np.array(build_augmentation(0.0, 3, clutter=0.6)(images, training=True))
    assert np.array_equal(changed, again)
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert np.array_equal(changed[540:], images[540:])
    # Each kind has 60 images, bands twice as many.
    before = dict(zip(KINDS, np.split(images[:540], STARTS), strict=True))
    after = dict(zip(KINDS, np.split(changed[:540], STARTS), strict=True))
    touched = {kind: (before[kind] != after[kind]).mean((1, 2, 3)) for kind in KINDS}
    assert (touched["line"] < 0.2).all(), "about 28 of 784 pixels for each pixel of thickness"
    assert (touched["line"] > 0).mean() > 0.8, "a few lie outside"
    assert (after["line"] >= before["line"]).all(), "nothing is wiped away"
    assert (after["band"][:, :, [0, 1, 27]] == 1 - before["band"][:, :, [0, 1, 27]]).all()
    assert (after["band"][:, :, 12:17] == before["band"][:, :, 12:17]).all()
    corners = after["cloud"][:, :4, :4]  # no digit of MNIST reaches it
    assert 0.05 < corners.mean() < 0.4
    assert corners.std((1, 2, 3)).mean() > 0.01, "not one grey"
    spots = np.where(before["spot"] == after["spot"], np.nan, after["spot"])
    darkest, lightest = np.nanmin(spots, (1, 2, 3)), np.nanmax(spots, (1, 2, 3))
    assert (darkest == lightest).sum() >= 55, "one grey each; a few images stay without a spot"
    assert not (darkest < lightest).any()
    new = before["speckle"] != after["speckle"]
    assert set(np.unique(after["speckle"][new])) == {0, 1}
    assert new.mean((1, 2, 3)).max() < 0.3
    assert after["smear"].sum((2, 3)) == pytest.approx(before["smear"].sum((2, 3)), abs=1e-3)
    assert (after["smear"].max((1, 2, 3)) < before["smear"].max((1, 2, 3)) + 1e-6).all()
    for image, source in zip(after["shuffle"], before["shuffle"], strict=True):
        assert set(np.unique(image)) <= set(np.unique(source)), "pixels only move"
    solid = before["outline"] > 0.5
    square = np.ones((1, 3, 3, 1))
    inside = solid & ~ndimage.binary_erosion(solid, square, border_value=1)
    outside = ndimage.binary_dilation(solid, square) & ~solid
    for image, *outlines in zip(after["outline"], inside, outside, strict=True):
        assert any(np.array_equal(image, outline) for outline in outlines)


@pytest.mark.parametrize(
    ("count", "strength", "covered"), [(128, 0.6, 81), (16, 0.6, 9), (9, 1, 9)]
)
def test_small_batches_get_their_share_too(slices, count, strength, covered):
    images = slices[0].images[:count, ..., None].astype("float32") / 255
    changed = np.array(build_augmentation(0.0, 3, clutter=strength)(images, training=True))
    assert changed.shape == images.shape
    assert np.array_equal(changed[covered:], images[covered:])
    assert (changed[:covered] != images[:covered]).any((1, 2, 3)).mean() > 0.8


def test_shift_rotation_and_zoom_are_drawn_independently():
    shift, turn, zoom = build_augmentation(0.1, seed=4).layers
    images = np.zeros((2000, 28, 28, 1), "float32")
    draws = [
        *np.array(shift.get_random_transformation(images, training=True)["translations"]).T,
        np.array(turn.get_random_transformation(images, training=True)["angle"]),
        np.array(zoom.get_random_transformation(images, training=True)["height_zoom"])[:, 0],
    ]
    # Of 2,000 independent pairs, the correlation scatters with 1 / sqrt(2000) = 0.022.
    correlations = np.corrcoef(draws) - np.eye(4)
    assert np.abs(correlations).max() < 0.1
    assert all(np.std(draw) > 0 for draw in draws)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"strength": 0.6}, "strength must be a number from 0 to 0.5; got 0.6"),
        ({"strength": -0.1}, "strength must be a number from 0 to 0.5; got -0.1"),
        ({"strength": math.nan}, "strength must be a number from 0 to 0.5; got nan"),
        ({"shear": 1.1}, "shear must be a number from 0 to 1; got 1.1"),
        ({"stroke": -1}, "stroke must be a number from 0 to 1; got -1"),
        ({"clutter": 2}, "clutter must be a number from 0 to 1; got 2"),
        ({"degradation": "0.5"}, "degradation must be a number from 0 to 1; got '0.5'"),
        ({"seed": -1}, "seed must be a whole number from 0 to 4294967295; got -1"),
    ],
)
def test_impossible_augmentation_is_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        build_augmentation(**{"strength": 0.1, **numbers})
