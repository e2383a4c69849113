"""Convolution in numbers: the pixels of an image, and one step of a kernel over it."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from digitlib.explain import convolve2d
from digitlib.figures.style import COLOURS, TIMES, new_axes, outline_in_white

_MOST_NUMBERS = 8  # rows or columns; numbers in smaller cells would be too small to read


def plot_pixels(image: NDArray[np.uint8], *, ax: Axes | None = None) -> Axes:
    """Writes the value of each pixel into its cell.

    Args:
        image: uint8 (28, 28), 0 background to 255 ink.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or new_axes((11, 11))
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    _write_in_cells(ax, image.astype(str), image / 255, fontsize=7)
    plt.setp([text for text in ax.texts if text.get_text() == "0"], color="0.75")
    ax.set(title="Each pixel is a number", xlabel="column", ylabel="row")
    ax.set(xticks=range(image.shape[1]), yticks=range(image.shape[0]))
    ax.tick_params(labelsize=8, length=2)
    return ax


def plot_convolution(
    image: ArrayLike,
    kernel: ArrayLike,
    row: int,
    column: int,
    *,
    stride: int = 1,
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draws one step of a convolution: window, products and sum, and the output so far.

    Args:
        image: numbers (rows, columns).
        kernel: numbers (k, l), no larger than the image.
        row: the row of the output that this step computes.
        column: the column of the output that this step computes.
        stride: pixels from one window to the next.
        axes: three Axes, for image, products and output; None makes a figure.

    Returns:
        The three Axes.
    """
    output = convolve2d(image, kernel, stride=stride)
    rows, columns = output.shape
    if not (0 <= row < rows and 0 <= column < columns):
        shape = f"rows 0 to {rows - 1} and columns 0 to {columns - 1}"
        raise ValueError(f"the output has {shape}; got row {row} and column {column}")
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    if axes is None:
        axes = new_axes((10, 3.8), 1, 3, gridspec_kw={"wspace": 0.1})
    limits = image.min(initial=0), image.max(initial=0) or 1
    _draw_cells(axes[0], image, _format_numbers(image), limits, "image")
    top, left = row * stride, column * stride
    _outline(axes[0], top, left, kernel.shape)
    window = image[top : top + kernel.shape[0], left : left + kernel.shape[1]]
    _draw_products(axes[1], window, kernel, limits)
    numbers = _format_numbers(output)
    axes[1].set_xlabel(f"sum = {numbers[row, column]}", fontsize=12, fontweight="bold")
    _draw_output(axes[2], output, numbers, row, column)
    return axes


def _write_in_cells(ax, texts, shades, **style):
    # A shade is 0 for white, 1 for black.
    for (row, column), text in np.ndenumerate(texts):
        colour = "white" if shades[row, column] > 0.55 else "black"
        ax.text(column, row, text, ha="center", va="center", color=colour, **style)


def _format_numbers(values):
    # Two significant digits, but all digits before the point; no -0, no rounding errors.
    values = np.round(values, 6) + 0.0
    texts = [f"{v:.0f}" if abs(v) >= 9.95 else f"{v:.2g}" for v in values.flat]
    return np.reshape([text.replace("-", "\N{MINUS SIGN}") for text in texts], values.shape)


def _fit_font(ax, columns, texts):
    # A character is at most 0.7 of the font size wide; the rest is a margin.
    points = min(ax.bbox.size) * 72 / ax.figure.dpi
    letters = max(len(line) for text in texts.flat for line in text.split("\n"))
    return min(11, points / columns / (0.68 * letters + 0.5))


def _draw_cells(ax, values, texts, limits, title):
    ax.imshow(values, cmap="gray_r", vmin=limits[0], vmax=limits[1])
    rows, columns = values.shape
    if max(rows, columns) <= _MOST_NUMBERS:
        shades = (values - limits[0]) / (limits[1] - limits[0])
        _write_in_cells(ax, texts, shades, fontsize=_fit_font(ax, columns, texts))
        lines = {"colors": "0.7", "linewidths": 0.5, "zorder": 1}
        ax.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, **lines)
        ax.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, **lines)
    ax.set(title=title, xlabel="column", ylabel="row")
    ax.set_xticks(range(0, columns, 1 if columns <= 10 else 5))
    ax.set_yticks(range(0, rows, 1 if rows <= 10 else 5))


def _draw_products(ax, window, kernel, limits):
    pairs = zip(_format_numbers(window).flat, _format_numbers(kernel).flat, strict=True)
    texts = np.reshape([f"{pixel} {TIMES} {weight}" for pixel, weight in pairs], kernel.shape)
    if _fit_font(ax, kernel.shape[1], texts) < 8:
        texts = np.char.replace(texts, f" {TIMES}", f"\n{TIMES}")
    _draw_cells(ax, window, texts, limits, f"window {TIMES} kernel")
    ax.set(xticks=[], yticks=[], ylabel="")
    _outline(ax, 0, 0, kernel.shape)


def _draw_output(ax, output, numbers, row, column):
    later = np.arange(output.size).reshape(output.shape) > row * output.shape[1] + column
    largest = np.abs(output).max() or 1
    so_far = np.ma.masked_array(output, later)
    _draw_cells(ax, so_far, np.where(later, "", numbers), (-largest, largest), "output")
    ax.patch.set(hatch="////", edgecolor="0.85", linewidth=0)  # still to come
    ax.set_xlabel("column\ndark: positive, light: negative")
    _outline(ax, row, column, (1, 1))


def _outline(ax, row, column, shape):
    style = {"edgecolor": COLOURS[3], "linewidth": 2, "path_effects": outline_in_white(4)}
    style |= {"fill": False, "clip_on": False, "zorder": 3}
    ax.add_patch(Rectangle((column - 0.5, row - 0.5), shape[1], shape[0], **style))
