"""The committed results were measured with the code that is there, which repeats itself."""

import functools
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from forked import start_python

from digitlib import RECIPES, read_results
from digitlib.experiments.fingerprint import hash_settings, probe_training
from digitlib.training import train
from digitlib.training.networks import build_model, fold_normalization
from digitlib.training.recipe import Recipe, override_recipe
from tests.training.small import EACH, hold_out_mnist, train_briefly

TABLES = "benchmarks/results.csv", "benchmarks/ablations.csv"
RESULTS = pd.concat(read_results(ROOT / path) for path in TABLES)
TOLERANCE = 0.003  # processors differ by a third of it


@functools.cache
def recipe_of(name, overrides):
    return override_recipe(RECIPES[name], **json.loads(overrides))


@functools.cache
def count_parameters(name, overrides):
    recipe = recipe_of(name, overrides)
    model = build_model(recipe)
    return (fold_normalization(model) if recipe.folded else model).count_params()


def test_each_result_has_the_settings_and_the_size_that_its_recipe_has_today():
    stale = [
        row
        for row in RESULTS.itertuples()
        if row.epochs != recipe_of(row.recipe, row.overrides).epochs
        or row.parameters != count_parameters(row.recipe, row.overrides)
        or row.settings != hash_settings(recipe_of(row.recipe, row.overrides))
    ]
    assert not stale


def test_each_result_was_measured_with_the_training_code_of_today():
    """Of the recipes as they are; the changed ones take minutes, and no other code trains them."""
    assert RESULTS["processor"].str.contains("AVX-512").all()
    assert RESULTS["probe"].notna().all()
    unchanged = RESULTS[RESULTS["overrides"] == "{}"]
    assert set(unchanged["recipe"]) == set(RECIPES)
    for name, rows in unchanged.groupby("recipe"):
        today, _ = train_briefly(RECIPES[name])
        assert rows["probe"].to_numpy() == pytest.approx(today, rel=TOLERANCE), name


REPEAT = """
from tests.training.small import EACH, train_briefly
for recipe in EACH:
    print(recipe.name, train_briefly(recipe)[1])
"""


def test_same_seed_gives_the_same_weights_in_another_process():
    first = [f"{recipe.name} {train_briefly(recipe)[1]}" for recipe in EACH]
    process, printed = start_python(REPEAT)
    assert printed.read().splitlines() == first
    process.join()
    assert len({*first, f"logistic {train_briefly(EACH[-1], seed=1)[1]}"}) == len(EACH) + 1


def test_the_probe_notices_other_code_and_settings(monkeypatch):
    def probe(recipe):
        return probe_training(recipe, *hold_out_mnist(recipe.validation_fraction))

    recipe = RECIPES["dense"]
    loss = probe(recipe)
    assert loss == train_briefly(recipe)[0]
    faster = override_recipe(recipe, learning_rate=0.0011)
    assert probe(faster) != pytest.approx(loss, rel=TOLERANCE)
    batch_images = train.batch_images

    def batch_in_another_order(images, labels, order, size):
        return batch_images(images, labels, np.random.default_rng(1).permutation(order), size)

    monkeypatch.setattr(train, "batch_images", batch_in_another_order)
    assert probe(recipe) != pytest.approx(loss, rel=TOLERANCE)
    broken = override_recipe(recipe, learning_rate=1e30)
    assert np.isnan(probe(broken))


def test_the_hash_changes_with_settings_but_not_with_new_ones():
    @dataclass(frozen=True)
    class Longer(Recipe):
        power: float = 0.0

    fast = RECIPES["fast"]
    assert hash_settings(fast) == hash_settings(Longer(**vars(fast)))
    assert hash_settings(Longer(**vars(fast), power=1.0)) != hash_settings(fast)
    changes = [{"epochs": 3}, {"width": 17}, {"augmentation": 0.01}, {"label_smoothing": 0}]
    hashes = [hash_settings(override_recipe(fast, **change)) for change in changes]
    assert len({hash_settings(fast), *hashes}) == 5
    assert hash_settings(override_recipe(fast, epochs=np.int64(2))) == hash_settings(fast)
