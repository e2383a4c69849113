"""Check a model file before Keras opens it, and load exactly the bytes that were checked.

A model file describes its layers in JSON and holds their weights in HDF5. An untrusted file could
make Keras run code, read other files or take all memory. So a file may only describe Keras's plain
layers and hold plain numbers, within bounds that are known before memory is taken.
"""

import copy
import io
import json
import math
import re
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras

RECORD = "digitlib.json"
_LARGEST_FILE = 40 * 2**20  # bytes; also of all weights in memory
_LARGEST_TEXT = 2**18  # bytes
_LARGEST_NUMBER = 250_000
_MOST_LAYERS = 150
_MOST_STEPS = 128  # of recurrent layers, each of which takes TensorFlow milliseconds
_MOST_WORK = 500_000_000  # multiplications for one image; a number stored counts as 100
_MOST_SECONDS = 60
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_IMAGE: list[Any] = [None, 28, 28, 1]

# Keras's classes that run no code from the file and read no other file.
_MODELS = "Sequential Functional Model"
_LOOPS = "SimpleRNN LSTM GRU Bidirectional TimeDistributed"
_LAYERS = f"""
    {_LOOPS} InputLayer Dense Identity Masking Embedding Flatten Reshape Permute RepeatVector
    Activation ReLU LeakyReLU PReLU ELU Softmax Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D
    SeparableConv1D SeparableConv2D Conv1DTranspose Conv2DTranspose ZeroPadding1D ZeroPadding2D
    Cropping1D Cropping2D UpSampling1D UpSampling2D MaxPooling1D MaxPooling2D AveragePooling1D
    AveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D GlobalAveragePooling1D
    GlobalAveragePooling2D BatchNormalization LayerNormalization GroupNormalization
    RMSNormalization UnitNormalization Normalization Rescaling Resizing CenterCrop Dropout
    SpatialDropout1D SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout Add Subtract
    ActivityRegularization Multiply Average Maximum Minimum Concatenate Dot MultiHeadAttention
    Attention RandomFlip RandomTranslation RandomRotation RandomZoom RandomShear RandomContrast
    RandomBrightness RandomCrop RandomErasing Divide TrueDivide Negative Absolute Square Sqrt Exp
    Relu Sigmoid Tanh Gelu Silu LogSoftmax GetItem Mean Max Sum Transpose ExpandDims Squeeze Matmul
"""
# What stands inside a layer; the names with underscores are tensors and slices of them.
_PARTS = """
    DTypePolicy ReLU LeakyReLU ELU Softmax Zeros Ones Constant Identity RandomNormal RandomUniform
    TruncatedNormal VarianceScaling GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal
    LecunUniform Orthogonal L1 L2 L1L2 MaxNorm NonNeg UnitNorm MinMaxNorm
    __keras_tensor__ __slice__ __ellipsis__
"""
_PLACES = {
    "model": _MODELS,
    "layers": _LAYERS + _MODELS,
    "layer": _LAYERS,
    "backward_layer": _LAYERS,
}
_MODULE = re.compile(
    r"keras|keras(\.src)?\.(layers|models|ops|initializers|regularizers|constraints|dtype_policies"
    r"|engine|backend)(\.\w+)*"
)
_TYPES = "float32 float64 float16 bfloat16 mixed_float16 mixed_bfloat16 int32 int64 uint8 bool"
# Numbers of pixels, which multiply the work. A convolution pads the image by its dilation.
_PIXELS = "kernel_size strides pool_size size padding cropping output_padding depth_multiplier"
_LIMITS = {**dict.fromkeys(_PIXELS.split(), 32), "dilation_rate": 8}
_IDENTIFIERS = ("seed", "shared_object_id")  # may be any number
_TEXTS = {"model_config", "keras_version", RECORD}


class ModelError(ValueError):
    """A model file that is not loaded; the message says why."""

    def __init__(self, reason: str):
        reason = "".join(letter if letter.isprintable() else "?" for letter in reason)
        super().__init__(reason if len(reason) < 500 else f"{reason[:500]}…")


