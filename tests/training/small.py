"""Recipes that train quickly."""

import dataclasses

from digitlib import RECIPES


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
