import ast
import math
import re
from functools import partial
from itertools import combinations
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import ROOT
from scipy.signal import convolve2d, correlate2d
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from digitlib import hold_out, one_hot_labels
from digitlib.data import Split
from digitlib.exercises import check as memory
from digitlib.exercises import kinds, questions
from digitlib.exercises.check import (
    check_answer,
    check_convolve2d,
    check_layer,
    check_max_pool,
    check_output_size,
    check_relu,
    check_small_network,
    check_softmax,
    check_summary,
    record_prediction,
    reveal_prediction,
)

CODE_CHECKS = {
    "convolve2d": check_convolve2d,
    "output size": check_output_size,
    "ReLU": check_relu,
    "max-pool": check_max_pool,
    "softmax": check_softmax,
}
predict = partial(record_prediction, largest=10)
QUESTIONS = questions.EXERCISES
VALUES = [name for name, question in QUESTIONS.items() if isinstance(question, kinds.Value)]
IMAGE, KERNEL = np.array([[1, 2, 0], [0, 1, 3], [2, 1, 0]]), np.array([[1, 0], [2, -1]])
CONFUSION = np.array([[48, 1, 1], [2, 40, 8], [0, 4, 46]])
TRUTH = np.repeat([0, 1, 2], CONFUSION.sum(axis=1))
READ = np.concatenate([np.repeat([0, 1, 2], row) for row in CONFUSION])


@pytest.fixture(autouse=True)
def empty_memory():
    memory._records.clear()
    memory._predictions.clear()


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


def ask(name, answer):
    check_answer(name, answer) if name not in CODE_CHECKS else CODE_CHECKS[name](answer)


def all_hints():
    """Every specific hint of the module, each with what Python fills in as a pattern."""
    hints = {kinds.CHANGES_INPUT}
    for question in QUESTIONS.values():
        hints |= {hint for _, hint in getattr(question, "mistakes", [])}
        hints |= set(getattr(question, "reasons", {}).values())
    for table in (questions._LAYER_HINTS, questions._FAULT_HINTS, questions._NETWORK_HINTS):
        hints |= set(table.values())
    return {re.sub(r"\\{.*?\\}", ".*", re.escape(hint)) for hint in hints}


# ---------------------------------------------------------------- right answers, found elsewhere


def count_parameters(*layers, shape):
    return keras.Sequential([keras.Input(shape), *layers]).count_params()


def lesson_layers():
    layers = keras.layers
    return [layers.Conv2D(16, 5), layers.MaxPooling2D(), layers.Conv2D(32, 3)]


def dense_layers():
    layers = keras.layers
    return [layers.Flatten(), layers.Dense(128), layers.Dense(10)]


def receptive_width():
    """How many columns of the image change one value; the mean's windows are the maximum's."""
    layers = keras.layers
    ones = {"use_bias": False, "kernel_initializer": "ones"}
    stack = [layers.Conv2D(1, 5, **ones), layers.AveragePooling2D(2), layers.Conv2D(1, 5, **ones)]
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack])
    columns = np.eye(28, dtype=np.float32)[:, None, :, None].repeat(28, axis=1)
    return int((model.predict(columns, verbose=0)[:, 4, 4, 0] > 0).sum())


def loss_of_guessing():
    guess = np.full((1, 10), 0.1)
    return float(keras.losses.sparse_categorical_crossentropy(np.array([3]), guess)[0])


def frozen_network_weights():
    features = [*lesson_layers(), keras.layers.MaxPooling2D(), keras.layers.Flatten()]
    for layer in features:
        layer.trainable = False
    whole = keras.Sequential([keras.Input((28, 28, 1)), *features, keras.layers.Dense(5)])
    return sum(math.prod(weight.shape) for weight in whole.trainable_weights)


def flattened_length():
    layers = [*lesson_layers(), keras.layers.MaxPooling2D(), keras.layers.Flatten()]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers]).output_shape[1]


def output_shapes():
    layers = [*lesson_layers(), keras.layers.MaxPooling2D()]
    keras.Sequential([keras.Input((28, 28, 1)), *layers])
    return [layer.output.shape[1:] for layer in layers]


RIGHT_VALUES = {
    "one-hot": lambda: one_hot_labels([3])[0],
    "dense parameters": lambda: count_parameters(*dense_layers(), shape=(28, 28, 1)),
    "hand convolution": lambda: correlate2d(IMAGE, KERNEL, "valid"),
    "receptive field": receptive_width,
    "first layer": lambda: count_parameters(keras.layers.Conv2D(16, 5), shape=(28, 28, 1)),
    "second layer": lambda: count_parameters(keras.layers.Conv2D(32, 3), shape=(12, 12, 16)),
    "output shapes": output_shapes,
    "flattened length": flattened_length,
    "dense weights": lambda: count_parameters(keras.layers.Dense(128), shape=(800,)),
    "initial loss": loss_of_guessing,
    "recall": lambda: recall_score(TRUTH, READ, labels=[1], average="macro"),
    "trainable weights": frozen_network_weights,
}


