"""Train many runs, on one machine or on a cluster, and keep each result as soon as it is known.

A run is a recipe with a random seed and overrides. joblib distributes the runs; each trains in its
own process on one thread, so no result depends on where it ran or how many others ran beside it.
To use a cluster, call `sweep_recipes` within `joblib.parallel_config(backend="dask")`.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from tqdm.auto import tqdm

from digitlib.experiments.results import KEY, Results, write_overrides
from digitlib.files import expand_home, verify_folder
from digitlib.training.networks import RECIPES
from digitlib.training.recipe import SEED, Recipe, override_recipe


def sweep_recipes(
    recipes: str | Iterable[str],
    seeds: Iterable[int],
    overrides: dict[str, Any] | Iterable[dict[str, Any]] = ({},),  # {} changes nothing
    *,
    source: str | Path | None = None,  # as for `load_mnist`, at the same path on every machine
    results: str | Path | None = None,  # a CSV; runs that it holds are not repeated unless failed
    models: str | Path | None = None,  # a folder for each new model: fast-0-epochs=1.keras
    jobs: int | None = None,  # runs at the same time; None: as joblib is configured, otherwise 1
    judge: bool = True,  # whether to use the test split; a search for settings must not
) -> pd.DataFrame:
    """Trains all recipes with all seeds and all overrides; returns a row of `COLUMNS` per run."""
    recipes = [recipes] if isinstance(recipes, str) else recipes
    overrides = [overrides] if isinstance(overrides, dict) else overrides
    wanted = _list_runs(recipes, seeds, overrides)
    source = source and str(expand_home(source).resolve())
    models = models and str(verify_folder(models).resolve())
    table = Results(results, data=str(source or "MNIST"))
    missing = [run for run in wanted if not table.holds(run, judged=judge)]
    tasks = (joblib.delayed(_run_in_own_process)(run, source, models, judge) for run in missing)
    finished = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(tasks)
    hidden = None if missing and sys.stderr else True  # None: shown in notebooks and terminals
    for row in tqdm(finished, total=len(missing), desc="runs", unit="run", disable=hidden):
        table.append(row)
    return pd.DataFrame(wanted).merge(table.frame(), on=KEY, how="left")


def find_recipe(name: str) -> Recipe:
    """Returns the recipe of this name, or raises ValueError with the names to choose from."""
    if not isinstance(name, str) or name not in RECIPES:
        raise ValueError(f"no recipe {name!r:.40}; choose from {', '.join(RECIPES)}")
    return RECIPES[name]


def _list_runs(recipes, seeds, overrides):
    runs = {}  # A dict, so that a run named twice is listed once.
    try:
        for changes, name, seed in itertools.product(overrides, recipes, seeds):
            override_recipe(find_recipe(name), **changes)
            run = name, SEED.check("seed", seed), write_overrides(changes)
            runs[run] = dict(zip(KEY, run, strict=True))
    except TypeError as error:
        raise ValueError(
            "recipes and seeds must be lists, and overrides must be dicts such as "
            f'{{"epochs": 1}}: {error}'
        ) from error
    if not runs:
        raise ValueError("nothing to run: pass at least one recipe, seed and overrides dict")
    return list(runs.values())


def _run_in_own_process(run, source, models, judge):
    arguments = json.dumps({**run, "source": source, "models": models, "judge": judge})
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    path = filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])
    environment = {"PYTHONPATH": os.pathsep.join(path), **dict.fromkeys(threads, "1")}
    # When the sweep ends, even by a kill, this pipe closes, and the run ends itself.
    read_end, write_end = os.pipe()
    with open(read_end), open(write_end, "w"):
        done = subprocess.run(
            [sys.executable, "-m", "digitlib.experiments.worker", arguments],
            env={**os.environ, **environment},
            stdin=read_end,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only the sweep, which ends its runs itself.
        )
    if done.returncode == 0:
        return {**run, **json.loads(done.stdout.splitlines()[-1]), "error": ""}
    reason = " ".join((done.stderr.strip().splitlines() or ["no message"])[-1].split())
    return {**run, "error": f"exit code {done.returncode}: {reason}"}
