"""Export a trained model for use without Keras: on a phone, in a web page, on a server."""

import os
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from digitlib.evaluation import predict_probabilities
from digitlib.files import expand_home, replace_when_complete, verify_file, verify_folder
from digitlib.images import preprocess_images
from digitlib.models.page import render_page
from digitlib.startup import hold_back_stderr

if TYPE_CHECKING:
    import keras

_Exported = Callable[..., npt.NDArray[np.float32]]
# The formats by suffix; a SavedModel is a folder.
_FORMATS = {".tflite": "litert", ".onnx": "onnx", ".html": "page", "": "tf_saved_model"}


class Agreement(NamedTuple):
    """How well an exported model agrees with its original."""

    same: float  # the fraction of images for which both predict the same digit, 0 to 1
    difference: float  # the largest difference between two probabilities, 0 to 1


def export_model(
    model: "keras.Model",
    path: str | Path,
    *,
    calibration: npt.NDArray[np.uint8] | None = None,
    small: bool = False,
    record: dict | None = None,
) -> None:
    """Writes a model in another format; an older file stays until the new one is complete.

    Args:
        model: a Keras model from (n, 28, 28, 1) to (n, 10).
        path: a file ending in `.tflite` (LiteRT), `.onnx` (ONNX) or `.html` (a web page that shows
            how the network works), replaced if it exists; or a new folder, whose name has no suffix
            (TensorFlow's SavedModel).
        calibration: for `.tflite` only: uint8 (n, 28, 28), a few hundred training images. They set
            the ranges when weights and arithmetic are quantised to 8-bit integers. None: weights
            stay float32.
        small: for `.html` only: store kernels as 16-bit floats, in half the space.
        record: for `.html` only: what the page says about the training, such as `Run.record`.

    Raises:
        ModuleNotFoundError: a package for this format is not installed; the message names it.
        OSError: the file cannot be written there, or the folder exists.
        ValueError: there is no such format, the calibration images have another dtype or shape, or
            a web page can't show one of the layers.
    """
    path = _find_path(path)
    suffix = path.suffix.lower()
    if calibration is not None and suffix != ".tflite":
        raise ValueError(f"{path} must end in .tflite to hold 8-bit integers.")
    if (small or record) and suffix != ".html":
        raise ValueError(f"{path} must end in .html to hold 16-bit floats or a record.")
    if not suffix and path.exists():
        raise FileExistsError(f"{path} exists already; name a new folder.")
    verify_file(path, tuple(_FORMATS)) if suffix else verify_folder(path.parent)
    if suffix == ".html":
        page = render_page(model, small=small, record=record)
        with replace_when_complete(path) as unfinished:
            unfinished.write_text(page, encoding="utf-8")
    else:
        _convert(model, path, calibration)


def load_exported(path: str | Path) -> _Exported:
    """Opens an exported model of your own; unlike `load_model`, this does not check the file.

    Args:
        path: what `export_model` wrote.

    Returns:
        A function from float32 (n, 28, 28, 1) to float32 (n, 10). `evaluate_model` and the like
        take it in place of a model.

    Raises:
        ModuleNotFoundError: a package for this format is not installed; the message names it.
        OSError: there is no such file.
        ValueError: there is no such format, or the file is damaged.
    """
    path = _find_path(path)
    if path.suffix.lower() == ".html":
        raise ValueError(f"{path} is a page for browsers; Python can't load the network in it.")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; export a model first.")
    openers = {".tflite": _open_litert, ".onnx": _open_onnx, "": _open_saved_model}
    try:
        return openers[path.suffix.lower()](path)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # Each runtime has errors of its own.
        raise ValueError(f"{path} is damaged or not an exported model: export it again.") from error


def compare_exported(
    model: "keras.Model", exported: _Exported, images: npt.NDArray[np.uint8]
) -> Agreement:
    """Compares a model with its export on images uint8 (n, 28, 28), 0 background to 255 ink."""
    own, other = (predict_probabilities(each, images) for each in (model, exported))
    same = (own.argmax(axis=1) == other.argmax(axis=1)).mean()
    return Agreement(float(same), float(np.abs(own - other).max()))


def _find_path(path: str | Path) -> Path:
    path = expand_home(path)
    if path.suffix.lower() not in _FORMATS:
        kinds = ".tflite, .onnx or .html"
        raise ValueError(f"{path} must end in {kinds}, or be a folder without a suffix.")
    return path


def _convert(model, path, calibration):
    options = {}
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        _import("tf2onnx")
    elif calibration is not None:
        options = _use_integers(preprocess_images(calibration))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        exported = Path(folder) / f"model{suffix}"
        # TensorFlow's converters report each step, and tf2onnx warns of its own code.
        with hold_back_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            model.export(exported, format=_FORMATS[suffix], verbose=False, **options)
        if not suffix:
            os.replace(exported, path)
        else:
            with replace_when_complete(path) as unfinished:
                os.replace(exported, unfinished)


def _use_integers(inputs: npt.NDArray[np.float32]) -> dict[str, Any]:
    import tensorflow as tf

    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": lambda: ([image[None]] for image in inputs),
    }


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0].replace("_", "-")
        raise ModuleNotFoundError(f"{package} is needed: pip install {package}") from error


def _open_litert(path: Path) -> _Exported:
    module = _import("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(inputs, training=False):
        if tuple(interpreter.get_input_details()[0]["shape"]) != inputs.shape:
            interpreter.resize_tensor_input(entry["index"], inputs.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], inputs)
        interpreter.invoke()
        probabilities = interpreter.get_tensor(output["index"])
        # With 8 bits they are multiples of 1/256, whose sum is a little off.
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    return predict


def _open_onnx(path: Path) -> _Exported:
    session = _import("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    return lambda inputs, training=False: session.run(None, {entry.name: inputs})[0]


def _open_saved_model(path: Path) -> _Exported:
    import tensorflow as tf

    saved = tf.saved_model.load(path)
    return lambda inputs, training=False: saved.serve(inputs).numpy()