class Contents(NamedTuple):
    """What a model file holds, when no member, link or array in it is unusual."""

    config: dict  # the description of the layers
    version: str  # of the Keras that wrote the file; "" if it is not noted
    record: Any  # what digitlib noted when the model was saved; {} if nothing
    members: dict[str, bytes]  # of a `.keras` archive; an `.h5` file under ""


def read_contents(path: Path) -> Contents:
    """Reads a `.keras` or `.h5` file once; raises ModelError, or whatever a damaged file causes."""
    with path.open("rb") as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise ModelError(f"is too large: {path.stat().st_size:,} bytes, and 40 MB at most here.")
    return _read_archive(content) if path.suffix.lower() == ".keras" else _read_hdf5(content)


def load_checked(contents: Contents) -> tuple["keras.Model", int]:
    """Returns the model that a file describes, and its multiplications for one image, about."""
    try:
        config = _tidy(contents.config)
        _check_description(config)
        _take_images(config)
        config.setdefault("module", "keras")
        _in_thread(_count_weights, config)
        return _in_thread(_load, contents.members, config)
    except ModelError:
        raise
    except Exception as error:  # Keras raises errors of all kinds.
        raise ModelError(_explain(contents.version, error)) from error


def _explain(version: str, error: Exception) -> str:
    import keras

    found = re.match(r"(\d{1,3})\.(\d{1,3})\b", version)
    made = tuple(map(int, found.groups())) if found else (3, 0)
    # Keras puts the cause last, behind what was being read.
    cause = str(error).rpartition("Exception encountered: ")[2].strip().partition("\n")[0]
    reason = f"cannot be loaded ({type(error).__name__}: {cause[:200]})."
    by = f"was made by Keras {made[0]}.{made[1]}"
    if made > tuple(map(int, keras.__version__.split(".")[:2])):
        return f"{by}, newer than {keras.__version__}, and {reason} pip install --upgrade keras"
    if made < (3, 0):
        return (
            f"{by} and {reason} Load it there and save it as .h5 (its .h5 twin may load here), or "
            "build the same network here and call its load_weights."
        )
    return reason


def _refuse(reason: str) -> ModelError:
    return ModelError(f"is refused for safety: {reason}.")


def _lack(reason: str) -> ModelError:
    return ModelError(f"is not supported here: {reason}.")


def _read_archive(content: bytes) -> Contents:
    end, archived = content[-22:], io.BytesIO(content)
    if end[:4] != b"PK\5\6" or not zipfile.is_zipfile(archived):
        raise ModelError("is not a Keras model, or was cut short: it is not a zip archive.")
    # A long listing would take much memory, and that of the format for large archives is another.
    if struct.unpack_from("<I", end, 12)[0] > 2**16 or content[-42:-38] == b"PK\6\7":
        raise _refuse("its listing is larger than that of any model")
    with zipfile.ZipFile(archived) as archive:
        listed = {member.filename: member for member in archive.infolist()}
        if missing := _MEMBERS - set(listed):
            raise ModelError(f"is not a Keras model: {min(missing)} is missing.")
        if unknown := set(listed) - _MEMBERS - {RECORD}:
            raise _refuse(f"the archive holds {min(unknown)!r}")
        if len(listed) < len(archive.infolist()):
            raise _refuse("the archive holds a name twice")
        for name, member in listed.items():
            # Keras does not compress; compressed data can be far larger than it declares.
            if member.compress_type or member.compress_size != member.file_size:
                raise _refuse(f"{name} is compressed")
            if name.endswith(".json") and member.file_size > _LARGEST_TEXT:
                raise ModelError(f"is too large: {name} takes {member.file_size:,} bytes.")
        members = {name: archive.read(name) for name in listed}
    _check_hdf5(members["model.weights.h5"])
    record = json.loads(members.pop(RECORD, b"{}"))
    version = json.loads(members["metadata.json"]).get("keras_version", "")
    return Contents(json.loads(members["config.json"]), str(version), record, members)


