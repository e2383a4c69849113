import keras
import numpy as np
import pytest

from digitlib import load_model, one_hot_labels, preprocess_images, save_model, train_model
from digitlib.training.networks import RECIPES, build_model, fold_normalization
from digitlib.training.recipe import override_recipe

POOL, FLAT = "MaxPooling2D", "Flatten"


def conv(filters, size, channels):
    """The parameters of a convolution, by hand: a window over all channels and a bias, each."""
    return (size * size * channels + 1) * filters


def dense(units, inputs):
    return (inputs + 1) * units


RELU = "ReLU", None
SILU = "Activation", "silu"


def convolution(filters, size, padding, shape, *, pooled=None, normalised=False, then=RELU):
    """A block of ours: convolution, pooling, normalisation, activation."""
    layers = [("Conv2D", (filters, size, padding), (*shape, filters))]
    if pooled:
        layers.append((POOL, 2, (*pooled, filters)))
    end = (*(pooled or shape), filters)
    if normalised:
        layers.append(("BatchNormalization", 0.9, end))
    return [*layers, (*then, end)]


def separable(filters, channels, size, then):
    """A depthwise convolution of 3 x 3, one of 1 x 1, normalisation, activation."""
    depthwise = ("DepthwiseConv2D", (3, "valid", False), (size, size, channels))
    mixing = convolution(filters, 1, "valid", (size, size), normalised=True, then=then)
    return [depthwise, *mixing]


