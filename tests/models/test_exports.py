"""Exported models answer as their originals do. Trained ones: those of chance agree too easily."""

import importlib.util
import sys

import keras
import numpy as np
import pytest

from digitlib import evaluate_model, load_model
from digitlib.models.exports import compare_exported, export_model, load_exported


@pytest.fixture(scope="module")
def model():
    return load_model("robust")


@pytest.mark.parametrize(
    ("name", "package"),
    [("reader.tflite", "ai_edge_litert"), ("reader.onnx", "onnxruntime"), ("reader", "tensorflow")],
)
def test_an_export_answers_as_the_original(model, mnist, tmp_path, name, package):
    pytest.importorskip(package)
    if name.endswith(".onnx"):
        pytest.importorskip("tf2onnx")
    export_model(model, tmp_path / name)
    exported = load_exported(tmp_path / name)
    agreement = compare_exported(model, exported, mnist.test.images[:1000])
    assert agreement.same == 1
    assert agreement.difference < 1e-5
    # Compared by hand, too, and with other numbers of images than before.
    inputs = mnist.test.images[:3, :, :, None] / np.float32(255)
    for count in (1, 3):
        assert np.allclose(exported(inputs[:count]), model(inputs[:count]), atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_integers_of_8_bits_are_small_and_nearly_as_accurate(model, mnist, tmp_path):
    pytest.importorskip("ai_edge_litert")
    export_model(model, tmp_path / "floats.tflite")
    export_model(model, tmp_path / "small.tflite", calibration=mnist.train.images[:500])
    sizes = [(tmp_path / name).stat().st_size for name in ("floats.tflite", "small.tflite")]
    assert sizes[1] < 0.3 * sizes[0]
    accuracy = evaluate_model(load_exported(tmp_path / "small.tflite"), mnist.test).accuracy
    assert accuracy == pytest.approx(evaluate_model(model, mnist.test).accuracy, abs=0.002)


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(model, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    images = np.zeros((1, 28, 28), np.uint8)
    for name, options, error, message in (
        ("reader.pb", {}, ValueError, r"must end in \.tflite, \.onnx or \.html"),
        ("reader.onnx", {"calibration": images}, ValueError, r"must end in \.tflite"),
        ("reader.tflite", {"calibration": images / 255}, ValueError, "images must be uint8"),
        ("missing/reader.tflite", {}, FileNotFoundError, "is not a folder; create it"),
        ("folder", {}, FileExistsError, "exists already; name a new folder"),
    ):
        with pytest.raises(error, match=message):
            export_model(model, tmp_path / name, **options)

    def write_a_half(self, path, **options):
        path.write_bytes(b"a half")
        raise OSError("the disk is full")

    monkeypatch.setattr(keras.Model, "export", write_a_half)
    for name in ("reader.tflite", "reader"):
        with pytest.raises(OSError, match="disk is full"):
            export_model(model, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("reader.tflite", "ai_edge_litert.interpreter", "ai-edge-litert"),
        ("reader.onnx", "onnxruntime", "onnxruntime"),
    ],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, name, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match=f"^{package} is needed: pip install {package}$"):
        load_exported(tmp_path / name)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"^tf2onnx is needed: pip install tf2onnx$"):
        export_model(None, tmp_path / "reader.onnx")


def test_files_that_are_no_exports_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="export a model first"):
        load_exported(tmp_path / "reader.onnx")
    with pytest.raises(ValueError, match=r"must end in \.tflite, \.onnx or \.html"):
        load_exported(tmp_path / "reader.pb")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="is damaged or not an exported model"):
        load_exported(tmp_path / "folder")
    for name, package in (("reader.tflite", "ai_edge_litert"), ("reader.onnx", "onnxruntime")):
        if importlib.util.find_spec(package):
            (tmp_path / name).write_bytes(b"no model")
            with pytest.raises(ValueError, match="is damaged or not an exported model"):
                load_exported(tmp_path / name)
