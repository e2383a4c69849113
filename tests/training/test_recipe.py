import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from digitlib.training.networks import RECIPES
from digitlib.training.recipe import SETTINGS, Setting, override_recipe

WHOLE = (2.5, "3", True, None, math.nan, np.float64(2), np.bool_(True), [1])
NUMBER = ("0.1", True, None, math.nan, math.inf, -math.inf, 1j, np.bool_(False))
# For each setting: its type, its range in words, values at the edge of it, and values outside.
TABLE = {
    "epochs": (int, "above 0", [1, 1000], [0, -1, *WHOLE]),
    "batch_size": (int, "above 0", [1, 60_000], [0, -1, *WHOLE]),
    "learning_rate": (float, "above 0", [1e-9, 1, 10.0], [0, -0.1, *NUMBER]),
    "width": (int, "above 0", [1, 64], [0, -1, *WHOLE]),
    "dropout": (float, "0 to below 1", [0, 0.999], [1, -0.1, *NUMBER]),
    "schedule": (str, "constant or cosine", ["constant", "cosine"], ["steps", "", 1, None]),
    "weight_decay": (float, "at least 0", [0, 5], [-0.1, *NUMBER]),
    "label_smoothing": (float, "0 to below 1", [0, 0.999], [1, -0.1, *NUMBER]),
    "augmentation": (float, "0 to 0.5", [0, 0.5], [0.6, -0.1, *NUMBER]),
    "shear": (float, "0 to 1", [0, 1], [1.1, -0.1, *NUMBER]),
    "stroke": (float, "0 to 1", [0, 1], [1.1, -0.1, *NUMBER]),
    "clutter": (float, "0 to 1", [0, 1], [1.1, -0.1, *NUMBER]),
    "degradation": (float, "0 to 1", [0, 1], [1.1, -0.1, *NUMBER]),
    "writing_styles": (float, "0 to 1", [0, 1], [1.1, -0.1, *NUMBER]),
    "negatives": (float, "0 to 1", [0, 1], [1.1, -0.1, *NUMBER]),
    "plain_epochs": (int, "at least 0", [0, 9], [-1, *WHOLE]),
    "batch_norm": (bool, "", [True, False, np.bool_(True)], [1, 0, "True", None]),
}
# All of them fit this recipe, which has every part.
EVERYTHING = RECIPES["best"]


def cases(column):
    return [(name, value) for name, row in TABLE.items() for value in row[column]]


def test_the_settings_are_those_of_the_table():
    assert {name: (each.kind, each.range) for name, each in SETTINGS.items()} == {
        name: row[:2] for name, row in TABLE.items()
    }
    assert all(isinstance(each, Setting) and each.meaning for each in SETTINGS.values())
    assert SETTINGS["schedule"].choices == ("constant", "cosine")
    fixed = {"name", "layers", "loss", "validation_fraction", "betas"}
    fixed |= {"calibrated", "folded", "reported"}
    assert {each.name for each in dataclasses.fields(EVERYTHING)} == {*TABLE, *fixed}


@pytest.mark.parametrize(("name", "value"), cases(2))
def test_values_at_the_edge_are_kept_as_plain_types(name, value):
    for recipe in (
        dataclasses.replace(EVERYTHING, **{name: value}),
        override_recipe(EVERYTHING, **{name: value}),
    ):
        assert getattr(recipe, name) == value
        assert type(getattr(recipe, name)) is TABLE[name][0]


@pytest.mark.parametrize(("name", "value"), cases(3))
def test_other_values_are_refused_everywhere(name, value):
    numbers = {each.name: getattr(EVERYTHING, each.name) for each in dataclasses.fields(EVERYTHING)}
    attempts = [lambda: override_recipe(EVERYTHING, **{name: value})]
    if value is not None or name not in ("width", "dropout", "batch_norm"):
        attempts += [
            lambda: dataclasses.replace(EVERYTHING, **{name: value}),
            lambda: type(EVERYTHING)(**{**numbers, name: value}),
        ]
    for attempt in attempts:
        with pytest.raises(ValueError, match=f"^{name} must be .+; got "):
            attempt()


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.int32(3)])
def test_whole_numbers_of_numpy_are_whole_numbers(value):
    epochs = override_recipe(RECIPES["fast"], epochs=value).epochs
    assert (epochs, type(epochs)) == (3, int)


@pytest.mark.parametrize("value", [np.float32(0.25), np.float64(0.25), Fraction(1, 4)])
def test_numbers_of_any_kind_become_floats(value):
    rate = override_recipe(RECIPES["fast"], learning_rate=value).learning_rate
    assert (rate, type(rate)) == (0.25, float)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("fast", {"momentum": 1}, "no setting 'momentum'; choose from epochs, batch_size"),
        ("fast", {"strangers": 0.1}, "no setting 'strangers'; choose from .*negatives"),
        ("logistic", {"width": 3}, "recipe logistic has no width to override"),
        ("mnist_cnn", {"dropout": 0.1}, "recipe mnist_cnn has no dropout to override"),
        ("fast", {"dropout": 0.1}, "recipe fast has no dropout to override"),
        ("dense", {"batch_norm": True}, "recipe dense has no batch_norm to override"),
        ("ocr", {"dropout": 1.0}, "dropout must be a number from 0 to below 1; got 1.0"),
        ("fast", {"epochs": 1.5}, "epochs must be a whole number above 0; got 1.5"),
        ("fast", {"epochs": 0}, "epochs must be a whole number above 0; got 0"),
        ("fast", {"epochs": "3"}, "epochs must be a whole number above 0; got '3'"),
        ("fast", {"epochs": True}, "epochs must be a whole number above 0; got True"),
        ("fast", {"learning_rate": -0.1}, "learning_rate must be a number above 0; got -0.1"),
        ("fast", {"augmentation": 0.6}, "augmentation must be a number from 0 to 0.5; got 0.6"),
        ("best", {"weight_decay": -0.1}, "weight_decay must be a number of at least 0; got -0.1"),
        ("fast", {"schedule": "steps"}, "schedule must be constant or cosine; got 'steps'"),
        ("fast", {"batch_norm": 1}, "batch_norm must be True or False; got 1"),
        ("mnist_cnn", {"negatives": 0.1}, "negatives needs the loss categorical"),
        ("mnist_cnn", {"label_smoothing": 0.1}, "label_smoothing needs the loss categorical"),
    ],
)
def test_impossible_overrides_are_refused(name, overrides, message):
    with pytest.raises(ValueError, match=message):
        override_recipe(RECIPES[name], **overrides)


@pytest.mark.parametrize("betas", [(0.9, 1), (-0.1, 0.9), (0.9, math.nan), ("0.9", 0.9)])
def test_betas_are_from_0_to_below_1(betas):
    with pytest.raises(ValueError, match="betas must be a number from 0 to below 1; got"):
        dataclasses.replace(EVERYTHING, betas=betas)
