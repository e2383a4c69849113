"""A plot that compares recipes: what accuracy costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogFormatter, NullFormatter
from matplotlib.transforms import Bbox
from scipy.special import expit, logit

from digitlib.figures.style import STYLES, describe, new_axes, place_legend, write_percent
from digitlib.figures.wording import write_number

_PLACES = [  # of a name from its point, in points, and the name's alignment
    (9, 0, "left", "center"),
    (-9, 0, "right", "center"),
    (0, 10, "center", "bottom"),
    (0, -10, "center", "top"),
    (7, 7, "left", "bottom"),
    (7, -7, "left", "top"),
    (-7, 7, "right", "bottom"),
    (-7, -7, "right", "top"),
    (0, 22, "center", "bottom"),
    (0, -22, "center", "top"),
]
_TICKS = [0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999]


def plot_recipes(
    summary: pd.DataFrame, reported: Mapping[str, float], *, ax: Axes | None = None
) -> Axes:
    """Plots the accuracy of recipes against the CPU time of their training.

    Points are means over seeds, with one standard deviation up and down. An open diamond of the
    same colour is the accuracy that the recipe's source reports.

    Args:
        summary: the columns recipe, test_mean, test_deviation, cpu_seconds of `summarize_results`.
        reported: from recipes to reported accuracies, 0 to 1; other recipes have no diamond.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    shown = {name: reported[name] for name in summary["recipe"] if name in reported}
    accuracies = np.array([*summary["test_mean"], *shown.values()])
    _verify_results(accuracies, summary["cpu_seconds"])
    ax = ax or new_axes((8.5, 4.5))
    for row, style in zip(summary.itertuples(), STYLES(), strict=False):
        point = style | {"linestyle": "none", "markersize": 8, "capsize": 3}
        ax.errorbar(row.cpu_seconds, row.test_mean, row.test_deviation, **point)
        if row.recipe in shown:
            diamond = {"color": style["color"], "fillstyle": "none", "markersize": 10}
            ax.plot(row.cpu_seconds, shown[row.recipe], "D", **diamond)
    if shown:
        ax.plot([], [], "D", color="0.3", fillstyle="none", label="as reported")
    ax.set(title="Accuracy and cost of the recipes", xscale="log")
    ax.set(xlabel="training (CPU-seconds)", ylabel="test accuracy")
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.xaxis.set_minor_formatter(LogFormatter())
    mean, deviation = summary["test_mean"], summary["test_deviation"]
    _scale_accuracy(ax, accuracies, np.array([*accuracies, *mean - deviation, *mean + deviation]))
    ax.margins(x=0.12)  # room for names
    sns.despine(ax=ax)
    _label_points(ax, summary, shown)
    if shown:
        place_legend(ax)
    return describe(ax, _describe_recipes(summary, shown))


def _verify_results(accuracies, seconds):
    if not len(seconds):
        raise ValueError("expected the results of at least one recipe; got none")
    if not ((accuracies >= 0) & (accuracies <= 1)).all() or not (seconds > 0).all():
        found = f"{accuracies} and {seconds.to_numpy()}"
        raise ValueError(f"expected accuracies from 0 to 1 and CPU times above 0; got {found}")


def _scale_accuracy(ax, accuracies, ends):
    # A logistic scale spreads accuracies close to 100%, but has no place for 0% and 100%.
    if accuracies.min() > 0 and accuracies.max() < 1:
        ax.set_yscale("logit")
        ax.yaxis.set_major_locator(FixedLocator(_TICKS))
        ax.yaxis.set_minor_formatter(NullFormatter())
        places = logit(ends[(ends > 0) & (ends < 1)])
        ax.set_ylim(expit(places.min() - 0.2), expit(places.max() + 0.2))
    write_percent(ax.yaxis)


def _label_points(ax, summary, shown):
    # Each name goes to the first place where it covers no point, bar or other name.
    ax.figure.canvas.figure.draw_without_rendering()
    taken = []
    for row in summary.itertuples():
        reach = np.nan_to_num(row.test_deviation)
        reported = shown.get(row.recipe, row.test_mean)
        ends = [(row.test_mean - reach, row.test_mean + reach), (reported, reported)]
        for values in np.clip(ends, *ax.get_ylim()):
            place = ax.transData.transform([(row.cpu_seconds, value) for value in values])
            taken.append(Bbox(place).padded(7))
    for row in summary.itertuples():
        for x, y, ha, va in _PLACES:
            style = {"textcoords": "offset points", "ha": ha, "va": va, "fontsize": 9}
            text = ax.annotate(row.recipe, (row.cpu_seconds, row.test_mean), (x, y), **style)
            box = text.get_window_extent()
            inside = ax.bbox.x0 < box.x0 and ax.bbox.y0 < box.y0 and box.y1 < ax.bbox.y1
            if (inside and not box.count_overlaps(taken)) or (x, y) == _PLACES[-1][:2]:
                break
            text.remove()
        taken.append(box)


def _describe_recipes(summary, shown):
    text = "Test accuracy of recipes, mean and standard deviation over seeds, against CPU-seconds."
    for row in summary.itertuples():
        numbers = row.test_mean, row.test_deviation
        mean, deviation = (write_number(number, percent=True) for number in numbers)
        text += f" {row.recipe}: {mean}, deviation {deviation}, {write_number(row.cpu_seconds)} s"
        if row.recipe in shown:
            text += f", reported {write_number(shown[row.recipe], True)}"
        text += "."
    return text
