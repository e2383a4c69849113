"""The recipes: the settings, the source and the layers of each in one place.

The optimiser is Adam throughout, with Keras's default learning rate unless another is given.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from digitlib.data import IMAGE_SIZE, NUM_CLASSES
from digitlib.startup import configure_keras
from digitlib.training.recipe import ONE_HOT_LOSS, Recipe

if TYPE_CHECKING:
    import keras

RECIPES: dict[str, Recipe] = {}


def build_model(recipe: Recipe) -> "keras.Sequential":
    """Builds a recipe's network with new random weights, not compiled, after `configure_keras`.

    Args:
        recipe: the recipe, such as `RECIPES["fast"]`.

    Returns:
        A network from float32 (n, 28, 28, 1), pixels from 0 to 1, to float32 (n, 10), the predicted
        probabilities of the ten digits.
    """
    configure_keras()
    import keras

    image = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1))
    output = keras.layers.Dense(NUM_CLASSES, activation="softmax")
    return keras.Sequential([image, *recipe.layers(keras.layers, recipe), output], name=recipe.name)


def fold_normalization(model: "keras.Sequential") -> "keras.Sequential":
    """Leaves out batch normalisation: once trained, the convolution before it can do the same.

    Args:
        model: a network in which each normalisation, with `scale=False`, follows a convolution
            without a bias. Max pooling may stand between them.

    Returns:
        A network, not compiled, with the same output and fewer parameters.
    """
    import keras

    layers: list = []
    arrays: list = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Its factors are positive, so it makes no difference whether the pooling comes first.
            beta, mean, variance = layer.get_weights()
            factor = (variance + layer.epsilon) ** -0.5
            arrays += [arrays.pop() * factor, beta - mean * factor]
        else:
            bias = {"use_bias": True} if isinstance(layer, keras.layers.Conv2D) else {}
            layers.append(layer.from_config(layer.get_config() | bias))
            arrays += layer.get_weights()
    folded = keras.Sequential([keras.Input(model.input_shape[1:]), *layers], name=model.name)
    folded.set_weights(arrays)
    return folded


def recipe(**settings: Any) -> Callable:
    """Registers the decorated function `_name`, which lists the layers, as `RECIPES["name"]`."""

    def add(layers: Callable) -> Callable:
        name = layers.__name__.removeprefix("_")
        RECIPES[name] = Recipe(name, layers, **settings)
        return layers

    return add


def _convolution(layers, recipe, filters, size, *, pool=False, padding="valid", activation="relu"):
    # The normalisation adds an offset, so a bias before it would do nothing. Pooling before ReLU
    # gives the same result with a quarter of the work; SiLU takes its place.
    block = [layers.Conv2D(filters, size, padding=padding, use_bias=not recipe.batch_norm)]
    if pool:
        block.append(layers.MaxPooling2D())
    if recipe.batch_norm:
        # With Keras's momentum of 0.99, the moving averages would take epochs to settle.
        block.append(layers.BatchNormalization(momentum=0.9, scale=not recipe.folded))
    return [*block, layers.ReLU() if activation == "relu" else layers.Activation(activation)]


def _separable(layers, recipe, *filters, activation="relu"):
    # One filter for each map, then filters of 1 x 1 that mix the maps, take few weights together.
    network = _convolution(layers, recipe, recipe.width, 3, pool=True, activation=activation)
    for n in filters:
        network.append(layers.DepthwiseConv2D(3, use_bias=False))
        network += _convolution(layers, recipe, n, 1, activation=activation)
    return [*network, layers.GlobalAveragePooling2D()]


@recipe(
    epochs=2,
    learning_rate=0.006,
    loss=ONE_HOT_LOSS,
    schedule="cosine",
    betas=(0.8, 0.95),
    label_smoothing=0.05,
    width=16,
    batch_norm=False,
)
def _fast(layers, recipe):
    """The lesson's network: trained in seconds."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 2, 3, pool=True),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]


# Shared by our own recipes, apart from what each of them sets itself.
_OURS = {
    "learning_rate": 0.005,
    "loss": ONE_HOT_LOSS,
    "schedule": "cosine",
    "betas": (0.9, 0.95),
    "label_smoothing": 0.05,
    "batch_norm": True,
}


