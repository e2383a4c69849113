import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
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
from digitlib.explain import _find_centres

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
def image(mnist):
    return mnist.test.images[0]


def build(*layers):
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def normalised(width):
    """A batch normalisation as training may leave it, with negative factors among others."""
    layer = keras.layers.BatchNormalization()
    layer.build((None, None, None, width))
    rng = np.random.default_rng(4)
    means, variances = rng.normal(0, 0.1, width), rng.uniform(0.01, 0.1, width)
    layer.set_weights([rng.normal(size=width), rng.normal(size=width), means, variances])
    return layer


def place(coarse, first, step):
    """Spreads maps over the image: 0 one step beyond the outermost centres of the windows."""
    places = [first + step * np.arange(-1, size + 1) for size in coarse.shape]
    grid = RegularGridInterpolator(places, np.pad(coarse, 1), bounds_error=False, fill_value=0)
    return grid(np.stack(np.meshgrid(range(28), range(28), indexing="ij"), axis=-1))


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


def test_a_kernel_that_does_not_fit_is_refused():
    for shapes in (((2, 2), (3, 3)), ((2, 9), (3, 3)), ((9, 9, 1), (3, 3)), ((9, 9), (3,))):
        image, kernel = map(np.ones, shapes)
        with pytest.raises(ValueError, match="smaller kernel, both 2-D; got shapes"):
            convolve2d(image, kernel)
    with pytest.raises(ValueError, match="stride must be 1 or more; got -1"):
        convolve2d(np.ones((9, 9)), np.ones((3, 3)), stride=-1)


def test_feature_maps_are_the_outputs_of_the_layers(model, image):
    maps = compute_feature_maps(model, image)
    assert [m.shape for m in maps.values()] == [(24, 24, 4), (12, 12, 4), (10, 10, 6), (5, 5, 6)]
    assert list(maps) == [layer.name for layer in model.layers[:4]]
    until_the_third = keras.Model(model.inputs[0], model.layers[2].output)
    expected = until_the_third.predict(image[None, ..., None] / 255, verbose=0)[0]
    assert maps[model.layers[2].name] == pytest.approx(expected, abs=1e-6)


def test_grad_cam_uses_the_mean_gradient_of_each_map(model):
    image = RNG.integers(0, 256, (28, 28), dtype=np.uint8)
    # A second way to the gradients: move one value of the last convolution at a time. The part of
    # the network above it consists of straight pieces, so that small moves give exact slopes.
    maps = compute_feature_maps(model, image)[model.layers[2].name].astype(float)
    weights = [w.astype(float) for w in model.get_weights()[4:]]

    def score(maps):
        hidden = np.maximum(apply_pooling(maps).reshape(-1) @ weights[0] + weights[1], 0)
        return hidden @ weights[2][:, 7]

    slopes = np.zeros_like(maps)
    for at in np.ndindex(maps.shape):
        moved = maps.copy()
        moved[at] += 1e-6
        slopes[at] = (score(moved) - score(maps)) / 1e-6
    coarse = np.maximum(maps @ slopes.mean(axis=(0, 1)), 0)
    # Windows of the last convolution are centred at 4.5, 6.5 ...: 2 pixels for the first one, half
    # a pixel for pooling, 2 for the second one in steps of 2.
    heat = compute_grad_cam(model, image, 7)
    assert heat.max() > 0
    assert heat == pytest.approx(place(coarse, 4.5, 2), abs=1e-4 * heat.max())


ENDS = {
    "softmax in the last layer": [keras.layers.Dense(10, "softmax")],
    "softmax as a layer": [keras.layers.Dense(10), keras.layers.Softmax()],
    "softmax as an activation": [keras.layers.Dense(10), keras.layers.Activation("softmax")],
    "logits": [keras.layers.Dense(10)],
}


@pytest.mark.filterwarnings("ignore:Grad-CAM")
@pytest.mark.parametrize("end", ENDS)
def test_grad_cam_of_averaged_maps_is_their_weighted_sum(image, end):
    """With global average pooling, the gradients are the weights of the last layer."""
    keras.utils.set_random_seed(6)
    convolution = keras.layers.Conv2D(8, 5, strides=2)
    relu, pooling = keras.layers.ReLU(), keras.layers.GlobalAveragePooling2D()
    last = [type_copy(layer) for layer in ENDS[end]]
    model = build(convolution, normalised(8), relu, pooling, *last)
    maps = keras.Model(model.inputs[0], relu.output).predict(
        image[None, ..., None] / 255, verbose=0
    )
    for digit in range(10):
        weights = last[0].get_weights()[0][:, digit]
        coarse = np.maximum(maps[0] @ weights, 0) / 12**2
        heat = compute_grad_cam(model, image, np.uint8(digit))
        assert heat == pytest.approx(place(coarse, 2, 2), abs=1e-6)


