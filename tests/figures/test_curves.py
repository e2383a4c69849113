import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import boxes_of, overlaps, texts, tick_labels

from digitlib.figures.curves import plot_curves, plot_descent, plot_robustness
from digitlib.figures.histories import plot_histories, plot_learning_curves

pytestmark = pytest.mark.filterwarnings("error")

HISTORY = {
    "loss": [0.5, 0.25, 0.125],
    "accuracy": [0.8, 0.9, 0.95],
    "val_loss": [0.4, 0.3, 0.2],
    "val_accuracy": [0.85, 0.88, 0.91],
}


def test_learning_curves_place_training_half_an_epoch_earlier():
    axes = plot_learning_curves(HISTORY)
    for ax, metric in zip(axes, ["accuracy", "loss"], strict=True):
        training, validation = ax.lines
        assert training.get_xydata().tolist() == [
            [0.5, HISTORY[metric][0]],
            [1.5, HISTORY[metric][1]],
            [2.5, HISTORY[metric][2]],
        ]
        assert validation.get_xdata().tolist() == [1, 2, 3]
        assert validation.get_ydata().tolist() == HISTORY[f"val_{metric}"]
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == ["training", "validation"]
        assert ax.get_xlabel() == "epoch"


def curves(count):
    return {f"curve {number}": np.linspace(0.1, 0.9, 4) + number / 100 for number in range(count)}


def test_curves_differ_without_colour():
    ax = plot_curves([1, 2, 3, 4], curves(5), title="T", xlabel="x", ylabel="accuracy")
    looks = [(line.get_marker(), line.get_linestyle(), line._dash_pattern) for line in ax.lines]
    assert len({marker for marker, *_ in looks}) == 5
    assert len({str(dashes) for *_, dashes in looks}) == 5
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(curves(5))
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("T", "x", "accuracy")
    assert all(label.endswith("%") for label in tick_labels(ax.yaxis))
    assert not ax.get_legend().get_frame_on()


def legend_covers(ax):
    (legend,) = boxes_of([ax.get_legend()], ax.figure)
    lines = [ax.transData.transform_path(line.get_path()) for line in ax.lines]
    return any(line.intersects_bbox(legend, filled=False) for line in lines)


@pytest.mark.parametrize("count", [2, 4, 7, 400])
def test_a_legend_stands_inside_where_it_covers_no_curve(count):
    x = np.arange(count)
    falling = {"one": np.exp(-x / count), "another": 0.5 * np.exp(-3 * x / count)}
    ax = plot_curves(x, falling, title="", xlabel="x", ylabel="y")
    (legend,) = boxes_of([ax.get_legend()], ax.figure)
    assert ax.bbox.x0 <= legend.x0 and legend.x1 <= ax.bbox.x1
    assert not legend_covers(ax)


def test_a_legend_without_room_inside_stands_beside():
    x = np.arange(20)
    zigzag = {f"curve {number}": (x + number) % 2 for number in range(5)}
    ax = plot_curves(x, zigzag, title="", xlabel="x", ylabel="y")
    (legend,) = boxes_of([ax.get_legend()], ax.figure)
    assert legend.x0 >= ax.bbox.x1
    assert not legend_covers(ax)


@pytest.mark.parametrize("count", [2, 3, 5, 7, 8, 9, 400])
def test_places_on_a_log_scale_do_not_overlap(count):
    x = np.geomspace(1, 2000, count).round()
    ax = plot_curves(x, {"a": x}, title="", xlabel="", ylabel="", xscale="log", percent=False)
    left, right = ax.get_xlim()
    labels = [tick.label1 for tick in ax.xaxis.get_major_ticks() if left <= tick.get_loc() <= right]
    assert len(labels) >= min(count, 3)
    assert overlaps(boxes_of(labels, ax.figure)) == 0


def test_curves_skip_nan():
    values = {"gap": [0.1, float("nan"), 0.3], "nothing": [float("nan")] * 3}
    ax = plot_curves([1, 2, 3], values, title="", xlabel="", ylabel="", percent=False)
    assert ax.lines[0].get_xydata().tolist() == [[1, 0.1], [3, 0.3]]
    assert len(ax.lines[1].get_xdata()) == 0
    assert not any(label.endswith("%") for label in tick_labels(ax.yaxis))


def test_curves_name_the_places_on_a_log_scale():
    x = [500, 1000, 5000, 55000]
    ax = plot_curves(x, curves(2), title="", xlabel="images", ylabel="", xscale="log")
    assert ax.get_xscale() == "log"
    assert tick_labels(ax.xaxis) == ["500", "1,000", "5,000", "55,000"]
    assert overlaps(boxes_of(ax.xaxis.get_ticklabels(), ax.figure)) == 0


def history(first_loss=2.0):
    losses = [first_loss, first_loss / 2]
    return {
        "loss": losses,
        "accuracy": [0.5, 0.75],
        "val_loss": losses[::-1],
        "val_accuracy": [0.6, 0.7],
    }


