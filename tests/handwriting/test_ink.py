import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.filters import threshold_otsu

from digitlib.handwriting.ink import (
    cut_out,
    enlarge,
    find_clear_ink,
    find_extent,
    find_ink,
    find_parts,
    find_threshold,
)
from digitlib.handwriting.pictures import resize, resize_to

RNG = np.random.default_rng(8)


@pytest.fixture
def strokes():
    """True where ink is: a 4 of two strokes, drawn by Pillow."""
    picture = Image.new("1", (200, 150))
    for stroke in ([(80, 30), (60, 90), (130, 90)], [(110, 50), (105, 125)]):
        ImageDraw.Draw(picture).line(stroke, fill=1, width=9)
    return np.asarray(picture)


def test_ink_is_found_where_it_was_drawn_whatever_the_light(strokes):
    light = np.linspace(0.9, 0.4, 200) * np.ones((150, 1))
    for polarity in (1, -1):
        paper = light if polarity == 1 else 0.1 + 0.2 * light
        grey = np.where(strokes, 0.3 * light if polarity == 1 else 0.9, paper).astype(np.float32)
        ink = find_ink(grey, lambda mask: mask, reach=0.3)
        assert ink.polarity == polarity
        # The outline may lie a pixel farther in or out.
        assert (ink.mask & strokes).sum() / (ink.mask | strokes).sum() > 0.8
        assert ink.sharpness > 10
        assert (ink.amount.shape, ink.amount.min()) == (grey.shape, 0)
        assert np.array_equal(find_clear_ink(grey, lambda mask: mask, reach=0.3).mask, ink.mask)
    with pytest.raises(ValueError, match="the picture is blank"):
        find_ink(grey, np.zeros_like, reach=0.3)


def test_what_the_caller_refuses_is_not_ink(strokes):
    grey = np.where(strokes, 0.1, 0.9).astype(np.float32)
    grey[:, 180:] = 0.1
    kept = find_ink(grey, lambda mask: mask & (np.arange(200) < 170), reach=0.3).mask
    assert kept.any()
    assert not kept[:, 170:].any()


def test_the_grain_of_paper_is_not_ink():
    grey = np.clip(RNG.normal(0.8, 0.02, (150, 200)), 0, 1).astype(np.float32)
    with pytest.raises(ValueError, match="only paper, shadow or noise"):
        find_clear_ink(grey, lambda mask: mask, reach=0.3)


def test_the_edge_of_a_shadow_is_not_ink():
    across = np.linspace(-1, 1, 120) + np.linspace(-0.3, 0.2, 150)[:, None]
    shadow = np.clip(0.8 - 0.3 / (1 + np.exp(-across / 0.15)), 0, 1)
    grey = (shadow + np.random.default_rng(9).normal(0, 0.01, shadow.shape)).astype(np.float32)
    with pytest.raises(ValueError, match="only paper, shadow or noise"):
        find_clear_ink(grey, lambda mask: mask, reach=0.3)


@pytest.mark.parametrize("dark", [True, False], ids=["dark on light", "light on dark"])
def test_ink_that_reaches_every_edge_is_found(strokes, dark):
    rows, columns = np.nonzero(strokes)
    tight = strokes[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    grey = np.where(tight == dark, 0.2, 0.8).astype(np.float32)
    ink = find_clear_ink(grey, lambda mask: mask, reach=0.15)
    assert ink.polarity == (1 if dark else -1)
    assert ink.mask.shape == ink.amount.shape == tight.shape
    assert (ink.mask & tight).sum() / (ink.mask | tight).sum() > 0.8


def test_the_threshold_of_a_clean_drawing_lies_in_the_middle(strokes):
    assert find_threshold(np.where(strokes, 0.8, 0.2)) == pytest.approx(0.5, abs=0.01)


def test_the_threshold_of_a_photograph_is_the_one_of_otsu():
    levels = np.concatenate([RNG.normal(0.2, 0.05, 3000), RNG.normal(0.7, 0.1, 500)])
    assert find_threshold(levels) == pytest.approx(threshold_otsu(levels), abs=0.005)


def test_only_a_small_picture_is_enlarged():
    grey = RNG.random((20, 32), dtype=np.float32)
    large = enlarge(grey)
    assert large.shape == (62, 100)
    assert 0 <= large.min() < large.max() <= 1
    assert enlarge(large) is large


def test_ink_is_cut_out_and_scaled(strokes):
    rows, columns = np.nonzero(strokes)
    cut = cut_out(np.where(strokes, 0.6, 0.1).astype(np.float32), strokes)
    assert cut.shape == (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert np.array_equal(cut, strokes[find_extent(strokes)])


def test_parts_touch_by_their_corners_too():
    mask = np.zeros((9, 9), bool)
    mask[[0, 1, 4, 5], [2, 3, 4, 6]] = True
    mask[7, 8] = True
    parts = find_parts(mask)
    assert [(part.area, at_edge) for part, at_edge in parts] == [
        *((2, True), (1, False), (1, False), (1, True))
    ]


@pytest.mark.parametrize("factor", [0.01, 0.3, 0.5, 1, 2.5])
def test_a_resized_picture_keeps_its_brightness(factor):
    grey = RNG.random((60, 90), dtype=np.float32)
    resized = resize(grey, factor)
    assert resized.dtype == np.float32
    assert resized.shape == (max(1, round(60 * factor)), max(1, round(90 * factor)))
    assert resized.mean() == pytest.approx(grey.mean(), abs=0.01)
    assert resize_to(grey, (7, 5)).shape == (7, 5)


def test_a_picture_shrinks_by_the_mean_of_its_blocks():
    grey = RNG.random((60, 90), dtype=np.float32)
    blocks = grey.reshape(20, 3, 30, 3).mean(axis=(1, 3))
    assert resize(grey, 1 / 3) == pytest.approx(blocks, abs=1e-5)
