"""Look inside a network: convolution by hand, feature maps, and what a prediction rests on."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from digitlib.data import IMAGE_SIZE, NUM_CLASSES
from digitlib.evaluation import Model, predict_probabilities
from digitlib.images import preprocess_images, verify_images

if TYPE_CHECKING:
    import keras


def convolve2d(image: ArrayLike, kernel: ArrayLike, *, stride: int = 1) -> NDArray[np.float64]:
    """Slides a kernel over an image; at each position, multiplies pixel by pixel and adds up.

    As everywhere in deep learning the kernel is not rotated first: this is a cross-correlation.

    Args:
        image: numbers (rows, columns).
        kernel: numbers (k, l), no larger than the image.
        stride: the number of pixels that the kernel moves at a time.

    Returns:
        float64 ((rows - k) // stride + 1, (columns - l) // stride + 1).

    Example:
        >>> from digitlib.explain import convolve2d
        >>> convolve2d([[1, 2, 4], [0, 5, 5]], [[-1, 1]])
        array([[1., 2.],
               [5., 0.]])
    """
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    if not image.ndim == kernel.ndim == 2 or np.any(np.less(image.shape, kernel.shape)):
        shapes = f"{image.shape} and {kernel.shape}"
        raise ValueError(f"expected an image and a smaller kernel, both 2-D; got shapes {shapes}.")
    if stride < 1:
        raise ValueError(f"stride must be 1 or more; got {stride}.")
    windows = sliding_window_view(image, kernel.shape)[::stride, ::stride]
    return (windows * kernel).sum(axis=(2, 3))


def apply_convolution(inputs: NDArray, weights: NDArray, biases: NDArray) -> NDArray[np.float64]:
    """Computes the output of a `Conv2D` layer, before its activation, for one image.

    Args:
        inputs: floats (rows, columns, channels).
        weights: floats (k, l, channels, filters).
        biases: floats (filters,).

    Returns:
        float64 (rows - k + 1, columns - l + 1, filters).
    """
    channels, filters = map(range, weights.shape[2:])
    sums = [sum(convolve2d(inputs[..., c], weights[..., c, f]) for c in channels) for f in filters]
    return np.stack(sums, axis=-1) + biases


def apply_pooling(inputs: NDArray, size: int = 2) -> NDArray:
    """Computes the output of a `MaxPooling2D` layer for one image: the maximum of each square.

    Args:
        inputs: floats (rows, columns, channels).
        size: the width of the squares; rows and columns that fill no square are dropped.

    Returns:
        Floats (rows // size, columns // size, channels).
    """
    windows = sliding_window_view(inputs, (size, size), axis=(0, 1))
    return windows[::size, ::size].max(axis=(-2, -1))


def compute_feature_maps(model: "keras.Sequential", image: NDArray[np.uint8]) -> dict[str, NDArray]:
    """Computes the output of every layer that returns maps, for one image.

    Args:
        model: a `keras.Sequential` of plain layers, not of other models.
        image: uint8 (28, 28), 0 background to 255 ink.

    Returns:
        From the name of a layer to float32 (rows, columns, channels), in the order of the layers.
    """
    _, *outputs = _run_layers(model, image)
    named = zip(model.layers, outputs, strict=True)
    return {layer.name: np.array(maps)[0] for layer, maps in named if len(maps.shape) == 4}


def compute_grad_cam(model: "keras.Sequential", image: NDArray[np.uint8], digit: int) -> NDArray:
    """Finds the parts of an image that raise the score of a digit, with Grad-CAM (Selvaraju, 2017).

    It takes the maps of the last convolution after batch normalisation, pooling and ReLU, since
    only these reach the score, and weights each by the mean gradient of the score (before the
    softmax). A value belongs to the centre of its window; values in between are interpolated.

    Args:
        model: a `keras.Sequential` of plain layers, among them a convolution.
        image: uint8 (28, 28), 0 background to 255 ink.
        digit: the class to explain, 0 to 9.

    Returns:
        float64 (28, 28), at least 0. A `UserWarning` gives the reason if it is 0 everywhere.
    """
    import tensorflow as tf

    digit, outputs = _verify_digit(digit), _run_layers(model, image)
    end = _find_last_maps(model.layers, outputs)
    maps = outputs[end]
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = _compute_score(model.layers[end:], maps, digit)
    importance = np.mean(tape.gradient(score, maps)[0], axis=(0, 1))
    heat = np.maximum(np.array(maps)[0] @ importance, 0)
    if not heat.any():
        reason = "the last convolution finds nothing in the image that changes the score"
        if importance.any() and np.any(maps):
            reason = "on average, what the last convolution finds lowers the score; the digit can "
            reason += "still win, as softmax only compares scores. Try compute_occlusion"
        warnings.warn(f"Grad-CAM for the digit {digit} is 0 everywhere: {reason}.", stacklevel=2)
    for axis in (1, 0):  # along the rows, then along the columns
        centres = _find_centres(model.layers[:end], outputs, axis)
        heat = np.transpose([np.interp(range(IMAGE_SIZE), centres, [0, *x, 0]) for x in heat])
    return heat


def compute_occlusion(model: Model, image: NDArray[np.uint8], digit: int) -> NDArray:
    """Measures how much the probability of a digit falls when 5 x 5 pixels are covered.

    Args:
        model: as for `predict_probabilities`.
        image: uint8 (28, 28), 0 background to 255 ink.
        digit: the class to explain, 0 to 9.

    Returns:
        float32 (28, 28), -1 to 1: the drop in probability when the patch is centred there.
    """
    digit, image = _verify_digit(digit), verify_images(image, single=True)
    pictures = [image]
    for row, column in np.ndindex(image.shape):
        covered = image.copy()
        covered[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = 0
        pictures.append(covered)
    whole, *rest = predict_probabilities(model, np.stack(pictures))[:, digit]
    return whole - np.reshape(rest, image.shape)


def _verify_digit(digit):
    if digit not in range(NUM_CLASSES):
        raise ValueError(f"digit must be an integer from 0 to {NUM_CLASSES - 1}; got {digit!r}.")
    return int(digit)


def _run_layers(model, image):
    """Returns the input of the first layer, then the output of every layer, for one image."""
    import keras

    nested = any(isinstance(layer, keras.Model) for layer in getattr(model, "layers", ()))
    if nested or not isinstance(model, keras.Sequential):
        found = "a model inside a model" if nested else type(model).__name__
        raise ValueError(f"expected a keras.Sequential of plain layers; got {found}.")
    outputs = [preprocess_images(verify_images(image, single=True)[np.newaxis])]
    for layer in model.layers:
        outputs.append(layer(outputs[-1]))
    return outputs


def _find_last_maps(layers, outputs):
    """Returns the number of layers up to the last convolution and its activation."""
    from keras import activations
    from keras.layers import ELU, LeakyReLU, PReLU, ReLU

    last = max((i for i, layer in enumerate(layers, 1) if hasattr(layer, "kernel_size")), default=0)
    if not last or outputs[-1].shape != (1, NUM_CLASSES):
        found = f"the output shape {outputs[-1].shape}" if last else "no convolution"
        raise ValueError(f"expected a model with convolutions and ten outputs; it has {found}.")
    for end in range(last, len(layers)):
        activation = getattr(layers[end - 1], "activation", activations.linear)
        active = isinstance(layers[end - 1], (ELU, LeakyReLU, PReLU, ReLU))
        if len(outputs[end].shape) == 4 and (active or activation is not activations.linear):
            return end
    return last


def _compute_score(layers, maps, digit):
    from keras.layers import Activation, Dense, Softmax

    *hidden, output = layers[:-1] if isinstance(layers[-1], (Activation, Softmax)) else layers
    for layer in hidden:
        maps = layer(maps)
    if isinstance(output, Dense):  # without its softmax, and its bias, which has no gradient
        return maps @ output.kernel[:, digit, None]
    return output(maps)[:, digit]


def _find_centres(layers, outputs, axis):
    """Returns the pixels at the centres of the last windows, and one step beyond each end."""
    first, step = 0.0, 1
    sizes = [np.array(output.shape[1:3]) for output in outputs]
    for layer, before, after in zip(layers, sizes, sizes[1:], strict=False):
        window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
        if window is None and np.array_equal(before, after):
            continue
        if window is None or (after > before).any():
            raise ValueError(f"cannot place the maps on the image: {layer.name} rearranges pixels.")
        width = (window[axis] - 1) * getattr(layer, "dilation_rate", (1, 1))[axis] + 1
        stride = layer.strides[axis]
        beyond = (after[axis] - 1) * stride + width - before[axis]
        padding = max(beyond, 0) // 2 if layer.padding == "same" else 0
        first += ((width - 1) / 2 - padding) * step
        step *= stride
    return first + step * np.arange(-1, after[axis] + 1)
