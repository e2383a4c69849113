"""Curves: anything measured at the same x values, robustness, and the descent of a loss."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import IO

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike, NDArray

from digitlib.figures.style import (
    COLOURS,
    LEGEND_BELOW,
    MOST_MARKERS,
    STYLES,
    describe,
    new_axes,
    place_legend,
    verify_lengths,
    write_percent,
)
from digitlib.figures.wording import count_things, describe_curve, write_number

_COLUMNS = ["model", "change", "amount", "accuracy"]
_MOST_TICKS = 8
_ARROW = {"arrowstyle": "-|>", "color": COLOURS[3], "shrinkA": 3, "shrinkB": 3}


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
        percent: whether values from 0 to 1 are written as 0% to 100%.
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
    every: float = -(-len(x) // MOST_MARKERS)
    if xscale == "log" and every > 1:
        every = 1 / MOST_MARKERS  # of the length of the line, since points crowd at its end
    for name, values in curves.items():
        measured = np.isfinite(values)
        ax.plot(x[measured], np.asarray(values)[measured], label=name, markevery=every)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel, xscale=xscale)
    if xscale == "log":
        _write_places(ax, x)
    if percent:
        write_percent(ax.yaxis)
    place_legend(ax, handlelength=3.5)
    sns.despine(ax=ax)
    lines = [describe_curve(name, x, values, percent=percent) for name, values in curves.items()]
    return describe(ax, f"{title}: {ylabel} against {xlabel}. {' '.join(lines)}")


def plot_descent(
    compute_loss: Callable[[NDArray[np.float64]], ArrayLike],
    path: ArrayLike,
    *,
    slope: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Plots a loss as a function of one weight, and the steps of a descent along it.

    Args:
        compute_loss: takes weights, float64 (n,), and returns the loss of each, (n,).
        path: numbers (m,), the weights from the first step to the last; at least one.
        slope: the derivative of the loss at the initial weight; None draws no tangent.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.

    Example:
        >>> ax = plot_descent(lambda weight: weight**2, [2, 1.2, 0.72], slope=4)
        >>> ax.get_ylabel()
        'loss'
    """
    path = np.asarray(path, float)
    if path.ndim != 1 or not np.isfinite(path).all() or not len(path):
        raise ValueError(f"expected at least one weight, all of them finite; got {path}")
    ax = ax or new_axes((7, 4))
    # A single step shows where it leads only if the curve goes on beyond it.
    margin = (2 if len(path) == 2 else 0.3) * np.ptp(path) or 1
    weights = np.linspace(path.min() - margin, path.max() + margin, 300)
    losses = np.asarray(compute_loss(path), float)
    ax.plot(weights, compute_loss(weights), color="0.55", label="loss")
    for start, end in pairwise(zip(path, losses, strict=True)):
        ax.annotate("", end, start, arrowprops=_ARROW)
    ax.plot(path, losses, "o", color=COLOURS[0], zorder=3)
    if slope is not None:
        _draw_tangent(ax, path[0], losses[0], slope, margin)
    ax.set(title="Gradient descent", xlabel="weight", ylabel="loss")
    sns.despine(ax=ax)
    return describe(ax, _describe_descent(path, losses, slope))


def plot_robustness(table: str | IO[str], *, axes: np.ndarray | None = None) -> np.ndarray:
    """Plots accuracy as images are changed more and more, a panel for each kind of change.

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
    lines = []
    for ax, (change, panel) in zip(flat, panels, strict=False):
        ax.set_prop_cycle(STYLES)
        for name, curve in panel.groupby("model", sort=False):
            ax.plot(curve["amount"], curve["accuracy"], label=name)
            where = f"{change}, {name}"
            lines.append(describe_curve(where, curve["amount"], curve["accuracy"], percent=True))
        ax.set(xlabel=change, ylim=(0, 1.03))
        write_percent(ax.yaxis)
        sns.despine(ax=ax)
    for ax in flat[len(panels) :]:
        ax.set_axis_off()
    for ax in np.atleast_2d(axes)[:, 0]:
        ax.set_ylabel("accuracy")
    flat[0].figure.legend(handles=flat[0].lines, **LEGEND_BELOW)
    return describe(axes, f"Accuracy as images are changed more and more. {' '.join(lines)}")


def _read_table(table):
    measured = pd.read_csv(table)
    if measured.empty or not set(_COLUMNS) <= set(measured):
        expected = f"expected {', '.join(_COLUMNS)} as columns and at least 1 row"
        raise ValueError(f"{expected}; got {', '.join(measured)} and {len(measured)} rows")
    return measured


def _write_places(ax, x):
    # On a logarithmic axis; of many places only the powers of ten.
    if len(x) <= _MOST_TICKS:
        ax.set_xticks(x)
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.xaxis.set_minor_locator(NullLocator())


def _draw_tangent(ax, weight, loss, slope, reach):
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())  # a steep tangent must not shrink the curve
    ends = np.array([-reach, reach])
    ax.plot(weight + ends, loss + slope * ends, "--", color=COLOURS[2])
    # Below the tangent, on the side where it rises, as a convex loss leaves room there.
    side = "left" if slope > 0 else "right"
    place = {"xytext": (12 if slope > 0 else -12, -10), "textcoords": "offset points"}
    ax.annotate(f"slope = {write_number(slope)}", (weight, loss), **place, ha=side, va="top")


def _describe_descent(path, losses, slope):
    steps = [
        f"weight {write_number(weight)}, loss {write_number(loss)}"
        for weight, loss in zip(path, losses, strict=True)
    ]
    if len(steps) > 10:
        steps[9:-1] = ["and so on"]
    text = (
        f"Loss as a function of one weight, with {count_things(len(path) - 1, 'step')} of descent"
    )
    if slope is not None:
        text += f"; the slope at the initial weight is {write_number(slope)}"
    return f"{text}. {'; '.join(steps)}."
