"""Galleries of maps: filters, feature maps, and the heat of a network's attention."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from digitlib.figures.gallery import lay_out_images
from digitlib.figures.style import describe, outline_in_white, verify_lengths
from digitlib.figures.wording import count_things, write_number


def plot_maps(
    maps: Sequence[NDArray],
    captions: Sequence[str],
    *,
    columns: int = 8,
    signed: bool = False,
    own_scales: bool = False,
    row_labels: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Shows small maps, such as filters or feature maps, each above its caption.

    The largest absolute value is black; values below 0 are white unless `signed`.

    Args:
        maps: at least one array of numbers (rows, columns).
        captions: a text for each map.
        columns: maps in a row.
        signed: True if values can be negative: zero is then mid grey. Otherwise zero is white.
        own_scales: True if each map has a scale of its own. Otherwise all share one, with a bar.
        row_labels: a text for each row of maps, to its left.
        title: the figure's title, if any.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    verify_lengths({"maps": maps, "captions": captions})
    rows = [range(len(maps))[n : n + columns] for n in range(0, len(maps), columns)]
    verify_lengths({"rows": rows, "row labels": rows if row_labels is None else row_labels})
    zero = "mid grey is 0" if signed else "white is 0"
    note = f"each with its own scale: {zero}, black the largest" if own_scales else ""
    margin = 0.2 if own_scales else 1.1
    ax, boxes = lay_out_images(captions, columns, 0.8, title, ax, margin, row_labels or (), note)
    tops = [float(np.abs(values).max()) or 1 for values in maps]
    if not own_scales:
        tops = [max(float(np.abs(values).max()) for values in maps) or 1] * len(maps)
    for values, box, top in zip(maps, boxes, tops, strict=True):
        ax.imshow(values, cmap="gray_r", vmin=-top if signed else 0, vmax=top, extent=box)
    _draw_frames(ax, boxes)
    if not own_scales:
        _add_bar(ax)
    return describe(ax, _describe_maps(maps, captions, rows, row_labels, own_scales, title))


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
    note = "each with its own scale: light means no support, black the strongest"
    ax, boxes = lay_out_images(captions, columns, 1.6, title, ax, margin=0.2, note=note)
    for image, heat, box in zip(images, heats, boxes, strict=True):
        ax.imshow(heat, cmap="rocket_r", vmin=0, vmax=max(0, np.max(heat)) or 1, extent=box)
        if image.min() <= 127 < image.max():  # otherwise there is no outline
            line: dict[str, Any] = {"levels": [127], "colors": ["0.1"], "linewidths": 1}
            outline = ax.contour(image, **line, extent=box, origin="upper")
            outline.set_path_effects(outline_in_white(2.6))
    _draw_frames(ax, boxes)
    return describe(ax, _describe_focus(heats, captions, title))


def _draw_frames(ax, boxes):
    for left, _, bottom, _ in boxes:
        ax.add_patch(Rectangle((left, bottom), 1, 1, fill=False, edgecolor="0.5", linewidth=0.6))


def _add_bar(ax):
    bar = ax.figure.colorbar(ax.images[0], ax=ax, fraction=0.03, pad=0.01, shrink=0.8)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.6)


def _describe_maps(maps, captions, rows, row_labels, own_scales, title):
    scale = "each with its own scale" if own_scales else "on one scale"
    ranges = [f"{write_number(np.min(m))} to {write_number(np.max(m))}" for m in maps]
    text = f"{title}: " * bool(title) + f"{count_things(len(maps), 'greyscale map')}, {scale}"
    text += ", with their lowest and highest values."
    for label, row in zip(row_labels or [""] * len(rows), rows, strict=True):
        parts = [": ".join(filter(None, (captions[n], ranges[n]))) for n in row]
        text += f" {label}: " * bool(label) + " " * (not label) + "; ".join(parts) + "."
    return text.replace("\n", ", ")


def _describe_focus(heats, captions, title):
    text = f"{title}: " * bool(title) + f"{count_things(len(captions), 'heat map')}, each with its "
    text += "own scale, over the outline of its digit."
    for heat, caption in zip(heats, captions, strict=True):
        row, column = np.unravel_index(np.argmax(heat), np.shape(heat))
        where = f"strongest at row {row}, column {column}" if np.max(heat) > 0 else "nowhere for it"
        text += f" {caption}: {where}."
    return text.replace("\n", ", ")
