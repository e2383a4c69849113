import gzip
import hashlib
import socket
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import ROOT, idx_images, idx_labels

from digitlib import Split, hold_out, load_mnist

LABELS = [3, 1, 4, 1, 5, 9]


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        (
            "train-images-idx3-ubyte",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        (
            "train-labels-idx1-ubyte",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        (
            "t10k-images-idx3-ubyte",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        (
            "t10k-labels-idx1-ubyte",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
)
def test_embedded_file_is_the_published_one(name, sha256):
    packed = (ROOT / "digitlib" / "mnist" / f"{name}.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == sha256
    # gzip -n stores neither the file's name nor its time: flags and time are zero.
    assert packed[3] == 0
    assert packed[4:8] == bytes(4)


def test_arrays_hold_the_bytes_of_the_files(mnist):
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    for split, prefix in ((mnist.train, "train"), (mnist.test, "t10k")):
        for array, kind, header in (
            (split.images, "images-idx3", 16),
            (split.labels, "labels-idx1", 8),
        ):
            assert array.dtype == np.uint8
            with gzip.open(ROOT / "digitlib" / "mnist" / f"{prefix}-{kind}-ubyte.gz") as file:
                assert array.tobytes() == file.read()[header:]


def test_label_counts_are_those_published_for_mnist(mnist):
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.train.labels).tolist() == train
    assert np.bincount(mnist.test.labels).tolist() == test


def test_arrays_cannot_be_changed_by_accident(mnist):
    with pytest.raises(ValueError, match="read-only"):
        mnist.train.images[0] //= 2


def test_changed_embedded_file_is_noticed(monkeypatch, tmp_path):
    for path in (ROOT / "digitlib" / "mnist").glob("*.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    changed = bytearray(gzip.decompress(labels.read_bytes()))
    changed[8] = 0  # the first test image is a 7
    labels.write_bytes(gzip.compress(bytes(changed)))
    monkeypatch.setattr("digitlib.data._EMBEDDED", tmp_path)
    with pytest.raises(ValueError, match=r"t10k-labels.*expected SHA-256 ff7b.*found.*reinstall"):
        load_mnist()


def test_folder_is_read_gzipped_or_not(small_folder, small_images):
    packed = small_folder / "train-images-idx3-ubyte"
    (small_folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    for split in load_mnist(small_folder):
        assert np.array_equal(split.images, small_images)
        assert split.labels.tolist() == LABELS
        assert split.labels.dtype == np.uint8


def test_names_with_a_dot_and_a_folder_around_each_file_are_known(small_folder, small_images):
    # Archives on data sharing sites unpack to a folder `NAME/` beside or around the file.
    for kind in ("images-idx3", "labels-idx1"):
        path = small_folder / f"t10k-{kind}-ubyte"
        path.rename(small_folder / f"t10k-{kind.replace('-', '.')}-ubyte")
        path.mkdir()
    assert np.array_equal(load_mnist(small_folder).test.images, small_images)


def test_folder_with_test_files_only(small_folder, small_images):
    for path in small_folder.glob("train-*"):
        path.unlink()
    loaded = load_mnist(str(small_folder))
    assert loaded.train is None
    assert np.array_equal(loaded.test.images, small_images)


LAYOUTS = {
    "a folder around each file": lambda name: f"{name}/{name}",
    "torchvision": lambda name: f"MNIST/raw/{name}",
    "torchvision, one folder further in": lambda name: f"raw/{name}",
    "torchvision and a folder around each file": lambda name: f"MNIST/raw/{name}/{name}",
    "capitals": str.upper,
    "capitals around small letters": lambda name: f"{name.upper()}/{name}",
    "dots": lambda name: name.replace("s-idx", "s.idx"),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_known_layouts_are_found(small_folder, small_images, tmp_path, layout, zipped):
    folder = tmp_path / "data"
    for path in list(small_folder.glob("*-ubyte")):
        name, content = path.name, path.read_bytes()
        if zipped:
            name, content = f"{name}.gz", gzip.compress(content)
        place = folder / LAYOUTS[layout](name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for split in load_mnist(folder):
        assert np.array_equal(split.images, small_images)
        assert split.labels.tolist() == LABELS


def test_gzip_is_told_by_the_first_bytes_not_by_the_name(small_folder, small_images):
    # Browsers unpack some downloads without changing their name, and leave others packed.
    for path in list(small_folder.glob("*-ubyte")):
        content = path.read_bytes()
        path.unlink()
        if "images" in path.name:
            path.write_bytes(gzip.compress(content))
        else:
            path.with_name(f"{path.name}.gz").write_bytes(content)
    loaded = load_mnist(small_folder)
    assert np.array_equal(loaded.test.images, small_images)
    assert loaded.test.labels.tolist() == LABELS


def test_a_tilde_is_the_home_folder(small_folder, small_images, monkeypatch):
    monkeypatch.setenv("HOME", str(small_folder.parent))
    monkeypatch.setenv("USERPROFILE", str(small_folder.parent))
    for source in (f"~/{small_folder.name}", Path("~") / small_folder.name):
        assert np.array_equal(load_mnist(source).test.images, small_images)
    with pytest.raises(NotADirectoryError, match="nobody-of-this-name is not a folder"):
        load_mnist("~nobody-of-this-name")


@pytest.mark.parametrize("place", ["FashionMNIST/raw", "archive"])
def test_a_folder_further_in_is_named(small_folder, tmp_path, place):
    folder = tmp_path / "data"
    (folder / place).mkdir(parents=True)
    for path in list(small_folder.glob("*-ubyte")):
        path.rename(folder / place / path.name)
    with pytest.raises(FileNotFoundError) as caught:
        load_mnist(folder)
    assert f"Did you mean {folder / place}?" in str(caught.value)


IMAGES_FILE, LABELS_FILE = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
SIX = np.zeros((6, 28, 28), np.uint8)
GZIPPED = gzip.compress(idx_images(SIX), mtime=0)  # two workers must collect the same tests


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (IMAGES_FILE, idx_images(SIX)[:-1], r"expected 4,704 bytes .* found only 4,703"),
        (IMAGES_FILE, idx_images(SIX) + b"x", "expected 4,704 bytes .* found more"),
        (IMAGES_FILE, idx_images(SIX, magic=0x801), "magic number 0x00000803; found 0x00000801"),
        (IMAGES_FILE, b"\x89PNG\r\n\x1a\n" + bytes(8), "found 0x89504e47"),
        (IMAGES_FILE, b"", "expected magic number .*; found only 0 bytes"),
        (IMAGES_FILE, idx_images(SIX)[:9], "expected magic number .*; found only 9 bytes"),
        (IMAGES_FILE, idx_images(SIX[:5]), "hold 5 images and 6 labels"),
        (IMAGES_FILE, idx_images(SIX[:0]), "hold 0 images and 6 labels"),
        (
            IMAGES_FILE,
            idx_images(SIX, count=2**32 - 1),
            r"shape \(4294967295, 28, 28\); found only",
        ),
        (IMAGES_FILE, idx_images(SIX.reshape(6, 14, 56)), r"\(28, 28\); found \(14, 56\)"),
        (LABELS_FILE, idx_labels(LABELS, magic=0x803), "magic number 0x00000801; found 0x00000803"),
        (LABELS_FILE, idx_labels([3, 1, 4, 11, 5, 9]), "expected labels 0-9; found 11 at row 3"),
        (LABELS_FILE, idx_labels(LABELS[:4]), "hold 6 images and 4 labels"),
        (f"{IMAGES_FILE}.gz", GZIPPED[:-9], "damaged .*: Compressed file ended"),
        (f"{IMAGES_FILE}.gz", b"no gzip, but some text", "found 0x6e6f2067"),
        (IMAGES_FILE, GZIPPED[:-9], "damaged .*: Compressed file ended"),
        (f"{IMAGES_FILE}.gz", GZIPPED[:20] + bytes(20), "is damaged or holds something else: "),
        (f"{IMAGES_FILE}.gz", GZIPPED[:-8] + bytes(8), "damaged .*: CRC check failed"),
        (f"{IMAGES_FILE}.gz", b"", "found only 0 bytes"),
    ],
)
def test_damaged_file_is_named_with_what_was_expected_and_found(
    small_folder, name, content, message
):
    (small_folder / name.removesuffix(".gz")).unlink()
    (small_folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_mnist(small_folder)
    assert str(small_folder / name) in str(caught.value)
    assert "load_mnist() without arguments" in str(caught.value)


@pytest.mark.parametrize("missing", [IMAGES_FILE, LABELS_FILE])
def test_missing_half_is_named(small_folder, missing):
    (small_folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks {missing}\[\.gz\]"):
        load_mnist(small_folder)


def test_missing_test_files_are_named(small_folder):
    for path in small_folder.glob("t10k-*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="lacks t10k-images"):
        load_mnist(small_folder)


def test_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="lacks t10k-images-idx3-ubyte"):
        load_mnist(tmp_path)


def test_file_or_nothing_instead_of_a_folder(small_folder):
    for wrong in (small_folder / IMAGES_FILE, small_folder / "nowhere"):
        with pytest.raises(NotADirectoryError, match="is not a folder"):
            load_mnist(wrong)


def test_directory_instead_of_a_file(small_folder):
    (small_folder / IMAGES_FILE).unlink()
    (small_folder / IMAGES_FILE).mkdir()
    with pytest.raises(FileNotFoundError, match=f"lacks {IMAGES_FILE}"):
        load_mnist(small_folder)


def test_keras_without_network_is_a_readable_error(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(ConnectionError, match=r"load_mnist\(\) without arguments"):
        load_mnist("keras")


def test_keras_data_come_as_splits(monkeypatch, small_images):
    pair = small_images, np.array(LABELS, np.uint8)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (pair, pair))
    for split in load_mnist("keras"):
        assert isinstance(split, Split)
        assert np.array_equal(split.images, small_images)


def test_hold_out_is_stratified_complete_and_repeatable(mnist):
    train, validation = hold_out(mnist.train, fraction=1 / 12, seed=0)
    assert (len(train.labels), len(validation.labels)) == (55_000, 5_000)
    expected = np.bincount(mnist.train.labels) / 12
    assert np.abs(np.bincount(validation.labels) - expected).max() < 1

    def keys(*splits):
        return sorted(
            (int(label), image.tobytes())
            for split in splits
            for image, label in zip(split.images, split.labels, strict=True)
        )

    assert keys(train, validation) == keys(mnist.train)
    again = hold_out(mnist.train, fraction=1 / 12, seed=0)[1]
    other = hold_out(mnist.train, fraction=1 / 12, seed=1)[1]
    assert np.array_equal(again.images, validation.images)
    assert not np.array_equal(other.images, validation.images)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 5000, np.nan, "a", None, [0.1]])
def test_hold_out_refuses_impossible_fractions(mnist, fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out(mnist.train, fraction=fraction, seed=0)


def test_hold_out_refuses_splits_without_every_digit(mnist):
    with pytest.raises(ValueError, match="cannot hold out 6 of 60000 images"):
        hold_out(mnist.train, fraction=0.0001, seed=0)


def test_hold_out_refuses_to_leave_a_rare_digit_out():
    labels = np.repeat(np.array([0, 1, 2], np.uint8), [100, 100, 2])
    split = Split(np.zeros((202, 28, 28), np.uint8), labels)
    with pytest.raises(ValueError, match="cannot hold out 20 of 202 images"):
        hold_out(split, fraction=0.1, seed=0)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, "0", None])
def test_hold_out_names_a_seed_that_is_none(mnist, seed):
    with pytest.raises(ValueError, match=r"seed must be an integer from 0 .*; got"):
        hold_out(mnist.train, fraction=0.1, seed=seed)


def test_hold_out_takes_a_split_and_nothing_else(mnist):
    unequal = Split(mnist.test.images, mnist.test.labels[:-1])
    for wrong, found in ((None, "NoneType"), (mnist, "Mnist"), (unequal, "other lengths")):
        with pytest.raises(ValueError, match=rf"expected a Split, .* got {found}"):
            hold_out(wrong, fraction=0.1, seed=0)
