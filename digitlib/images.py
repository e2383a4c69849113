"""Turn images and labels into the arrays that a network takes."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from digitlib.data import IMAGE_SIZE, NUM_CLASSES


def preprocess_images(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scales images to [0, 1] and adds the channel axis. All networks take images in this form.

    Args:
        images: uint8 (n, 28, 28), 0 background to 255 ink. Floats are refused: they may be scaled.

    Returns:
        float32 (n, 28, 28, 1), 0 background to 1 ink.

    Example:
        >>> import numpy as np
        >>> from digitlib.images import preprocess_images
        >>> preprocess_images(np.zeros((2, 28, 28), np.uint8)).shape
        (2, 28, 28, 1)
    """
    return np.divide(verify_images(images)[..., np.newaxis], 255, dtype=np.float32)


def batch_images(images: NDArray, labels: ArrayLike, order: NDArray, batch_size: int) -> Iterable:
    """Returns a `tf.data.Dataset` of preprocessed images and labels; `order` holds indices (m,)."""
    import tensorflow as tf

    # Stored as uint8: as floats, all images would take four times the memory.
    images, labels, order = (tf.constant(a) for a in (verify_images(images), labels, order))

    def load(start):
        rows = order[start : start + batch_size]
        scaled = tf.cast(tf.gather(images, rows), tf.float32)[..., tf.newaxis] / 255
        return scaled, tf.gather(labels, rows)

    return tf.data.Dataset.range(0, len(order), batch_size).map(load).prefetch(4)


def one_hot_labels(labels: ArrayLike) -> NDArray[np.float32]:
    """One-hot encodes labels, for the loss `categorical_crossentropy`: 1 at the digit, else 0.

    Args:
        labels: integers (n,), the digits 0 to 9.

    Returns:
        float32 (n, 10).

    Example:
        >>> from digitlib.images import one_hot_labels
        >>> one_hot_labels([3])
        array([[0., 0., 0., 1., 0., 0., 0., 0., 0., 0.]], dtype=float32)
    """
    return np.eye(NUM_CLASSES, dtype=np.float32)[verify_labels(labels)]


def shift_images(images: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Shifts images. Background fills the free edges; pixels that leave the image are lost.

    Args:
        images: uint8 (n, 28, 28).
        rows: pixels to move down; negative: up.
        columns: pixels to move to the right; negative: to the left.

    Returns:
        uint8 (n, 28, 28).

    Example:
        >>> import numpy as np
        >>> from digitlib.images import shift_images
        >>> shift_images(np.ones((1, 28, 28), np.uint8), rows=2, columns=0)[0, :4, 0]
        array([0, 0, 1, 1], dtype=uint8)
    """
    images, reach = verify_images(images), max(abs(rows), abs(columns))
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
    top, left = reach - rows, reach - columns
    return padded[:, top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]


def verify_images(images: ArrayLike, *, single: bool = False) -> NDArray[np.uint8]:
    """Returns uint8 images (n, 28, 28), or a single one (28, 28), or raises ValueError."""
    images = np.asarray(images)
    size = images.shape if single else images.shape[1:]
    if images.dtype != np.uint8 or size != (IMAGE_SIZE, IMAGE_SIZE):
        expected = "image must be uint8 of shape (28, 28)"
        if not single:
            expected = "images must be uint8 of shape (n, 28, 28), a single image as image[None]"
        found = f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"{expected}, as loaded and before any scaling; got {found}.")
    return images


def verify_labels(labels: ArrayLike, count: int | None = None) -> NDArray[np.integer]:
    """Returns integers (n,), the digits 0 to 9 of `count` images, or raises ValueError."""
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        found = f"{labels.dtype} of shape {labels.shape}"
        raise ValueError(f"labels must be integers of shape (n,); got {found}.")
    wrong = labels[(labels < 0) | (labels >= NUM_CLASSES)]
    if wrong.size:
        raise ValueError(f"labels must be digits 0-{NUM_CLASSES - 1}; found {wrong[0]}.")
    if count not in (None, len(labels)):
        raise ValueError(f"expected one label for each image; got {len(labels)} for {count}.")
    return labels