def count_places(size, kernel, stride=1, padding=0):
    padded = np.zeros(size + 2 * padding)
    return len(np.lib.stride_tricks.sliding_window_view(padded, kernel)[::stride])


def keras_max_pool(image):
    pooled = keras.layers.MaxPooling2D()(image[None, :, :, None].astype("float32"))
    return keras.ops.convert_to_numpy(pooled)[0, :, :, 0]


RIGHT_CODE = {
    "convolve2d": lambda image, kernel: correlate2d(image, kernel, "valid"),
    "output size": count_places,
    "ReLU": lambda values: keras.activations.relu(values.astype("float32")),  # a tensor
    "max-pool": keras_max_pool,
    "softmax": lambda scores: softmax(scores, axis=1).tolist(),
}
CHOICES = ["pixel type", "choosing", "why shifts hurt", "learning curves", "interval"]
CHOICES += ["augmentation", "searching", "better", "sure"]


def right_layer():
    return keras.layers.Conv2D(16, 3, strides=2, padding="same")


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
    if np.ndim(right) == 0 and name not in ("initial loss", "recall"):
        assert right == int(right)
        forms += [int(right), np.int32(right), np.array([right])]
    elif np.ndim(right):
        forms += [tuple(map(tuple, right)) if np.ndim(right) == 2 else tuple(right)]
    for form in forms:
        assert verdict(check_answer, name, form).startswith("Right. ")


def test_tolerances(verdict):
    for name, answer in [("initial loss", 2.3), ("initial loss", -math.log(0.1)), ("recall", 0.8)]:
        assert verdict(check_answer, name, answer).startswith("Right. ")
    for name, answer in [("initial loss", 2.33), ("recall", 0.81), ("dense parameters", 101771)]:
        assert verdict(check_answer, name, answer).startswith("Not yet. ")


def test_truth_values_do_for_one_hot(verdict):
    assert verdict(check_answer, "one-hot", np.arange(10) == 3).startswith("Right. ")


@pytest.mark.parametrize("name", CHOICES)
def test_right_choices(verdict, name):
    for form in ["b", "B", "b)", " b ", "(b)", "b.", np.str_("B)")]:
        assert verdict(check_answer, name, form).startswith("Right. ")


@pytest.mark.parametrize("name", RIGHT_CODE)
def test_right_code(verdict, name):
    assert verdict(CODE_CHECKS[name], RIGHT_CODE[name]).startswith("Right. ")
    assert verdict(check_answer, name, QUESTIONS[name].right).startswith("Right. ")


def test_right_faults(verdict):
    forms = [FAULTS, int(FAULTS), f" {' '.join(FAULTS)}", ",".join(FAULTS), list(FAULTS)]
    for answer in [*forms, tuple(map(np.int64, FAULTS)), np.array(list(map(int, FAULTS)))]:
        assert verdict(check_answer, "faults", answer).startswith("Right. ")


def test_right_layers(verdict):
    for layer in [
        right_layer(),
        keras.layers.Conv2D(16, 2, strides=2),
        keras.layers.Conv2D(16, 15),
    ]:
        assert layer.compute_output_shape((None, 28, 28, 1)) == (None, 14, 14, 16)
        assert verdict(check_layer, layer).startswith("Right. ")


# ---------------------------------------------------------------- the usual mistakes


def one_hot(place, length=10, entry=1):
    return [entry if place == position else 0 for position in range(length)]


