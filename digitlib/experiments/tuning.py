"""Search for better numbers of a recipe, on validation images; the test images judge the winner."""

import json
from typing import NamedTuple

import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.model_selection import ParameterSampler

from digitlib.experiments.sweep import sweep_recipes
from digitlib.training.networks import RECIPES

_SEARCH_SPACE = {
    "learning_rate": loguniform(1e-4, 1e-2),
    "batch_size": [32, 64, 128, 256],
    "dropout": uniform(0, 0.6),
}


class Tuning(NamedTuple):
    """The outcome of a search.

    Attributes:
        trials: the DataFrame of all trials as of `sweep_recipes`, without test results, the best
            validation accuracy first; equal ones by their loss.
        chosen: the overrides of the best trial.
        judged: the DataFrame of `chosen` trained anew with other seeds and judged on test.
    """

    trials: pd.DataFrame
    chosen: dict
    judged: pd.DataFrame


def tune_recipe(recipe, num_trials, *, seed=0, num_seeds=3, fixed=None, **options):
    """Tries random learning rates, batch sizes and dropouts, and judges the best of them once.

    The trials never see a test image. The winner's validation accuracy flatters it, since it won
    by it; therefore it is trained anew with other seeds, and only these runs are judged on test.

    Args:
        recipe: the name of a recipe.
        num_trials: how many random settings to try.
        seed: int; the same seed draws the same settings.
        num_seeds: how many trainings of the winner to judge.
        fixed: overrides that hold for every trial, such as `{"epochs": 2}`.
        options: source, results and jobs, as for `sweep_recipes`.

    Returns:
        A `Tuning`.

    Raises:
        ValueError: as `sweep_recipes`, or every trial failed.
    """
    if recipe not in RECIPES:
        raise ValueError(f"no recipe {recipe!r}; choose from {', '.join(RECIPES)}")
    space = {
        name: values
        for name, values in _SEARCH_SPACE.items()
        if getattr(RECIPES[recipe], name) is not None and name not in (fixed or {})
    }
    sampled = ParameterSampler(space, num_trials, random_state=seed)
    settings = [{**(fixed or {}), **_to_plain_numbers(setting)} for setting in sampled]
    trials = sweep_recipes([recipe], [seed], settings, judge=False, **options)
    trials = trials.sort_values(
        ["validation_accuracy", "validation_loss"], ascending=[False, True], ignore_index=True
    )
    if trials["validation_accuracy"].isna().all():
        raise ValueError(f"every trial failed; the first with {trials['error'][0]}")
    chosen = json.loads(trials["overrides"][0])
    other_seeds = range(seed + 1, seed + 1 + num_seeds)
    return Tuning(trials, chosen, sweep_recipes([recipe], other_seeds, [chosen], **options))


def _to_plain_numbers(setting):
    return {
        name: round(float(value), 5) if isinstance(value, float) else int(value)
        for name, value in setting.items()
    }
