"""Draw arrays. Each `plot_` function draws on `ax`, or on new axes, and returns them."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter, PercentFormatter

_DIGITS = range(10)
_TRAINING, _VALIDATION, _, _UNSURE = sns.color_palette("colorblind", 4)


def plot_samples(images, labels, *, columns=12, ax=None):
    """Shows images side by side, each under its label.

    Args:
        images: uint8 (n, 28, 28).
        labels: integers (n,).
        columns: images a row.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = _draw_gallery(images, [str(label) for label in labels], columns, 0.65, ax)
    ax.set_title("Images with their labels")
    return ax


def plot_mistakes(images, mistakes, *, count=12, columns=6, doubtful=(), ax=None):
    """Shows the most confident mistakes, each under its label, the answer and their probabilities.

    Args:
        images: uint8 (n, 28, 28), all images of the split.
        mistakes: `Report.mistakes` of the same split.
        count: how many to show; fewer if there are fewer.
        columns: images a row.
        doubtful: rows whose label is known to be wrong; they are marked with a star.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    captions = [
        f"{label}{' *' * (index in doubtful)} read as {prediction}\n"
        f"{prediction}: {confidence:.1%}, {label}: {missed:.1%}"
        for index, label, prediction, confidence, missed in zip(*mistakes, strict=True)
    ][:count]
    ax = _draw_gallery(images[mistakes.indices[:count]], captions, columns, 1.3, ax)
    all_of_them = len(mistakes.indices)
    title = f"The {len(captions)} most confident of {all_of_them} mistakes"
    if len(captions) == all_of_them:
        title = f"All {all_of_them} mistakes" if all_of_them else "No mistakes"
    marked = np.isin(mistakes.indices[:count], doubtful).any()
    ax.set_title(f"{title}\n* the label is known to be wrong" if marked else title)
    return ax


def plot_class_counts(labels, *, ax=None):
    """Counts each digit in bars.

    Args:
        labels: integers (n,), 0 to 9.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots(figsize=(7, 2.8), layout="constrained")[1]
    counts = np.bincount(labels, minlength=len(_DIGITS))
    ax.bar_label(ax.bar(_DIGITS, counts, color=_TRAINING), fmt="{:,.0f}", fontsize=9)
    ax.set(title="Images of each digit", xlabel="digit", ylabel="images", xticks=_DIGITS)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.margins(y=0.12)
    sns.despine(ax=ax)
    return ax


def plot_confusion(confusion, *, ax=None):
    """Draws a confusion matrix as a heatmap that shows the mistakes.

    Colour counts mistakes only; right answers stand on a grey diagonal, since they would drown
    the rest. Fields without a case stay empty.

    Args:
        confusion: int (10, 10); row the true digit, column the digit read.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots(figsize=(7, 5.6), layout="constrained")[1]
    right = np.eye(len(confusion), dtype=bool)
    counts = np.where(confusion > 0, confusion.astype(str), "")
    shared = {"annot": counts, "fmt": "", "linewidths": 0.5, "linecolor": "0.9", "ax": ax}
    mistakes_colour = {"cmap": "rocket_r", "vmin": 0, "cbar_kws": {"label": "mistakes"}}
    sns.heatmap(confusion, mask=right, **mistakes_colour, **shared)
    sns.heatmap(confusion, mask=~right, cmap=["0.85"], cbar=False, **shared)
    ax.set(title="What was read, for each true digit", xlabel="digit read", ylabel="true digit")
    ax.tick_params(axis="y", rotation=0)
    return ax


def plot_reliability(calibration, *, ax=None):
    """Draws how often a model is right against how sure it is, bin by bin.

    On the diagonal, sureness is earned; below it, the model is too sure. Bars are 95 % intervals,
    small numbers count the images of a bin.

    Args:
        calibration: a `Calibration`.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots(figsize=(5.5, 4.6), layout="constrained")[1]
    ax.plot([0, 1], [0, 1], "--", color="0.5", label="right as often as sure")
    filled = calibration.counts > 0
    sure, right = calibration.confidences[filled], calibration.accuracies[filled]
    low, high = calibration.intervals[filled].T
    errors = np.maximum([right - low, high - right], 0)
    ax.errorbar(sure, right, errors, fmt="o", capsize=3, color=_TRAINING, label="this model")
    for x, y, count in zip(sure, right, calibration.counts[filled], strict=True):
        ax.annotate(f"{count:,}", (x, y), (6, -11), textcoords="offset points", fontsize=8)
    ax.set(title=f"Expected calibration error {calibration.error:.2%}", xlim=(0, 1.09))
    ax.set(xlabel="how sure (mean confidence)", ylabel="how often right", ylim=(0, 1.04))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    ax.legend(frameon=False, loc="lower right")
    sns.despine(ax=ax)
    return ax


