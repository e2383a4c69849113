"""Load the handwritten digits as arrays that are checked once, here, and trusted afterwards."""

import re
from numbers import Integral, Real
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitlib.files import expand_home
from digitlib.mnist.idx import REMEDY, read_idx

IMAGE_SIZE = 28
NUM_CLASSES = 10

# Rows of MNIST's test split whose label people found to be wrong or undecidable.
# Source: C. Northcutt, A. Athalye and J. Mueller: Pervasive label errors in test sets (2021).
LABEL_ERRORS = (
    *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520),
    *(3558, 5937, 6651, 6783, 8527, 9679, 9729),
)


class Split(NamedTuple):
    """Images, uint8 (n, 28, 28), 0 background to 255 ink, and their labels, uint8 (n,), 0 to 9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class Mnist(NamedTuple):
    """A data set: `train` to learn from, if there is one, and `test` to measure with."""

    train: Split | None
    test: Split


# Source: Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits, CC BY-SA 3.0.
_EMBEDDED = Path(__file__).parent / "mnist"
_EMBEDDED_SHA256 = {
    "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_NUM_DIMENSIONS = {"images": 3, "labels": 1}
# Some archives write a dot before "idx", or unpack each file into a folder of its name.
_FILE = r"(?:.*-ubyte.*/)?((?:train|t10k)-(?:images|labels))[-.]idx[13]-ubyte(?:\.gz)?"


def load_mnist(source: str | Path | None = None) -> Mnist:
    """Loads the 60,000 training and 10,000 test images of MNIST, or a data set of the same form.

    Args:
        source: None reads the copy inside digitlib. A folder reads the files of MNIST or
            Fashion-MNIST, gzipped or not, under their published names (`t10k-images-idx3-ubyte`):
            from the folder, from a subfolder for each, or from the `MNIST/raw` of torchvision.
            "keras" downloads through `keras.datasets.mnist`; "./keras" means a folder.

    Returns:
        `Mnist(train, test)`, each a `Split`; `train` is None if the folder holds test files only.
        Arrays may be read-only: `.copy()` one to change it.

    Raises:
        OSError: a file or folder is missing or unreadable, or the download failed.
        ValueError: a file is damaged or holds something else.

    Example:
        >>> from digitlib.data import load_mnist
        >>> mnist = load_mnist()
        >>> mnist.train.images.shape, mnist.test.labels[:3]
        ((60000, 28, 28), array([7, 2, 1], dtype=uint8))
    """
    if source == "keras":
        return _load_from_keras()
    if source is None:
        return _load_folder(_EMBEDDED, _EMBEDDED_SHA256)
    return _load_folder(expand_home(source), {})


def hold_out(split: Split, fraction: float, *, seed: int) -> tuple[Split, Split]:
    """Holds a part of a split out, with the same fraction of every digit (stratified).

    Args:
        split: the images and labels to divide.
        fraction: the part to hold out, between 0 and 1; 1/12 of 60,000 is 5,000.
        seed: int, at least 0; the same seed holds out the same images.

    Returns:
        Two `Split`s: what remains, and what was held out. Each must have every digit.

    Example:
        >>> from digitlib.data import hold_out, load_mnist
        >>> train, validation = hold_out(load_mnist().train, fraction=1 / 12, seed=0)
        >>> len(train.labels), len(validation.labels)
        (55000, 5000)
    """
    # Importing scikit-learn takes a second, and commands that hold nothing out need not wait.
    from sklearn.model_selection import train_test_split

    _verify_hold_out(split, fraction, seed)
    images, labels = split
    count = round(fraction * len(labels))
    try:
        parts = train_test_split(*split, test_size=count, stratify=labels, random_state=seed)
        if set(parts[2]) != set(parts[3]):
            raise ValueError("a digit is too rare")
    except ValueError as error:
        raise ValueError(
            f"cannot hold out {count} of {len(images)} images with every digit in both parts; "
            "choose another fraction or a larger data set."
        ) from error
    return Split(parts[0], parts[2]), Split(parts[1], parts[3])


def _verify_hold_out(split, fraction, seed):
    if not isinstance(split, Split) or len(split.images) != len(split.labels):
        found = "other lengths" if isinstance(split, Split) else type(split).__name__
        raise ValueError(f"expected a Split, such as load_mnist().train; got {found}.")
    if not isinstance(fraction, Real) or not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, such as 1/12; got {fraction!r}.")
    if not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1; got {seed!r}.")


def _load_folder(folder, sha256):
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder.")
    for place in (folder, folder / "raw", folder / "MNIST" / "raw"):
        if files := _find_files(place):
            has_train = any(name.startswith("train") for name in files)
            train = _load_split(place, files, "train", sha256) if has_train else None
            return Mnist(train, _load_split(place, files, "t10k", sha256))
    deeper = [*folder.glob("*/t10k-*"), *folder.glob("*/*/t10k-*")]
    hint = f"Did you mean {deeper[0].parent}?" if deeper else REMEDY
    raise FileNotFoundError(f"{folder} lacks t10k-images-idx3-ubyte[.gz] and the like. {hint}")


def _find_files(folder):
    files = {}
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        match = re.fullmatch(_FILE, path.relative_to(folder).as_posix().lower())
        if match and path.is_file():
            files.setdefault(match[1], path)
    return files


def _load_split(folder, files, part, sha256):
    names = {f"{part}-{kind}": number for kind, number in _NUM_DIMENSIONS.items()}
    for name, number in names.items():
        if name not in files:
            raise FileNotFoundError(f"{folder} lacks {name}-idx{number}-ubyte[.gz]. {REMEDY}")
    arrays = (read_idx(files[name], number, sha256.get(name)) for name, number in names.items())
    return _verify_split(*arrays, " and ".join(str(files[name]) for name in names))


def _verify_split(images, labels, source):
    wrong = np.flatnonzero(labels >= NUM_CLASSES)
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        problem = f"expected images of shape (28, 28); found {images.shape[1:]}"
    elif len(images) != len(labels):
        problem = f"they hold {len(images):,} images and {len(labels):,} labels"
    elif wrong.size:
        problem = f"expected labels 0-9; found {labels[wrong[0]]} at row {wrong[0]}"
    else:
        return Split(images, labels)
    raise ValueError(f"{source}: {problem}. {REMEDY}")


def _load_from_keras():
    from keras.datasets import mnist

    try:
        splits = mnist.load_data()
    except Exception as error:  # Keras raises no narrower class when a download fails.
        raise ConnectionError(f"keras.datasets.mnist: {error}. {REMEDY}") from error
    return Mnist(*(_verify_split(*split, "keras.datasets.mnist") for split in splits))
