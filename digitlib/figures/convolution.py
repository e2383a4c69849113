"""Draw what explains: pixels, convolution, feature maps, heat maps, networks.

As in `plots`, each function draws on axes that it is given, or on new ones, and returns them.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, withStroke
from numpy.lib.stride_tricks import sliding_window_view

_COLOURS = sns.color_palette("colorblind")
_TIMES = "\N{MULTIPLICATION SIGN}"
_MOST_NUMBERS = 8  # rows or columns; numbers in smaller cells would be too small to read
_SHIFT = 0.04  # inches from one sheet to the next
_ARROW = {"arrowstyle": "-|>", "color": "0.35", "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
_FACES = {"Image": "white", "Conv2D": "#bcd9ee", "Dense": "#f2c999"}


def plot_pixels(image, *, ax=None):
    """Writes each pixel's number into its cell.

    Args:
        image: uint8 (28, 28), 0 background, 255 ink.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots(figsize=(11, 11), layout="constrained")[1]
    ax.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    _write_in_cells(ax, image.astype(str), image / 255, fontsize=7)
    for text in ax.texts:
        if text.get_text() == "0":
            text.set_color("0.75")
    rows, columns = image.shape
    ax.set(title="Each pixel is a number", xlabel="column", ylabel="row")
    ax.set(xticks=range(columns), yticks=range(rows))
    ax.tick_params(labelsize=8, length=2)
    return ax


def plot_convolution(image, kernel, row, column, *, stride=1, axes=None):
    """Draws one step of a convolution: the window, its products and their sum, the output so far.

    Args:
        image: numbers (rows, columns), such as uint8 (28, 28).
        kernel: numbers (k, l), no larger than the image.
        row: row of the output that this step computes.
        column: column of the output that this step computes.
        stride: how far the window moves from one output to the next.
        axes: three Axes, for image, products and output; None makes a figure.

    Returns:
        The three Axes.

    Raises:
        ValueError: the kernel does not fit into the image, or the output has no such place.
    """
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    windows, output = _convolve(image, kernel, row, column, stride)
    if axes is None:
        gaps = {"wspace": 0.1}
        axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained", gridspec_kw=gaps)[1]
    limits = image.min(initial=0), image.max(initial=0) or 1
    _draw_cells(axes[0], image, _format_numbers(image), limits, "image")
    _outline(axes[0], row * stride, column * stride, kernel.shape)
    _draw_products(axes[1], windows[row, column], kernel, limits)
    numbers = _format_numbers(output)
    axes[1].set_xlabel(f"sum = {numbers[row, column]}", fontsize=12, fontweight="bold")
    _draw_output(axes[2], output, numbers, row, column)
    return axes


def plot_maps(maps, captions, *, columns=8, signed=False, title=None, ax=None):
    """Shows small maps such as filters or feature maps, each over its caption and in its own scale.

    Args:
        maps: float arrays (rows, columns).
        captions: a text for each.
        columns: maps a row.
        signed: whether values may be negative: zero is then mid grey, and positive values are
            darker. Otherwise zero is white. The largest value is black.
        title: the figure's title; None: none.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax, boxes = _lay_out_gallery(captions, columns, 0.8, title, ax)
    for values, box in zip(maps, boxes, strict=True):
        largest = float(np.abs(values).max()) or 1
        limits = {"vmin": -largest if signed else 0, "vmax": largest}
        ax.imshow(values, cmap="gray_r", extent=box, **limits)
    _add_key(ax, "gray_r", ["negative", "0", "positive"] if signed else ["0", "largest"])
    return ax


def plot_focus(images, heats, captions, *, columns=4, title=None, ax=None):
    """Shows where a network looks: a heat map for each digit, with the digit's outline on it.

    Args:
        images: uint8 (n, 28, 28), 0 background, 255 ink.
        heats: floats (n, 28, 28), 0 where a pixel has no influence; each has its own scale.
            Negative ones, which speak against the answer, are drawn as 0.
        captions: a text for each.
        columns: digits a row.
        title: the figure's title; None: none.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax, boxes = _lay_out_gallery(captions, columns, 1.6, title, ax)
    # A dark line with white casing shows on light and on dark.
    casing = [withStroke(linewidth=2.6, foreground="white"), Normal()]
    for image, heat, box in zip(images, heats, boxes, strict=True):
        ax.imshow(heat, cmap="rocket_r", vmin=0, vmax=heat.max() or 1, extent=box)
        if image.min() <= 127 < image.max():  # otherwise there is no outline
            outline = ax.contour(
                image, levels=[127], colors=["0.1"], linewidths=1, extent=box, origin="upper"
            )
            outline.set_path_effects(casing)
    _add_key(ax, "rocket_r", ["none or against", "strongest"])
    return ax