def plot_recipes(summary, reported, *, ax=None):
    """Draws the accuracy of recipes against the cost of their training.

    Points are means over seeds with one standard deviation up and down; an open diamond of the
    same colour is what the recipe's source reports.

    Args:
        summary: a DataFrame with the columns recipe, test_mean, test_deviation (0 to 1) and
            cpu_seconds, as of `summarize_results`.
        reported: a dict from recipe to the reported accuracy, 0 to 1; others are left out.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    ax = ax or plt.subplots(figsize=(8.5, 4.5), layout="constrained")[1]
    colours = sns.color_palette("colorblind", len(summary))
    shapes = "os^vP*X<>pdhH8"  # so that nobody has to rely on colour
    for row, colour, shape in zip(summary.itertuples(), colours, cycle(shapes), strict=False):
        errors = {"yerr": row.test_deviation, "capsize": 3, "fmt": shape, "color": colour}
        ax.errorbar(row.cpu_seconds, row.test_mean, markersize=8, label=row.recipe, **errors)
        if row.recipe in reported:
            place = [row.cpu_seconds], [reported[row.recipe]]
            ax.plot(*place, "D", color=colour, fillstyle="none", markersize=10)
    ax.plot([], [], "D", color="0.3", fillstyle="none", label="as reported")
    # Logistic scales spread what lies close to 100 %.
    ax.set(title="Accuracy and cost of the recipes", xscale="log", yscale="logit")
    ax.set(xlabel="training (CPU-seconds)", ylabel="test accuracy")
    ax.set_yticks([0.92, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998], minor=False)
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_ylim(0.91, 0.9985)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    sns.despine(ax=ax)
    return ax


def plot_reading(reading, *, ax=None):
    """Draws boxes and answers on the picture that was read; dashed where the answer is unsure.

    Args:
        reading: a `Reading`.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    height, width = reading.picture.shape
    if ax is None:
        size = 9, min(9, 0.6 + 9 * height / width)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.imshow(reading.picture, cmap="gray", vmin=0, vmax=1)
    for digit in reading.digits:
        top, left, bottom, right = digit.box
        sure = digit.text.isdigit()
        colour = _TRAINING if sure else _UNSURE
        box = (left, top), right - left, bottom - top
        ax.add_patch(Rectangle(*box, fill=False, edgecolor=colour, ls="-" if sure else "--", lw=2))
        answer = f"{digit.text}\n{digit.probabilities.max():.0%}"
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
        place = ((left + right) / 2, top), (0, 3)
        style = {"textcoords": "offset points", "ha": "center", "va": "bottom", "bbox": label}
        ax.annotate(answer, *place, fontsize=9, color=colour, fontweight="bold", **style)
    ax.set_title("Read: " + " / ".join(reading.text.split("\n")))
    ax.set_axis_off()
    return ax


def plot_steps(steps, *, axes=None):
    """Shows what becomes of a picture on its way to an image of MNIST, from left to right.

    Args:
        steps: what `explain_steps` returned.
        axes: five Axes; None makes a figure.

    Returns:
        The five Axes.
    """
    if axes is None:
        axes = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained")[1]
    titles = "the picture", "its ink", "cut out", "in 20 x 20", "centred in 28 x 28"
    for number, (ax, step, title) in enumerate(zip(axes, steps, titles, strict=True)):
        ax.imshow(step, cmap="gray" if number == 0 else "gray_r", vmin=0)
        ax.set_title(title, fontsize=10)
        ax.set_axis_off()
    return axes


def _draw_gallery(images, captions, columns, inches, ax):
    # One image is 1 x 1 in the units of the axes, and `inches` wide on paper.
    width = 1.1
    lines = max((1 + caption.count("\n") for caption in captions), default=1)
    height = 1.1 + 0.17 / inches * lines
    rows = max(1, -(-len(images) // columns))
    if ax is None:
        size = inches * width * columns, inches * height * rows + 0.3
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        left, top = column * width, -row * height
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=255, extent=(left, left + 1, top - 1, top))
        ax.text(left + 0.5, top - 1.05, caption, ha="center", va="top", fontsize=9)
    ax.set(xlim=(0, columns * width), ylim=(-rows * height, 0), aspect="equal")
    ax.set_axis_off()
    return ax
