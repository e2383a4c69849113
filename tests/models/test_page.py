"""What stands in the page of a network. tests/models/test_page_browser.py opens it in a browser."""

import base64
import html.parser
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from digitlib import RECIPES, load_model
from digitlib.models.exports import export_model, load_exported
from digitlib.models.page import describe_network, render_page
from digitlib.training.networks import build_model

RECORD = {"recipe": {"name": "fast"}, "seed": 3, "validation_accuracy": 0.99, "date": "2026-11-26"}
MARKUP = "</script><script>alert(1)</script><!-- & \u2028"


@pytest.fixture(scope="module")
def robust():
    return load_model("robust")


class Elements(html.parser.HTMLParser):
    """The elements of a page, and the text of its scripts and its title."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.setdefault(self.tags[-1] if self.tags else "", []).append(data)

    @property
    def network(self):
        return json.loads(self.texts["script"][0])


def stack(*layers, name="stack"):
    softmax = keras.layers.Dense(10, activation="softmax")
    layers = [keras.Input((28, 28, 1)), *layers, keras.layers.Flatten(), softmax]
    return keras.Sequential(layers, name=name)


def test_the_files_are_small_enough_for_a_mail(robust):
    sizes = {small: len(render_page(robust, small=small).encode()) for small in (False, True)}
    assert sizes[False] <= 2_600_000
    assert sizes[True] <= 0.6 * sizes[False]
    assert len(render_page(build_model(RECIPES["fast"])).encode()) <= 800_000


def test_the_weights_are_those_of_the_model(robust):
    for small in (False, True):
        described = describe_network(robust, small=small)
        content, start = base64.b64decode(described["weights"]), 0
        for weight, array in zip(
            [weight for layer in robust.layers for weight in layer.weights],
            [array for layer in described["layers"] for array in layer["arrays"]],
            strict=True,
        ):
            assert (weight.name, list(weight.shape)) == (array["name"], array["shape"])
            assert array["bits"] == (16 if small and len(array["shape"]) > 1 else 32)
            end = start + weight.numpy().size * array["bits"] // 8
            stored = np.frombuffer(content[start:end], f"<f{array['bits'] // 8}")
            assert np.allclose(stored, weight.numpy().ravel(), rtol=1e-3, atol=1e-7)
            start = end
        assert start == len(content)


def test_a_weight_too_large_for_16_bits_keeps_32():
    model = stack()
    model.set_weights([np.full((784, 10), 1e6, np.float32), np.zeros(10)])
    assert describe_network(model, small=True)["layers"][1]["arrays"][0]["bits"] == 32


def test_markup_in_a_name_or_record_stays_text():
    usual = Elements(render_page(stack(), record=RECORD))
    record = {**RECORD, "recipe": {"name": MARKUP}, "date": MARKUP, "seed": MARKUP}
    odd = Elements(render_page(stack(name=MARKUP.replace("/", "")), record=record))
    assert odd.tags == usual.tags
    assert odd.network["name"] == MARKUP.replace("/", "")
    assert odd.network["record"] == {"recipe": MARKUP, "validation_accuracy": 0.99, "date": MARKUP}
    assert odd.texts["title"][0].startswith(MARKUP.replace("/", "")[:10])
    assert usual.network["record"] == {**RECORD, "recipe": "fast"}


def test_a_model_without_a_name_or_record_is_my_network():
    described = describe_network(keras.Sequential(stack().layers))
    assert (described["name"], described["record"]) == ("My network", {})


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.SeparableConv2D(3, 3, name="odd"), r"the layer odd \(SeparableConv2D\)"),
        (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), "depth_multiplier=2 of the layer"),
        (keras.layers.Conv2D(4, 3, dilation_rate=2), r"dilation_rate=\(2, 2\) of the layer conv2d"),
        (keras.layers.BatchNormalization(axis=1), "axis=1 of the layer batch_norm"),
        (keras.layers.Conv2D(4, 3, activation="mish"), "the activation 'mish' of the layer conv2d"),
        (keras.layers.Activation(keras.activations.mish), "the activation 'mish' of the layer act"),
    ],
)
def test_what_a_page_cannot_show_is_named(layer, message, tmp_path):
    with pytest.raises(ValueError, match=f"a page can't show {message}"):
        export_model(stack(layer), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_layers_of_inner_models_come_in_their_order():
    inner = keras.Sequential([keras.layers.Rescaling(255), stack(keras.layers.Conv2D(2, 3))])
    kinds = [layer["kind"] for layer in describe_network(inner)["layers"]]
    assert kinds == ["Rescaling", "Conv2D", "Flatten", "Dense"]


def test_a_model_that_is_no_sequence_is_refused():
    image = keras.Input((28, 28, 1))
    twice = keras.layers.Conv2D(1, 3, padding="same")
    flat = keras.layers.Flatten()(twice(twice(image)))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(flat))
    with pytest.raises(ValueError, match="layers that follow each other, each used once"):
        describe_network(model)


def test_a_page_is_replaced_only_by_a_whole_one(robust, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("an older page")

    def write_a_half(self, *arguments, **options):
        self.write_bytes(b"a half")
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", write_a_half)
        with pytest.raises(OSError, match="disk is full"):
            export_model(robust, path)
    assert path.read_text() == "an older page"
    export_model(robust, path, small=True, record=RECORD)
    assert Elements(path.read_text("utf-8")).network["record"]["seed"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_only_a_page_takes_what_a_page_has(robust, tmp_path):
    for options in ({"small": True}, {"record": RECORD}):
        with pytest.raises(ValueError, match=r"must end in \.html"):
            export_model(robust, tmp_path / "model.onnx", **options)
    with pytest.raises(ValueError, match="is a page for browsers"):
        load_exported(tmp_path / "page.html")


def test_nothing_is_fetched_from_elsewhere(robust):
    page = render_page(robust)
    assert re.findall(r"https?://|\bimport\b.*from|\bfetch\(|url\(", page) == []
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {"data:,"}


def test_the_command_writes_a_page_and_says_how_large_it_is(run_digitlib, tmp_path):
    sizes = []
    for words in ("", "--small"):
        done = run_digitlib("export", "robust", "page.html", *words.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        sizes.append(float(re.search(r"^Saved as page\.html \(([\d.]+) MB\)", done.stdout)[1]))
    assert sizes[1] < sizes[0] <= 2.6
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
