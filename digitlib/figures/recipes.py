"""A plot that compares recipes: what accuracy costs, in training time or in size."""

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
_COSTS = {  # column -> title, its word in the label of the x-axis, unit
    "cpu_seconds": ("Accuracy and cost of the recipes", "training", "CPU-seconds"),
    "parameters": ("Accuracy and size of the networks", "size", "parameters"),
    "bytes": ("Accuracy and size of the weights", "size", "bytes"),
}


def plot_recipes(
    summary: pd.DataFrame,
    reported: Mapping[str, float],
    *,
    cost: str = "cpu_seconds",
    ax: Axes | None = None,
) -> Axes:
    """Plots the accuracy of recipes against the CPU time of their training, or their size.

    Points are means over seeds, with one standard deviation up and down. An open diamond of the
    same colour is the accuracy that the recipe's source reports. A network that others have
    measured is a row without a mean (NaN), and has only the diamond.

    Args:
        summary: the columns recipe, test_mean, test_deviation and `cost` of `summarize_results`.
        reported: from recipes to reported accuracies, 0 to 1; other recipes have no diamond.
        cost: the column for the x-axis: cpu_seconds, parameters or bytes.
        ax: the Axes to draw on; None makes a figure.

    Returns:
        The Axes.
    """
    if cost not in _COSTS:
        raise ValueError(f"cost must be one of {', '.join(_COSTS)}; got {cost!r}")
    title, what, unit = _COSTS[cost]
    shown = {name: reported[name] for name in summary["recipe"] if name in reported}
    places = summary["test_mean"].fillna(summary["recipe"].map(shown))
    accuracies = np.array([*places, *shown.values()])
    _verify_results(accuracies, summary[cost])
    ax = ax or new_axes((8.5, 4.5))
    rows = summary.assign(cost=summary[cost], place=places)
    _draw_points(ax, rows, shown)
    ax.set(title=title, xscale="log", xlabel=f"{what} ({unit})", ylabel="test accuracy")
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.xaxis.set_minor_formatter(LogFormatter())
    ends = [places + sign * summary["test_deviation"] for sign in (-1, 1)]
    _scale_accuracy(ax, accuracies, np.concatenate([accuracies, *ends]))
    ax.margins(x=0.12)  # room for names
    sns.despine(ax=ax)
    _label_points(ax, rows, shown)
    if shown:
        ax.plot([], [], "D", color="0.3", fillstyle="none", label="as reported")
        place_legend(ax)
    return describe(ax, _describe_recipes(rows, shown, unit))


def _verify_results(accuracies, costs):
    if not len(costs):
        raise ValueError("expected the results of at least one recipe; got none")
    if not ((accuracies >= 0) & (accuracies <= 1)).all() or not (costs > 0).all():
        found = f"{accuracies} and {costs.to_numpy()}"
        raise ValueError(f"expected accuracies from 0 to 1 and costs above 0; got {found}")


def _draw_points(ax, rows, shown):
    for row, style in zip(rows.itertuples(), STYLES(), strict=False):
        point = style | {"linestyle": "none", "markersize": 8, "capsize": 3}
        ax.errorbar(row.cost, row.test_mean, row.test_deviation, **point)
        if row.recipe in shown:
            diamond = {"color": style["color"], "fillstyle": "none", "markersize": 10}
            ax.plot(row.cost, shown[row.recipe], "D", **diamond)


def _scale_accuracy(ax, accuracies, ends):
    # A logistic scale spreads accuracies close to 100%, but has no place for 0% and 100%.
    if accuracies.min() > 0 and accuracies.max() < 1:
        ax.set_yscale("logit")
        ax.yaxis.set_major_locator(FixedLocator(_TICKS))
        ax.yaxis.set_minor_formatter(NullFormatter())
        places = logit(ends[(ends > 0) & (ends < 1)])
        ax.set_ylim(expit(places.min() - 0.2), expit(places.max() + 0.2))
    write_percent(ax.yaxis)


def _label_points(ax, rows, shown):
    # Each name goes to the first place where it covers no point, bar or other name.
    ax.figure.canvas.figure.draw_without_rendering()
    taken = []
    for row in rows.itertuples():
        reach = np.nan_to_num(row.test_deviation)
        reported = shown.get(row.recipe, row.place)
        ends = [(row.place - reach, row.place + reach), (reported, reported)]
        for values in np.clip(ends, *ax.get_ylim()):
            place = ax.transData.transform([(row.cost, value) for value in values])
            taken.append(Bbox(place).padded(7))
    for row in rows.itertuples():
        for x, y, ha, va in _PLACES:
            style = {"textcoords": "offset points", "ha": ha, "va": va, "fontsize": 9}
            text = ax.annotate(row.recipe, (row.cost, row.place), (x, y), **style)
            box = text.get_window_extent()
            inside = ax.bbox.x0 < box.x0 and ax.bbox.y0 < box.y0 and box.y1 < ax.bbox.y1
            if (inside and not box.count_overlaps(taken)) or (x, y) == _PLACES[-1][:2]:
                break
            text.remove()
        taken.append(box)


def _describe_recipes(rows, shown, unit):
    text = f"Test accuracy of recipes, mean and standard deviation over seeds, against {unit}."
    for row in rows.itertuples():
        facts = [f"{write_number(row.cost)} {unit}"]
        if np.isfinite(row.test_deviation):
            facts.insert(0, f"deviation {write_number(row.test_deviation, percent=True)}")
        if np.isfinite(row.test_mean):
            facts.insert(0, write_number(row.test_mean, percent=True))
        if row.recipe in shown:
            facts.append(f"reported {write_number(shown[row.recipe], percent=True)}")
        text += f" {row.recipe}: {', '.join(facts)}."
    return text
