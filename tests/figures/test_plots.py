import html
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import texts
from PIL import Image

from digitlib import (
    plot_class_counts,
    plot_confusion,
    plot_mistakes,
    plot_recipes,
    plot_reliability,
    plot_samples,
    plot_steps,
    show,
)
from digitlib.evaluation import Mistakes, measure_calibration
from digitlib.handwriting.digit import Steps


@pytest.fixture
def confusion():
    matrix = np.diag(np.arange(900, 1000, 10))
    matrix[4, 9] = 7
    return matrix


@pytest.fixture
def mistakes():
    return Mistakes(
        np.array([4, 0, 2]),
        np.array([1, 2, 3]),
        np.array([7, 8, 9]),
        np.array([0.999, 0.8, 0.5]),
        np.array([0.0004, 0.15, 0.2]),
    )


def test_samples_stand_over_their_labels(small_images):
    ax = plot_samples(small_images, [3, 1, 4, 1, 5, 9], columns=4)
    assert texts(ax) == ["3", "1", "4", "1", "5", "9"]
    assert np.array_equal([picture.get_array() for picture in ax.images], small_images)
    boxes = [picture.get_extent() for picture in ax.images]
    assert boxes[0][2:] == boxes[3][2:] != boxes[4][2:]  # four in the first row
    assert boxes[0][:2] == boxes[4][:2]
    left, right, bottom, top = (*ax.get_xlim(), *ax.get_ylim())
    assert all(left <= b[0] and b[1] <= right and bottom <= b[2] and b[3] <= top for b in boxes)


def test_samples_need_a_label_each(small_images):
    with pytest.raises(ValueError, match="shorter"):
        plot_samples(small_images, [1, 2])


def test_class_counts_are_written_on_the_bars():
    ax = plot_class_counts([0, 0, 0, 7, 9, 9])
    assert [bar.get_height() for bar in ax.patches] == [3, 0, 0, 0, 0, 0, 0, 1, 0, 2]
    assert texts(ax) == ["3", "0", "0", "0", "0", "0", "0", "1", "0", "2"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == list("0123456789")


def test_confusion_shows_counts_and_spares_zeros(confusion):
    ax = plot_confusion(confusion)
    assert sorted(filter(None, texts(ax))) == sorted(["7", *map(str, range(900, 1000, 10))])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("digit read", "true digit")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list("0123456789")
    seven = next(text for text in ax.texts if text.get_text() == "7")
    assert seven.get_position() == (9.5, 4.5)  # column 9, row 4


def test_the_diagonal_does_not_set_the_colours(confusion):
    mistakes_mesh, diagonal_mesh = plot_confusion(confusion).collections[:2]
    assert mistakes_mesh.get_clim() == (0, 7)
    assert diagonal_mesh.get_array().count() == 10


def test_confusion_of_a_perfect_model():
    ax = plot_confusion(np.diag(np.full(10, 5)))
    assert list(filter(None, texts(ax))) == ["5"] * 10


def test_mistakes_say_label_answer_and_both_probabilities(small_images, mistakes):
    ax = plot_mistakes(small_images, mistakes, count=2)
    assert texts(ax) == [
        "1 read as 7\n7: 99.9%, 1: 0.0%",
        "2 read as 8\n8: 80.0%, 2: 15.0%",
    ]
    assert np.array_equal(ax.images[0].get_array(), small_images[4])
    assert ax.get_title() == "The 2 most confident of 3 mistakes"
    assert plot_mistakes(small_images, mistakes).get_title() == "All 3 mistakes"


def test_labels_known_to_be_wrong_are_marked(small_images, mistakes):
    ax = plot_mistakes(small_images, mistakes, doubtful=[int(mistakes.indices[1])])
    starred = [" * read as" in text for text in texts(ax)]
    assert starred == [False, True, False]
    assert "* the label is known to be wrong" in ax.get_title()
    others = plot_mistakes(small_images, mistakes, doubtful=[9999])
    assert "*" not in others.get_title() + "".join(texts(others))


def test_no_mistakes_are_a_picture_too(small_images):
    none = Mistakes(*(np.array([], int) for _ in range(5)))
    assert plot_mistakes(small_images, none).get_title() == "No mistakes"


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
    assert [text.get_text() for text in legend.get_texts()] == ["as reported", "dense", "cnn"]
    diamonds = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "D"]
    assert diamonds == [[[110, 0.99]], []]
    means = [bars[0].get_xydata().tolist() for bars in ax.containers]
    assert means == [[[6, 0.975]], [[110, 0.991]]]
    bars = [bar.get_segments()[0][:, 1] for bar in ax.collections]
    assert np.allclose(bars, [[0.973, 0.977], [0.990, 0.992]])


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


def test_each_plot_draws_on_given_axes(small_images, mistakes, confusion, summary, calibration):
    figure, axes = plt.subplots(6)
    assert plot_samples(small_images, range(6), ax=axes[0]) is axes[0]
    assert plot_class_counts([1], ax=axes[1]) is axes[1]
    assert plot_confusion(confusion, ax=axes[2]) is axes[2]
    assert plot_mistakes(small_images, mistakes, ax=axes[3]) is axes[3]
    assert plot_recipes(summary, {}, ax=axes[4]) is axes[4]
    assert plot_reliability(calibration, ax=axes[5]) is axes[5]
    assert plt.get_fignums() == [figure.number]


def test_shown_figure_is_an_image_with_alternative_text():
    shown = show(plot_class_counts([1, 2]), alt='Bars of "two" digits & more')
    markup = shown._repr_html_()
    assert html.unescape(re.search('alt="(.*?)"', markup)[1]) == 'Bars of "two" digits & more'
    picture = Image.open(io.BytesIO(shown.png))
    assert picture.format == "PNG"
    assert f'width="{picture.width * 2 // 3}"' in markup
    assert repr(shown) == 'Bars of "two" digits & more'
    assert plt.get_fignums() == []  # Jupyter would show an open figure a second time


def test_several_axes_are_shown_as_their_one_figure():
    assert show(plt.subplots(2)[1], alt="two axes").png.startswith(b"\x89PNG")


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
        assert not ax.axison
