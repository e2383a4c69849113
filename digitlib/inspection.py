"""Look into a model file before Keras opens it: a stranger's file must not run code here.

A file tells in JSON which layers to build and in HDF5 which numbers to fill in. Both can be made to
run code, to read other files, or to ask for more memory than there is. So only layers of the list
below are built, only plain numbers are read, and all sizes are known before memory is taken.
"""

import io
import json
import math
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from digitlib.data import IMAGE_SIZE, NUM_CLASSES

RECORD = "digitlib.json"
_LARGEST_FILE = 256 * 2**20  # bytes
_LARGEST_TEXT = 2**20  # bytes
_MOST_OBJECTS = 10_000  # in an HDF5 file
_MOST_WEIGHTS = 50_000_000
_MOST_VALUES = 250_000  # of one layer's output for one image
_MOST_LAYERS = 200
_LARGEST_LISTING = 2**16  # bytes that list what a zip archive holds
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MODELS = {"Sequential", "Functional", "Model"}
# Classes by name, each from Keras alone. None of them runs code from the file or reads another.
_KNOWN = """
    Sequential Functional Model InputLayer DTypePolicy
    Dense Flatten Reshape Permute Activation ReLU LeakyReLU PReLU ELU Softmax
    Conv2D DepthwiseConv2D SeparableConv2D Conv2DTranspose ZeroPadding2D Cropping2D UpSampling2D
    MaxPooling2D AveragePooling2D GlobalMaxPooling2D GlobalAveragePooling2D
    BatchNormalization LayerNormalization GroupNormalization Rescaling
    Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout
    Add Subtract Multiply Average Maximum Minimum Concatenate
    RandomTranslation RandomRotation RandomZoom RandomShear RandomContrast RandomBrightness
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling
    GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform
    L1 L2 L1L2 MaxNorm NonNeg UnitNorm MinMaxNorm
    __keras_tensor__
"""


class ModelError(ValueError):
    """A model file that is not loaded; the message names it and says why."""


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
    config.pop("compile_config", None)  # Keras leaves it alone, since digitlib does not compile
    _check_classes(path, config)
    _check_layers(path, config["config"]["layers"])
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
            raise _refuse(path, f"the archive holds {what}")
        for name, size in sizes.items():
            if size > (_LARGEST_TEXT if name.endswith(".json") else _LARGEST_FILE):
                raise _refuse(path, f"{name} would be {size:,} bytes large")
        config = json.loads(archive.read("config.json"))
        version = json.loads(archive.read("metadata.json")).get("keras_version", "")
        record = json.loads(archive.read(RECORD)) if RECORD in sizes else {}
        _check_hdf5(path, archive.read("model.weights.h5"))
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
        raise _refuse(path, "its listing is larger than that of any model")


def _open_hdf5(path):
    texts = _check_hdf5(path, path.read_bytes())
    if "model_config" not in texts:
        raise ModelError(f"{path} is no Keras model: it has no model_config.")
    record = json.loads(texts.get(RECORD, "{}"))
    version = texts.get("keras_version", "")
    return json.loads(texts["model_config"]), Contents(version, record)


def _check_hdf5(path, content):
    """Goes through all that an HDF5 file holds; returns the texts that Keras and digitlib noted."""
    import h5py

    seen = size = 0
    with h5py.File(io.BytesIO(content), "r") as root:
        groups = [root]  # a list, since a group may hold itself: recursion would not end
        while groups:
            group = groups.pop()
            _check_names(path, group)
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise _refuse(path, f"{name!r} is a link")
                seen += 1
                if seen > _MOST_OBJECTS:
                    raise _refuse(path, f"it holds more than {_MOST_OBJECTS:,} objects")
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                else:
                    _check_numbers(path, name, item)
                    size += item.nbytes
                    if size > len(content):
                        raise _refuse(path, f"its arrays would be {size:,} bytes large")
        known = {"model_config", "keras_version", RECORD} & set(root.attrs)
        return {name: _read_text(path, root, name) for name in known}


def _check_names(path, group):
    """Refuses lists of names that would load an array again and again."""
    for name in group.attrs:
        if name.startswith(("weight_names", "layer_names")):
            if math.prod(group.attrs.get_id(name).shape) > _MOST_OBJECTS:
                raise _refuse(path, f"{name!r} is longer than any model's")
            names = list(group.attrs[name])
            if len(set(names)) < len(names):
                raise _refuse(path, f"{name!r} holds a name twice")


def _check_numbers(path, name, item):
    if item.external or item.is_virtual:
        raise _refuse(path, f"{name!r} lies in another file")
    if item.dtype.kind not in "fiub":
        raise _refuse(path, f"{name!r} holds no numbers")
    if item.chunks:  # which can be compressed, and far larger than the array
        raise _refuse(path, f"{name!r} is stored in chunks")


def _read_text(path, root, name):
    if root.attrs.get_id(name).shape != ():
        raise _refuse(path, f"{name!r} is no text")
    text = root.attrs[name]
    text = text.decode() if isinstance(text, bytes) else str(text)
    if len(text) > _LARGEST_TEXT:
        raise _refuse(path, f"{name!r} would be {len(text):,} characters long")
    return text


def _check_classes(path, config):
    """Refuses what is not on the list, or does not come from Keras, wherever it stands."""
    if isinstance(config, dict) and "class_name" in config:
        name, home = config["class_name"], config.get("module") or "keras"
        # An own class of the same name would be registered under another one.
        known = name in _KNOWN.split() and config.get("registered_name") in (None, name)
        if not known or home.split(".")[0] != "keras":
            name = f"{home}.{name}"
            raise _refuse(path, f"{name!r} is no layer that digit readers are made of")
    if isinstance(config, dict | list):
        for item in config.values() if isinstance(config, dict) else config:
            _check_classes(path, item)


def _check_layers(path, layers):
    """Refuses what would make building long, or hide sizes from the counts below."""
    if len(layers) > _MOST_LAYERS:
        raise _refuse(path, f"it has {len(layers):,} layers")
    for layer in layers:
        if layer["class_name"] in _MODELS:
            raise _refuse(path, "it holds a model inside")
        if len(layer.get("inbound_nodes", [])) > 1:
            raise _refuse(path, "it uses a layer several times")


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
            raise _refuse(path, "it has a layer that leads nowhere")
        weights = sum(math.prod(weight.shape) for weight in model.weights)
        if weights > _MOST_WEIGHTS:
            raise _refuse(path, f"it has {weights:,} weights")
        for layer in model.layers:
            values = math.prod(layer.output.shape[1:])
            if values > _MOST_VALUES:
                raise _refuse(path, f"{layer.name!r} makes {values:,} numbers of an image")


def _explain_newer(path, version, error):
    import keras

    def number(version):
        return tuple(int(part) for part in version.split(".")[:2])

    unknown = not isinstance(error, ModelError)
    if unknown and version and number(version) > number(keras.__version__):
        raise ModelError(
            "{} was made by Keras {}.{}, newer than this, and cannot be loaded: "
            "pip install --upgrade keras.".format(path, *number(version))
        ) from error


def _refuse(path, reason):
    return ModelError(f"{path} is refused for safety: {reason}.")