def _read_hdf5(content: bytes) -> Contents:
    texts = _check_hdf5(content)
    if "model_config" not in texts:
        raise ModelError(
            "describes no layers (no model_config): it is not a Keras model or holds only weights. "
            "Build the same network and call its load_weights."
        )
    record, version = json.loads(texts.get(RECORD, "{}")), texts.get("keras_version", "")
    return Contents(json.loads(texts["model_config"]), version, record, {"": content})


def _check_hdf5(content: bytes) -> dict[str, str]:
    """Checks that an HDF5 file holds only plain numbers; returns the texts at its root."""
    import h5py

    heap, stored, loaded = _measure_heaps(content), 0, 0
    links: list[Any] = []
    # The file's own types: NumPy takes long to make one of a long enumeration.
    plain = h5py.h5t.INTEGER, h5py.h5t.FLOAT
    with h5py.File(io.BytesIO(content), "r") as root:
        texts = _read_attributes(root, heap)
        root.visititems_links(lambda *link: _keep(links, link))
        for name, link in links:
            if not isinstance(link, h5py.HardLink) or len(links) > 10_000:
                raise _refuse(f"{name!r} is a link, or one object too many")
            item = root[name]
            if isinstance(item, h5py.Group):
                _read_attributes(item, heap)
                continue
            if not isinstance(item, h5py.Dataset) or item.id.get_type().get_class() not in plain:
                raise _refuse(f"{name!r} holds no numbers")
            if item.external or item.is_virtual:
                raise _refuse(f"{name!r} lies in another file")
            if item.chunks or h5py.h5a.get_num_attrs(item.id):  # chunks can exceed the file
                raise _refuse(f"{name!r} is stored in chunks, or has attributes")
            stored, loaded = stored + item.nbytes, loaded + 4 * item.size
    if stored > len(content) or loaded > _LARGEST_FILE:
        raise _refuse(f"its arrays would be {max(stored, loaded):,} bytes large")
    return texts


def _measure_heaps(content: bytes) -> int:
    """Checks the declared length of texts, which HDF5 would believe; returns the heaps' size."""
    usual = content[8:9] == b"\0" and content[13:15] == b"\10\10" and not any(content[24:32])
    if content[:8] == b"\x89HDF\r\n\x1a\n" and not usual:
        raise _refuse("Keras never writes this layout")
    total, starts = 0, [match.start() for match in re.finditer(b"GCOL\1", content)]
    for start in starts:
        size = int.from_bytes(content[start + 8 : start + 16], "little")
        if (total := total + size) > _LARGEST_TEXT or len(starts) > 64:
            raise _refuse(f"its strings would be {total:,} bytes long")
        # A reference is the text's length, the place of its heap, and its number in the heap.
        for found in re.finditer(re.escape(struct.pack("<Q", start)), content):
            length, _, number = struct.unpack("<IQI", content[found.start() - 4 : found.end() + 4])
            # Between two fields of another kind, the same bytes can stand by chance.
            likely = 2**16 if found.start() % 4 == 0 else size // 16
            if length > size and 0 < number < likely:
                raise _refuse(f"a string in it would be {length:,} bytes long")
    return total


def _keep(links: list, link: tuple) -> bool | None:
    links.append(link)
    return len(links) > 10_000 or None  # True ends the visit


