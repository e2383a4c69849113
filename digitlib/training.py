"""Train a recipe. The test images are no argument here, so they cannot leak into training."""

import time
from typing import NamedTuple

import keras

from digitlib.images import preprocess_images
from digitlib.recipes import build_model


class Run(NamedTuple):
    """One finished training.

    Attributes:
        model: the trained `keras.Sequential`, compiled.
        history: a list of one float an epoch for each of "loss", "accuracy" (training, averaged
            over the epoch while it ran), "val_loss" and "val_accuracy" (validation, at its end).
        seconds: wall-clock time of `fit`.
    """

    model: keras.Model
    history: dict
    seconds: float


def train_model(recipe, train, validation, *, seed=0, verbose="auto"):
    """Builds a recipe's network and trains it, reproducibly.

    Sets the global seeds of Python, NumPy and the backend: the same seed on the same machine gives
    the same weights, bit for bit.

    Args:
        recipe: a `Recipe`; `dataclasses.replace(recipe, epochs=1)` changes a number.
        train: the `Split` to learn from.
        validation: the `Split` that is measured after each epoch and never learned from.
        seed: int from 0 to 2**32 - 1.
        verbose: Keras's own: "auto" shows a progress bar, 2 a line an epoch, 0 nothing.

    Returns:
        A `Run`: the model after the last epoch, its history, its time.

    Raises:
        ValueError: the seed is out of range or images are not uint8 (n, 28, 28).
    """
    keras.utils.set_random_seed(seed)
    model = build_model(recipe)
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    images, validation_images = (preprocess_images(split.images) for split in (train, validation))
    started = time.perf_counter()
    fitted = model.fit(
        images,
        train.labels,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation_data=(validation_images, validation.labels),
        verbose=verbose,
    )
    return Run(model, fitted.history, time.perf_counter() - started)
