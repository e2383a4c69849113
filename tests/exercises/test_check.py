import ast
import inspect
import math
import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import convolve2d, correlate2d
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from digitlib import hold_out, one_hot_labels
from digitlib.data import Split
from digitlib.exercises import further, judges, kinds, progress
from digitlib.exercises.check import (
    EXERCISES,
    check_answer,
    check_summary,
    record_prediction,
    reveal_prediction,
)

predict = partial(record_prediction, largest=10)
valid, right_softmax = partial(correlate2d, mode="valid"), partial(softmax, axis=1)
CODE = [name for name, question in EXERCISES.items() if isinstance(question, kinds.Code)]
VALUES = [name for name, question in EXERCISES.items() if isinstance(question, kinds.Value)]
IMAGE, KERNEL = np.array([[1, 2, 0], [0, 1, 3], [2, 1, 0]]), np.array([[1, 0], [2, -1]])
CONFUSION = np.array([[48, 1, 1], [2, 40, 8], [0, 4, 46]])
TRUTH = np.repeat([0, 1, 2], CONFUSION.sum(axis=1))
READ = np.concatenate([np.repeat([0, 1, 2], row) for row in CONFUSION])


@pytest.fixture(autouse=True)
def empty_memory():
    forget()


def forget():
    progress._memory, progress._seen = progress.Progress(), None


@pytest.fixture
def verdict(capsys):
    """What a check prints: always exactly one line."""

    def call(check, *arguments):
        capsys.readouterr()
        assert check(*arguments) is None
        printed = capsys.readouterr()
        assert printed.err == ""
        assert printed.out.count("\n") == 1
        return printed.out.rstrip("\n")

    return call


def written_hints(module):
    """The texts that a module's functions return with False, with .* for what is filled in."""
    texts = re.findall(r"return False, f?[\"'](.*)[\"']\n", inspect.getsource(module))
    assert len(texts) == inspect.getsource(module).count("return False, ")
    return {re.sub(r"\\{.*?\\}", ".*", re.escape(text)) for text in texts}


def all_hints():
    """Every specific hint as a pattern."""
    hints = {kinds.CHANGES_INPUT}
    for question in EXERCISES.values():
        hints |= {hint for _, hint in getattr(question, "mistakes", [])}
        hints |= set(getattr(question, "reasons", {}).values())
    hints |= set(further._FAULT_HINTS.values())
    return {*map(re.escape, hints)} | written_hints(judges) | written_hints(further)


# ---------------------------------------------------------------- right answers, found elsewhere


def build(*stack, shape=(28, 28, 1)):
    return keras.Sequential([keras.Input(shape), *stack])


def count_parameters(*stack, shape):
    return build(*stack, shape=shape).count_params()


def lesson_layers():
    return [
        layers.Conv2D(16, 5),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3),
        layers.MaxPooling2D(),
    ]


def receptive_width():
    """How many columns of the image change one value; the mean's windows are the maximum's."""
    ones = {"use_bias": False, "kernel_initializer": "ones"}
    model = build(
        layers.Conv2D(1, 5, **ones), layers.AveragePooling2D(2), layers.Conv2D(1, 5, **ones)
    )
    columns = np.eye(28, dtype=np.float32)[:, None, :, None].repeat(28, axis=1)
    return int((model.predict(columns, verbose=0)[:, 4, 4, 0] > 0).sum())


def updated_weight(weight=4.0, *, steps=1, rate=0.1):
    """The weight after plain gradient descent on (weight * 2 - 6)^2, as Keras computes it."""
    model = build(layers.Dense(1, use_bias=False), shape=(1,))
    model.compile(keras.optimizers.SGD(rate), loss="mse")
    model.set_weights([np.array([[weight]])])
    for _ in range(steps):
        model.train_on_batch(np.array([[2.0]]), np.array([[6.0]]))
    return model.get_weights()[0].item()


WINDOWS = np.array([[[1, 0], [2, 1]], [[1, 3], [1, 0]]])
KERNELS = np.array([[[1, 2], [0, 1]], [[-1, 1], [2, 0]]])
BIAS = 5


def two_channels(kernels=KERNELS, bias=BIAS):
    layer = layers.Conv2D(1, 2)
    build(layer, shape=(2, 2, 2))
    layer.set_weights([np.moveaxis(kernels, 0, -1)[..., None], np.array([bias])])
    window = np.moveaxis(WINDOWS, 0, -1)[None].astype("float32")
    return keras.ops.convert_to_numpy(layer(window)).item()


def loss_of_guessing():
    guess = np.full((1, 10), 0.1)
    return float(keras.losses.sparse_categorical_crossentropy(np.array([3]), guess)[0])


def frozen_network_weights():
    features = [*lesson_layers(), layers.Flatten()]
    for layer in features:
        layer.trainable = False
    whole = build(*features, layers.Dense(5))
    return sum(math.prod(weight.shape) for weight in whole.trainable_weights)


def output_shapes():
    stack = lesson_layers()
    build(*stack)
    return [layer.output.shape[1:] for layer in stack]


RIGHT_VALUES = {
    "one-hot": lambda: one_hot_labels([3])[0],
    "dense parameters": lambda: count_parameters(
        layers.Flatten(), layers.Dense(128), layers.Dense(10), shape=(28, 28, 1)
    ),
    "one update": updated_weight,
    "hand convolution": lambda: valid(IMAGE, KERNEL),
    "two channels": two_channels,
    "receptive field": receptive_width,
    "first layer": lambda: count_parameters(layers.Conv2D(16, 5), shape=(28, 28, 1)),
    "second layer": lambda: count_parameters(layers.Conv2D(32, 3), shape=(12, 12, 16)),
    "output shapes": output_shapes,
    "dense weights": lambda: count_parameters(layers.Dense(128), shape=(800,)),
    "initial loss": loss_of_guessing,
    "recall": lambda: recall_score(TRUTH, READ, labels=[1], average="macro"),
    "trainable weights": frozen_network_weights,
}


def count_places(size, kernel, stride=1, padding=0):
    return len(sliding_window_view(np.zeros(size + 2 * padding), kernel)[::stride])


def keras_max_pool(image, **options):
    pooled = layers.MaxPooling2D(**options)(image[None, :, :, None].astype("float32"))
    return keras.ops.convert_to_numpy(pooled)[0, :, :, 0]


