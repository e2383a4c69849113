"""Plots of counts and of evaluations."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from digitlib.data import NUM_CLASSES
from digitlib.figures.style import COLOURS, describe, new_axes, place_legend, write_percent
from digitlib.figures.wording import count_things, join_words, write_number
from digitlib.images import verify_labels
from digitlib.uncertainty import Calibration


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
    bars = join_words([f"{digit}: {count:,}" for digit, count in enumerate(counts)])
    return describe(ax, f"Bar chart of the number of images of each digit. {bars}.")


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
    return describe(ax, _describe_confusion(np.where(correct, 0, confusion), confusion.sum()))


def plot_reliability(calibration: Calibration, *, ax: Axes | None = None) -> Axes:
    """Plots accuracy against confidence, bin by bin, with 95% intervals and counts of images.

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
        place = 6, -11 if y > 0.05 else 5  # not on the ticks
        ax.annotate(f"{count:,}", (x, y), place, textcoords="offset points", fontsize=8)
    ax.set(title=f"Expected calibration error {calibration.error:.2%}", xlim=(0, 1.09))
    ax.set(xlabel="mean confidence", ylabel="accuracy", ylim=(0, 1.04))
    write_percent(ax.xaxis, ax.yaxis)
    place_legend(ax)
    sns.despine(ax=ax)
    return describe(ax, _describe_calibration(calibration))


def _describe_confusion(wrong, total):
    text = f"Confusion matrix of {count_things(total, 'image')}, "
    text += f"{total - wrong.sum():,} on the diagonal. "
    if not wrong.any():
        return f"{text}No wrong predictions."
    pairs = [f"{row} classified as {column}" for row, column in np.argwhere(wrong == wrong.max())]
    times = count_things(wrong.max(), "time")
    if len(pairs) == 1:
        return f"{text}Most frequent wrong prediction: {pairs[0]} ({times})."
    return f"{text}Most frequent wrong predictions, {times} each: {join_words(pairs, most=3)}."


def _describe_calibration(calibration):
    text = "Accuracy against mean confidence, with 95% intervals, in bins of confidence. "
    text += f"The expected calibration error is {write_number(calibration.error, True)}."
    for confidence, accuracy, ends, count in zip(*calibration[:4], strict=True):
        if count:
            low, high = (write_number(end, True) for end in ends)
            text += f" Confidence {write_number(confidence, True)}: accuracy "
            text += f"{write_number(accuracy, True)} of {count_things(count, 'image')}, "
            text += f"interval {low} to {high}."
    return text