def test_histories_stand_side_by_side():
    axes = plot_histories({"healthy": history(), "too fast": history(400.0)})
    assert axes.shape == (2, 2)
    assert [ax.get_title() for ax in axes[0]] == ["healthy", "too fast"]
    training, validation = axes[0, 0].lines
    assert training.get_xydata().tolist() == [[0.5, 0.5], [1.5, 0.75]]
    assert validation.get_xydata().tolist() == [[1, 0.6], [2, 0.7]]
    assert (training.get_marker(), training.get_linestyle()) == ("o", "-")
    assert (validation.get_marker(), validation.get_linestyle()) == ("s", "--")
    assert axes[0, 0].get_ylim() == axes[0, 1].get_ylim()
    assert axes[0, 0].get_ylim()[0] == 0 and axes[0, 0].get_ylim()[1] >= 1
    (legend,) = axes[0, 0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    boxes = boxes_of([legend, *axes.flat], axes[0, 0].figure)
    assert overlaps(boxes) == 0


def test_only_a_huge_loss_has_a_log_scale():
    axes = plot_histories({"healthy": history(), "too fast": history(400.0)})
    assert [ax.get_yscale() for ax in axes[1]] == ["linear", "log"]
    assert [ax.get_ylabel() for ax in axes[1]] == ["loss", "loss (log scale)"]
    assert axes[1, 0].get_ylim()[0] == 0


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_written_out(loss):
    broken = history() | {"loss": [loss] * 2, "val_loss": [loss] * 2}
    for ax in (plot_histories({"broken": broken})[1, 0], plot_learning_curves(broken)[1]):
        assert texts(ax) == ["NaN or infinite"]
        ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"val_loss": []}, "2 accuracy, 2 loss, 2 val_accuracy, 0 val_loss"),
        ({"loss": [1.0]}, "2 accuracy, 1 loss, 2 val_accuracy, 2 val_loss"),
        ({name: [] for name in HISTORY}, "0 accuracy, 0 loss, 0 val_accuracy, 0 val_loss"),
    ],
)
def test_histories_need_as_many_values_of_each_metric(change, found):
    for plot in (plot_learning_curves, lambda broken: plot_histories({"a": broken})):
        with pytest.raises(ValueError, match=f"got {found}. Compile with .* validation_data"):
            plot(history() | change)
    assert plt.get_fignums() == []


def test_a_history_without_validation_is_refused():
    without = {name: HISTORY[name] for name in ("loss", "accuracy")}
    with pytest.raises(ValueError, match=r"0 val_accuracy, 0 val_loss.*fit with validation_data"):
        plot_learning_curves(without)


def test_no_histories_are_refused():
    with pytest.raises(ValueError, match="expected at least one history; got none"):
        plot_histories({})


