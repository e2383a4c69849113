"""Sweeps of real runs, each in its process: alone, two at a time, on a cluster, killed, resumed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, write_data
from dask.distributed import Client

from digitlib import hold_out, load_mnist, load_model, predict_digits, read_results
from digitlib.experiments.sweep import sweep_recipes
from digitlib.experiments.tuning import tune_recipe

RECIPES, SEEDS, ONE_EPOCH = ["fast", "dense"], [0, 1], [{"epochs": 1}]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the tests kill process groups")


@pytest.fixture(scope="session")
def slice_folder(tmp_path_factory, mnist):
    return write_data(tmp_path_factory.mktemp("slice"), mnist, 1200, 300)


@pytest.fixture(scope="session")
def alone():
    """Two recipes, two seeds, one epoch on all images, one run at a time."""
    return sweep_recipes(RECIPES, SEEDS, ONE_EPOCH, jobs=1)


def start(folder, name, *arguments):
    """Starts Python in the checkout, as the instructions say, with a log in a folder."""
    log = (folder / f"{name}.log").open("w")
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def kill(process):
    """Kills a process and all that it has started, without warning."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler and two workers on loopback: their processes and the address."""
    scheduler_file = tmp_path / "scheduler.json"
    dask = "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0"
    processes = [
        start(tmp_path, "scheduler", *dask, "--no-dashboard", "--scheduler-file", scheduler_file)
    ]
    try:
        wait_for(lambda: scheduler_file.exists() and scheduler_file.stat().st_size > 0)
        worker = "-m", "dask", "worker", "--scheduler-file", scheduler_file
        for number in (1, 2):
            options = "--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path
            processes.append(start(tmp_path, f"worker{number}", *worker, *options))
        with Client(scheduler_file=str(scheduler_file)) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address, processes
    finally:
        for process in processes:
            kill(process)


def compare(folder, *arguments):
    return start(folder, "compare", "-m", "digitlib", "compare", *arguments)


def children_measuring(folder):
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [
        line
        for line in listed.stdout.splitlines()
        if "digitlib.experiments.sweep" in line and str(folder) in line
    ]


def count_rows(path):
    return max(0, len(path.read_text().splitlines()) - 1) if path.exists() else 0


def test_rows_tell_what_was_run(alone):
    assert alone[["recipe", "seed"]].to_numpy().tolist() == [
        *(["fast", 0], ["fast", 1], ["dense", 0], ["dense", 1])
    ]
    assert (alone["overrides"] == '{"epochs": 1}').all()
    assert (alone["epochs"] == 1).all()
    assert alone["parameters"].tolist() == [108_874] * 2 + [101_770] * 2
    assert (alone["error"] == "").all()
    assert (alone[["wall_seconds", "cpu_seconds"]] > 0).all(axis=None)
    assert alone["test_accuracy"].between(0.93, 0.995).all()
    assert alone["test_accuracy"].nunique() == 4


def test_two_at_a_time_give_the_same(alone):
    together = sweep_recipes(RECIPES, SEEDS, ONE_EPOCH, jobs=2)
    measured = ["validation_accuracy", "validation_loss", "test_accuracy", "test_loss"]
    assert together[measured].equals(alone[measured])


def test_a_cluster_gives_the_same_and_survives_the_loss_of_a_worker(alone, cluster, tmp_path):
    address, processes = cluster
    path = tmp_path / "results.csv"
    options = "--seeds", 2, "--epochs", 1, "--scheduler", address, "--output", path
    running = compare(tmp_path, *RECIPES, *options)
    wait_for(lambda: count_rows(path) >= 1)
    kill(processes[1])
    assert running.wait(timeout=300) == 0, (tmp_path / "compare.log").read_text()
    results = read_results(path).sort_values(["recipe", "seed"], ignore_index=True)
    expected = alone.sort_values(["recipe", "seed"], ignore_index=True)
    measured = ["recipe", "seed", "validation_accuracy", "test_accuracy", "test_loss", "error"]
    assert results[measured].equals(expected[measured])


def test_a_killed_sweep_resumes_without_repeating_or_losing_a_row(tmp_path, slice_folder):
    path = tmp_path / "results.csv"
    arguments = "logistic", "--seeds", 4, "--epochs", 1, "--output", path, "--data", slice_folder
    running = compare(tmp_path, *arguments)
    wait_for(lambda: count_rows(path) >= 2)
    os.kill(running.pid, signal.SIGKILL)  # the sweep alone: the run in progress has to notice
    running.wait()
    wait_for(lambda: not children_measuring(slice_folder), seconds=15)
    before = path.read_text()
    assert count_rows(path) < 4
    assert compare(tmp_path, *arguments).wait(timeout=200) == 0
    assert path.read_text().startswith(before)
    assert sorted(read_results(path)["seed"]) == [0, 1, 2, 3]
    finished = path.read_text()
    assert compare(tmp_path, *arguments).wait(timeout=60) == 0
    assert path.read_text() == finished


