"""Load the handwritten digits as arrays that are checked once, here, and trusted afterwards."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from digitlib.mnist.idx import IMAGES, LABELS, QMNIST_LABELS, REMEDY, read_idx

IMAGE_SIZE = 28
NUM_CLASSES = 10

# Rows of MNIST's test split whose label people found to be wrong or undecidable.
# Source: C. Northcutt, A. Athalye and J. Mueller: Pervasive label errors in test sets (2021).
LABEL_ERRORS = (
    *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520),
    *(3558, 5937, 6651, 6783, 8527, 9679, 9729),
)


class Split(NamedTuple):
    """Images with their labels.

    Attributes:
        images: uint8 (n, 28, 28), 0 background, 255 ink.
        labels: uint8 (n,), the digits 0 to 9.
    """

    images: np.ndarray
    labels: np.ndarray


class Mnist(NamedTuple):
    """A data set: `train` to learn from (None if there is none), and `test` to judge by."""

    train: Split | None
    test: Split


class _Names(NamedTuple):
    """How a data set's files begin, and whether its images are stored column by column."""

    train: str
    test: str
    transposed: bool = False


_EMBEDDED = Path(__file__).parent / "mnist"
_EMBEDDED_SHA256 = {
    "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_DATA_SETS = [
    _Names("train-", "t10k-"),  # MNIST, Fashion-MNIST
    _Names("qmnist-train-", "qmnist-test-"),
    _Names("emnist-digits-train-", "emnist-digits-test-", transposed=True),
]
_EXAMPLE = "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz"
_IMAGE_ENDINGS = ["images-idx3-ubyte", "images.idx3-ubyte"]
_LABEL_ENDINGS = ["labels-idx1-ubyte", "labels.idx1-ubyte", "labels-idx2-int"]


def load_mnist(source=None):
    """Loads the 60,000 training and 10,000 test images of MNIST, or a data set of the same shape.

    Args:
        source: None reads the copy inside digitlib, needs no network and compares its hashes.
            A folder reads IDX files under their publishers' names, gzipped or not: MNIST and
            Fashion-MNIST (`train-images-idx3-ubyte`, `t10k-...`), QMNIST (`qmnist-train-...`)
            or EMNIST digits (`emnist-digits-train-...`, whose images are turned upright).
            "keras" downloads through `keras.datasets.mnist`; write "./keras" for a folder.

    Returns:
        `Mnist(train, test)`, each a `Split` of images uint8 (n, 28, 28), 0 background to 255 ink,
        and labels uint8 (n,), 0 to 9. Arrays may be read-only: `.copy()` one to change it.
        `train` is None if the folder holds test files only.

    Raises:
        OSError: a file or folder is missing or unreadable, or the download failed.
        ValueError: a file is damaged or holds something else.

    Source:
        Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits, CC BY-SA 3.0.
    """
    if source is None:
        return _load_folder(_EMBEDDED, _EMBEDDED_SHA256)
    if source == "keras":
        return _load_from_keras()
    return _load_folder(Path(source), {})


def hold_out(split, fraction, seed):
    """Sets a part of a split aside, with the same share of every digit (stratified).

    Args:
        split: a `Split`.
        fraction: the share to set aside, between 0 and 1; 1/12 of 60,000 is 5,000.
        seed: int; the same seed sets the same images aside.

    Returns:
        Two `Split`s: what remains, and what was set aside.

    Raises:
        ValueError: the fraction is out of range, or leaves one of the two without some digit.
    """
    # Importing scikit-learn takes a second, which commands that hold nothing out can spare.
    from sklearn.model_selection import train_test_split

    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie between 0 and 1, such as 1/12; got {fraction}")
    rows, held_out = np.arange(len(split.labels)), round(fraction * len(split.labels))
    impossible = ValueError(
        f"cannot set {held_out} of {len(rows)} images aside with every digit in both parts; "
        "choose another fraction or a larger data set."
    )
    try:
        kept, aside = train_test_split(
            rows, test_size=held_out, stratify=split.labels, random_state=seed
        )
    except ValueError as error:
        raise impossible from error
    if set(split.labels[kept]) != set(split.labels[aside]):
        raise impossible
    return tuple(Split(split.images[chosen], split.labels[chosen]) for chosen in (kept, aside))


def _load_folder(folder, sha256):
    if not folder.is_dir():
        raise NotADirectoryError(
            f"{folder} is not a folder; expected one with IDX files, such as {_EXAMPLE}."
        )
    for names in _DATA_SETS:
        train, test = (_load_split(folder, names, part, sha256) for part in names[:2])
        if test:
            return Mnist(train, test)
        if train:
            raise FileNotFoundError(
                f"{folder} holds {names.train}* but no {names.test}* to test with. {REMEDY}"
            )
    raise FileNotFoundError(f"{folder} holds no data set; expected {_EXAMPLE}. {REMEDY}")


def _load_split(folder, names, prefix, sha256):
    images_path = _find(folder, prefix, _IMAGE_ENDINGS)
    labels_path = _find(folder, prefix, _LABEL_ENDINGS)
    if not images_path and not labels_path:
        return None
    if not images_path or not labels_path:
        endings = _LABEL_ENDINGS if images_path else _IMAGE_ENDINGS
        expected = " or ".join(f"{prefix}{ending}[.gz]" for ending in endings)
        raise FileNotFoundError(
            f"{images_path or labels_path} lacks its other half; expected beside it {expected}. "
            f"{REMEDY}"
        )
    images = read_idx(images_path, [IMAGES], sha256=sha256.get(f"{prefix}images"))
    labels = read_idx(labels_path, [LABELS, QMNIST_LABELS], sha256=sha256.get(f"{prefix}labels"))
    if labels.ndim == 2:
        labels = labels[:, 0]
    if names.transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
    return _check_split(images, labels, images_path, labels_path)


def _find(folder, prefix, endings):
    candidates = [
        folder / f"{prefix}{ending}{zipped}" for ending in endings for zipped in ("", ".gz")
    ]
    # Some archives unpack each file into a folder of the same name: prefer the file.
    existing = sorted(filter(Path.exists, candidates), key=Path.is_dir)
    return existing[0] if existing else None


def _check_split(images, labels, images_path, labels_path):
    if images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        found = " x ".join(str(size) for size in images.shape[1:])
        raise ValueError(
            f"{images_path}: expected images of {IMAGE_SIZE} x {IMAGE_SIZE} pixels; "
            f"found {found}. {REMEDY}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} and {labels_path} belong together, but hold {len(images):,} images "
            f"and {len(labels):,} labels. {REMEDY}"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= NUM_CLASSES))
    if wrong.size:
        raise ValueError(
            f"{labels_path}: expected labels 0-{NUM_CLASSES - 1}; found {labels[wrong[0]]} "
            f"at row {wrong[0]}. {REMEDY}"
        )
    return Split(images, labels.astype(np.uint8, copy=False))


def _load_from_keras():
    from keras.datasets import mnist

    try:
        train, test = mnist.load_data()
    except Exception as error:  # Keras raises no narrower class when a download fails.
        raise ConnectionError(
            f"keras.datasets.mnist could not be loaded ({error}). Check the network, "
            "or call load_mnist() without arguments: its copy needs none."
        ) from error
    name = "keras.datasets.mnist"
    return Mnist(*(_check_split(*split, name, name) for split in (train, test)))