def _read_attributes(group: Any, heap: int) -> dict[str, str]:
    """Checks the attributes that Keras reads, lists of names and texts; returns the texts."""
    import h5py

    found: dict[str, list[str]] = {}
    names: list[str] = []
    for name in group.attrs:
        attribute = group.attrs.get_id(name)
        listed = name.startswith(("layer_names", "weight_names"))
        if not (listed or name in _TEXTS) or 0 in attribute.shape:
            continue
        if attribute.get_type().get_class() != h5py.h5t.STRING or (attribute.shape and not listed):
            raise _refuse(f"{name!r} is not a string")
        # Texts of variable length may all be the same bytes of the heap, and be read one by one.
        size = attribute.get_storage_size() + math.prod(attribute.shape) * heap
        if size > (2**25 if listed else 2 * _LARGEST_TEXT) or len(found) > 16:
            raise _refuse(f"{name!r} is longer than in any model")
        values = np.atleast_1d(group.attrs[name]).tolist()
        found[name] = [v.decode() if isinstance(v, bytes) else str(v) for v in values]
        names += found[name] if name.startswith("weight") else []
    # Keras would load the same array again and again.
    if len(set(names)) < len(names) or any({"", "."} & set(name.split("/")) for name in names):
        raise _refuse(f"{group.name!r} names an array twice")
    return {name: found[name][0] for name in _TEXTS & set(found)}


def _tidy(value: Any) -> Any:
    """Copies a description without what Keras works out anew, in the form of Keras 3."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, config, build = (value.get(key) for key in ("class_name", "config", "build_config"))
    value = {k: _tidy(v) for k, v in value.items() if k not in ("build_config", "compile_config")}
    if kind == "Sequential" and isinstance(config, list):  # until Keras 2.2
        value["config"] = {"name": "sequential", "layers": value["config"]}
    config = value.get("config")
    if not isinstance(config, dict) or not isinstance(kind, str):
        return value
    shape = config.pop("batch_input_shape", None) or config.pop("batch_shape", None)
    if kind == "Sequential":
        layers = config["layers"]
        shape = (layers or [{}])[0].get("shape") or config.get("build_input_shape")
        shape = config["build_input_shape"] = shape or (build or {}).get("input_shape")
        # Keras would build the model again with each layer that follows an input.
        layers = [layer for layer in layers if layer["class_name"] != "InputLayer"]
        if layers and layers[0]["class_name"] in _MODELS.split():
            layers.insert(0, _layer("Identity", name="digitlib_start"))
        config["layers"] = layers
    if shape:
        value["shape"] = shape[:] = [None, *shape[1:]]  # without the batch size
    if kind == "InputLayer":
        config["batch_shape"] = shape
    if kind == "Functional" and str(value.get("module", "keras")).startswith("keras."):
        value.update(module="keras", class_name="Model", registered_name=None)  # of any version
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        (config["axis"],) = config["axis"]
    return value


def _layer(kind: str, *, origin: str = "", **config: Any) -> dict:
    nodes = [[[origin, 0, 0, {}]]] if origin else []
    own = {"module": "keras.layers", "class_name": kind, "registered_name": None}
    return {**own, "config": config, "name": config["name"], "inbound_nodes": nodes}


def _tensors(value: Any) -> Iterator[list]:
    """Finds the tensors that a description refers to: lists of a layer's name and two numbers."""
    if isinstance(value, list) and [type(item) for item in value[:3]] == [str, int, int]:
        yield value[:3]
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _tensors(inner)


def _check_description(config: dict) -> None:
    waiting: list[tuple[str, Any]] = [("model", config)]
    kinds: dict[Any, str] = {}
    count = 0
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(key, item) for item in value]
        elif not isinstance(value, dict):
            _check_value(key, value)
        else:
            waiting += value.items()
            if key.endswith("activation") and "class_name" not in value:
                raise _lack(f"it has a Python function as {key}")
            if "class_name" in value:
                _check_class(key, value)
                # Keras puts one object wherever its id stands: it must be of the declared class.
                shared, name = value.get("shared_object_id"), value["class_name"]
                if shared is not None and kinds.setdefault(shared, name) != name:
                    raise _refuse(f"{kinds[shared]!r} and {name!r} are to be the same object")
                if (count := count + (key == "layers")) > _MOST_LAYERS:
                    raise _lack(f"it has more than {_MOST_LAYERS} layers")
            if "output_layers" in value:
                _check_graph(value)


