"""Train many runs, on one machine or a cluster, and keep each result as soon as it is there.

A sweep is a list of runs: each a recipe, a seed and changed numbers. joblib hands the runs out;
each is measured in a process of its own, on one thread, so that a result depends neither on how
many run at a time nor on where.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import pandas as pd
from tqdm.auto import tqdm

from digitlib.experiments.results import KEY, Results
from digitlib.models.storage import verify_destination
from digitlib.training.networks import RECIPES, override_recipe


def sweep_recipes(
    recipes,
    seeds,
    overrides=({},),
    *,
    source=None,
    results=None,
    models=None,
    jobs=None,
    judge=True,
):
    """Trains every recipe with every seed and every set of overrides.

    To run it on a cluster, call it within `joblib.parallel_config(backend="dask")`.

    Args:
        recipes: names of recipes.
        seeds: ints.
        overrides: dicts such as `{"epochs": 1, "dropout": 0.2}`; `{}` leaves a recipe as it is.
        source: a folder as for `load_mnist`, the same on every machine; None: the embedded data.
            Each run loads it by itself.
        results: a CSV that gets a row as soon as a run has finished. Runs that it already holds
            are not repeated, unless they failed; a recipe that was changed since needs a new file.
            None keeps the results in memory only.
        models: a folder that gets the model of each run that is trained now, such as
            `fast-0.keras` of seed 0, or `fast-0-epochs=1.keras`; None keeps no models.
        jobs: runs at a time; None takes joblib's configuration, or else one.
        judge: whether to measure on the test split; a search for settings must not.

    Returns:
        A DataFrame of `COLUMNS`, a row a run, sorted by overrides, recipe and seed as passed:
        `overrides` as JSON, accuracies from 0 to 1, `cpu_seconds` of training, and `error`, empty
        or what ended the run.

    Raises:
        OSError: the folder for the models is missing.
        ValueError: an unknown recipe or override, or a CSV written by another version.
    """
    source = source and str(Path(source).resolve())
    if models:
        verify_destination(Path(models) / "model.keras")
        models = str(Path(models).resolve())
    wanted = _list_runs(list(recipes), list(seeds), list(overrides))
    table = Results(results, data=source or "MNIST")
    missing = [run for run in wanted if not table.holds(run, judged=judge)]
    tasks = (joblib.delayed(_run_in_own_process)(run, source, models, judge) for run in missing)
    finished = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(tasks)
    for row in tqdm(finished, total=len(missing), desc="runs", unit="run", disable=not missing):
        table.append(row)
    return pd.DataFrame(wanted).merge(table.frame(), on=KEY, how="left")


def _list_runs(recipes, seeds, overrides):
    runs = {}  # a dict, so that a run named twice is listed once
    for changes in overrides:
        for recipe in recipes:
            if recipe not in RECIPES:
                raise ValueError(f"no recipe {recipe!r}; choose from {', '.join(RECIPES)}")
            override_recipe(RECIPES[recipe], **changes)
            written = json.dumps(changes, sort_keys=True)
            for seed in seeds:
                run = {"recipe": recipe, "seed": int(seed), "overrides": written}
                runs[tuple(run.values())] = run
    if not runs:
        raise ValueError("nothing to run: pass at least one recipe, one seed and one {}")
    return list(runs.values())


def _run_in_own_process(run, source, models, judge):
    arguments = {**run, "source": source, "models": models, "judge": judge}
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    # When the sweep is gone, this pipe ends, and with it the run.
    read_end, write_end = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "digitlib.experiments.sweep", json.dumps(arguments)],
            env={
                **os.environ,
                **dict.fromkeys(threads, "1"),
                "PYTHONPATH": path.rstrip(os.pathsep),
            },
            stdin=read_end,
            capture_output=True,
            text=True,
            start_new_session=True,  # Ctrl-C is for the sweep, which ends its runs by itself.
        )
    finally:
        os.close(read_end)
        os.close(write_end)
    if done.returncode == 0:
        return {**run, **json.loads(done.stdout.splitlines()[-1]), "error": ""}
    reason = " ".join((done.stderr.strip().splitlines() or ["no message"])[-1].split())
    return {**run, "error": f"exit code {done.returncode}: {reason}"}


def _measure(recipe, seed, overrides, source, models, judge):
    """Trains and judges one run, in the process that `_run_in_own_process` started."""
    import digitlib

    digitlib.start_keras()
    changes = json.loads(overrides)
    recipe = override_recipe(RECIPES[recipe], **changes)
    mnist = digitlib.load_mnist(source and Path(source))
    train, validation = digitlib.hold_out(mnist.train, recipe.validation_fraction, seed=0)
    run = digitlib.train_model(recipe, train, validation, seed=seed, verbose=0)
    if models:
        words = [recipe.name, str(seed), *(f"{name}={value}" for name, value in changes.items())]
        digitlib.save_model(run.model, Path(models) / f"{'-'.join(words)}.keras", record=run.record)
    measured = {
        "parameters": run.model.count_params(),
        "epochs": recipe.epochs,
        "validation_accuracy": run.history["val_accuracy"][-1],
        "validation_loss": run.history["val_loss"][-1],
        "wall_seconds": round(run.seconds, 2),
        "cpu_seconds": round(run.cpu_seconds, 2),
    }
    if judge:
        report = digitlib.evaluate_model(run.model, mnist.test)
        measured |= {"test_accuracy": report.accuracy, "test_loss": report.loss}
    return measured


def _end_with_parent():
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    json.dump(_measure(**json.loads(sys.argv[1])), sys.stdout)
