"""Recipes: a network's layers and the numbers it is trained with, side by side.

A recipe's docstring tells its source and which numbers are ours. Where no source says otherwise,
the optimiser is Adam with Keras's default step, and a twelfth of the training images is held out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from digitlib.data import IMAGE_SIZE, NUM_CLASSES

SCHEDULES = ("constant", "cosine")
ONE_HOT_LOSS = "categorical_crossentropy"
_LARGEST = {"augmentation": 0.5, "shear": 1, "stroke": 1, "paper": 1, "variants": 1, "strangers": 1}


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
        betas: how much of the past Adam keeps, of the mean step and of its mean square; each 0 to
            below 1.
        weight_decay: by which share of the step size each step shrinks all weights.
        label_smoothing: the share of each label that is spread over all digits, so that the
            network does not strive for certainty; for one-hot labels only.
        augmentation: how far training images are moved at random, anew in each epoch: shifted and
            zoomed by up to this share of their size, turned by up to a third of it, in full turns.
        shear: how far training images are slanted at random: the tangent of the greatest angle.
        stroke: how far strokes become thicker or thinner at random; at 1 by up to a pixel on both
            sides.
        paper: how far paper turns grey, noisy and blurred at random; at 1 until ink vanishes in it.
        variants: so many training images more, as a share: ones with an upstroke and sevens with a
            bar, as many countries write them.
        strangers: so many training images more, as a share, that show no digit and are to be
            answered with the same probability for each; for one-hot labels only. The training
            accuracy counts them as mistakes.
        plain_epochs: so many last epochs learn from the images as they are, without augmentation.
        batch_norm: whether batch normalisation follows each convolution; None: it has no place.
        calibrated: whether the trained model is made as sure as it is right, by one number chosen
            on the validation images (see `calibrate_model`).
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
    betas: tuple = (0.9, 0.999)
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: float = 0.0
    shear: float = 0.0
    stroke: float = 0.0
    paper: float = 0.0
    variants: float = 0.0
    strangers: float = 0.0
    plain_epochs: int = 0
    batch_norm: bool | None = None
    calibrated: bool = False
    reported: float | None = None

    def __post_init__(self):
        for number in ("epochs", "batch_size", "learning_rate", "width"):
            value = getattr(self, number)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{number} must be above 0; got {value}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be from 0 to below 1; got {self.dropout}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be at least 0; got {self.weight_decay}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be from 0 to below 1; got {self.betas}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be from 0 to below 1; got {self.label_smoothing}"
            )
        for name in ("label_smoothing", "strangers"):
            if getattr(self, name) and self.loss != ONE_HOT_LOSS:
                raise ValueError(f"{name} needs the loss {ONE_HOT_LOSS}; got {self.loss}")
        for name, largest in _LARGEST.items():
            if not 0 <= getattr(self, name) <= largest:
                raise ValueError(f"{name} must be from 0 to {largest}; got {getattr(self, name)}")
        if self.plain_epochs < 0:
            raise ValueError(f"plain_epochs must be at least 0; got {self.plain_epochs}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {SCHEDULES}; got {self.schedule!r}")


OVERRIDES = {
    "epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "dropout": float,
    "width": int,
    "schedule": str,
    "weight_decay": float,
    "label_smoothing": float,
    "augmentation": float,
    "shear": float,
    "stroke": float,
    "paper": float,
    "variants": float,
    "strangers": float,
    "plain_epochs": int,
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


def _convolution(layers, recipe, filters, size, *, pool=False, padding="valid"):
    """A convolution, pooled or not, normalised or not, and ReLU.

    Pooling comes first: the largest value stays the largest, and the rest has a quarter to do.
    """
    # The normalisation shifts by itself, so a bias before it would do nothing.
    block = [layers.Conv2D(filters, size, padding=padding, use_bias=not recipe.batch_norm)]
    if pool:
        block.append(layers.MaxPooling2D())
    if recipe.batch_norm:
        # Keras's own momentum, 0.99, would take epochs to forget the first steps.
        block.append(layers.BatchNormalization(momentum=0.9))
    return [*block, layers.ReLU()]


def _fast(layers, recipe):
    """The lesson's network."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 2, 3, pool=True),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]


