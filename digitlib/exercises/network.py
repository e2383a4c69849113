"""Sections 6 to 9: a network, its training and evaluation. This module gives the answers away."""

from functools import partial

import numpy as np

from digitlib.exercises.answers import ANY
from digitlib.exercises.judges import NetworkRules, judge_network
from digitlib.exercises.kinds import CHANNELS_FIRST, COUNT, Choice, Code, Special, Value, stop_early


def _softmax(scores, axis=1, keepdims=True, shift=False):
    scores = scores - shift * scores.max(axis=1, keepdims=True)
    return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=keepdims)


_stable_softmax = partial(_softmax, shift=True)
_REST = ((ANY,) * 3,) * 3
# fmt: off
QUESTIONS = {
    "first layer": Value(6, (5 * 5 + 1) * 16, COUNT, "The size of the image does not matter.", [
        (5 * 5 * 16, "The biases are missing."),
        (5 * 5 * 16 + 1, "Each filter has a bias of its own."),
        ([5 * 5 + 1, 5 * 5], "That is one filter; the layer has several."),
        ([24 * 24 * 16, 28 * 28 * 16, (28 * 28 + 1) * 16, 28 * 28 * 25 * 16],
         "The size of the image does not matter: each weight is used at every position."),
        ((5 + 1) * 16, "The kernel is a square: it has rows and columns.")]),
    "second layer": Value(6, (3 * 3 * 16 + 1) * 32, COUNT,
        "Each filter looks at all input channels, with weights of its own for each.", [
        ([(3 * 3 + 1) * 32, 3 * 3 * 32], "A filter looks at all input channels, not only at one."),
        (3 * 3 * 16 * 32, "The biases are missing."),
        ((3 * 3 + 1) * 16 * 32, "A filter has one bias, not one for each channel."),
        (3 * 3 * 16 + 1, "That is one filter; the layer has several.")]),
    "output shapes": Value(6, ((24, 24, 16), (12, 12, 16), (10, 10, 32), (5, 5, 32)),
        "The answer is a list of four shapes, each of them (rows, columns, channels).",
        "The feature maps become smaller and more numerous.", [
        (((28, 28, ANY), *_REST), "Without padding, the kernel must stay inside the image."),
        (((23, 23, ANY), *_REST), "One position is missing: a 5 x 5 kernel has 24 along 28."),
        (((ANY, ANY, 1), *_REST), "Each filter makes one channel: you left out the channels."),
        (((24, 24, 16), (24, 24, 16), *_REST[1:]), "Pooling halves rows and columns."),
        (((24, 24, 16), (12, 12, 16), (ANY, ANY, 16 * 32), _REST[0]),
         "A filter sums over all channels, so it makes one feature map only."),
        ([((16, ANY, ANY), (16, ANY, ANY), (32, ANY, ANY), (32, ANY, ANY)),
          ((ANY, 16, ANY, ANY),) * 2 + ((ANY, 32, ANY, ANY),) * 2], CHANNELS_FIRST),
        (((ANY,) * 4,) * 4, "Leave out the axis that counts the images."),
        ((ANY,) * 4, "Each shape has three numbers: rows, columns and channels.")]),
    "dense weights": Value(6, (800 + 1) * 128, COUNT,
        "More than nine in ten of the network's weights are in this layer.", [
        (800 * 128, "The biases are missing."),
        ((784 + 1) * 128, "Flatten returns the feature maps, not the pixels."),
        ((5 * 5 + 1) * 128, "You left out the channels: Flatten lines up all feature maps."),
        ([(7 * 7 * 32 + 1) * 128, 7 * 7 * 32 * 128],
         "A convolution without padding loses the border: the size shrinks."),
        ([(5 * 5 * 16 + 1) * 128, 5 * 5 * 16 * 128],
         "The last convolution sets the number of channels, not the first."),
        ([(10 * 10 * 32 + 1) * 128, (11 * 11 * 32 + 1) * 128, (22 * 22 * 32 + 1) * 128],
         "Pooling follows both convolutions."),
        ([800, (5, 5, 32), (32, 5, 5)], "That is the input of the layer; count its weights."),
        ((800 + 1) * 128 + (128 + 1) * 10, "That is both dense layers, not only the first.")]),
    "initial loss": Value(6, np.log(10),
        "The answer is one number: the cross-entropy of a network that only guesses.",
        "If the first loss is far from it, something is wrong before training begins.", [
        (0.1, "That is the probability of each digit; the loss is computed from it."),
        (-np.log(10), "Check the sign: a loss is not negative."),
        ([1, np.log2(10)], "Use the natural logarithm, not the one to base ten or base 2."),
        (0, "A loss of zero would mean full confidence in every true digit."),
        (10, "That is the number of digits, not the loss."),
        (0.9, "That is how often a guess fails; the loss needs the probability.")], 0.01),
    "learning curves": Choice(7, "d", "The network memorises instead of generalising.", {
        "a": "While both still rise, more epochs may help.",
        "b": "That is underfitting: not even the training images are learned.",
        "c": "Averaging over the epoch lowers the training accuracy."}),
    "why it falls": Choice(8, "c", "The dense layer ties its weights to fixed positions again.", {
        "a": "A convolution is equivariant: when the digit moves, its feature maps move with it.",
        "b": "Pooling makes a network less sensitive to small shifts, not more.",
        "d": "Softmax only turns ten scores into probabilities; it knows no positions."}),
    "recall": Value(8, 40 / 50, "The answer is one number, a fraction between 0 and 1.",
        "Recall uses a row of the table, precision a column.", [
        (40 / 45, "That is the precision: it uses the column."),
        (134 / 150, "That is the accuracy, over all classes."),
        (40, "That is a count; the question asks for a fraction."),
        (80, "Write a fraction between 0 and 1, not a percentage."),
        (10 / 50, "That is the fraction that was missed."),
        (80 / 95, "That is F1, which combines recall and precision.")], 0.001),
    "softmax": Code(9, _stable_softmax, "Only the differences between an image's scores matter.",
        "Each row becomes positive numbers that sum to 1, in proportion to exp(score).",
        [(np.array([[1.0, 2, 4], [0.5, -1, 3]]),), (np.arange(20.0).reshape(2, 10) / 4,),
         (np.array([[1000.0, 1001, 1003], [2, 0, -1]]),)], [
        (partial(_softmax, axis=None), "The whole array sums to 1, but each row should."),
        (partial(_softmax, axis=0), "The columns sum to 1, but the rows should."),
        (lambda s: s / s.sum(axis=1, keepdims=True), "The exp is missing."),
        ([np.exp, lambda s: np.exp(s - s.max(axis=1, keepdims=True))],
         "The exp is there; the division by the sum of the row is missing."),
        (lambda s: np.log(_softmax(s)), "That is the logarithm of the softmax."),
        (partial(_softmax, keepdims=False), "The maximum and sum of each row need keepdims=True."),
        (lambda s: _softmax(s - s.max()), "Subtract the maximum of each row, not of all scores."),
        (_softmax, "Right for small scores, but exp(1000) overflows: subtract the row's maximum."),
        stop_early(_stable_softmax)]),
    "from scratch": Special(9, partial(judge_network, rules=NetworkRules(
        call='"from scratch", model', is_enough=lambda accuracy: accuracy >= 0.98,
        praise="you trained this network on your own."))),
}
