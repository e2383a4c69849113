"""Train several recipes with the seeds 0 to N - 1.

Prints the mean and standard deviation of their accuracy.
"""

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import digitlib
from digitlib.commands import common

_VALIDATION = "do not evaluate on the test images: for choosing between settings"
SWEEP = {
    "--output": common.take_path("CSV", "keep each result; skip the runs that it already holds"),
    "--jobs": {"type": int, "metavar": "N", "help": "runs at a time (default: 1 or the cluster's)"},
    "--scheduler": {"metavar": "tcp://HOST:PORT", "help": "run on a Dask cluster instead"},
    "--data": common.DATA,
    **common.OVERRIDES,
}
ARGUMENTS = {
    "recipes": {**common.RECIPE, "nargs": "*", "help": "some of the recipes below (default: all)"},
    "--seeds": {"type": int, "default": 3, "metavar": "N", "help": "default: %(default)s"},
    "--models": common.take_path("DIR", "keep each trained model in this folder"),
    "--validation-only": {"action": "store_true", "help": _VALIDATION},
    **SWEEP,
}


def run(options: Namespace) -> int:
    """Runs the command `compare`."""
    from digitlib.experiments.sweep import sweep_recipes

    recipes, seeds = options.recipes or list(common.RECIPES), range(options.seeds)
    settings = [common.get_overrides(options)]
    more = {"models": options.models, "judge": not options.validation_only}
    return print_runs(run_sweep(options, sweep_recipes, recipes, seeds, settings, **more))


def run_sweep(options: Namespace, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls `sweep_recipes` or `tune_recipe`, on a cluster if the options name one."""
    if options.data and not options.scheduler:
        common.load_data(options.data)  # Otherwise, each run would find the error.
    places = {"source": options.data, "results": options.output, "jobs": options.jobs}
    call = partial(function, *args, **places, **kwargs)
    return call() if options.scheduler is None else _call_on_cluster(options.scheduler, call)


def _call_on_cluster(scheduler, call):
    try:
        from dask.distributed import Client
    except ImportError:
        raise ValueError("a cluster needs Dask: pip install 'digitlib[cluster]'") from None
    import joblib

    with Client(scheduler, timeout=5) as client, joblib.parallel_config(backend="dask"):
        try:
            client.run_on_scheduler(import_module, "digitlib.experiments.sweep")
            client.run(import_module, "digitlib.experiments.sweep")
        except ModuleNotFoundError as error:
            raise ValueError(
                f"the cluster cannot import digitlib ({error}): start scheduler and workers in a "
                "clone with `python -m dask`, or install digitlib there."
            ) from error
        return call()


def print_runs(frame: Any) -> int:
    """Prints the failed runs and a summary of the others; returns the exit code."""
    failed = frame[frame["error"] != ""]
    for row in failed.itertuples():
        print(f"{row.recipe}, seed {row.seed}, failed: {row.error}")
    summary = digitlib.summarize_results(frame)
    measures = "test_mean", "test_deviation", "validation_mean", "validation_deviation"
    formatters = {name: "{:.2%}".format for name in measures if summary[name].notna().any()}
    shown = summary[["recipe", "overrides", "runs", "parameters", *formatters, "cpu_seconds"]]
    formatters["cpu_seconds"] = "{:.0f}".format
    if len(shown):
        print(shown.to_string(index=False, formatters=formatters))
    return int(len(failed) > 0)