def _accurate(layers, recipe):
    """Ours. A large first kernel, pooled at once, so that most work is done on few pixels."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 2, 3, pool=True, padding="same"),
        *_convolution(layers, recipe, recipe.width * 4, 3, padding="same"),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
    ]


def _best(layers, recipe):
    """Ours. As `accurate`, with one convolution more before the second pooling."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 2, 3, padding="same"),
        *_convolution(layers, recipe, recipe.width * 3, 3, pool=True, padding="same"),
        *_convolution(layers, recipe, recipe.width * 4, 3, padding="same"),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
    ]


def _tiny(layers, recipe):
    """Ours. Each last map is averaged over all places, so that the answer needs few weights."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 5 // 3, 3, padding="same"),
        *_convolution(layers, recipe, recipe.width * 5 // 3, 3, pool=True, padding="same"),
        *_convolution(layers, recipe, recipe.width * 3 // 2, 3, padding="same"),
        layers.GlobalAveragePooling2D(),
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


_STRONG = {
    "learning_rate": 0.005,
    "loss": ONE_HOT_LOSS,
    "schedule": "cosine",
    "betas": (0.9, 0.95),
    "weight_decay": 0.02,
    "label_smoothing": 0.05,
    "augmentation": 0.08,
    "plain_epochs": 1,
    "batch_norm": True,
}
_ALL = [
    Recipe(
        "fast",
        _fast,
        epochs=2,
        learning_rate=0.006,
        loss=ONE_HOT_LOSS,
        schedule="cosine",
        betas=(0.8, 0.95),
        label_smoothing=0.05,
        width=16,
        batch_norm=False,
    ),
    Recipe("accurate", _accurate, epochs=3, width=24, dropout=0.0, **_STRONG),
    Recipe(
        "best",
        _best,
        epochs=18,
        width=32,
        dropout=0.3,
        **_STRONG | {"weight_decay": 0.1, "augmentation": 0.12, "plain_epochs": 6},
    ),
    Recipe(
        "tiny",
        _tiny,
        epochs=24,
        width=12,
        **_STRONG
        | {
            "learning_rate": 0.01,
            "weight_decay": 0.0,
            "label_smoothing": 0.02,
            "augmentation": 0.06,
            "plain_epochs": 6,
        },
    ),
    Recipe(
        "robust",
        _best,
        epochs=20,
        width=40,
        dropout=0.3,
        calibrated=True,
        **_STRONG
        | {
            "weight_decay": 0.1,
            "augmentation": 0.2,
            "shear": 0.3,
            "stroke": 0.8,
            "paper": 0.25,
            "variants": 0.04,
            "strangers": 0.15,
            "plain_epochs": 4,
        },
    ),
    Recipe("mnist_cnn", _mnist_cnn, epochs=5, width=32, reported=0.98),
    Recipe(
        "digit_recognizer",
        _digit_recognizer,
        epochs=5,
        loss=ONE_HOT_LOSS,
        width=32,
        dropout=0.25,
        reported=0.97,
    ),
    Recipe("stacked_conv", _stacked_conv, epochs=10, width=32, dropout=0.5, reported=0.9927),
    Recipe("ocr", _ocr, epochs=10, loss=ONE_HOT_LOSS, width=32, dropout=0.5, reported=0.99),
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
        loss=ONE_HOT_LOSS,
        validation_fraction=0.1,
        width=32,
        dropout=0.5,
        reported=0.99,
    ),
    Recipe("dense", _dense, epochs=10, width=128),
    Recipe("logistic", _logistic, epochs=10),
]
RECIPES = {recipe.name: recipe for recipe in _ALL}
