"""Train a recipe. No function here takes test images, so they can't leak into training."""

import hashlib
import math
import time
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from digitlib.data import NUM_CLASSES, Split
from digitlib.images import batch_images, one_hot_labels
from digitlib.startup import delay_interrupt
from digitlib.training.augmentation import build_augmentation
from digitlib.training.checkpoints import Checkpoint
from digitlib.training.networks import build_model, fold_normalization
from digitlib.training.recipe import ONE_HOT_LOSS, SEED, Recipe
from digitlib.uncertainty import calibrate_model

# Returning to Python after every step would double the time of a small network.
_CALLS_PER_EPOCH = 10


class Run(NamedTuple):
    """One finished training run.

    Attributes:
        model: the trained network, compiled.
        history: "loss", "accuracy" (on the training images, averaged during the epoch), "val_loss"
            and "val_accuracy" (on the validation images, after the epoch): a float per epoch each.
        seconds: wall-clock time of all epochs, including the preparation of their batches.
        cpu_seconds: processor time of the same, summed over all threads.
        record: the recipe's settings, seed, validation accuracy, a hash of the training data,
            versions and date, as a dict for JSON. `save_model` can store it in the file.
    """

    model: keras.Sequential
    history: dict[str, list[float]]
    seconds: float
    cpu_seconds: float
    record: dict


def train_model(
    recipe: Recipe,
    train: Split,
    validation: Split,
    *,
    seed: int = 0,
    verbose: str | int = "auto",
    checkpoint_dir: str | Path | None = None,
) -> Run:
    """Builds and trains a recipe's network; on one machine, the same seed gives the same weights.

    Sets the global seeds of Python, NumPy and TensorFlow, and calls `configure_keras`.

    Args:
        recipe: the recipe, such as `RECIPES["fast"]`.
        train: the images and labels to learn from.
        validation: the images and labels to measure after each epoch, and to calibrate with.
        seed: int from 0 to 2**32 - 1.
        verbose: as in Keras: "auto" shows a progress bar, 2 one line per epoch, 0 nothing.
        checkpoint_dir: a folder that keeps the state after each epoch. After an interruption, the
            same call continues from there and ends with the weights of an uninterrupted run.

    Returns:
        The model after the last epoch, its history, its times and its record.

    Raises:
        ValueError: the seed is out of range, images are not uint8 (n, 28, 28), or the folder holds
            another training run.
        FloatingPointError: the loss became NaN or infinite.
        OSError: a checkpoint can't be written or read.
    """
    seed = SEED.check("seed", seed)
    keras.utils.set_random_seed(seed)
    model = build_model(recipe)
    data = _gather(train, recipe, seed)
    learner, finisher = _compile(model, recipe, len(data.labels), seed)
    order = np.arange(len(validation.labels))
    labels = _prepare_labels(validation.labels, recipe)
    validation_data = batch_images(validation.images, labels, order, recipe.batch_size)
    record = _record(recipe, train, seed)
    progress: dict[str, Any] = {"epochs": 0, "history": {}, "seconds": 0.0, "cpu_seconds": 0.0}
    if checkpoint_dir:
        checkpoint = Checkpoint(checkpoint_dir, {**record, "validation": _hash(validation)})
        progress = checkpoint.load(_state(model, learner, finisher)) or progress
    for epoch in range(progress["epochs"], recipe.epochs):
        network = learner if epoch < recipe.epochs - recipe.plain_epochs else finisher
        # Python ignores exceptions in places where TensorFlow spends time, such as destructors.
        with delay_interrupt() as stop:
            _train_epoch(network, recipe, data, validation_data, seed, verbose, stop, progress)
            if checkpoint_dir:
                checkpoint.save(_state(model, learner, finisher), progress)
    model = _finish(model, recipe, validation)
    record["validation_accuracy"] = progress["history"]["val_accuracy"][-1]
    record["date"] = date.today().isoformat()
    return Run(model, progress["history"], progress["seconds"], progress["cpu_seconds"], record)


def _train_epoch(network, recipe, data, validation_data, seed, verbose, stop, progress):
    epoch = progress["epochs"]
    started, cpu_started = time.perf_counter(), time.process_time()
    # Only seed and epoch decide the order, so that an interrupted training can continue.
    order = np.random.default_rng([seed, epoch]).permutation(len(data.labels))
    fitted = network.fit(
        batch_images(*data, order, recipe.batch_size),
        shuffle=False,  # the order is random already
        initial_epoch=epoch,
        epochs=recipe.epochs,
        validation_data=validation_data,
        verbose=verbose,
        callbacks=[_OneEpoch(stop)],
    )
    for name, values in fitted.history.items():
        progress["history"].setdefault(name, []).extend(values)
    progress["epochs"] += 1
    progress["seconds"] += time.perf_counter() - started
    progress["cpu_seconds"] += time.process_time() - cpu_started


