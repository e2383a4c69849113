"""Convolution in numbers: the pixels of an image, and one step of a kernel over it."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from digitlib.explain import convolve2d
from digitlib.figures.style import COLOURS, TIMES, describe, new_axes, outline_in_white

_BOLD: dict[str, Any] = {"fontsize": 12, "fontweight": "bold"}
_MOST_NUMBERS = 8  # rows or columns; numbers in smaller cells would be too small to read


def plot_pixels(image: NDArray[np.uint8], *, ax: Axes | None = None) -> Axes:
    """Writes the value of each pixel into its cell.

    Args:
        image: uint8 (28, 28), 0 background to 255 ink.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or new_axes((7.6, 7.6))
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    _write_in_cells(ax, image.astype(str), image / 255, fontsize=7)
    plt.setp([text for text in ax.texts if text.get_text() == "0"], color="0.75")
    ax.set(title="Each pixel is a number", xlabel="column", ylabel="row")
    ax.set(xticks=range(image.shape[1]), yticks=range(image.shape[0]))
    ax.tick_params(labelsize=8, length=2)
    return describe(ax, _describe_pixels(image))


def plot_convolution(
    image: ArrayLike,
    kernel: ArrayLike,
    row: int,
    column: int,
    *,
    stride: int = 1,
    bias: float = 0,
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Draws one step of a convolution: window, products and sum, and the output so far.

    Several channels have a row of window and products each; all products add up to one sum.

    Args:
        image: numbers (rows, columns) or (rows, columns, channels).
        kernel: numbers (k, l) or (k, l, channels), no larger than the image.
        row: the row of the output that this step computes.
        column: the column of the output that this step computes.
        stride: pixels from one window to the next.
        bias: what is added to the sum.
        axes: Axes for image and products of each channel, and one for the output; None makes a
            figure.

    Returns:
        The Axes: three, or for several channels 2 * channels + 1.
    """
    images, kernels = _split_channels(image, kernel)
    sums = [convolve2d(*pair, stride=stride) for pair in zip(images, kernels, strict=True)]
    output = np.sum(sums, axis=0) + bias
    rows, columns = output.shape
    if not (0 <= row < rows and 0 <= column < columns):
        shape = f"rows 0 to {rows - 1} and columns 0 to {columns - 1}"
        raise ValueError(f"the output has {shape}; got row {row} and column {column}")
    axes = _make_axes(len(images)) if axes is None else axes
    limits = np.min(images, initial=0), np.max(images, initial=0) or 1
    corner = row * stride, column * stride
    texts = [
        _draw_window(axes[2 * n : 2 * n + 2], *pair, corner, limits, n if len(sums) > 1 else None)
        for n, pair in enumerate(zip(images, kernels, strict=True))
    ]
    texts.append(_draw_output(axes[-1], output, row, column))
    texts.append(_write_sum(axes, [values[row, column] for values in sums], bias))
    text = f"One step of a convolution, for row {row}, column {column} of the output."
    return describe(axes, " ".join([text, *texts]))


def _describe_pixels(image):
    size = f"{len(image)} by {image.shape[1]} pixels"
    text = f"The pixel values of an image of {size}, each in its own cell."
    rows, columns = np.nonzero(image)
    if not len(rows):
        return f"{text} All are 0."
    place = f"in rows {rows.min()} to {rows.max()} and columns {columns.min()} to {columns.max()}"
    return f"{text} {len(rows)} are above 0, {place}; the largest is {image.max()}."


def _split_channels(image, kernel):
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    if image.ndim == kernel.ndim == 3:
        if not image.shape[2] == kernel.shape[2] > 0:
            found = f"{image.shape[2]} and {kernel.shape[2]}"
            raise ValueError(f"image and kernel need the same channels, at least 1; got {found}")
        return np.moveaxis(image, 2, 0), np.moveaxis(kernel, 2, 0)
    return [image], [kernel]


def _make_axes(channels):
    if channels == 1:
        return new_axes((10, 3.8), 1, 3, gridspec_kw={"wspace": 0.1})
    grid = new_axes((10, 3.3 * channels + 0.3), channels, 3, gridspec_kw={"wspace": 0.1})
    place = grid[0, 2].get_gridspec()[:, 2]
    for ax in grid[:, 2]:
        ax.remove()
    return [*grid[:, :2].flat, grid[0, 0].figure.add_subplot(place)]


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


def _draw_window(axes, image, kernel, corner, limits, channel):
    # Draws image and products; returns what they are, in words.
    name = "" if channel is None else f", channel {channel}"
    _draw_cells(axes[0], image, _format_numbers(image), limits, f"image{name}")
    _outline(axes[0], *corner, kernel.shape)
    (top, left), (height, width) = corner, kernel.shape
    window = image[top : top + height, left : left + width]
    pairs = zip(_format_numbers(window).flat, _format_numbers(kernel).flat, strict=True)
    texts = np.reshape([f"{pixel} {TIMES} {weight}" for pixel, weight in pairs], kernel.shape)
    _draw_products(axes[1], window, texts, limits, name)
    axes[1].set_xlabel(f"sum = {_format_numbers((window * kernel).sum())}", **_BOLD)
    text = f"Window at rows {top} to {top + height - 1}, columns {left} to {left + width - 1}"
    text += f" of an image of {len(image)} by {image.shape[1]}{name}"
    return f"{text}; pixels {TIMES} weights, row by row: {_list_cells(texts)}."


def _draw_products(ax, window, texts, limits, name):
    if _fit_font(ax, texts.shape[1], texts) < 8:
        texts = np.char.replace(texts, f" {TIMES}", f"\n{TIMES}")
    _draw_cells(ax, window, texts, limits, f"window {TIMES} kernel{name}")
    ax.set(xticks=[], yticks=[], ylabel="")
    _outline(ax, 0, 0, texts.shape)


def _draw_output(ax, output, row, column):
    # Draws the output so far; returns it in words if it is small.
    numbers = _format_numbers(output)
    later = np.arange(output.size).reshape(output.shape) > row * output.shape[1] + column
    largest = np.abs(output).max() or 1
    so_far = np.ma.masked_array(output, later)
    _draw_cells(ax, so_far, np.where(later, "", numbers), (-largest, largest), "output")
    ax.patch.set(hatch="////", edgecolor="0.85", linewidth=0)  # still to come
    ax.set_xlabel("column\ndark: positive, light: negative")
    _outline(ax, row, column, (1, 1))
    text = f"The {output.shape[0]} by {output.shape[1]} output"
    if max(output.shape) > _MOST_NUMBERS:
        return f"{text}."
    done = np.where(later, "", numbers)[: row + 1]
    return f"{text} so far, row by row: {_list_cells(done)}."


def _write_sum(axes, sums, bias):
    # Writes how sum and bias make one number of the output; returns it in words.
    parts = _format_numbers(np.array([*sums, bias] if bias else sums))
    total = _format_numbers(np.sum(sums) + bias)
    if len(parts) == 1:
        return f"The sum = {total}."
    written = f"{' + '.join(parts)} = {total}".replace("+ \N{MINUS SIGN}", "\N{MINUS SIGN} ")
    if len(sums) == 1:
        axes[1].set_xlabel(f"sum + bias = {written}", **_BOLD)
        return f"The sum + bias = {written}."
    rule = f"sum of all products of {'both' if len(sums) == 2 else 'all'} channels"
    rule += " + bias" * bool(bias)
    axes[-1].set_title(f"output\n{rule}")
    place = {"xycoords": axes[-1].xaxis.label, "ha": "center", "va": "top"}
    axes[-1].annotate(written, (0.5, -0.3), **place, **_BOLD)
    return f"The {rule} = {written}."


def _list_cells(texts):
    return "; ".join(", ".join(filter(None, row)) for row in texts)


def _outline(ax, row, column, shape):
    style = {"edgecolor": COLOURS[3], "linewidth": 2, "path_effects": outline_in_white(4)}
    style |= {"fill": False, "clip_on": False, "zorder": 3}
    ax.add_patch(Rectangle((column - 0.5, row - 0.5), shape[1], shape[0], **style))
