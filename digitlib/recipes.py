"""Recipes: a network's layers and the numbers it is trained with, side by side.

A recipe's docstring tells its source and which numbers are ours. Where no source says otherwise,
the optimiser is Adam with Keras's default step, and a twelfth of the training images is held out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from digitlib.data import IMAGE_SIZE, NUM_CLASSES

SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is built and trained, apart from the seed.

    Attributes:
        name: how it is called on the command line and in `RECIPES`.
        layers: takes the module `keras.layers` and the recipe, returns the layers between input
            and output. (Keras is handed in, so that reading recipes does not wait for it.)
        epochs: how often training goes through all training images; fixed in advance.
        batch_size: images a step.
        learning_rate: the step size of Adam.
        loss: Keras's name of the loss.
        validation_fraction: the share of the training images that is held out.
        width: filters of the first convolution, or units of the hidden layer; the others follow
            from it. None: the network has neither.
        dropout: the rate of its dropout layers; None: it has none.
        schedule: "constant", or "cosine": the step size rises for a tenth of the steps up to
            `learning_rate`, then falls along a cosine to 0.
        augmentation: how far training images are moved at random, anew in each epoch: shifted and
            zoomed by up to this share of their size, turned by up to a third of it, in full turns.
        batch_norm: whether batch normalisation follows each convolution; None: it has no place.
        reported: the test accuracy that the recipe's source reports, 0 to 1; None: none.
    """

    name: str
    layers: Callable
    epochs: int
    batch_size: int = 128
    learning_rate: float = 0.001
    loss: str = "sparse_categorical_crossentropy"
    validation_fraction: float = 1 / 12
    width: int | None = None
    dropout: float | None = None
    schedule: str = "constant"
    augmentation: float = 0.0
    batch_norm: bool | None = None
    reported: float | None = None

    def __post_init__(self):
        for number in ("epochs", "batch_size", "learning_rate", "width"):
            value = getattr(self, number)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{number} must be above 0; got {value}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1; got {self.dropout}")
        if not 0 <= self.augmentation <= 0.5:
            raise ValueError(f"augmentation must be from 0 to 0.5; got {self.augmentation}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {SCHEDULES}; got {self.schedule!r}")


OVERRIDES = {
    "epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "dropout": float,
    "width": int,
    "schedule": str,
    "augmentation": float,
    "batch_norm": bool,
}


def override_recipe(recipe, **overrides):
    """Changes numbers of a recipe.

    Args:
        recipe: a `Recipe`.
        overrides: new values for any of `OVERRIDES`.

    Returns:
        The changed `Recipe`; the one passed in stays as it is.

    Raises:
        ValueError: an unknown name, a number out of range, or one that the network does not have.
    """
    for name, value in overrides.items():
        if name not in OVERRIDES:
            raise ValueError(f"no override {name!r}; choose from {', '.join(OVERRIDES)}")
        if getattr(recipe, name) is None:
            raise ValueError(f"recipe {recipe.name} has no {name} to override")
        kind = OVERRIDES[name]
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{name} must be {kind.__name__}; got {value!r}")
    return replace(recipe, **overrides)


def build_model(recipe):
    """Builds a recipe's network with fresh random weights, not yet compiled.

    Args:
        recipe: a `Recipe`, such as `RECIPES["fast"]`.

    Returns:
        A `keras.Sequential` from float32 (n, 28, 28, 1) in [0, 1] to the probabilities (n, 10) of
        the ten digits.
    """
    import keras

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1))
    output = keras.layers.Dense(NUM_CLASSES, activation="softmax")
    return keras.Sequential([image, *recipe.layers(keras.layers, recipe), output], name=recipe.name)


def _convolution(layers, recipe, filters, size):
    if not recipe.batch_norm:
        return [layers.Conv2D(filters, size, activation="relu")]
    # The normalisation shifts by itself, so a bias before it would do nothing.
    return [
        layers.Conv2D(filters, size, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]


def _fast(layers, recipe):
    """The lesson's network."""
    return [
        *_convolution(layers, recipe, recipe.width, 5),
        layers.MaxPooling2D(),
        *_convolution(layers, recipe, recipe.width * 4 // 3, 3),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
        layers.Dense(128, activation="relu"),
    ]


def _mnist_cnn(layers, recipe):
    """A public script; layers and epochs are its own, batch size, loss and optimiser are ours."""
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
    ]


def _digit_recognizer(layers, recipe):
    """A public notebook; it tells the kinds of layers, loss and optimiser.

    Ours are all numbers: two convolutions of 32 and 64 filters, 3 x 3, dropout 0.25, 128 units,
    batches of 128 and 5 epochs.
    """
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(recipe.dropout),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(recipe.dropout),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]


def _stacked_conv(layers, recipe):
    """A public project; these numbers are its own. It validated on the test set; ours must not."""
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.Conv2D(recipe.width * 4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(recipe.dropout),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]


def _ocr(layers, recipe):
    """A public project; it tells the kinds of layers, loss and optimiser.

    Ours are all numbers: convolutions of 32 and 64 filters, 3 x 3, 128 and 64 units, dropout 0.5,
    batches of 128 and 10 epochs.
    """
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(recipe.dropout),
        layers.Dense(64, activation="relu"),
        layers.Dropout(recipe.dropout),
    ]


def _small_kernel(layers, recipe):
    """A public project; the numbers here are its own. `dropout` is that behind the convolutions."""
    return [
        layers.Conv2D(recipe.width, 2, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(recipe.dropout),
        layers.Conv2D(recipe.width // 2, 2, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(recipe.dropout),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dropout(0.5),
    ]


def _keras_example(layers, recipe):
    """The "Simple MNIST convnet" of the Keras documentation; the numbers here are its own."""
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
    ]


def _dense(layers, recipe):
    """A baseline without convolutions, with one hidden layer."""
    return [layers.Flatten(), layers.Dense(recipe.width, activation="relu")]


def _logistic(layers, recipe):
    """The simplest baseline: ten weighted sums of all pixels, in statistics logistic regression."""
    return [layers.Flatten()]


_ONE_HOT = "categorical_crossentropy"
_ALL = [
    Recipe("fast", _fast, epochs=4, learning_rate=0.002, width=24, dropout=0.4, batch_norm=False),
    Recipe("mnist_cnn", _mnist_cnn, epochs=5, width=32, reported=0.98),
    Recipe(
        "digit_recognizer",
        _digit_recognizer,
        epochs=5,
        loss=_ONE_HOT,
        width=32,
        dropout=0.25,
        reported=0.97,
    ),
    Recipe("stacked_conv", _stacked_conv, epochs=10, width=32, dropout=0.5, reported=0.9927),
    Recipe("ocr", _ocr, epochs=10, loss=_ONE_HOT, width=32, dropout=0.5, reported=0.99),
    Recipe(
        "small_kernel",
        _small_kernel,
        epochs=10,
        batch_size=60,
        validation_fraction=0.3,
        width=64,
        dropout=0.3,
        reported=0.99,
    ),
    Recipe(
        "keras_example",
        _keras_example,
        epochs=15,
        loss=_ONE_HOT,
        validation_fraction=0.1,
        width=32,
        dropout=0.5,
        reported=0.99,
    ),
    Recipe("dense", _dense, epochs=10, width=128),
    Recipe("logistic", _logistic, epochs=10),
]
RECIPES = {recipe.name: recipe for recipe in _ALL}