NORMALISED = {
    "pooled, normalised, ReLU": lambda layers: [
        [layers.Conv2D(6, 5), layers.MaxPooling2D(), normalised(6)],
        [layers.ReLU()],
        (2.5, 2),
    ],
    "normalised, then an activation": lambda layers: [
        [layers.Conv2D(6, 5, padding="same"), normalised(6)],
        [layers.Activation("relu")],
        (0, 1),
    ],
    "an activation in the convolution, normalised behind it": lambda layers: [
        [layers.Conv2D(6, 5, activation="relu")],
        [normalised(6), layers.MaxPooling2D(), layers.Dropout(0.5)],
        (2, 1),
    ],
}


@pytest.mark.filterwarnings("ignore:Grad-CAM")
@pytest.mark.parametrize("kind", NORMALISED)
def test_grad_cam_of_normalised_networks_agrees_with_a_functional_model(image, kind):
    keras.utils.set_random_seed(8)
    before, after, (first, step) = NORMALISED[kind](keras.layers)
    top = [keras.layers.Flatten(), keras.layers.Dense(12, "relu"), keras.layers.Dense(10)]
    model = build(*before, *after, *top, keras.layers.Softmax())
    # The maps are those behind the first activation after the last convolution.
    activation = after[0] if step == 2 or first == 0 else before[-1]
    parts = keras.Model(model.inputs[0], [activation.output, model.layers[-2].output])
    seen = []
    for digit in range(10):
        with tf.GradientTape() as tape:
            maps, scores = parts(image[None, ..., None] / np.float32(255))
            score = scores[0, digit]
        weights = tape.gradient(score, maps).numpy().mean(axis=(0, 1, 2))
        coarse = np.maximum((maps.numpy()[0] * weights).sum(axis=-1), 0)
        heat = compute_grad_cam(model, image, digit)
        assert heat == pytest.approx(place(coarse, first, step), abs=1e-5)
        seen.append(heat.max())
    assert max(seen) > 0


def test_grad_cam_of_the_included_model_agrees_or_says_why_it_is_zero(mnist):
    path = ROOT / "digitlib" / "models" / "robust.keras"
    model = keras.saving.load_model(path, compile=False)
    last, weights = model.get_layer(index=-4), model.layers[-1].get_weights()[0]
    assert isinstance(last, keras.layers.ReLU)
    images = mnist.test.images[:20]
    inputs = images[..., None] / 255
    maps = keras.Model(model.inputs[0], last.output).predict(inputs, verbose=0)
    means = weights.reshape(36, -1, 10).mean(axis=0)  # of the 6 x 6 gradients of each map
    coarse = np.maximum(maps @ means, 0)
    for image, expected, digit in zip(images, coarse, mnist.test.labels, strict=False):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            heat = compute_grad_cam(model, image, digit)
        # Windows: 5 x 5, pooled, 3 x 3 twice, pooled; the first is centred at 2 + 0.5 + 1.
        assert heat == pytest.approx(place(expected[..., digit], 3.5, 4), abs=1e-6)
        assert len(caught) == (not heat.any())
        assert all("is 0 everywhere: on average" in str(warning.message) for warning in caught)


