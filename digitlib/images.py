"""Turn pictures and labels into what a network takes."""

import numpy as np

from digitlib.data import IMAGE_SIZE, NUM_CLASSES


def preprocess_images(images):
    """Scales images to [0, 1] and adds the channel axis: the one door to the network.

    Args:
        images: uint8 (n, 28, 28), 0 background to 255 ink.

    Returns:
        float32 (n, 28, 28, 1), 0 background to 1 ink.

    Raises:
        ValueError: any other dtype or shape. Floats are refused, so that nothing is scaled twice.
    """
    images = _check_images(images)
    scaled = images[..., np.newaxis].astype(np.float32)
    scaled /= 255  # in place: another array of floats would be four times the images
    return scaled


def batch_images(images, labels, order, batch_size):
    """Returns batches for Keras's `fit`, prepared while the network learns from earlier ones.

    The images stay uint8 until their batch is needed. Converting all of them first would take four
    times the memory and delay the first step.

    Args:
        images: uint8 (n, 28, 28), 0 background to 255 ink.
        labels: (n,) or (n, 10), in the form that the loss expects.
        order: integers (m,), the indices of the images in the order of training.
        batch_size: int; the last batch may be smaller.

    Returns:
        A `tf.data.Dataset` of pairs: images as `preprocess_images` scales them, and their labels.

    Raises:
        ValueError: as `preprocess_images`.
    """
    import tensorflow as tf

    images, labels, order = (tf.constant(a) for a in (_check_images(images), labels, order))

    def load(start):
        rows = order[start : start + batch_size]
        scaled = tf.cast(tf.gather(images, rows), tf.float32)[..., tf.newaxis] / 255
        return scaled, tf.gather(labels, rows)

    return tf.data.Dataset.range(0, len(order), batch_size).map(load).prefetch(4)


def _check_images(images):
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(
            f"images must be uint8 of shape (n, {IMAGE_SIZE}, {IMAGE_SIZE}); got {images.dtype} of "
            f"shape {images.shape}. Pass the images as loaded, before any scaling; "
            "a single image as image[None]."
        )
    return images


def one_hot_labels(labels):
    """Writes each label as ten numbers: a 1 at the digit's place, 0 elsewhere.

    The loss `categorical_crossentropy` takes labels of this form.

    Args:
        labels: integers (n,), the digits 0 to 9.

    Returns:
        float32 (n, 10).

    Raises:
        ValueError: not integers, not one-dimensional, or outside 0 to 9.
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        raise ValueError(
            f"labels must be integers of shape (n,); got {labels.dtype} of shape {labels.shape}."
        )
    wrong = labels[(labels < 0) | (labels >= NUM_CLASSES)]
    if wrong.size:
        raise ValueError(f"labels must be digits 0-{NUM_CLASSES - 1}; found {wrong[0]}.")
    return np.eye(NUM_CLASSES, dtype=np.float32)[labels]


def shift_images(images, rows, columns):
    """Moves images; paper comes in at the edges, and what leaves the frame is lost.

    Args:
        images: uint8 (n, 28, 28).
        rows: how many pixels down; negative: up.
        columns: how many pixels to the right; negative: to the left.

    Returns:
        uint8 (n, 28, 28).
    """
    shifted = np.roll(images, (rows, columns), axis=(1, 2))
    for axis, distance in ((1, rows), (2, columns)):
        came_round = slice(distance) if distance >= 0 else slice(distance, None)
        np.moveaxis(shifted, axis, 0)[came_round] = 0
    return shifted
