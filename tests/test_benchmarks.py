"""The programs that measure: that they run and count right. How fast things are is no test."""

import importlib.util
import json
import os

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy import ndimage

from benchmarks.determinism import compare_trainings
from benchmarks.handwriting import CHANGES, match_digits, measure_changes
from benchmarks.inference import COLUMNS as WAY_COLUMNS
from benchmarks.paper import draw_page, draw_photo
from benchmarks.speed import COLUMNS, describe_ratios
from digitlib import RECIPES, Digit, Split, build_model, load_model, save_model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not tell peak memory")


def test_a_run_is_measured_in_full(run_python):
    wanted = {"name": "fast", "epochs": 3, "images": 1200, "seed": 0}
    done = run_python("-m", "benchmarks.speed", "--child", json.dumps(wanted), cwd=ROOT)
    measured = json.loads(done.stdout)
    assert set(measured) | {"name", "repeat", "process_wall_seconds"} == set(COLUMNS)
    assert (measured["images"], measured["epochs"]) == (1200, 3)
    assert 0.3 < measured["test_accuracy"] < 1
    assert 0 < measured["fit_cpu_seconds"] < measured["process_cpu_seconds"]
    assert 200 < measured["peak_megabytes"] < 2000


def test_ratios_are_those_of_the_medians():
    costs = [("stacked_conv", 1, 90), ("keras_example", 1, 9), ("keras_example", 15, 100)]
    costs += [("accurate", 3, 30), ("fast", 2, 5), ("fast", 2, 7), ("fast", 2, 6)]
    rows = [{"name": n, "epochs": e, "fit_cpu_seconds": c} for n, e, c in costs]
    assert describe_ratios(rows) == [
        "150.00  10 epochs of stacked_conv / fast",
        " 22.50  15 epochs of keras_example / fast",
        "  0.33  accurate / one epoch of stacked_conv",
    ]


def test_each_way_of_reading_is_measured(run_python, tmp_path):
    save_model(build_model(RECIPES["tiny"]), tmp_path / "tiny.keras")
    arguments = "-m", "benchmarks.inference", tmp_path / "tiny.keras", "--seconds", "0.01"
    done = run_python(*arguments, "--output", tmp_path / "ways.csv")
    measured = pd.read_csv(tmp_path / "ways.csv").set_index("way")
    assert list(measured.columns) == WAY_COLUMNS[1:]
    keras = measured.loc["Keras: model(x)"]
    saved = (tmp_path / "tiny.keras").stat().st_size / 1000
    assert keras["kilobytes"] == pytest.approx(saved, abs=2)
    for way in ("Keras: model(x)", "Keras: in tf.function", "Keras: predict", "SavedModel"):
        assert way in done.stdout
        assert measured.loc[way, "same_digits"] == 1
        assert measured.loc[way, "largest_difference"] < 1e-5
        assert measured.loc[way, "test_accuracy"] == pytest.approx(keras["test_accuracy"], abs=1e-3)
        assert measured.loc[way, "images_per_second"] > 0
    for way, module in (("LiteRT", "ai_edge_litert"), ("ONNX", "onnxruntime")):
        installed = importlib.util.find_spec(module) is not None
        assert (way in measured.index) == installed
        assert installed or f"{way:21} " in done.stdout


def test_another_seed_is_seen_and_a_repetition_is_not():
    weights = np.array([0.5, -1])
    one = {"weights": weights, "answers": np.array([1, 2, 3]), "accuracy": 1.0, "versions": "v"}
    other = {**one, "weights": weights + np.array([0, 0.25]), "answers": np.array([1, 2, 4])}
    same, moved = compare_trainings(one, one), compare_trainings(one, other)
    assert (same["same_weights"], same["largest_difference"], same["other_answers"]) == (True, 0, 0)
    assert moved["same_weights"] is False
    assert (moved["largest_difference"], moved["other_answers"]) == (0.25, 1)


def change(name, images, amount):
    function, _ = CHANGES[name]
    return function(images, amount, np.random.default_rng(0)).astype(float)


def test_no_change_leaves_the_images(small_images):
    for name in ("shift (pixels)", "rotation (degrees)", "noise (deviation)", "blur (pixels)"):
        assert np.array_equal(change(name, small_images, 0), small_images), name
    assert np.abs(change("contrast", small_images, 1.0) - small_images).max() <= 1


def test_changes_are_as_large_as_they_say(mnist):
    images = mnist.test.images[:50]
    middles = [
        [ndimage.center_of_mass(i) for i in x]
        for x in (images, change("shift (pixels)", images, 3))
    ]
    assert np.hypot(*np.subtract(*middles).T).mean() == pytest.approx(3, abs=0.5)
    noise = change("noise (deviation)", np.full((50, 28, 28), 128, np.uint8), 0.1)
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    faded = change("contrast", np.array([[[0, 255]]], np.uint8), 0.2)
    assert np.ptp(faded) == pytest.approx(51, abs=1)
    one = np.zeros((1, 28, 28), np.uint8)
    one[0, 4:24, 12:16] = 255
    widths = [change("stroke width (pixels)", one, width)[0, 14].sum() / 255 for width in (1, 3, 6)]
    assert widths == pytest.approx([1, 3, 6], abs=0.5)


def test_changes_are_measured_for_each_model(mnist):
    part = Split(mnist.test.images[:200], mnist.test.labels[:200])
    rows = list(measure_changes({"reader": load_model("robust")}, part))
    assert len(rows) == sum(len(amounts) for _, amounts in CHANGES.values())
    assert all(0 <= row["accuracy"] <= 1 and row["images"] == 200 for row in rows)
    unchanged = next(row["accuracy"] for row in rows if row["change"] == "shift (pixels)")
    assert unchanged > 0.97


def test_paper_is_drawn_as_the_seed_says(mnist):
    for draw in (
        lambda rng: draw_photo(mnist.test.images[0], rng),
        lambda rng: draw_page(mnist.test.images[:5], rng),
    ):
        first, same, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first.dtype == np.uint8
        assert first.ndim == 2
        assert np.array_equal(first, same)
        assert first.shape != other.shape


def test_digits_are_matched_in_order():
    def digits(text):
        rows = np.eye(10)[[int(letter) for letter in text]]
        return [Digit(str(row.argmax()), (0, 0, 1, 1), None, row) for row in rows]

    for read, written, right in [
        ("123", "123", "111"),
        ("1723", "123", "1011"),
        ("13", "123", "11"),
        ("128", "123", "110"),
        ("", "1", ""),
    ]:
        expected = [letter == "1" for letter in right]
        assert match_digits(digits(read), [int(x) for x in written]).tolist() == expected


def test_handwriting_prints_what_was_read(run_python):
    arguments = "-m", "benchmarks.handwriting", "robust", "--photos", "3", "--pages", "2"
    done = run_python(*arguments, cwd=ROOT)
    assert "robust: 8 x 8 digits: " in done.stdout
    assert "robust: photographs: " in done.stdout
    assert "robust: 2 pages, " in done.stdout
