import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, classification_report, log_loss

from digitlib import (
    RECIPES,
    Split,
    evaluate_model,
    predict_digits,
    predict_probabilities,
)
from digitlib.data import LABEL_ERRORS
from digitlib.evaluation import Ensemble
from digitlib.training.networks import build_model


class FixedAnswers:
    """Stands for a model: gives prepared probabilities, and notes what it was asked."""

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def __call__(self, inputs, training):
        assert not training
        self.inputs = inputs
        return self.probabilities


def wilson(correct, count):
    """Wilson's interval by solving his equation: rates 1.96 standard errors from the observed."""
    z, rate = norm.ppf(0.975), correct / count
    low, high = np.sort(np.roots([1 + z**2 / count, -2 * rate - z**2 / count, rate**2]))
    return low, high


@pytest.fixture
def report(split, probabilities):
    return evaluate_model(FixedAnswers(probabilities), split)


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
    assert report.interval == pytest.approx(wilson(report.accuracy * 500, 500), abs=1e-12)


def test_an_ensemble_answers_with_the_mean_of_its_models(split, probabilities):
    other = np.roll(probabilities, 1, axis=0)
    joined = predict_probabilities(
        Ensemble(FixedAnswers(answers) for answers in (probabilities, other, other)), split.images
    )
    np.testing.assert_allclose(joined, (probabilities + 2 * other) / 3, rtol=1e-6)
    one = evaluate_model(Ensemble([FixedAnswers(probabilities)]), split)
    assert one.accuracy == accuracy_score(split.labels, probabilities.argmax(axis=1))


@pytest.mark.parametrize("models", [[], "robust", Path("robust.keras"), ["a", "b"], None, 5])
def test_an_ensemble_takes_models(models):
    with pytest.raises(ValueError, match=r"a list of at least one model; got"):
        Ensemble(models)


def test_an_ensemble_of_a_single_model_without_a_list_is_refused():
    with pytest.raises(ValueError, match=r"a list of at least one model; got <Sequential"):
        Ensemble(build_model(RECIPES["logistic"]))


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
    assert report.loss == pytest.approx(-np.log(np.finfo(np.float64).eps))
    one = certain.copy()
    one[1:] = np.eye(10)[split.labels[1:]]
    once = evaluate_model(FixedAnswers(one), split)
    assert once.loss == pytest.approx(-np.log(np.finfo(np.float64).eps) / 500)


@pytest.mark.parametrize("exponent", [0, -5, -10, -15])
def test_small_probabilities_count_in_full(split, exponent):
    """Single precision would stop at 1.2e-7."""
    probabilities = np.full((500, 10), 0, np.float32)
    probabilities[np.arange(500), split.labels] = 10.0**exponent
    probabilities[np.arange(500), (split.labels + 1) % 10] = 1 - 10.0**exponent
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = evaluate_model(FixedAnswers(probabilities), split)
    assert report.loss == pytest.approx(-exponent * np.log(10), abs=1e-6)


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


LOGITS = (
    r"outputs are logits: .* add a softmax to it: keras\.Sequential\(\[model, .*Softmax\(\)\]\)"
)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (np.full((500, 10), 2), LOGITS),
        (-np.ones((500, 10)), LOGITS),
        (np.full((500, 10), 0.5), "outputs are not probabilities: .* add a softmax"),
        (np.full((500, 10), np.nan), "NaN or infinite"),
        (np.full((500, 10), -np.inf), "NaN or infinite"),
        (-np.eye(10), r"returns the shape \(10, 10\)"),
        (np.full((500, 2), 0.5), r"expected 10 probabilities .* returns the shape \(500, 2\)"),
        (np.full(500, 1.0), r"expected 10 probabilities .* returns the shape \(500,\)"),
    ],
)
def test_answers_that_are_no_probabilities_are_refused(split, answers, message):
    with pytest.raises(ValueError, match=message):
        predict_probabilities(FixedAnswers(answers), split.images)


def test_a_model_that_ends_in_logits_works_with_the_softmax_that_the_message_names(split):
    flatten = keras.layers.Flatten()
    model = keras.Sequential([keras.Input((28, 28, 1)), flatten, keras.layers.Dense(10)])
    with pytest.raises(ValueError, match=LOGITS) as caught:
        predict_probabilities(model, split.images)
    code = str(caught.value).split("add a softmax to it: ")[1].rstrip(".")
    mended = eval(code, {"keras": keras, "model": model})
    scores = np.exp(model.predict(split.images[..., None] / 255, verbose=0))
    expected = scores / scores.sum(axis=1, keepdims=True)
    assert predict_probabilities(mended, split.images) == pytest.approx(expected, abs=1e-6)


def test_splits_of_another_shape_are_refused(split, probabilities):
    model = FixedAnswers(probabilities)
    for images, labels, message in (
        (split.images, split.labels[:-1], "one label for each image; got 499 for 500"),
        (split.images, np.eye(10)[split.labels], "labels must be integers"),
        (split.images, split.labels + 3, "labels must be digits"),
        (split.images / 255, split.labels, "images must be uint8"),
        (split.images[..., None], split.labels, "images must be uint8"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate_model(model, Split(images, labels))


def test_no_images_get_no_answers(split):
    assert predict_digits(FixedAnswers(None), split.images[:0]).shape == (0,)
