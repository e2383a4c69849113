"""Recipes that train quickly."""

import dataclasses
import hashlib
import json

from digitlib import RECIPES, Split, train_model
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


def cut(split):
    """The images to learn from, and those to measure with."""
    parts = slice(0, 1500), slice(1500, 2000)
    return [Split(split.images[part], split.labels[part]) for part in parts]


def hash_run(run):
    """What tells a run's weights and history from those of any other."""
    content = b"".join(weights.tobytes() for weights in run.model.get_weights())
    return hashlib.sha256(content + json.dumps(run.history).encode()).hexdigest()


def hash_trainings(train):
    """Trains all recipes, and all that a recipe can ask for; returns a line for each."""
    slices = [
        Split(train.images[part], train.labels[part])
        for part in (slice(0, 1000), slice(1000, 1200))
    ]
    plain = dataclasses.replace(
        RECIPES["logistic"], epochs=2, batch_size=128, loss=ONE_HOT_LOSS, schedule="cosine"
    )
    recipes = [dataclasses.replace(recipe, epochs=1) for recipe in RECIPES.values()] + [
        dataclasses.replace(plain, augmentation=0.1, weight_decay=0.01),
        dataclasses.replace(plain, augmentation=0.1, plain_epochs=1),
        dataclasses.replace(plain, shear=0.2, stroke=0.5, clutter=0.5, degradation=0.5),
        dataclasses.replace(plain, writing_styles=0.1, negatives=0.1),
        dataclasses.replace(plain, calibrated=True),
    ]
    lines = []
    for recipe, seed in [*zip(recipes, [3] * len(recipes), strict=True), (recipes[-1], 4)]:
        run = train_model(recipe, *slices, seed=seed, verbose=0)
        lines.append(f"{recipe.name} {hash_run(run)}")
    return lines
