"""Every figure describes itself in words that come from its data."""

import io
from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from matplotlib.axes import Axes

import digitlib
from digitlib.evaluation import Mistakes
from digitlib.figures.style import describe, read_description
from digitlib.figures.wording import describe_curve, join_words, write_number
from digitlib.handwriting.normalization import Steps
from digitlib.uncertainty import measure_calibration

pytestmark = pytest.mark.filterwarnings("error")

MINUS = "\N{MINUS SIGN}"


def confusion(*wrong):
    matrix = np.diag(np.full(10, 990))
    for row, column, count in wrong:
        matrix[row, column] = count
    return matrix


def history(accuracy):
    values = [0.5, accuracy, 0.75]
    return {name: values for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


def mistakes(label):
    rows = np.arange(2), np.array([label, 4]), np.array([8, 9])
    return Mistakes(*rows, np.array([0.9, 0.8]), np.array([0.05, 0.1]))


def summary(accuracy):
    columns = {"recipe": ["dense"], "test_mean": accuracy, "test_deviation": 0.001}
    return pd.DataFrame(columns | {"cpu_seconds": 6.5})


def reading(text):
    digit = SimpleNamespace(text=text, box=(1, 1, 9, 9), probabilities=np.array([0.97]))
    return SimpleNamespace(picture=np.ones((20, 30)), text=text, digits=(digit,))


def stages(text):
    """A reading of a number on a form, whose digits have images."""
    read = reading(text)
    read.digits[0].image = pixels(200)
    read.numbers, read.corners = (SimpleNamespace(digits=read.digits),), np.eye(4, 2)
    return read


def steps(ink):
    image = np.zeros((28, 28), np.uint8)
    image[ink:20, 5] = 255
    return Steps(*[np.ones((31, 17))] * 4, image)


def table(accuracy):
    lines = ["model,change,amount,accuracy", "fast,blur,0,0.99", f"fast,blur,4,{accuracy}"]
    return io.StringIO("\n".join(lines))


def network(units):
    return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Conv2D(units, 5)])


def calibration(confidence):
    rows = np.pad([[confidence, 1 - confidence]] * 3, ((0, 0), (0, 8)))
    return measure_calibration(rows, [0, 0, 1])


def pixels(value):
    image = np.zeros((28, 28), np.uint8)
    image[3:6, 7:9] = value
    return image


WORDS = {"title": "Shift", "xlabel": "pixels", "ylabel": "accuracy"}
# From the names of plots to how each draws one value, two values, and their words in the text.
PLOTS = {
    "plot_class_counts": (
        lambda n: digitlib.plot_class_counts([4] * n + [7]),
        {1234: ["4: 1,234", "7: 1"], 3: ["4: 3"]},
    ),
    "plot_confusion": (
        lambda n: digitlib.plot_confusion(confusion((4, 9, n), (3, 5, 2))),
        {
            6: ["of 9,908 images, 9,900 on", "4 classified as 9 (6 times)"],
            1: ["3 classified as 5 (2 times)"],
        },
    ),
    "plot_convolution": (
        lambda n: digitlib.plot_convolution(np.full((3, 3), n), [[1, -1], [2, 0]], 0, 1),
        {5: ["sum = 10", "rows 0 to 1, columns 1 to 2"], 7: ["sum = 14"]},
    ),
    "plot_curves": (
        lambda n: digitlib.plot_curves([0, 1, 2], {"CNN": [0.99, n, 0.3]}, **WORDS),
        {0.2: ["CNN", "from 99% at 0 to 30% at 2", "lowest 20% at 1"], 0.125: ["12.5%"]},
    ),
    "plot_descent": (
        lambda n: digitlib.plot_descent(lambda weight: weight**2, [n, 1], slope=2 * n),
        {
            3: ["weight 3, loss 9", "weight 1, loss 1", "slope at the initial weight is 6"],
            4: ["16"],
        },
    ),
    "plot_focus": (
        lambda n: digitlib.plot_focus([pixels(255)], [np.eye(28)[[n] * 28]], ["a 7"]),
        {4: ["a 7: strongest at row 0, column 4"], 9: ["column 9"]},
    ),
    "plot_histories": (
        lambda n: digitlib.plot_histories({"healthy": history(n), "broken": history(np.nan)}),
        {0.25: ["healthy, 3 epochs", "lowest 25% at epoch 2"], 0.9: ["highest 90%"]},
    ),
    "plot_learning_curves": (
        lambda n: digitlib.plot_learning_curves(history(n)),
        {0.25: ["3 epochs", "from 0.5 at epoch 1 to 0.75 at epoch 3"], 0.9: ["highest 90%"]},
    ),
    "plot_maps": (
        lambda n: digitlib.plot_maps([[[-1, n]], [[0, 2]]], ["left", "right"], signed=True),
        {3: [f"left: {MINUS}1 to 3", "right: 0 to 2", "one scale"], 0.5: ["0.5"]},
    ),
    "plot_mistakes": (
        lambda n: digitlib.plot_mistakes(np.zeros((2, 28, 28)), mistakes(n)),
        {3: ["3 classified as 8, 8: 90.0%, 3: 5.0%", "4 classified as 9"], 5: ["5 classified"]},
    ),
    "plot_network": (
        lambda n: digitlib.plot_network(network(n)),
        {3: ["Conv2D", "3 filters", "24"], 6: ["6 filters"]},
    ),
    "plot_pixels": (
        lambda n: digitlib.plot_pixels(pixels(n)),
        {200: ["rows 3 to 5 and columns 7 to 8", "200"], 77: ["largest is 77"]},
    ),
    "plot_reading": (
        lambda n: digitlib.plot_reading(reading(n)),
        {"7": ["Reading: 7", ". 7 with 97%."], "?": ["Reading: ?", "uncertain: 0? with 97%."]},
    ),
    "plot_recipes": (
        lambda n: digitlib.plot_recipes(summary(n), {"dense": 0.98}),
        {0.975: ["dense: 97.5%, deviation 0.1%, 6.5 CPU-seconds", "reported 98%"], 0.5: ["50%"]},
    ),
    "plot_reliability": (
        lambda n: digitlib.plot_reliability(calibration(n)),
        {0.9: ["Confidence 90%: accuracy 66.67% of 3 images"], 0.8: ["Confidence 80%"]},
    ),
    "plot_robustness": (
        lambda n: digitlib.plot_robustness(table(n)),
        {0.5: ["blur, fast: from 99% at 0 to 50% at 4"], 0.25: ["25%"]},
    ),
    "plot_samples": (
        lambda n: digitlib.plot_samples(np.zeros((4, 28, 28)), [5, n, 4, 1], columns=2),
        {0: ["5 0; 4 1", "2 rows"], 3: ["5 3; 4 1"]},
    ),
    "plot_stages": (
        lambda n: digitlib.plot_stages(ROOT / "benchmarks/form.jpg", stages(n)),
        {"7": ["with 1 number, in four stages", "Reading: 7."], "?": ["Reading: ?."]},
    ),
    "plot_steps": (
        lambda n: digitlib.plot_steps(steps(n)),
        {4: ["31 by 17", "rows 4 to 19", "columns 5 to 5"], 9: ["rows 9 to 19"]},
    ),
}


