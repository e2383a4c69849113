import json

import pytest

from digitlib import RECIPES
from digitlib.models.explorer import NetworkExplorer
from digitlib.training.networks import build_model

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize("recipe", ["fast", "dense"])
def test_front_ends_without_widgets_get_a_picture(recipe):
    explorer = NetworkExplorer(build_model(RECIPES[recipe]))
    bundle = explorer._repr_mimebundle_()
    assert {"text/plain", "text/html", "image/png", WIDGET} <= set(bundle)
    assert bundle["image/png"] in bundle["text/html"]
    assert ("map 0" in bundle["text/html"]) == (recipe == "fast")
    assert bundle["text/plain"].startswith("Network explorer: run this cell in JupyterLab")


def test_even_the_largest_recipe_is_small_enough_for_a_message():
    explorer = NetworkExplorer(build_model(RECIPES["stacked_conv"]))
    assert len(json.dumps(explorer.network)) < 10_000_000


def test_nothing_is_fetched_from_elsewhere():
    assert "http" not in NetworkExplorer._esm + NetworkExplorer._css
