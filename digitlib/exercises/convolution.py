"""Convolution, sections 5 and 10. This module gives the answers away."""

from functools import partial
from operator import floordiv, truediv

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from digitlib.exercises.answers import ANY
from digitlib.exercises.judges import judge_layer
from digitlib.exercises.kinds import COUNT, Code, Special, Value, stop_early


# The right functions; their options make some of the faulty ones.
def _slide(image, kernel, combine=np.multiply, add=np.sum, axes=(0, 1)):
    rows = sliding_window_view(image, [kernel.shape[axis] for axis in axes])
    return np.array([[add(combine(window, kernel)) for window in row] for row in rows])


def _size(size, kernel, stride=1, padding=0, divide=floordiv):
    return divide(size + 2 * padding - kernel, stride) + 1


def _pool(image, take=np.max, stride=2, end=0):
    rows, columns = (range(0, size - 1 + end, stride) for size in image.shape)
    return np.array([[take(image[r : r + 2, c : c + 2]) for c in columns] for r in rows])


_relu = partial(np.maximum, 0)
_IMAGE = np.array([[1, 2, 0, 7], [0, 1, 3, 2], [2, 1, 0, 5]])
# fmt: off
QUESTIONS = {
    "hand convolution": Value(5, ((0, 1), (3, 3)),
        "The answer is a list of rows, such as [[5, 6, 7], [8, 9, 10]].",
        "In mathematics this is called cross-correlation: convolution flips the kernel first.", [
        (ANY, "That is the result at one position of the kernel; there are several."),
        (((ANY,) * 3,) * 3, "The size is wrong: the kernel must stay inside the image."),
        ((ANY,) * 4, "Keep the grid: one row of numbers for each row of positions."),
        (((4, 1), (3, 5)), "You flipped the kernel; in deep learning it is not flipped."),
        (((4, -1), (1, 7)), "You transposed the kernel: its rows must stay rows."),
        (((0, 3), (1, 3)), "Rows and columns of the answer are swapped."),
        (((2, 7), (5, 3)), "Check the sign: one weight is negative.")]),
    "convolve2d": Code(5, _slide, "Conv2D does just this, many times over.",
        "At each position, multiply the kernel by the pixels under it and add the products.",
        [(_IMAGE.astype(np.uint8), np.array([[0.5, 1], [0, 2]])),
         (_IMAGE * [[1], [-1], [0.25]], np.array([[1, 0, -0.5], [2, 1, 3]]))], [
        (lambda i, k: _slide(i, k[::-1, ::-1]), "You flipped the kernel; it must not be flipped."),
        (lambda i, k: _slide(i[:-1, :-1], k), "The last position is missing: check the range."),
        (lambda i, k: i * ANY, "That is as large as the image: keep the kernel inside the image."),
        (partial(_slide, add=np.mean), "That is the mean of the products, not their sum."),
        (lambda i, k: _slide(i, k**0), "The pixels are added, but not multiplied by the weights."),
        ([partial(_slide, add=np.asarray), lambda i, k: np.zeros(1).__setitem__(0, k)],
         "The products at each position still have to be added up."),
        ([partial(_slide, combine=np.matmul), partial(_slide, combine=np.dot)],
         "That is the matrix product; multiply element by element, with *."),
        (np.multiply, "Image and kernel differ in size: cut out a window for each position."),
        ([partial(_slide, axes=(0, 0)), partial(_slide, axes=(1, 1))],
         "It works for square kernels only: height and width are two numbers."),
        (lambda i, k: _slide(i, k).T * ANY, "Rows and columns are swapped."),
        ([lambda i, k: _slide(i, k).astype(i.dtype), lambda i, k: _slide(i, k).astype(int),
          lambda i, k: _slide(i, k).round()], "Fractions are lost: use floats, and do not round."),
        (lambda i, k: _slide(i, k).ravel(), "Keep the grid: one row for each row of positions."),
        stop_early(_slide),
        (lambda i, k: ANY,
         "That is the result at one position; return an array of all of them.")]),
    "output size": Code(10, _size, "The same formula holds for pooling.",
        "Count the positions of the kernel along one side, with padding at both ends.",
        [(28, 5), (28, 3, 2), (30, 3, 2), (28, 3, 3, 2), (28, 5, 1, 2), (5, 5), (12, 2, 2)], [
        (lambda *sizes: _size(*sizes) - 1, "One is missing: the first position counts, too."),
        (lambda n, *sizes: _size(n + 1, *sizes) - 1, "Divide first, then add the first position."),
        (lambda n, k, s=1, p=0: _size(n + p, k, s), "The padding is at both ends: count it twice."),
        (lambda n, k, s=1, p=0: _size(n, k, s), "The padding is ignored."),
        (lambda n, k, s=1, p=0: _size(n, k, 1, p), "The stride is ignored."),
        ([partial(_size, divide=lambda way, step: -(-way // step)),
          partial(_size, divide=lambda way, step: round(way / step))],
         "Round down: a step that would take the kernel outside the image does not count."),
        (partial(_size, divide=truediv), "The size is a float: use // instead of /."),
        (lambda *_: 1, "It always returns 1: is return inside a loop?")]),
    "two channels": Value(5, 11, COUNT,
        "A filter has a kernel for each input channel, but one bias and one feature map.", [
        (6, "The bias is missing."),
        (16, "Add the bias once for the filter; each channel has its own kernel, but no bias."),
        ([14, 12, 9, 7], "You used one kernel for both channels; each channel has its own."),
        ([15, 10], "You swapped the kernels: each belongs to the channel of the same number."),
        (13, "Check the sign: one weight is negative."),
        ([2, 4], "That is one channel only: a filter sums over all channels."),
        ([5.75, 0.75, 8, 3], "That is a mean: add up all the products instead."),
        (30, "The bias is added, not multiplied."),
        ([(ANY,) * 2, (ANY,) * 3],
         "Add the channels, too: a filter makes one number at each position."),
        ([((ANY,) * 2,) * 2, (((ANY,) * 2,) * 2,) * 2],
         "Add up the products, too: at each position, a filter makes one number.")]),
    "ReLU": Code(5, _relu, "Without a nonlinearity, several layers could do no more than one.",
        "Negative numbers become 0, and all others stay the same.",
        [(np.array([-2, -0.5, 0, 0.5, 3]),), (np.array([[1.5, -4], [-0.25, 0.75]]),)], [
        (np.abs, "That is the absolute value; ReLU treats negative numbers differently."),
        (lambda v: np.clip(v, 0, 1), "Large values are clipped, but ReLU has no upper limit."),
        (lambda v: v > 0, "That is a mask of 0 and 1; return the values themselves."),
        ([lambda v: max(v, 0), lambda v: [max(x, 0) for x in v]],
         "max and if work on a single number; np.maximum works on each number of an array."),
        (lambda v: np.max(v, 0), "np.max finds the largest; np.maximum compares each with 0."),
        (lambda v: np.minimum(v, 0), "That keeps the negative numbers; ReLU keeps the others."),
        ([lambda v: v[v > 0], lambda v: v[v >= 0]], "Numbers are dropped: put 0 in their place."),
        stop_early(_relu, lambda v: _relu(v.flat[0]), lambda v: next(max(x, 0) for x in v),
            lambda v: np.append(_relu(v.flat[0]), v.flat[1:]).reshape(v.shape))]),
    "max-pool": Code(5, _pool, "Pooling records that a pattern was found, but not exactly where.",
        "Windows of 2 x 2 lie side by side; keep the largest value of each.",
        [(_IMAGE[:2] - 3,), (_IMAGE,), (np.arange(35).reshape(5, 7) * 3 % 11,)], [
        (partial(_pool, take=np.mean), "That is the mean of each window."),
        (partial(_pool, take=np.min), "That is the smallest value of each window."),
        ([partial(_pool, stride=1), lambda i: _pool(i, stride=1)[: len(i) // 2, : len(i[0]) // 2]],
         "Your windows overlap: move by a stride of 2."),
        ([partial(_pool, end=1), lambda i: i.reshape(len(i) // 2, 2, len(i.T) // 2, 2).max((1, 3))],
         "A leftover row or column does not fill a window; leave it out, as Keras does."),
        ([lambda i: i[::2, ::2], lambda i: i[:-1:2, :-1:2]],
         "You take every second pixel instead of the maximum of its window."),
        stop_early(_pool),
        (lambda i: ANY, "That is one number for the whole image; return one for each window.")]),
    "receptive field": Value(10, 14, COUNT,
        "Pooling doubles the step: later kernels see further.", [
        (9, "You left out pooling: its window and its stride widen the receptive field."),
        ([10, 12], "Do not add up the kernels: after pooling, one step is two pixels wide."),
        (13, "The window of the pooling layer adds a pixel, too."),
        ([25, 50], "Do not multiply: each layer adds to the receptive field."),
        (5, "That is one kernel alone; each layer widens the receptive field."),
        (196, "That is the area; the question asks for the width."),
        (6, "That is the receptive field after pooling; the second convolution follows.")]),
    "layer to shape": Special(10, judge_layer),
}
