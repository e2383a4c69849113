"""The programs that measure: that they run and count right. How fast things are is no test."""

import importlib.util
import os
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy import ndimage, stats

from benchmarks import speedrun
from benchmarks.determinism import compare_trainings
from benchmarks.handwriting import CHANGES, match_digits, measure_changes
from benchmarks.inference import COLUMNS as WAY_COLUMNS
from benchmarks.machine import WITHOUT_AVX512, count_operations, describe_processor, measure_peak
from benchmarks.paper import draw_page, draw_photo
from benchmarks.speed import (
    COLUMNS,
    choose_machine,
    count_gigaflop,
    describe_ratios,
    measure_in_child,
)
from benchmarks.speedrun import TIMES, append_rows, bound_mean, summarize
from digitlib import RECIPES, Split, load_model, save_model
from digitlib.handwriting.reading import Digit
from digitlib.training.networks import build_model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not tell peak memory")


ENTRY = """
import numpy as np

def train(train, validation, seed):
    assert len(train.labels) + len(validation.labels) == 1200
    return lambda images: np.full(len(images), seed)
"""


def test_a_run_is_measured_in_full():
    run = {"name": "fast", "epochs": 3, "images": 1200, "seed": 0}
    measured = measure_in_child(run, dict(os.environ))
    elsewhere = {"repeat", "gigaflop", "peak_gigaflops", *describe_processor()}
    assert set(measured) | elsewhere == set(COLUMNS)
    assert (measured["images"], measured["epochs"]) == (1200, 3)
    assert 0.3 < measured["test_accuracy"] < 1
    assert 0 < measured["fit_cpu_seconds"] < measured["process_cpu_seconds"]
    assert 0 < measured["fit_wall_seconds"] < measured["process_wall_seconds"]
    assert 200 < measured["peak_megabytes"] < 2000


def test_anyone_can_enter_a_file(tmp_path, mnist):
    (tmp_path / "threes.py").write_text(ENTRY)
    run = {"name": str(tmp_path / "threes.py"), "epochs": None, "images": 1200, "seed": 3}
    measured = measure_in_child(run, dict(os.environ))
    assert measured["test_accuracy"] == (mnist.test.labels == 3).mean()


def test_ratios_are_those_of_the_medians():
    costs = [("stacked_conv", 1, 90), ("keras_example", 1, 9), ("keras_example", 15, 100)]
    costs += [("accurate", 3, 30), ("fast", 2, 5), ("fast", 2, 7), ("fast", 2, 6)]
    rows = [
        {"name": n, "epochs": e, "fit_cpu_seconds": c, "fit_wall_seconds": c - 4}
        for n, e, c in costs
    ]
    assert describe_ratios(rows) == [
        " CPU-s       s",
        "150.00  430.00  10 epochs of stacked_conv / fast",
        " 22.50   37.50  15 epochs of keras_example / fast",
        "  0.33    0.30  accurate / one epoch of stacked_conv",
    ]


def test_operations_are_counted_from_the_layers():
    """By hand, for `fast`: 16 kernels of 5 x 5, 32 of 3 x 3 x 16, then 800 to 128 to 10."""
    first = 2 * 24 * 24 * 16 * 25
    rest = 2 * (10 * 10 * 32 * 9 * 16 + 800 * 128 + 128 * 10)
    assert count_operations(build_model(RECIPES["fast"])) == (first + rest, 2 * first + 3 * rest)
    dense = 2 * (784 * 128 + 128 * 10)
    assert count_operations(build_model(RECIPES["dense"]))[0] == dense
    assert count_gigaflop("dense", 1, 60_000, seed=0) == pytest.approx(
        (55_000 * (3 * dense - 2 * 784 * 128) + 5_000 * dense) / 1e9, abs=0.1
    )


def test_the_processor_is_named_and_its_peak_is_above_one_small_product():
    machine, environment = choose_machine()
    imitated, changed = choose_machine(without_avx512=True)
    assert machine["processor"]
    assert machine["cores"] >= 1
    assert imitated["avx512_vnni"] is False
    assert imitated["processor"].startswith(machine["processor"])
    assert changed == environment | WITHOUT_AVX512
    assert 0 < measure_peak(size=8, repeats=1) < measure_peak(size=1024)


def test_the_speedrun_asks_for_a_bound_above_its_target():
    """The bound agrees with SciPy's interval, of which it is the lower end."""
    accuracies = np.array([0.9902, 0.9906, 0.9904, 0.9903, 0.9907] * 2)
    interval = stats.ttest_1samp(accuracies, 0).confidence_interval(0.9)
    assert bound_mean(accuracies.tolist()) == pytest.approx(interval.low)
    times = dict.fromkeys(TIMES, 10.0)
    for shift, count, target in [
        (0, 10, 0.99),
        (-0.0004, 10, None),
        (0.005, 10, 0.995),
        (0, 9, None),
    ]:
        runs = [{"test_accuracy": float(a + shift), **times} for a in accuracies[:count]]
        row = summarize("fast", runs)
        assert row["target"] == target
        assert row["seeds"] == count
        assert row["fit_cpu_seconds"] == 10


def test_the_speedrun_refuses_what_it_cannot_measure(run_python, tmp_path):
    for arguments, message in [
        (["slow"], "'slow' is neither a recipe nor a Python file; recipes: fast,"),
        (["fast", "--seeds", 9], "at least 10 seeds, and 2 for the peers"),
        (["fast", "--peer-seeds", 1], "at least 10 seeds, and 2 for the peers"),
    ]:
        done = run_python("-m", "benchmarks.speedrun", *arguments)
        assert done.returncode != 0
        assert message in done.stderr


def test_the_ledger_grows_by_runs(tmp_path):
    row = dict.fromkeys(speedrun.COLUMNS, "")
    for _ in range(2):
        append_rows(tmp_path / "ledger.csv", [{**row, "entry": "a"}, {**row, "entry": "b"}])
    ledger = pd.read_csv(tmp_path / "ledger.csv")
    assert ledger["entry"].tolist() == ["a", "b"] * 2
    assert ledger["run"].tolist() == [1, 1, 2, 2]


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
    counts = "--small", "20", "--photos", "3", "--pages", "2"
    done = run_python("-m", "benchmarks.handwriting", "robust", *counts, cwd=ROOT)
    assert re.search(r"robust: 8 x 8 digits: \d+\.\d\d% of 20\n", done.stdout)
    assert "robust: photographs: " in done.stdout
    assert "robust: 2 pages, " in done.stdout