def test_every_public_plot_is_here():
    assert set(PLOTS) == {name for name in digitlib.__all__ if name.startswith("plot_")}


@pytest.mark.parametrize("name", PLOTS)
def test_a_figure_is_described_from_its_data(name):
    draw, cases = PLOTS[name]
    texts = [repr(digitlib.show(draw(value))) for value in cases]
    for text, words in zip(texts, cases.values(), strict=True):
        assert len(text.split()) >= 8, text
        assert [word for word in words if word not in text] == [], text
        assert "\n" not in text and "  " not in text
    assert texts[0] != texts[1]
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([(4, 9, 6), (1, 7, 6)], "6 times each: 1 classified as 7 and 4 classified as 9."),
        ([(r, 0, 1) for r in (1, 2, 3)], "1 time each: 1 classified as 0, 2 classified as 0 and 3"),
        ([(r, 0, 1) for r in range(1, 6)], "2 classified as 0, 3 classified as 0 and others."),
        ([], "9,900 on the diagonal. No wrong predictions."),
    ],
)
def test_a_tie_for_the_most_frequent_confusion_is_said(wrong, words):
    assert words in read_description(digitlib.plot_confusion(confusion(*wrong)))


def test_the_gallery_of_a_perfect_model_is_described():
    none = Mistakes(*(np.array([], int) for _ in range(5)))
    text = read_description(digitlib.plot_mistakes(np.zeros((0, 28, 28)), none))
    assert text.startswith("No wrong predictions") and len(text.split()) >= 8


def test_the_description_of_a_reading_asks_what_its_picture_asks():
    found = reading("?")
    for digits, question in (([3, 8], "3 or 8?"), (range(10), "no digit?")):
        found.digits[0].probabilities = np.isin(np.arange(10), digits) / len(digits)
        ax = digitlib.plot_reading(found)
        assert read_description(ax).endswith(f" uncertain: {question}.")
        assert " ".join(ax.texts[0].get_text().split()) == question


def test_labels_known_to_be_wrong_are_named():
    ax = digitlib.plot_mistakes(np.zeros((2, 28, 28)), mistakes(3), doubtful=[1])
    assert "4 (known to be a wrong label) classified as 9" in read_description(ax)
    assert "*" not in read_description(ax)


def test_blank_images_are_described():
    assert "All are 0" in read_description(digitlib.plot_pixels(pixels(0)))
    assert "without ink" in read_description(digitlib.plot_steps(steps(20)))


def test_a_figure_of_several_plots_has_all_descriptions_each_once():
    axes: list[Axes] = list(plt.subplots(2)[1])
    for label in (1, 2):  # the second replaces the first
        digitlib.plot_class_counts([label], ax=axes[0])
    digitlib.plot_confusion([[5, 1], [0, 4]], ax=axes[1])
    text = repr(digitlib.show(axes))
    assert text.count("Bar chart") == 1 and "2: 1" in text and "Confusion matrix" in text


def test_describe_returns_the_axes():
    axes = plt.subplots(2)[1]
    assert describe(axes, "two empty axes") is axes
    assert read_description(axes[1]) == "two empty axes"


def test_words_are_joined_as_in_a_sentence():
    assert [join_words(list(words)) for words in ("", "a", "ab", "abc")] == [
        *("", "a", "a and b", "a, b and c")
    ]
    assert join_words(list("abcde"), most=3) == "a, b, c and others"


@pytest.mark.parametrize(
    ("value", "percent", "text"),
    [
        (0.99286, True, "99.29%"),
        (1, True, "100%"),
        (-1234.5, False, MINUS + "1,234"),
        (0.000123456, False, "0.0001235"),
        (7, False, "7"),
        (np.nan, False, "nan"),
    ],
)
def test_numbers_are_short(value, percent, text):
    assert write_number(value, percent) == text


def test_a_curve_is_told_by_its_ends_and_extremes():
    text = describe_curve("loss", [1, 2, 3], [3, 1, 2])
    assert text == "loss: from 3 at 1 to 2 at 3, lowest 1 at 2."
    assert describe_curve("loss", [1, 2], [np.nan, 5], unit="epoch") == "loss: 5 at epoch 2."
    assert describe_curve("loss", [1], [np.inf]) == "loss: no finite value."
