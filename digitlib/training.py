"""Train a recipe. The test images are no argument here, so they cannot leak into training."""

import math
import time
from typing import NamedTuple

import keras
import numpy as np

from digitlib.images import one_hot_labels, preprocess_images
from digitlib.recipes import build_model


class Run(NamedTuple):
    """One finished training.

    Attributes:
        model: the trained `keras.Sequential`, compiled.
        history: a list of one float an epoch for each of "loss", "accuracy" (training, averaged
            over the epoch while it ran), "val_loss" and "val_accuracy" (validation, at its end).
        seconds: wall-clock time of `fit`.
        cpu_seconds: processor time of `fit`, all threads together.
    """

    model: keras.Model
    history: dict
    seconds: float
    cpu_seconds: float


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
        optimizer=keras.optimizers.Adam(_schedule(recipe, len(train.labels))),
        loss=recipe.loss,
        metrics=["accuracy"],
    )
    images, labels = _prepare(train, recipe)
    if recipe.augmentation:
        learned_from = {"x": _augment(images, labels, recipe, seed), "shuffle": False}
    else:
        learned_from = {"x": images, "y": labels, "batch_size": recipe.batch_size}
    started, cpu_started = time.perf_counter(), time.process_time()
    fitted = model.fit(
        **learned_from,
        epochs=recipe.epochs,
        validation_data=_prepare(validation, recipe),
        verbose=verbose,
    )
    return Run(
        model,
        fitted.history,
        time.perf_counter() - started,
        time.process_time() - cpu_started,
    )


def build_augmentation(strength, seed=0):
    """Builds layers that move images at random, as `Recipe.augmentation` tells.

    They belong to training only and are no part of a model.

    Args:
        strength: the greatest shift and zoom, a share of the image's size, and three times the
            greatest rotation in full turns.
        seed: int.

    Returns:
        A `keras.Sequential` from float32 (n, 28, 28, 1) to the same; call it with `training=True`.
    """
    layers = keras.layers
    # With one seed for all, each image would be shifted, turned and zoomed by the same draw.
    seeds = map(int, np.random.SeedSequence(seed).generate_state(3))
    outside = "constant"  # what comes in at the edges is paper
    return keras.Sequential(
        [
            layers.RandomTranslation(strength, strength, fill_mode=outside, seed=next(seeds)),
            layers.RandomRotation(strength / 3, fill_mode=outside, seed=next(seeds)),
            layers.RandomZoom(strength, fill_mode=outside, seed=next(seeds)),
        ]
    )


def _augment(images, labels, recipe, seed):
    import tensorflow as tf  # its data pipeline serves every Keras backend

    move = build_augmentation(recipe.augmentation, seed)
    shuffled = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels), seed)
    batches = shuffled.batch(recipe.batch_size)
    return batches.map(lambda x, y: (move(x, training=True), y)).prefetch(1)


def _schedule(recipe, num_images):
    if recipe.schedule == "constant":
        return recipe.learning_rate
    steps = recipe.epochs * math.ceil(num_images / recipe.batch_size)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=recipe.learning_rate,
        warmup_steps=steps // 10,
        decay_steps=steps - steps // 10,
    )


def _prepare(split, recipe):
    one_hot = recipe.loss == "categorical_crossentropy"
    labels = one_hot_labels(split.labels) if one_hot else split.labels
    return preprocess_images(split.images), labels
