import dataclasses
import inspect
import json
import math

import keras
import numpy as np
import pytest

from digitlib import RECIPES, Split, predict_probabilities, train_model
from digitlib.training.synthetic import make_negatives
from digitlib.uncertainty import calibrate_model
from tests.training.small import ONE_EPOCH


def test_run_holds_model_history_and_time(slices):
    recipe = dataclasses.replace(ONE_EPOCH, epochs=2)
    run = train_model(recipe, *slices, seed=0, verbose=0)
    assert sorted(run.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(len(values) == 2 for values in run.history.values())
    assert 0 < run.seconds < 600
    # The last value of the history is that of the returned weights: measured again by Keras.
    inputs = slices[1].images[..., None].astype("float32") / 255
    loss, accuracy = run.model.evaluate(inputs, slices[1].labels, verbose=0)
    assert loss == pytest.approx(run.history["val_loss"][-1], rel=1e-5)
    assert accuracy == pytest.approx(run.history["val_accuracy"][-1], rel=1e-5)


def test_training_uses_the_numbers_of_the_recipe(slices):
    recipe = dataclasses.replace(ONE_EPOCH, batch_size=500, learning_rate=0.0123)
    run = train_model(recipe, *slices, verbose=0)
    assert run.model.optimizer.learning_rate.numpy() == np.float32(0.0123)
    assert int(run.model.optimizer.iterations) == 4  # 2,000 images in batches of 500


def test_validation_images_are_not_learned_from(slices):
    train, validation = slices
    blank = Split(np.zeros_like(validation.images), validation.labels)
    runs = [
        train_model(ONE_EPOCH, train, split, seed=1, verbose=0) for split in (validation, blank)
    ]
    weights = [run.model.get_weights() for run in runs]
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_the_test_split_cannot_be_passed():
    assert list(inspect.signature(train_model).parameters) == [
        *("recipe", "train", "validation", "seed", "verbose", "checkpoint_dir")
    ]


def test_a_progress_bar_is_shown(slices, capsys):
    keras.config.enable_interactive_logging()
    train_model(ONE_EPOCH, *slices)
    assert "16/16" in capsys.readouterr().out  # 2,000 images in batches of 128


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True])
def test_seed_out_of_range_is_refused(slices, seed):
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to 4294967295; got"):
        train_model(ONE_EPOCH, *slices, seed=seed)


def test_scaled_images_are_refused(slices):
    train, validation = slices
    scaled = Split(train.images / 255, train.labels)
    with pytest.raises(ValueError, match="must be uint8"):
        train_model(ONE_EPOCH, scaled, validation, verbose=0)


def test_the_cosine_schedule_rises_for_a_tenth_and_ends_at_zero(slices):
    recipe = dataclasses.replace(ONE_EPOCH, batch_size=100, schedule="cosine")
    schedule = train_model(recipe, *slices, verbose=0).model.optimizer._learning_rate
    # 2,000 images in batches of 100 are 20 steps; 2 of them rise, 18 follow half a cosine.
    expected = [0, 0.5, 1, (1 + np.cos(np.pi / 2)) / 2, 0]
    rates = [float(schedule(step)) / recipe.learning_rate for step in (0, 1, 2, 11, 20)]
    assert rates == pytest.approx(expected, abs=1e-6)


def test_smoothed_labels_share_some_probability_among_all_digits(slices):
    plain = dataclasses.replace(RECIPES["fast"], epochs=1, label_smoothing=0.0)
    smoothed = dataclasses.replace(plain, label_smoothing=0.2)
    run = train_model(smoothed, *slices, verbose=0)
    truth = np.eye(10)[slices[1].labels] * 0.8 + 0.02
    probabilities = run.model.predict(slices[1].images[..., None] / 255, verbose=0)
    by_hand = -(truth * np.log(probabilities)).sum(axis=1).mean()
    assert run.history["val_loss"][-1] == pytest.approx(by_hand, rel=1e-3)
    assert run.history["val_loss"] != train_model(plain, *slices, verbose=0).history["val_loss"]


def test_the_optimiser_has_the_numbers_of_the_recipe(slices):
    recipe = dataclasses.replace(ONE_EPOCH, betas=(0.7, 0.8), weight_decay=0.03)
    optimizer = train_model(recipe, *slices, verbose=0).model.optimizer
    numbers = optimizer.beta_1, optimizer.beta_2, optimizer.weight_decay
    assert numbers == (0.7, 0.8, 0.03)


