"""Judge layers and trained networks. This module gives the answers away."""

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from digitlib.exercises.answers import ask, describe, read_numbers
from digitlib.images import preprocess_images

# Softmax of probabilities, which are from 0 to 1, gives at most e / (e + 9) = 0.232.
_CAP = 0.24


def judge_layer(layer: Any, _validation: Any) -> tuple[bool, str]:
    """Returns whether a layer turns (28, 28, 1) into (14, 14, 16), and what to say about it."""
    if isinstance(layer, type):
        return False, "That is the class: create a layer, with brackets and arguments."
    if hasattr(layer, "layers"):
        return False, "That is a whole model; the question asks for one layer."
    if not hasattr(layer, "compute_output_shape"):
        return False, "The answer is the layer itself, not what it returns."
    if hasattr(layer, "pool_size"):
        return False, "Pooling treats each channel alone: it keeps the number of channels."
    if not hasattr(layer, "filters"):
        return False, f"{type(layer).__name__} has no filters; the question asks for a convolution."
    if layer.data_format == "channels_first":
        return False, "Our images have their channels last: leave out data_format."
    shape = ask(layer.compute_output_shape, (None, 28, 28, 1))
    sizes: Any = read_numbers(shape)
    if np.shape(sizes) != (4,):
        return False, f"The layer does not accept the shape (None, 28, 28, 1). {describe(shape)}"
    _, height, width, channels = sizes
    shape = f"Its output shape is (None, {height:g}, {width:g}, {channels:g})."
    if (height, width, channels) == (14, 14, 16):
        return True, "A convolution can shrink an image, too, and its weights are learned."
    if height == width == 14:
        return False, f"{shape} Each filter makes one channel: how many channels are wanted?"
    if 10 < height < 14 and layer.padding == "valid":
        return False, f"{shape} Without padding, the kernel stays inside: the border is lost."
    return False, f"{shape} The stride is wrong: how far must the kernel move in each step?"


class NetworkRules(NamedTuple):
    """What an exercise asks of a trained network."""

    call: str  # the first arguments of the right call of check_answer
    is_enough: Callable[[float], bool]  # of an accuracy from 0 to 1
    praise: str
    parameter_limit: float = math.inf


def judge_network(model: Any, validation: Any, rules: NetworkRules) -> tuple[bool, str]:
    """Returns whether a network classifies the validation data well, and what to say about it."""
    if isinstance(model, str | os.PathLike) and str(model).endswith((".keras", ".h5")):
        return False, "That is a file name: load the model with keras.models.load_model."
    if type(model).__name__ == "History":
        return False, "That is the history that fit returns; the answer is the model itself."
    counted = ask(lambda: model.count_params())  # raises if it was never built
    if not hasattr(model, "predict") or isinstance(counted, BaseException):
        return False, "The answer is a trained Keras model."
    inputs = ask(preprocess_images, getattr(validation, "images", None))
    labels = np.array(getattr(validation, "labels", None))
    if isinstance(inputs, ValueError) or labels.shape != (len(inputs),) or not len(inputs):
        return False, f"Add the validation data: check_answer({rules.call}, validation)."
    if getattr(model, "input_shape", None) == (None, 1, 28, 28):
        return False, "Its input has the channels first; our images have them last."
    outputs = ask(_predict, model, inputs)
    if isinstance(outputs, BaseException):
        return False, f"It does not accept float32 images (n, 28, 28, 1). {describe(outputs)}"
    probabilities: Any = read_numbers(outputs)
    if np.shape(probabilities) != (len(inputs), 10):
        shape = ("n", *np.shape(probabilities)[1:])
        return False, f"The network must return ten probabilities for each image, not {shape}."
    return _judge_outputs(model, inputs, labels, probabilities, rules)


def _judge_outputs(model, inputs, labels, outputs, rules):
    if not np.isfinite(outputs).all():
        return False, "Its outputs are NaN or infinite: lower the learning rate."
    if outputs.min() < 0 or not np.allclose(outputs.sum(axis=1), 1, atol=1e-3):
        return False, "Its outputs do not sum to 1: the last layer lacks softmax."
    accuracy = _measure(outputs, labels)
    capped = outputs.max() < _CAP and accuracy > 0.2
    in_doubt = capped or not rules.is_enough(accuracy)
    if in_doubt and _expects_pixels(model, inputs, labels, outputs):
        return False, "It expects pixels from 0 to 255: divide the images by 255 and train again."
    if capped or [_is_softmax(layer) for layer in model.layers[-2:]] == [True, True]:
        return False, "Softmax is applied twice, which limits every probability to about 0.23."
    return _judge_size_and_accuracy(model, accuracy, rules)


def _judge_size_and_accuracy(model, accuracy, rules):
    parameters = model.count_params()
    if parameters >= rules.parameter_limit:
        most, name = max((layer.count_params(), layer.name) for layer in model.layers)
        where = f"{most:,} of them are in layer {name}"
        return False, f"{parameters:,} parameters are too many; {where}: pool more before it."
    if accuracy < 0.2:
        chance = "about chance level. Was it trained, and on inputs from 0 to 1?"
        return False, f"Its accuracy is {accuracy:.1%}, {chance}"
    if not rules.is_enough(accuracy):
        return False, f"Its accuracy is {accuracy:.2%}. Try more epochs or more filters."
    return True, f"With {parameters:,} parameters, its accuracy is {accuracy:.2%}: {rules.praise}"


def _expects_pixels(model, inputs, labels, outputs):
    unscaled = read_numbers(ask(_predict, model, 255 * inputs))
    if np.shape(unscaled) != outputs.shape or _measure(unscaled, labels) < 0.9:
        return False
    # Even if it classifies scaled inputs, too, it does so without confidence.
    errors = 1 - _measure(outputs, labels), 1 - _measure(unscaled, labels)
    return errors[1] < errors[0] / 2 or outputs.max() < _CAP < unscaled.max()


def _measure(outputs, labels):
    return (outputs.argmax(axis=1) == labels).mean()


def _predict(model, inputs):
    return model.predict(inputs, batch_size=1000, verbose=0)


def _is_softmax(layer):
    activation = getattr(layer, "activation", None)
    return "softmax" in (type(layer).__name__.lower(), getattr(activation, "__name__", ""))
