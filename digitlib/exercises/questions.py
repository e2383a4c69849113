"""The lesson's exercises: right answers, usual mistakes and what each of them is told.

Reading this module gives the answers away.
"""

import math

import numpy as np

from digitlib.exercises.kinds import ANY, Choice, Code, Special, Value, tell_error
from digitlib.images import preprocess_images
from digitlib.training.faults import FAULTS

_SMALL_SPLIT = "5,000 of the 60,000 images were set aside for validation."
_TUPLE = "The answer is a tuple of whole numbers, the length along each axis, as shape gives it."
_COUNT = "The answer is one whole number."


def _judge_layer(layer):
    if isinstance(layer, type):
        return False, _LAYER_HINTS["class"]
    if hasattr(layer, "layers"):
        return False, _LAYER_HINTS["model"]
    if not hasattr(layer, "compute_output_shape"):
        return False, _LAYER_HINTS["result"]
    if hasattr(layer, "pool_size"):
        return False, _LAYER_HINTS["pooling"]
    if not (hasattr(layer, "kernel_size") and hasattr(layer, "filters")):
        return False, _LAYER_HINTS["no filters"].format(type(layer).__name__)
    try:
        shape = tuple(layer.compute_output_shape((None, 28, 28, 1)))
    except Exception as error:
        return False, _LAYER_HINTS["error"].format(tell_error(error))
    _, height, width, _ = shape
    if shape == (None, 14, 14, 16):
        return True, "So a convolution can shrink an image, with weights that are learned."
    if height == width == 14:
        fault = "filters"
    else:
        fault = "padding" if 10 < height < 14 and layer.padding == "valid" else "stride"
    return False, f"It gives {shape}. {_LAYER_HINTS[fault]}"


_LAYER_HINTS = {
    "class": "That is the class: make a layer of it, with brackets and numbers.",
    "model": "That is a whole model; one layer is asked.",
    "result": "The answer is the layer itself, not what it returns.",
    "pooling": "Pooling treats each channel alone: the number of channels cannot change.",
    "no filters": "{} has no filters; a convolution is asked.",
    "error": "The layer cannot read the shape (None, 28, 28, 1). {}",
    "filters": "Each filter makes one channel: compare their number.",
    "padding": "Without padding, the window must stay inside the image, and the border gets lost.",
    "stride": "The stride does not fit: how far must the window move from one place to the next?",
}


def _judge_faults(answer):
    causes = [character for part in np.ravel(answer) for character in str(part)]
    causes = [character for character in causes if character.isdigit()]
    if sorted(causes) != sorted(_FAULT_ORDER):
        return False, "The answer is text of five digits, each from 1 to 5 once, for A to E."
    same = [cause == right for cause, right in zip(causes, _FAULT_ORDER, strict=True)]
    if all(same):
        return True, "The curves often name the fault before the code does."
    wrong = same.index(False)
    hint = _FAULT_HINTS[causes[wrong]]
    return False, f"{sum(same)} of 5 are right. Look at {'ABCDE'[wrong]} again: {hint}"


_FAULT_ORDER = "".join(map(str, FAULTS.values()))
_FAULT_HINTS = {
    "1": "unscaled inputs start at a higher loss, and then learn, while validation stays behind.",
    "2": "shuffled labels let training creep down, while validation stays at chance.",
    "3": "a learning rate far too high makes the loss jump, and then it is stuck at chance.",
    "4": "with softmax twice, accuracy rises, yet the loss cannot fall below about 1.46.",
    "5": "where test images choose, the best score climbs with tries, but new images lag behind.",
}


