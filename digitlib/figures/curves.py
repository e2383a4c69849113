"""Curves of one or more training runs, and of anything else measured at the same x values."""

from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from digitlib.figures.style import STYLES, new_axes, verify_lengths, write_percent

History = Mapping[str, Sequence[float]]
_METRICS = ["accuracy", "loss", "val_accuracy", "val_loss"]
_COLUMNS = ["model", "change", "amount", "accuracy"]
_MOST_MARKERS = 15  # more would hide the line
_BELOW: dict[str, Any] = {"loc": "outside lower center", "ncols": 2, "frameon": False}  # legends


def plot_learning_curves(history: History, *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Plots accuracy and loss on training and validation data against epochs.

    Keras averages the training curves over an epoch, while the network changes, and measures
    validation at the end of the epoch. Training points are therefore drawn half an epoch earlier.

    Args:
        history: `Run.history`, or `fit(...).history` with accuracy and validation data.
        axes: two Axes, for accuracy and for loss; None makes a figure.

    Returns:
        The two Axes.
    """
    _verify_histories(history)
    axes = new_axes((9, 3.2), 1, 2) if axes is None else axes
    _draw_history(axes, history)
    axes[0].set(title="Accuracy", xlabel="epoch", ylabel="accuracy")
    axes[1].set_title("Loss")
    for ax in axes:
        ax.legend(frameon=False)
    return axes


def plot_histories(
    histories: Mapping[str, History], *, columns: int | None = None, axes: np.ndarray | None = None
) -> np.ndarray:
    """Plots the learning curves of several training runs side by side, accuracy above loss.

    Args:
        histories: from titles to histories as for `plot_learning_curves`; at least one.
        columns: training runs in a row; None puts all into one row.
        axes: Axes (2 x rows of training runs, columns); None makes a figure.

    Returns:
        The Axes, an array of that shape.
    """
    _verify_histories(*histories.values())
    columns = columns or len(histories)
    rows = -(-len(histories) // columns)
    if axes is None:
        size = columns * max(2.3, min(3.6, 10 / columns)) + 0.6, 4.4 * rows + 0.3
        axes = new_axes(size, 2 * rows, columns, squeeze=False)
    pairs = axes.reshape(rows, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for pair, (title, history) in zip(pairs, histories.items(), strict=False):
        _draw_history(pair, history)
        pair[0].set_ylim(0, 1.03)
        pair[0].set_title(title, fontsize=10)
        pair[0].tick_params(labelleft=pair[0] in axes[:, 0])
    for ax in axes[::2, 0]:
        ax.set_ylabel("accuracy")
    for ax in pairs[len(histories) :].flat:
        ax.set_axis_off()
    axes.flat[0].figure.legend(handles=axes.flat[0].lines, **_BELOW)
    return axes


def plot_curves(
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    percent: bool = True,
    xscale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Plots named curves that differ in colour, marker and dashes.

    Args:
        x: numbers (n,).
        curves: from names to numbers (n,); NaN where nothing was measured.
        title: the figure's title.
        xlabel: the label of the x-axis.
        ylabel: the label of the y-axis.
        percent: whether values from 0 to 1 are written as 0 % to 100 %.
        xscale: "linear" or "log"; "log" needs x above 0.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    if not curves:
        raise ValueError("expected at least one curve; got none")
    verify_lengths({"x": x, **{f"values of {name}": curves[name] for name in curves}})
    x = np.asarray(x)
    if xscale == "log" and x.min() <= 0:
        raise ValueError(f"a logarithmic scale needs x above 0; got {x.min()}")
    ax = ax or new_axes((7.5, 3.6))
    ax.set_prop_cycle(STYLES)
    every = -(-len(x) // _MOST_MARKERS)
    for name, values in curves.items():
        measured = np.isfinite(values)
        ax.plot(x[measured], np.asarray(values)[measured], label=name, markevery=every)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xscale=xscale)
    if xscale == "log":
        ax.set_xticks(x[:: -(-len(x) // 8)])
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.xaxis.set_minor_locator(NullLocator())
    if percent:
        write_percent(ax.yaxis)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=3.5)
    sns.despine(ax=ax)
    return ax


def plot_robustness(table: str | IO[str], *, axes: np.ndarray | None = None) -> np.ndarray:
    """Plots how accuracy falls as images are changed more, a panel for each kind of change.

    Args:
        table: the CSV of `benchmarks/handwriting.py`: a path or an open file.
        axes: Axes, at least one for each kind of change; None makes a figure.

    Returns:
        The Axes.
    """
    panels = _read_table(table).groupby("change", sort=False)
    if axes is None:
        rows, columns = -(-len(panels) // 3), min(3, len(panels))
        size = 3.2 * columns + 0.4, 2.7 * rows + 0.3
        axes = new_axes(size, rows, columns, sharey=True, squeeze=False)
    flat = np.ravel(axes)
    if len(flat) < len(panels):
        raise ValueError(f"expected {len(panels)} Axes, one for each change; got {len(flat)}")
    for ax, (change, panel) in zip(flat, panels, strict=False):
        ax.set_prop_cycle(STYLES)
        for name, curve in panel.groupby("model", sort=False):
            ax.plot(curve["amount"], curve["accuracy"], label=name)
        ax.set(xlabel=change, ylim=(0, 1.03))
        write_percent(ax.yaxis)
        sns.despine(ax=ax)
    for ax in flat[len(panels) :]:
        ax.set_axis_off()
    for ax in np.atleast_2d(axes)[:, 0]:
        ax.set_ylabel("accuracy")
    flat[0].figure.legend(handles=flat[0].lines, **_BELOW)
    return axes


def _read_table(table):
    measured = pd.read_csv(table)
    if measured.empty or not set(_COLUMNS) <= set(measured):
        expected = f"expected {', '.join(_COLUMNS)} as columns and at least 1 row"
        raise ValueError(f"{expected}; got {', '.join(measured)} and {len(measured)} rows")
    return measured


def _verify_histories(*histories):
    if not histories:
        raise ValueError("expected at least one history; got none")
    for history in histories:
        hint = '. Compile with metrics=["accuracy"], and fit with validation_data.'
        verify_lengths({name: history.get(name, ()) for name in _METRICS}, hint)


def _draw_history(axes, history):
    epochs = np.arange(1, len(history["loss"]) + 1)
    for ax, metric in zip(axes, ["accuracy", "loss"], strict=True):
        ax.set_prop_cycle(STYLES)
        style = {"markersize": 5, "markevery": -(-len(epochs) // _MOST_MARKERS)}
        ax.plot(epochs - 0.5, history[metric], label="training", **style)
        ax.plot(epochs, history[f"val_{metric}"], label="validation", **style)
        ax.set_xlim(0, epochs[-1] + 0.2)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        sns.despine(ax=ax)
    write_percent(axes[0].yaxis)
    losses = np.array([*history["loss"], *history["val_loss"]])
    _scale_loss(axes[1], losses[np.isfinite(losses)])


def _scale_loss(ax, finite):
    ax.set(xlabel="epoch", ylabel="loss")
    if finite.max(initial=0) > 10:
        ax.set(yscale="log", ylabel="loss (log scale)")
        ax.yaxis.set_major_formatter(LogFormatter())
        ax.yaxis.set_minor_formatter(LogFormatter())
    else:
        ax.set_ylim(0, None)
    if not len(finite):
        ax.set_yticks([])
        ax.text(0.5, 0.5, "NaN or infinite", ha="center", transform=ax.transAxes)
