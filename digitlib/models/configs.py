"""Read Keras's description of a network, and refuse what no digit reader needs.

The description is JSON: layers, each with a class and its values. Keras would build whatever it
says, so each class, value and connection is compared here with what digit readers are made of.
"""

import math

from digitlib.models.refusal import refuse

_MODELS = ["Sequential", "Functional", "Model"]
# Classes by name, each from Keras alone. None of them runs code from the file or reads another.
_LAYERS = """
    InputLayer Dense Flatten Reshape Permute Activation ReLU LeakyReLU PReLU ELU Softmax
    Conv2D DepthwiseConv2D SeparableConv2D Conv2DTranspose ZeroPadding2D Cropping2D UpSampling2D
    MaxPooling2D AveragePooling2D GlobalMaxPooling2D GlobalAveragePooling2D
    BatchNormalization LayerNormalization GroupNormalization Rescaling
    Dropout SpatialDropout2D GaussianDropout GaussianNoise AlphaDropout
    Add Subtract Multiply Average Maximum Minimum Concatenate
    RandomTranslation RandomRotation RandomZoom RandomShear RandomContrast RandomBrightness
"""
# What stands inside a layer: types, activations, and how weights start and are held small.
_PARTS = """
    DTypePolicy ReLU LeakyReLU ELU Softmax
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling
    GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform
    L1 L2 L1L2 MaxNorm NonNeg UnitNorm MinMaxNorm
"""
_TYPES = {"float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"}
_MOST_LAYERS = 60  # Keras builds a Sequential anew with each one
_MOST_INPUTS = 16  # of a layer
_LONGEST_NAME = 100
_LARGEST_NUMBER = 250_000
# Distances in pixels, and what else multiplies work; what may be a list; what may be any number.
_LARGEST_DISTANCE = 32
_DISTANCES = """
    kernel_size strides pool_size size padding cropping output_padding depth_multiplier
"""
_LISTS = """
    dilation_rate target_shape dims axis shared_axes batch_shape batch_input_shape build_input_shape
    input_shape factor height_factor width_factor x_factor y_factor value_range
    input_layers output_layers
"""


def check_config(path, config):
    """Checks a model's description.

    Args:
        path: a Path, the file that messages name.
        config: a dict, the description as read from JSON.

    Raises:
        ModelError: the file is refused. (A damaged one may raise KeyError, TypeError and the like.)
    """
    _check_class(path, config, _MODELS)
    _check_keys(path, config, {"build_config", "compile_config"})
    values = dict(config["config"])
    layers = values.pop("layers")
    _check_values(path, values)
    _check_shapes(path, config.get("build_config") or {})
    if len(layers) > _MOST_LAYERS:
        raise refuse(path, f"it has {len(layers):,} layers")
    names = []
    for layer in layers:
        if layer["class_name"] in _MODELS:
            raise refuse(path, "it holds a model inside")
        _check_class(path, layer, _LAYERS.split())
        _check_keys(path, layer, {"name", "inbound_nodes", "build_config"})
        _check_values(path, layer["config"])
        _check_shapes(path, layer.get("build_config") or {})
        name = layer["config"].get("name")
        if name in names or layer.get("name", name) != name:
            raise refuse(path, f"the name {name!r} does not tell one layer from another")
        _check_nodes(path, layer.get("inbound_nodes", []), names)
        names.append(name)


def _check_class(path, item, known):
    name, home = item["class_name"], item.get("module") or "keras"
    # An own class of the same name would be registered under another one.
    own = item.get("registered_name") not in (None, name)
    if name not in known or own or home.split(".")[0] != "keras":
        raise refuse(path, f"'{home}.{name}' is no part that digit readers have here")


def _check_keys(path, item, more):
    unknown = set(item) - {"module", "class_name", "config", "registered_name"} - more
    if unknown:
        raise refuse(path, f"{min(unknown)!r} stands at {item['class_name']!r}")


def _check_values(path, values):
    for key, value in values.items():
        if isinstance(value, dict):
            if "class_name" not in value:
                raise refuse(path, f"{key!r} is a dictionary")
            _check_class(path, value, _PARTS.split())
            # Keras puts one object wherever an id stands again: harmless if all are types.
            ids = {"shared_object_id"} if value["class_name"] == "DTypePolicy" else set()
            _check_keys(path, value, ids)
            _check_values(path, value["config"])
            if ids and value["config"]["name"] not in _TYPES:
                raise refuse(path, f"it calculates with {value['config']['name']!r}")
            continue
        if isinstance(value, list):
            if key not in (_DISTANCES + _LISTS).split() or len(value) > _MOST_INPUTS:
                raise refuse(path, f"{key!r} is a list of {len(value):,}")
            for item in value:
                inner = item if isinstance(item, list) else [item]
                if len(inner) > _MOST_INPUTS:
                    raise refuse(path, f"{key!r} is a list of {len(inner):,}")
                for number in inner:
                    _check_value(path, key, number)
            continue
        _check_value(path, key, value)


def _check_value(path, key, value):
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if len(value) > _LONGEST_NAME:
            raise refuse(path, f"{key!r} is a text of {len(value):,} characters")
        if key == "dtype" and value not in _TYPES:
            raise refuse(path, f"it calculates with {value!r}")
        part = key.endswith(("_initializer", "_regularizer", "_constraint"))
        if part and value.replace("_", "") not in _PARTS.lower().split():
            raise refuse(path, f"{value!r} is no part that digit readers have here")
        if key == "data_format" and value != "channels_last":
            raise refuse(path, "its channels do not come last")
        return
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise refuse(path, f"{key!r} is no number")
    limit = _LARGEST_DISTANCE if key in _DISTANCES.split() else _LARGEST_NUMBER
    limit = 2 if key == "dilation_rate" else limit  # the image is padded with its multiples
    if abs(value) > limit and key != "seed":
        raise refuse(path, f"{key!r} is {value:,}, and {limit:,} at most here")


def _check_shapes(path, shapes):
    """Shapes that layers are built for: dictionaries and lists of numbers."""
    found = [shapes]
    for item in found:  # which grows on the way
        if isinstance(item, dict | list):
            found.extend(item.values() if isinstance(item, dict) else item)
        else:
            _check_value(path, "build_config", item)
        if len(found) > _MOST_INPUTS**2:
            raise refuse(path, f"'build_config' holds {len(found):,} numbers and lists")


def _check_nodes(path, nodes, names):
    """A layer is used once, and takes what layers before it have made."""
    if len(nodes) > 1:
        raise refuse(path, "it uses a layer several times")
    for node in nodes:
        if isinstance(node, dict):
            if any(node.get("kwargs", {}).values()):  # a mask, or training for ever
                raise refuse(path, "a layer is told more than what to take")
            tensors = [
                tensor
                for argument in node["args"]
                for tensor in (argument if isinstance(argument, list) else [argument])
            ]
            origins = [tensor["config"]["keras_history"][0] for tensor in tensors]
            if {tensor["class_name"] for tensor in tensors} != {"__keras_tensor__"}:
                raise refuse(path, "a layer takes something else than layers make")
        else:  # as Keras 2 wrote it
            origins = [tensor[0] for tensor in node]
            if any(any(tensor[3:]) for tensor in node):
                raise refuse(path, "a layer is told more than what to take")
        if len(origins) > _MOST_INPUTS or not set(origins) <= set(names):
            raise refuse(path, "its layers do not stand in their order, or take too much")
