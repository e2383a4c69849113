import numpy as np
import pytest
import scipy.ndimage
from sklearn.preprocessing import LabelBinarizer

from digitlib import one_hot_labels, preprocess_images, shift_images
from digitlib.images import batch_images, verify_labels


def test_pixels_become_floats_from_0_to_1_with_a_channel(small_images):
    inputs = preprocess_images(small_images)
    assert inputs.dtype == np.float32
    assert inputs.shape == (6, 28, 28, 1)
    assert inputs[2, 5, 7, 0] == np.float32(int(small_images[2, 5, 7]) / 255)
    assert preprocess_images(np.full((1, 28, 28), 255, np.uint8)).max() == 1


def test_every_grey_value_comes_back(small_images):
    back = np.rint(preprocess_images(small_images)[..., 0] * 255).astype(np.uint8)
    assert np.array_equal(back, small_images)


def test_the_images_stay_as_they_were(small_images):
    before = small_images.copy()
    preprocess_images(small_images)
    assert np.array_equal(small_images, before)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 28, 28), np.float32),
        np.zeros((2, 28, 28), np.int64),
        np.zeros((2, 28, 28, 1), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((2, 784), np.uint8),
        "images",
        None,
    ],
)
def test_anything_else_is_refused_with_its_dtype_and_shape(wrong):
    with pytest.raises(ValueError, match="must be uint8") as caught:
        preprocess_images(wrong)
    array = np.asarray(wrong)
    assert f"got {array.dtype} of shape {array.shape}" in str(caught.value)


@pytest.mark.parametrize("size", [1, 4, 5, 100])
def test_batches_hold_the_images_as_preprocessed_in_the_order_asked_for(mnist, size):
    images, order = mnist.test.images[:5], np.array([4, 0, 0, 3, 1])
    for labels in (mnist.test.labels[:5], one_hot_labels(mnist.test.labels[:5])):
        batches = list(batch_images(images, labels, order, size).as_numpy_iterator())
        assert [len(inputs) for inputs, _ in batches] == [
            len(order[start : start + size]) for start in range(0, 5, size)
        ]
        inputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        assert inputs.dtype == np.float32
        assert np.array_equal(inputs, preprocess_images(images[order]))
        assert np.array_equal(targets, labels[order])


def test_batches_refuse_scaled_images(small_images):
    with pytest.raises(ValueError, match="must be uint8"):
        batch_images(small_images / 255, np.zeros(6), np.arange(6), 2)


def test_one_hot_labels_agree_with_scikit_learn(mnist):
    expected = LabelBinarizer().fit_transform(mnist.test.labels)
    assert np.array_equal(one_hot_labels(mnist.test.labels), expected)
    assert one_hot_labels([3]).dtype == np.float32


@pytest.mark.parametrize("wrong", [[10], [-1], [0.0], [[1, 2]], ["1"]])
def test_labels_that_are_no_digits_are_refused(wrong):
    with pytest.raises(ValueError, match="labels must be"):
        one_hot_labels(wrong)


def test_labels_of_other_images_are_refused():
    assert verify_labels([1, 2], 2).tolist() == [1, 2]
    with pytest.raises(ValueError, match="one label for each image; got 2 for 3"):
        verify_labels([1, 2], 3)


def test_only_images_are_shifted(small_images):
    for wrong in (small_images / 255, small_images[0], "images"):
        with pytest.raises(ValueError, match="must be uint8"):
            shift_images(wrong, 1, 0)


@pytest.mark.parametrize(
    ("rows", "columns"), [(0, 0), (2, 0), (-3, 1), (0, -5), (6, 6), (28, 0), (0, -40)]
)
def test_shifted_images_agree_with_scipy(small_images, rows, columns):
    expected = scipy.ndimage.shift(small_images, (0, rows, columns), order=0)
    shifted = shift_images(small_images, rows, columns)
    assert shifted.dtype == np.uint8
    assert np.array_equal(shifted, expected)
