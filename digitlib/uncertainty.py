"""How far to trust a result: calibrated probabilities, and whether two models really differ.

Sources:
    C. Guo and others: On calibration of modern neural networks (2017).
    Q. McNemar: Note on the sampling error of the difference between correlated proportions (1947).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import binomtest

from digitlib.data import Split
from digitlib.images import preprocess_images, verify_labels

if TYPE_CHECKING:
    import keras


class Calibration(NamedTuple):
    """Whether a model's accuracy equals its confidence, in ten bins of equal width from 0 to 1."""

    confidences: NDArray[np.float64]  # (10,), the mean confidence in each bin; NaN if it is empty
    accuracies: NDArray[np.float64]  # (10,), the accuracy in each bin; NaN if it is empty
    intervals: NDArray[np.float64]  # (10, 2), 95% Wilson intervals of the accuracies; NaN if empty
    counts: NDArray[np.int64]  # (10,), the number of images in each bin
    error: float  # the mean distance between confidence and accuracy over all images, 0 to 1


class Comparison(NamedTuple):
    """Two models on the same images: how many only one of them classifies correctly."""

    only_first: int
    only_second: int
    p_value: float  # the probability of numbers at least this uneven if the models are equally good


def measure_calibration(probabilities: NDArray, labels: ArrayLike) -> Calibration:
    """Compares the confidence of predicted probabilities (n, 10) with their accuracy."""
    labels = verify_labels(labels, len(probabilities))
    if not len(labels):
        raise ValueError("there are no images; calibration can't be measured.")
    confidences = probabilities.max(axis=1).astype(np.float64)
    # The small step keeps a confidence of exactly 0.9 in the bin that ends there, as published.
    bins = np.digitize(confidences - 1e-7, np.arange(1, 10) / 10, right=True)
    counts = np.bincount(bins, minlength=10)
    correct = np.bincount(bins[probabilities.argmax(axis=1) == labels], minlength=10)
    confident = np.bincount(bins, confidences, minlength=10)
    divisors = np.where(counts, counts, np.nan)
    intervals = [
        binomtest(k, n).proportion_ci(method="wilson") if n else (np.nan, np.nan)
        for k, n in zip(correct, counts, strict=True)
    ]
    return Calibration(
        confidences=confident / divisors,
        accuracies=correct / divisors,
        intervals=np.array(intervals),
        counts=counts,
        error=float(np.abs(confident - correct).sum() / len(labels)),
    )


def calibrate_model(model: "keras.Model", split: Split) -> float:
    """Calibrates a model by temperature scaling; returns the temperature with the lowest loss."""
    # The last weights are divided by it, so the predicted digits stay the same.
    layer = model.layers[-1]
    if not hasattr(layer, "kernel") or layer.activation.__name__ != "softmax":
        raise ValueError(f"calibration needs a Dense layer with softmax last; got {layer.name}.")
    labels = verify_labels(split.labels, len(split.images))
    probabilities = model.predict(preprocess_images(split.images), batch_size=500, verbose=0)
    # The logarithm of 0 would be infinite.
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))

    def compute_loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()

    temperature = float(minimize_scalar(compute_loss, bounds=(0.05, 20), method="bounded").x)
    layer.set_weights([weights / temperature for weights in layer.get_weights()])
    return temperature


def compare_predictions(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> Comparison:
    """Tests whether one of two models is better, by McNemar's exact test.

    Images that both models classify correctly, or both misclassify, say nothing about the
    difference. If the models are equally good, each of the others is like the toss of a fair coin.

    Args:
        labels: integers (n,), the true digits.
        first: integers (n,), the predictions of the first model.
        second: integers (n,), the predictions of the second model, for the same images.

    Returns:
        A `Comparison`: the images that only the first or only the second classifies correctly.

    Example:
        >>> from digitlib.uncertainty import compare_predictions
        >>> compare_predictions(labels=[1, 2, 3], first=[1, 2, 0], second=[1, 0, 0])
        Comparison(only_first=1, only_second=0, p_value=1.0)
    """
    shapes = [np.shape(digits) for digits in (labels, first, second)]
    if len(shapes[0]) != 1 or len(set(shapes)) > 1:
        found = ", ".join(map(str, shapes))
        raise ValueError(f"expected digits of the same images, three times (n,); got {found}.")
    first_correct, second_correct = np.equal(first, labels), np.equal(second, labels)
    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((second_correct & ~first_correct).sum())
    different = only_first + only_second
    p_value = binomtest(only_first, different).pvalue if different else 1.0
    return Comparison(only_first, only_second, float(p_value))
