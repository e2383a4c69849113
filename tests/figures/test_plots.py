from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import boxes_of, overlaps, texts, tick_labels
from PIL import Image

from digitlib.experiments.results import read_results, summarize_results
from digitlib.figures.handwriting import plot_reading, plot_stages, plot_steps
from digitlib.figures.plots import plot_class_counts, plot_confusion, plot_reliability
from digitlib.figures.recipes import plot_recipes
from digitlib.figures.style import read_description
from digitlib.handwriting.normalization import Steps
from digitlib.uncertainty import measure_calibration


@pytest.fixture
def confusion():
    matrix = np.diag(np.arange(900, 1000, 10))
    matrix[4, 9] = 7
    return matrix


def test_class_counts_are_written_on_the_bars():
    ax = plot_class_counts([0, 0, 0, 7, 9, 9])
    assert [bar.get_height() for bar in ax.patches] == [3, 0, 0, 0, 0, 0, 0, 1, 0, 2]
    assert texts(ax) == ["3", "0", "0", "0", "0", "0", "0", "1", "0", "2"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == list("0123456789")


@pytest.mark.parametrize("labels", [[], [3, 10], [-1], ["a"], [0.5]])
def test_labels_that_are_no_digits_are_refused(labels):
    with pytest.raises(ValueError, match=r"labels must be (integers of shape|digits 0-9)"):
        plot_class_counts(labels)
    assert plt.get_fignums() == []


def test_confusion_shows_counts_and_spares_zeros(confusion):
    ax = plot_confusion(confusion)
    assert sorted(filter(None, texts(ax))) == sorted(["7", *map(str, range(900, 1000, 10))])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted digit", "true digit")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list("0123456789")
    seven = next(text for text in ax.texts if text.get_text() == "7")
    assert seven.get_position() == (9.5, 4.5)  # column 9, row 4


def test_the_diagonal_does_not_set_the_colours(confusion):
    mistakes_mesh, diagonal_mesh = plot_confusion(confusion).collections[:2]
    assert mistakes_mesh.get_clim() == (0, 7)
    assert diagonal_mesh.get_array().count() == 10


def test_confusion_may_be_a_list_of_lists():
    ax = plot_confusion([[5, 1], [0, 4]])
    assert sorted(texts(ax)) == sorted(texts(plot_confusion(np.array([[5, 1], [0, 4]]))))
    assert sorted(filter(None, texts(ax))) == ["1", "4", "5"]


@pytest.mark.parametrize("matrix", [[], [1, 2], [[1, 2, 3], [4, 5, 6]], 7])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="expected a square matrix of counts; got the shape"):
        plot_confusion(matrix)
    assert plt.get_fignums() == []


def test_confusion_of_a_perfect_model():
    ax = plot_confusion(np.diag(np.full(10, 5)))
    assert list(filter(None, texts(ax))) == ["5"] * 10


@pytest.fixture
def summary():
    return pd.DataFrame(
        {
            "recipe": ["dense", "cnn"],
            "test_mean": [0.975, 0.991],
            "test_deviation": [0.002, 0.001],
            "cpu_seconds": [6.0, 110.0],
        }
    )


def test_recipes_stand_at_their_cost_and_accuracy(summary):
    ax = plot_recipes(summary, {"cnn": 0.99, "unknown": 0.5})
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["as reported"]
    assert texts(ax) == ["dense", "cnn"]
    assert plot_recipes(summary, {}).get_legend() is None
    diamonds = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "D"]
    assert diamonds == [[[110, 0.99]], []]
    means = [bars[0].get_xydata().tolist() for bars in ax.containers]
    assert means == [[[6, 0.975]], [[110, 0.991]]]
    bars = [bar.get_segments()[0][:, 1] for bar in ax.collections]
    assert np.allclose(bars, [[0.973, 0.977], [0.990, 0.992]])


def test_published_networks_stand_at_their_size_without_a_mean(summary):
    theirs = {"recipe": ["theirs"], "parameters": [697], "test_mean": [np.nan]}
    ours = summary.assign(parameters=[101_770, 9_770])
    ax = plot_recipes(pd.concat([ours, pd.DataFrame(theirs)]), {"theirs": 0.99}, cost="parameters")
    means = [bars[0].get_xydata().tolist() for bars in ax.containers]
    assert means[:2] == [[[101_770, 0.975]], [[9_770, 0.991]]]
    assert np.isnan(means[2][0][1])
    diamonds = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "D"]
    assert diamonds == [[[697, 0.99]], []]
    assert texts(ax) == ["dense", "cnn", "theirs"]
    assert ax.get_xlabel() == "size (parameters)"
    assert read_description(ax).endswith("theirs: 697 parameters, reported 99%.")
    with pytest.raises(ValueError, match="cost must be one of cpu_seconds, parameters, bytes"):
        plot_recipes(ours, {}, cost="size")


