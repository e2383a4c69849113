import numpy as np
import pytest
import scipy.ndimage
from PIL import Image
from sklearn.preprocessing import LabelBinarizer

from digitlib import one_hot_labels, preprocess_images, read_image, shift_images


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


def test_one_hot_labels_agree_with_scikit_learn(mnist):
    expected = LabelBinarizer().fit_transform(mnist.test.labels)
    assert np.array_equal(one_hot_labels(mnist.test.labels), expected)
    assert one_hot_labels([3]).dtype == np.float32


@pytest.mark.parametrize("wrong", [[10], [-1], [0.0], [[1, 2]], ["1"]])
def test_labels_that_are_no_digits_are_refused(wrong):
    with pytest.raises(ValueError, match="labels must be"):
        one_hot_labels(wrong)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_png_is_read_back(tmp_path, mnist, mode):
    path = tmp_path / "digit.png"
    Image.fromarray(mnist.test.images[0]).convert(mode).save(path)
    assert np.array_equal(read_image(path), mnist.test.images[0])


def picture_bytes(tmp_path, mode="L", size=(28, 28)):
    Image.new(mode, size).save(tmp_path / "picture.png")
    return (tmp_path / "picture.png").read_bytes()


def test_unreadable_pictures_are_refused_by_name(tmp_path, small_images):
    Image.fromarray(small_images[0]).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    Image.fromarray(small_images[0]).save(tmp_path / "photo.jpg")
    jpeg = (tmp_path / "photo.jpg").read_bytes()
    broken = bytearray(whole)
    broken[20:60] = bytes(40)
    wrong = {
        "text.png": (b"no picture", "is not a PNG"),
        "empty.png": (b"", "is not a PNG"),
        "cut.png": (whole[: len(whole) // 2], "is not a PNG"),
        "broken.png": (bytes(broken), "is not a PNG"),
        "photo.png": (jpeg, "is not a PNG"),
        "huge.png": (picture_bytes(tmp_path, mode="1", size=(10_000, 10_000)), "is not a PNG"),
        "header.png": (whole[:20] + whole[24:], "is not a PNG"),
        "large.png": (picture_bytes(tmp_path, size=(280, 140)), "it is 280 x 140"),
        "deep.png": (picture_bytes(tmp_path, mode="I;16"), "its mode is I;16"),
        "transparent.png": (picture_bytes(tmp_path, mode="RGBA"), "its mode is RGBA"),
    }
    for name, (content, message) in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)


def test_missing_pictures_and_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(OSError, match=tmp_path.name):
        read_image(tmp_path)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (2, 0), (-3, 1), (0, -5), (6, 6)])
def test_shifted_images_agree_with_scipy(small_images, rows, columns):
    expected = scipy.ndimage.shift(small_images, (0, rows, columns), order=0)
    shifted = shift_images(small_images, rows, columns)
    assert shifted.dtype == np.uint8
    assert np.array_equal(shifted, expected)