def small(width, *filters, per_map=4, then=RELU):
    """With so many numbers of a normalisation for each map."""
    blocks, weights, channels = [], (9 + per_map) * width, width
    for place, number in enumerate(filters):
        blocks += separable(number, channels, 11 - 2 * place, then)
        weights += 9 * channels + channels * number + per_map * number
        channels = number
    return (
        [
            *convolution(width, 3, "valid", (26, 26), pooled=(13, 13), normalised=True, then=then),
            *blocks,
            ("GlobalAveragePooling2D", None, (channels,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        weights + dense(10, channels),
        {},
    )


# Layer by layer: its class, what counts in it, its output shape. Then parameters and settings.
def best(width):
    return (
        [
            *convolution(width, 5, "valid", (24, 24), pooled=(12, 12), normalised=True),
            *convolution(2 * width, 3, "same", (12, 12), normalised=True),
            *convolution(3 * width, 3, "same", (12, 12), pooled=(6, 6), normalised=True),
            *convolution(4 * width, 3, "same", (6, 6), normalised=True),
            (FLAT, None, (144 * width,)),
            ("Dropout", 0.3, (144 * width,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(width, 5, 1)
        + conv(2 * width, 3, width)
        + conv(3 * width, 3, 2 * width)
        + conv(4 * width, 3, 3 * width)
        + 3 * 10 * width
        + dense(10, 144 * width),
        {},
    )


PUBLISHED = {
    "mnist_cnn": (
        [
            ("Conv2D", (32, 3, "relu"), (26, 26, 32)),
            (POOL, 2, (13, 13, 32)),
            ("Conv2D", (64, 3, "relu"), (11, 11, 64)),
            (POOL, 2, (5, 5, 64)),
            (FLAT, None, (1600,)),
            ("Dense", (64, "relu"), (64,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(32, 3, 1) + conv(64, 3, 32) + dense(64, 1600) + dense(10, 64),
        {"epochs": 5, "reported": 0.98},
    ),
    "digit_recognizer": (
        [
            ("Conv2D", (32, 3, "relu"), (26, 26, 32)),
            (POOL, 2, (13, 13, 32)),
            ("Dropout", 0.25, (13, 13, 32)),
            ("Conv2D", (64, 3, "relu"), (11, 11, 64)),
            (POOL, 2, (5, 5, 64)),
            ("Dropout", 0.25, (5, 5, 64)),
            (FLAT, None, (1600,)),
            ("Dense", (128, "relu"), (128,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(32, 3, 1) + conv(64, 3, 32) + dense(128, 1600) + dense(10, 128),
        {"loss": "categorical_crossentropy", "reported": 0.97},
    ),
    "stacked_conv": (
        [
            ("Conv2D", (32, 3, "relu"), (26, 26, 32)),
            ("Conv2D", (64, 3, "relu"), (24, 24, 64)),
            ("Conv2D", (128, 3, "relu"), (22, 22, 128)),
            (POOL, 2, (11, 11, 128)),
            ("Dropout", 0.5, (11, 11, 128)),
            (FLAT, None, (15_488,)),
            ("Dense", (128, "relu"), (128,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(32, 3, 1) + conv(64, 3, 32) + conv(128, 3, 64) + dense(128, 15_488) + dense(10, 128),
        {
            "epochs": 10,
            "batch_size": 128,
            "loss": "sparse_categorical_crossentropy",
            "reported": 0.9927,
        },
    ),
    "ocr": (
        [
            ("Conv2D", (32, 3, "relu"), (26, 26, 32)),
            (POOL, 2, (13, 13, 32)),
            ("Conv2D", (64, 3, "relu"), (11, 11, 64)),
            (POOL, 2, (5, 5, 64)),
            (FLAT, None, (1600,)),
            ("Dense", (128, "relu"), (128,)),
            ("Dropout", 0.5, (128,)),
            ("Dense", (64, "relu"), (64,)),
            ("Dropout", 0.5, (64,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(32, 3, 1) + conv(64, 3, 32) + dense(128, 1600) + dense(64, 128) + dense(10, 64),
        {"loss": "categorical_crossentropy", "reported": 0.99},
    ),
    "small_kernel": (
        [
            ("Conv2D", (64, 2, "relu"), (27, 27, 64)),
            (POOL, 2, (13, 13, 64)),
            ("Dropout", 0.3, (13, 13, 64)),
            ("Conv2D", (32, 2, "relu"), (12, 12, 32)),
            (POOL, 2, (6, 6, 32)),
            ("Dropout", 0.3, (6, 6, 32)),
            (FLAT, None, (1152,)),
            ("Dense", (256, "relu"), (256,)),
            ("Dropout", 0.5, (256,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(64, 2, 1) + conv(32, 2, 64) + dense(256, 1152) + dense(10, 256),
        {
            "epochs": 10,
            "batch_size": 60,
            "validation_fraction": 0.3,
            "loss": "sparse_categorical_crossentropy",
            "reported": 0.99,
        },
    ),
    "keras_example": (
        [
            ("Conv2D", (32, 3, "relu"), (26, 26, 32)),
            (POOL, 2, (13, 13, 32)),
            ("Conv2D", (64, 3, "relu"), (11, 11, 64)),
            (POOL, 2, (5, 5, 64)),
            (FLAT, None, (1600,)),
            ("Dropout", 0.5, (1600,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(32, 3, 1) + conv(64, 3, 32) + dense(10, 1600),
        {
            "epochs": 15,
            "batch_size": 128,
            "validation_fraction": 0.1,
            "loss": "categorical_crossentropy",
            "reported": 0.99,
        },
    ),
    "fast": (
        [
            *convolution(16, 5, "valid", (24, 24), pooled=(12, 12)),
            *convolution(32, 3, "valid", (10, 10), pooled=(5, 5)),
            (FLAT, None, (800,)),
            ("Dense", (128, "relu"), (128,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(16, 5, 1) + conv(32, 3, 16) + dense(128, 800) + dense(10, 128),
        {"epochs": 2},
    ),
    "accurate": (
        [
            *convolution(24, 5, "valid", (24, 24), pooled=(12, 12), normalised=True),
            *convolution(48, 3, "same", (12, 12), pooled=(6, 6), normalised=True),
            *convolution(96, 3, "same", (6, 6), normalised=True),
            (FLAT, None, (3456,)),
            ("Dropout", 0.0, (3456,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        # Four numbers a filter (scale, shift, mean, variance) where there was one bias.
        conv(24, 5, 1) + conv(48, 3, 24) + conv(96, 3, 48) + 3 * (24 + 48 + 96) + dense(10, 3456),
        {},
    ),
    "best": best(32),
    "robust": best(40),
    "tiny": (
        [
            *convolution(12, 5, "valid", (24, 24), pooled=(12, 12), normalised=True),
            *convolution(20, 3, "same", (12, 12), normalised=True),
            *convolution(20, 3, "same", (12, 12), pooled=(6, 6), normalised=True),
            *convolution(18, 3, "same", (6, 6), normalised=True),
            ("GlobalAveragePooling2D", None, (18,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        conv(12, 5, 1)
        + conv(20, 3, 12)
        + conv(20, 3, 20)
        + conv(18, 3, 20)
        + 3 * (12 + 20 + 20 + 18)
        + dense(10, 18),
        {},
    ),
    "small": small(16, 28, 28, 30, 32),
    "micro": small(8, 10, 10, 10, 12, per_map=3, then=SILU),
    "dense": (
        [
            (FLAT, None, (784,)),
            ("Dense", (128, "relu"), (128,)),
            ("Dense", (10, "softmax"), (10,)),
        ],
        dense(128, 784) + dense(10, 128),
        {},
    ),
    "logistic": (
        [(FLAT, None, (784,)), ("Dense", (10, "softmax"), (10,))],
        dense(10, 784),
        {},
    ),
}


def settings(layer):
    config = layer.get_config()
    match type(layer).__name__:
        case "Conv2D":
            assert config["strides"] == (1, 1)
            assert len(set(config["kernel_size"])) == 1
            assert config["padding"] == "valid" or config["activation"] == "linear"
            # A convolution of ours has its activation behind the pooling.
            own = config["padding"] if config["activation"] == "linear" else config["activation"]
            return config["filters"], config["kernel_size"][0], own
        case "DepthwiseConv2D":
            assert (config["strides"], config["depth_multiplier"]) == ((1, 1), 1)
            return config["kernel_size"][0], config["padding"], config["use_bias"]
        case "BatchNormalization":
            return config["momentum"]
        case "MaxPooling2D":
            assert config["pool_size"] == config["strides"] == (2, 2)
            return 2
        case "Dropout":
            return config["rate"]
        case "Dense":
            return config["units"], config["activation"]
        case "Activation":
            return config["activation"]


def test_every_recipe_stands_in_the_table():
    assert set(RECIPES) == set(PUBLISHED)
    assert list(RECIPES) == [
        *("fast", "accurate", "best", "tiny", "small", "micro", "robust", "mnist_cnn"),
        *("digit_recognizer", "stacked_conv", "ocr", "small_kernel", "keras_example", "dense"),
        "logistic",
    ]
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_every_recipe_has_a_line_on_what_it_is_for():
    for recipe in RECIPES.values():
        assert 20 < len(recipe.summary) < 100
        assert "\n" not in recipe.summary
    assert RECIPES["fast"].summary == "The lesson's network: trained in seconds"


@pytest.mark.parametrize("name", PUBLISHED)
def test_layers_shapes_parameters_and_settings_are_those_published(name):
    layers, parameters, numbers = PUBLISHED[name]
    model = build_model(RECIPES[name])
    assert model.input_shape == (None, 28, 28, 1)
    assert [
        (type(layer).__name__, settings(layer), layer.output.shape[1:]) for layer in model.layers
    ] == layers
    assert model.count_params() == parameters
    assert {number: getattr(RECIPES[name], number) for number in numbers} == numbers


def test_overrides_reach_the_network():
    changed = override_recipe(RECIPES["small_kernel"], width=8, dropout=0.1, epochs=2)
    assert changed.epochs == 2
    assert [settings(layer) for layer in build_model(changed).layers if layer.get_config()] == [
        *((8, 2, "relu"), 2, 0.1, (4, 2, "relu"), 2, 0.1, None),
        *((256, "relu"), 0.5, (10, "softmax")),
    ]
    assert RECIPES["small_kernel"].width == 64


def test_batch_normalisation_takes_the_place_of_biases():
    model = build_model(override_recipe(RECIPES["fast"], batch_norm=True))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[:4] == ["Conv2D", POOL, "BatchNormalization", "ReLU"]
    # Four numbers a filter (scale, shift, mean, variance) where there was one bias.
    plain = build_model(RECIPES["fast"]).count_params()
    assert model.count_params() == plain + 3 * (16 + 32)


@pytest.mark.parametrize(("name", "most"), [("tiny", 10_000), ("small", 5000), ("micro", 1000)])
def test_small_networks_have_few_parameters(name, most):
    model = build_model(RECIPES[name])
    if RECIPES[name].folded:
        model = fold_normalization(model)
    assert model.count_params() <= most


def test_a_folded_network_gives_the_same_without_normalisation():
    rng = np.random.default_rng(0)
    model = build_model(RECIPES["micro"])
    for layer in model.layers:
        spread = [rng.normal(0, 0.3, array.shape) for array in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            spread[2] = rng.uniform(0.1, 2, len(spread[2]))  # a variance is positive
        layer.set_weights(spread)
    folded = fold_normalization(model)
    images = rng.random((50, 28, 28, 1), np.float32)
    assert np.allclose(folded(images), model(images), atol=1e-5)
    assert np.array(folded(images)).std() > 0.01
    kinds = [type(layer).__name__ for layer in model.layers]
    assert [type(layer).__name__ for layer in folded.layers] == [
        kind for kind in kinds if kind != "BatchNormalization"
    ]
    # One bias for each map, where there were shift, mean and variance.
    assert model.count_params() - folded.count_params() == 2 * (8 + 10 + 10 + 10 + 12)


def test_training_ends_with_the_folded_network(slices, tmp_path):
    recipe = override_recipe(RECIPES["micro"], epochs=1)
    run = train_model(recipe, *slices, verbose=0)
    _, accuracy = run.model.evaluate(
        preprocess_images(slices[1].images), one_hot_labels(slices[1].labels), verbose=0
    )
    assert accuracy == pytest.approx(run.history["val_accuracy"][-1], abs=0.005)
    assert accuracy == pytest.approx(run.record["validation_accuracy"], abs=0.005)
    path = tmp_path / "micro.keras"
    save_model(run.model, path, record=run.record)
    assert load_model(path).count_params() == run.model.count_params() == 994
