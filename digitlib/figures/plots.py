"""Plots of counts, evaluations and recipes, and of the reading of handwriting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, LogFormatter, NullFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from digitlib.data import NUM_CLASSES
from digitlib.figures.style import COLOURS, STYLES, new_axes, write_percent
from digitlib.images import verify_labels
from digitlib.uncertainty import Calibration

_TICKS = [0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999]


def plot_class_counts(labels: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draws a bar for each digit, as high as its number of images.

    Args:
        labels: integers (n,), the digits 0 to 9.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    counts = np.bincount(verify_labels(labels), minlength=NUM_CLASSES)
    ax = ax or new_axes((7, 2.8))
    bars = ax.bar(range(NUM_CLASSES), counts, color=COLOURS[0])
    ax.bar_label(bars, fmt="{:,.0f}", fontsize=9)
    ax.set(title="Images of each digit", xlabel="digit", ylabel="images", xticks=range(NUM_CLASSES))
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.margins(y=0.12)
    sns.despine(ax=ax)
    return ax


def plot_confusion(confusion: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draws a confusion matrix whose colours show the wrong predictions.

    The correct ones, far more numerous, have a grey diagonal. Empty fields are zero.

    Args:
        confusion: integers (10, 10); row: true digit, column: predicted digit.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.

    Example:
        >>> plot_confusion([[5, 1], [0, 4]]).get_xlabel()
        'predicted digit'
    """
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or not confusion.size:
        raise ValueError(f"expected a square matrix of counts; got the shape {confusion.shape}")
    ax = ax or new_axes((7, 5.6))
    correct = np.eye(len(confusion), dtype=bool)
    counts = np.where(confusion > 0, confusion.astype(str), "")
    shared = {"annot": counts, "fmt": "", "linewidths": 0.5, "linecolor": "0.9", "ax": ax}
    colours = {"cmap": "rocket_r", "vmin": 0, "cbar_kws": {"label": "wrong predictions"}}
    sns.heatmap(confusion, mask=correct, **colours, **shared)
    sns.heatmap(confusion, mask=~correct, cmap=["0.85"], cbar=False, **shared)
    title = "Predicted digits for each true digit"
    ax.set(title=title, xlabel="predicted digit", ylabel="true digit")
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_reliability(calibration: Calibration, *, ax: Axes | None = None) -> Axes:
    """Plots accuracy against confidence, bin by bin, with 95 % intervals and counts of images.

    A perfectly calibrated model lies on the diagonal, an overconfident one below it.

    Args:
        calibration: `Report.calibration`.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or new_axes((5.5, 4.6))
    ax.plot([0, 1], [0, 1], "--", color="0.5", label="perfect calibration")
    filled = calibration.counts > 0
    confidence, accuracy = calibration.confidences[filled], calibration.accuracies[filled]
    low, high = calibration.intervals[filled].T
    errors = np.maximum([accuracy - low, high - accuracy], 0)
    style = {"color": COLOURS[0], "label": "this model"}
    ax.errorbar(confidence, accuracy, errors, fmt="o", capsize=3, **style)
    for x, y, count in zip(confidence, accuracy, calibration.counts[filled], strict=True):
        ax.annotate(f"{count:,}", (x, y), (6, -11), textcoords="offset points", fontsize=8)
    ax.set(title=f"Expected calibration error {calibration.error:.2%}", xlim=(0, 1.09))
    ax.set(xlabel="mean confidence", ylabel="accuracy", ylim=(0, 1.04))
    write_percent(ax.xaxis, ax.yaxis)
    ax.legend(frameon=False, loc="lower right")
    sns.despine(ax=ax)
    return ax


def plot_recipes(
    summary: pd.DataFrame, reported: Mapping[str, float], *, ax: Axes | None = None
) -> Axes:
    """Plots the accuracy of recipes against the CPU time of their training.

    Points are means over seeds, with one standard deviation up and down. An open diamond of the
    same colour is the accuracy that the recipe's source reports.

    Args:
        summary: the columns recipe, test_mean, test_deviation, cpu_seconds of `summarize_results`.
        reported: from recipes to reported accuracies, 0 to 1; other recipes have no diamond.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    shown = {name: reported[name] for name in summary["recipe"] if name in reported}
    accuracies = np.array([*summary["test_mean"], *shown.values()])
    if summary.empty:
        raise ValueError("expected the results of at least one recipe; got none")
    if not ((accuracies >= 0) & (accuracies <= 1)).all() or not (summary["cpu_seconds"] > 0).all():
        found = f"{accuracies} and {summary['cpu_seconds'].to_numpy()}"
        raise ValueError(f"expected accuracies from 0 to 1 and CPU times above 0; got {found}")
    ax = ax or new_axes((8.5, 4.5))
    for row, style in zip(summary.itertuples(), STYLES(), strict=False):
        point = style | {"linestyle": "none", "markersize": 8, "capsize": 3, "label": row.recipe}
        ax.errorbar(row.cpu_seconds, row.test_mean, row.test_deviation, **point)
        if row.recipe in shown:
            diamond = {"color": style["color"], "fillstyle": "none", "markersize": 10}
            ax.plot(row.cpu_seconds, shown[row.recipe], "D", **diamond)
    ax.plot([], [], "D", color="0.3", fillstyle="none", label="as reported")
    ax.set(title="Accuracy and cost of the recipes", xscale="log")
    ax.set(xlabel="training (CPU-seconds)", ylabel="test accuracy")
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.xaxis.set_minor_formatter(LogFormatter())
    mean, deviation = summary["test_mean"], summary["test_deviation"]
    _scale_accuracy(ax, accuracies, np.array([*accuracies, *mean - deviation, *mean + deviation]))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_reading(reading: Any, *, ax: Axes | None = None) -> Axes:
    """Draws a box and the predicted digit for each digit of a picture; dashed if uncertain.

    Args:
        reading: the `Reading` that `read_digits` returned.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    height, width = reading.picture.shape
    ax = ax or new_axes((9, min(9, 0.6 + 9 * height / width)))
    ax.imshow(reading.picture, cmap="gray", vmin=0, vmax=1)
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
    style: dict[str, Any] = {
        "ha": "center",
        "va": "bottom",
        "size": 9,
        "weight": "bold",
        "bbox": label,
    }
    for digit in reading.digits:
        top, left, bottom, right = digit.box
        colour, line = (COLOURS[0], "-") if digit.text.isdigit() else (COLOURS[3], "--")
        frame = {"fill": False, "edgecolor": colour, "linestyle": line, "linewidth": 2}
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, **frame))
        text = f"{digit.text}\n{digit.probabilities.max():.0%}"
        place = (left + right) / 2, top
        ax.annotate(text, place, (0, 3), textcoords="offset points", color=colour, **style)
    ax.set_title("Read: " + " / ".join(reading.text.split("\n")))
    ax.set_axis_off()
    return ax


def plot_steps(steps: Sequence[NDArray], *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Shows how a picture becomes an image like those of MNIST, from left to right.

    Args:
        steps: the five images that `explain_steps` returned.
        axes: five Axes; None makes a figure.

    Returns:
        The five Axes.
    """
    axes = new_axes((10, 2.4), 1, 5) if axes is None else axes
    titles = "picture", "ink", "cut out", "scaled to 20 x 20", "centred in 28 x 28"
    for ax, step, title in zip(axes, steps, titles, strict=True):
        ax.imshow(step, cmap="gray" if title == "picture" else "gray_r", vmin=0)
        ax.set_title(title, fontsize=10)
        ax.set_axis_off()
    return axes


def _scale_accuracy(ax, accuracies, ends):
    # A logistic scale spreads accuracies close to 100 %, but has no place for 0 % and 100 %.
    if accuracies.min() > 0 and accuracies.max() < 1:
        ax.set_yscale("logit")
        ax.yaxis.set_major_locator(FixedLocator(_TICKS))
        ax.yaxis.set_minor_formatter(NullFormatter())
        places = logit(ends[(ends > 0) & (ends < 1)])
        ax.set_ylim(expit(places.min() - 0.2), expit(places.max() + 0.2))
    write_percent(ax.yaxis)