def test_names_of_recipes_stand_beside_their_points_without_overlap():
    results = read_results("benchmarks/results.csv")
    ax = plot_recipes(summarize_results(results), {"keras_example": 0.99})
    boxes = boxes_of([*ax.texts, ax.get_legend()], ax.figure)
    assert len(boxes) > 10
    assert overlaps(boxes) == 0
    for bars in ax.containers:
        ends = ax.transData.transform(bars[2][0].get_segments()[0])
        assert not any(box.contains(*end) for box in boxes for end in ends)


def recipes(*accuracies, deviation=0.001, seconds=5.0):
    names = [f"recipe {number}" for number in range(len(accuracies))]
    columns = {"recipe": names, "test_mean": accuracies, "test_deviation": deviation}
    return pd.DataFrame(columns | {"cpu_seconds": seconds})


@pytest.mark.parametrize(
    "accuracies", [(0.5, 0.99), (0.1,), (0.9, 1.0), (1.0,), (0.0, 1.0), (0.9999, 0.99), (0.975,)]
)
@pytest.mark.parametrize("deviation", [0, 0.003, np.nan])
def test_no_recipe_is_outside_the_axes(accuracies, deviation):
    ax = plot_recipes(recipes(*accuracies, deviation=deviation), {"recipe 0": 0.4})
    ax.figure.canvas.draw()
    for line in ax.lines:
        for x, y in line.get_xydata():
            place = ax.transAxes.inverted().transform(ax.transData.transform((x, y)))
            assert ((place > 0) & (place < 1)).all() or line.get_marker() in "_|", (x, y)
    assert ax.get_yscale() == ("linear" if {0, 1} & set(accuracies) else "logit")
    labels = [label for label in tick_labels(ax.yaxis) if label]
    assert labels and all(label.endswith("%") for label in labels)
    assert ("deviation" in read_description(ax).split(". ", 1)[1]) == np.isfinite(deviation)


@pytest.mark.parametrize(
    ("summary", "reported", "message"),
    [
        (recipes(), {}, "expected the results of at least one recipe; got none"),
        (recipes(0.9, 97.5), {}, r"expected accuracies from 0 to 1.*97\.5"),
        (recipes(np.nan), {}, "expected accuracies from 0 to 1.*nan"),
        (recipes(0.9), {"recipe 0": 99.2}, r"expected accuracies from 0 to 1.*99\.2"),
        (recipes(0.9, seconds=0.0), {}, r"costs above 0; got \[0\.9\] and \[0\.\]"),
    ],
)
def test_results_without_a_place_in_the_plot_are_refused(summary, reported, message):
    with pytest.raises(ValueError, match=message):
        plot_recipes(summary, reported)
    assert plt.get_fignums() == []


@pytest.fixture
def calibration():
    rows = [[0.9, 0.1], [0.8, 0.2], [0.55, 0.45], [0.55, 0.45]]
    return measure_calibration(np.pad(rows, ((0, 0), (0, 8))), [0, 1, 0, 0])


def test_reliability_shows_filled_bins_with_interval_and_count(calibration):
    ax = plot_reliability(calibration)
    assert texts(ax) == ["2", "1", "1"]
    (bars,) = ax.containers
    assert bars[0].get_xydata() == pytest.approx(np.array([[0.55, 1], [0.8, 0], [0.9, 1]]))
    segments = [segment[:, 1] for segment in bars[2][0].get_segments()]
    filled = calibration.intervals[calibration.counts > 0]
    assert np.allclose(segments, filled)
    # |1 - 0.55| * 2 + |0 - 0.8| + |1 - 0.9|, over four images
    assert ax.get_title() == "Expected calibration error 45.00%"


def test_each_plot_draws_on_given_axes(confusion, summary, calibration):
    figure, axes = plt.subplots(4)
    assert plot_class_counts([1], ax=axes[0]) is axes[0]
    assert plot_confusion(confusion, ax=axes[1]) is axes[1]
    assert plot_recipes(summary, {}, ax=axes[2]) is axes[2]
    assert plot_reliability(calibration, ax=axes[3]) is axes[3]
    assert plt.get_fignums() == [figure.number]


def test_steps_stand_side_by_side_from_light_paper_to_dark_ink():
    grey = np.ones((40, 60), np.float32)
    pictures = [np.full(shape, 0.5, np.float32) for shape in ((40, 60), (30, 10), (20, 7))]
    steps = Steps(grey, *pictures, np.zeros((28, 28), np.uint8))
    axes = plot_steps(steps)
    assert len(axes) == 5
    for number, (ax, step) in enumerate(zip(axes, steps, strict=True)):
        (drawn,) = ax.images
        assert np.array_equal(drawn.get_array(), step)
        # The picture is light where it is 1, the ink dark.
        assert drawn.get_cmap().name == ("gray" if number == 0 else "gray_r")
        assert ax.get_title()
        assert ax.spines["left"].get_visible()  # white on white needs a frame
    arrows = [text.arrow_patch for ax in axes for text in ax.texts]
    assert len(arrows) == 4 and all(arrows)