def _check_class(key: str, value: dict) -> None:
    name, module = str(value["class_name"]), value.get("module") or "keras"
    own = value.get("registered_name") not in (None, name)
    if name == "Lambda":
        raise _lack("it has a Lambda layer, whose Python code would have to be run")
    if name == "function":
        raise _lack(f"it has a Python function as {key} ({value.get('config')!r})")
    if own or name not in _PLACES.get(key, _PARTS).split() or not _MODULE.fullmatch(module):
        name = str(value["registered_name"]) if own else name
        origin = "" if module.startswith("keras") else f"{module}."
        raise _lack(f"it has the {'layer' if key == 'layers' else key} {origin}{name}")
    if name == "DTypePolicy":
        _check_value("dtype", value["config"]["name"])


def _check_value(key: str, value: Any) -> None:
    if (value and key in ("stateful", "unroll")) or (value is True and key in ("args", "training")):
        raise _lack("it has a layer that keeps a state, is unrolled or stays in training mode")
    if isinstance(value, str):
        if key == "dtype" and value not in _TYPES.split():
            raise _lack(f"it has numbers of type {value!r}")
        if (key, value) == ("data_format", "channels_first"):
            raise _lack("its channels come before rows and columns (channels_first)")
        if len(value) > 200:
            raise _lack(f"it has {key!r} as a string of {len(value):,} characters")
    elif value is not None and not isinstance(value, bool) and key not in _IDENTIFIERS:
        limit = _LIMITS.get(key, _LARGEST_NUMBER)
        if not abs(value) <= limit:  # so that NaN is refused, too
            raise _lack(f"it has {key!r} of {value:,}, but {limit:,} is the largest allowed")


def _check_graph(config: dict) -> None:
    """Checks that each layer is used once, after those whose outputs it takes."""
    made: set[str] = set()
    used = {name for name, *_ in _tensors([config["output_layers"]])}
    for layer in config["layers"]:
        origins = {name for name, *_ in _tensors(layer["inbound_nodes"])}
        if len(layer["inbound_nodes"]) > 1:
            raise _lack("it uses a layer several times")
        if not origins <= made or layer["name"] in made:
            raise _refuse("its layers are out of order")
        made.add(layer["name"])
        used |= origins
    if not made <= used:
        raise _refuse("it has a layer whose output is not used")


def _take_images(config: dict) -> None:
    """Changes a description so that the model takes images (28, 28, 1), and has one output."""
    network, entry = config["config"], config
    if config["class_name"] != "Sequential":
        ends = [list(_tensors([network[key]])) for key in ("input_layers", "output_layers")]
        if [len(tensors) for tensors in ends] != [1, 1]:
            raise _lack(f"it has {len(ends[0])} inputs and {len(ends[1])} outputs, not one of each")
        (network["input_layers"],), (network["output_layers"],) = ends
        (entry,) = (layer for layer in network["layers"] if layer["name"] == ends[0][0][0])
    if not entry.get("shape"):
        raise ModelError("has no input shape: fit or build the model before saving it.")
    usual = {2: [784], 3: [28, 28]}.get(len(entry["shape"]), _IMAGE[1:])
    shape = [size or other for size, other in zip(entry["shape"][1:], usual, strict=False)]
    if math.prod(shape) != 28 * 28:
        raise ModelError(f"takes inputs of shape {tuple(shape)}; expected images (28, 28, 1).")
    start, layers = "digitlib_image", network["layers"]
    if config["class_name"] == "Sequential":
        network["build_input_shape"] = _IMAGE
        if shape != _IMAGE[1:]:
            layers.insert(0, _layer("Reshape", name=start, target_shape=shape))
    elif shape == _IMAGE[1:]:
        entry["config"].update(batch_shape=_IMAGE, dtype="float32")
    else:
        reshape = _layer("Reshape", origin=start, name=entry["name"], target_shape=shape)
        image = _layer("InputLayer", name=start, batch_shape=_IMAGE, dtype="float32")
        place = layers.index(entry)
        layers[place : place + 1] = [image, reshape]
        network["input_layers"] = [start, 0, 0]


