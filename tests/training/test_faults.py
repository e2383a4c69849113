import math

import numpy as np
import pytest

from digitlib import Split, train_faulty, try_variants
from digitlib.training.faults import FAULTS


@pytest.fixture(scope="module")
def histories(mnist):
    train, validation = (
        Split(mnist.train.images[start:end], mnist.train.labels[start:end])
        for start, end in ((0, 3000), (3000, 4000))
    )
    return {
        letter: train_faulty(letter, train, validation, epochs=4)
        for letter in ("healthy", "A", "B", "C", "D")
    }


def test_every_cause_has_one_letter():
    assert sorted(FAULTS.values()) == [1, 2, 3, 4, 5]
    assert list(FAULTS) == list("ABCDE")


@pytest.mark.parametrize("letter", ["a", "F", "", None, "Healthy", 1])
def test_an_unknown_letter_is_refused(mnist, letter):
    with pytest.raises(ValueError, match="letter must be one of A, B, C, D, E or healthy; got"):
        train_faulty(letter, mnist.train, mnist.test)


@pytest.mark.parametrize("numbers", [{"epochs": 0}, {"epochs": 1.5}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(mnist, numbers):
    with pytest.raises(ValueError, match=f"{next(iter(numbers))} must be a whole number"):
        train_faulty("A", mnist.train, mnist.test, **numbers)


def test_without_a_fault_it_learns(histories):
    assert histories["healthy"]["val_accuracy"][-1] > 0.85


@pytest.mark.parametrize(
    ("cause", "symptom"),
    [
        # One of two softmax cannot give more than e / (e + 9) to a digit: its loss stays above.
        (4, lambda h: min(h["loss"]) > math.log(1 + 9 / math.e) and h["val_accuracy"][-1] > 0.5),
        (2, lambda h: h["loss"][-1] < h["loss"][0] and max(h["val_accuracy"]) < 0.25),
        (1, lambda h: h["loss"][0] > math.log(10) and h["val_accuracy"][-1] > 0.7),
        (3, lambda h: max(h["loss"]) > math.log(10) and h["val_accuracy"][-1] < 0.2),
    ],
)
def test_each_fault_shows_its_symptom_and_the_healthy_run_does_not(histories, cause, symptom):
    letter = next(letter for letter, number in FAULTS.items() if number == cause)
    assert symptom(histories[letter])
    assert not symptom(histories["healthy"])


@pytest.fixture(scope="module")
def classifier():
    random = np.random.default_rng(1)
    labels = random.integers(0, 10, 5000)
    return random.normal(size=(5000, 10)) + 2.5 * np.eye(10)[labels], labels


def test_choosing_by_few_images_helps_there_and_nowhere_else(classifier):
    chosen, new = try_variants(*classifier)
    assert len(chosen) == len(new) == 300
    assert (np.diff(chosen) >= 0).all()
    plain = (classifier[0].argmax(axis=1) == classifier[1]).mean()
    assert chosen[0] == pytest.approx(new[0], abs=0.01)
    assert chosen[-1] > plain + 0.01
    assert new[-1] < plain + 0.002


def test_variants_agree_with_trying_them_one_by_one(classifier):
    scores, labels = classifier[0][:60], classifier[1][:60]
    preferences = np.random.default_rng(3).normal(0, 0.1 * scores.std(), (7, 10))
    expected = []
    for first in range(0, 60, 20):
        used = np.arange(60) // 20 == first // 20
        best, curve = -1, []
        for each in preferences:
            right = (scores + each).argmax(axis=1) == labels
            if right[used].mean() > best:
                best, new = right[used].mean(), right[~used].mean()
            curve.append((best, new))
        expected.append(curve)
    measured = try_variants(scores, labels, num_test=20, num_variants=7, seed=3)
    assert np.transpose(measured) == pytest.approx(np.mean(expected, axis=0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros((50, 9))}, r"scores must be finite numbers \(n, 10\); got .*9"),
        ({"scores": np.zeros(50)}, r"scores must be finite numbers \(n, 10\); got"),
        ({"scores": np.full((50, 10), np.nan)}, "scores must be finite"),
        ({"labels": np.zeros(49, int)}, "one label for each image; got 49 for 50"),
        ({"labels": np.zeros(50)}, "labels must be integers"),
        ({"num_test": 50}, "num_test must be a whole number from 1 to 49; got 50"),
        ({"num_test": 0}, "num_test must be a whole number from 1 to 49; got 0"),
        ({"num_variants": 0}, "num_variants must be a whole number of at least 1; got 0"),
        ({"num_variants": 2.5}, "num_variants must be a whole number of at least 1; got 2.5"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
    ],
)
def test_impossible_variants_are_refused(changes, message):
    usual = {"scores": np.zeros((50, 10)), "labels": np.zeros(50, int), "num_test": 10}
    with pytest.raises(ValueError, match=message):
        try_variants(**{**usual, **changes})
