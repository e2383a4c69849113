"""Classic faults, each made on purpose, for a gallery of their symptoms.

Reading this module gives the gallery's answers away: match symptoms and causes first.
"""

import numpy as np

from digitlib.data import NUM_CLASSES
from digitlib.images import preprocess_images

CAUSES = {
    1: "the input is not scaled",
    2: "the training labels are shuffled",
    3: "the learning rate is far too high",
    4: "softmax is applied twice",
    5: "the test set is used for choosing",
}
FAULTS = {"A": 4, "B": 2, "C": 1, "D": 3, "E": 5}


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
    fault = CAUSES.get(FAULTS.get(letter), "")
    inputs, known = preprocess_images(train.images), preprocess_images(validation.images)
    if "scaled" in fault:
        inputs, known = inputs * 255, known * 255
    labels = train.labels
    if "shuffled" in fault:
        labels = np.random.default_rng(seed).permutation(labels)
    model = _build_network(keras)
    if "twice" in fault:
        model.add(keras.layers.Softmax())
    adam = keras.optimizers.Adam(0.5 if "rate" in fault else 0.001)
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


def choose_on_test(scores, labels, *, num_test=100, num_variants=300, seed=0):
    """Commits fault E: tries many variants of a classifier and keeps the best on a small test set.

    A variant prefers some digits and neglects others, at random: there is no reason why it should
    be better than the classifier itself.

    Args:
        scores: floats (n, 10), a classifier's answers; the highest of a row wins.
        labels: integers (n,).
        num_test: how many of the images, the first ones, are the "test set" that chooses.
        num_variants: how many variants to try.
        seed: int.

    Returns:
        Two float arrays (num_variants,): the best accuracy so far on the images that chose, and
        the accuracy of that very variant on all other images, which are new to it.
    """
    random = np.random.default_rng(seed)
    chosen, new, best = [], [], -1.0
    for _ in range(num_variants):
        preferences = random.normal(0, 0.1 * scores.std(), NUM_CLASSES)
        right = (scores + preferences).argmax(axis=1) == labels
        if right[:num_test].mean() > best:
            best, on_new = right[:num_test].mean(), right[num_test:].mean()
        chosen.append(best)
        new.append(on_new)
    return np.array(chosen), np.array(new)
