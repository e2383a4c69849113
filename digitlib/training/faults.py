"""Classic mistakes in training, each made deliberately, for a gallery of their symptoms.

This module gives the answers of the gallery away: match symptoms and causes first.
"""

import numpy as np
import numpy.typing as npt

from digitlib.data import NUM_CLASSES, Split
from digitlib.images import preprocess_images, verify_labels
from digitlib.startup import configure_keras
from digitlib.training.recipe import SEED, SETTINGS, Setting

_UNSCALED, _SHUFFLED, _HUGE_RATE, _TWO_SOFTMAX, _CHOOSING_ON_TEST = range(1, 6)
# The causes as the lesson numbers them, in the order of its figures A to E.
FAULTS = {
    "A": _TWO_SOFTMAX,
    "B": _SHUFFLED,
    "C": _UNSCALED,
    "D": _HUGE_RATE,
    "E": _CHOOSING_ON_TEST,
}


def train_faulty(
    letter: str, train: Split, validation: Split, *, seed: int = 0, epochs: int = 6
) -> dict[str, list[float]]:
    """Trains a small CNN with the fault that a letter stands for.

    Args:
        letter: "A" to "E", or "healthy". "E" equals "healthy": its fault is not in the training.
        train: the images and labels to learn from.
        validation: the images and labels to measure after each epoch.
        seed: int from 0 to 2**32 - 1.
        epochs: passes through the training images.

    Returns:
        "loss", "accuracy", "val_loss" and "val_accuracy", each a list of one float per epoch.

    Raises:
        ValueError: the letter is unknown, or a number is out of range.
    """
    if letter not in (*FAULTS, "healthy"):
        raise ValueError(f"letter must be one of {', '.join(FAULTS)} or healthy; got {letter!r}")
    epochs = SETTINGS["epochs"].check("epochs", epochs)
    configure_keras()
    import keras

    keras.utils.set_random_seed(SEED.check("seed", seed))
    fault = FAULTS.get(letter)
    scale = 255 if fault == _UNSCALED else 1
    inputs, targets = preprocess_images(train.images) * scale, train.labels
    if fault == _SHUFFLED:
        targets = np.random.default_rng(seed).permutation(targets)
    model = _build_network(keras)
    if fault == _TWO_SOFTMAX:
        model.add(keras.layers.Softmax())
    adam = keras.optimizers.Adam(0.5 if fault == _HUGE_RATE else 0.001)
    fast = {"metrics": ["accuracy"], "steps_per_execution": 20}  # faster, with the same result
    model.compile(adam, loss="sparse_categorical_crossentropy", **fast)
    # As in `train_model`: a metric that has its variables spares TensorFlow a second tracing.
    model.compute_metrics(None, targets[:1], np.full((1, NUM_CLASSES), 0.1))
    validation_data = preprocess_images(validation.images) * scale, validation.labels
    options = {"epochs": epochs, "validation_data": validation_data, "verbose": 0}
    return model.fit(inputs, targets, 64, validation_batch_size=1000, **options).history


def _build_network(keras):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(12, 5, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(48, activation="relu"),
            keras.layers.Dense(NUM_CLASSES, activation="softmax"),
        ]
    )


def try_variants(
    scores: npt.NDArray[np.floating],
    labels: npt.ArrayLike,
    *,
    num_test: int = 100,
    num_variants: int = 300,
    seed: int = 0,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Tries many variants of a classifier, and keeps the best on a small test set.

    A variant prefers some digits and neglects others, at random: there is no reason why it should
    be better than the classifier itself. The curves are means over many small test sets.

    Args:
        scores: floats (n, 10), a classifier's scores; the highest in a row is its prediction.
        labels: integers (n,), the true digits 0 to 9.
        num_test: the number of images in each small test set, from 1 to n - 1.
        num_variants: the number of variants, at least 1.
        seed: int from 0 to 2**32 - 1.

    Returns:
        Two float arrays (num_variants,), from 0 to 1: the best accuracy so far on the small test
        set, and the accuracy of that variant on all other images.

    Raises:
        ValueError: scores and labels don't match, or a number is out of range.

    Example:
        >>> import numpy as np
        >>> from digitlib import try_variants
        >>> seen, unseen = try_variants(np.eye(10), range(10), num_test=5, num_variants=3)
        >>> seen
        array([1., 1., 1.])
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.shape[1] != NUM_CLASSES or not np.isfinite(scores).all():
        raise ValueError(f"scores must be finite numbers (n, 10); got shape {scores.shape}")
    labels = verify_labels(labels, len(scores))
    num_test = Setting(int, "", least=1, most=len(labels) - 1).check("num_test", num_test)
    sizes = Setting(int, "", least=1).check("num_variants", num_variants), NUM_CLASSES
    rng = np.random.default_rng(SEED.check("seed", seed))
    preferences = rng.normal(0, 0.1 * scores.std(), sizes)
    right = np.array([(scores + each).argmax(axis=1) == labels for each in preferences])
    num_sets = len(labels) // num_test
    small_sets = right[:, : num_sets * num_test].reshape(len(right), num_sets, num_test)
    inside = small_sets.sum(axis=2)
    outside = right.sum(axis=1, keepdims=True) - inside
    best_so_far = np.maximum.accumulate(inside, axis=0)
    # Of equally good variants, the first is kept.
    kept = np.array([(inside == best).argmax(axis=0) for best in best_so_far])
    new = np.take_along_axis(outside, kept, axis=0) / (len(labels) - num_test)
    return best_so_far.mean(axis=1) / num_test, new.mean(axis=1)
