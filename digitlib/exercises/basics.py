"""Sections 2 to 4: data, preparation, learning. This module gives the answers away."""

from digitlib.exercises.answers import ANY
from digitlib.exercises.kinds import CHANNELS_FIRST, COUNT, Choice, Value

_TUPLE = "The answer is a tuple of whole numbers: the length of each axis, as `.shape` gives it."
_SHAPES = [
    (ANY, "That is one number; a shape has one number for each axis."),
    ([(28, 28), (1, 28, 28), (28, 28, 1)], "That is one image, but the array holds them all."),
    ((ANY, 784), "That is the shape of flattened images; here each is still a grid."),
    ([(60000, ANY, ANY), (60000, ANY, ANY, ANY)], "5,000 images were set aside for validation."),
]
# fmt: off
QUESTIONS = {
    "training shape": Value(2, (55000, 28, 28), _TUPLE,
        "The first axis counts the images; each image has 28 rows and 28 columns.", [
        ([(ANY, 28, 28, 1), (ANY, 1, 28, 28)], "The channel axis is added in preprocessing."),
        ((28, 28, ANY), "The axis that counts the images comes first."),
        *_SHAPES]),
    "pixel type": Choice(2, "b", "Its 256 values are exactly 0 to 255, in one byte per pixel.", {
        "a": "float32 takes four bytes per pixel; whole numbers need fewer.",
        "c": "int8 ends at 127, but pixels go up to 255.",
        "d": "bool has only two values, but pixels come in many shades of grey."}),
    "input shape": Value(3, (55000, 28, 28, 1), _TUPLE,
        "Grey images have one channel; colour images have three.", [
        ([(ANY, 1, 28, 28), (1, 28, 28)], CHANNELS_FIRST),
        ((ANY, 28, 28), "The channel axis is missing; a convolution expects it."),
        ((ANY, 28, 28, 3), "Three channels are for colours; these images are grey."),
        *_SHAPES]),
    "one-hot": Value(3, (0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
        "The answer is a flat list with one position for each digit: zeros and a single 1.",
        "Each position can now be compared with the predicted probability of its digit.", [
        (ANY, "That is one number; a one-hot label has one position for each digit."),
        ((0, 0, 1, 0, 0, 0, 0, 0, 0, 0), "Count from zero: the first position is for 0."),
        ((0, 0, 0, 0, 0, 0, 1, 0, 0, 0), "That is reversed: the positions run left to right."),
        ((0, 0, 0, 3, 0, 0, 0, 0, 0, 0), "The position stands for the digit; the entry is 1."),
        ((ANY,) * 9, "Nine positions are too few: 0 is a digit, too.")]),
    "choosing": Choice(3, "d", "The test images stay unused until the final evaluation.", {
        "a": "Test images that were used for choosing no longer give an unbiased accuracy.",
        "b": "The networks learned from these images and may have memorised them.",
        "c": "Most of these were used in training, and the test images must stay unused."}),
    "one update": Value(4, 4 - 0.1 * 8, "The answer is one number: the new weight.",
        "This step lowers the loss from 4 to 0.16.", [
        ([4.8, 4.4], "That goes uphill, where the loss is higher: subtract the step."),
        ([-4, 12, 0], "The learning rate is missing: multiply the slope by it."),
        ([3.6, 3.8], "The slope lacks a factor: the 2 of the square, or the x of the chain rule."),
        ([2.4, 16], "That is the derivative with respect to x: the last factor must be x, not w."),
        ([0.8, -0.8, 0.4], "That is the step: subtract it from the old weight."),
        ([8, -8], "That is the slope; the step is the slope times the learning rate."),
        (3, "That is the minimum, but a single step does not reach it."),
        (4, "That is the old weight; the slope is not zero, so the weight changes."),
        ([2, -2], "That is the error, w * x - 6; compute the slope from it."),
        (6.4, "That is the new prediction; the question asks for the new weight."),
        (0.16, "That is the new loss; the question asks for the new weight."),
        (3.04, "Those are two updates; the question asks for one."),
        (3.92, "The learning rate is 0.1, not 0.01."),
        (-76, "Multiply the slope by the learning rate; do not divide.")]),
    "learning rate": Choice(4, "c", "Each step multiplies the distance to the minimum by -0.6.", {
        "a": "With 0.01, the first step leads only to 0.24, and no step crosses the minimum.",
        "b": "With 0.05, the weight approaches the minimum from one side only.",
        "d": "With 0.26, each step overshoots farther than the last, so the loss grows."}),
    "dense parameters": Value(4, (784 + 1) * 128 + (128 + 1) * 10, COUNT,
        "Nearly all of them lie between the pixels and the hidden layer.", [
        (784 * 128 + 128 * 10, "The biases are missing: one for each unit, in both layers."),
        ([784 * 128 + 128, 784 * 128], "The second layer has weights and biases, too."),
        ((784 + 1) * 128 + 128 * 10, "The biases of the last layer are missing."),
        (784 * 128 + (128 + 1) * 10, "The biases of the hidden layer are missing."),
        (784 * 128 * 10, "Do not multiply the layers: count each layer, then add."),
        ((28 + 1) * 128 + (128 + 1) * 10, "Flatten keeps every pixel, not one side only.")]),
    "why shifts hurt": Choice(4, "a", "A convolution uses the same weights at every position.", {
        "b": "It has enough weights to classify centred digits well.",
        "c": "A shift by two pixels keeps nearly all the ink.",
        "d": "Longer training still shows it no shifted digits."}),
}