VALUE_MISTAKES = [
    ("training shape", 3, "one number"),
    ("training shape", np.int64(55000), "one number"),
    ("training shape", (28, 28), "one image"),
    ("training shape", (55000, 784), "flattened"),
    ("training shape", (60000, 784), "flattened"),
    ("training shape", (55000, 28, 28, 1), "channel"),
    ("training shape", (28, 28, 55000), "first"),
    ("training shape", [60000, 28, 28], "set aside"),
    ("input shape", (55000, 28, 28), "channel axis is missing"),
    ("input shape", (55000, 1, 28, 28), "channels first"),
    ("input shape", (55000, 28, 28, 3), "colour"),
    ("input shape", (55000, 784), "flattened"),
    ("input shape", (28, 28, 1), "one image"),
    ("input shape", (60000, 28, 28, 1), "set aside"),
    ("one-hot", 3, "one number"),
    ("one-hot", one_hot(2), "from zero"),
    ("one-hot", one_hot(3)[::-1], "reversed"),
    ("one-hot", one_hot(3, entry=3), "entry"),
    ("one-hot", one_hot(3, length=9), "Nine"),
    ("one-hot", np.array(one_hot(2, length=9)), "Nine"),
    ("dense parameters", 101632, "biases are missing.*both"),
    ("dense parameters", 100480, "second layer"),
    ("dense parameters", 100352, "biases.*and the second layer"),
    ("dense parameters", 101760, "biases of the last"),
    ("dense parameters", 101642, "biases of the hidden"),
    ("dense parameters", 784 * 128 * 10, "multiply"),
    ("dense parameters", 28 * 128 + 128 + 1290, "one side"),
    ("hand convolution", 0, "One number"),
    ("hand convolution", correlate2d(IMAGE, KERNEL, "same"), "inside"),
    ("hand convolution", correlate2d(IMAGE, KERNEL, "valid").ravel(), "grid"),
    ("hand convolution", convolve2d(IMAGE, KERNEL, "valid"), "flip"),
    ("hand convolution", correlate2d(IMAGE, KERNEL.T, "valid"), "transposed"),
    ("hand convolution", correlate2d(IMAGE, KERNEL, "valid").T, "swapped"),
    ("hand convolution", correlate2d(IMAGE, abs(KERNEL), "valid"), "sign"),
    ("receptive field", 5 + 5 - 1, "Pooling is forgotten"),
    ("receptive field", 5 + 1 + 4, "stride is forgotten"),
    ("receptive field", 5 + 2 + 5, "add up"),
    ("receptive field", 5 + 4 * 2, "window of the pooling"),
    ("receptive field", 5 * 5, "multiply"),
    ("receptive field", 5 * 2 * 5, "multiply"),
    ("receptive field", 5, "one kernel alone"),
    ("receptive field", 14 * 14, "area"),
    ("receptive field", 5 + 1, "after pooling"),
    ("first layer", 24 * 24 * 16, "size of the image"),
    ("first layer", 28 * 28 * 16, "size of the image"),
    ("first layer", (28 * 28 + 1) * 16, "size of the image"),
    ("first layer", 28 * 28 * 25 * 16, "size of the image"),
    ("output shapes", [(28, 28, 16), (14, 14, 16), (14, 14, 32), (7, 7, 32)], "padding"),
    ("output shapes", [(23, 23, 16), (11, 11, 16), (8, 8, 32), (4, 4, 32)], "One place"),
    ("output shapes", [(24, 24, 1), (12, 12, 1), (10, 10, 1), (5, 5, 1)], "channels"),
    ("output shapes", [(24, 24, 16), (24, 24, 16), (22, 22, 32), (22, 22, 32)], "halves"),
    ("output shapes", [(24, 24, 16), (12, 12, 16), (10, 10, 512), (5, 5, 512)], "sums over"),
    ("output shapes", [24, 12, 10, 5], "three numbers"),
    ("output shapes", [(24, 24, 16), (12, 12, 16), (9, 9, 32), (5, 5, 32)], "10 of 12"),
    ("flattened length", (5, 5, 32), "multiply"),
    ("dense weights", 800 * 128, "biases"),
    ("dense weights", 785 * 128, "not the pixels"),
    ("dense weights", 26 * 128, "channels"),
    ("dense weights", 801 * 128 + 1290, "both dense"),
    ("first layer", 400, "biases are missing"),
    ("first layer", 401, "a bias of its own"),
    ("first layer", 26, "one filter; "),
    ("first layer", 25, "one filter, without"),
    ("first layer", 96, "square"),
    ("second layer", 320, "channels below: they are forgotten"),
    ("second layer", 288, "channels.*and the biases"),
    ("second layer", 4608, "biases are missing"),
    ("second layer", 5120, "one bias"),
    ("second layer", 145, "one filter"),
    ("flattened length", 1568, "border"),
    ("flattened length", 25, "one channel"),
    ("flattened length", 400, "last convolution"),
    ("flattened length", 3200, "second pooling"),
    ("flattened length", 3872, "first pooling"),
    ("flattened length", 15_488, "Both"),
    ("initial loss", 0.1, "probability of each digit"),
    ("initial loss", -2.303, "sign"),
    ("initial loss", 1.0, "base ten"),
    ("initial loss", 3.32, "base 2"),
    ("initial loss", 0, "zero"),
    ("initial loss", 10, "number of digits"),
    ("initial loss", 0.9, "guess fails"),
    ("recall", precision_score(TRUTH, READ, labels=[1], average="macro"), "precision"),
    ("recall", 0.89, "precision"),
    ("recall", accuracy_score(TRUTH, READ), "accuracy"),
    ("recall", 0.893, "accuracy"),
    ("recall", 40, "count"),
    ("recall", 80, "per cent"),
    ("recall", 0.2, "missed"),
    ("recall", f1_score(TRUTH, READ, labels=[1], average="macro"), "F1"),
    ("recall", 0.84, "F1"),
    ("trainable weights", 4000, "biases"),
    ("trainable weights", 8010, "five outputs"),
    ("trainable weights", 645, "stands on Flatten"),
    ("trainable weights", 108_229, "Frozen"),
    ("trainable weights", np.int64(108_874), "Frozen"),
]
CHOICE_MISTAKES = [
    ("pixel type", "a", "four bytes"),
    ("pixel type", "C", "127"),
    ("pixel type", "d)", "shades"),
    ("choosing", "a", "by heart"),
    ("choosing", "c", "fresh judge"),
    ("choosing", "d", "learned.*stay fresh"),
    ("why shifts hurt", "a", "weights enough"),
    ("why shifts hurt", "c", "ink"),
    ("why shifts hurt", "d", "Longer"),
    ("learning curves", "a", "more epochs"),
    ("learning curves", "c", "Dropout"),
    ("learning curves", "d", "underfitting"),
    ("interval", "a", "square root"),
    ("interval", "c", "More images"),
    ("interval", "d", "seed moves"),
    ("augmentation", "a", "two pixels"),
    ("augmentation", "c", "degrees"),
    ("augmentation", "d", "sizes"),
    ("searching", "a", "just these images"),
    ("searching", "c", "easier"),
    ("searching", "d", "direction"),
    ("better", "a", "seed"),
    ("better", "c", "does not show that there is none"),
    ("better", "d", "training images"),
    ("sure", "a", "just 90 %"),
    ("sure", "c", "once in a hundred"),
    ("sure", "d", "honest"),
]
FAULTS = "42135"
SYMPTOMS = {"1": "scaled", "2": "shuffled", "3": "rate", "4": "twice", "5": "test images"}
FAULT_MISTAKES = [
    ("faults", FAULTS[1:] + FAULTS[0], "0 of 5 are right. Look at A again: "),
    ("faults", FAULTS[:4], "five digits"),
    ("faults", FAULTS + "1", "five digits"),
    ("faults", FAULTS[:4] + FAULTS[0], "once"),
    ("faults", FAULTS.replace("1", "0"), "from 1 to 5"),
    ("faults", {"A": 4}, "five digits"),
]
for first, second in combinations(range(5), 2):
    order = list(FAULTS)
    order[first], order[second] = order[second], order[first]
    pattern = f"3 of 5 are right. Look at {'ABCDE'[first]} again: .*{SYMPTOMS[order[first]]}"
    FAULT_MISTAKES.append(("faults", "".join(order), pattern))