@pytest.mark.parametrize(
    ("x", "curves", "xscale", "message"),
    [
        ([1, 2], {}, "linear", "expected at least one curve; got none"),
        ([], {"a": []}, "linear", "at least 1; got 0 x, 0 values of a"),
        ([1, 2, 3], {"a": [1, 2, 3], "x": [1, 2]}, "linear", "got 3 x, 3 values of a, 2 values of"),
        ([0, 1], {"a": [1, 2]}, "log", "a logarithmic scale needs x above 0; got 0"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(x, curves, xscale, message):
    with pytest.raises(ValueError, match=message):
        plot_curves(x, curves, title="", xlabel="", ylabel="", xscale=xscale)
    assert plt.get_fignums() == []


def test_histories_wrap_into_rows():
    axes = plot_histories({name: history() for name in "abc"}, columns=2)
    assert axes.shape == (4, 2)
    assert [ax.get_title() for ax in axes.flat] == ["a", "b", "", "", "c", "", "", ""]
    assert [ax.axison for ax in axes.flat] == [True] * 5 + [False] + [True] + [False]


def test_long_curves_keep_their_line_visible():
    ax = plot_curves(range(300), {"a": range(300)}, title="", xlabel="", ylabel="")
    assert ax.lines[0].get_markevery() == 20
    axes = plot_histories({"a": {name: [0.1] * 60 for name in HISTORY}})
    assert {line.get_markevery() for line in axes[1, 0].lines} == {4}


def test_curves_are_drawn_on_given_axes():
    figure, axes = plt.subplots(6, 2)
    names = {"title": "", "xlabel": "", "ylabel": ""}
    assert plot_curves(range(4), curves(1), **names, ax=axes[0, 0]) is axes[0, 0]
    given = axes[1]
    assert plot_learning_curves(HISTORY, axes=given) is given
    assert plot_histories(dict.fromkeys("abc", history()), columns=2, axes=axes[2:]) is not None
    assert [len(ax.lines) for ax in axes[2:].flat] == [2] * 5 + [0] + [2] + [0]
    assert plt.get_fignums() == [figure.number]


def robustness_table(*changes):
    rows = [
        f"{model},{change},{amount},10,{accuracy}"
        for change in changes
        for model, accuracies in {"robust": (1.0, 0.9), "fast": (0.99, 0.5)}.items()
        for amount, accuracy in zip((0, 3), accuracies, strict=True)
    ]
    return io.StringIO("\n".join(["model,change,amount,images,accuracy", *rows]))


def test_robustness_has_a_panel_for_each_change_and_a_line_for_each_model():
    table = robustness_table(
        "shift (pixels)", "blur (pixels)", "contrast", "noise (standard deviation)"
    )
    axes = plot_robustness(table)
    assert axes.shape == (2, 3)
    assert [ax.get_xlabel() for ax in axes.flat[:4]] == [
        *("shift (pixels)", "blur (pixels)", "contrast", "noise (standard deviation)")
    ]
    assert [ax.axison for ax in axes.flat] == [True] * 4 + [False] * 2
    robust, fast = axes[1, 0].lines
    assert robust.get_xydata().tolist() == [[0, 1.0], [3, 0.9]]
    assert fast.get_xydata().tolist() == [[0, 0.99], [3, 0.5]]
    assert robust.get_linestyle() != fast.get_linestyle()
    (legend,) = axes[0, 0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["robust", "fast"]
    boxes = boxes_of([legend, *(ax.xaxis.label for ax in axes[1, :1])], axes[0, 0].figure)
    assert not overlaps(boxes)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_robustness_to_few_changes_is_one_row(count):
    axes = plot_robustness(robustness_table(*"abc"[:count]))
    assert axes.shape == (1, count)
    assert [ax.get_xlabel() for ax in axes[0]] == list("abc"[:count])
    assert axes[0, 0].get_ylabel() == "accuracy"
    assert [len(ax.lines) for ax in axes[0]] == [2] * count
    (legend,) = axes[0, 0].figure.legends
    boxes = boxes_of([legend, *axes.flat], axes[0, 0].figure)
    assert not overlaps(boxes)


def test_robustness_is_drawn_on_given_axes():
    given = plt.subplots(1, 3)[1]
    assert plot_robustness(robustness_table(*"abc"), axes=given) is given
    assert [ax.get_ylabel() for ax in given] == ["accuracy", "", ""]
    with pytest.raises(ValueError, match="expected 4 Axes, one for each change; got 3"):
        plot_robustness(robustness_table(*"abcd"), axes=given)


@pytest.mark.parametrize("text", ["model,change,amount,images,accuracy", "model,change\na,b"])
def test_tables_without_rows_or_columns_are_refused(text):
    with pytest.raises(ValueError, match="change, amount, accuracy as columns and at least 1 row"):
        plot_robustness(io.StringIO(text))
    assert plt.get_fignums() == []


def annotations(ax):
    return [text for text in ax.texts if text.get_text()]


def test_a_descent_has_a_dot_and_an_arrow_for_each_step():
    path = [3.0, 2.2, 1.7]
    ax = plot_descent(lambda weight: (weight - 1) ** 2 + 0.5, path)
    curve, dots = ax.lines
    assert np.allclose(dots.get_xydata(), [[3, 4.5], [2.2, 1.94], [1.7, 0.99]])
    x, y = curve.get_data()
    assert x.min() < 1.7 and x.max() > 3
    assert np.allclose(y, (x - 1) ** 2 + 0.5)
    arrows = [(text.xyann, text.xy) for text in ax.texts if text.arrow_patch]
    points = [tuple(point) for point in dots.get_xydata()]
    assert np.allclose(arrows, [(points[0], points[1]), (points[1], points[2])])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight", "loss")
    assert annotations(ax) == []


@pytest.mark.parametrize("start", [3.0, -1.0])
def test_a_descent_shows_the_slope_at_its_start(start):
    slope = 2 * (start - 1)
    ax = plot_descent(lambda weight: (weight - 1) ** 2, [start, 1.0], slope=slope)
    curve, _, tangent = ax.lines
    (x0, y0), (x1, y1) = tangent.get_xydata()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(slope)
    assert (y0 + y1) / 2 == pytest.approx((start - 1) ** 2)
    (note,) = annotations(ax)
    assert note.get_text() == f"slope = {slope:g}".replace("-", "\N{MINUS SIGN}")
    (box,) = boxes_of([note], ax.figure)
    assert ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1
    lines = [ax.transData.transform_path(line.get_path()) for line in (curve, tangent)]
    assert not any(line.intersects_bbox(box, filled=False) for line in lines)


@pytest.mark.parametrize("path", [[], [np.nan], [[1, 2]], 3])
def test_a_descent_needs_finite_weights(path):
    with pytest.raises(ValueError, match="expected at least one weight, all of them finite"):
        plot_descent(np.square, path)
    assert plt.get_fignums() == []


def test_a_descent_of_one_weight_is_drawn_on_given_axes():
    figure, ax = plt.subplots()
    assert plot_descent(np.square, [2.0], slope=4.0, ax=ax) is ax
    assert plt.get_fignums() == [figure.number]
