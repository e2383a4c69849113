"""Save a trained model, and load it again."""

import logging
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path

from digitlib.data import IMAGE_SIZE, NUM_CLASSES

_SUFFIXES = (".keras", ".h5")
# Ready to use: `python -m digitlib train robust`, without what only further training needs.
INCLUDED_MODELS = {"robust": Path(__file__).parent / "models" / "robust.keras"}


def check_destination(path):
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
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder; create it or choose another.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} cannot be written to; choose another folder.")


def save_model(model, path):
    """Saves a model whole or not at all; an older file stays until the new one is complete.

    Args:
        model: a Keras model.
        path: a file ending in `.keras`, or in `.h5` for Keras's older HDF5 format; replaced if it
            exists.

    Raises:
        OSError, ValueError: as `check_destination`, or the disk is full.
    """
    path = Path(path)
    check_destination(path)
    # In the same folder, because only there is os.replace one indivisible step.
    unfinished = path.with_name(f".{os.getpid()}{path.suffix}")
    try:
        with _no_advice():
            model.save(unfinished)
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_model(path):
    """Loads a saved digit reader.

    Args:
        path: a `.keras` or `.h5` file, or "robust" for the reader that comes with digitlib.

    Returns:
        A Keras model from (n, 28, 28, 1) to (n, 10), not compiled.

    Raises:
        OSError: the file is missing.
        ValueError: it is no such file, damaged, or reads something else than digits.
    """
    path = Path(INCLUDED_MODELS.get(path, path))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; train a model first.")
    _check_suffix(path)
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a Keras model, or a damaged one: it is no zip archive.")
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # A damaged file can fail in any layer of Keras, zipfile or h5py.
        raise ValueError(
            f"{path} cannot be loaded as a Keras model ({type(error).__name__}). "
            "Fetch it again, or train it anew."
        ) from error
    found = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    expected = (None, IMAGE_SIZE, IMAGE_SIZE, 1), (None, NUM_CLASSES)
    if found != expected:
        raise ValueError(
            f"{path} goes from {found[0]} to {found[1]}; "
            f"a digit reader goes from {expected[0]} to {expected[1]}."
        )
    return model


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
