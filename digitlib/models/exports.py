"""Take a trained model along, to where there is no Keras: a phone, a browser, a server."""

import os
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digitlib.evaluation import predict_probabilities
from digitlib.files import replace_when_complete, verify_folder
from digitlib.images import preprocess_images
from digitlib.startup import hold_back_stderr

# The formats by the ending of their names; a SavedModel is a folder.
_FORMATS = {".tflite": "litert", ".onnx": "onnx", "": "tf_saved_model"}
# What is needed beyond requirements.txt, and the package that brings it.
_PACKAGES = {
    "ai_edge_litert.interpreter": "ai-edge-litert",
    "onnxruntime": "onnxruntime",
    "tf2onnx": "tf2onnx",
}


class Agreement(NamedTuple):
    """How well an exported model agrees with the one that it was made from.

    Attributes:
        same: the share of images for which both answer the same digit, 0 to 1.
        difference: the largest difference of two probabilities, 0 to 1.
    """

    same: float
    difference: float


def export_model(model, path, *, calibration=None):
    """Writes a model in another format, whole or not at all.

    Args:
        model: a Keras model from (n, 28, 28, 1) to (n, 10).
        path: a file ending in `.tflite` (LiteRT) or in `.onnx` (ONNX), replaced if it exists; or a
            new folder without an ending (TensorFlow's SavedModel).
        calibration: for `.tflite` only: uint8 images (n, 28, 28), a few hundred of those trained
            with. Weights and calculation become integers of 8 bits, whose ranges are taken from
            these images. None: they stay float32.

    Raises:
        ModuleNotFoundError: a package for this format is not installed; the message names it.
        OSError: it cannot be written there.
        ValueError: no such format.
    """
    path = Path(path)
    _check_suffix(path)
    if calibration is not None and path.suffix != ".tflite":
        raise ValueError(f"{path} must end in .tflite to become integers of 8 bits.")
    verify_folder(path.parent)
    options = {}
    if path.suffix == ".onnx":
        _import("tf2onnx")
    elif calibration is not None:
        options = _integer_options(preprocess_images(calibration))
    if path.suffix:
        with replace_when_complete(path) as unfinished:
            _export(model, unfinished, **options)
    elif path.exists():
        raise FileExistsError(f"{path} exists already; name a new folder.")
    else:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            _export(model, Path(folder) / "model")
            os.replace(Path(folder) / "model", path)


def load_exported(path):
    """Opens an exported model.

    For files of your own only: unlike `load_model`, this does not look into the file first, and
    these formats may hold more than a network.

    Args:
        path: what `export_model` wrote.

    Returns:
        A function from float32 (n, 28, 28, 1) to (n, 10). It stands for a model wherever
        `evaluate_model` and its like take one.

    Raises:
        ModuleNotFoundError: a package for this format is not installed; the message names it.
        OSError, ValueError: as `export_model`, or the file is damaged.
    """
    path = Path(path)
    _check_suffix(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; export a model first.")
    open_file = {".tflite": _open_litert, ".onnx": _open_onnx, "": _open_saved_model}[path.suffix]
    try:
        return open_file(path)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # Each runtime has errors of its own.
        raise ValueError(f"{path} is damaged, or no exported model: export it again.") from error


def compare_exported(model, exported, images):
    """Asks a model and its export the same.

    Args:
        model: the Keras model.
        exported: what `load_exported` returned.
        images: uint8 (n, 28, 28).

    Returns:
        An `Agreement`.
    """
    own, other = (predict_probabilities(reader, images) for reader in (model, exported))
    same = (own.argmax(axis=1) == other.argmax(axis=1)).mean()
    return Agreement(float(same), float(np.abs(own - other).max()))


def _check_suffix(path):
    if path.suffix not in _FORMATS:
        raise ValueError(f"{path} must end in .tflite or .onnx, or have no ending: a folder.")


def _export(model, path, **options):
    # TensorFlow's converters tell what they do, and tf2onnx warns of its own code.
    with hold_back_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format=_FORMATS[path.suffix], verbose=False, **options)


def _integer_options(inputs):
    import tensorflow as tf

    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": lambda: ([image[None]] for image in inputs),
    }


def _import(name):
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = _PACKAGES[name]
        raise ModuleNotFoundError(f"{package} is needed: pip install {package}") from error


def _open_litert(path):
    interpreter = _import("ai_edge_litert.interpreter").Interpreter(
        str(path), num_threads=os.cpu_count()
    )
    interpreter.allocate_tensors()
    (entry,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()

    def read(inputs, training=False):
        if tuple(interpreter.get_input_details()[0]["shape"]) != inputs.shape:
            interpreter.resize_tensor_input(entry["index"], inputs.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], inputs)
        interpreter.invoke()
        probabilities = interpreter.get_tensor(answer["index"])
        # With 8 bits they are multiples of 1/256, whose sum is a little off.
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    return read


def _open_onnx(path):
    session = _import("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()

    def read(inputs, training=False):
        return session.run(None, {entry.name: inputs})[0]

    return read


def _open_saved_model(path):
    import tensorflow as tf

    saved = tf.saved_model.load(path)

    def read(inputs, training=False):
        return saved.serve(inputs).numpy()

    return read
