import math

import keras
import numpy as np
import pytest
from test_evaluation import wilson

from digitlib import Split, predict_probabilities
from digitlib.uncertainty import calibrate_model, compare_predictions, measure_calibration


def test_calibration_finds_the_temperature_that_spoilt_a_model(split):
    """Labels are drawn from the probabilities of a model, whose last weights are then tripled."""
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (5000, 28, 28), dtype=np.uint8)
    honest = predict_probabilities(model, images)
    labels = np.array([rng.choice(10, p=row / row.sum()) for row in honest.astype(float)])
    model.layers[-1].set_weights([3 * weights for weights in model.layers[-1].get_weights()])
    assert calibrate_model(model, Split(images, labels.astype(np.uint8))) == pytest.approx(
        3, rel=0.2
    )
    calibrated = predict_probabilities(model, images)
    assert np.abs(calibrated - honest).max() < 0.1
    assert np.array_equal(calibrated.argmax(axis=1), honest.argmax(axis=1))


def test_only_models_that_end_in_softmax_are_calibrated(split):
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
    for last in (keras.layers.Dense(10), keras.layers.Activation("softmax")):
        with pytest.raises(ValueError, match="needs a Dense layer with softmax last; got"):
            calibrate_model(keras.Sequential([*layers, last]), split)


def test_mcnemar_counts_a_fair_coin():
    labels = np.arange(40) % 10
    first, second = labels.copy(), labels.copy()
    first[:3] = second[:2] = -1  # both wrong on two, the first alone on one
    second[10:19] = -1  # the second alone on nine
    comparison = compare_predictions(labels, first, second)
    assert comparison[:2] == (9, 1)
    tails = sum(math.comb(10, heads) for heads in (0, 1, 9, 10))
    assert comparison.p_value == pytest.approx(tails / 2**10)
    swapped = compare_predictions(labels, second, first)
    assert swapped == (1, 9, comparison.p_value)


def test_models_that_agree_are_not_told_apart():
    assert compare_predictions([1, 2], [1, 3], [1, 4]) == (0, 0, 1.0)


@pytest.mark.parametrize(
    "arrays",
    [
        ([1, 2, 3], [1, 2], [1, 2, 3]),
        ([1, 2, 3], [1, 2, 3], [1, 2, 3, 4]),
        ([1, 2, 3], [1, 2, 3], 1),
        ([1, 2, 3], [1, 2, 3], [[0.1] * 10] * 3),
        (1, 1, 1),
    ],
)
def test_predictions_of_other_images_are_refused(arrays):
    with pytest.raises(ValueError, match=r"digits of the same images.*; got \("):
        compare_predictions(*arrays)


def test_calibration_agrees_with_bins_filled_one_by_one(split, probabilities):
    bins = [[] for _ in range(10)]
    for row, label in zip(probabilities.tolist(), split.labels, strict=True):
        bins[min(int(max(row) * 10), 9)].append((max(row), row.index(max(row)) == label))
    calibration = measure_calibration(probabilities, split.labels)
    assert calibration.counts.tolist() == [len(entries) for entries in bins]
    assert calibration.counts.min() == 0 < calibration.counts.max()
    apart = 0
    for number, entries in enumerate(bins):
        if not entries:
            assert np.isnan(calibration.accuracies[number])
            assert np.isnan(calibration.intervals[number]).all()
            continue
        sure, right = np.mean(entries, axis=0)
        assert calibration.confidences[number] == pytest.approx(sure)
        assert calibration.accuracies[number] == pytest.approx(right)
        expected = wilson(right * len(entries), len(entries))
        assert tuple(calibration.intervals[number]) == pytest.approx(expected, abs=1e-9)
        apart += len(entries) / 500 * abs(sure - right)
    assert calibration.error == pytest.approx(apart)


def test_a_model_that_is_always_sure_and_right_is_calibrated(split):
    certain = measure_calibration(np.eye(10, dtype=np.float32)[split.labels], split.labels)
    assert certain.error == 0
    assert certain.counts.tolist() == [0] * 9 + [500]


def test_calibration_refuses_what_it_cannot_measure(split, probabilities):
    with pytest.raises(ValueError, match="one label for each image; got 499 for 500"):
        measure_calibration(probabilities, split.labels[1:])
    with pytest.raises(ValueError, match="there are no images"):
        measure_calibration(probabilities[:0], split.labels[:0])


def test_a_confidence_on_the_edge_of_two_bins_belongs_to_the_lower_one():
    confidences = np.array([0.6, 0.7, 0.8, 0.9, 1.0])
    probabilities = np.stack([confidences, 1 - confidences, *np.zeros((8, 5))], axis=1)
    for exact in (probabilities, probabilities.astype(np.float32)):
        assert measure_calibration(exact, np.zeros(5, int)).counts.tolist() == [0] * 5 + [1] * 5
