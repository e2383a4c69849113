"""Write a network as a web page: one file that recognises what is drawn and shows every number."""

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from digitlib.data import load_mnist
from digitlib.evaluation import predict_digits

if TYPE_CHECKING:
    import keras

_HERE = Path(__file__).parent
SCRIPTS = ("drawing", "normalization", "network", "parts")  # of the pad, too
PAGE = (*SCRIPTS, "inspection", "calculation", "detail", "page")
STYLE = _HERE / "page.css"
MOST_NUMBERS = 1_500_000  # of 32 bits: Jupyter refuses messages of more than 10 MB
# The layers that network.js knows, and those of their settings that it needs.
_LAYERS = {
    "Conv2D": "kernel_size strides padding activation",
    "Dense": "activation",
    "MaxPooling2D": "pool_size strides padding",
    "AveragePooling2D": "pool_size strides padding",
    "BatchNormalization": "epsilon",
    "ReLU": "max_value negative_slope threshold",
    "LeakyReLU": "negative_slope",
    "ELU": "alpha",
    "Activation": "activation",
    "Rescaling": "scale offset",
    "Reshape": "target_shape",
}
_LAYERS["DepthwiseConv2D"] = _LAYERS["Conv2D"]  # which it becomes
_PLAIN = "GlobalMaxPooling2D GlobalAveragePooling2D Softmax Flatten"
_PLAIN += " Dropout SpatialDropout2D GaussianNoise GaussianDropout"
_LAYERS |= dict.fromkeys(_PLAIN.split(), "")
_ACTIVATIONS = (
    "linear relu relu6 leaky_relu elu selu gelu sigmoid hard_sigmoid tanh silu softplus softsign "
    "exponential softmax"
)
# Settings that network.js takes for granted.
_USUAL = {"data_format": "channels_last", "groups": 1, "dilation_rate": (1, 1)}
_USUAL |= {"axis": -1, "keepdims": False, "depth_multiplier": 1}
_FACTS = {"seed": int, "validation_accuracy": float, "date": str}


def join_scripts(*names: str) -> str:
    """Returns scripts of this folder, by their names, as one."""
    return "\n".join((_HERE / f"{name}.js").read_text("utf-8") for name in names)


def render_page(model: "keras.Model", *, small: bool = False, record: dict | None = None) -> str:
    """Returns a web page, HTML, with all that it needs inside. See `describe_network`."""
    network = describe_network(model, small=small, record=record)
    # Inside a script, "</script" would end it, and "<!--" would change what ends it.
    escapes = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
    data = json.dumps(network, ensure_ascii=False, allow_nan=False)
    page = Template((_HERE / "page.html").read_text("utf-8"))
    return page.substitute(
        title=html.escape(network["name"]),
        style=STYLE.read_text("utf-8"),
        script=join_scripts(*PAGE),
        network=data.translate(escapes),
    )


def describe_network(
    model: "keras.Model", *, small: bool = False, record: dict | None = None
) -> dict[str, Any]:
    """Describes a network for JavaScript: its layers, its weights, and digits to try it with.

    Args:
        model: a Keras model from (n, 28, 28, 1) to (n, 10), a plain sequence of layers.
        small: store the kernels as 16-bit floats; biases and normalisation are few, and stay
            32-bit.
        record: what the page tells about the training, such as `Run.record`; None: nothing.

    Returns:
        A dict for JSON.

    Raises:
        ValueError: a page can't show one of the layers; the message names it.
    """
    unnamed = model.name.startswith(("sequential", "functional"))
    return {
        "name": "My network" if unnamed else model.name,
        "record": _choose_facts(record or {}),
        **describe_layers(model, small=small),
        "examples": _choose_examples(model),
    }


def describe_layers(model: "keras.Model", *, small: bool = False) -> dict[str, Any]:
    """Returns only the layers and weights of `describe_network`: what network.js predicts with."""
    layers = list_layers(model)
    described = [_describe_layer(layer) for layer in layers]
    _verify_sequence(model, layers)
    content = b""
    for layer, description in zip(layers, described, strict=True):
        arrays = {weight.name: np.asarray(weight, "<f4") for weight in layer.weights}
        if type(layer).__name__ == "DepthwiseConv2D":  # zeros for the maps that a filter leaves out
            arrays["kernel"] = arrays["kernel"] * np.eye(len(arrays["kernel"][0, 0]), dtype="<f4")
        arrays = {name: _shorten(array, small) for name, array in arrays.items()}
        description["arrays"] = [
            {"name": name, "shape": list(array.shape), "bits": 8 * array.itemsize}
            for name, array in arrays.items()
        ]
        content += b"".join(array.tobytes() for array in arrays.values())
    return {"layers": described, "weights": base64.b64encode(content).decode()}


def list_layers(model: "keras.Model") -> list["keras.Layer"]:
    """Returns the layers in order, without the input; instead of inner models, their layers."""
    import keras

    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += list_layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            found.append(layer)
    return found


def _describe_layer(layer):
    import keras

    kind, config = type(layer).__name__, layer.get_config()
    where = f"layer {layer.name} ({kind})"
    if kind not in _LAYERS or type(layer) is not getattr(keras.layers, kind):
        raise ValueError(f"a page can't show the {where}: export the model as .tflite or .onnx.")
    if kind == "BatchNormalization" and config["axis"] in (3, [3]):
        config["axis"] = -1
    for name, usual in _USUAL.items():
        value = config.get(name, usual)
        if (tuple(value) if isinstance(value, list) else value) != usual:
            raise ValueError(f"a page can't show {name}={value} of the {where}.")
    activation = config.get("activation", "linear")
    if activation not in _ACTIVATIONS.split():
        found = f"the activation {activation!r} of the {where}"
        raise ValueError(f"a page can't show {found}; it can show {_ACTIVATIONS}.")
    settings = {name: config[name] for name in _LAYERS[kind].split()}
    if kind == "Reshape":
        settings["target_shape"] = layer.output.shape[1:]
    return {"kind": kind.removeprefix("Depthwise"), "name": layer.name, **settings}


def _verify_sequence(model, layers):
    image = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    values = image
    for layer in layers:
        values = layer(values)
    if not np.allclose(values, model(image), atol=1e-4, equal_nan=True):
        raise ValueError("a page can only show layers that follow each other, each used once.")


def _shorten(array, small):
    with np.errstate(over="ignore"):
        short = array.astype("<f2") if small and array.ndim > 1 else array
    return short if np.isfinite(short).all() else array  # 65,504 is the largest of 16 bits


def _choose_facts(record):
    facts = {n: record[n] for n, kind in _FACTS.items() if isinstance(record.get(n), kind)}
    recipe = record.get("recipe")
    return {"recipe": str(recipe["name"]), **facts} if isinstance(recipe, dict) else facts


def _choose_examples(model):
    """The first test image of each class, and a few that the network misclassifies."""
    images, labels = (part[:1000] for part in load_mnist().test)
    firsts = [int(np.argmax(labels == digit)) for digit in range(10)]
    wrong = np.flatnonzero(predict_digits(model, images) != labels)[:5]
    return [
        {"label": int(labels[place]), "pixels": base64.b64encode(images[place]).decode()}
        for place in [*firsts, *wrong.tolist()]
    ]
