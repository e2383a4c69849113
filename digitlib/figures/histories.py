"""Learning curves of one or more training runs."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, MaxNLocator

from digitlib.figures.style import (
    LEGEND_BELOW,
    MOST_MARKERS,
    STYLES,
    describe,
    new_axes,
    place_legend,
    verify_lengths,
    write_percent,
)
from digitlib.figures.wording import count_things, describe_curve

History = Mapping[str, Sequence[float]]
_METRICS = {  # and how they are called in words
    "accuracy": "Training accuracy",
    "loss": "Training loss",
    "val_accuracy": "Validation accuracy",
    "val_loss": "Validation loss",
}


def plot_learning_curves(history: History, *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Plots accuracy and loss on training and validation data against epochs.

    Keras averages the training curves over an epoch, while the network changes, and measures
    validation at the end of the epoch. Training points are therefore drawn half an epoch earlier.

    Args:
        history: `Run.history`, or `fit(...).history` with accuracy and validation data.
        axes: two Axes, for accuracy and for loss; None makes a figure.

    Returns:
        The two Axes.
    """
    _verify_histories(history)
    axes = new_axes((9, 3.2), 1, 2) if axes is None else axes
    _draw_history(axes, history)
    axes[0].set(title="Accuracy", xlabel="epoch", ylabel="accuracy")
    axes[1].set_title("Loss")
    for ax in axes:
        place_legend(ax)
    return describe(axes, f"Learning curves over {_describe_history(history)}")


def plot_histories(
    histories: Mapping[str, History], *, columns: int | None = None, axes: np.ndarray | None = None
) -> np.ndarray:
    """Plots the learning curves of several training runs side by side, accuracy above loss.

    Args:
        histories: from titles to histories as for `plot_learning_curves`; at least one.
        columns: training runs in a row; None puts all into one row.
        axes: Axes (2 x rows of training runs, columns); None makes a figure.

    Returns:
        The Axes, an array of that shape.
    """
    _verify_histories(*histories.values())
    columns = columns or len(histories)
    rows = -(-len(histories) // columns)
    if axes is None:
        size = columns * max(2.3, min(3.6, 10 / columns)) + 0.6, 4.4 * rows + 0.3
        axes = new_axes(size, 2 * rows, columns, squeeze=False)
    pairs = axes.reshape(rows, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for pair, (title, history) in zip(pairs, histories.items(), strict=False):
        _draw_history(pair, history)
        pair[0].set_ylim(0, 1.03)
        pair[0].set_title(title, fontsize=10)
        pair[0].tick_params(labelleft=pair[0] in axes[:, 0])
    for ax in axes[::2, 0]:
        ax.set_ylabel("accuracy")
    for ax in pairs[len(histories) :].flat:
        ax.set_axis_off()
    axes.flat[0].figure.legend(handles=axes.flat[0].lines, **LEGEND_BELOW)
    runs = [f"{title}, {_describe_history(history)}" for title, history in histories.items()]
    return describe(axes, f"Learning curves of {count_things(len(runs), 'run')}. {' '.join(runs)}")


def _verify_histories(*histories):
    if not histories:
        raise ValueError("expected at least one history; got none")
    for history in histories:
        hint = '. Compile with metrics=["accuracy"], and fit with validation_data.'
        verify_lengths({name: history.get(name, ()) for name in _METRICS}, hint)


def _draw_history(axes, history):
    epochs = np.arange(1, len(history["loss"]) + 1)
    for ax, metric in zip(axes, ["accuracy", "loss"], strict=True):
        ax.set_prop_cycle(STYLES)
        style = {"markersize": 5, "markevery": -(-len(epochs) // MOST_MARKERS)}
        ax.plot(epochs - 0.5, history[metric], label="training", **style)
        ax.plot(epochs, history[f"val_{metric}"], label="validation", **style)
        ax.set_xlim(0, epochs[-1] + 0.2)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        sns.despine(ax=ax)
    write_percent(axes[0].yaxis)
    losses = np.array([*history["loss"], *history["val_loss"]])
    _scale_loss(axes[1], losses[np.isfinite(losses)])


def _scale_loss(ax, finite):
    ax.set(xlabel="epoch", ylabel="loss")
    if finite.max(initial=0) > 10:
        ax.set(yscale="log", ylabel="loss (log scale)")
        ax.yaxis.set_major_formatter(LogFormatter())
        ax.yaxis.set_minor_formatter(LogFormatter())
    else:
        ax.set_ylim(0, None)
    if not len(finite):
        ax.set_yticks([])
        ax.text(0.5, 0.5, "NaN or infinite", ha="center", transform=ax.transAxes)


def _describe_history(history):
    epochs = np.arange(1, len(history["loss"]) + 1)
    curves = [
        describe_curve(words, epochs, history[name], percent="accuracy" in name, unit="epoch")
        for name, words in _METRICS.items()
    ]
    return f"{count_things(len(epochs), 'epoch')}. {' '.join(curves)}"
