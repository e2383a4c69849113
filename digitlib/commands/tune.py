"""Search for better settings of a recipe.

Tries random settings, chooses by validation accuracy, and evaluates the best
of them on the test images.
"""

from argparse import Namespace

from digitlib.commands import common
from digitlib.commands.compare import SWEEP, print_runs, run_sweep

ARGUMENTS = {
    "recipe": common.RECIPE,
    "--trials": {"type": int, "default": 10, "metavar": "N", "help": "default: %(default)s"},
    "--seed": common.RANDOM_SEED,
    **SWEEP,
}


def run(options: Namespace) -> int:
    """Runs the command `tune`."""
    from digitlib.experiments.tuning import tune_recipe

    how = {"seed": options.seed, "fixed": common.get_overrides(options)}
    tuning = run_sweep(options, tune_recipe, options.recipe, options.trials, **how)
    best_first = tuning.trials[["overrides", "validation_accuracy", "error"]]
    print(best_first.to_string(index=False, formatters={"validation_accuracy": "{:.2%}".format}))
    print("\nThe best settings, trained again with other seeds:")
    return print_runs(tuning.judged)