def _judge_network(model, validation):
    inputs = preprocess_images(validation.images)
    if isinstance(model, type) or not hasattr(model, "predict"):
        return False, _NETWORK_HINTS["no model"]
    try:
        probabilities = np.asarray(model.predict(inputs, batch_size=1000, verbose=0))
    except Exception as error:
        return False, _NETWORK_HINTS["input"].format(tell_error(error))
    if probabilities.shape != (len(inputs), 10):
        return False, _NETWORK_HINTS["output"].format(("n", *probabilities.shape[1:]))
    accuracy = float((probabilities.argmax(axis=1) == validation.labels).mean())
    parameters = model.count_params()
    if not np.isfinite(probabilities).all():
        return False, _NETWORK_HINTS["nan"]
    if probabilities.min() < 0 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        return False, _NETWORK_HINTS["no softmax"]
    # The second softmax gets numbers from 0 to 1, so it gives at most e / (e + 9) = 0.232.
    capped = probabilities.max() < 0.24 and accuracy > 0.2
    if capped or [_is_softmax(layer) for layer in model.layers[-2:]] == [True, True]:
        return False, _NETWORK_HINTS["softmax twice"]
    if parameters >= 20_000:
        largest = max(model.layers, key=lambda layer: layer.count_params())
        numbers = parameters, largest.count_params(), largest.name
        return False, _NETWORK_HINTS["parameters"].format(*numbers)
    if accuracy < 0.2:
        return False, _NETWORK_HINTS["chance"].format(accuracy)
    if accuracy <= 0.99:
        return False, _NETWORK_HINTS["accuracy"].format(accuracy)
    return True, f"{parameters:,} parameters read {accuracy:.2%}: shared weights go a long way."


def _is_softmax(layer):
    activation = getattr(layer, "activation", None)
    return type(layer).__name__ == "Softmax" or getattr(activation, "__name__", "") == "softmax"


_NETWORK_HINTS = {
    "no model": "The answer is a trained Keras model.",
    "input": "The network cannot read float32 images of shape (n, 28, 28, 1). {}",
    "output": "Ten probabilities for each image are asked; the network's output has the shape {}.",
    "nan": "Its outputs are not finite: the training ran away; lower the learning rate.",
    "no softmax": "Its outputs do not sum to 1: the last layer lacks softmax.",
    "softmax twice": "Softmax is applied twice, which caps every probability at about 0.23.",
    "parameters": "{:,} parameters are too many, {:,} of them in layer {}: pool more before it.",
    "chance": "It reads {:.1%}, about chance. Was it trained, and on inputs from 0 to 1?",
    "accuracy": "It reads {:.2%}. Try more epochs or, within the limit, more filters.",
}


# The code exercises' right functions; their options make some of the faulty ones.
def _convolve2d(image, kernel, combine=lambda window, kernel: (window * kernel).sum(), lost=0):
    height, width = kernel.shape
    rows = range(image.shape[0] - height + 1 - lost)
    columns = range(image.shape[1] - width + 1 - lost)
    return np.array(
        [[combine(image[r : r + height, c : c + width], kernel) for c in columns] for r in rows]
    )


def _convolve2d_square(image, kernel, axis):
    side = kernel.shape[axis]
    square = kernel.shape == (side, side)
    return _convolve2d(image, kernel) if square else image[:side, :side] * kernel


def _store_products(image, kernel):
    result = np.zeros(image.shape)
    result[0, 0] = image[: kernel.shape[0], : kernel.shape[1]] * kernel
    return result


def _max_pool(image, take=np.max, stride=2, edge=0):
    rows, columns = (range(0, size - 1 + edge, stride) for size in image.shape)
    return np.array([[take(image[r : r + 2, c : c + 2]) for c in columns] for r in rows])


def _softmax(scores):
    return _plain_softmax(scores - scores.max(axis=1, keepdims=True))


def _plain_softmax(scores, axis=1, keepdims=True):
    return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=keepdims)


