import keras
import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.signal import correlate2d

from digitlib import (
    apply_convolution,
    apply_pooling,
    compute_feature_maps,
    compute_grad_cam,
    compute_occlusion,
    convolve2d,
)
from digitlib.explain import _window_centres

RNG = np.random.default_rng(5)


@pytest.fixture
def model():
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(4, 5, activation="relu", bias_initializer="normal"),
            keras.layers.MaxPooling2D(),
            # No ReLU before the pooling, which has no single slope where values are equal.
            keras.layers.Conv2D(6, 3),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.fixture
def inputs(mnist):
    return (mnist.test.images[0] / 255).astype("float32")[..., None]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolution_agrees_with_scipy(stride):
    image, kernel = RNG.normal(size=(9, 12)), RNG.normal(size=(3, 4))
    expected = correlate2d(image, kernel, mode="valid")[::stride, ::stride]
    assert convolve2d(image, kernel, stride=stride) == pytest.approx(expected)


def test_bytes_do_not_overflow():
    assert convolve2d(np.full((2, 2), 255, np.uint8), np.ones((2, 2))) == [[1020]]


@pytest.mark.parametrize("size", [2, 3])
def test_layers_by_hand_agree_with_keras(size):
    values = RNG.normal(size=(13, 11, 3)).astype("float32")
    layer = keras.layers.Conv2D(5, (3, 2), bias_initializer="normal")
    expected = np.array(layer(values[None]))[0]
    assert apply_convolution(values, *layer.get_weights()) == pytest.approx(expected, abs=1e-5)
    pooled = np.array(keras.layers.MaxPooling2D(size)(values[None]))[0]
    assert np.array_equal(apply_pooling(values, size), pooled)


def test_feature_maps_are_what_the_layers_hand_on(model, inputs):
    maps = compute_feature_maps(model, inputs)
    assert [m.shape for m in maps.values()] == [(24, 24, 4), (12, 12, 4), (10, 10, 6), (5, 5, 6)]
    assert list(maps) == [layer.name for layer in model.layers[:4]]
    until_the_third = keras.Model(model.inputs[0], model.layers[2].output)
    expected = until_the_third.predict(inputs[None], verbose=0)[0]
    assert maps[model.layers[2].name] == pytest.approx(expected, abs=1e-6)


def test_grad_cam_uses_the_mean_gradient_of_each_map(model):
    inputs = RNG.uniform(size=(28, 28, 1)).astype("float32")
    # A second way to the gradients: move one value of the last convolution at a time. The part of
    # the network above it consists of straight pieces, so that small moves give exact slopes.
    maps = compute_feature_maps(model, inputs)[model.layers[2].name].astype(float)
    weights = [w.astype(float) for w in model.get_weights()[4:]]

    def score(maps):
        hidden = np.maximum(apply_pooling(maps).reshape(-1) @ weights[0] + weights[1], 0)
        return hidden @ weights[2][:, 7]

    slopes = np.zeros_like(maps)
    for place in np.ndindex(maps.shape):
        moved = maps.copy()
        moved[place] += 1e-6
        slopes[place] = (score(moved) - score(maps)) / 1e-6
    coarse = np.maximum(np.maximum(maps, 0) @ slopes.mean(axis=(0, 1)), 0)
    # Windows of the last convolution are centred at 4.5, 6.5 ...: 2 pixels for the first one, half
    # a pixel for pooling, 2 for the second one in steps of 2. One step further out stands a 0.
    places = np.arange(2.5, 25, 2)
    grid = RegularGridInterpolator((places, places), np.pad(coarse, 1), bounds_error=False)
    pixels = np.stack(np.meshgrid(range(28), range(28), indexing="ij"), axis=-1)
    expected = np.nan_to_num(grid(pixels))
    heat = compute_grad_cam(model, inputs, 7)
    assert heat.max() > 0
    assert heat == pytest.approx(expected, abs=1e-4 * heat.max())


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([("conv", 5, 1, "valid")], np.arange(2, 26)),
        ([("conv", 5, 1, "same")], np.arange(28)),
        ([("conv", 5, 1, "valid"), ("pool", 2)], np.arange(2.5, 26, 2)),
        ([("conv", 5, 1, "valid"), ("pool", 2), ("conv", 3, 1, "valid")], np.arange(4.5, 24, 2)),
        ([("conv", 3, 2, "same"), ("conv", 3, 2, "same")], None),
    ],
)
def test_window_centres_are_the_middle_of_what_a_value_sees(layers, expected):
    stack = [keras.Input((28, 28, 1))]
    for kind, size, *rest in layers:
        if kind == "conv":
            stride, padding = rest
            stack.append(keras.layers.Conv2D(1, size, stride, padding, kernel_initializer="ones"))
        else:
            stack.append(keras.layers.AveragePooling2D(size))
    model = keras.Sequential(stack)
    centres, _ = _window_centres(model.layers)
    # What a value sees: those pixels of a column that change it.
    images = np.eye(28)[:, :, None, None] * np.ones((1, 1, 28, 1))
    seen = model.predict(images, verbose=0)[:, :, model.output_shape[1] // 2, 0]
    for place in range(2, len(centres) - 2):
        assert np.average(np.arange(28), weights=seen[:, place] > 0) == pytest.approx(
            centres[place], abs=0.01
        )
    if expected is not None:
        assert centres == pytest.approx(expected)


def test_grad_cam_of_a_single_value_is_a_bump_at_its_centre(inputs):
    layers = [keras.layers.Conv2D(3, 28), keras.layers.Flatten(), keras.layers.Dense(10)]
    heats = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        network = keras.Sequential([keras.Input((28, 28, 1)), *map(type_copy, layers)])
        heats.append(compute_grad_cam(network, inputs, 3))
    bump = max(heats, key=np.max)
    assert np.argwhere(bump == bump.max()).tolist() == [[13, 13], [13, 14], [14, 13], [14, 14]]


def type_copy(layer):
    return type(layer).from_config(layer.get_config())


def test_grad_cam_needs_a_convolution(inputs):
    dense = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="no convolution"):
        compute_grad_cam(dense, inputs, 3)


def test_occlusion_loses_what_lies_under_the_patch():
    image = np.zeros((28, 28), np.uint8)
    image[10, 12] = 255

    def predict(images):
        share = images[:, 10, 12] / 255
        return np.stack([1 - share, share], axis=1)

    lost = compute_occlusion(predict, image, 1)
    assert lost.shape == (28, 28)
    expected = np.zeros((28, 28))
    expected[8:13, 10:15] = 1
    assert np.array_equal(lost, expected)
    assert np.array_equal(compute_occlusion(predict, image, 0), -expected)
    assert image[10, 12] == 255
