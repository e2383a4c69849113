"""Predict digits with a model, and measure how good the predictions are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix, log_loss

from digitlib.data import NUM_CLASSES, Split
from digitlib.images import preprocess_images, verify_labels
from digitlib.uncertainty import Calibration, measure_calibration

if TYPE_CHECKING:
    import keras

Model: TypeAlias = "keras.Model | Ensemble"

_BATCH = 500  # images predicted at a time; more would need more memory


class Mistakes(NamedTuple):
    """The misclassified images, the most confident mistake first; arrays of shape (m,)."""

    indices: NDArray[np.int64]  # the rows of the split
    labels: NDArray[np.uint8]  # the true digits
    predictions: NDArray[np.uint8]  # the predicted digits
    confidences: NDArray[np.float32]  # the predicted probability of the predicted digit, 0 to 1
    missed: NDArray[np.float32]  # the predicted probability of the true digit, 0 to 1


@dataclass(frozen=True)
class Report:
    """How well a model classifies a split."""

    count: int  # the number of images
    accuracy: float  # the fraction of correct predictions, 0 to 1
    interval: tuple[float, float]  # low and high end of the accuracy's 95% Wilson interval
    loss: float  # the mean cross-entropy; a probability of 0 counts as 2.2e-16
    confusion: NDArray[np.int64]  # (10, 10); rows are true digits, columns predicted digits
    per_digit: str  # scikit-learn's classification report: precision, recall and F1
    mistakes: Mistakes
    calibration: Calibration


class Ensemble:
    """Several Keras models that predict as one: the mean of their probabilities."""

    def __init__(self, models: "Iterable[keras.Model]"):
        self.models = list(models) if isinstance(models, Iterable) else [None]
        if not self.models or not all(map(callable, self.models)):
            raise ValueError(f"an ensemble takes a list of at least one model; got {models!r}.")

    def __call__(self, inputs, training: bool = False) -> NDArray[np.float32]:
        """Returns the mean probabilities, float32 (n, 10)."""
        return np.mean([np.asarray(model(inputs, training=training)) for model in self.models], 0)


def predict_probabilities(model: Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Predicts the probability of each digit.

    Args:
        model: a Keras model from float32 (n, 28, 28, 1) to probabilities (n, 10), or an `Ensemble`.
        images: uint8 (n, 28, 28), 0 background to 255 ink.

    Returns:
        float32 (n, 10); each row sums to 1.
    """
    inputs = preprocess_images(images)
    if not len(inputs):
        return np.zeros((0, NUM_CLASSES), np.float32)
    # Called directly: `predict` would first compile a loop for each model, which takes longer.
    batches = np.split(inputs, range(_BATCH, len(inputs), _BATCH))
    probabilities = np.concatenate([np.asarray(model(b, training=False)) for b in batches])
    _verify_probabilities(probabilities, len(inputs))
    return probabilities


def _verify_probabilities(outputs, count):
    if outputs.shape != (count, NUM_CLASSES):
        expected = f"{NUM_CLASSES} probabilities for each of {count} images"
        raise ValueError(f"expected {expected}; the model returns the shape {outputs.shape}.")
    if not np.isfinite(outputs).all():
        raise ValueError("the outputs of the model are NaN or infinite. Train it again.")
    if outputs.min() < 0 or not np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        kind = "logits" if outputs.min() < 0 or outputs.max() > 1 else "not probabilities"
        raise ValueError(
            f"the outputs are {kind}: expected numbers from 0 to 1 with sum 1. End the model with "
            "softmax, or add a softmax to it: keras.Sequential([model, keras.layers.Softmax()])."
        )


def predict_digits(model: Model, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Predicts the most probable digit of each image, uint8 (n,). See `predict_probabilities`."""
    return predict_probabilities(model, images).argmax(axis=1).astype(np.uint8)


def evaluate_model(model: Model, split: Split) -> Report:
    """Measures how well a model classifies images that it was not trained on.

    Args:
        model: as for `predict_probabilities`.
        split: the images and their labels; at least one.

    Returns:
        A `Report` of accuracy, loss, confusion, mistakes and calibration.
    """
    labels = verify_labels(split.labels, len(split.images))
    if not len(labels):
        raise ValueError("the split holds no images; nothing can be measured.")
    probabilities = predict_probabilities(model, split.images)
    predictions = probabilities.argmax(axis=1).astype(np.uint8)
    correct, digits = int((predictions == labels).sum()), range(NUM_CLASSES)
    low, high = binomtest(correct, len(labels)).proportion_ci(method="wilson")
    exact = probabilities.astype(np.float64)  # log_loss would clip float32 at 1.2e-7
    return Report(
        count=len(labels),
        accuracy=correct / len(labels),
        interval=(low, high),
        loss=log_loss(labels, exact / exact.sum(axis=1, keepdims=True), labels=digits),
        confusion=confusion_matrix(labels, predictions, labels=digits),
        per_digit=classification_report(
            labels, predictions, labels=digits, digits=4, zero_division=0
        ),
        mistakes=_rank_mistakes(probabilities, predictions, labels),
        calibration=measure_calibration(probabilities, labels),
    )


def _rank_mistakes(probabilities, predictions, labels):
    wrong = np.flatnonzero(predictions != labels)
    confidences = probabilities.max(axis=1)
    rows = wrong[np.argsort(-confidences[wrong], kind="stable")]
    missed = probabilities[rows, labels[rows]]
    return Mistakes(rows, labels[rows], predictions[rows], confidences[rows], missed)
