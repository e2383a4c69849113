"""Sweeps of real runs, each in its process: alone, two at a time, on a cluster, killed, resumed."""

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, write_data
from dask.distributed import Client
from forked import start_python
from nbclient import NotebookClient

import digitlib
from digitlib import hold_out, load_mnist, load_model, predict_digits, read_results
from digitlib.experiments.sweep import sweep_recipes
from digitlib.experiments.tuning import tune_recipe
from digitlib.experiments.worker import measure_run

RECIPES, SEEDS, ONE_EPOCH = ["fast", "dense"], [0, 1], [{"epochs": 1}]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the tests kill process groups")


@pytest.fixture(scope="session")
def slice_folder(tmp_path_factory, mnist):
    return write_data(tmp_path_factory.mktemp("slice"), mnist, 1200, 300)


@pytest.fixture(scope="session")
def part(tmp_path_factory, mnist):
    return write_data(tmp_path_factory.mktemp("part"), mnist, 12_000, 2_000)


@pytest.fixture(scope="session")
def together(part):
    """Two recipes, two seeds, one epoch, two runs at a time."""
    return sweep_recipes(RECIPES, SEEDS, ONE_EPOCH, source=part, jobs=2)


# Runs one after another in a process that has imported Keras before, on one thread as in a sweep;
# without their fingerprints, which train anew.
ALONE = """
import json, os, sys
for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"
from digitlib.experiments import worker
worker.take_fingerprint = lambda *_: {}
for run in json.loads(sys.argv[2]):
    print(json.dumps(worker.measure_run(**run, source=sys.argv[1], models=None, judge=True)))
"""


@pytest.fixture
def start(tmp_path):
    """Starts Python in the checkout, as the instructions say, with a log, until the test ends."""
    processes = []

    def run(name, *arguments):
        with (tmp_path / f"{name}.log").open("w") as log:
            output = {"stdout": log, "stderr": log}
            command = [sys.executable, *map(str, arguments)]
            processes.append(subprocess.Popen(command, cwd=ROOT, start_new_session=True, **output))
        return processes[-1]

    yield run
    for process in processes:
        kill(process)


