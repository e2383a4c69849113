"""Classic faults, each made on purpose, for a gallery of their symptoms.

Reading this module gives the gallery's answers away: match symptoms and causes first.
"""

import numpy as np

from digitlib.data import NUM_CLASSES
from digitlib.images import preprocess_images

_UNSCALED, _SHUFFLED, _HUGE_RATE, _TWO_SOFTMAX, _CHOOSING_ON_TEST = range(1, 6)
# The causes as the lesson numbers them, in the order of its figures A to E.
FAULTS = {
    "A": _TWO_SOFTMAX,
    "B": _SHUFFLED,
    "C": _UNSCALED,
    "D": _HUGE_RATE,
    "E": _CHOOSING_ON_TEST,
}


def train_faulty(letter, train, validation, *, seed=0, epochs=6):
    """Trains a small CNN with the fault of that letter, A to D; any other letter: without a fault.

    Args:
        letter: a key of `FAULTS`, or "healthy".
        train: a `Split`.
        validation: a `Split`.
        seed: int.
        epochs: int.

    Returns:
        The history of Keras's `fit`: lists of loss, accuracy, val_loss and val_accuracy.
    """
    import keras

    keras.utils.set_random_seed(seed)
    fault = FAULTS.get(letter)
    inputs, known = preprocess_images(train.images), preprocess_images(validation.images)
    if fault == _UNSCALED:
        inputs, known = inputs * 255, known * 255
    labels = train.labels
    if fault == _SHUFFLED:
        labels = np.random.default_rng(seed).permutation(labels)
    model = _build_network(keras)
    if fault == _TWO_SOFTMAX:
        model.add(keras.layers.Softmax())
    adam = keras.optimizers.Adam(0.5 if fault == _HUGE_RATE else 0.001)
    model.compile(adam, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted = model.fit(
        inputs,
        labels,
        batch_size=64,
        epochs=epochs,
        validation_data=(known, validation.labels),
        verbose=0,
    )
    return fitted.history


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


def try_variants(scores, labels, *, num_test=100, num_variants=300, seed=0):
    """Tries many variants of a classifier and keeps the best on a small set of images.

    A variant prefers some digits and neglects others, at random: there is no reason why it should
    be better than the classifier itself. This is done with many small sets; the curves are means.

    Args:
        scores: floats (n, 10), a classifier's answers; the highest of a row wins.
        labels: integers (n,).
        num_test: how many images each small set has.
        num_variants: how many variants are tried.
        seed: int.

    Returns:
        Two float arrays (num_variants,): the best accuracy so far on the small set, and the
        accuracy of that very variant on all other images.
    """
    sizes = num_variants, NUM_CLASSES
    preferences = np.random.default_rng(seed).normal(0, 0.1 * scores.std(), sizes)
    right = np.array([(scores + each).argmax(axis=1) == labels for each in preferences])
    num_sets = len(labels) // num_test
    small_sets = right[:, : num_sets * num_test].reshape(num_variants, num_sets, num_test)
    inside = small_sets.sum(axis=2)
    outside = right.sum(axis=1, keepdims=True) - inside
    best_so_far = np.maximum.accumulate(inside, axis=0)
    # The first variant to reach the best is the one that is kept.
    kept = np.array([(inside == best).argmax(axis=0) for best in best_so_far])
    new = np.take_along_axis(outside, kept, axis=0) / (len(labels) - num_test)
    return best_so_far.mean(axis=1) / num_test, new.mean(axis=1)
