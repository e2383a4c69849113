import math

import numpy as np
import pytest

from digitlib import CAUSES, FAULTS, Split, choose_on_test, train_faulty


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
    assert sorted(FAULTS.values()) == sorted(CAUSES) == [1, 2, 3, 4, 5]
    assert list(FAULTS) == list("ABCDE")


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


def test_choosing_on_test_images_helps_there_and_nowhere_else():
    random = np.random.default_rng(1)
    labels = random.integers(0, 10, 5000)
    scores = random.normal(size=(5000, 10)) + 2.5 * np.eye(10)[labels]
    chosen, new = choose_on_test(scores, labels)
    assert len(chosen) == len(new) == 300
    assert (np.diff(chosen) >= 0).all()
    plain = scores.argmax(axis=1) == labels
    assert chosen[-1] > plain[:100].mean() + 0.01
    assert new[-1] < plain[100:].mean() + 0.005
    again = choose_on_test(scores, labels)
    assert np.array_equal(again, (chosen, new))