def convolve_by_loops(image, kernel, multiply=np.multiply, add=np.sum, dtype=float):
    height, width = kernel.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    result = np.zeros((rows, columns), dtype=dtype)
    for row in range(rows):
        for column in range(columns):
            window = image[row : row + height, column : column + width]
            result[row, column] = add(multiply(window, kernel))
    return result


def convolve_square(image, kernel, axis):
    size = kernel.shape[axis]
    shape = image.shape[0] - size + 1, image.shape[1] - size + 1
    result = np.zeros(shape)
    for row, column in np.ndindex(shape):
        result[row, column] = (image[row : row + size, column : column + size] * kernel).sum()
    return result


def convolve_in_zeros_like(image, kernel):
    rows, columns = correlate2d(image, kernel, "valid").shape
    result = np.zeros_like(image)[:rows, :columns]
    result[:] = correlate2d(image, kernel, "valid")
    return result


def convolve_without_sum(image, kernel):
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return windows * kernel


def spoil_input(image, kernel):
    result = correlate2d(image, kernel, "valid")
    image[0, 0] = 9
    return result


def relu_with_if(values):
    if values < 0:
        return 0
    return values


def relu_in_place(values):
    values[values < 0] = 0
    return values


def relu_mask(values):
    return (values > 0).astype(int)


def max_pool_with_edge(image):
    pooled = keras.layers.MaxPooling2D(padding="same")(image[None, :, :, None].astype("float32"))
    return keras.ops.convert_to_numpy(pooled)[0, :, :, 0]


def max_pool_stride_one(image):
    return np.lib.stride_tricks.sliding_window_view(image, (2, 2)).max(axis=(2, 3))


def reduce_windows(reduce):
    def pool(image):
        height, width = image.shape[0] // 2, image.shape[1] // 2
        return reduce(image[: 2 * height, : 2 * width].reshape(height, 2, width, 2), axis=(1, 3))

    return pool


def reshape_without_crop(image):
    height, width = image.shape
    return image.reshape(height // 2, 2, width // 2, 2).max((1, 3))


def plain_softmax(scores):
    return np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)


def forgotten_keepdims(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1)