RIGHT_CODE = {
    "convolve2d": valid,
    "output size": count_places,
    "ReLU": lambda values: keras.activations.relu(values.astype("float32")),  # a tensor
    "max-pool": keras_max_pool,
    "softmax": lambda scores: right_softmax(scores).tolist(),
}
CHOICES = {"pixel type": "b", "choosing": "d", "learning rate": "c", "why shifts hurt": "a"}
CHOICES |= {"learning curves": "d", "why it falls": "c", "augmentation": "d", "searching": "a"}
CHOICES |= {"interval": "b", "better": "c", "sure": "a"}


def right_layer():
    return layers.Conv2D(16, 3, strides=2, padding="same")


def test_shapes_are_those_of_the_lessons_data(verdict, mnist):
    train, _ = hold_out(mnist.train, fraction=1 / 12, seed=0)
    assert verdict(check_answer, "training shape", train.images.shape).startswith("Right. ")
    assert verdict(check_answer, "input shape", [*train.images.shape, 1]).startswith("Right. ")
    assert train.images.dtype == np.uint8
    assert verdict(check_answer, "pixel type", train.images).startswith("Not yet. ")
    assert verdict(check_answer, "training shape", train.images).startswith("Not yet. ")


@pytest.mark.parametrize("name", RIGHT_VALUES)
def test_right_values(verdict, name):
    right = RIGHT_VALUES[name]()
    forms = [right, np.float64(right), np.asarray(right).tolist()]
    if np.ndim(right) == 0 and name not in ("initial loss", "recall", "one update"):
        assert right == int(right)
        forms += [int(right), np.int32(right), np.array([right])]
    elif np.ndim(right):
        forms += [tuple(map(tuple, right)) if np.ndim(right) == 2 else tuple(right)]
        forms += [np.arange(10) == 3] if name == "one-hot" else []
    for form in forms:
        assert verdict(check_answer, name, form).startswith("Right. ")


def test_tolerances(verdict):
    for name, answer in [("initial loss", 2.3), ("initial loss", -math.log(0.1)), ("recall", 0.8)]:
        assert verdict(check_answer, name, answer).startswith("Right. ")
    for name, answer in [("initial loss", 2.33), ("recall", 0.81), ("dense parameters", 101771)]:
        assert verdict(check_answer, name, answer).startswith("Not yet. ")


@pytest.mark.parametrize("name", CHOICES)
def test_right_choices(verdict, name):
    for form in ["b", "B", "b)", " b ", "(b)", "b.", np.str_("B)")]:
        letter = form.replace("b", CHOICES[name]).replace("B", CHOICES[name].upper())
        assert verdict(check_answer, name, letter).startswith("Right. ")


def test_no_letter_is_worth_guessing():
    right = [one.right for one in EXERCISES.values() if isinstance(one, kinds.Choice)]
    assert len(right) == len(CHOICES)
    assert max(map(right.count, "abcd")) <= len(right) // 3


def test_the_learning_rate_is_the_one_of_the_figure():
    def descend(rate):
        return np.array([updated_weight(0.0, steps=steps, rate=rate) for steps in range(5)])

    rates = {"a": 0.01, "b": 0.05, "c": 0.2, "d": 0.26}
    courses = {letter: descend(rate) for letter, rate in rates.items()}
    right = EXERCISES["learning rate"].right
    assert courses[right] == pytest.approx([0, 4.8, 1.92, 3.65, 2.61], abs=0.005)
    assert np.divide(*(courses[right][1:] - 3, courses[right][:-1] - 3)) == pytest.approx(-0.6)
    assert courses["a"][1] == pytest.approx(0.24)
    for letter in "ab":
        assert (np.diff(courses[letter]) > 0).all()
        assert (courses[letter] < 3).all()
    assert (np.diff(abs(courses["d"] - 3)) > 0).all()


def test_feature_maps_move_with_the_digit_and_the_dense_layer_does_not():
    image = np.zeros((1, 28, 28, 1), "float32")
    image[0, 10:18, 8:14, 0] = np.random.default_rng(5).random((8, 6))
    moved = [np.roll(image, step, axis=2) for step in (0, 2, 4)]
    first = build(layers.Conv2D(16, 5))
    maps = [first.predict(one, verbose=0) for one in moved]
    assert maps[1] == pytest.approx(np.roll(maps[0], 2, axis=2), abs=1e-6)
    stack = build(*lesson_layers())
    maps = [stack.predict(one, verbose=0) for one in moved]
    assert maps[2] == pytest.approx(np.roll(maps[0], 1, axis=2), abs=1e-6)
    for layer, same in [(layers.Flatten(), False), (layers.GlobalAveragePooling2D(), True)]:
        head = build(layer, layers.Dense(10), shape=(5, 5, 32))
        scores = [head.predict(one, verbose=0) for one in maps]
        assert np.allclose(scores[0], scores[2], atol=1e-5) == same


@pytest.mark.parametrize("name", RIGHT_CODE)
def test_right_code(verdict, name):
    assert verdict(check_answer, name, RIGHT_CODE[name]).startswith("Right. ")
    assert verdict(check_answer, name, EXERCISES[name].right).startswith("Right. ")


def test_right_faults(verdict):
    forms = [FAULTS, int(FAULTS), f" {' '.join(FAULTS)}", ",".join(FAULTS), list(FAULTS)]
    for answer in [*forms, tuple(map(np.int64, FAULTS)), np.array(list(map(int, FAULTS)))]:
        assert verdict(check_answer, "faults", answer).startswith("Right. ")


def test_right_layers(verdict):
    for layer in [right_layer(), layers.Conv2D(16, 2, strides=2), layers.Conv2D(16, 15)]:
        assert layer.compute_output_shape((None, 28, 28, 1)) == (None, 14, 14, 16)
        assert verdict(check_answer, "layer to shape", layer).startswith("Right. ")


# ---------------------------------------------------------------- the usual mistakes


def one_hot(place, length=10, entry=1):
    return [entry if place == position else 0 for position in range(length)]


