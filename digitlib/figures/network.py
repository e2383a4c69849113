"""A network, drawn layer by layer."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from digitlib.figures.style import TIMES, describe, new_axes

if TYPE_CHECKING:
    import keras

_BY = f" {TIMES} "  # between the sides of a shape
_SHIFT = 0.04  # inches from one sheet to the next
_ARROW = {"arrowstyle": "-|>", "color": "0.35", "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
_FACES = {"Image": "white", "Conv2D": "#bcd9ee", "Depthwise": "#bcd9ee", "Dense": "#f2c999"}


def plot_network(model: "keras.Model", *, ax: Axes | None = None) -> Axes:
    """Draws a network from left to right: sheets are feature maps, bars are vectors.

    Sheets are as high as their maps have rows, and more channels have more sheets. The height of a
    bar grows with the logarithm of its length. Layers that keep the shape, such as dropout, are
    noted below the layer before them; so is the 1 x 1 convolution after a depthwise one.

    Args:
        model: a Keras model whose layers form one chain.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    steps = _read_layers(model)
    sides = [side for shape, _ in steps if len(shape) > 1 for side in shape[:2]]
    scale = 1.3 / max(sides, default=1)  # inches a pixel
    widths = [_measure_step(shape, lines, scale) for shape, lines in steps]
    ends = np.cumsum(widths)
    bottom = -1.3 - 0.15 * max(len(lines) for _, lines in steps)
    ax = ax or new_axes((max(5, ends[-1]), 1.55 - bottom))
    drawn = []
    for (shape, lines), centre in zip(steps, ends - np.divide(widths, 2), strict=True):
        drawn.append(_draw_step(ax, lines[0], shape, centre, scale))
        for number, text in enumerate(lines):
            weight = "normal" if number else "bold"
            ax.text(centre, -1.32 - 0.15 * number, text, ha="center", fontsize=8, fontweight=weight)
    for (_, right), (left, _) in pairwise(drawn):
        ax.annotate("", (left - 0.05, 0), (right + 0.05, 0), arrowprops=_ARROW)
    title = "The network, from image to probabilities"
    ax.set(title=title, xlim=(0, ends[-1]), ylim=(bottom, 1.2), aspect="equal")
    ax.set_axis_off()
    layers = [", ".join(lines) for _, lines in steps]
    return describe(ax, f"A network from left to right. {'; '.join(layers)}.")


def _read_layers(model):
    # The steps to draw: each a shape without the number of images, and the lines of its label.
    shape = tuple(model.input_shape[1:])
    steps = [(shape, ["Image", _BY.join(map(str, shape))])]
    for layer in model.layers:
        # Short names, so that a network fits on a page.
        name = type(layer).__name__.replace("Normalization", "Norm").replace("Average", "Avg")
        name = name.replace("DepthwiseConv2D", "Depthwise")
        shape = tuple(layer.output.shape[1:])
        if name == "InputLayer":
            continue
        if shape == steps[-1][0] and not hasattr(layer, "kernel"):
            steps[-1][1].append(f"+ {name} {getattr(layer, 'rate', '')}".strip())
        elif steps[-1][1][0] == "Depthwise" and getattr(layer, "kernel_size", 0) == (1, 1):
            name, _, size = steps.pop()[1]
            steps.append((shape, [name, _BY.join(map(str, shape)), f"{size}, then 1{TIMES}1"]))
        else:
            lines = [name, _BY.join(map(str, shape)), *_describe_layer(layer)]
            steps.append((shape, lines))
    return steps


def _describe_layer(layer):
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if size:
        filters = f"{layer.filters} filters " if hasattr(layer, "filters") else ""
        yield filters + TIMES.join(map(str, size))
    if hasattr(layer, "kernel_size") and max(layer.strides) > 1:
        yield f"stride {max(layer.strides)}"
    activation = getattr(layer, "activation", None)
    if getattr(activation, "__name__", "linear") != "linear":
        yield activation.__name__


def _count_sheets(shape):
    return min(10, int(np.ceil(np.sqrt(shape[2])))) if len(shape) == 3 else 1


def _measure_step(shape, lines, scale):
    # The width of a step with its label, in inches.
    drawing = scale * shape[1] + _SHIFT * _count_sheets(shape) + 0.15 if len(shape) > 1 else 0
    return max(drawing, 0.075 * max(map(len, lines))) + 0.12


def _draw_step(ax, name, shape, centre, scale):
    # Draws sheets or a bar; returns where they begin and end.
    if len(shape) > 1:
        height, width = scale * shape[0], scale * shape[1]
    else:
        height, width = min(2.2, 0.7 * np.log10(shape[0])) + 0.05, 0.16
    shifts = _SHIFT * np.arange(_count_sheets(shape))
    left, bottom = centre - (width + shifts[-1]) / 2, -(height + shifts[-1]) / 2
    style = {"facecolor": _FACES.get(name, "0.93"), "edgecolor": "0.25", "linewidth": 0.8}
    for shift in shifts[::-1]:
        ax.add_patch(Rectangle((left + shift, bottom + shift), width, height, **style))
    if len(shape) == 1 and shape[0] <= 16:  # few enough to see each
        edges = bottom + height * np.arange(1, shape[0]) / shape[0]
        ax.hlines(edges, left, left + width, colors="0.25", linewidths=0.5)
    return left, left + width + shifts[-1]