def kill(process):
    """Kills a process and all that it has started, even if it has itself ended, without warning."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path, start):
    """A Dask scheduler and two workers on loopback: its address and the process of one worker."""
    scheduler_file = tmp_path / "scheduler.json"
    dask = "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0"
    start("scheduler", *dask, "--no-dashboard", "--scheduler-file", scheduler_file)
    wait_for(lambda: scheduler_file.exists() and scheduler_file.stat().st_size > 0)
    worker = "-m", "dask", "worker", "--scheduler-file", scheduler_file
    options = "--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path
    workers = [start(f"worker{number}", *worker, *options) for number in (1, 2)]
    with Client(scheduler_file=str(scheduler_file), timeout=60) as client:
        client.wait_for_workers(2, timeout=180)
        return client.scheduler.address, workers[0]


@pytest.fixture
def compare(start):
    return functools.partial(start, "compare", "-m", "digitlib", "compare")


def children_measuring(folder):
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [
        line
        for line in listed.stdout.splitlines()
        if "digitlib.experiments.worker" in line and str(folder) in line
    ]


def count_rows(path):
    return max(0, len(path.read_text().splitlines()) - 1) if path.exists() else 0


@pytest.fixture
def quick(monkeypatch):
    """Runs that are made up at once; the list of those that were started."""
    started = []

    def run(run, source, models, judge):
        started.append(run)
        changes = json.loads(run["overrides"])
        accuracy = 1 - abs(changes.get("learning_rate", 0.01) - 0.005)
        measured = {"validation_accuracy": accuracy, "validation_loss": 0.1}
        return {**run, **measured, **({"test_accuracy": accuracy} if judge else {}), "error": ""}

    monkeypatch.setattr("digitlib.experiments.sweep._run_in_own_process", run)
    return started


@pytest.fixture
def here(monkeypatch):
    """Runs measured in this process, which has started Keras already, without a second training."""

    def run(run, source, models, judge):
        measured = measure_run(**run, source=source, models=models, judge=judge)
        return {**run, **measured, "error": ""}

    monkeypatch.setattr("digitlib.experiments.sweep._run_in_own_process", run)
    monkeypatch.setattr("digitlib.experiments.fingerprint.probe_training", lambda *_: 0.5)


def test_names_numbers_and_overrides_are_taken_in_their_plain_forms(quick):
    frame = sweep_recipes("fast", np.arange(2), {"epochs": np.int64(3), "augmentation": 0})
    assert frame["recipe"].tolist() == ["fast"] * 2
    assert frame["seed"].tolist() == [0, 1]
    assert (frame["overrides"] == '{"augmentation": 0.0, "epochs": 3}').all()
    frame = sweep_recipes(iter(["fast", "dense"]), iter([0, 1]), iter([{}, {"epochs": 1}]))
    assert len(frame) == 8
    assert sweep_recipes(["fast"], [0], [{"augmentation": 0}, {"augmentation": 0.0}]).shape[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("slow", [0]), "no recipe 'slow'; choose from fast"),
        (([3], [0]), "no recipe 3; choose from fast"),
        (([["fast"]], [0]), r"no recipe \['fast'\]; choose from fast"),
        (([digitlib.RECIPES["fast"]], [0]), r"no recipe Recipe.{0,40}; choose from fast"),
        (([], [0]), "nothing to run"),
        ((["fast"], []), "nothing to run"),
        ((["fast"], [0], []), "nothing to run"),
        ((None, [0]), "must be lists"),
        ((["fast"], 3), "must be lists"),
        ((["fast"], [0], None), "must be lists"),
        ((["fast"], [2.5]), "seed must be a whole number"),
        ((["fast"], [True]), "seed must be a whole number"),
        ((["fast"], ["0"]), "seed must be a whole number"),
        ((["fast"], [-1]), "seed must be a whole number"),
        ((["fast"], [2**32]), "seed must be a whole number"),
        ((["fast"], [0], ["epochs"]), "overrides must be dicts"),
        ((["fast"], [0], [None]), "overrides must be dicts"),
        ((["fast"], [0], [{1: 2}]), "overrides must be dicts"),
        ((["fast"], [0], {"epochs": 2.5}), "epochs must be a whole number"),
        ((["fast"], [0], [{"momentum": 1}]), "no setting 'momentum'"),
        ((["fast"], [0], [{"epochs": 1}, {"epochs": "one"}]), "epochs must be a whole number"),
    ],
)
def test_wrong_arguments_are_one_clear_error(quick, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        sweep_recipes(*arguments, results=tmp_path / "r.csv")
    assert "\n" not in str(caught.value)
    assert quick == []
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"results": "nowhere/r.csv"}, FileNotFoundError, "nowhere is not a folder"),
        ({"results": "r.txt"}, ValueError, r"r\.txt must end in \.csv"),
        ({"models": "nowhere"}, FileNotFoundError, "nowhere is not a folder"),
        ({"models": "file"}, FileNotFoundError, "file is not a folder"),
    ],
)
def test_destinations_are_checked_before_any_run(
    quick, tmp_path, monkeypatch, options, error, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for start_runs in (sweep_recipes, lambda *_, **o: tune_recipe("fast", 2, **o)):
        with pytest.raises(error, match=message):
            start_runs(["fast"], [0], **options)
    assert quick == []


def test_a_table_with_old_names_is_resumed(quick, tmp_path):
    path = tmp_path / "r.csv"
    sweep_recipes("robust", [0, 1], {"negatives": 0.2}, results=path)
    path.write_text(path.read_text().replace("negatives", "strangers"))
    frame = sweep_recipes("robust", [0, 1, 2], {"negatives": 0.2}, results=path)
    assert [run["seed"] for run in quick] == [0, 1, 2]
    assert frame["validation_accuracy"].notna().all()


def test_paths_in_the_home_folder_are_found(quick, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    sweep_recipes("fast", [0], results="~/R.CSV", models="~/models", source="~")
    assert (tmp_path / "R.CSV").exists()
    assert str(tmp_path) in (tmp_path / "R.CSV.json").read_text()


class Terminal(io.StringIO):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def isatty(self):
        return self.answer


@pytest.mark.parametrize("answer", [True, False])
def test_a_bar_is_drawn_on_terminals_only(quick, monkeypatch, answer):
    stderr = Terminal(answer)
    monkeypatch.setattr("sys.stderr", stderr)
    sweep_recipes("fast", [0, 1])
    assert ("runs" in stderr.getvalue()) == answer


def test_a_notebook_gets_a_bar_of_its_own():
    code = """
    import digitlib.experiments.sweep as sweep
    sweep._run_in_own_process = lambda run, *_: {**run, "error": ""}
    sweep.sweep_recipes("fast", [0, 1], jobs=1)["error"].tolist()
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(code))])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": ROOT}}).execute()
    bar, frame = notebook.cells[0].outputs
    assert "application/vnd.jupyter.widget-view+json" in bar["data"]
    assert bar["data"]["text/plain"].startswith("runs: ")
    assert frame["data"]["text/plain"] == "['', '']"


