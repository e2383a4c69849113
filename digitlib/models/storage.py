"""Save a trained model, and load it again."""

import contextlib
import gzip
import json
import logging
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitlib.files import expand_home, replace_when_complete, verify_file
from digitlib.models.guard import RECORD, ModelError, load_checked, read_contents
from digitlib.startup import configure_keras
from digitlib.training.recipe import OLD_NAMES

if TYPE_CHECKING:
    import keras

_SUFFIXES = (".keras", ".h5")
# Ready to use: `python -m digitlib evaluate robust`.
INCLUDED_MODELS = {"robust": Path(__file__).parent / "robust.keras"}
_RECORDED = {"recipe": dict, "versions": dict, "validation_accuracy": float}
_RECORDED |= {"seed": int, "data": str, "date": str}


def verify_destination(path: str | Path) -> Path:
    """Returns the path with `~` expanded, or raises an error if `save_model` could not write it."""
    return verify_file(path, _SUFFIXES)


def save_model(model: "keras.Model", path: str | Path, *, record: dict | None = None) -> None:
    """Saves a model that `load_model` can load; an older file stays until the new one is complete.

    Args:
        model: a Keras model from (n, 28, 28, 1) to (n, 10).
        path: a file ending in `.keras`, or in `.h5` for Keras's older HDF5 format; replaced if it
            exists.
        record: metadata to store in the file, a dict for JSON such as `Run.record`; None: nothing.

    Raises:
        OSError: as for `verify_destination`, or the disk is full.
        ValueError: as for `verify_destination`, or `load_model` could not load the model, for
            example because an activation is a Python function.
    """
    path = verify_destination(path)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / f"model{path.suffix.lower()}"
        try:
            with _no_advice():
                model.save(saved)
            _add_record(saved, record or {})
            load_checked(read_contents(saved))
        except (ModelError, NotImplementedError, TypeError) as error:
            raise ValueError(f"{path} was not saved, because the model {error}") from error
        content = saved.read_bytes()
    with replace_when_complete(path) as unfinished:
        unfinished.write_bytes(content)


def load_model(path: str | Path) -> "keras.Model":
    """Loads a saved model that classifies digits; never runs code from the file.

    Args:
        path: a `.keras` or `.h5` file, or "robust" for the model that comes with digitlib.

    Returns:
        A Keras model from float32 (n, 28, 28, 1), 0 background to 1 ink, to (n, 10), not compiled.
        A network that takes (28, 28) or (784,) gets a layer in front that reshapes the images.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: the file is no Keras model, is damaged, has other inputs or outputs, holds a
            layer that is not supported here, or is refused for safety; the message says which.

    Warns:
        UserWarning: the model was trained on pixels from 0 to 255.
    """
    path = _find_model(path)
    configure_keras()
    with _explain_failure(path):
        model, work = load_checked(read_contents(path))
    _warn_of_scale(path, model, count=min(100, max(10, 5 * 10**9 // max(work, 1))))
    return model


def read_record(path: str | Path) -> dict[str, Any]:
    """Reads the metadata that was stored when a model was saved.

    Args:
        path: as for `load_model`.

    Returns:
        `Run.record` of the training, with today's names of settings; {} if the file has no
        metadata from digitlib.

    Raises:
        OSError, ValueError: as for `load_model`, but the layers are not checked.

    Example:
        >>> from digitlib.models.storage import read_record
        >>> read_record("robust")["recipe"]["name"]
        'robust'
    """
    path = _find_model(path)
    with _explain_failure(path):
        record = read_contents(path).record
    if not isinstance(record, dict) or not all(
        isinstance(record.get(name), kind) for name, kind in _RECORDED.items()
    ):
        return {}
    recipe = {OLD_NAMES.get(name, name): value for name, value in record["recipe"].items()}
    return {**record, "recipe": recipe}


def _add_record(path: Path, record: dict) -> None:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(RECORD, json.dumps(record))
    else:
        import h5py

        with h5py.File(path, "a") as file:
            file.attrs[RECORD] = json.dumps(record)


def _find_model(path: str | Path) -> Path:
    path = expand_home(INCLUDED_MODELS.get(str(path), path))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; train a model first.")
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"{path} must end in .keras, the format of saved models, or in .h5.")
    return path


@contextlib.contextmanager
def _explain_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # A damaged file can fail in any layer of JSON, zipfile or h5py.
        if isinstance(error, OSError) and error.errno:  # of the system; that of h5py has none
            raise
        damaged = (
            f"cannot be loaded as a Keras model ({type(error).__name__}): it is damaged, or "
            "something else. Fetch it again, or train it again."
        )
        raise ModelError(f"{path} {error if isinstance(error, ModelError) else damaged}") from error


def _warn_of_scale(path: Path, model: "keras.Model", *, count: int) -> None:
    images, labels = _read_training_images(count)
    correct = {}
    for largest in (1, 255):
        inputs = images[..., np.newaxis] * np.float32(largest / 255)
        predictions = np.argmax(model(inputs, training=False), axis=1)
        correct[largest] = float((predictions == labels).mean())
        if correct[1] > 0.4:
            return
    if correct[255] > 0.7:
        warnings.warn(
            f"{path} classifies {correct[1]:.0%} of {count} training images correctly if their "
            f"pixels run from 0 to 1, as in digitlib, but {correct[255]:.0%} if they run from 0 to "
            "255: it was trained on unscaled images. Put a layer in front: model = "
            "keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(255), model])",
            stacklevel=3,
        )


def _read_training_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    # The first images alone: to read all 60,000 would take longer than to load a model.
    folder, parts = Path(__file__).parents[1] / "mnist", []
    for name, header, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        with gzip.open(folder / f"train-{name}-ubyte.gz") as file:
            parts.append(np.frombuffer(file.read(header + count * size), np.uint8)[header:])
    return parts[0].reshape(-1, 28, 28), parts[1]


@contextlib.contextmanager
def _no_advice() -> Iterator[None]:
    # Keras advises against .h5 at each save, and says of functions what load_model says better.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)