def _in_thread(function: Callable, *arguments: Any) -> Any:
    """Calls a function in a thread of its own, where Keras keeps names and scopes of its own."""
    executor = ThreadPoolExecutor(1)
    try:
        return executor.submit(function, *arguments).result(_MOST_SECONDS)
    except TimeoutError:
        raise ModelError(f"takes longer than {_MOST_SECONDS} seconds to load.") from None
    finally:
        executor.shutdown(wait=False)


def _count_weights(config: dict) -> None:
    """Builds the network without its weights, and counts them."""
    import keras

    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    with keras.StatelessScope(initialize_variables=False):
        model = kind.from_config(copy.deepcopy(config["config"]))
        size = sum(math.prod(w.shape) * (8 if "64" in w.dtype else 4) for w in model.weights)
    if size > _LARGEST_FILE:
        raise ModelError(f"is too large: its weights take {size:,} bytes, and 40 MB at most here.")
    if model.output_shape != (None, 10):
        raise ModelError(f"returns an output {model.output_shape}; expected (None, 10).")


def _load(members: dict[str, bytes], config: dict) -> tuple["keras.Model", int]:
    import h5py
    import keras

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Otherwise Keras would go on with random weights.
        warnings.filterwarnings("error", "Skipping nested container", UserWarning)
        path = Path(folder) / ("model.h5" if "" in members else "model.keras")
        if "" in members:
            path.write_bytes(members[""])
            with h5py.File(path, "r+") as file:
                file.attrs["model_config"] = json.dumps(config)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                for name in members:
                    described = name == "config.json"
                    archive.writestr(name, json.dumps(config) if described else members[name])
        model = keras.saving.load_model(path, compile=False)
    return model, _try_images(model)


def _try_images(model: "keras.Model") -> int:
    """Measures the work for one image, then predicts a few; returns the work."""
    import tensorflow as tf

    called = [layer for layer in model._flatten_layers() if layer._inbound_nodes]
    loops = [layer for layer in called if type(layer).__name__ in _LOOPS.split()]
    if (steps := sum(map(_count_steps, loops))) > _MOST_STEPS:
        raise _lack(f"it has recurrent layers of {steps:,} steps; {_MOST_STEPS} is the limit")
    images = np.random.default_rng(0).random((3, *_IMAGE[1:]), dtype=np.float32)
    predict = tf.function(lambda images: model(images, training=False)).get_concrete_function(
        tf.TensorSpec(images.shape, tf.float32)
    )
    if (work := sum(map(_cost, predict.graph.get_operations())) // len(images)) > _MOST_WORK:
        raise ModelError(f"is too large: an image would take {work:,} multiplications.")
    together, alone = predict(tf.constant(images)), model(images[:1], training=False)
    if (together.shape, alone.shape) != ((3, 10), (1, 10)):
        raise _lack("it does not predict several images at once")
    if not np.allclose(together[:1], alone, rtol=0.01, atol=0.01, equal_nan=True):
        raise _lack("its predictions change from call to call")
    return work


def _count_steps(layer: Any) -> int:
    repeated = type(getattr(layer, "layer", layer)).__name__ in _LOOPS.split()
    return math.prod(layer.input.shape[1:-1] if repeated else layer.input.shape[1:2])


def _cost(operation: Any) -> int:
    """Estimates the multiplications of one operation; storing a number costs as much as 100."""
    kind, inputs = operation.type, list(operation.inputs)
    weights = kind == "Cast" and inputs[0].op.type == "ReadVariableOp"
    if kind == "ReadVariableOp" or weights:  # counted already
        return 0
    factor = 100
    if kind in ("Conv2D", "Conv2DBackpropInput", "MatMul", "BatchMatMulV2", "Einsum"):
        factor += math.prod(inputs[1].shape[:-1])
    elif kind == "DepthwiseConv2dNative":
        factor += math.prod(inputs[1].shape[:2])
    elif kind in ("MaxPool", "AvgPool"):
        factor += 10 * math.prod(operation.get_attr("ksize"))
    return factor * sum(output.shape.num_elements() or 0 for output in operation.outputs)
