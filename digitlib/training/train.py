"""Train a recipe. The test images are no argument here, so they cannot leak into training."""

import hashlib
import math
import time
from dataclasses import fields
from datetime import date
from importlib.metadata import version
from typing import NamedTuple

import keras
import numpy as np

from digitlib.data import NUM_CLASSES, Split
from digitlib.evaluation import calibrate_model
from digitlib.images import batch_images, one_hot_labels
from digitlib.training.augmentation import build_augmentation
from digitlib.training.checkpoints import Checkpoint
from digitlib.training.networks import ONE_HOT_LOSS, build_model

# Between two steps, TensorFlow does not return to Python: that would cost as much as a small step.
_CALLS_PER_EPOCH = 10


class Run(NamedTuple):
    """One finished training.

    Attributes:
        model: the trained `keras.Sequential`, compiled.
        history: a list of one float an epoch for each of "loss", "accuracy" (training, averaged
            over the epoch while it ran), "val_loss" and "val_accuracy" (validation, at its end).
        seconds: wall-clock time of all epochs, with the ordering and scaling of their images.
        cpu_seconds: processor time of the same, all threads together.
        record: a dict for JSON: the recipe's numbers, seed, validation accuracy, a hash of the
            training data, versions and the day. `save_model` can note it in the file.
    """

    model: keras.Model
    history: dict
    seconds: float
    cpu_seconds: float
    record: dict


def train_model(recipe, train, validation, *, seed=0, verbose="auto", checkpoint_dir=None):
    """Builds a recipe's network and trains it, reproducibly.

    Sets the global seeds of Python, NumPy and the backend: the same seed on the same machine gives
    the same weights, bit for bit.

    Args:
        recipe: a `Recipe`; `dataclasses.replace(recipe, epochs=1)` changes a number.
        train: the `Split` to learn from.
        validation: the `Split` that is measured after each epoch and never learned from.
        seed: int from 0 to 2**32 - 1.
        verbose: Keras's own: "auto" shows a progress bar, 2 a line an epoch, 0 nothing.
        checkpoint_dir: a folder that keeps the state after each epoch. The same call goes on from
            there, also after a kill, and ends with the same weights as without an interruption.

    Returns:
        A `Run`: the model after the last epoch, its history, its time.

    Raises:
        ValueError: the seed is out of range, images are not uint8 (n, 28, 28), or the folder holds
            another training.
        FloatingPointError: the loss is no number any more.
        OSError: a checkpoint cannot be written.
    """
    keras.utils.set_random_seed(seed)
    model = build_model(recipe)
    images, labels = _gather(train, recipe, seed)
    learner = _compile(model, recipe, len(labels), seed)
    known = batch_images(
        validation.images,
        _prepare_labels(validation.labels, recipe),
        np.arange(len(validation.labels)),
        recipe.batch_size,
    )
    record = _record(recipe, train, seed)
    progress = {"epochs": 0, "history": {}, "seconds": 0.0, "cpu_seconds": 0.0}
    checkpoint = None
    if checkpoint_dir:
        checkpoint = Checkpoint(checkpoint_dir, {**record, "validation": _hash(validation)})
        progress = checkpoint.load(_state(model, learner)) or progress
    for epoch in range(progress["epochs"], recipe.epochs):
        started, cpu_started = time.perf_counter(), time.process_time()
        # An order that only seed and epoch decide, so that a training can go on where it ended.
        order = np.random.default_rng([seed, epoch]).permutation(len(labels))
        plain = epoch >= recipe.epochs - recipe.plain_epochs
        fitted = (model if plain else learner).fit(
            batch_images(images, labels, order, recipe.batch_size),
            shuffle=False,  # order has done it
            initial_epoch=epoch,
            epochs=recipe.epochs,
            validation_data=known,
            verbose=verbose,
            callbacks=[_OneEpoch()],
        )
        history = progress["history"]
        progress = {
            "epochs": epoch + 1,
            "history": {n: history.get(n, []) + values for n, values in fitted.history.items()},
            "seconds": progress["seconds"] + time.perf_counter() - started,
            "cpu_seconds": progress["cpu_seconds"] + time.process_time() - cpu_started,
        }
        if checkpoint:
            checkpoint.save(_state(model, learner), progress)
    if recipe.calibrated:
        calibrate_model(model, validation)
    history = progress["history"]
    record |= {
        "validation_accuracy": history["val_accuracy"][-1],
        "date": date.today().isoformat(),
    }
    return Run(model, history, progress["seconds"], progress["cpu_seconds"], record)


