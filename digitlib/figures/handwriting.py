"""The reading of handwriting: the boxes of a picture, and the steps from a picture to an image."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from digitlib.figures.style import COLOURS, describe, new_axes
from digitlib.figures.wording import count_things

_LABEL: dict[str, Any] = {
    "ha": "center",
    "va": "bottom",
    "size": 9,
    "weight": "bold",
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
}


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
    for digit in reading.digits:
        top, left, bottom, right = digit.box
        colour, line = (COLOURS[0], "-") if digit.text.isdigit() else (COLOURS[3], "--")
        frame = {"fill": False, "edgecolor": colour, "linestyle": line, "linewidth": 2}
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, **frame))
        text = f"{digit.text}\n{digit.probabilities.max():.0%}"
        place = (left + right) / 2, top
        ax.annotate(text, place, (0, 3), textcoords="offset points", color=colour, **_LABEL)
    title = "Read: " + " / ".join(reading.text.split("\n"))
    ax.set_title(title)
    ax.set_axis_off()
    return describe(ax, _describe_reading(reading, title))


def plot_steps(steps: Sequence[NDArray], *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Shows how a picture becomes an image like those of MNIST, from left to right.

    Args:
        steps: the five images that `explain_steps` returned.
        axes: five Axes; None makes a figure.

    Returns:
        The five Axes.
    """
    axes = new_axes((10, 2.3), 1, 5, gridspec_kw={"wspace": 0.2}) if axes is None else axes
    titles = "picture", "ink", "cut out", "scaled to 20 x 20", "centred in 28 x 28"
    for ax, step, title in zip(axes, steps, titles, strict=True):
        ax.imshow(step, cmap="gray" if title == "picture" else "gray_r", vmin=0)
        ax.set_title(title, fontsize=10)
        ax.set(xticks=[], yticks=[])  # the frame stays: white paper ends somewhere
    for left, right in pairwise(axes):
        places = {"xycoords": right.transAxes, "textcoords": left.transAxes}
        arrow = {"arrowstyle": "-|>", "color": "0.35"}
        left.annotate("", (0, 0.5), (1, 0.5), **places, arrowprops=arrow).set_in_layout(False)
    return describe(axes, _describe_steps(steps, titles))


def _describe_reading(reading, title):
    boxes = [
        f"{digit.text} with {digit.probabilities.max():.0%}"
        + ", uncertain" * (not digit.text.isdigit())
        for digit in reading.digits
    ]
    frames = count_things(len(boxes), "frame")
    return f"A picture with {frames} around its digits. {title}. {'; '.join(boxes)}."


def _describe_steps(steps, titles):
    text = "From a picture to an image like those of MNIST, from left to right: "
    sizes = [
        f"{title}, {len(s)} by {s.shape[1]} pixels" for title, s in zip(titles, steps, strict=True)
    ]
    rows, columns = np.nonzero(steps[-1])
    ink = "without ink"
    if len(rows):
        ends = f"{rows.min()} to {rows.max()} and columns {columns.min()} to {columns.max()}"
        ink = f"with ink in rows {ends}"
    return f"{text}{'; '.join(sizes)}, {ink}."
