import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from digitlib import explain_steps
from digitlib.handwriting.ink import find_extent
from digitlib.handwriting.normalization import digit_to_image, image_to_digit

RNG = np.random.default_rng(5)


def similarity(image, other):
    """The correlation of two images, 1 for equal ones.

    The best of all shifts by up to a pixel, since the centre is rounded to whole pixels; without
    that, a shift gives about 0.7. Where the centre must be is tested by itself.
    """
    return max(
        np.corrcoef(np.roll(image, (down, right), (0, 1)).ravel(), other.ravel())[0, 1]
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    )


def assert_similar(pictures, originals):
    each = [
        similarity(image_to_digit(picture), original)
        for picture, original in zip(pictures, originals, strict=True)
    ]
    assert np.mean(each) > 0.95
    assert min(each) > 0.85


def enlarge(image, size):
    picture = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255


def place(ink, shape, top, left):
    """Ink, 0 to 1, somewhere on an empty page."""
    page = np.zeros(shape, np.float32)
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page


@pytest.fixture(scope="module")
def digits(mnist):
    return mnist.test.images[:20]


def test_an_image_of_mnist_stays_what_it_is(digits):
    assert_similar(digits, digits)


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("size", [40, 150, 700])
def test_size_place_and_colours_do_not_matter(digits, dark, size):
    pages = [
        place(enlarge(digit, size), (2 * size, 3 * size), *RNG.integers(0, size, 2))
        for digit in digits
    ]
    assert_similar([0.8 - 0.6 * page if dark else 0.2 + 0.6 * page for page in pages], digits)


def test_the_result_is_as_mnist_describes_it(digits):
    for digit in digits:
        image = image_to_digit(1 - place(enlarge(digit, 100), (130, 130), 5, 20))
        assert (image.dtype, image.shape) == (np.uint8, (28, 28))
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        # MNIST's own centres of mass lie within half a pixel of (14, 14).
        assert ndimage.center_of_mass(image) == pytest.approx((14, 14), abs=0.51)
        assert image.max() == 255


def test_uneven_light_and_a_shadow_are_no_ink(digits):
    rows, columns = np.mgrid[:240, :300] / 240
    light = 0.9 - 0.4 * columns
    light[(rows + columns) > 1.1] *= 0.6  # with a sharp edge
    pages = [place(enlarge(digit, 120), light.shape, 60, 90) for digit in digits]
    pictures = [light * (1 - 0.7 * page) + RNG.normal(0, 0.01, page.shape) for page in pages]
    assert_similar([np.clip(picture, 0, 1) for picture in pictures], digits)


def test_thin_strokes_are_thickened_and_thick_ones_stay():
    page = np.ones((400, 400))
    page[50:350, 199:202] = 0  # a 1, drawn with a fine pen
    fine = image_to_digit(page)
    page[50:350, 180:220] = 0
    thick = image_to_digit(page)
    assert 2 <= (fine[14] > 127).sum() <= 3
    assert (thick[14] > 127).sum() == pytest.approx(40 * 20 / 300, abs=1)


def test_a_huge_digit_is_thickened_as_a_small_one(digits):
    fine = [np.asarray(Image.fromarray(digit).resize((56, 56))) > 200 for digit in digits[:5]]
    large = [np.kron(digit, np.ones((20, 20))) for digit in fine]
    assert_similar(
        [digit_to_image(d.astype(np.float32)) for d in large],
        [digit_to_image(d.astype(np.float32)) for d in fine],
    )


def test_specks_and_what_the_edge_cuts_are_left_out(digits):
    page = place(enlarge(digits[0], 150), (300, 300), 70, 80)
    clean = image_to_digit(1 - page)
    page[20:24, 30:34] = 1
    page[-20:, :] = 1
    assert similarity(image_to_digit(1 - page), clean) > 0.99


def test_parts_of_a_broken_digit_stay_together(digits):
    five = np.where(np.arange(28)[:, None] == 12, 0, digits[8])  # a gap between bar and bow
    whole = image_to_digit(1 - place(enlarge(five, 150), (300, 300), 70, 80))
    assert similarity(whole, five) > 0.9


def test_every_step_is_kept(digits):
    picture = (255 * (1 - place(enlarge(digits[0], 150), (300, 400), 70, 80))).astype(np.uint8)
    steps = explain_steps(picture)
    assert np.array_equal(steps.grey, picture / np.float32(255))
    assert steps.ink.min() >= 0
    assert 0 <= steps.digit.min() < steps.digit.max() <= 1
    assert max(steps.scaled.shape) == 20
    assert np.array_equal(steps.image, image_to_digit(picture))


def test_a_digit_that_fills_its_picture_is_recognised_as_one_with_a_margin(digits):
    for digit in digits:
        tight = np.kron(digit[find_extent(digit > 50)], np.ones((4, 4))) / 255
        assert similarity(image_to_digit(1 - 0.8 * tight), digit) > 0.85


@pytest.mark.parametrize(
    "blank",
    [
        np.full((100, 100), 255, np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.full((3, 500, 3), 128, np.uint8),
        np.linspace(0.3, 0.9, 300 * 200).reshape(200, 300),
        np.clip(RNG.normal(0.8, 0.02, (300, 200)), 0, 1),
        RNG.integers(0, 256, (200, 200), dtype=np.uint8),
        RNG.integers(0, 256, (1, 300), dtype=np.uint8),
        RNG.integers(0, 256, (300, 1), dtype=np.uint8),
        np.zeros((50, 60, 4), np.uint8),
    ],
    ids=[
        *("white", "black", "one pixel", "grey", "slope", "paper", "noise"),
        *("one row", "one column", "transparent"),
    ],
)
def test_blank_pictures_and_noise_are_refused(blank):
    with pytest.raises(ValueError, match="no digit found"):
        image_to_digit(blank)
