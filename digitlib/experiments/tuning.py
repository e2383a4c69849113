"""Search for better settings of a recipe on validation data, then test the best one once."""

import json
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.model_selection import ParameterSampler

from digitlib.experiments.sweep import find_recipe, sweep_recipes
from digitlib.training.recipe import SEED, Setting

_COUNT = Setting(int, "how many", above=0)
_SEARCH_SPACE = {
    "learning_rate": loguniform(1e-4, 1e-2),
    "batch_size": [32, 64, 128, 256],
    "dropout": uniform(0, 0.6),
}


class Tuning(NamedTuple):
    """The outcome of a search."""

    trials: pd.DataFrame  # from `sweep_recipes`, without test results, the best trial first
    chosen: dict[str, Any]  # the overrides of the best trial
    judged: pd.DataFrame  # new runs of `chosen` with other seeds, with test results


def tune_recipe(
    recipe: str,
    num_trials: int,
    *,
    seed: int = 0,  # of the trials and of their settings
    num_seeds: int = 3,  # how many runs of the best trial to evaluate
    fixed: dict[str, Any] | None = None,  # overrides for all trials, such as {"epochs": 2}
    **options: Any,  # `source`, `results` and `jobs`, as for `sweep_recipes`
) -> Tuning:
    """Tries random learning rates, batch sizes and dropout rates, and tests the best of them."""
    fixed = fixed or {}
    if not isinstance(fixed, dict):
        raise ValueError(f'fixed must be a dict such as {{"epochs": 1}}; got {fixed!r}')
    last_seed = SEED.check("seed", seed) + _COUNT.check("num_seeds", num_seeds)
    SEED.check("seed + num_seeds", last_seed)
    own = vars(find_recipe(recipe))
    names = [name for name in _SEARCH_SPACE if own[name] is not None and name not in fixed]
    space = {name: _SEARCH_SPACE[name] for name in names}
    sampled = ParameterSampler(space, _COUNT.check("num_trials", num_trials), random_state=seed)
    settings = [{**fixed, **{n: round(x, 5) for n, x in setting.items()}} for setting in sampled]
    trials = sweep_recipes(recipe, [seed], settings, judge=False, **options)
    measures = ["validation_accuracy", "validation_loss"]
    trials = trials.sort_values(measures, ascending=[False, True], ignore_index=True)
    if trials["validation_accuracy"].isna().all():
        raise ValueError(f"every trial failed; the first with {trials['error'][0]}")
    chosen = json.loads(trials["overrides"][0])
    # The winner's validation accuracy is optimistic, so only new runs see the test split.
    judged = sweep_recipes(recipe, range(seed + 1, last_seed + 1), chosen, **options)
    return Tuning(trials, chosen, judged)
