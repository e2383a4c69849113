"""Save a trained model, and load it again."""

import json
import logging
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from digitlib.data import IMAGE_SIZE, NUM_CLASSES
from digitlib.files import replace_when_complete, verify_folder
from digitlib.models.guard import RECORD, inspect_model
from digitlib.models.refusal import ModelError

_SUFFIXES = (".keras", ".h5")
# Ready to use: `python -m digitlib train robust`, without what only further training needs.
INCLUDED_MODELS = {"robust": Path(__file__).parent / "robust.keras"}


def verify_destination(path):
    """Checks that a model can be saved here: to be asked before the training, not after it.

    Args:
        path: the file that `save_model` shall write.

    Raises:
        OSError: its folder is missing or not writable, or the path is a folder.
        ValueError: its name ends neither in `.keras` nor in `.h5`.
    """
    path = Path(path)
    _check_suffix(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file.")
    verify_folder(path.parent)


def save_model(model, path, *, record=None):
    """Saves a model whole or not at all; an older file stays until the new one is complete.

    Args:
        model: a Keras model.
        path: a file ending in `.keras`, or in `.h5` for Keras's older HDF5 format; replaced if it
            exists.
        record: what to note in the file, a dict for JSON such as `Run.record`; None: nothing.

    Raises:
        OSError, ValueError: as `verify_destination`, or the disk is full.
    """
    path = Path(path)
    verify_destination(path)
    with replace_when_complete(path) as unfinished:
        with _no_advice():
            model.save(unfinished)
        _add_record(unfinished, record or {})


def _add_record(path, record):
    text = json.dumps(record)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(RECORD, text)
    else:
        import h5py

        with h5py.File(path, "a") as file:
            file.attrs[RECORD] = text


def load_model(path):
    """Loads a saved digit reader; never runs code from the file.

    Args:
        path: a `.keras` or `.h5` file, or "robust" for the reader that comes with digitlib.

    Returns:
        A Keras model from (n, 28, 28, 1) to (n, 10), not compiled.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is no such file, damaged, reads something else than digits, or is refused
            for safety.
    """
    path = _find_model(path)
    import keras

    with _explain_damage(path):
        inspect_model(path)
        model = keras.saving.load_model(path, compile=False)
        answer = model(np.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 1), np.float32), training=False)
    if np.shape(answer) != (1, NUM_CLASSES):
        raise ModelError(f"{path} does not answer an image with {NUM_CLASSES} numbers.")
    return model


def read_record(path):
    """Reads what was noted when a model was saved.

    Args:
        path: as for `load_model`.

    Returns:
        A dict, `Run.record` of the training; {} if nothing, or something else, was noted.

    Raises:
        OSError, ValueError: as `load_model`.
    """
    path = _find_model(path)
    with _explain_damage(path):
        record = inspect_model(path).record
    return record if _is_record(record) else {}


def _is_record(record):
    kinds = {"recipe": dict, "seed": int, "validation_accuracy": float, "data": str, "date": str}
    return isinstance(record, dict) and all(
        isinstance(record.get(name), kind) for name, kind in {**kinds, "versions": dict}.items()
    )


def _find_model(path):
    path = Path(INCLUDED_MODELS.get(path, path))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; train a model first.")
    _check_suffix(path)
    return path


@contextmanager
def _explain_damage(path):
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # A damaged file can fail in any layer of Keras, zipfile or h5py.
        raise ModelError(
            f"{path} cannot be loaded as a Keras model ({type(error).__name__}). "
            "Fetch it again, or train it anew."
        ) from error


def _check_suffix(path):
    if path.suffix not in _SUFFIXES:
        raise ValueError(f"{path} must end in .keras, the format of saved models, or in .h5.")


@contextmanager
def _no_advice():
    # Keras advises against .h5 at each save; whoever writes .h5 has asked for it.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