def test_images_are_moved_while_the_model_learns_and_not_when_it_answers(slices, monkeypatch):
    """In place of small moves, an augmentation that blanks each image tells what was seen."""
    blank = keras.layers.RandomTranslation((1, 1), (1, 1), "constant")  # out of the picture
    monkeypatch.setattr("digitlib.training.train.build_augmentation", lambda *_, **__: blank)
    still = train_model(ONE_EPOCH, *slices, verbose=0)
    moved = train_model(dataclasses.replace(ONE_EPOCH, augmentation=0.1), *slices, verbose=0)
    assert still.history["accuracy"][0] > 0.4
    assert moved.history["accuracy"][0] < 0.2
    assert int(moved.model.optimizer.iterations) == 16
    inputs = slices[1].images[..., None] / 255
    before, after = (
        model.predict(inputs, verbose=0)
        for model in (still.model, keras.Sequential([blank, still.model]))
    )
    assert np.array_equal(before, after)
    _, accuracy = moved.model.evaluate(inputs, slices[1].labels, verbose=0)
    assert accuracy == pytest.approx(moved.history["val_accuracy"][0])


def test_the_last_epochs_see_the_digits_in_their_own_shape(slices, monkeypatch):
    blank = keras.layers.RandomTranslation((1, 1), (1, 1), "constant")
    monkeypatch.setattr("digitlib.training.train.build_augmentation", lambda *_, **__: blank)
    recipe = dataclasses.replace(
        ONE_EPOCH, epochs=3, augmentation=0.1, plain_epochs=2, schedule="cosine"
    )
    run = train_model(recipe, *slices, verbose=0)
    moved, _, plain = run.history["accuracy"]
    assert moved < 0.2 < 0.4 < plain
    # One optimiser and one schedule run through both parts.
    assert int(run.model.optimizer.iterations) == 3 * 16
    assert float(run.model.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    all_plain = dataclasses.replace(recipe, epochs=1, plain_epochs=2)
    assert train_model(all_plain, *slices, verbose=0).history["accuracy"][0] > 0.4
    for cover in ("clutter", "degradation"):  # lies over the digits until the end
        covered = dataclasses.replace(all_plain, **{cover: 0.5})
        assert train_model(covered, *slices, verbose=0).history["accuracy"][0] < 0.2


def test_negative_examples_lower_the_confidence(slices):
    recipe = dataclasses.replace(ONE_EPOCH, loss="categorical_crossentropy", epochs=3)
    negatives = make_negatives(slices[1].images, 100, seed=7)
    unsure = []
    for share in (0.0, 0.5):
        run = train_model(dataclasses.replace(recipe, negatives=share), *slices, verbose=0)
        unsure.append(predict_probabilities(run.model, negatives).max(axis=1).mean())
    steps = math.ceil(1.5 * len(slices[0].labels) / recipe.batch_size)
    assert int(run.model.optimizer.iterations) == 3 * steps
    assert unsure[1] < unsure[0] - 0.1


def test_a_calibrated_recipe_ends_with_the_best_temperature(slices):
    model = train_model(dataclasses.replace(ONE_EPOCH, calibrated=True), *slices, verbose=0).model
    plain = train_model(ONE_EPOCH, *slices, verbose=0).model
    assert calibrate_model(model, slices[1]) == pytest.approx(1, abs=0.01)
    assert calibrate_model(plain, slices[1]) != pytest.approx(1, abs=0.01)


def test_the_record_has_the_settings_by_name_and_is_json(slices):
    recipe = dataclasses.replace(ONE_EPOCH, epochs=np.int64(1), weight_decay=np.float64(0.5))
    run = train_model(recipe, *slices, seed=np.int64(5), verbose=0)
    record = json.loads(json.dumps(run.record))
    assert record["seed"] == 5
    assert set(record) == {
        *("recipe", "seed", "data", "versions", "validation_accuracy", "date"),
    }
    assert set(record["recipe"]) == {
        *("name", "epochs", "batch_size", "learning_rate", "loss", "validation_fraction"),
        *("width", "dropout", "schedule", "betas", "weight_decay", "label_smoothing"),
        *("augmentation", "shear", "stroke", "clutter", "degradation", "writing_styles"),
        *("negatives", "plain_epochs", "batch_norm", "calibrated", "folded", "reported"),
    }
    assert record["recipe"]["weight_decay"] == 0.5
    assert set(record["versions"]) == {"keras", "tensorflow", "numpy"}