CODE_MISTAKES = [
    ("convolve2d", lambda i, k: convolve2d(i, k, "valid"), "flip"),
    ("convolve2d", lambda i, k: correlate2d(i, k, "valid")[:-1, :-1], "last place"),
    ("convolve2d", lambda i, k: correlate2d(i, k, "same"), "as large as the image"),
    ("convolve2d", lambda i, k: correlate2d(i, k, "valid").ravel(), "Keep the grid"),
    ("convolve2d", lambda i, k: convolve_by_loops(i, k, add=np.mean), "mean"),
    ("convolve2d", lambda i, k: convolve_by_loops(i, k, lambda w, _: w), "not multiplied"),
    ("convolve2d", convolve_without_sum, "yet to be summed"),
    ("convolve2d", lambda i, k: convolve_by_loops(i, k, add=np.asarray), "yet to be summed"),
    ("convolve2d", lambda i, k: convolve_by_loops(i, k, np.matmul), "matrix product"),
    ("convolve2d", lambda i, k: convolve_by_loops(i, k, np.dot), "matrix product"),
    ("convolve2d", lambda i, k: (i * k).sum(), "cut out a window"),
    ("convolve2d", lambda i, k: convolve_square(i, k, 0), "square"),
    ("convolve2d", lambda i, k: convolve_square(i, k, 1), "square"),
    ("convolve2d", lambda i, k: correlate2d(i, k, "valid").T, "swapped"),
    ("convolve2d", convolve_in_zeros_like, "Fractions"),
    ("convolve2d", lambda i, k: convolve_by_loops(i, k, dtype=int), "Fractions"),
    ("convolve2d", lambda i, k: np.round(correlate2d(i, k, "valid")), "Fractions"),
    ("convolve2d", lambda i, k: correlate2d(i, k, "valid")[0, 0], "One number"),
    ("convolve2d", spoil_input, "changed its input"),
    ("output size", lambda n, k, s=1, p=0: (n - k + 2 * p) // s, "One is missing"),
    ("output size", lambda n, k, s=1, p=0: (n - k + 2 * p + 1) // s, "divide before"),
    ("output size", lambda n, k, s=1, p=0: (n - k + p) // s + 1, "both ends"),
    ("output size", lambda n, k, s=1, p=0: count_places(n, k, s), "padding is ignored"),
    ("output size", lambda n, k, s=1, p=0: count_places(n, k, 1, p), "stride is ignored"),
    ("output size", lambda n, k, s=1, p=0: math.ceil((n - k + 2 * p) / s + 1), "Round down"),
    ("output size", lambda n, k, s=1, p=0: round((n - k + 2 * p) / s) + 1, "Round down"),
    ("output size", lambda n, k, s=1, p=0: (n - k + 2 * p) / s + 1, "float"),
    ("ReLU", lambda v: abs(v), "absolute"),
    ("ReLU", lambda v: v.clip(0, 1), "clipped"),
    ("ReLU", lambda v: v > 0, "mask"),
    ("ReLU", relu_mask, "mask"),
    ("ReLU", relu_with_if, r"np\.maximum"),
    ("ReLU", lambda v: max(0, v), r"np\.maximum"),
    ("ReLU", lambda v: [x if x > 0 else 0 for x in v], r"np\.maximum"),
    ("ReLU", lambda v: np.max(v, 0), "compares each"),
    ("ReLU", lambda v: v * (v < 0), "negative"),
    ("ReLU", lambda v: v[v > 0], "dropped"),
    ("ReLU", lambda v: v[v >= 0], "dropped"),
    ("ReLU", relu_in_place, "changed its input"),
    ("max-pool", reduce_windows(np.mean), "mean"),
    ("max-pool", reduce_windows(np.min), "smallest"),
    ("max-pool", max_pool_stride_one, "overlap"),
    ("max-pool", lambda i: max_pool_stride_one(i)[: len(i) // 2, : len(i[0]) // 2], "overlap"),
    ("max-pool", max_pool_with_edge, "odd"),
    ("max-pool", reshape_without_crop, "odd"),
    ("max-pool", lambda i: i[::2, ::2], "second pixel"),
    ("max-pool", lambda i: i[:-1:2, :-1:2], "second pixel"),
    ("max-pool", lambda i: i.max(), "all of the image"),
    ("softmax", lambda s: softmax(s), "whole array"),
    ("softmax", lambda s: np.exp(s) / np.exp(s).sum(), "whole array"),
    ("softmax", lambda s: softmax(s, axis=0), "columns"),
    ("softmax", lambda s: s / s.sum(axis=1)[:, None], "exp is missing"),
    ("softmax", lambda s: np.exp(s), "division"),
    ("softmax", lambda s: np.exp(s - s.max(axis=1)[:, None]), "division"),
    ("softmax", lambda s: log_softmax(s, axis=1), "logarithm"),
    ("softmax", forgotten_keepdims, "keepdims"),
    ("softmax", lambda s: np.exp(s) / np.exp(s).sum(axis=1), "keepdims"),
    ("softmax", plain_softmax, "overflow"),
]


def layer_mistakes():
    layers = keras.layers
    return [
        (layers.Conv2D, "class"),
        (keras.Sequential([keras.Input((28, 28, 1)), right_layer()]), "whole model"),
        (right_layer()(np.zeros((1, 28, 28, 1), "float32")), "not what it returns"),
        (right_layer()(keras.Input((28, 28, 1))), "not what it returns"),
        ((None, 14, 14, 16), "not what it returns"),
        (layers.MaxPooling2D(2), "number of channels"),
        (layers.Flatten(), "Flatten has no filters"),
        (layers.Dense(16), "Dense has no filters"),
        (layers.Conv2D(16, 3, data_format="channels_first"), "cannot read.* ValueError: "),
        (layers.Conv2D(32, 3, strides=2, padding="same"), r"14, 32\)\. Each filter"),
        (layers.Conv2D(16, 3, strides=2), r"\(None, 13, 13, 16\)\. Without padding"),
        (layers.Conv2D(16, 5, strides=2), r"12, 16\)\. Without padding"),
        (layers.Conv2D(16, 3), r"26, 16\)\. The stride"),
        (layers.Conv2D(16, 3, padding="same"), r"28, 16\)\. The stride"),
        (layers.Conv2D(16, 3, strides=3, padding="same"), r"10, 16\)\. The stride"),
        (layers.Conv2D(16, 3, strides=(2, 1), padding="same"), "The stride"),
    ]


SPLIT = Split(
    np.random.default_rng(5).integers(0, 256, (300, 28, 28), dtype=np.uint8),
    np.arange(300, dtype=np.uint8) % 10,
)


class FakeNetwork:
    """Answers with given probabilities of the true digit; the rest is shared evenly."""

    def __init__(self, sure=0.91, *, wrong=0, parameters=19_999, outputs=None):
        digits = (SPLIT.labels + (np.arange(300) < wrong)) % 10
        self.outputs = np.full((300, 10), (1 - sure) / 9, np.float32)
        self.outputs[np.arange(300), digits] = sure
        self.outputs = self.outputs if outputs is None else outputs
        self.layers = [SimpleNamespace(name="convolution", count_params=lambda: 12_345)]
        self.parameters = parameters

    def predict(self, inputs, batch_size, verbose):
        assert inputs.shape == (300, 28, 28, 1)
        assert inputs.dtype == np.float32
        return self.outputs

    def count_params(self):
        return self.parameters


def small_network(*layers, shape=(28, 28, 1)):
    return keras.Sequential([keras.Input(shape), *layers])


def network_mistakes():
    layers = keras.layers
    large = small_network(
        layers.Conv2D(8, 3),
        layers.Flatten(),
        layers.Dense(40, name="wide"),
        layers.Dense(10, "softmax"),
    )
    few = [layers.AveragePooling2D(7), layers.Flatten()]
    logits = small_network(*few, layers.Dense(10))
    untrained = small_network(*few, layers.Dense(10, activation="softmax"))
    twice = small_network(*few, layers.Dense(10, activation="softmax"), layers.Softmax())
    activation = [layers.Dense(10, activation="softmax"), layers.Activation("softmax")]
    colour = small_network(layers.Conv2D(1, 3), *few, shape=(28, 28, 3))
    of_five = small_network(*few, layers.Dense(5, activation="softmax"))
    of_one = FakeNetwork(outputs=np.ones(300))
    capped = FakeNetwork(sure=math.e / (math.e + 9))
    return [
        ("model", "trained Keras model"),
        (keras.Sequential, "trained Keras model"),
        (colour, "cannot read .*ValueError: "),
        (of_five, r"\('n', 5\)"),
        (of_one, r"\('n',\)"),
        (FakeNetwork(sure=math.nan), "not finite"),
        (logits, "lacks softmax"),
        (FakeNetwork(sure=1.5), "lacks softmax"),
        (twice, "twice"),
        (small_network(*few, *activation), "twice"),
        (capped, "twice"),
        (large, r"216,.* parameters are too many, 216,.* in layer wide"),
        (FakeNetwork(parameters=20_000), r"^Not yet. 20,000 .*12,345 of them in layer convolution"),
        (untrained, "chance"),
        (FakeNetwork(wrong=290), "reads 3.3%, about chance"),
        (FakeNetwork(wrong=3), "reads 99.00%. Try more epochs"),
        (FakeNetwork(sure=0.3, wrong=30), "reads 90.00%. Try more epochs"),
    ]


MISTAKES = VALUE_MISTAKES + CHOICE_MISTAKES + FAULT_MISTAKES + CODE_MISTAKES
IDS = [f"{name}-{number}" for number, (name, _, _) in enumerate(MISTAKES)]


@pytest.mark.parametrize(("name", "answer", "pattern"), MISTAKES, ids=IDS)
def test_usual_mistakes_get_their_hint(verdict, name, answer, pattern):
    text = verdict(ask, name, answer)
    assert text.startswith("Not yet. ")
    assert re.search(pattern, text)


def test_layers_get_their_hint(verdict):
    for layer, pattern in layer_mistakes():
        text = verdict(check_layer, layer)
        assert text.startswith("Not yet. ")
        assert re.search(pattern, text), text


def test_networks_get_their_hint(verdict):
    for network, pattern in network_mistakes():
        text = verdict(check_small_network, network, SPLIT)
        assert text.startswith("Not yet. ")
        assert re.search(pattern, text), text


def test_every_hint_is_triggered_by_a_mistake(verdict):
    texts = [verdict(ask, name, answer) for name, answer, _ in MISTAKES]
    texts += [verdict(check_layer, layer) for layer, _ in layer_mistakes()]
    texts += [verdict(check_small_network, network, SPLIT) for network, _ in network_mistakes()]
    untested = {hint for hint in all_hints() if not any(re.search(f"{hint}$", t) for t in texts)}
    # A is the first letter, so its own cause is never the one named at the first wrong letter.
    assert untested == {re.escape(questions._FAULT_HINTS[FAULTS[0]])}


def test_a_small_network_that_reads_well_is_right(verdict):
    for network in [FakeNetwork(), FakeNetwork(sure=1.0, wrong=2)]:
        text = verdict(check_small_network, network, SPLIT)
        assert re.match(r"Right\. 19,999 parameters read (100.00|99.33)%", text)


@pytest.mark.parametrize("name", VALUES)
def test_no_hint_holds_the_right_answer(name):
    question = QUESTIONS[name]
    right = np.round(question.right, 3).tolist()
    forms = [str(right), str(tuple(right) if isinstance(right, list) else right)]
    forms += [f"{right:,}"] if np.ndim(right) == 0 else []
    for hint in [question.expected, *(hint for _, hint in question.mistakes)]:
        assert not any(re.search(rf"(?<!\d){re.escape(form)}(?!\d)", hint) for form in forms)


def test_texts_are_sentences():
    texts = all_hints()
    for question in QUESTIONS.values():
        texts |= {re.escape(question.expected), re.escape(getattr(question, "praise", "So."))}
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

    __str__ = __repr__


def raise_division(*_):
    return 1 / 0


ODD = [
    "", "c d", "42", "(55000, 28, 28)", b"b", {}, {"a": 1}, set(), object(), Unreadable(), True, 1j,
    math.nan, math.inf, -1, 10**400, 10**6000, 1e308, [], [[]], [[1], [1, 2]], ["416"], ("b",),
    [None], list(range(10**5)), np.zeros((0, 3)), np.zeros((300, 300)), np.array("b"),
    np.datetime64("2020"), int, str, raise_division, lambda: 0, lambda *_: "text", iter([]),
    lambda *_: object(), lambda *_: Unreadable(), lambda *_: [[1], [1, 2]], lambda *_: {},
    lambda *_: math.nan, keras.Model,
]  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_odd_answer_raises_or_is_right(verdict, name):
    for odd in ODD:
        text = verdict(check_answer, name, odd)
        assert text.startswith("Not yet. ")
        assert len(text) < 350
        assert "0x" not in text
    table = check_summary()
    assert "0x" not in table.to_string()


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_the_other_checks_bear_odd_answers_too(verdict, odd):
    for check in CODE_CHECKS.values():
        assert verdict(check, odd).startswith("Not yet. ")
    assert verdict(check_layer, odd).startswith("Not yet. ")
    assert verdict(check_small_network, odd, SPLIT).startswith("Not yet. ")
    assert verdict(check_small_network, FakeNetwork(), odd).startswith("Not yet. ")


@pytest.mark.parametrize("name", CODE_CHECKS)
def test_what_a_function_raises_is_told(verdict, name):
    text = verdict(CODE_CHECKS[name], raise_division)
    assert text == "Not yet. Your function raised ZeroDivisionError: division by zero"
    text = verdict(CODE_CHECKS[name], lambda: 0)
    assert re.match(r"Not yet\. Your function raised TypeError: .* takes 0 positional", text)
    text = verdict(CODE_CHECKS[name], RIGHT_CODE[name](*QUESTIONS[name].cases[0]))
    assert text == "Not yet. Give the function itself: its name, without brackets."


def test_other_mistakes_in_code_show_what_the_function_does(verdict):
    text = verdict(check_output_size, lambda size, kernel, stride=1, padding=0: 17)
    assert text.startswith("Not yet. For 28, 5 it returns 17. Count the places")
    text = verdict(check_relu, lambda values: values * 2)
    assert "For [-2, -0.5, 0, 0.5, 3] it returns [-4, -1, 0, 1, 6]." in text
    assert "array of shape (30, 30)" in verdict(check_relu, lambda _: np.zeros((30, 30)))
    assert "it returns NoneType" in verdict(
        check_relu, lambda v: v.clip(0) if v.ndim == 1 else None
    )


def test_numbers_as_text_are_refused(verdict):
    for answer in ["416", ["416"], ("6", 24)]:
        text = verdict(check_answer, "first layer", answer)
        assert text == "Not yet. Leave out the quotes. The answer is one whole number."
    assert verdict(check_answer, "first layer", {}).startswith("Not yet. That is of type dict. The")
    assert "one letter in quotes, from a to d" in verdict(check_answer, "pixel type", np.uint8)


@pytest.mark.parametrize("nothing", [None, ...])
def test_nothing_is_not_answered_yet(verdict, nothing):
    checks = [*CODE_CHECKS.values(), check_layer]
    calls = [(check_answer, name, nothing) for name in QUESTIONS]
    calls += [(check, nothing) for check in checks]
    calls += [(check_small_network, nothing, SPLIT), (predict, "accuracy", nothing)]
    for call in calls:
        assert verdict(*call) == "Not answered yet."
    for check in CODE_CHECKS.values():
        stub = verdict(check, lambda *_: nothing)
        assert stub == "Not answered yet: the function returns nothing."
    assert set(check_summary().state) == {"open"}


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
    assert out == "31 exercises: 0 answered, 0 right, 31 open.\n"
    assert list(check_summary().columns) == ["section", "exercise", "state", "first answer"]
    assert set(table["first answer"]) == {""}
    assert table.section.is_monotonic_increasing
    assert table.section.dtype == int


def test_summary_keeps_the_first_answer_and_the_latest_state(capsys):
    check_answer("first layer", 400)
    check_answer("first layer", 416)
    check_answer("first layer", None)
    check_answer("second layer", np.int64(4640))
    check_answer("recall", 0.8 + 1e-9)
    check_answer("recall", 0.9)
    check_answer("pixel type", " B)")
    check_answer("training shape", (55000, 28, np.int64(28)))
    check_answer("input shape", np.zeros((60, 28)))
    check_answer("one-hot", "x" * 100)
    check_relu(abs)
    check_convolve2d(RIGHT_CODE["convolve2d"])
    check_layer(keras.layers.Conv2D(16, 3))
    out, table = summary(capsys)
    assert out == "31 exercises: 10 answered, 5 right, 21 open.\n"
    rows = table[table.state != "open"][["state", "first answer"]]
    assert {name: tuple(row) for name, row in zip(rows.index, rows.to_numpy(), strict=True)} == {
        "first layer": ("right", "400"),
        "second layer": ("right at first try", "4640"),
        "recall": ("not yet", "0.8"),
        "pixel type": ("right at first try", "' B)'"),
        "training shape": ("right at first try", "(55000, 28, 28)"),
        "input shape": ("not yet", "array of shape (60, 28)"),
        "one-hot": ("not yet", f"'{'x' * 30}...'"),
        "ReLU": ("not yet", "code"),
        "convolve2d": ("right at first try", "code"),
        "layer to shape": ("not yet", "Conv2D"),
    }


def test_running_everything_twice_prints_the_same(capsys):
    def run_all():
        capsys.readouterr()
        check_answer("first layer", 400)
        check_answer("second layer", 4640)
        check_relu(relu_in_place)
        predict("shifted", 0.9)
        predict("worse", "0.9")
        reveal_prediction("shifted", np.float32(0.612), spec=".1%")
        reveal_prediction("seeds", 7)
        table = check_summary()
        return capsys.readouterr().out, table.to_string()

    first = run_all()
    assert run_all() == first
    assert first[0].endswith(
        "Noted: 0.9. The next cells will tell.\n"
        "Not yet. A prediction is one number.\n"
        "Measured: 61.2%. You predicted 90.0%.\n"
        "Measured: 7. You made no prediction.\n"
        "31 exercises: 3 answered, 1 right, 28 open.\n"
        'Prediction "shifted": 90.0%, measured 61.2%.\n'
    )


def test_predictions_may_change_until_the_answer_is_shown(verdict, capsys):
    assert verdict(predict, "drop", 0.95) == "Noted: 0.95. The next cells will tell."
    assert verdict(predict, "drop", 0.9) == "Noted: 0.9. The next cells will tell."
    assert "Prediction" not in summary(capsys)[0]
    assert verdict(reveal_prediction, "drop", 0.6123) == "Measured: 0.612. You predicted 0.9."
    late = verdict(predict, "drop", 0.61)
    assert late == "The answer has been shown already; your first prediction, 0.9, stays."
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
    assert verdict(predict, "drop", value) == "Not yet. A prediction is one number."
    assert verdict(reveal_prediction, "drop", 1) == "Measured: 1. You made no prediction."


@pytest.mark.parametrize("value", [-0.1, 1.1, 90])
def test_predictions_out_of_range_are_refused(capsys, value):
    record_prediction("drop", value, largest=1)
    assert capsys.readouterr().out == "Not yet. A number from 0 to 1 is asked.\n"


@pytest.mark.parametrize("value", [1, np.uint8(1), np.float32(1), np.array([1]), np.array(1.0)])
def test_predictions_of_any_numeric_type(verdict, value):
    assert verdict(predict, "drop", value) == "Noted: 1. The next cells will tell."


def test_import_is_cheap(run_python):
    code = "import sys, digitlib.exercises.check; print({'keras', 'tensorflow'} & set(sys.modules))"
    assert run_python("-c", code).stdout == "set()\n"


def guide_rows():
    """The exercises and expected answers that the teacher's guide lists."""
    guide = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    table = guide[guide.index("| exercise | answer |") :].split("\n\n")[0]
    return [[entry.strip() for entry in line.split("|")[1:3]] for line in table.splitlines()[2:]]


def test_the_teachers_guide_lists_every_exercise():
    assert [name for name, _ in guide_rows()] == list(QUESTIONS)


@pytest.mark.parametrize(
    ("name", "answer"), [row for row in guide_rows() if row[1] != "code"], ids=lambda text: text
)
def test_the_teachers_guide_has_the_right_answers(name, answer, capsys):
    check_answer(name, ast.literal_eval(answer.strip("`")))
    assert capsys.readouterr().out.startswith("Right. ")
