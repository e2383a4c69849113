import math

import keras
import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, classification_report, log_loss

from digitlib import (
    RECIPES,
    Split,
    compare_predictions,
    evaluate_model,
    predict_digits,
    predict_probabilities,
)
from digitlib.data import LABEL_ERRORS
from digitlib.evaluation import Ensemble, calibrate_model, wilson_interval
from digitlib.training.networks import build_model


class FixedAnswers:
    """Stands for a model: gives prepared probabilities, and notes what it was asked."""

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def __call__(self, inputs, training):
        assert not training
        self.inputs = inputs
        return self.probabilities


@pytest.fixture
def split():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    return Split(images, rng.integers(0, 10, 500, dtype=np.uint8))


@pytest.fixture
def probabilities(split):
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(500, 10)) + 3 * np.eye(10)[split.labels]
    return (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def report(split, probabilities):
    return evaluate_model(FixedAnswers(probabilities), split)


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


def test_any_number_of_images_gets_the_answers_that_keras_gives(split):
    model = build_model(RECIPES["fast"])
    images = np.concatenate([split.images, split.images[:203]])  # the last batch is smaller
    expected = model.predict(images[..., None] / np.float32(255), verbose=0)
    for asked in (model, Ensemble([model, model])):
        for count in (1, 10, 500, 703):
            answers = predict_probabilities(asked, images[:count])
            assert answers == pytest.approx(expected[:count], abs=1e-6)
            assert answers.dtype == np.float32


def test_accuracy_loss_and_text_agree_with_scikit_learn(report, split, probabilities):
    answers = probabilities.argmax(axis=1)
    assert report.count == 500
    assert report.accuracy == accuracy_score(split.labels, answers)
    exact = probabilities.astype(float)
    assert report.loss == pytest.approx(
        log_loss(split.labels, exact / exact.sum(axis=1, keepdims=True)), rel=1e-6
    )
    assert report.per_digit == classification_report(split.labels, answers, digits=4)


def test_an_ensemble_answers_with_the_mean_of_its_models(split, probabilities):
    other = np.roll(probabilities, 1, axis=0)
    joined = predict_probabilities(
        Ensemble(FixedAnswers(answers) for answers in (probabilities, other, other)), split.images
    )
    np.testing.assert_allclose(joined, (probabilities + 2 * other) / 3, rtol=1e-6)
    one = evaluate_model(Ensemble([FixedAnswers(probabilities)]), split)
    assert one.accuracy == accuracy_score(split.labels, probabilities.argmax(axis=1))
    with pytest.raises(ValueError, match="at least one model"):
        Ensemble([])


def test_label_errors_are_rows_of_the_test_split(mnist):
    assert len(set(LABEL_ERRORS)) == 15
    # The labels given, in the order of the published list: an 8 that is a 9, a 0 that is a 6, ...
    given = [8, 0, 9, 4, 2, 5, 6, 6, 5, 5, 0, 1, 4, 6, 5]
    assert mnist.test.labels[list(LABEL_ERRORS)].tolist() == given


def test_confusion_has_the_true_digit_in_rows(report, split, probabilities):
    counted = np.zeros((10, 10), int)
    for label, answer in zip(split.labels, probabilities.argmax(axis=1), strict=True):
        counted[label, answer] += 1
    assert np.array_equal(report.confusion, counted)
    assert not np.array_equal(counted, counted.T)


def test_mistakes_are_complete_and_ranked_by_confidence(report, split, probabilities):
    expected = sorted(
        (-max(row), index)
        for index, (row, label) in enumerate(zip(probabilities.tolist(), split.labels, strict=True))
        if row.index(max(row)) != label
    )
    assert report.mistakes.indices.tolist() == [index for _, index in expected]
    assert report.mistakes.confidences.tolist() == [-confidence for confidence, _ in expected]
    missed = [probabilities[index, split.labels[index]] for _, index in expected]
    assert report.mistakes.missed.tolist() == missed
    assert np.array_equal(report.mistakes.labels, split.labels[report.mistakes.indices])
    assert not (report.mistakes.labels == report.mistakes.predictions).any()


def test_the_network_is_asked_with_preprocessed_images(split, probabilities):
    model = FixedAnswers(probabilities)
    assert np.array_equal(predict_probabilities(model, split.images), probabilities)
    assert model.inputs.shape == (500, 28, 28, 1)
    assert model.inputs.max() == 1
    assert predict_digits(model, split.images).dtype == np.uint8


def test_a_certain_mistake_leaves_the_loss_finite(split):
    certain = np.eye(10, dtype=np.float32)[(split.labels + 1) % 10]
    report = evaluate_model(FixedAnswers(certain), split)
    assert report.accuracy == 0
    assert report.loss == pytest.approx(-np.log(np.finfo(np.float32).tiny))


def test_a_perfect_model_makes_no_mistakes(split):
    report = evaluate_model(FixedAnswers(np.eye(10, dtype=np.float32)[split.labels]), split)
    assert report.accuracy == 1
    assert report.interval[1] == 1
    assert len(report.mistakes.indices) == 0


def test_digits_that_do_not_occur_are_no_problem(probabilities):
    ones = Split(np.zeros((500, 28, 28), np.uint8), np.ones(500, np.uint8))
    assert evaluate_model(FixedAnswers(probabilities), ones).confusion.shape == (10, 10)


def test_an_empty_split_is_refused(split, probabilities):
    empty = Split(split.images[:0], split.labels[:0])
    with pytest.raises(ValueError, match="no images"):
        evaluate_model(FixedAnswers(probabilities), empty)


@pytest.mark.parametrize(
    ("successes", "count"), [(9917, 10_000), (0, 10), (10, 10), (1, 1), (5000, 5000), (37, 90)]
)
@pytest.mark.parametrize("confidence", [0.95, 0.5, 0.999])
def test_wilson_interval_agrees_with_scipy(successes, count, confidence):
    expected = binomtest(successes, count).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, count, confidence=confidence) == pytest.approx(
        tuple(expected), abs=1e-12
    )


