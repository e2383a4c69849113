"""Ask a model for its answers, and judge them."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix

from digitlib.data import NUM_CLASSES
from digitlib.images import preprocess_images

_LEAST = np.finfo(np.float32).tiny  # in place of a probability of 0, whose logarithm is infinite
_BATCH = 500  # so many images are answered at a time; more would need more memory


class Mistakes(NamedTuple):
    """The images that a model read wrong, the most confident mistake first; all of shape (m,).

    Attributes:
        indices: int, the rows of the split.
        labels: uint8, the true digits.
        predictions: uint8, what the model read.
        confidences: float32, the probability that it gave to its answer, 0 to 1.
        missed: float32, the probability that it gave to the true digit, 0 to 1.
    """

    indices: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    confidences: np.ndarray
    missed: np.ndarray


class Calibration(NamedTuple):
    """Whether a model is right as often as it is sure. Images are sorted into bins by confidence.

    Attributes:
        confidences: float (bins,), the mean confidence of each bin, 0 to 1; nan if it is empty.
        accuracies: float (bins,), the share read right in each bin; nan if it is empty.
        intervals: float (bins, 2), the 95 % Wilson intervals of the accuracies; nan if empty.
        counts: int (bins,), the images of each bin.
        error: the expected calibration error, 0 to 1: how far confidence and accuracy lie apart,
            averaged over all images.
    """

    confidences: np.ndarray
    accuracies: np.ndarray
    intervals: np.ndarray
    counts: np.ndarray
    error: float


@dataclass(frozen=True)
class Report:
    """How well a model reads a split.

    Attributes:
        count: the number of images.
        accuracy: the share read right, 0 to 1.
        interval: (low, high), the accuracy's 95 % Wilson interval: what so many images can tell.
        loss: the mean cross-entropy: -ln of the probability given to the true digit. A probability
            of 0 counts as the smallest float32 above 0.
        confusion: int (10, 10); row the true digit, column the digit read.
        per_digit: scikit-learn's classification report as text: precision, recall and F1.
        mistakes: a `Mistakes`.
        calibration: a `Calibration` with ten bins.
    """

    count: int
    accuracy: float
    interval: tuple
    loss: float
    confusion: np.ndarray
    per_digit: str
    mistakes: Mistakes
    calibration: Calibration


class Ensemble:
    """Several models that answer as one: by the mean of their probabilities.

    It stands for a model wherever this module takes one.
    """

    def __init__(self, models):
        """Joins Keras models, each from float32 (n, 28, 28, 1) to probabilities (n, 10)."""
        self.models = list(models)
        if not self.models:
            raise ValueError("an ensemble needs at least one model; got none")

    def __call__(self, inputs, training=False):
        """Returns the mean probabilities, float32 (n, 10)."""
        return np.mean([np.asarray(model(inputs, training=training)) for model in self.models], 0)


def calibrate_model(model, split):
    """Makes a model as sure as it is right, by one number: its temperature.

    What goes into the last softmax is divided by the temperature that lowers the loss on the split
    most. The answers stay the same; the number goes into the weights of the last layer, so a saved
    model keeps it. Source: C. Guo et al., On Calibration of Modern Neural Networks, 2017.

    Args:
        model: a Keras model whose last layer is dense with softmax; it is changed.
        split: a `Split` that the model has not learned from, and that will not judge it.

    Returns:
        The temperature: above 1 if the model was too sure.
    """
    rows = np.arange(len(split.labels))
    logits = np.log(np.maximum(predict_probabilities(model, split.images), _LEAST))

    def loss(temperature):
        scaled = logits / temperature
        return (logsumexp(scaled, axis=1) - scaled[rows, split.labels]).mean()

    temperature = float(minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x)
    layer = model.layers[-1]
    layer.set_weights([weights / temperature for weights in layer.get_weights()])
    return temperature


def predict_probabilities(model, images):
    """Asks a model how probable each digit is.

    Args:
        model: a Keras model from float32 (n, 28, 28, 1) to (n, 10), ending in softmax, or an
            `Ensemble`.
        images: uint8 (n, 28, 28).

    Returns:
        float32 (n, 10); each row sums to 1.

    Raises:
        ValueError: the images have another dtype or shape, or the model's answers are no
            probabilities: its last layer lacks softmax, or its weights are damaged.
    """
    inputs = preprocess_images(images)
    if not len(inputs):
        return np.zeros((0, NUM_CLASSES), np.float32)
    # Called directly: `predict` would prepare a loop for each model, which takes longer.
    batches = (inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH))
    probabilities = np.concatenate([np.asarray(model(b, training=False)) for b in batches])
    if (probabilities < 0).any() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            "the model's answers are no probabilities: expected ten numbers that sum to 1 for each "
            f"image; the first is {probabilities[0]}. Its last layer must be a softmax."
        )
    return probabilities


def predict_digits(model, images):
    """Reads images: the most probable digit of each, uint8 (n,). See `predict_probabilities`."""
    return predict_probabilities(model, images).argmax(axis=1).astype(np.uint8)


def evaluate_model(model, split):
    """Judges a model on images that it has not learned from.

    Args:
        model: as for `predict_probabilities`.
        split: the `Split` to judge by.

    Returns:
        A `Report`.

    Raises:
        ValueError: the split is empty or its images are not uint8 (n, 28, 28).
    """
    if not len(split.labels):
        raise ValueError("the split holds no images; nothing can be measured")
    probabilities = predict_probabilities(model, split.images)
    predictions = probabilities.argmax(axis=1).astype(np.uint8)
    correct, count = int((predictions == split.labels).sum()), len(split.labels)
    digits = range(NUM_CLASSES)
    return Report(
        count=count,
        accuracy=correct / count,
        interval=wilson_interval(correct, count),
        loss=_cross_entropy(probabilities, split.labels),
        confusion=confusion_matrix(split.labels, predictions, labels=digits),
        per_digit=classification_report(
            split.labels, predictions, labels=digits, digits=4, zero_division=0
        ),
        mistakes=_rank_mistakes(probabilities, predictions, split.labels),
        calibration=measure_calibration(probabilities, split.labels),
    )


def measure_calibration(probabilities, labels, *, num_bins=10):
    """Compares how sure a model is with how often it is right.

    Args:
        probabilities: floats (n, 10); each row sums to 1.
        labels: integers (n,), the true digits.
        num_bins: int; bins of equal width from 0 to 1.

    Returns:
        A `Calibration`.

    Source:
        C. Guo and others: On calibration of modern neural networks (2017).
    """
    confidences = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    # The small step keeps a confidence of exactly 0.9 in the bin that ends there, as published.
    bins = np.clip(np.ceil(confidences * num_bins - 1e-6).astype(int) - 1, 0, num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    divisors = np.where(counts, counts, np.nan)
    correct = np.bincount(bins, right, num_bins)
    sure = np.bincount(bins, confidences, num_bins)
    intervals = [
        wilson_interval(c, n) if n else (math.nan, math.nan)
        for c, n in zip(correct, counts, strict=True)
    ]
    return Calibration(
        confidences=sure / divisors,
        accuracies=correct / divisors,
        intervals=np.array(intervals),
        counts=counts,
        error=float(np.abs(sure - correct).sum() / len(labels)),
    )


def wilson_interval(successes, count, *, confidence=0.95):
    """The range of true rates that `successes` out of `count` leave plausible.

    Unlike rate +- error it stays within 0 to 1 and holds near 100 %, where digit readers live.

    Args:
        successes: int, 0 to `count`.
        count: int, above 0.
        confidence: how often the range covers the true rate, between 0 and 1.

    Returns:
        (low, high), both within 0 to 1.

    Source:
        E. B. Wilson: Probable inference, the law of succession, and statistical inference (1927).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, weight = successes / count, z**2 / count
    middle = (rate + weight / 2) / (1 + weight)
    half_width = math.sqrt(weight * (rate * (1 - rate) + weight / 4)) / (1 + weight)
    return max(0.0, middle - half_width), min(1.0, middle + half_width)


