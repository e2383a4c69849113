import dataclasses
import hashlib
import json
import random
import time
import zipfile

import keras
import numpy as np
import pytest
from forked import start_python

from digitlib import RECIPES, Split, load_model, save_model, train_model
from digitlib.models.storage import read_record, verify_destination
from digitlib.training.networks import build_model


@pytest.fixture(scope="module")
def model():
    return build_model(RECIPES["fast"])


@pytest.mark.parametrize(("suffix", "start"), [(".keras", b"PK"), (".h5", b"\x89HDF\r\n\x1a\n")])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_loaded_model_answers_the_same(recipe, suffix, start, tmp_path, small_images):
    model, path = build_model(RECIPES[recipe]), tmp_path / f"digits{suffix}"
    save_model(model, path)
    loaded = load_model(str(path))
    inputs = small_images[..., None] / np.float32(255)
    assert np.array_equal(loaded.predict(inputs, verbose=0), model.predict(inputs, verbose=0))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_keeps_the_record_of_its_training(model, tmp_path, suffix, mnist):
    train = Split(*(array[:500] for array in mnist.train))
    recipe = dataclasses.replace(RECIPES["logistic"], epochs=1)
    run = train_model(recipe, train, train, seed=7, verbose=0)
    path = tmp_path / f"digits{suffix}"
    save_model(run.model, path, record=run.record)
    record = read_record(path)
    assert record == json.loads(json.dumps(run.record))
    assert record["recipe"]["learning_rate"] == recipe.learning_rate
    assert (record["seed"], record["versions"]["keras"]) == (7, keras.__version__)
    assert record["validation_accuracy"] == run.history["val_accuracy"][-1]
    content = train.images.tobytes() + train.labels.tobytes()
    assert record["data"] == hashlib.sha256(content).hexdigest()
    for other in (None, {"recipe": "fast"}, ["no record"]):
        save_model(run.model, path, record=other)
        assert read_record(path) == {}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_save_leaves_the_older_file(model, tmp_path, monkeypatch, interruption):
    path = tmp_path / "digits.keras"
    save_model(model, path)
    before = path.read_bytes()

    def write_a_half(unfinished):
        unfinished.write_bytes(before[:1000])
        raise interruption("in the middle")

    monkeypatch.setattr(model, "save", write_a_half)
    with pytest.raises(interruption, match="in the middle"):
        save_model(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


SAVE_FOR_EVER = """
import itertools, sys
import digitlib
from digitlib.training.networks import build_model
digitlib.start_keras()
model = build_model(digitlib.RECIPES["fast"])
for number in itertools.count():
    model.set_weights([0 * weights + number % 7 for weights in model.get_weights()])
    for path in sys.argv[1:]:
        digitlib.save_model(model, path)
    print("saved", flush=True)
"""


def test_a_kill_leaves_a_complete_model(tmp_path, pytestconfig):
    paths = [tmp_path / "digits.keras", tmp_path / "digits.h5"]
    chance = random.Random(0)
    for _ in range(200 if pytestconfig.getoption("--many") else 10):
        process, printed = start_python(SAVE_FOR_EVER, *paths)
        assert printed.readline() == "saved\n"
        time.sleep(chance.uniform(0, 0.3))
        process.kill()  # SIGKILL
        process.join()
        for path in paths:
            weights = np.concatenate([array.ravel() for array in load_model(path).get_weights()])
            assert len(weights) == 108_874
            assert weights[0] in range(7) and (weights == weights[0]).all()


def test_impossible_destinations_are_refused(tmp_path):
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        verify_destination(tmp_path / "digits.txt")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        verify_destination(tmp_path / "folder.keras")
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        verify_destination(tmp_path / "nowhere" / "digits.keras")


def test_a_read_only_folder_is_refused(tmp_path, monkeypatch):
    # Root may write anywhere, so the system's answer is played.
    monkeypatch.setattr("digitlib.files.os.access", lambda *_: False)
    with pytest.raises(PermissionError, match="cannot be written"):
        verify_destination(tmp_path / "digits.keras")


def test_files_that_are_no_digit_readers_are_refused(model, tmp_path):
    save_model(model, tmp_path / "whole.keras")
    whole = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "text.keras").write_text("hello")
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "model.txt").write_bytes(whole)
    (tmp_path / "text.h5").write_text("hello")
    save_model(model, tmp_path / "whole.h5")
    whole_h5 = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole_h5[: len(whole_h5) // 2])
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("readme", "no model")
    other = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    other.save(tmp_path / "other.keras")
    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    unbuilt.save(tmp_path / "unbuilt.keras")
    custom = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Lambda(lambda x: x)])
    custom.save(tmp_path / "lambda.keras")
    for name, message in {
        "text.keras": "not a zip archive",
        "text.h5": "cannot be loaded",
        "cut.h5": "cannot be loaded",
        "cut.keras": "not a zip archive",
        "model.txt": r"must end in \.keras",
        "zip.keras": "config.json is missing",
        "unbuilt.keras": "no input shape: fit or build the model",
        "lambda.keras": "not supported here: it has a Lambda layer",
        "other.keras": r"takes inputs of shape \(8, 8, 1\); expected images",
    }.items():
        with pytest.raises(ValueError, match=message) as caught:
            load_model(tmp_path / name)
        assert name in str(caught.value)
        assert "safe_mode" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="train a model first"):
        load_model(tmp_path / "nowhere.keras")
