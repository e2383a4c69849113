"""What all figures share: colours, markers, and new axes where none are given."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from cycler import cycler
from matplotlib.axis import Axis
from matplotlib.patheffects import AbstractPathEffect, Normal, withStroke

COLOURS = sns.color_palette("colorblind")
_MARKERS = list("os^vPX<>*pdhH8")  # so that nobody has to rely on colour
_DASHES = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))]
# 70 combinations; `STYLES()` starts again after the last.
STYLES = cycler(color=COLOURS * 7, marker=_MARKERS * 5, linestyle=_DASHES * 14)
TIMES = "\N{MULTIPLICATION SIGN}"


def new_axes(figsize: tuple[float, float], rows: int = 1, columns: int = 1, **options: Any) -> Any:
    """Makes a figure, its size in inches, and returns what `plt.subplots` returns as its axes."""
    options = {"figsize": figsize, "layout": "constrained", **options}
    try:
        return plt.subplots(rows, columns, **options)[1]
    except ImportError:  # MPLBACKEND or matplotlibrc names a backend that can't be loaded here
        plt.switch_backend("agg")
        return plt.subplots(rows, columns, **options)[1]


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