def test_a_map_of_zeros_is_reported_with_its_reason(image):
    convolution = keras.layers.Conv2D(2, 5, activation="relu", kernel_initializer="ones")
    last = keras.layers.Dense(10, "softmax")
    model = build(convolution, keras.layers.Flatten(), last)
    last.set_weights([np.full((2 * 24**2, 10), -1), np.zeros(10)])
    with pytest.warns(UserWarning, match=r"digit 3 is 0 everywhere: on average.*compute_occlusion"):
        assert not compute_grad_cam(model, image, 3).any()
    last.set_weights([np.full((2 * 24**2, 10), 1), np.zeros(10)])
    with pytest.warns(UserWarning, match="finds nothing in the image that changes the score"):
        compute_grad_cam(model, np.zeros_like(image), 3)
    last.set_weights([np.zeros((2 * 24**2, 10)), np.ones(10)])
    with pytest.warns(UserWarning, match="finds nothing in the image that changes the score"):
        compute_grad_cam(model, image, 3)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([("conv", 5, 1, "valid")], np.arange(2, 26)),
        ([("conv", 5, 1, "same")], np.arange(28)),
        ([("conv", 5, 1, "valid"), ("pool", 2)], np.arange(2.5, 26, 2)),
        ([("conv", 5, 1, "valid"), ("pool", 2), ("conv", 3, 1, "valid")], np.arange(4.5, 24, 2)),
        ([("conv", 3, 2, "same"), ("conv", 3, 2, "same")], None),
        ([("conv", 3, 2, "same")] * 2 + [("conv", 3, 2, "same")], None),
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
    outputs = [model.inputs[0], *(layer.output for layer in model.layers)]
    rows, columns = (_find_centres(model.layers, outputs, axis)[1:-1] for axis in (0, 1))
    assert np.array_equal(rows, columns)
    centres = rows
    # What a value sees: those pixels of a column that change it.
    images = np.eye(28)[:, :, None, None] * np.ones((1, 1, 28, 1))
    seen = model.predict(images, verbose=0)[:, :, model.output_shape[1] // 2, 0]
    for place in range(2, len(centres) - 2):
        assert np.average(np.arange(28), weights=seen[:, place] > 0) == pytest.approx(
            centres[place], abs=0.01
        )
    if expected is not None:
        assert centres == pytest.approx(expected)


def test_grad_cam_places_oblong_and_dilated_windows(image):
    layers = keras.layers
    oblong = build(layers.Conv2D(3, (5, 3)), layers.MaxPooling2D((2, 1)))
    outputs = [oblong.inputs[0], *(layer.output for layer in oblong.layers)]
    assert np.array_equal(_find_centres(oblong.layers, outputs, 0), np.arange(0.5, 28, 2))
    assert np.array_equal(_find_centres(oblong.layers, outputs, 1), np.arange(28))
    dilated = build(layers.Conv2D(1, 3, dilation_rate=2))
    outputs = [dilated.inputs[0], dilated.layers[0].output]
    assert np.array_equal(_find_centres(dilated.layers, outputs, 0), np.arange(1, 27))


def test_grad_cam_of_a_single_value_is_a_bump_at_its_centre(image):
    layers = [keras.layers.Conv2D(3, 28), keras.layers.Flatten(), keras.layers.Dense(10)]
    heats = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some of the five are 0 everywhere
            heats.append(compute_grad_cam(build(*map(type_copy, layers)), image, 3))
    bump = max(heats, key=np.max)
    assert np.argwhere(bump == bump.max()).tolist() == [[13, 13], [13, 14], [14, 13], [14, 14]]


def type_copy(layer):
    return type(layer).from_config(layer.get_config())


def test_grad_cam_needs_a_convolution_and_ten_outputs(image):
    flatten = keras.layers.Flatten()
    with pytest.raises(ValueError, match="it has no convolution"):
        compute_grad_cam(build(flatten, keras.layers.Dense(10)), image, 3)
    with pytest.raises(ValueError, match=r"it has the output shape \(1, 24, 24, 2\)"):
        compute_grad_cam(build(keras.layers.Conv2D(2, 5)), image, 3)
    padded = build(keras.layers.ZeroPadding2D(), keras.layers.Conv2D(2, 5), flatten)
    padded.add(keras.layers.Dense(10))
    with pytest.raises(ValueError, match=r"zero_padding2d.* rearranges pixels"):
        compute_grad_cam(padded, image, 3)


def test_models_of_another_structure_are_refused(model, image):
    functional = keras.Model(model.inputs[0], model.outputs)
    flat = build(keras.layers.Reshape((784,)), keras.Sequential([keras.layers.Dense(10)]))
    for wrong, found in ((functional, "Functional"), (flat, "a model inside"), (len, "builtin")):
        message = rf"expected a keras\.Sequential of plain layers; got {found}"
        with pytest.raises(ValueError, match=message):
            compute_feature_maps(wrong, image)
        with pytest.raises(ValueError, match=message):
            compute_grad_cam(wrong, image, 3)


@pytest.mark.parametrize("compute", [compute_feature_maps, compute_grad_cam, compute_occlusion])
def test_all_three_take_a_model_and_one_image_as_loaded(model, image, compute):
    digit = [] if compute == compute_feature_maps else [3]
    for wrong in (image / 255, image[None], image[..., None], image[:20], image.astype(int)):
        with pytest.raises(ValueError, match=r"image must be uint8 .*\(28, 28\).*; got"):
            compute(model, wrong, *digit)
    for wrong in [-1, 10, 2.5, "3", None] if digit else []:
        with pytest.raises(ValueError, match="digit must be an integer from 0 to 9; got"):
            compute(model, image, wrong)


class FixedPixel:
    """A model that is as sure of a 1 as the pixel at row 10, column 12 is dark."""

    def __call__(self, inputs, training):
        assert not training
        share = inputs[:, 10, 12, 0]
        return np.stack([1 - share, share, *np.zeros((8, len(inputs)))], axis=1)


def test_occlusion_loses_what_lies_under_the_patch():
    image = np.zeros((28, 28), np.uint8)
    image[10, 12] = 255
    lost = compute_occlusion(FixedPixel(), image, 1)
    assert lost.shape == (28, 28)
    expected = np.zeros((28, 28))
    expected[8:13, 10:15] = 1
    assert np.array_equal(lost, expected)
    assert np.array_equal(compute_occlusion(FixedPixel(), image, 0), -expected)
    assert image[10, 12] == 255