def test_accuracy_and_loss_agree_with_keras(split):
    keras.utils.set_random_seed(0)
    flatten = keras.layers.Flatten()
    model = keras.Sequential([keras.Input((28, 28, 1)), flatten, keras.layers.Dense(10, "softmax")])
    model.layers[-1].bias.assign([30, 0, 0, 0, 0, 0, 0, 0, 0, 0])  # sure, and mostly wrong
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    inputs = (split.images / 255)[..., None]
    loss, accuracy = model.evaluate(inputs, split.labels, verbose=0)
    report = evaluate_model(model, split)
    assert report.accuracy == pytest.approx(accuracy)
    assert report.loss == pytest.approx(loss, rel=1e-5)
    assert report.loss > 20


@pytest.mark.parametrize(
    "answers", [np.full((500, 10), 2), np.full((500, 10), np.nan), -np.eye(10)]
)
def test_answers_that_are_no_probabilities_are_refused(split, answers):
    with pytest.raises(ValueError, match="no probabilities"):
        predict_probabilities(FixedAnswers(answers), split.images)


def test_no_images_get_no_answers(split):
    assert predict_digits(FixedAnswers(None), split.images[:0]).shape == (0,)


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


def test_calibration_agrees_with_bins_filled_one_by_one(report, split, probabilities):
    bins = [[] for _ in range(10)]
    for row, label in zip(probabilities.tolist(), split.labels, strict=True):
        bins[min(int(max(row) * 10), 9)].append((max(row), row.index(max(row)) == label))
    calibration = report.calibration
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
        expected = wilson_interval(right * len(entries), len(entries))
        assert tuple(calibration.intervals[number]) == pytest.approx(expected)
        apart += len(entries) / 500 * abs(sure - right)
    assert calibration.error == pytest.approx(apart)


def test_a_model_that_is_always_sure_and_right_is_calibrated(split):
    certain = evaluate_model(FixedAnswers(np.eye(10, dtype=np.float32)[split.labels]), split)
    assert certain.calibration.error == 0
    assert certain.calibration.counts.tolist() == [0] * 9 + [500]
