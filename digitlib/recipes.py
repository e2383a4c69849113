"""Recipes: a network's layers and the numbers it is trained with, side by side."""

from collections.abc import Callable
from dataclasses import dataclass

from digitlib.data import IMAGE_SIZE


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is built and trained, apart from the seed.

    Attributes:
        name: how it is called on the command line and in `RECIPES`.
        layers: takes the module `keras.layers`, returns the layers that follow the input. (Handed
            in, so that reading recipes does not wait for Keras.)
        epochs: how often training goes through all training images; fixed in advance.
        batch_size: images a step.
        learning_rate: the step size of Adam.
    """

    name: str
    layers: Callable
    epochs: int
    batch_size: int
    learning_rate: float

    def __post_init__(self):
        for number in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, number) <= 0:
                raise ValueError(f"{number} must be above 0; got {getattr(self, number)}")


def _fast_layers(layers):
    return [
        layers.Conv2D(24, 5, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.4),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


_ALL = [
    Recipe("fast", _fast_layers, epochs=4, batch_size=128, learning_rate=0.002),
]
RECIPES = {recipe.name: recipe for recipe in _ALL}


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
    return keras.Sequential([image, *recipe.layers(keras.layers)], name=recipe.name)
