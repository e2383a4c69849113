"""The reading of handwriting: the boxes of a picture, and the steps from a picture to an image."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageOps

from digitlib.figures.style import COLOURS, describe, new_axes
from digitlib.figures.wording import count_things, join_words

_LABEL: dict[str, Any] = {
    "ha": "center",
    "va": "bottom",
    "size": 9,
    "weight": "bold",
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
}


def plot_reading(reading: Any, *, ax: Axes | None = None) -> Axes:
    """Draws a box and the predicted digit for each digit of a picture.

    The box of an uncertain digit is dashed, and the label asks what it is: "3 or 8?" if these have
    most of the probability, "no digit?" if more than three digits share it.

    Args:
        reading: the `Reading` that `read_digits` returned.
        ax: the Axes to draw on; None makes a figure, larger if the digits are crowded.

    Returns:
        The Axes.
    """
    ax = ax or new_axes(_choose_size(reading))
    ax.imshow(reading.picture, cmap="gray", vmin=0, vmax=1)
    labels = []
    for digit in reading.digits:
        top, left, bottom, right = digit.box
        colour, line = (COLOURS[0], "-") if digit.text.isdigit() else (COLOURS[3], "--")
        frame = {"fill": False, "edgecolor": colour, "linestyle": line, "linewidth": 2}
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, **frame))
        name, percent = _name_digit(digit)
        text = "\n".join([*wrap(name, 6), *percent])
        place = (left + right) / 2, top
        style = {"textcoords": "offset points", "color": colour, **_LABEL}
        labels.append((ax.annotate(text, place, (0, 3), **style), bottom))
    title = "Reading: " + " / ".join(reading.text.split("\n"))
    ax.set_axis_off()
    ax.set_title(title, pad=6 + _separate_labels(ax, labels), wrap=True)
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


def plot_stages(
    photograph: str | Path, reading: Any, *, axes: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """Shows how numbers are read: the sheet, printed lines removed, digits, and the result.

    Args:
        photograph: the path of the picture that was read.
        reading: the `Reading` of it that `read_digits` returned.
        axes: four Axes; None makes a figure.

    Returns:
        The four Axes.
    """
    colours = np.asarray(ImageOps.exif_transpose(Image.open(photograph)).convert("RGB"))
    height = 9.6 * max(side.shape[0] / side.shape[1] for side in (colours, reading.picture))
    if axes is None:
        axes = new_axes((12, np.clip(height, 4, 14)), 2, 2).ravel()
    axes[0].imshow(colours)
    corners = reading.corners * colours.shape[1::-1]
    axes[0].add_patch(Polygon(corners, fill=False, edgecolor=COLOURS[1], linewidth=2))
    axes[1].imshow(reading.picture, cmap="gray", vmin=0, vmax=1)
    axes[2].imshow(_tile_numbers(reading.numbers), cmap="gray_r", vmin=0, vmax=255)
    plot_reading(reading, ax=axes[3])
    titles = "1. the sheet", "2. printed lines removed", "3. what the network sees", "4. the result"
    for ax, title in zip(axes, titles, strict=True):
        ax.title.set_text(title)
        ax.set(xticks=[], yticks=[])
    numbers = count_things(len(reading.numbers), "number")
    lines = " / ".join(reading.text.split("\n"))
    text = f"A photograph with {numbers}, in four stages: {'; '.join(titles)}. Reading: {lines}."
    return describe(axes, text)


def _tile_numbers(numbers):
    """The images of each number side by side, one number below the other, uint8 (h, w)."""
    columns = max((len(number.digits) for number in numbers), default=1)
    rows = [np.hstack([digit.image for digit in number.digits]) for number in numbers]
    return np.vstack([np.pad(row, ((2, 2), (0, 28 * columns - row.shape[1]))) for row in rows])


def _choose_size(reading):
    """Returns a size in inches at which most digits are at least twice as high as a label."""
    height, width = reading.picture.shape
    digit = np.median([digit.box[2] - digit.box[0] for digit in reading.digits] or [height])
    inch = max(height, width) / np.clip(0.75 * max(height, width) / digit, 9, 18)
    return max(3, width / inch), 0.6 + height / inch


def _separate_labels(ax, labels):
    """Puts a label below its box if it would cover another; returns points above the picture."""
    ax.figure.canvas.figure.draw_without_rendering()
    placed = [ax.bbox.frozen()]
    for label, bottom in labels:
        space = label.get_window_extent().padded(3)
        if any(space.overlaps(other) for other in placed[1:]):
            label.xy = label.xy[0], bottom
            label.set(position=(0, -3), va="top")
        placed.append(label.get_window_extent())
    return (max(place.y1 for place in placed) - placed[0].y1) * 72 / ax.figure.dpi


def _name_digit(digit):
    """Returns the digit, or a question if it is uncertain, and the probability of one digit."""
    order = np.argsort(-digit.probabilities, kind="stable")
    likely = order[digit.probabilities[order] >= digit.probabilities.max() / 4]
    percent = [f"{digit.probabilities.max():.0%}"]
    if digit.text.isdigit():
        return digit.text, percent
    if len(likely) > 3:  # The network learned equal probabilities for negative examples.
        return "no digit?", []
    name = join_words([str(number) for number in likely], last="or")
    return f"{name}?", percent * (len(likely) == 1)


def _describe_reading(reading, title):
    names = []
    for digit in reading.digits:
        name, percent = _name_digit(digit)
        names.append("uncertain: " * (digit.text == "?") + " with ".join([name, *percent]))
    frames = count_things(len(names), "frame")
    return f"A picture with {frames} around its digits. {title}. {'; '.join(names)}."


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
