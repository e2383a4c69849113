"""What all figures share: colours, markers, legends, new axes, and alternative text."""

from collections.abc import Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.patheffects import AbstractPathEffect, Normal, withStroke

T = TypeVar("T")  # an Axes, or several

COLOURS = sns.color_palette("colorblind")
_MARKERS = list("os^vPX<>*pdhH8")  # so that nobody has to rely on colour
_DASHES = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))]
# 70 combinations; `STYLES()` starts again after the last.
STYLES = cycler(color=COLOURS * 7, marker=_MARKERS * 5, linestyle=_DASHES * 14)
TIMES = "\N{MULTIPLICATION SIGN}"
MOST_MARKERS = 15  # of a curve; more would hide its line
LEGEND_BELOW: dict[str, Any] = {"loc": "outside lower center", "ncols": 2, "frameon": False}
_DESCRIPTIONS: WeakKeyDictionary[Axes, str] = WeakKeyDictionary()


def describe(axes: T, text: str) -> T:
    """Stores the alternative text of the figure that some axes belong to; returns the axes."""
    _DESCRIPTIONS[np.asarray(axes).flat[0]] = text
    return axes


def read_description(axes: Any) -> str:
    """Returns the alternative texts of the figure that some axes belong to; "" without any."""
    figure = np.asarray(axes).flat[0].figure
    return " ".join(_DESCRIPTIONS[ax] for ax in figure.axes if ax in _DESCRIPTIONS)


def new_axes(figsize: tuple[float, float], rows: int = 1, columns: int = 1, **options: Any) -> Any:
    """Makes a figure, its size in inches, and returns what `plt.subplots` returns as its axes."""
    options = {"figsize": figsize, "layout": "constrained", **options}
    try:
        return plt.subplots(rows, columns, **options)[1]
    except ImportError:  # MPLBACKEND or matplotlibrc names a backend that can't be loaded here
        plt.switch_backend("agg")
        return plt.subplots(rows, columns, **options)[1]


def place_legend(ax: Axes, **options: Any) -> None:
    """Puts the legend where it hides no curve and no point: inside if there is room, or beside."""
    legend = ax.legend(loc="best", frameon=False, **options)
    ax.figure.canvas.figure.draw_without_rendering()
    box = legend.get_window_extent().padded(2)
    lines = [ax.transData.transform_path(line.get_path()) for line in ax.lines]
    if any(len(line) and line.intersects_bbox(box, filled=False) for line in lines):
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, **options)


def outline_in_white(width: float) -> list[AbstractPathEffect]:
    """Returns path effects that make a dark line visible on dark ground, too."""
    return [withStroke(linewidth=width, foreground="white"), Normal()]


def verify_lengths(arguments: Mapping[str, Any], hint: str = "") -> None:
    """Raises ValueError unless all arguments have the same length, and not 0."""
    counts = {name: len(values) for name, values in arguments.items()}
    if 0 in counts.values() or len(set(counts.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"expected equal counts, at least 1; got {found}{hint}")


def write_percent(*axes: Axis) -> None:
    """Writes the ticks of each axis, from 0 to 1, as percentages."""
    for axis in axes:
        axis.set_major_formatter(lambda value, _: f"{100 * value:.5g}%")
