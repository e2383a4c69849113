"""The programs that measure: that they run and count right. How fast things are is no test."""

import json
import os

import pytest
from conftest import ROOT

from benchmarks.speed import COLUMNS, describe_ratios
from digitlib import RECIPES, build_model, save_model

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


def test_inference_prints_a_line_for_each_way_and_batch(run_python, tmp_path):
    save_model(build_model(RECIPES["tiny"]), tmp_path / "tiny.keras")
    arguments = "-m", "benchmarks.inference", tmp_path / "tiny.keras", "--seconds", "0.01"
    lines = run_python(*arguments, cwd=ROOT).stdout.splitlines()
    ways = ["model(x)", "model(x) in tf.function", "model.predict(x)", "LiteRT"]
    assert [line[:23].strip() for line in lines[1:]] == ways * 2
    assert [line.split()[-3] for line in lines[1:4]] == ["1"] * 3