# fmt: off
VALUE_MISTAKES = {
    "training shape": [
        ("one number", 3, np.int64(55000)), ("one image", (28, 28), (1, 28, 28)),
        ("flattened", (55000, 784), (60000, 784)),
        ("channel", (55000, 28, 28, 1), (55000, 1, 28, 28)), ("first", (28, 28, 55000)),
        ("set aside", [60000, 28, 28]), ("None", (None, 28, 28)),
        ("A set has no order", frozenset((55000, 28))),
        ("Leave out the quotes", "(55000, 28, 28)", ["55000", "28", "28"])],
    "input shape": [
        ("channel axis is missing", (55000, 28, 28)),
        ("channels first", (55000, 1, 28, 28), (1, 28, 28), (None, 1, 28, 28)),
        ("colour", (55000, 28, 28, 3)), ("flattened", (55000, 784)), ("one image", (28, 28, 1)),
        ("set aside", (60000, 28, 28, 1)), ("None", (None, 28, 28, 1))],
    "one-hot": [
        ("one number", 3), ("from zero", one_hot(2)), ("reversed", one_hot(3)[::-1]),
        ("entry", one_hot(3, entry=3)),
        ("Nine", one_hot(3, length=9), np.array(one_hot(2, length=9))),
        ("A set has no order", {0, 1}),
        (r"convert it with list\(\)",
         (int(place == 3) for place in range(10)), map(int, "0001000000"), iter([0, 0, 0, 1])),
        ("None or NaN", [Fraction(1), None, *[0] * 8])],
    "output shapes": [
        ("channels first", [(16, 24, 24), (16, 12, 12), (32, 10, 10), (32, 5, 5)],
         [(None, 16, 14, 14)] * 2 + [(None, 32, 10, 10)] * 2),
        ("axis that counts", [(None, 24, 24, 16)] * 2 + [(None, 10, 10, 32)] * 2),
        ("padding", [(28, 28, 16), (14, 14, 16), (14, 14, 32), (7, 7, 32)]),
        ("One position", [(23, 23, 16), (11, 11, 16), (8, 8, 32), (4, 4, 32)]),
        ("channels", [(24, 24, 1), (12, 12, 1), (10, 10, 1), (5, 5, 1)]),
        ("halves", [(24, 24, 16), (24, 24, 16), (22, 22, 32), (22, 22, 32)]),
        ("sums over", [(24, 24, 16), (12, 12, 16), (10, 10, 512), (5, 5, 512)]),
        ("three numbers", [24, 12, 10, 5]),
        ("10 of 12", [(24, 24, 16), (12, 12, 16), (9, 9, 32), (5, 5, 32)]),
        ("All rows must have the same length", [(24, 24, 16), (12, 12)])],
    "dense parameters": [
        ("biases are missing.*both", 101632), ("second layer", 100480, 100352),
        ("biases of the last", 101760), ("biases of the hidden", 101642),
        ("multiply", 784 * 128 * 10), ("one side", 28 * 128 + 128 + 1290)],
    "one update": [
        ("uphill", 4 + 0.1 * 8, 4 + 0.1 * 4), ("learning rate is missing", 4 - 8, 4 + 8, 4 - 4),
        ("lacks a factor", 4 - 0.1 * 4, 3.6, 4 - 0.1 * 2), ("respect to x", 4 - 0.1 * 16, 16),
        ("That is the step", 0.1 * 8, -0.8, 0.1 * 4), ("the slope; the step", 8, -8.0),
        ("minimum", 3), ("old weight; ", 4), ("error", 4 * 2 - 6, 6 - 4 * 2),
        ("new prediction", 6.4, updated_weight() * 2), ("new loss", (6.4 - 6) ** 2),
        ("two updates", 3.04, updated_weight(steps=2)), ("not 0.01", updated_weight(rate=0.01)),
        ("do not divide", 4 - 8 / 0.1), ("That number is not right", 3.5),
        ("Leave out the quotes", "3,2"), ("That is of type function", lambda weight: weight)],
    "two channels": [
        ("The bias is missing", two_channels(bias=0)),
        ("bias once", two_channels(bias=2 * BIAS)),
        ("one kernel for both", *(two_channels(KERNELS[[channel, channel]], bias)
                                  for channel in (0, 1) for bias in (0, BIAS))),
        ("swapped the kernels", *(two_channels(KERNELS[::-1], bias) for bias in (0, BIAS))),
        ("sign", two_channels(abs(KERNELS))),
        ("one channel only", 2, 4),
        ("mean", 6 / 8, 6 / 8 + BIAS, 6 / 2, 6 / 2 + BIAS),
        ("added, not multiplied", two_channels(bias=0) * BIAS),
        ("Add the channels", (2, 4), [7, 9], (2, 4, 5), np.array([9, 7])),
        ("Add up the products", (WINDOWS * KERNELS).sum(axis=0), WINDOWS * KERNELS),
        ("one whole number", [[2, 4]])],
    "hand convolution": [
        ("result at one position", 0), ("inside", correlate2d(IMAGE, KERNEL, "same")),
        ("grid", valid(IMAGE, KERNEL).ravel()),
        ("flip", convolve2d(IMAGE, KERNEL, "valid")),
        ("transposed", valid(IMAGE, KERNEL.T)),
        ("swapped", valid(IMAGE, KERNEL).T),
        ("sign", valid(IMAGE, abs(KERNEL))),
        ("All rows must have the same length. The answer is a list", [[0, 1], [3]]),
        ("All rows must have the same length", [[0, 1], 3, 3])],
    "receptive field": [
        ("You left out pooling", 5 + 5 - 1), ("add up", 5 + 1 + 4, 5 + 2 + 5),
        ("window of the pooling", 5 + 4 * 2), ("multiply", 5 * 5, 5 * 2 * 5),
        ("one kernel alone", 5), ("area", 14 * 14), ("after pooling", 5 + 1)],
    "first layer": [
        ("size of the image", 24 * 24 * 16, 28 * 28 * 16, (28 * 28 + 1) * 16, 28 * 28 * 25 * 16),
        ("biases are missing", 400), ("a bias of its own", 401), ("one filter; ", 26, 25),
        ("square", 96), ("Leave out the quotes", np.str_("416")), ("Text is not a number", "many"),
        ("of type bytes", b"416"), ("of type complex", 416j),
        ("of type bool", True, np.bool_(True)), ("of type function", lambda: 416),
        ("of type int", 10**400), ("That number is not right", Fraction(1, 3), Decimal("NaN"))],
    "dense weights": [
        ("biases", 800 * 128), ("not the pixels", 785 * 128), ("channels", 26 * 128),
        ("both dense", 801 * 128 + 1290),
        ("border", (1568 + 1) * 128, 1568 * 128), ("last convolution", 401 * 128, 400 * 128),
        ("Pooling follows both", 3201 * 128, 3873 * 128, 15_489 * 128),
        ("input of the layer", 800, (32, 5, 5), (5, 5, 32))],
    "second layer": [
        ("all input channels", 320, 288), ("biases are missing", 4608), ("one bias", 5120),
        ("one filter", 145)],
    "initial loss": [
        ("probability of each digit", 0.1), ("sign", -2.303), ("base ten", 1.0), ("base 2", 3.32),
        ("zero", 0), ("number of digits", 10), ("guess fails", 0.9)],
    "recall": [
        ("precision", precision_score(TRUTH, READ, labels=[1], average="macro"),
         0.89, Fraction(8, 9), Decimal("0.889")),
        ("accuracy", accuracy_score(TRUTH, READ), 0.893), ("count", 40), ("percentage", 80),
        ("missed", 0.2), ("F1", f1_score(TRUTH, READ, labels=[1], average="macro"), 0.84),
        ("Leave out the quotes", "0.8")],
    "trainable weights": [
        ("biases", 4000), ("five outputs", 8010), ("follows Flatten", 645),
        ("Frozen", 108_229, np.int64(108_874), 416 + 4640 + 4005)],
}
CHOICE_MISTAKES = {
    "pixel type": [
        ("four bytes", "a"), ("127", "C"), ("shades", "d)"),
        ("one letter in quotes, from a to d, not the text itself", "uint8"),
        ("not the text itself", "b) uint8"), ("one letter in quotes, from a to d", np.uint8)],
    "choosing": [
        ("memorised", "b"), ("unbiased", "a"), ("training.*unused", "c"),
        ("not the text itself", "test"),
        ("Leave out the brackets. The answer is one letter", ["b"], {"b"})],
    "why shifts hurt": [("enough weights", "b"), ("ink", "c"), ("Longer", "d")],
    "learning rate": [("0.24", "a"), ("one side only", "b"), ("overshoots farther", "d"),
                      ("one letter in quotes", 0.2), ("not the text itself", "0.2")],
    "why it falls": [("equivariant", "a"), ("less sensitive", "b"), ("scores", "d")],
    "learning curves": [("more epochs", "a"), ("Averaging", "c"), ("underfitting", "b")],
    "interval": [("square root", "a"), ("More images", "c"), ("seed changes", "d")],
    "augmentation": [("two pixels", "a"), ("degrees", "c"), ("sizes", "b")],
    "searching": [("suit these images", "b"), ("easier", "c"), ("direction", "d")],
    "better": [("seed", "a"), ("does not show that there is none", "b"), ("gap between", "d")],
    "sure": [("exactly 90%", "b"), ("once in a hundred", "c"), ("calibrated", "d")],
}
# fmt: on
FAULTS = "42135"
SYMPTOMS = {"1": "scaled", "2": "shuffled", "3": "rate", "4": "twice", "5": "test images"}
FAULT_MISTAKES = [
    ("0 of 5 are right. Look at A again: ", FAULTS[1:] + FAULTS[0]),
    ("once", FAULTS[:4] + FAULTS[0]),
    ("from 1 to 5", FAULTS.replace("1", "0")),
    ("five digits", FAULTS[:4], FAULTS + "1", {"A": 4}),
]
for first, second in combinations(range(5), 2):
    order = list(FAULTS)
    order[first], order[second] = order[second], order[first]
    pattern = f"3 of 5 are right. Look at {'ABCDE'[first]} again: .*{SYMPTOMS[order[first]]}"
    FAULT_MISTAKES.append((pattern, "".join(order)))


