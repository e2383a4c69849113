"""Galleries: many small images, each above its caption."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from digitlib.evaluation import Mistakes
from digitlib.figures.style import new_axes, outline_in_white, verify_lengths


def plot_samples(
    images: NDArray, labels: Sequence, *, columns: int = 12, ax: Axes | None = None
) -> Axes:
    """Shows images side by side, each above its label.

    Args:
        images: numbers (n, 28, 28), 0 background to 255 ink; at least one image.
        labels: n integers or other values that are written as text.
        columns: images in a row.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    verify_lengths({"images": images, "labels": labels})
    captions = [str(label) for label in labels]
    return _draw_images(images, captions, columns, 0.65, "Images with their labels", ax)


def plot_mistakes(
    images: NDArray[np.uint8],
    mistakes: Mistakes,
    *,
    count: int = 12,
    columns: int = 6,
    doubtful: Collection[int] = (),
    ax: Axes | None = None,
) -> Axes:
    """Shows the most confident wrong predictions, each with label and predicted probabilities.

    Args:
        images: uint8 (n, 28, 28), all images of the split.
        mistakes: `Report.mistakes` of the same split.
        count: the number of images to show; fewer if there are fewer mistakes.
        columns: images in a row.
        doubtful: indices of images whose label is known to be wrong; they are starred.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    captions = [
        f"{label}{' *' * (index in doubtful)} classified as {prediction}\n"
        f"{prediction}: {confidence:.1%}, {label}: {missed:.1%}"
        for index, label, prediction, confidence, missed in zip(*mistakes, strict=True)
    ][:count]
    shown, total = mistakes.indices[:count], len(mistakes.indices)
    title = f"The {len(shown)} most confident of {total} wrong predictions"
    if len(shown) == total:
        title = f"All {total} wrong predictions" if total else "No wrong predictions"
    if np.isin(shown, list(doubtful)).any():
        title += "\n* the label is known to be wrong"
    return _draw_images(images[shown], captions, columns, 1.3, title, ax)


def plot_maps(
    maps: Sequence[NDArray],
    captions: Sequence[str],
    *,
    columns: int = 8,
    signed: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Shows small maps, such as filters or feature maps, each above its caption.

    Each map has its own scale: its largest absolute value is black.

    Args:
        maps: at least one array of numbers (rows, columns).
        captions: a text for each map.
        columns: maps in a row.
        signed: True if values can be negative: zero is then mid grey. Otherwise zero is white.
        title: the figure's title, if any.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    verify_lengths({"maps": maps, "captions": captions})
    ax, boxes = _lay_out(captions, columns, 0.8, title, ax, margin=1.1)
    for values, box in zip(maps, boxes, strict=True):
        top = float(np.abs(values).max()) or 1
        ax.imshow(values, cmap="gray_r", vmin=-top if signed else 0, vmax=top, extent=box)
    _add_key(ax, boxes, "gray_r", ["negative", "0", "positive"] if signed else ["0", "largest"])
    return ax


def plot_focus(
    images: NDArray[np.uint8],
    heats: Sequence[NDArray],
    captions: Sequence[str],
    *,
    columns: int = 4,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Shows where a network looks: a heat map for each image, with the digit's outline on it.

    Args:
        images: uint8 (n, 28, 28), 0 background to 255 ink; at least one image.
        heats: floats (n, 28, 28), each with its own scale; values below 0 are drawn as 0.
        captions: a text for each image.
        columns: images in a row.
        title: the figure's title, if any.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    verify_lengths({"images": images, "heat maps": heats, "captions": captions})
    ax, boxes = _lay_out(captions, columns, 1.6, title, ax, margin=1.1)
    for image, heat, box in zip(images, heats, boxes, strict=True):
        ax.imshow(heat, cmap="rocket_r", vmin=0, vmax=max(0, np.max(heat)) or 1, extent=box)
        if image.min() <= 127 < image.max():  # otherwise there is no outline
            line: dict[str, Any] = {"levels": [127], "colors": ["0.1"], "linewidths": 1}
            outline = ax.contour(image, **line, extent=box, origin="upper")
            outline.set_path_effects(outline_in_white(2.6))
    _add_key(ax, boxes, "rocket_r", ["none or against", "strongest"])
    return ax


def _lay_out(captions, columns, inches, title, ax, margin=0):
    # An image is 1 x 1 in the units of the axes, and `inches` wide on the page, or as wide as its
    # caption. Returns the Axes and the place of each image: left, right, bottom, top.
    lines = [caption.split("\n") for caption in captions]
    inches = max(inches, 0.075 * max((len(line) for text in lines for line in text), default=0))
    columns = max(1, min(columns, len(captions)))
    rows = max(1, -(-len(captions) // columns))
    width, height = 1.12, 1.1 + 0.17 / inches * max(map(len, lines), default=1)
    ax = ax or new_axes((inches * width * columns + margin, inches * height * rows + 0.4))
    boxes = []
    for number, caption in enumerate(captions):
        left, top = number % columns * width, -(number // columns) * height
        boxes.append((left, left + 1, top - 1, top))
        ax.text(left + 0.5, top - 1.05, caption, ha="center", va="top", fontsize=9)
    ax.set(xlim=(-0.02, columns * width), ylim=(-rows * height, 0.02), aspect="equal", title=title)
    ax.set_axis_off()
    return ax, boxes


def _draw_images(images, captions, columns, inches, title, ax):
    ax, boxes = _lay_out(captions, columns, inches, title, ax)
    for image, box in zip(images, boxes, strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=255, extent=box)
    return ax


def _add_key(ax, boxes, cmap, labels):
    for left, _, bottom, _ in boxes:
        ax.add_patch(Rectangle((left, bottom), 1, 1, fill=False, edgecolor="0.5", linewidth=0.6))
    shades = ScalarMappable(Normalize(0, 1), cmap)
    bar = ax.figure.colorbar(shades, ax=ax, fraction=0.03, pad=0.01, shrink=0.8)
    bar.set_ticks(np.linspace(0, 1, len(labels)), labels=labels)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.6)