_IMAGE = np.array([[1, 2, 0, 7], [0, 1, 3, 2], [2, 1, 0, 5]])
# One line a hint; the formatter would make four of some.
# fmt: off
EXERCISES = {
    "training shape": Value(
        2, (55000, 28, 28), _TUPLE,
        "The first axis counts images; each is a grid of 28 rows and 28 columns.", [
            (ANY, "That is one number; the shape has the length along every axis."),
            ((28, 28), "That is one image; the array holds all images for training."),
            ((ANY, 784), "That is flattened; here each image is still a grid."),
            ((ANY, 28, 28, 1), "The channel axis comes only with the preprocessing."),
            ((28, 28, ANY), "The axis that counts the images comes first."),
            ((60000, ANY, ANY), _SMALL_SPLIT)]),
    "pixel type": Choice(
        2, "b", "Its 256 values are just 0 to 255, in one byte a pixel.", {
            "a": "float32 spends four bytes on each pixel; whole numbers need fewer.",
            "c": "int8 ends at 127, and pixels go up to 255.",
            "d": "bool has two values only, and pixels come in shades."}),
    "input shape": Value(
        3, (55000, 28, 28, 1), _TUPLE,
        "Grey images have one channel; colour images would have three there.", [
            ((ANY, 28, 28), "The channel axis is missing: a convolution asks for it."),
            ((ANY, 1, 28, 28), "That is channels first; Keras has the channels last."),
            ((ANY, 28, 28, 3), "Three channels are for colours; these images are grey."),
            ((ANY, 784), "That is flattened; a convolution needs the grid."),
            ((28, 28, 1), "That is one image; all images for training go in."),
            ((60000, ANY, ANY, ANY), _SMALL_SPLIT)]),
    "one-hot": Value(
        3, (0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
        "The answer is a flat list with a place for each digit: zeros and a single 1.",
        "So each place can be compared with the probability of its digit.", [
            (ANY, "That is one number; one-hot has a place for each digit."),
            ((0, 0, 1, 0, 0, 0, 0, 0, 0, 0), "Count from zero: the first place is that of the 0."),
            ((0, 0, 0, 0, 0, 0, 1, 0, 0, 0), "That is reversed: the places run left to right."),
            ((0, 0, 0, 3, 0, 0, 0, 0, 0, 0), "The place tells the digit; the entry there is 1."),
            ((ANY,) * 9, "Nine places are too few: 0 is a digit, too.")]),
    "choosing": Choice(
        3, "b", "So the test images stay fresh, and judge once, at the end.", {
            "a": "The training images were learned; a network may know them by heart.",
            "c": "Test images that have chosen are no fresh judge any more.",
            "d": "Most of these images were learned, and the test images must stay fresh."}),
    "dense parameters": Value(
        4, (784 + 1) * 128 + (128 + 1) * 10, _COUNT,
        "Nearly all of them lie between the pixels and the hidden layer.", [
            (784 * 128 + 128 * 10, "The biases are missing: one for each unit, in both layers."),
            (784 * 128 + 128, "The second layer has weights and biases, too."),
            (784 * 128, "The biases are missing, and the second layer."),
            ((784 + 1) * 128 + 128 * 10, "The biases of the last layer are missing."),
            (784 * 128 + (128 + 1) * 10, "The biases of the hidden layer are missing."),
            (784 * 128 * 10, "Do not multiply the layers: count each, then add."),
            ((28 + 1) * 128 + (128 + 1) * 10, "Flatten gives every pixel, not one side only.")]),
    "why shifts hurt": Choice(
        4, "b", "A convolution uses the same weights at every place.", {
            "a": "It has weights enough to read digits in the middle well.",
            "c": "Moving by two pixels leaves nearly all ink as it was.",
            "d": "Longer training shows it no digit at another place."}),
    "hand convolution": Value(
        5, ((0, 1), (3, 3)), "The answer is a grid, row by row, such as [[5, 6, 7], [8, 9, 10]].",
        "Mathematics calls this cross-correlation: its convolution flips the kernel first.", [
            (ANY, "One number belongs to one place of the kernel; it has several places."),
            (((ANY,) * 3,) * 3, "The size is off: the kernel must stay inside the image."),
            ((ANY,) * 4, "Keep the grid: a row of numbers for each row of places."),
            (((4, 1), (3, 5)), "You flipped the kernel; deep learning lays it on as it is."),
            (((4, -1), (1, 7)), "You transposed the kernel: its rows must stay rows."),
            (((0, 3), (1, 3)), "Rows and columns of the answer are swapped."),
            (((2, 7), (5, 3)), "Mind the sign: one weight is negative.")]),
    "convolve2d": Code(
        5, _convolve2d, "These few lines are what Conv2D does, many times over.",
        "For each place of the kernel, its products with the pixels under it are summed.", [
            (_IMAGE.astype(np.uint8), np.array([[0.5, 1], [0, 2]])),
            (_IMAGE * [[1], [-1], [0.25]], np.array([[1, 0, -0.5], [2, 1, 3]]))], [
            (lambda i, k: _convolve2d(i, k[::-1, ::-1]),
             "Your function flips the kernel; deep learning lays it on as it is."),
            (lambda i, k: _convolve2d(i, k, lost=1),
             "The last place is missing, both down and across: where does the range end?"),
            (lambda i, k: np.full(i.shape, ANY),
             "The result is as large as the image, but the kernel must stay inside it."),
            (lambda i, k: _convolve2d(i, k, lambda w, k: (w * k).mean()),
             "That is the mean of the products; their sum is asked."),
            (lambda i, k: _convolve2d(i, k, lambda w, k: w.sum()),
             "The pixels are summed, but not multiplied by the weights first."),
            ([lambda i, k: _convolve2d(i, k, np.multiply), _store_products],
             "The products at a place have yet to be summed to one number."),
            ([lambda i, k: _convolve2d(i, k, lambda w, k: (w @ k).sum()),
              lambda i, k: _convolve2d(i, k, lambda w, k: w.dot(k).sum())],
             "That is the matrix product; multiply element by element, with *."),
            (np.multiply, "Image and kernel differ in size: cut out a window for each place."),
            ([lambda i, k: _convolve2d_square(i, k, 0), lambda i, k: _convolve2d_square(i, k, 1)],
             "It works for square kernels only: height and width are two numbers."),
            (lambda i, k: np.full(_convolve2d(i, k).T.shape, ANY),
             "Rows and columns of the result are swapped."),
            ([lambda i, k: _convolve2d(i, k).astype(i.dtype),
              lambda i, k: _convolve2d(i, k).astype(int), lambda i, k: _convolve2d(i, k).round()],
             "Fractions are lost: the result is rounded, or its dtype is for whole numbers."),
            (lambda i, k: _convolve2d(i, k).ravel(),
             "Keep the grid: a row of numbers for each row of places."),
            (lambda i, k: ANY, "One number belongs to one place; the array of all is asked.")]),
    "output size": Code(
        5, lambda n, k, s=1, p=0: (n + 2 * p - k) // s + 1, "The same count holds for pooling.",
        "Count the places of the kernel along one side, with the padding at both ends.",
        [(28, 5), (28, 3, 2), (30, 3, 2), (28, 3, 3, 2), (28, 5, 1, 2), (5, 5), (12, 2, 2)], [
            (lambda n, k, s=1, p=0: (n + 2 * p - k) // s,
             "One is missing: a kernel as wide as the image has a place, too."),
            (lambda n, k, s=1, p=0: (n + 2 * p - k + 1) // s,
             "The first place is no step: divide before you count it."),
            (lambda n, k, s=1, p=0: (n + p - k) // s + 1,
             "Padding is counted once, but both ends get it."),
            (lambda n, k, s=1, p=0: (n - k) // s + 1, "The padding is ignored."),
            (lambda n, k, s=1, p=0: n + 2 * p - k + 1, "The stride is ignored."),
            ([lambda n, k, s=1, p=0: -((k - n - 2 * p) // s) + 1,
              lambda n, k, s=1, p=0: round((n + 2 * p - k) / s) + 1],
             "Round down: a last step that would leave the image is not made."),
            (lambda n, k, s=1, p=0: (n + 2 * p - k) / s + 1,
             "A size is a whole number, not a float: use // in place of /.")]),
    "ReLU": Code(
        5, lambda v: np.maximum(v, 0),
        "Without such a bend, stacked layers would be no more than one layer.",
        "Negative numbers become 0, and all others stay.",
        [(np.array([-2, -0.5, 0, 0.5, 3]),), (np.array([[1.5, -4], [-0.25, 0.75]]),)], [
            (np.abs, "That is the absolute value; a negative number becomes something else."),
            (lambda v: np.clip(v, 0, 1), "Large values are clipped, but they have no limit."),
            (lambda v: v > 0, "That is a mask of 0 and 1; the values themselves are asked."),
            ([lambda v: max(v, 0), lambda v: [max(x, 0) for x in v]],
             "max and if decide about one number; np.maximum decides about each of an array."),
            (lambda v: np.max(v, 0), "np.max finds the largest; np.maximum compares each with 0."),
            (lambda v: np.minimum(v, 0), "That keeps the negative numbers; ReLU keeps the others."),
            ([lambda v: v[v > 0], lambda v: v[v >= 0]],
             "Numbers are dropped; the shape must stay, with a 0 in their place.")]),
    "max-pool": Code(
        5, _max_pool, "It keeps that something was found, and forgets where exactly.",
        "Windows of 2 x 2 lie side by side; the largest value of each is kept.",
        [(_IMAGE[:2] - 3,), (_IMAGE,), (np.arange(35).reshape(5, 7) * 3 % 11,)], [
            (lambda i: _max_pool(i, np.mean), "That is the mean of each window."),
            (lambda i: _max_pool(i, np.min), "That is the smallest value of each window."),
            ([lambda i: _max_pool(i, stride=1),
              lambda i: _max_pool(i, stride=1)[: i.shape[0] // 2, : i.shape[1] // 2]],
             "Your windows overlap: move by the stride of 2."),
            ([lambda i: _max_pool(i, edge=1),
              lambda i: i.reshape(i.shape[0] // 2, 2, i.shape[1] // 2, 2).max(axis=(1, 3))],
             "An odd last row or column fills no window; leave it out, as Keras does."),
            ([lambda i: i[::2, ::2], lambda i: _max_pool(i, lambda window: window[0, 0])],
             "Every second pixel is taken, without looking for the maximum of its window."),
            (lambda i: ANY, "One number for all of the image; each window has its own.")]),
    "receptive field": Value(
        5, 14, _COUNT, "Pooling doubles the steps, so later kernels reach twice as far.", [
            (9, "Pooling is forgotten: its window and its stride widen the view."),
            (10, "After pooling, a step is two pixels wide: the stride is forgotten."),
            (12, "Do not add up the kernels: after pooling, a step is two pixels wide."),
            (13, "The window of the pooling layer adds a pixel, too."),
            ([25, 50], "Do not multiply: each layer adds to the view."),
            (5, "That is one kernel alone; the layers widen the view together."),
            (196, "That is the area; the width is asked."),
            (6, "That is the view after pooling; the second convolution follows.")]),
    "first layer": Value(
        6, (5 * 5 + 1) * 16, _COUNT,
        "The size of the image plays no part: the weights are shared.", [
            (5 * 5 * 16, "The biases are missing."),
            (5 * 5 * 16 + 1, "Each filter has a bias of its own."),
            (5 * 5 + 1, "That is one filter; the layer has several."),
            (5 * 5, "That is one filter, without its bias."),
            ([24 * 24 * 16, 28 * 28 * 16, (28 * 28 + 1) * 16, 28 * 28 * 25 * 16],
             "The size of the image plays no part: each weight serves all places."),
            ((5 + 1) * 16, "The kernel is a square: it has rows and columns.")]),
    "second layer": Value(
        6, (3 * 3 * 16 + 1) * 32, _COUNT,
        "Each filter looks at all channels below, with weights of its own for each.", [
            ((3 * 3 + 1) * 32, "A filter looks at all channels below: they are forgotten."),
            (3 * 3 * 32, "The channels below are forgotten, and the biases."),
            (3 * 3 * 16 * 32, "The biases are missing."),
            ((3 * 3 + 1) * 16 * 32, "A filter has one bias, not a bias for each channel."),
            (3 * 3 * 16 + 1, "That is one filter; the layer has several.")]),
    "output shapes": Value(
        6, ((24, 24, 16), (12, 12, 16), (10, 10, 32), (5, 5, 32)),
        "The answer is a list of four shapes, each (rows, columns, channels).",
        "Maps get smaller and more numerous: less where, more what.", [
            (((28, 28, ANY), (ANY,) * 3, (ANY,) * 3, (ANY,) * 3),
             "Without padding, a kernel loses places at the edges."),
            (((23, 23, ANY), (ANY,) * 3, (ANY,) * 3, (ANY,) * 3),
             "One place is missing: a kernel of 5 has 24 places along 28 pixels."),
            (((ANY, ANY, 1), (ANY,) * 3, (ANY,) * 3, (ANY,) * 3),
             "Each filter makes a map of its own: the channels are forgotten."),
            (((24, 24, 16), (24, 24, 16), (ANY,) * 3, (ANY,) * 3),
             "Pooling halves rows and columns."),
            (((24, 24, 16), (12, 12, 16), (ANY, ANY, 16 * 32), (ANY,) * 3),
             "A filter sums over all channels below: one map for each filter."),
            ((ANY,) * 4, "Each shape has three numbers: rows, columns and channels.")]),
    "flattened length": Value(
        6, 5 * 5 * 32, _COUNT,
        "About as many numbers as pixels came in, but each tells of a pattern.", [
            ((5, 5, 32), "That is the shape before; now multiply."),
            (7 * 7 * 32, "Convolutions without padding lose the border: the sizes shrink."),
            (5 * 5, "That is one channel; all are flattened."),
            (5 * 5 * 16, "The last convolution sets the number of channels, not the first."),
            (10 * 10 * 32, "The second pooling is forgotten."),
            (11 * 11 * 32, "The first pooling is forgotten."),
            (22 * 22 * 32, "Both poolings are forgotten.")]),
    "dense weights": Value(
        6, (800 + 1) * 128, _COUNT, "More than nine in ten of the network's weights sit here.", [
            (800 * 128, "The biases are missing."),
            ((784 + 1) * 128, "Flatten hands on the feature maps, not the pixels."),
            ((5 * 5 + 1) * 128, "The channels are forgotten: all maps are lined up."),
            ((800 + 1) * 128 + (128 + 1) * 10, "That is both dense layers; the first is asked.")]),
    "layer to shape": Special(6, _judge_layer, "The answer is a Keras layer for images."),
    "initial loss": Value(
        6, math.log(10), "The answer is one number: the cross-entropy of a network that guesses.",
        "If the first loss is far from it, something is wrong before training begins.", [
            (0.1, "That is the probability of each digit; the loss is computed from it."),
            (-math.log(10), "Mind the sign: a loss is not negative."),
            (1, "That is the logarithm to base ten; the natural one is asked."),
            (math.log2(10), "That is the logarithm to base 2; the natural one is asked."),
            (0, "A loss of zero would be certainty, and always right."),
            (10, "That is the number of digits, not the loss."),
            (0.9, "That is how often a guess fails; the loss looks at the probability.")], 0.01),
    "learning curves": Choice(
        7, "b", "It learns by heart what it sees, and gets worse on what it does not see.", {
            "a": "Where both still rise, more epochs may help.",
            "c": "Dropout and the average over the epoch hold the training curve down.",
            "d": "That is underfitting: not even the training images are learned."}),
    "interval": Choice(
        8, "b", "To halve the doubt takes four times the images.", {
            "a": "The width goes with the square root of the number of images.",
            "c": "More images tell more about the accuracy.",
            "d": "The seed moves the accuracy; how wide the interval is, the images decide."}),
    "recall": Value(
        8, 40 / 50, "The answer is one number, a share between 0 and 1.",
        "Recall looks along a row, precision down a column.", [
            (40 / 45, "That is the precision: it looks down the column."),
            (134 / 150, "That is the accuracy, over all classes."),
            (40, "That is a count; a share is asked."),
            (80, "Write the share, not per cent."),
            (10 / 50, "That is the share that was missed."),
            (80 / 95, "That is F1, which mixes recall with precision.")], 0.001),
    "softmax": Code(
        9, _softmax, "Only differences between the scores of an image count.",
        "Each row becomes positive numbers that sum to 1, in proportion to exp(score).",
        [(np.array([[1.0, 2, 4], [0.5, -1, 3]]),), (np.arange(20.0).reshape(2, 10) / 4,),
         (np.array([[1000.0, 1001, 1003], [1002, 1000, 999]]),)], [
            (lambda s: _plain_softmax(s, None),
             "The whole array sums to 1; each row should, by itself."),
            (lambda s: _plain_softmax(s, 0), "The columns sum to 1; the rows should."),
            (lambda s: s / s.sum(axis=1, keepdims=True), "The exp is missing."),
            ([np.exp, lambda s: np.exp(s - s.max(axis=1, keepdims=True))],
             "The exp is there; the division by the sum of the row is missing."),
            (lambda s: np.log(_plain_softmax(s)), "That is the logarithm of the softmax."),
            (lambda s: _plain_softmax(s, 1, False),
             "What is taken of a row needs an axis to meet the row again: keepdims=True."),
            (_plain_softmax,
             "Right for small scores, but exp(1000) overflows: subtract the row's largest.")]),
    "augmentation": Choice(
        10, "b", "A mirrored 3 is no digit, and a mirrored 2 comes close to a 5.", {
            "a": "A digit moved by two pixels is the same digit.",
            "c": "Handwriting leans anyway; a few degrees keep the digit.",
            "d": "Handwriting comes in sizes; a tenth more keeps the digit."}),
    "small network": Special(
        10, _judge_network, "check_small_network takes a Keras model and the validation split."),
    "searching": Choice(
        11, "b", "The more settings are tried, the more of the best score is luck.", {
            "a": "Some settings do well on just these images, and the best of many is likely one.",
            "c": "Nothing makes new images easier than those that chose.",
            "d": "The direction can be told: think of what the choice rewards besides skill."}),
    "trainable weights": Value(
        12, (800 + 1) * 5, _COUNT, "So few weights can be learned from few images.", [
            (800 * 5, "The biases are missing."),
            ((800 + 1) * 10, "The new layer has five outputs, not one for each digit."),
            ((128 + 1) * 5, "The new layer stands on Flatten: the old dense layers are gone."),
            (lambda number: number.size == 1 and number.item() > 10_000,
             "Frozen weights are not trained.")]),
    "faults": Special(13, _judge_faults, "The answer is text of five digits."),
    "better": Choice(
        14, "b", "Seven images of 10,000 are less than what another seed changes.", {
            "a": "Another seed can turn a difference of seven images around.",
            "c": "That no difference is seen does not show that there is none.",
            "d": "Overfitting shows against the training images, not against another network."}),
    "sure": Choice(
        15, "b", "Those at 90 % are wrong once in ten times; those at 99.9 % hardly ever.", {
            "a": "That holds for digits with a probability of just 90 %, and most have more.",
            "c": "Sure is not certain: a probability of 99 % is wrong once in a hundred times.",
            "d": "It can be told if the probabilities are honest, and these are."}),
}
# fmt: on
