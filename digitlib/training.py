"""Train a recipe. The test images are no argument here, so they cannot leak into training."""

import math
import time
from collections import defaultdict
from typing import NamedTuple

import keras
import numpy as np

from digitlib.augmentation import build_augmentation
from digitlib.data import NUM_CLASSES, Split
from digitlib.evaluation import calibrate_model
from digitlib.images import one_hot_labels, preprocess_images
from digitlib.recipes import ONE_HOT_LOSS, build_model

# So many steps run without a return to Python in between: it costs as much as a small step itself.
_STEPS_PER_CALL = 10


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
    images, labels = _prepare(_add_variants(train, recipe, seed), recipe)
    images, labels = _add_strangers(images, labels, train, recipe, seed)
    optimizer = _build_optimizer(recipe, len(labels))
    learner = model
    changes = {name: getattr(recipe, name) for name in ("shear", "stroke", "paper")}
    if recipe.augmentation or any(changes.values()):
        # They stand before the model while that learns, and are no part of it.
        augmentation = build_augmentation(recipe.augmentation, seed, **changes)
        learner = keras.Sequential([augmentation, model])
    torch = keras.backend.backend() == "torch"  # where Keras can do single steps only
    for network in (model, learner):
        network.compile(
            optimizer,
            loss=_loss(recipe),
            metrics=["accuracy"],
            steps_per_execution=1 if torch else _STEPS_PER_CALL,
        )
    known = _prepare(validation, recipe)
    moved_epochs = max(recipe.epochs - recipe.plain_epochs, 0)
    history = defaultdict(list)
    started, cpu_started = time.perf_counter(), time.process_time()
    for network, first, end in ((learner, 0, moved_epochs), (model, moved_epochs, recipe.epochs)):
        if first == end:
            continue
        fitted = network.fit(
            images,
            labels,
            batch_size=recipe.batch_size,
            initial_epoch=first,
            epochs=end,
            validation_data=known,
            verbose=verbose,
        )
        for name, values in fitted.history.items():
            history[name] += values
    if recipe.calibrated:
        calibrate_model(model, validation)
    return Run(
        model,
        dict(history),
        time.perf_counter() - started,
        time.process_time() - cpu_started,
    )


def _build_optimizer(recipe, num_images):
    return keras.optimizers.Adam(
        _schedule(recipe, num_images),
        beta_1=recipe.betas[0],
        beta_2=recipe.betas[1],
        weight_decay=recipe.weight_decay or None,
    )


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


def _loss(recipe):
    if recipe.loss == ONE_HOT_LOSS:
        return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    return recipe.loss


def _prepare(split, recipe):
    labels = one_hot_labels(split.labels) if recipe.loss == ONE_HOT_LOSS else split.labels
    return preprocess_images(split.images), labels


def _add_variants(train, recipe, seed):
    count = round(recipe.variants * len(train.labels))
    if not count:
        return train
    # What pictures need is slow to import, and only this needs it.
    from digitlib.synthetic import make_variants

    variants = make_variants(train, count, seed)
    return Split(*(np.concatenate(pair) for pair in zip(train, variants, strict=True)))


def _add_strangers(images, labels, train, recipe, seed):
    count = round(recipe.strangers * len(labels))
    if not count:
        return images, labels
    from digitlib.synthetic import make_strangers

    strangers = make_strangers(train.images, count, seed)
    undecided = np.full((count, NUM_CLASSES), 1 / NUM_CLASSES, np.float32)
    images = np.concatenate([images, preprocess_images(strangers)])
    return images, np.concatenate([labels, undecided])
