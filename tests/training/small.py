"""Recipes that train quickly."""

import dataclasses
import hashlib
import json

from digitlib import RECIPES, Split


def _list_layers(layers, recipe):
    normalise = [layers.BatchNormalization()] if recipe.batch_norm else []
    return [
        *(layers.Conv2D(4, 5, strides=2, use_bias=False), *normalise, layers.ReLU()),
        *(layers.Flatten(), layers.Dropout(recipe.dropout)),
    ]


ONE_EPOCH = dataclasses.replace(RECIPES["mnist_cnn"], epochs=1)
# All that has a state: dropout, normalisation, augmentation, schedule.
SMALL = dataclasses.replace(
    RECIPES["robust"], layers=_list_layers, epochs=4, plain_epochs=1, batch_size=100
)
# The same kinds of state, in half the time: it takes long to compile six changes of images.
QUICK = dataclasses.replace(
    SMALL, augmentation=0, degradation=0, writing_styles=0.02, negatives=0.02, batch_size=200
)


def cut(split):
    """The images to learn from, and those to measure with."""
    parts = slice(0, 1500), slice(1500, 2000)
    return [Split(split.images[part], split.labels[part]) for part in parts]


def hash_run(run):
    """What tells a run's weights and history from those of any other."""
    content = b"".join(weights.tobytes() for weights in run.model.get_weights())
    return hashlib.sha256(content + json.dumps(run.history).encode()).hexdigest()
