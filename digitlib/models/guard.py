"""Look into a model file before Keras opens it: a stranger's file must not run code here.

A file tells in JSON which layers to build and in HDF5 which numbers to fill in. Both can be made to
run code, to read other files, or to ask for more memory than there is. So `configs` lets only plain
layers through and `hdf5` only plain numbers, and here all sizes are known before memory is taken.
"""

import json
import math
import re
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from digitlib.data import IMAGE_SIZE, NUM_CLASSES
from digitlib.models.configs import check_config
from digitlib.models.hdf5 import LARGEST_ARRAYS, LARGEST_TEXT, read_texts
from digitlib.models.refusal import ModelError, refuse

RECORD = "digitlib.json"
_LARGEST_FILE = 40 * 2**20  # bytes
_LARGEST_LISTING = 2**16  # bytes that list what a zip archive holds
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MOST_VALUES = 250_000  # of one layer's output for one image
_MOST_WORK = 500_000_000  # multiplications and comparisons for one image


class Contents(NamedTuple):
    """What a model file says of itself.

    Attributes:
        version: a str, that of the Keras that wrote it; "" if it does not tell.
        record: a dict, what digitlib noted when the model was saved; {} if nothing.
    """

    version: str
    record: dict


def inspect_model(path):
    """Checks that a model file can be loaded safely, without loading it.

    Args:
        path: a Path to a `.keras` or `.h5` file.

    Returns:
        Its `Contents`.

    Raises:
        OSError: the file cannot be read.
        ModelError: it is no model, too large, reads something else than digits, or is refused for
            safety. (Damaged files may raise anything that JSON, zipfile and h5py raise.)
    """
    size = path.stat().st_size
    if size > _LARGEST_FILE:
        raise ModelError(f"{path} is larger than any digit reader: {size:,} bytes.")
    config, contents = _open_archive(path) if path.suffix == ".keras" else _open_hdf5(path)
    check_config(path, config)
    # Keras keeps its state by thread: what is built here leaves no trace in the caller's.
    with ThreadPoolExecutor(1) as executor:
        error = executor.submit(_check_sizes, path, config).exception()
    if error:
        _explain_newer(path, contents.version, error)
        raise error
    return contents


def _open_archive(path):
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is no Keras model, or was cut short: it is no zip archive.")
    _check_listing(path)
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        missing = _MEMBERS - set(sizes)
        if missing:
            raise ModelError(f"{path} is no Keras model: {min(missing)} is missing.")
        unknown = set(sizes) - _MEMBERS - {RECORD}
        if unknown or len(sizes) < len(archive.infolist()):
            what = repr(min(unknown)) if unknown else "a name twice"
            raise refuse(path, f"the archive holds {what}")
        for member in archive.infolist():
            size = member.file_size
            if size > (LARGEST_TEXT if member.filename.endswith(".json") else _LARGEST_FILE):
                raise refuse(path, f"{member.filename} would be {size:,} bytes large")
            # Keras does not compress; what is compressed may be far larger than it tells.
            if member.compress_type != zipfile.ZIP_STORED or member.compress_size != size:
                raise refuse(path, f"{member.filename} is compressed")
        config = json.loads(archive.read("config.json"))
        version = json.loads(archive.read("metadata.json")).get("keras_version", "")
        record = json.loads(archive.read(RECORD)) if RECORD in sizes else {}
        read_texts(path, archive.read("model.weights.h5"), record=RECORD)
    return config, Contents(version, record)


def _check_listing(path):
    """Refuses an archive whose listing alone would take much memory."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, 2**16 + 42), 2)
        end = file.read()
    # Where zipfile looks: at the very end, or before a comment.
    plain = end[-22:-18] == b"PK\5\6" and end[-2:] == b"\0\0"
    start = len(end) - 22 if plain else end.rfind(b"PK\5\6")
    (size,) = struct.unpack_from("<I", end, start + 12)
    if size > _LARGEST_LISTING or end[max(start - 20, 0) :].startswith(b"PK\6\7"):
        raise refuse(path, "its listing is larger than that of any model")


def _open_hdf5(path):
    texts = read_texts(path, path.read_bytes(), record=RECORD)
    if "model_config" not in texts:
        raise ModelError(f"{path} is no Keras model: it has no model_config.")
    record = json.loads(texts.get(RECORD, "{}"))
    version = texts.get("keras_version", "")
    return json.loads(texts["model_config"]), Contents(version, record)


def _check_sizes(path, config):
    """Builds the network without its numbers, and counts them."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        sequential = config["class_name"] == "Sequential"
        kind = keras.Sequential if sequential else keras.Model
        # Keras builds all layers of a graph, and counts those on the way to its end.
        layers = [] if sequential else config["config"]["layers"]
        told = {layer["config"]["name"] for layer in layers}
        model = kind.from_config(config["config"])
        found = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
        expected = (None, IMAGE_SIZE, IMAGE_SIZE, 1), (None, NUM_CLASSES)
        if found != expected:
            raise ModelError(
                f"{path} goes from {found[0]} to {found[1]}; "
                f"a digit reader goes from {expected[0]} to {expected[1]}."
            )
        if told - {layer.name for layer in model.layers}:
            raise refuse(path, "it has a layer that leads nowhere")
        # Three images in, three answers out: nothing in between may put them together.
        three = keras.KerasTensor((3, IMAGE_SIZE, IMAGE_SIZE, 1))
        answers = model.compute_output_spec(three)
        if getattr(answers, "shape", None) != (3, NUM_CLASSES):
            raise refuse(path, "it does not give each image an answer of its own")
        size = sum(math.prod(weight.shape) * 4 for weight in model.weights)
        if size > LARGEST_ARRAYS:
            raise refuse(path, f"its weights would be {size:,} bytes large")
        work = 0
        for layer in model.layers:
            shape = layer.output.shape[1:]
            if math.prod(shape) > _MOST_VALUES:
                raise refuse(path, f"{layer.name!r} makes {math.prod(shape):,} numbers of an image")
            # Each weight is used once at each place; a window of pooling is looked through there.
            work += math.prod(shape[:-1]) * layer.count_params()
            work += math.prod(shape) * math.prod(getattr(layer, "pool_size", ()))
        if work > _MOST_WORK:
            raise refuse(path, f"it would take {work:,} multiplications to read an image")


def _explain_newer(path, version, error):
    import keras

    def number(version):
        told = re.match(r"(\d{1,3})\.(\d{1,3})\b", version)
        return tuple(map(int, told.groups())) if told else (0, 0)

    unknown = not isinstance(error, ModelError)
    if unknown and number(version) > number(keras.__version__):
        raise ModelError(
            "{} was made by Keras {}.{}, newer than this, and cannot be loaded: "
            "pip install --upgrade keras.".format(path, *number(version))
        ) from error