def convolve_by_loops(image, kernel, multiply=np.multiply, add=np.sum, dtype=float, axes=(0, 1)):
    height, width = kernel.shape[axes[0]], kernel.shape[axes[1]]
    result = np.zeros((image.shape[0] - height + 1, image.shape[1] - width + 1), dtype=dtype)
    for row, column in np.ndindex(result.shape):
        window = image[row : row + height, column : column + width]
        result[row, column] = add(multiply(window, kernel))
    return result


def spoil_input(image, kernel):
    result = valid(image, kernel)
    image[0, 0] = 9
    return result


def relu_in_place(values):
    values[values < 0] = 0
    return values


def reduce_windows(image, reduce):
    even = image[: len(image) // 2 * 2, : image.shape[1] // 2 * 2]
    return reduce(even.reshape(len(even) // 2, 2, -1, 2), axis=(1, 3))


def stop_inside(compute, *, whole_row=False, start=None):
    """A function with loops over the places of its result, and `return` inside one of them."""

    def function(*inputs):
        whole = np.asarray(compute(*inputs))
        result = start(*inputs) if start else np.zeros_like(whole)
        for place in np.ndindex(whole.shape):
            result[place] = whole[place]
            if not whole_row or place[-1] == whole.shape[-1] - 1:
                return result
        return None

    return function


def stop_at_first_value(values):
    for value in values:
        if value < 0:
            return 0
        return value
    return None


# fmt: off
CODE_MISTAKES = {
    "ReLU": [
        (r"it returns generator. A generator .* list\(\)", lambda v: (max(x, 0) for x in v)),
        ("A set has no order", lambda v: set(v.flat)),
        ("it returns list. All rows must have the same length.", lambda v: [[0], [1, 2]]),
        ("Leave out the quotes", lambda v: str(v)), ("absolute", lambda v: abs(v)),
        ("clipped", lambda v: v.clip(0, 1)),
        ("mask", lambda v: v > 0, lambda v: (v > 0).astype(int)),
        (r"np\.maximum", lambda v: 0 if v < 0 else v, lambda v: max(0, v),
         lambda v: [x if x > 0 else 0 for x in v]),
        ("compares each", lambda v: np.max(v, 0)), ("negative", lambda v: v * (v < 0)),
        ("dropped", lambda v: v[v > 0], lambda v: v[v >= 0]), ("changed its input", relu_in_place),
        ("return inside a loop", stop_at_first_value, stop_inside(lambda v: v.clip(0)),
         stop_inside(lambda v: v.clip(0), start=np.copy))],
    "convolve2d": [
        ("flip", lambda i, k: convolve2d(i, k, "valid")),
        ("last position", lambda i, k: valid(i, k)[:-1, :-1]),
        ("as large as the image", lambda i, k: correlate2d(i, k, "same")),
        ("Keep the grid", lambda i, k: valid(i, k).ravel()),
        ("mean", partial(convolve_by_loops, add=np.mean)),
        ("not multiplied", partial(convolve_by_loops, multiply=lambda w, _: w)),
        ("still have to be added up", partial(convolve_by_loops, add=np.asarray),
         lambda i, k: sliding_window_view(i, k.shape) * k),
        ("matrix product", partial(convolve_by_loops, multiply=np.matmul),
         partial(convolve_by_loops, multiply=np.dot)),
        ("cut out a window", lambda i, k: (i * k).sum()),
        ("square", partial(convolve_by_loops, axes=(0, 0)),
         partial(convolve_by_loops, axes=(1, 1))),
        ("swapped", lambda i, k: valid(i, k).T),
        ("Fractions", lambda i, k: valid(i, k).astype(i.dtype),
         partial(convolve_by_loops, dtype=int), lambda i, k: np.round(valid(i, k))),
        ("result at one position", lambda i, k: valid(i, k)[0, 0]),
        ("changed its input", spoil_input),
        ("return inside a loop", stop_inside(valid), stop_inside(valid, whole_row=True),
         lambda i, k: valid(i, k)[:1].tolist())],
    "output size": [
        ("One is missing", lambda n, k, s=1, p=0: (n - k + 2 * p) // s),
        ("Divide first", lambda n, k, s=1, p=0: (n - k + 2 * p + 1) // s),
        ("both ends", lambda n, k, s=1, p=0: (n - k + p) // s + 1),
        ("padding is ignored", lambda n, k, s=1, p=0: count_places(n, k, s)),
        ("stride is ignored", lambda n, k, s=1, p=0: count_places(n, k, 1, p)),
        ("Round down", lambda n, k, s=1, p=0: math.ceil((n - k + 2 * p) / s + 1),
         lambda n, k, s=1, p=0: round((n - k + 2 * p) / s) + 1),
        ("float", lambda n, k, s=1, p=0: (n - k + 2 * p) / s + 1),
        ("return inside a loop", lambda n, k, s=1, p=0: 1)],
    "max-pool": [
        ("mean", partial(reduce_windows, reduce=np.mean)),
        ("smallest", partial(reduce_windows, reduce=np.min)),
        ("overlap", partial(keras_max_pool, strides=1),
         lambda i: keras_max_pool(i, strides=1)[: len(i) // 2, : len(i[0]) // 2]),
        ("leftover", partial(keras_max_pool, padding="same"),
         lambda i: i.reshape(len(i) // 2, 2, i.shape[1] // 2, 2).max((1, 3))),
        ("second pixel", lambda i: i[::2, ::2], lambda i: i[:-1:2, :-1:2]),
        ("whole image", lambda i: i.max()),
        ("return inside a loop", stop_inside(keras_max_pool),
         stop_inside(keras_max_pool, whole_row=True))],
    "softmax": [
        ("whole array", lambda s: softmax(s), lambda s: np.exp(s) / np.exp(s).sum()),
        ("columns", lambda s: softmax(s, axis=0)),
        ("exp is missing", lambda s: s / s.sum(axis=1)[:, None]),
        ("division", lambda s: np.exp(s), lambda s: np.exp(s - s.max(axis=1)[:, None])),
        ("logarithm", lambda s: log_softmax(s, axis=1)),
        ("keepdims", lambda s: np.exp(s - s.max(axis=1, keepdims=True)) / np.exp(s).sum(axis=1),
         lambda s: np.exp(s) / np.exp(s).sum(axis=1)),
        ("overflow", lambda s: np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)),
        ("of each row", lambda s: np.exp(s - s.max()) / np.exp(s - s.max()).sum(1)[:, None]),
        ("return inside a loop", stop_inside(right_softmax, whole_row=True),
         lambda s: right_softmax(s)[0])],
}
# fmt: on


def layer_mistakes():
    conv, same = layers.Conv2D, {"padding": "same"}
    return [
        ("class", conv),
        ("whole model", build(right_layer())),
        ("not what it returns", right_layer()(np.zeros((1, 28, 28, 1), "float32"))),
        ("not what it returns", right_layer()(keras.Input((28, 28, 1))), (None, 14, 14, 16)),
        ("number of channels", layers.MaxPooling2D(2)),
        ("Flatten has no filters", layers.Flatten()),
        ("Dense has no filters", layers.Dense(16)),
        ("does not accept.* ValueError: ", conv(16, 40)),
        ("channels last", *(conv(16, size, 2, data_format="channels_first") for size in (2, 3))),
        (r"14, 32\)\. Each filter", conv(32, 3, strides=2, **same)),
        (r"\(None, 13, 13, 16\)\. Without padding", conv(16, 3, strides=2)),
        (r"12, 16\)\. Without padding", conv(16, 5, strides=2)),
        (r"26, 16\)\. The stride", conv(16, 3)),
        (r"28, 16\)\. The stride", conv(16, 3, **same)),
        (r"10, 16\)\. The stride", conv(16, 3, strides=3, **same)),
        ("The stride", conv(16, 3, strides=(2, 1), **same)),
    ]


SPLIT = Split(
    np.random.default_rng(5).integers(0, 256, (300, 28, 28), dtype=np.uint8),
    np.arange(300, dtype=np.uint8) % 10,
)


NETWORKS = {"from scratch": '"from scratch", model', "small network": '"small network", small'}


class FakeNetwork:
    """Answers with given probabilities of the true digit; the rest is shared evenly.

    For pixels from 0 to 255, it answers as the network `unscaled`, if there is one.
    """

    def __init__(self, sure=0.91, *, wrong=0, parameters=19_999, outputs=None, unscaled=None):
        digits = (SPLIT.labels + (np.arange(300) < wrong)) % 10
        self.outputs = np.full((300, 10), (1 - sure) / 9, np.float32)
        self.outputs[np.arange(300), digits] = sure
        self.outputs = self.outputs if outputs is None else outputs
        self.layers = [SimpleNamespace(name="convolution", count_params=lambda: 12_345)]
        self.parameters = parameters
        self.unscaled = unscaled or self

    def predict(self, inputs, batch_size, verbose):
        assert inputs.shape == (300, 28, 28, 1)
        assert inputs.dtype == np.float32
        return self.outputs if inputs.max() <= 1 else self.unscaled.outputs

    def count_params(self):
        return self.parameters


def network_mistakes(name):
    """The mistakes of both exercises; then those of one of them."""
    few, right = [layers.AveragePooling2D(7), layers.Flatten()], FakeNetwork()
    soft, wide = layers.Dense(10, "softmax"), layers.Dense(40, name="wide")
    large = build(layers.Conv2D(8, 3), layers.Flatten(), wide, layers.Dense(10, "softmax"))
    activation = build(*few, layers.Dense(10, "softmax"), layers.Activation("softmax"))
    twice = build(*few, layers.Dense(10, "softmax"), layers.Softmax())
    return [
        ("trained Keras model", "model", keras.Sequential, b"model.keras"),
        (
            r"file name: load the model with keras\.models\.load_model",
            "model.keras",
            np.str_("/home/model.h5"),
            Path("model.keras"),
        ),
        ("history that fit returns", keras.callbacks.History()),
        ("does not accept float32 .*ValueError: ", build(layers.Conv2D(1, 3), shape=(28, 28, 3))),
        ("channels first", build(layers.Flatten(), layers.Dense(10), shape=(1, 28, 28))),
        (r"\('n', 5\)", build(*few, layers.Dense(5, "softmax"))),
        (r"\('n',\)", FakeNetwork(outputs=np.ones(300))),
        ("NaN or infinite", FakeNetwork(sure=math.nan)),
        ("lacks softmax", build(*few, layers.Dense(10)), FakeNetwork(sure=1.5)),
        ("twice", twice, activation, FakeNetwork(sure=math.e / (math.e + 9))),
        ("chance", build(*few, soft), FakeNetwork(wrong=290, unscaled=FakeNetwork(wrong=240))),
        ("accuracy is 3.3%, about chance", FakeNetwork(wrong=290)),
        ("accuracy is 90.00%. Try more epochs", FakeNetwork(sure=0.3, wrong=30)),
        ("accuracy is 96.00%. Try more", FakeNetwork(wrong=12, unscaled=FakeNetwork(wrong=10))),
        (
            "pixels from 0 to 255: divide",
            recognise_pixels(),
            FakeNetwork(wrong=280, unscaled=right),
            FakeNetwork(sure=0.11, wrong=63, unscaled=FakeNetwork(wrong=16)),
            FakeNetwork(sure=0.11, wrong=20, unscaled=FakeNetwork(wrong=21)),
        ),
    ] + {
        "from scratch": [("accuracy is 97.67%. Try more epochs", FakeNetwork(wrong=7))],
        "small network": [
            (r"216,.* parameters are too many; 216,.* in layer wide", large),
            ("20,000 .*12,345 of them are in layer convolution", FakeNetwork(parameters=20_000)),
            ("accuracy is 99.00%. Try more epochs", FakeNetwork(wrong=3)),
        ],
    }[name]


def recognise_pixels():
    """A network that compares an image with each of SPLIT's, as pixels from 0 to 255."""
    scores, answer = layers.Dense(300, "softmax"), layers.Dense(10, use_bias=False)
    model = build(layers.Rescaling(1 / 255, offset=-0.5), layers.Flatten(), scores, answer)
    images = SPLIT.images.reshape(300, 784) / 255 - 0.5
    scores.set_weights([images.T, np.zeros(300)])
    answer.set_weights([one_hot_labels(SPLIT.labels)])
    return model


def listed(tables):
    """Each mistake of the tables as (name, answer, pattern)."""
    for name, rows in tables.items():
        yield from ((name, answer, pattern) for pattern, *answers in rows for answer in answers)


def built_mistakes():
    networks = {name: network_mistakes(name) for name in NETWORKS}
    return listed({"layer to shape": layer_mistakes()} | networks)


TABLES = VALUE_MISTAKES | CHOICE_MISTAKES | CODE_MISTAKES | {"faults": FAULT_MISTAKES}
MISTAKES = list(listed(TABLES))
IDS = [f"{name}-{number}" for number, (name, _, _) in enumerate(MISTAKES)]


@pytest.mark.parametrize(("name", "answer", "pattern"), MISTAKES, ids=IDS)
def test_usual_mistakes_get_their_hint(verdict, name, answer, pattern):
    assert re.search(f"^Not yet. .*{pattern}", verdict(check_answer, name, answer))


def test_layers_and_networks_get_their_hint(verdict):
    for name, answer, pattern in built_mistakes():
        assert re.search(f"^Not yet. .*{pattern}", verdict(check_answer, name, answer, SPLIT))


def test_every_hint_is_triggered_by_a_mistake(verdict):
    mistakes = [*MISTAKES, *built_mistakes()]
    texts = [verdict(check_answer, name, answer, SPLIT) for name, answer, _ in mistakes]
    texts += [verdict(check_answer, name, FakeNetwork()) for name in NETWORKS]
    untested = {hint for hint in all_hints() if not any(re.search(f"{hint}$", t) for t in texts)}
    # A is the first letter, so its own cause is never the one named at the first wrong letter.
    assert untested == {re.escape(further._FAULT_HINTS[int(FAULTS[0])])}


def test_a_small_network_that_reads_well_is_right(verdict):
    for model in [FakeNetwork(), FakeNetwork(sure=1.0, wrong=2)]:
        text = verdict(check_answer, "small network", model, SPLIT)
        assert re.match(r"Right\. With 19,999 parameters, its accuracy is (100.00|99.33)%", text)


def test_a_network_from_scratch_may_be_of_any_size(verdict):
    for model in [FakeNetwork(parameters=10**6), FakeNetwork(wrong=6, parameters=10**6)]:
        text = verdict(check_answer, "from scratch", model, SPLIT)
        assert re.match(r"Right\. With 1,000,000 parameters, its accuracy is (100|98).00%: ", text)


@pytest.mark.parametrize("name", VALUES)
def test_no_hint_holds_the_right_answer(name):
    question = EXERCISES[name]
    right = np.round(question.right, 3).tolist()
    forms = [str(right), str(tuple(right) if isinstance(right, list) else right)]
    forms += [f"{right:,}"] if np.ndim(right) == 0 else []
    for hint in [question.expected, *(hint for _, hint in question.mistakes)]:
        assert not any(re.search(rf"(?<!\d){re.escape(form)}(?!\d)", hint) for form in forms)


def test_texts_are_sentences():
    texts = all_hints()
    for question in EXERCISES.values():
        texts |= {re.escape(getattr(question, text, "So.")) for text in ("expected", "praise")}
    for text in texts:
        assert re.search(r"(\.|\?|\.\*)$", text)
        assert "!" not in text
        assert "\n" not in text


# ---------------------------------------------------------------- odd answers


class Unreadable:
    def __array__(self, *_):
        raise RuntimeError("no array")

    def __eq__(self, _):
        raise RuntimeError("no comparison")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no text")


class Sequence(list):
    def __iter__(self):
        raise RuntimeError("no entries")

    __len__ = __getitem__ = __iter__


def endless():
    while True:
        yield 1


def raise_division(*_):
    return 1 / 0


def throw(error):
    raise error


ODD = [
    "", "c d", "42", "(55000, 28, 28)", b"b", {}, {"a": 1}, set(), object(), Unreadable(), True, 1j,
    math.nan, math.inf, -1, 10**400, 1e308, [], [[]], [[1], [1, 2]], ["416"], ("b",),
    [None], list(range(10**5)), np.zeros((0, 3)), np.zeros((300, 300)), np.array("b"),
    np.datetime64("2020"), int, str, raise_division, lambda: 0, lambda *_: "text", iter([]),
    lambda *_: object(), lambda *_: Unreadable(), lambda *_: [[1], [1, 2]], lambda *_: {},
    lambda *_: math.nan, keras.Model, Sequence([1]), [Unreadable()], Decimal("sNaN"), endless(),
    "\ud800", lambda *_: endless(), lambda *_: throw(SystemExit(1)), lambda *_: [None],
    SimpleNamespace(predict=raise_division, count_params=lambda: 9),
    SimpleNamespace(compute_output_shape=lambda _: "abcd", filters=1, data_format=""),
    SimpleNamespace(predict=lambda *_, **__: np.ones((300, 10)), count_params=lambda: 10**5,
                    layers=[]),
]  # fmt: skip


@pytest.mark.parametrize("name", EXERCISES)
def test_no_odd_answer_raises_or_is_right(verdict, name):
    for odd in ODD:
        text = verdict(check_answer, name, odd)
        assert text.startswith("Not yet. ")
        assert len(text) < 350
        assert "0x" not in text
    assert "0x" not in check_summary().to_string()


@pytest.mark.parametrize(("name", "call"), NETWORKS.items())
@pytest.mark.parametrize("place", range(len(ODD)))
def test_the_network_and_its_split_may_be_odd_too(verdict, place, name, call):
    odd = ODD[place]
    assert verdict(check_answer, name, odd, SPLIT).startswith("Not yet. ")
    text = verdict(check_answer, name, FakeNetwork(), odd)
    assert text == f"Not yet. Add the validation data: check_answer({call}, validation)."


@pytest.mark.parametrize("name", CODE)
def test_what_a_function_raises_is_told(verdict, name):
    text = verdict(check_answer, name, raise_division)
    assert text == "Not yet. Your function raised ZeroDivisionError: division by zero"
    text = verdict(check_answer, name, lambda: 0)
    assert re.match(r"Not yet\. Your function raised TypeError: .* takes 0 positional", text)
    text = verdict(check_answer, name, RIGHT_CODE[name](*EXERCISES[name].cases[0]))
    assert text == "Not yet. Pass the function itself: its name, without brackets."


def test_other_mistakes_in_code_show_what_the_function_does(verdict):
    text = verdict(check_answer, "output size", lambda size, kernel, stride=1, padding=0: 17)
    assert text.startswith("Not yet. For 28, 5 it returns 17. Count the positions")
    text = verdict(check_answer, "ReLU", lambda values: values * 2)
    assert "For [-2, -0.5, 0, 0.5, 3] it returns [-4, -1, 0, 1, 6]." in text
    assert "array of shape (30, 30)" in verdict(check_answer, "ReLU", lambda _: np.zeros((30, 30)))
    assert "it returns NoneType" in verdict(
        check_answer, "ReLU", lambda v: v.clip(0) if v.ndim == 1 else None
    )


def test_numbers_as_text_are_refused(verdict):
    for answer in ["416", ["416"], ("6", 24)]:
        text = verdict(check_answer, "first layer", answer)
        assert text == "Not yet. Leave out the quotes. The answer is one whole number."
    assert verdict(check_answer, "first layer", {}).startswith("Not yet. That is of type dict. The")


TYPES = {
    "recall": [Fraction(4, 5), Decimal("0.8"), np.float16(0.8), np.longdouble("0.8")],
    "first layer": [Fraction(416), [Decimal(416)]],
    "training shape": [[Fraction(55000), Decimal(28), np.uint8(28)]],
    "hand convolution": [[[Fraction(0), 1], [3.0, Decimal(3)]]],
    "one-hot": [pd.Series([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])],
    "output size": [lambda n, k, s=1, p=0: Fraction((n + 2 * p - k) // s + 1)],
    "ReLU": [lambda v: np.vectorize(Fraction, otypes=[object])(v.clip(0)).tolist()],
}


@pytest.mark.parametrize("name", TYPES)
def test_numbers_of_every_type_are_read(verdict, name):
    for answer in TYPES[name]:
        assert verdict(check_answer, name, answer).startswith("Right. ")


BROKEN = {
    "pixel type": ({"reasons": None}, "a"),
    "first layer": ({"mistakes": [(raise_division, "")]}, 400),
    "ReLU": ({"right": raise_division}, RIGHT_CODE["ReLU"]),
    "layer to shape": ({"judge": raise_division}, right_layer()),
    "faults": ({"judge": raise_division}, FAULTS),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_of_ours_is_called_ours_and_does_not_count(verdict, monkeypatch, name):
    changes, answer = BROKEN[name]
    monkeypatch.setitem(EXERCISES, name, replace(EXERCISES[name], **changes))
    text = verdict(check_answer, name, answer)
    assert re.match(r"This check failed; that is our fault, not yours: \w+Error: .*\.", text)
    assert set(check_summary().state) == {"unanswered"}


@pytest.mark.parametrize("module", [judges.np, judges])
def test_errors_of_ours_around_a_network_are_not_blamed_on_it(verdict, monkeypatch, module):
    name = "isfinite" if module is np else "preprocess_images"
    monkeypatch.setattr(module, name, lambda *_: throw(KeyError("ours")))
    text = verdict(check_answer, "small network", FakeNetwork(), SPLIT)
    assert text.startswith("This check failed; that is our fault, not yours: ")


def test_an_interrupt_still_stops_an_endless_function():
    with pytest.raises(KeyboardInterrupt):
        check_answer("ReLU", lambda _: throw(KeyboardInterrupt))


def test_validation_data_must_fit(verdict):
    images, labels = SPLIT
    for odd in [Split(images / 255, labels), Split(images, labels[:9]), tuple(SPLIT), None,
                Split(images[:0], labels[:0]), Split(labels, images)]:  # fmt: skip
        text = verdict(check_answer, "small network", FakeNetwork(), odd)
        assert text.startswith("Not yet. Add the validation data: ")


@pytest.mark.parametrize("nothing", [None, ...])
def test_nothing_is_not_answered_yet(verdict, nothing):
    calls = [(check_answer, name, nothing) for name in EXERCISES]
    calls += [(check_answer, name, nothing, SPLIT) for name in NETWORKS]
    calls += [(predict, "accuracy", nothing)]
    for call in calls:
        assert verdict(*call) == "Not answered yet."
    for name in CODE:
        stub = verdict(check_answer, name, lambda *_: nothing)
        assert stub == "Not answered yet: the function returns nothing."
    assert set(check_summary().state) == {"unanswered"}


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match=r"one of training shape, .*, sure; got 'first'\.$"):
        check_answer("first", 3)


# ---------------------------------------------------------------- summary and predictions


def summary(capsys):
    capsys.readouterr()
    table = check_summary()
    return capsys.readouterr().out, table.set_index("exercise")


def test_summary_of_nothing(capsys):
    out, table = summary(capsys)
    assert out == "35 exercises: 0 answered, 0 right, 35 unanswered.\n"
    assert list(check_summary().columns) == ["section", "exercise", "state", "first answer"]
    assert set(table["first answer"]) == {""}
    assert table.section.is_monotonic_increasing
    assert table.section.dtype == int


def test_summary_keeps_the_first_answer_and_the_latest_state(capsys):
    for answer in (400, 416, None):
        check_answer("first layer", answer)
    check_answer("second layer", np.int64(4640))
    check_answer("recall", 0.8 + 1e-9)
    check_answer("recall", 0.9)
    check_answer("pixel type", " B)")
    check_answer("training shape", (55000, 28, np.int64(28)))
    check_answer("input shape", np.zeros((60, 28)))
    check_answer("one-hot", "x" * 100)
    check_answer("ReLU", abs)
    check_answer("convolve2d", RIGHT_CODE["convolve2d"])
    check_answer("layer to shape", layers.Conv2D(16, 3))
    out, table = summary(capsys)
    assert out == "35 exercises: 10 answered, 6 right, 25 unanswered.\n"
    rows = table[table.state != "unanswered"][["state", "first answer"]]
    assert {name: tuple(row) for name, row in zip(rows.index, rows.to_numpy(), strict=True)} == {
        "first layer": ("right", "400"),
        "second layer": ("right first time", "4640"),
        "recall": ("right first time", "0.8"),
        "pixel type": ("right first time", "' B)'"),
        "training shape": ("right first time", "(55000, 28, 28)"),
        "input shape": ("not yet", "array of shape (60, 28)"),
        "one-hot": ("not yet", f"'{'x' * 30}...'"),
        "ReLU": ("not yet", "code"),
        "convolve2d": ("right first time", "code"),
        "layer to shape": ("not yet", "Conv2D"),
    }


def test_a_wrong_retry_does_not_take_right_back(capsys):
    for answers, state in [((416, 400), "right first time"), ((25, 416, 400), "right")]:
        forget()
        for answer in answers:
            check_answer("first layer", answer)
        assert summary(capsys)[1].state["first layer"] == state
    check_answer("ReLU", np.abs)
    check_answer("ReLU", abs)
    assert summary(capsys)[1].state["ReLU"] == "not yet"


def test_running_everything_twice_prints_the_same(capsys):
    def run_all():
        capsys.readouterr()
        check_answer("first layer", 400)
        check_answer("second layer", 4640)
        check_answer("ReLU", relu_in_place)
        predict("shifted", 0.9)
        predict("worse", "0.9")
        reveal_prediction("shifted", np.float32(0.612), spec=".1%")
        reveal_prediction("seeds", 7)
        table = check_summary()
        return capsys.readouterr().out, table.to_string()

    first = run_all()
    assert run_all() == first
    assert first[0].endswith(
        "Noted: 0.9. You will see the result below.\n"
        "Not yet. The prediction must be a number from 0 to 10.\n"
        "Measured: 61.2%. You predicted 90.0%.\n"
        "Measured: 7. You made no prediction.\n"
        "35 exercises: 3 answered, 1 right, 32 unanswered.\n"
        'Prediction "shifted": 90.0%, measured 61.2%.\n'
    )


def test_predictions_may_change_until_the_answer_is_shown(verdict, capsys):
    assert verdict(predict, "drop", 0.95) == "Noted: 0.95. You will see the result below."
    assert verdict(predict, "drop", 0.9) == "Noted: 0.9. You will see the result below."
    assert "Prediction" not in summary(capsys)[0]
    assert verdict(reveal_prediction, "drop", 0.6123) == "Measured: 0.612. You predicted 0.9."
    late = verdict(predict, "drop", 0.61)
    assert late == "The result has already been shown, so your first prediction, 0.9, stays."
    assert verdict(predict, "drop", np.float64(0.9)).startswith("Noted: 0.9.")
    assert verdict(reveal_prediction, "drop", 0.6123) == "Measured: 0.612. You predicted 0.9."
    assert summary(capsys)[0].endswith('\nPrediction "drop": 0.9, measured 0.612.\n')


def test_a_prediction_after_the_answer_does_not_count(verdict):
    assert verdict(reveal_prediction, "drop", 0.5) == "Measured: 0.5. You made no prediction."
    assert "does not count" in verdict(predict, "drop", 0.5)
    assert verdict(reveal_prediction, "drop", 0.5) == "Measured: 0.5. You made no prediction."


@pytest.mark.parametrize(
    "value",
    ["0.9", "90%", math.nan, math.inf, True, [0.1, 0.2], {}, object(), Unreadable(), 10**400, 1j],
)
def test_predictions_are_numbers(verdict, value):
    assert (
        verdict(predict, "drop", value) == "Not yet. The prediction must be a number from 0 to 10."
    )
    assert verdict(reveal_prediction, "drop", 1) == "Measured: 1. You made no prediction."


@pytest.mark.parametrize("value", [-0.1, 1.1, 90])
def test_predictions_out_of_range_are_refused(capsys, value):
    record_prediction("drop", value, largest=1)
    assert capsys.readouterr().out == "Not yet. The prediction must be a number from 0 to 1.\n"


@pytest.mark.parametrize("value", [1, np.uint8(1), np.float32(1), np.array([1]), np.array(1.0)])
def test_predictions_of_any_numeric_type(verdict, value):
    assert verdict(predict, "drop", value) == "Noted: 1. You will see the result below."


def test_import_is_cheap(run_python):
    code = "import sys, digitlib.exercises.check; print({'keras', 'tensorflow'} & set(sys.modules))"
    assert run_python("-c", code).stdout == "set()\n"


def guide_rows():
    """The exercises and expected answers that the teacher's guide lists."""
    guide = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    table = guide[guide.index("| exercise | answer |") :].split("\n\n")[0]
    return [[entry.strip() for entry in line.split("|")[1:3]] for line in table.splitlines()[2:]]


def test_the_teachers_guide_lists_every_exercise():
    assert [name for name, _ in guide_rows()] == list(EXERCISES)


@pytest.mark.parametrize(
    ("name", "answer"), [row for row in guide_rows() if row[1] != "code"], ids=lambda text: text
)
def test_the_teachers_guide_has_the_right_answers(name, answer, capsys):
    check_answer(name, ast.literal_eval(answer.strip("`")))
    assert capsys.readouterr().out.startswith("Right. ")