class Comparison(NamedTuple):
    """Two models on the same images.

    Attributes:
        only_first: how many images only the first model reads right.
        only_second: how many only the second reads right.
        p_value: how probable so uneven a pair, or a more uneven one, is among equally good models.
    """

    only_first: int
    only_second: int
    p_value: float


def compare_predictions(labels, first, second):
    """Asks whether one of two models is better, by McNemar's exact test.

    Images that both read right, or both wrong, tell nothing. Among the others, equally good
    models win as often as a fair coin shows heads.

    Args:
        labels: integers (n,), the true digits.
        first: integers (n,), what the first model reads.
        second: integers (n,), what the second model reads.

    Returns:
        A `Comparison`.

    Source:
        Q. McNemar: Note on the sampling error of the difference between correlated proportions
        (1947).
    """
    first_right, second_right = np.equal(first, labels), np.equal(second, labels)
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    tosses = only_first + only_second
    p_value = binomtest(only_first, tosses).pvalue if tosses else 1.0
    return Comparison(only_first, only_second, float(p_value))


def _cross_entropy(probabilities, labels):
    given_to_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    # One certain mistake must not make the mean infinite.
    return float(-np.log(np.maximum(given_to_truth, _LEAST)).mean())


def _rank_mistakes(probabilities, predictions, labels):
    wrong = np.flatnonzero(predictions != labels)
    confidences = probabilities[wrong, predictions[wrong]]
    order = np.argsort(-confidences, kind="stable")
    ranked = wrong[order]
    missed = probabilities[ranked, labels[ranked]]
    return Mistakes(ranked, labels[ranked], predictions[ranked], confidences[order], missed)
