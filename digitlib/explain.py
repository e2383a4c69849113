"""Look inside a network: convolution by hand, feature maps, and what an answer rests on."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def convolve2d(image, kernel, *, stride=1):
    """Slides a kernel over an image; at each place, multiplies what lies on each other and adds up.

    As everywhere in deep learning the kernel is not turned first, so mathematicians call this a
    cross-correlation.

    Args:
        image: numbers (rows, columns).
        kernel: numbers (k, l), no larger than the image.
        stride: how far the kernel moves at a time.

    Returns:
        float64 ((rows - k) // stride + 1, (columns - l) // stride + 1).
    """
    windows = sliding_window_view(np.asarray(image, float), np.shape(kernel))[::stride, ::stride]
    return (windows * kernel).sum(axis=(2, 3))


def apply_convolution(inputs, weights, biases):
    """Computes what a `Conv2D` layer does before its activation, for one image.

    Args:
        inputs: floats (rows, columns, channels).
        weights: floats (k, l, channels, filters).
        biases: floats (filters,).

    Returns:
        Floats (rows - k + 1, columns - l + 1, filters).
    """
    windows = sliding_window_view(inputs, weights.shape[:2], axis=(0, 1))
    return np.einsum("rcikl,klif->rcf", windows, weights) + biases


def apply_pooling(inputs, size=2):
    """Computes what a `MaxPooling2D` layer does, for one image: the largest value of each square.

    Args:
        inputs: floats (rows, columns, channels).
        size: width of the squares; what is left over at the right and below is dropped.

    Returns:
        Floats (rows // size, columns // size, channels).
    """
    rows, columns, channels = (np.array(inputs.shape) // (size, size, 1)).tolist()
    whole = inputs[: rows * size, : columns * size]
    return whole.reshape(rows, size, columns, size, channels).max(axis=(1, 3))


def compute_feature_maps(model, inputs):
    """Asks each convolution and pooling of a model what it hands on for one image.

    Args:
        model: a `keras.Sequential`.
        inputs: float32 (28, 28, 1), 0 to 1.

    Returns:
        A dict from layer name to float32 (rows, columns, channels), in the order of the layers.
    """
    maps, values = {}, inputs[np.newaxis]
    for layer in model.layers:
        values = layer(values)
        if len(values.shape) == 4:
            maps[layer.name] = np.array(values)[0]
    return maps


def compute_grad_cam(model, inputs, digit):
    """Finds where an image speaks for a digit, by the last convolution's maps and gradients.

    Each map counts as much as the digit's score (before the softmax) rises with it on average.
    Values stand where their windows are centred, with straight lines between, and end in 0.

    Args:
        model: a `keras.Sequential` of convolutions and poolings, then dense layers.
        inputs: float32 (28, 28, 1), 0 to 1.
        digit: int 0 to 9, the answer to explain.

    Returns:
        float64 (28, 28), 0 (nothing) and above.

    Raises:
        ValueError: the model has no convolution.

    Source:
        R. R. Selvaraju and others: Grad-CAM (2017), https://arxiv.org/abs/1610.02391.
    """
    import tensorflow as tf

    convolutions = [i for i, layer in enumerate(model.layers) if hasattr(layer, "filters")]
    if not convolutions:
        raise ValueError("the model has no convolution whose maps could be looked at")
    last, output = convolutions[-1], model.layers[-1]
    maps = inputs[np.newaxis]
    for layer in model.layers[: last + 1]:
        maps = layer(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        features = maps
        for layer in model.layers[last + 1 : -1]:
            features = layer(features)
        score = tf.linalg.matvec(features, output.kernel[:, digit])
    importance = np.mean(tape.gradient(score, maps)[0], axis=(0, 1))
    # What lies below 0 is cut off by the ReLU behind, before or after the pooling.
    heat = np.maximum(np.maximum(maps[0], 0) @ importance, 0)
    centres, step = _window_centres(model.layers[: last + 1])
    pixels = np.arange(len(inputs))
    places = [centres[0] - step, *centres, centres[-1] + step]
    for _ in range(2):  # columns, then rows
        heat = np.array([np.interp(pixels, places, [0, *line, 0]) for line in heat]).T
    return heat


def compute_occlusion(predict, image, digit):
    """Measures how much an answer loses when 5 x 5 pixels of the image are covered with paper.

    Args:
        predict: takes uint8 (n, 28, 28), returns the probabilities (n, 10).
        image: uint8 (28, 28).
        digit: int 0 to 9, the answer to explain.

    Returns:
        float (28, 28): the loss of the digit's probability with the patch centred there, -1 to 1.
    """
    rows, columns = image.shape
    covered = np.broadcast_to(image, (rows, columns, rows, columns)).copy()
    reach = 2  # pixels to each side of the centre
    for row, column in np.ndindex(rows, columns):
        top, left = max(row - reach, 0), max(column - reach, 0)
        covered[row, column, top : row + reach + 1, left : column + reach + 1] = 0
    left_over = predict(covered.reshape(-1, rows, columns))[:, digit].reshape(rows, columns)
    return predict(image[np.newaxis])[0, digit] - left_over


def _window_centres(layers):
    """Where, in pixels, the last layer's windows are centred along one side, and their distance."""
    first, step = 0.0, 1
    for layer in layers:
        size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", (1,))
        stride = getattr(layer, "strides", (1,))[0]
        same = getattr(layer, "padding", "valid") == "same"
        beyond_edge = max(size[0] - stride, 0) // 2 if same else 0
        first += ((size[0] - 1) / 2 - beyond_edge) * step
        step *= stride
    return first + step * np.arange(layers[-1].output.shape[1]), step