class _OneEpoch(keras.callbacks.Callback):
    """Ends `fit` after one epoch; earlier when it is interrupted or the loss becomes NaN."""

    def __init__(self, stop):
        super().__init__()
        self.stop = stop  # filled by Ctrl-C

    def on_train_batch_end(self, batch, logs=None):
        if self.stop:
            raise KeyboardInterrupt
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"the loss became {'NaN' if math.isnan(logs['loss']) else 'infinite'}. "
                "The learning rate is probably too high: lower `learning_rate`."
            )

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def _compile(model, recipe, num_images, seed):
    """Compiles the model; returns it behind the random changes of most, and of the last epochs."""
    shape = {"shear": recipe.shear, "stroke": recipe.stroke}
    # Both stay: without them, `robust` forgot clutter, and took soft edges for negative examples.
    cover = {"clutter": recipe.clutter, "degradation": recipe.degradation}
    learner = _augment(model, seed, recipe.augmentation, **shape, **cover)
    finisher = _augment(model, seed, **cover)
    steps = math.ceil(num_images / recipe.batch_size)
    optimizer = keras.optimizers.Adam(
        _schedule(recipe, recipe.epochs * steps),
        beta_1=recipe.betas[0],
        beta_2=recipe.betas[1],
        weight_decay=recipe.weight_decay or None,
    )
    for network in dict.fromkeys((model, learner, finisher)):  # often all the same
        network.compile(
            optimizer,
            loss=_loss(recipe),
            metrics=["accuracy"],
            steps_per_execution=math.ceil(steps / _CALLS_PER_EPOCH),
        )
        # A metric makes its variables at its first batch. In a training step, that would be in the
        # middle of the tracing, and TensorFlow would trace all of the step a second time.
        label = _prepare_labels(np.zeros(1, np.uint8), recipe)
        network.compute_metrics(None, label, np.full((1, NUM_CLASSES), 0.1))
    optimizer.build(model.trainable_variables)
    return learner, finisher


def _augment(model, seed, strength=0.0, **changes):
    """Puts random changes of the images before the model, if there are any."""
    if not (strength or any(changes.values())):
        return model
    return keras.Sequential([build_augmentation(strength, seed, **changes), model])


def _finish(model, recipe, validation):
    if recipe.folded:
        model = fold_normalization(model)
        model.compile("adam", _loss(recipe), metrics=["accuracy"])
    if recipe.calibrated:
        calibrate_model(model, validation)
    return model


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
    """Returns all images to learn from, and their labels as the loss expects them."""
    if not (recipe.writing_styles or recipe.negatives):
        return Split(train.images, _prepare_labels(train.labels, recipe))
    # This import takes a second, and few recipes need it.
    from digitlib.training.synthetic import make_negatives, make_writing_styles

    styles = make_writing_styles(train, round(recipe.writing_styles * len(train.labels)), seed)
    labels = np.concatenate([train.labels, styles.labels])
    negatives = make_negatives(train.images, round(recipe.negatives * len(labels)), seed)
    targets = _prepare_labels(labels, recipe)
    if len(negatives):
        # The training accuracy counts these as mistakes.
        uniform = np.full((len(negatives), NUM_CLASSES), 1 / NUM_CLASSES, np.float32)
        targets = np.concatenate([targets, uniform])
    return Split(np.concatenate([train.images, styles.images, negatives]), targets)


def _state(model, *learners):
    """Returns all variables that training changes, including the state of random generators."""
    metrics = {id(v) for network in (model, *learners) for v in network.metrics_variables}
    trained = [v for network in learners for v in network.variables]
    variables = {id(v): v for v in trained + model.optimizer.variables}
    return [variable for number, variable in variables.items() if number not in metrics]


def _record(recipe, train, seed):
    return {
        "recipe": {name: value for name, value in asdict(recipe).items() if name != "layers"},
        "seed": seed,
        "data": _hash(train),
        "versions": {name: version(name) for name in ("keras", "tensorflow", "numpy")},
    }


def _hash(split):
    return hashlib.sha256(split.images.tobytes() + split.labels.tobytes()).hexdigest()