@recipe(
    **_OURS, epochs=3, width=24, dropout=0.0, weight_decay=0.02, augmentation=0.08, plain_epochs=1
)
def _accurate(layers, recipe):
    """More accurate, trained in minutes: a large first kernel, then many filters on small maps."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 2, 3, pool=True, padding="same"),
        *_convolution(layers, recipe, recipe.width * 4, 3, padding="same"),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
    ]


@recipe(
    **_OURS, epochs=18, width=32, dropout=0.3, weight_decay=0.1, augmentation=0.12, plain_epochs=6
)
def _best(layers, recipe):
    """The most accurate on MNIST: as `accurate`, with a fourth convolution."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 2, 3, padding="same"),
        *_convolution(layers, recipe, recipe.width * 3, 3, pool=True, padding="same"),
        *_convolution(layers, recipe, recipe.width * 4, 3, padding="same"),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
    ]


@recipe(
    **_OURS | {"learning_rate": 0.01, "label_smoothing": 0.02},
    epochs=24,
    width=12,
    augmentation=0.06,
    plain_epochs=6,
)
def _tiny(layers, recipe):
    """At most 10,000 parameters, for small devices: global average pooling before the output."""
    return [
        *_convolution(layers, recipe, recipe.width, 5, pool=True),
        *_convolution(layers, recipe, recipe.width * 5 // 3, 3, padding="same"),
        *_convolution(layers, recipe, recipe.width * 5 // 3, 3, pool=True, padding="same"),
        *_convolution(layers, recipe, recipe.width * 3 // 2, 3, padding="same"),
        layers.GlobalAveragePooling2D(),
    ]


_SMALL = _OURS | {"learning_rate": 0.01, "label_smoothing": 0.0}


@recipe(**_SMALL, epochs=24, width=16, augmentation=0.04, plain_epochs=6)
def _small(layers, recipe):
    """At most 5,000 parameters: depthwise-separable convolutions, which need few weights."""
    return _separable(layers, recipe, 28, 28, 30, 32)


@recipe(
    **_SMALL | {"learning_rate": 0.02},
    epochs=96,
    width=8,
    augmentation=0.02,
    plain_epochs=24,
    folded=True,
)
def _micro(layers, recipe):
    """At most 1,000 parameters: as `small`, with fewer filters, SiLU, and more epochs."""
    return _separable(layers, recipe, 10, 10, 10, 12, activation="silu")


@recipe(
    **_OURS,
    epochs=24,
    width=40,
    dropout=0.3,
    weight_decay=0.1,
    augmentation=0.2,
    shear=0.3,
    stroke=0.8,
    clutter=0.4,
    degradation=0.25,
    writing_styles=0.2,
    negatives=0.15,
    plain_epochs=4,
    calibrated=True,
)
def _robust(layers, recipe):
    """For handwriting in photographs and drawings: as `best`, trained on more varied images."""
    return _best(layers, recipe)


@recipe(epochs=5, width=32, reported=0.98)
def _mnist_cnn(layers, recipe):
    """A public script: two convolutions and a dense layer; batch size, loss, optimiser are ours."""
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
    ]


@recipe(epochs=5, loss=ONE_HOT_LOSS, width=32, dropout=0.25, reported=0.97)
def _digit_recognizer(layers, recipe):
    """A public notebook, with the layers, loss and optimiser it names; all numbers are ours."""
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


@recipe(epochs=10, width=32, dropout=0.5, reported=0.9927)
def _stacked_conv(layers, recipe):
    """A public project: three convolutions, one pooling. It validated on the test set."""
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.Conv2D(recipe.width * 4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(recipe.dropout),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]


@recipe(epochs=10, loss=ONE_HOT_LOSS, width=32, dropout=0.5, reported=0.99)
def _ocr(layers, recipe):
    """A public project, with the layers, loss and optimiser it names; all numbers are ours."""
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


@recipe(epochs=10, batch_size=60, validation_fraction=0.3, width=64, dropout=0.3, reported=0.99)
def _small_kernel(layers, recipe):
    """A public project with kernels of 2 x 2. `dropout` is the rate after the convolutions."""
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


@recipe(epochs=15, loss=ONE_HOT_LOSS, validation_fraction=0.1, width=32, dropout=0.5, reported=0.99)
def _keras_example(layers, recipe):
    """The "Simple MNIST convnet" of the Keras documentation."""
    return [
        layers.Conv2D(recipe.width, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(recipe.width * 2, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(recipe.dropout),
    ]


@recipe(epochs=10, width=128)
def _dense(layers, recipe):
    """A baseline without convolutions: one hidden layer."""
    return [layers.Flatten(), layers.Dense(recipe.width, activation="relu")]


@recipe(epochs=10)
def _logistic(layers, recipe):
    """The simplest baseline: ten weighted sums of all pixels (logistic regression)."""
    return [layers.Flatten()]
