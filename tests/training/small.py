"""Recipes that train quickly."""

import dataclasses
import functools
import hashlib
import json

from digitlib import RECIPES, Split, hold_out, load_mnist
from digitlib.experiments.fingerprint import _train_briefly
from digitlib.training.recipe import ONE_HOT_LOSS


def _list_layers(layers, recipe):
    normalise = [layers.BatchNormalization()] if recipe.batch_norm else []
    return [
        *(layers.Conv2D(4, 5, strides=2, use_bias=False), *normalise, layers.ReLU()),
        *(layers.Flatten(), layers.Dropout(recipe.dropout)),
    ]


ONE_EPOCH = dataclasses.replace(RECIPES["mnist_cnn"], epochs=1)
# All that has a state: dropout, normalisation, augmentation, schedule.
SMALL = dataclasses.replace(
    RECIPES["robust"], layers=_list_layers, epochs=4, plain_epochs=2, batch_size=100
)
# The same kinds of state, in half the time: it takes long to compile seven changes of images.
QUICK = dataclasses.replace(
    SMALL,
    augmentation=0,
    shear=0,
    clutter=0,
    writing_styles=0.02,
    negatives=0.02,
    batch_size=200,
)
_PLAIN = dataclasses.replace(
    RECIPES["logistic"], batch_size=128, loss=ONE_HOT_LOSS, schedule="cosine"
)
# All recipes, and all that a recipe can ask for.
EACH = [
    *RECIPES.values(),
    dataclasses.replace(_PLAIN, augmentation=0.1, weight_decay=0.01),
    dataclasses.replace(_PLAIN, augmentation=0.1, plain_epochs=1),
    dataclasses.replace(_PLAIN, shear=0.2, stroke=0.5, clutter=0.5, degradation=0.5),
    dataclasses.replace(_PLAIN, writing_styles=0.1, negatives=0.1),
    dataclasses.replace(_PLAIN, calibrated=True),
]


def cut(split):
    """The images to learn from, and those to measure with."""
    parts = slice(0, 1500), slice(1500, 2000)
    return [Split(split.images[part], split.labels[part]) for part in parts]


def hash_run(run):
    """What tells a run's weights and history from those of any other."""
    content = b"".join(weights.tobytes() for weights in run.model.get_weights())
    return hashlib.sha256(content + json.dumps(run.history).encode()).hexdigest()


@functools.cache
def hold_out_mnist(fraction):
    """The training images and labels of MNIST to learn from, and those to measure with."""
    return hold_out(load_mnist().train, fraction, seed=0)


@functools.cache
def train_briefly(recipe, seed=0):
    """Trains as `probe_training` does; returns the last validation loss, and the hash of the run.

    Raises FloatingPointError if the loss becomes NaN or infinite.
    """
    run = _train_briefly(recipe, *hold_out_mnist(recipe.validation_fraction), seed)
    return run.history["val_loss"][-1], hash_run(run)
