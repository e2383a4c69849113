"""Galleries: many small images, each above its caption."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from digitlib.evaluation import Mistakes
from digitlib.figures.style import describe, new_axes, verify_lengths
from digitlib.figures.wording import count_things

_LETTER = 0.075  # inches, the width of a letter at font size 9


def plot_samples(
    images: NDArray,
    labels: Sequence,
    *,
    columns: int = 12,
    title: str = "Images with their labels",
    ax: Axes | None = None,
) -> Axes:
    """Shows images side by side, each above its label.

    Args:
        images: numbers (n, 28, 28), 0 background to 255 ink; at least one image.
        labels: n integers or other values that are written as text.
        columns: images in a row.
        title: the figure's title.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    verify_lengths({"images": images, "labels": labels})
    captions = [str(label) for label in labels]
    ax = _draw_images(images, captions, columns, 0.65, title, ax)
    rows = [captions[n : n + columns] for n in range(0, len(captions), columns)]
    labels_by_row = "; ".join(" ".join(row) for row in rows)
    text = f"{title}: {count_things(len(captions), 'image')} in {count_things(len(rows), 'row')}"
    return describe(ax, f"{text}, labelled row by row {labels_by_row}.")


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
    ax = _draw_images(images[shown], captions, columns, 1.3, title, ax)
    pairs = "; ".join(captions).replace("\n", ", ").replace(" *", " (known to be a wrong label)")
    text = title.split("\n")[0] + ", with the probabilities of the predicted and the true digit."
    return describe(ax, f"{text} {pairs}".strip())


def lay_out_images(
    captions: Sequence[str],
    columns: int,
    inches: float,
    title: str | None,
    ax: Axes | None,
    margin: float = 0,
    row_labels: Sequence[str] = (),
    note: str = "",
) -> tuple[Axes, list[tuple[float, float, float, float]]]:
    """Writes captions where images will stand, each 1 x 1 in the units of the axes.

    Args:
        captions: a text for each image.
        columns: images in a row.
        inches: the least width of an image on the page; long captions need more.
        title: the figure's title, if any.
        ax: the Axes to draw on; None makes a figure.
        margin: inches that the figure is wider than its images.
        row_labels: a text for each row, to its left.
        note: a line below all images.

    Returns:
        The Axes, and the place of each image: left, right, bottom, top.
    """
    lines = [caption.split("\n") for caption in captions]
    inches = max(inches, _LETTER * max((len(line) for text in lines for line in text), default=0))
    columns = max(1, min(columns, len(captions)))
    rows = max(1, -(-len(captions) // columns))
    width, height = 1.12, 1.1 + 0.17 / inches * max(map(len, lines), default=1)
    margin += _LETTER * max(map(len, row_labels), default=0)
    across = max(inches * width * columns + margin, _LETTER * len(note))
    ax = ax or new_axes((across, inches * height * rows + (0.65 if note else 0.4)))
    for row, label in enumerate(row_labels):
        ax.text(-0.1, -row * height - 0.5, label, ha="right", va="center", fontsize=9)
    if note:
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        place |= {"ha": "center", "va": "top", "fontsize": 9, "color": "0.3"}
        ax.annotate(note, (0.5, 0), (0, -4), **place)
    boxes = []
    for number, caption in enumerate(captions):
        left, top = number % columns * width, -(number // columns) * height
        boxes.append((left, left + 1, top - 1, top))
        ax.text(left + 0.5, top - 1.05, caption, ha="center", va="top", fontsize=9)
    ax.set(xlim=(-0.02, columns * width), ylim=(-rows * height, 0.02), aspect="equal", title=title)
    ax.set_axis_off()
    return ax, boxes


def _draw_images(images, captions, columns, inches, title, ax):
    ax, boxes = lay_out_images(captions, columns, inches, title, ax)
    for image, box in zip(images, boxes, strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=255, extent=box)
    return ax