_SHORTER = {"Normalization": "Norm", "Average": "Avg"}  # so that a network fits on a page


def plot_network(model, *, ax=None):
    """Draws a network from left to right: sheets are maps, bars are vectors.

    Sheets are as high as their maps have rows, and their number grows with that of the channels;
    the height of a bar grows with the logarithm of its length. What keeps the shape, such as
    dropout, is noted below the layer that it follows.

    Args:
        model: a Keras model whose layers form one chain.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    steps = _read_layers(model)
    scale = 1.3 / max(steps[0][1][:2])  # inches a pixel
    widths = [_measure_step(step, scale) for step in steps]
    ends = np.cumsum(widths)
    bottom = -1.6 - 0.15 * max(len(notes) for _, _, notes in steps)
    if ax is None:
        ax = plt.subplots(figsize=(max(5, ends[-1]), 1.55 - bottom), layout="constrained")[1]
    right = None
    for (name, shape, notes), width, end in zip(steps, widths, ends, strict=True):
        centre = end - width / 2
        left, next_right = _draw_step(ax, name, shape, centre, scale)
        if right is not None:
            ax.annotate("", (left - 0.05, 0), (right + 0.05, 0), arrowprops=_ARROW)
        right = next_right
        for line, text in enumerate([name, _write_shape(shape), *notes]):
            weight = "normal" if line else "bold"
            ax.text(centre, -1.32 - 0.15 * line, text, ha="center", fontsize=8, fontweight=weight)
    ax.set(xlim=(0, ends[-1]), ylim=(bottom, 1.2), aspect="equal")
    ax.set_title("The network, from image to probabilities")
    ax.set_axis_off()
    return ax


def _write_in_cells(ax, texts, shades, **style):
    # A shade is 0 for white paper, 1 for black.
    for (row, column), text in np.ndenumerate(texts):
        colour = "white" if shades[row, column] > 0.55 else "black"
        ax.text(column, row, text, ha="center", va="center", color=colour, **style)


def _convolve(image, kernel, row, column, stride):
    if image.ndim != 2 or kernel.ndim != 2:
        raise ValueError(
            f"image and kernel must have two axes, rows and columns; got {image.ndim} and "
            f"{kernel.ndim}"
        )
    if any(np.greater(kernel.shape, image.shape)):
        raise ValueError(
            f"the kernel must not be larger than the image; got {kernel.shape} for {image.shape}"
        )
    if stride < 1:
        raise ValueError(f"stride must be 1 or more; got {stride}")
    windows = sliding_window_view(image, kernel.shape)[::stride, ::stride]
    rows, columns = windows.shape[:2]
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"row must be 0 to {rows - 1} and column 0 to {columns - 1}, the places of the output; "
            f"got {row} and {column}"
        )
    return windows, (windows * kernel).sum(axis=(2, 3))


def _format_numbers(values):
    # Two significant digits, but all of those before the point; no -0 and no remains of rounding.
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
    if max(values.shape) <= _MOST_NUMBERS:
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
    texts = np.reshape([f"{pixel} {_TIMES} {weight}" for pixel, weight in pairs], kernel.shape)
    if _fit_font(ax, kernel.shape[1], texts) < 8:
        texts = np.char.replace(texts, f" {_TIMES}", f"\n{_TIMES}")
    _draw_cells(ax, window, texts, limits, f"window {_TIMES} kernel")
    ax.set(xticks=[], yticks=[], ylabel="")
    _outline(ax, 0, 0, kernel.shape)


def _draw_output(ax, output, numbers, row, column):
    later = np.arange(output.size).reshape(output.shape) > row * output.shape[1] + column
    largest = np.abs(output).max() or 1
    so_far = np.ma.masked_array(output, later)
    _draw_cells(ax, so_far, np.where(later, "", numbers), (-largest, largest), "output")
    ax.patch.set(hatch="////", edgecolor="0.85", linewidth=0)  # what is still to come
    ax.set_xlabel("column\ndark: positive, light: negative")
    _outline(ax, row, column, (1, 1))


def _outline(ax, row, column, shape):
    place = {"xy": (column - 0.5, row - 0.5), "height": shape[0], "width": shape[1]}
    casing = [withStroke(linewidth=4, foreground="white"), Normal()]
    frame = Rectangle(**place, fill=False, edgecolor=_COLOURS[3], linewidth=2, clip_on=False)
    frame.set(path_effects=casing, zorder=3)
    ax.add_patch(frame)


def _lay_out_gallery(captions, columns, inches, title, ax):
    # One map is 1 x 1 in the units of the axes, and `inches` wide on paper, or as its caption.
    longest = max((len(line) for text in captions for line in text.split("\n")), default=0)
    inches = max(inches, 0.075 * longest)
    columns = max(1, min(columns, len(captions)))
    rows = max(1, -(-len(captions) // columns))
    lines = 1 + max((caption.count("\n") for caption in captions), default=0)
    width, height = 1.12, 1.1 + 0.17 / inches * lines
    if ax is None:
        size = inches * width * columns + 1.1, inches * height * rows + 0.4
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    boxes = []
    for number, caption in enumerate(captions):
        left, top = number % columns * width, -(number // columns) * height
        boxes.append((left, left + 1, top - 1, top))
        ax.add_patch(Rectangle((left, top - 1), 1, 1, fill=False, edgecolor="0.5", linewidth=0.6))
        ax.text(left + 0.5, top - 1.05, caption, ha="center", va="top", fontsize=9)
    ax.set(xlim=(-0.02, columns * width), ylim=(-rows * height, 0.02), aspect="equal", title=title)
    ax.set_axis_off()
    return ax, boxes


def _add_key(ax, cmap, labels):
    shades = ScalarMappable(Normalize(0, 1), cmap)
    bar = ax.figure.colorbar(shades, ax=ax, fraction=0.03, pad=0.01, shrink=0.8)
    bar.set_ticks(np.linspace(0, 1, len(labels)), labels=labels)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.6)


def _read_layers(model):
    """The steps to draw, each a name, a shape without the number of images, and notes."""
    steps = [("Image", tuple(model.input_shape[1:]), [])]
    for layer in model.layers:
        name, shape = type(layer).__name__, tuple(layer.output.shape[1:])
        for long, short in _SHORTER.items():
            name = name.replace(long, short)
        if name == "InputLayer":
            continue
        if shape == steps[-1][1] and not hasattr(layer, "kernel"):
            rate = getattr(layer, "rate", "")
            steps[-1][2].append(f"+ {name} {rate}".strip())
        else:
            steps.append((name, shape, _describe_layer(layer)))
    return steps


def _describe_layer(layer):
    notes = []
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if size:
        filters = f"{layer.filters} filters " if hasattr(layer, "filters") else ""
        notes.append(filters + _TIMES.join(map(str, size)))
    if hasattr(layer, "kernel_size") and max(layer.strides) > 1:
        notes.append(f"stride {max(layer.strides)}")
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return notes if activation == "linear" else [*notes, activation]


def _write_shape(shape):
    return f" {_TIMES} ".join(map(str, shape))


def _count_sheets(shape):
    return min(10, int(np.ceil(np.sqrt(shape[2])))) if len(shape) == 3 else 1


def _measure_step(step, scale):
    """The width that a step takes with its label, in inches."""
    name, shape, notes = step
    drawing = scale * shape[1] + _SHIFT * _count_sheets(shape) + 0.15 if len(shape) > 1 else 0
    letters = max(map(len, [name, _write_shape(shape), *notes]))
    return max(drawing, 0.075 * letters) + 0.12


def _draw_step(ax, name, shape, centre, scale):
    """Draws sheets or a bar; tells where they begin and end."""
    count = _count_sheets(shape)
    if len(shape) > 1:
        height, width = scale * shape[0], scale * shape[1]
    else:
        height, width = min(2.2, 0.7 * np.log10(shape[0])) + 0.05, 0.16
    left = centre - (width + _SHIFT * (count - 1)) / 2
    bottom = -(height + _SHIFT * (count - 1)) / 2
    style = {"facecolor": _FACES.get(name, "0.93"), "edgecolor": "0.25", "linewidth": 0.8}
    for sheet in reversed(range(count)):
        corner = left + _SHIFT * sheet, bottom + _SHIFT * sheet
        ax.add_patch(Rectangle(corner, width, height, **style))
    if len(shape) == 1 and shape[0] <= 16:  # so few that each can be seen
        edges = bottom + height * np.arange(1, shape[0]) / shape[0]
        ax.hlines(edges, left, left + width, colors="0.25", linewidths=0.5)
    return left, left + width + _SHIFT * (count - 1)
