"""Draw curves: those of one or more trainings, and others.

As in `plots`, each function draws on axes that it is given, or on new ones, and returns them.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import LogFormatter, MaxNLocator, NullLocator, PercentFormatter

_COLOURS = sns.color_palette("colorblind")
_SHAPES = "os^vDPX<>*"  # so that nobody has to rely on colour
_DASHES = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))]
_SERIES = {"training": ("o-", _COLOURS[0], 0.5), "validation": ("s--", _COLOURS[1], 0)}
_MOST_MARKERS = 15  # more would hide the line


def plot_learning_curves(history, *, axes=None):
    """Draws accuracy and loss of training and validation against epochs.

    Keras averages the training curve over an epoch while the network changes, and measures
    validation at the epoch's end: a training point therefore stands half an epoch earlier.

    Args:
        history: `Run.history`, or the `history` of what Keras's `fit` returns.
        axes: two Axes, for accuracy and for loss; None makes a figure.

    Returns:
        The two Axes.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")[1]
    for ax, metric in zip(axes, ["accuracy", "loss"], strict=True):
        _draw_metric(ax, history, metric)
        ax.set(title=metric.capitalize(), xlabel="epoch", ylabel=metric)
        ax.legend(frameon=False)
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    axes[1].set_ylim(0, None)
    return axes


def plot_histories(histories, *, columns=None, axes=None):
    """Draws the learning curves of several trainings side by side, accuracy above loss.

    As in `plot_learning_curves`, a training point stands half an epoch earlier.

    Args:
        histories: a dict from title to a training's history, which has `loss`, `accuracy`,
            `val_loss` and `val_accuracy`.
        columns: trainings a row; None puts all into one.
        axes: Axes (2 x rows of trainings, columns); None makes a figure.

    Returns:
        The Axes, as an array of that shape.
    """
    columns = columns or len(histories)
    rows = -(-len(histories) // columns)
    if axes is None:
        size = columns * max(2.3, min(3.6, 10 / columns)) + 0.6, 4.4 * rows + 0.3
        axes = plt.subplots(2 * rows, columns, figsize=size, layout="constrained", squeeze=False)[1]
    pairs = axes.reshape(rows, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for number, (title, history) in enumerate(histories.items()):
        for ax, metric in zip(pairs[number], ["accuracy", "loss"], strict=True):
            _draw_metric(ax, history, metric)
        pairs[number][0].set_ylim(0, 1.03)
        pairs[number][0].yaxis.set_major_formatter(PercentFormatter(1))
        _scale_loss(pairs[number][1], np.array([*history["loss"], *history["val_loss"]]))
        pairs[number][0].set_title(title, fontsize=10)
        if number % columns == 0:
            pairs[number][0].set_ylabel("accuracy")
        else:
            pairs[number][0].tick_params(labelleft=False)
    for ax in pairs[len(histories) :].flat:
        ax.set_axis_off()
    handles = pairs[0][0].lines
    axes.flat[0].figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return axes


def plot_curves(x, curves, *, title, xlabel, ylabel, percent=True, xscale="linear", ax=None):
    """Draws named curves over the same places, told apart by colour, marker and dashes.

    Args:
        x: numbers (n,).
        curves: a dict from name to numbers (n,); nan marks what was not measured.
        title: the figure's title.
        xlabel: what x is.
        ylabel: what the curves are.
        percent: whether values from 0 to 1 are written as 0 % to 100 %.
        xscale: "linear" or "log".
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots(figsize=(7.5, 3.6), layout="constrained")[1]
    every = _space_markers(x)
    for (name, values), style in zip(curves.items(), _styles(), strict=False):
        known = np.isfinite(values)
        places = np.asarray(x)[known], np.asarray(values)[known]
        ax.plot(*places, **style, label=name, markevery=every)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xscale=xscale)
    if xscale == "log":
        ax.set_xticks(x[:: -(-len(x) // 8)])
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.xaxis.set_minor_locator(NullLocator())
    if percent:
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=3.5)
    sns.despine(ax=ax)
    return ax


def plot_robustness(table, *, axes=None):
    """Draws how accuracy falls as images are changed more, a panel for each kind of change.

    Args:
        table: the CSV of `benchmarks/handwriting.py`: a path, or what pandas can read.
        axes: Axes, as many as there are changes; None makes a figure.

    Returns:
        The Axes.
    """
    measured = pd.read_csv(table)
    changes = measured["change"].unique()
    if axes is None:
        rows = -(-len(changes) // 3)
        size = 10, 2.7 * rows + 0.3
        axes = plt.subplots(rows, 3, figsize=size, layout="constrained", sharey=True)[1]
    for ax, change in zip(axes.flat, changes, strict=False):
        curves = measured[measured["change"] == change].groupby("model", sort=False)
        for (name, curve), style in zip(curves, _styles(), strict=False):
            ax.plot(curve["amount"], curve["accuracy"], **style, label=name)
        ax.set(xlabel=change, ylim=(0, 1.03))
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        sns.despine(ax=ax)
    for ax in axes.flat[len(changes) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy")
    handles = axes.flat[0].lines
    axes.flat[0].figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return axes


def _styles():
    """Looks of curves, without end, so that each differs from the next without colour, too."""
    for colour, marker, dashes in zip(cycle(_COLOURS), cycle(_SHAPES), cycle(_DASHES), strict=True):
        yield {"color": colour, "marker": marker, "linestyle": dashes}


def _draw_metric(ax, history, metric):
    epochs = np.arange(1, len(history["loss"]) + 1)
    for name, (style, colour, earlier) in _SERIES.items():
        values = history[f"val_{metric}" if name == "validation" else metric]
        (line,) = ax.plot(epochs - earlier, values, style, color=colour, label=name, markersize=5)
        line.set_markevery(_space_markers(epochs))
    ax.set_xlim(0, epochs[-1] + 0.2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    sns.despine(ax=ax)


def _space_markers(points):
    return -(-len(points) // _MOST_MARKERS)


def _scale_loss(ax, losses):
    finite = losses[np.isfinite(losses)]
    ax.set(xlabel="epoch", ylabel="loss")
    if finite.max(initial=0) > 10:
        ax.set(yscale="log", ylabel="loss (log scale)")
        ax.yaxis.set_major_formatter(LogFormatter())
        ax.yaxis.set_minor_formatter(LogFormatter())
    else:
        ax.set_ylim(0, None)
    if not len(finite):
        ax.set_yticks([])
        ax.text(0.5, 0.5, "not a number", ha="center", transform=ax.transAxes)