def test_no_standard_error_is_needed(quick, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert len(sweep_recipes("fast", [0, 1])) == 2


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("slow", 3), {}, "no recipe 'slow'"),
        ((["fast"], 3), {}, r"no recipe \['fast'\]"),
        (("fast", 0), {}, "num_trials must be a whole number"),
        (("fast", "3"), {}, "num_trials must be a whole number"),
        (("fast", 2.5), {}, "num_trials must be a whole number"),
        (("fast", None), {}, "num_trials must be a whole number"),
        (("fast", 3), {"num_seeds": 0}, "num_seeds must be a whole number"),
        (("fast", 3), {"num_seeds": "3"}, "num_seeds must be a whole number"),
        (("fast", 3), {"seed": 1.5}, "seed must be a whole number"),
        (("fast", 3), {"seed": 2**32 - 2}, r"seed \+ num_seeds must be a whole number"),
        (("fast", 3), {"fixed": "epochs"}, "fixed must be a dict"),
        (("fast", 3), {"fixed": {"epochs": 0}}, "epochs must be"),
        (("logistic", 3), {"fixed": {"dropout": 0.1}}, "recipe logistic has no dropout"),
    ],
)
def test_wrong_arguments_of_a_search_are_one_clear_error(quick, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        tune_recipe(*arguments, **options)
    assert quick == []


def test_a_search_draws_what_its_seed_decides(quick):
    first, second, other = (tune_recipe("fast", np.int64(4), seed=seed) for seed in (1, 1, 2))
    assert first.trials.equals(second.trials)
    assert set(first.trials["overrides"]).isdisjoint(other.trials["overrides"])
    best = first.trials["validation_accuracy"].idxmax()
    assert (best, first.chosen) == (0, json.loads(first.trials["overrides"][0]))
    assert first.judged["seed"].tolist() == [2, 3, 4]


def test_rows_tell_what_was_run(together):
    assert together[["recipe", "seed"]].to_numpy().tolist() == [
        *(["fast", 0], ["fast", 1], ["dense", 0], ["dense", 1])
    ]
    assert (together["overrides"] == '{"epochs": 1}').all()
    assert (together["epochs"] == 1).all()
    assert together["parameters"].tolist() == [108_874] * 2 + [101_770] * 2
    assert (together["error"] == "").all()
    assert (together[["wall_seconds", "cpu_seconds"]] > 0).all(axis=None)
    assert together["test_accuracy"].between(0.85, 0.995).all()
    assert together["test_accuracy"].nunique() == 4


def test_one_after_another_give_the_same(together, part):
    runs = together[["recipe", "seed", "overrides"]].to_dict("records")
    process, printed = start_python(ALONE, part, json.dumps(runs))
    alone = pd.DataFrame(map(json.loads, printed))
    process.join()
    measured = ["validation_accuracy", "validation_loss", "test_accuracy", "test_loss"]
    assert alone[measured].equals(together[measured])


def test_a_cluster_gives_the_same_and_survives_the_loss_of_a_worker(
    together, part, cluster, compare, tmp_path
):
    address, worker = cluster
    path = tmp_path / "results.csv"
    options = "--seeds", 2, "--epochs", 1, "--data", part, "--output", path
    running = compare(*RECIPES, *options, "--scheduler", address)
    wait_for(lambda: count_rows(path) >= 1 or running.poll() is not None)
    kill(worker)
    assert running.wait(timeout=480) == 0, (tmp_path / "compare.log").read_text()
    results = read_results(path).sort_values(["recipe", "seed"], ignore_index=True)
    expected = together.sort_values(["recipe", "seed"], ignore_index=True)
    measured = ["recipe", "seed", "validation_accuracy", "test_accuracy", "test_loss", "error"]
    assert results[measured].equals(expected[measured])


def test_a_killed_sweep_resumes_without_repeating_or_losing_a_row(
    tmp_path, compare, run_digitlib, slice_folder
):
    path = tmp_path / "results.csv"
    arguments = "logistic", "--seeds", 3, "--epochs", 1, "--output", path, "--data", slice_folder
    running = compare(*arguments)
    wait_for(lambda: count_rows(path) >= 1)
    os.kill(running.pid, signal.SIGKILL)  # the sweep alone: the run in progress has to notice
    running.wait()
    wait_for(lambda: not children_measuring(slice_folder), seconds=15)
    before = path.read_text()
    assert count_rows(path) < 3
    assert run_digitlib("compare", *arguments).returncode == 0
    assert path.read_text().startswith(before)
    assert sorted(read_results(path)["seed"]) == [0, 1, 2]
    finished = path.read_text()
    assert run_digitlib("compare", *arguments).returncode == 0
    assert path.read_text() == finished


def test_a_failing_run_does_not_end_the_sweep(slice_folder):
    changes = [{"epochs": 1, "learning_rate": 1e38}, {"epochs": 1}]
    broken, sound = sweep_recipes(
        ["logistic"], [0], changes, source=slice_folder, jobs=2
    ).itertuples()
    assert broken.error.startswith("exit code 1: FloatingPointError: the loss became NaN")
    assert sound.error == ""
    assert sound.test_accuracy > 0.2


def test_the_command_line_tells_of_failed_runs(run_digitlib, monkeypatch):
    failed = {"error": "exit code 1: FloatingPointError: the loss became NaN"}
    monkeypatch.setattr(
        "digitlib.experiments.sweep._run_in_own_process", lambda run, *_: {**run, **failed}
    )
    done = run_digitlib("compare", "logistic", "--seeds", 1)
    assert done.returncode == 1
    assert done.stdout.startswith("logistic, seed 0, failed: exit code 1: FloatingPointError")


def test_runs_named_twice_are_run_once(quick):
    frame = sweep_recipes(["logistic"] * 2, [0, 0], [{"epochs": 1}] * 2)
    assert len(frame) == len(quick) == 1


def test_tuning_chooses_on_validation_and_judges_once(here, slice_folder):
    tuning = tune_recipe("dense", 3, fixed={"epochs": 1}, num_seeds=2, source=slice_folder)
    assert len(tuning.trials) == 3
    assert tuning.trials[["test_accuracy", "test_loss"]].isna().all(axis=None)
    accuracies = tuning.trials["validation_accuracy"].tolist()
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > accuracies[-1]
    assert sorted(tuning.chosen) == ["batch_size", "epochs", "learning_rate"]
    assert (tuning.judged["overrides"] == tuning.trials["overrides"][0]).all()
    assert tuning.judged["seed"].tolist() == [1, 2]
    assert tuning.judged["test_accuracy"].notna().all()


def test_tune_prints_trials_and_the_judged_winner(here, run_digitlib, slice_folder, tmp_path):
    options = "--trials", 2, "--epochs", 1, "--data", slice_folder, "--output", tmp_path / "t.csv"
    done = run_digitlib("tune", "logistic", *options)
    assert done.returncode == 0
    results = read_results(tmp_path / "t.csv")
    assert results["test_accuracy"].notna().tolist() == [False] * 2 + [True] * 3
    trial_rows = results[:2].to_dict("records")
    trial_rows.sort(key=lambda row: (-row["validation_accuracy"], row["validation_loss"]))
    best = [row["overrides"] for row in trial_rows]
    trials, judged = done.stdout.split("The best settings, trained again with other seeds:")
    assert [line[: line.index("}") + 1].strip() for line in trials.splitlines()[1:3]] == best
    assert (results["overrides"][2:] == best[0]).all()
    assert f"{results['test_accuracy'][2:].mean():.2%}" in judged


def test_models_are_kept_and_the_test_images_left_alone(here, run_digitlib, tmp_path):
    (tmp_path / "models").mkdir()
    options = "--seeds", 1, "--epochs", 1, "--models", "models", "--output", "r.csv"
    done = run_digitlib("compare", "logistic", "--validation-only", *options, cwd=tmp_path)
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
        (["slow"], "'slow' (choose from"),
        (["logistic", "--dropout", "0.1"], "recipe logistic has no dropout to override"),
        (["logistic", "--epochs", "0"], "epochs must be a whole number above 0; got 0"),
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
