import numpy as np
import pytest
from scipy import ndimage
from sklearn.neighbors import KNeighborsClassifier

from digitlib import Split
from digitlib.training.synthetic import make_negatives, make_writing_styles


def test_negatives_look_like_images_of_mnist(mnist):
    negatives = make_negatives(mnist.train.images, 40, seed=1)
    assert (negatives.dtype, negatives.shape) == (np.uint8, (40, 28, 28))
    for image in negatives:
        rows, columns = np.nonzero(image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        assert np.abs(np.array(ndimage.center_of_mass(image)) - 14).max() < 0.51
        assert image.max() == 255


def test_the_seed_decides(mnist):
    images = mnist.train.images
    first, same, other = (make_negatives(images, 8, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    none = make_negatives(images, 0)
    assert (none.dtype, none.shape) == (np.uint8, (0, 28, 28))
    first, same, other = (make_writing_styles(mnist.train, 8, seed).images for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert [array.shape for array in make_writing_styles(mnist.train, 0)] == [(0, 28, 28), (0,)]


def test_half_of_them_show_two_digits_side_by_side(mnist):
    """Two digits fitted into the room of one are lower than one: 20 x 20 for both."""
    negatives = make_negatives(mnist.train.images, 200)
    pairs = np.concatenate([negatives[0::4], negatives[1::4]])
    heights = [np.ptp(np.flatnonzero(image.any(axis=1))) + 1 for image in pairs]
    single = [np.ptp(np.flatnonzero(i.any(axis=1))) + 1 for i in mnist.train.images[:200]]
    assert np.mean(heights) < 0.85 * np.mean(single)


def test_writing_styles_include_ones_with_an_upstroke_and_sevens_with_a_bar(mnist):
    images, labels = make_writing_styles(mnist.train, 1500, seed=1)
    assert (images.dtype, labels.dtype) == (mnist.train.images.dtype, mnist.train.labels.dtype)
    from_mnist = np.arange(len(labels)) % 15 < 3
    assert labels[from_mnist][:6].tolist() == [1, 1, 7, 1, 1, 7]

    def widths(images, top, bottom):
        """How wide the ink is between two shares of its height, for each image."""
        for image in images:
            rows = np.flatnonzero((image > 127).any(axis=1))
            part = image[rows[0] + int(top * len(rows)) : rows[0] + int(bottom * len(rows))]
            yield np.ptp(np.flatnonzero((part > 127).any(axis=0))) + 1

    usual = {digit: mnist.train.images[mnist.train.labels == digit][:200] for digit in (1, 7)}
    ones, sevens = (images[from_mnist & (labels == digit)] for digit in (1, 7))
    assert np.mean([*widths(ones, 0, 0.5)]) > 1.4 * np.mean([*widths(usual[1], 0, 0.5)])
    assert np.mean([*widths(sevens, 0.45, 0.7)]) > 1.4 * np.mean([*widths(usual[7], 0.45, 0.7)])


def test_drawn_digits_are_those_that_their_labels_say(mnist):
    """Their nearest neighbours in MNIST say so for most, and for all they wouldn't be needed."""
    images, labels = make_writing_styles(mnist.train, 1500, seed=1)
    drawn = np.arange(len(labels)) % 15 >= 3
    assert set(labels[drawn]) == set(range(10))
    nearest = KNeighborsClassifier(1).fit(
        mnist.train.images[:10000].reshape(-1, 784), mnist.train.labels[:10000]
    )
    right = nearest.predict(images[drawn].reshape(-1, 784)) == labels[drawn]
    shares = [right[labels[drawn] == digit].mean() for digit in range(10)]
    assert min(shares) > 0.5
    assert np.mean(shares) < 0.97


@pytest.mark.parametrize("lacking", [1, 7])
def test_writing_styles_need_ones_and_sevens(mnist, lacking):
    kept = mnist.test.labels != lacking
    split = Split(mnist.test.images[kept], mnist.test.labels[kept])
    with pytest.raises(ValueError, match=f"made from ones and sevens; found no {lacking}"):
        make_writing_styles(split, 3)
    assert len(make_writing_styles(split, 0).labels) == 0


def test_digits_need_ink():
    empty = np.zeros((5, 28, 28), np.uint8)
    with pytest.raises(ValueError, match="negatives are made from images of digits; got none"):
        make_negatives(empty[:0], 4)
    with pytest.raises(ValueError, match="an image is empty: all its pixels are 0"):
        make_negatives(empty, 4)
    with pytest.raises(ValueError, match="an image is empty: all its pixels are 0"):
        make_writing_styles(Split(empty, np.array([1, 7, 1, 7, 1], np.uint8)), 4)