def test_a_failing_run_does_not_end_the_sweep(slice_folder):
    changes = [{"epochs": 1, "learning_rate": 1e38}, {"epochs": 1}]
    broken, sound = sweep_recipes(
        ["logistic"], [0], changes, source=slice_folder, jobs=2
    ).itertuples()
    assert broken.error.startswith("exit code 1: FloatingPointError: the loss is no number")
    assert sound.error == ""
    assert sound.test_accuracy > 0.2


def test_the_command_line_tells_of_failed_runs(run_python, slice_folder):
    options = "--epochs", 1, "--learning-rate", 1e38, "--seeds", 1, "--data", slice_folder
    done = run_python("-m", "digitlib", "compare", "logistic", *options)
    assert done.returncode == 1
    assert done.stdout.startswith("logistic, seed 0, failed: exit code 1: FloatingPointError")


def test_runs_named_twice_are_run_once(slice_folder):
    frame = sweep_recipes(["logistic"] * 2, [0, 0], [{"epochs": 1}] * 2, source=slice_folder)
    assert len(frame) == 1


def test_tuning_chooses_on_validation_and_judges_once(slice_folder):
    tuning = tune_recipe("dense", 3, fixed={"epochs": 1}, num_seeds=2, source=slice_folder, jobs=2)
    assert len(tuning.trials) == 3
    assert tuning.trials[["test_accuracy", "test_loss"]].isna().all(axis=None)
    accuracies = tuning.trials["validation_accuracy"].tolist()
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > accuracies[-1]
    assert sorted(tuning.chosen) == ["batch_size", "epochs", "learning_rate"]
    assert (tuning.judged["overrides"] == tuning.trials["overrides"][0]).all()
    assert tuning.judged["seed"].tolist() == [1, 2]
    assert tuning.judged["test_accuracy"].notna().all()


def test_tune_prints_trials_and_the_judged_winner(run_python, slice_folder, tmp_path):
    options = "--trials", 2, "--epochs", 1, "--jobs", 2, "--data", slice_folder
    done = run_python(
        "-m", "digitlib", "tune", "logistic", *options, "--output", tmp_path / "t.csv"
    )
    assert done.returncode == 0
    results = read_results(tmp_path / "t.csv")
    assert results["test_accuracy"].notna().tolist() == [False] * 2 + [True] * 3
    trial_rows = results[:2].to_dict("records")
    trial_rows.sort(key=lambda row: (-row["validation_accuracy"], row["validation_loss"]))
    best = [row["overrides"] for row in trial_rows]
    trials, judged = done.stdout.split("The first, trained anew with other seeds:")
    assert [line[: line.index("}") + 1].strip() for line in trials.splitlines()[1:3]] == best
    assert (results["overrides"][2:] == best[0]).all()
    assert f"{results['test_accuracy'][2:].mean():.2%}" in judged


def test_models_are_kept_and_the_test_images_left_alone(run_python, tmp_path):
    (tmp_path / "models").mkdir()
    options = "--seeds", 1, "--epochs", 1, "--models", "models", "--output", "r.csv"
    done = run_python(
        *("-m", "digitlib", "compare", "logistic", "--validation-only", *options), cwd=tmp_path
    )
    assert done.returncode == 0
    row = read_results(tmp_path / "r.csv").iloc[0]
    assert np.isnan(row["test_accuracy"])
    assert "validation_mean" in done.stdout
    assert "test_mean" not in done.stdout
    (kept,) = (tmp_path / "models").iterdir()
    assert kept.name == "logistic-0-epochs=1.keras"
    _, validation = hold_out(load_mnist().train, 1 / 12, seed=0)
    answers = predict_digits(load_model(kept), validation.images)
    assert (answers == validation.labels).mean() == pytest.approx(row["validation_accuracy"])


def test_a_cluster_without_dask_names_the_install_command(run_python):
    words = ["compare", "logistic", "--scheduler", "tcp://127.0.0.1:1"]
    script = "import sys; sys.modules['dask'] = None; from digitlib.__main__ import main"
    done = run_python("-c", f"{script}; sys.exit(main({words}))")
    assert done.returncode == 2
    assert done.stderr == "digitlib: a cluster needs Dask: pip install 'digitlib[cluster]'\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["slow"], "no recipe 'slow'; choose from fast"),
        (["logistic", "--dropout", "0.1"], "recipe logistic has no dropout to override"),
        (["logistic", "--epochs", "0"], "epochs must be above 0; got 0"),
        (["logistic", "--momentum", "1"], "unrecognized arguments: --momentum"),
        (["logistic", "--seeds", "0"], "nothing to run"),
        (["logistic", "--output", "old.csv"], "old.csv was written by another version"),
        (["logistic", "--output", "nowhere/r.csv"], "nowhere"),
        (["logistic", "--models", "nowhere"], "nowhere is not a folder"),
        (["logistic", "--scheduler", "tcp://127.0.0.1:1"], "tcp://127.0.0.1:1 after 5 s"),
        (["logistic", "--scheduler", "nonsense"], "nonsense"),
        (["logistic", "--data", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_wrong_input_is_one_line_within_15_seconds(run_digitlib, tmp_path, arguments, message):
    (tmp_path / "old.csv").write_text("recipe,accuracy\n")
    started = time.monotonic()
    done = run_digitlib("compare", *arguments, cwd=tmp_path)
    assert time.monotonic() - started < 15
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