class _OneEpoch(keras.callbacks.Callback):
    """Ends `fit` after an epoch, or as soon as the loss is no number any more."""

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(
                "the loss is no number any more: the steps were too large. Lower learning_rate."
            )

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def _compile(model, recipe, num_images, seed):
    """Compiles the model, and returns what learns: the model behind its augmentation, if any."""
    learner = model
    changes = {name: getattr(recipe, name) for name in ("shear", "stroke", "paper")}
    if recipe.augmentation or any(changes.values()):
        # They stand before the model while that learns, and are no part of it.
        augmentation = build_augmentation(recipe.augmentation, seed, **changes)
        learner = keras.Sequential([augmentation, model])
    steps = math.ceil(num_images / recipe.batch_size)  # of one epoch
    optimizer = _build_optimizer(recipe, recipe.epochs * steps)
    torch = keras.backend.backend() == "torch"  # where Keras can do single steps only
    for network in (model, learner):
        network.compile(
            optimizer,
            loss=_loss(recipe),
            metrics=["accuracy"],
            steps_per_execution=1 if torch else math.ceil(steps / _CALLS_PER_EPOCH),
        )
    optimizer.build(model.trainable_variables)
    return learner


def _state(model, learner):
    """All variables that a training changes, random numbers' state among them."""
    momentary = {id(v) for network in (model, learner) for v in network.metrics_variables}
    variables = {id(v): v for v in learner.variables + model.optimizer.variables}
    return [variable for number, variable in variables.items() if number not in momentary]


def _record(recipe, train, seed):
    numbers = {
        field.name: getattr(recipe, field.name)
        for field in fields(recipe)
        if field.name != "layers"
    }
    return {
        "recipe": numbers,
        "seed": seed,
        "data": _hash(train),
        "versions": {name: version(name) for name in ("keras", keras.backend.backend(), "numpy")},
    }


def _hash(split):
    return hashlib.sha256(split.images.tobytes() + split.labels.tobytes()).hexdigest()


def _build_optimizer(recipe, steps):
    return keras.optimizers.Adam(
        _schedule(recipe, steps),
        beta_1=recipe.betas[0],
        beta_2=recipe.betas[1],
        weight_decay=recipe.weight_decay or None,
    )


def _schedule(recipe, steps):
    if recipe.schedule == "constant":
        return recipe.learning_rate
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


def _prepare_labels(labels, recipe):
    return one_hot_labels(labels) if recipe.loss == ONE_HOT_LOSS else labels


def _gather(train, recipe, seed):
    """All that a recipe learns from: images, uint8 (n, 28, 28), and labels as its loss wants them.

    Images stay bytes until their epoch begins: as floats they would need four times the memory.
    """
    images, labels = _add_variants(train, recipe, seed)
    labels = _prepare_labels(labels, recipe)
    count = round(recipe.strangers * len(labels))
    if not count:
        return images, labels
    # What pictures need is slow to import, and only this needs it.
    from digitlib.training.synthetic import make_negatives

    strangers = make_negatives(train.images, count, seed)
    undecided = np.full((count, NUM_CLASSES), 1 / NUM_CLASSES, np.float32)
    return np.concatenate([images, strangers]), np.concatenate([labels, undecided])


def _add_variants(train, recipe, seed):
    count = round(recipe.variants * len(train.labels))
    if not count:
        return train
    from digitlib.training.synthetic import make_writing_styles

    variants = make_writing_styles(train, count, seed)
    return Split(*(np.concatenate(pair) for pair in zip(train, variants, strict=True)))