def reading_of(*digits, shape=(60, 100)):
    """A reading of digits, each a text, a box, and probabilities of 0, 1, 2 and so on."""
    digits = [
        SimpleNamespace(text=text, box=box, probabilities=np.pad(likely, (0, 10 - len(likely))))
        for text, box, likely in digits
    ]
    text = "".join(digit.text for digit in digits)
    return SimpleNamespace(picture=np.ones(shape), text=text, digits=digits)


def test_a_reading_has_a_box_and_a_prediction_for_each_digit():
    sure, unsure = ("1", (10, 20, 40, 50), [0.01, 0.99]), ("?", (10, 60, 40, 80), [0.9, 0.1])
    ax = plot_reading(reading_of(sure, unsure))
    assert texts(ax) == ["1\n99%", "0?\n90%"]
    assert [box.get_bbox().extents.tolist() for box in ax.patches] == [
        [20, 10, 50, 40],
        [60, 10, 80, 40],
    ]
    assert [box.get_linestyle() for box in ax.patches] == ["-", "--"]
    assert ax.get_title() == "Reading: 1?"


def test_the_stages_of_a_reading_are_sheet_lines_digits_and_answer(tmp_path):
    Image.new("L", (80, 40), 255).save(tmp_path / "page.png")
    reading = reading_of(*(("1", (10, left, 40, left + 9), [0.01, 0.99]) for left in (20, 50, 70)))
    for number, digit in enumerate(reading.digits):
        digit.image = np.full((28, 28), 50 * number, np.uint8)
    first, second, third = reading.digits
    reading.numbers = [SimpleNamespace(digits=part) for part in ([first, second], [third])]
    reading.corners = np.array([(0, 0), (1, 0), (1, 0.5), (0, 1)])
    sheet, lines, digits, answer = plot_stages(tmp_path / "page.png", reading)
    assert sheet.patches[0].get_xy()[:4].tolist() == [[0, 0], [80, 0], [80, 20], [0, 40]]
    assert np.array_equal(lines.images[0].get_array(), reading.picture)
    tiles = digits.images[0].get_array()
    assert tiles.shape == (64, 56)  # a row of two digits and a row of one
    assert [int(tiles[y, x]) for y, x in ((15, 15), (15, 40), (45, 15), (45, 40))] == [
        0,
        50,
        100,
        0,
    ]
    assert texts(answer) == ["1\n99%"] * 3


@pytest.mark.parametrize(
    ("probabilities", "question"),
    [
        ([0, 0, 0.04, 0.96], "3?\n96%"),
        ([0.05, 0.25, 0.7], "2 or\n1?"),
        ([0, 0.5, 0, 0, 0, 0, 0, 0.5], "1 or\n7?"),
        ([0.2, 0.3, 0.5], "2, 1\nor 0?"),
        ([0.1] * 10, "no\ndigit?"),
        ([0.2, 0.15, 0.15, 0.12, 0.1, 0.08, 0.08, 0.06, 0.06], "no\ndigit?"),
    ],
)
def test_an_uncertain_digit_is_explained_by_a_question(probabilities, question):
    assert texts(plot_reading(reading_of(("?", (10, 20, 40, 50), probabilities)))) == [question]


def test_a_digit_that_counts_as_sure_gets_no_question():
    assert texts(plot_reading(reading_of(("0", (10, 20, 40, 50), [0.6, 0.4])))) == ["0\n60%"]


@pytest.mark.parametrize("top", [0, 40, 560])
def test_labels_of_crowded_digits_do_not_overlap(top):
    boxes = [(top, left, top + 30, left + 12) for left in range(20, 560, 14)]
    ax = plot_reading(reading_of(*(("?", box, [0.1] * 10) for box in boxes), shape=(600, 600)))
    ax.figure.draw_without_rendering()
    labels = [text.get_window_extent() for text in [ax.title, *ax.texts]]
    for number, label in enumerate(labels):
        assert label.count_overlaps(labels[number + 1 :]) == 0
    assert ax.figure.get_figwidth() > 14
    plain = plot_reading(reading_of(("7", (10, 20, 40, 50), [1]), shape=(60, 90)))
    assert plain.figure.get_size_inches() == pytest.approx([9, 6.6])


def test_a_reading_is_drawn_on_axes_that_hold_something_else():
    ax = plt.subplots()[1]
    ax.text(0, 0, "note")
    plot_reading(reading_of(("7", (10, 20, 40, 50), [1])), ax=ax)
    assert texts(ax) == ["note", "7\n100%"]
