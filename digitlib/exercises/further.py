"""Sections 10 to 15: going further. This module gives the answers away."""

from functools import partial

import numpy as np

from digitlib.exercises.answers import ask
from digitlib.exercises.judges import NetworkRules, judge_network
from digitlib.exercises.kinds import COUNT, Choice, Special, Value
from digitlib.training.faults import FAULTS

_FAULT_HINTS = {
    1: "with unscaled inputs, the loss starts higher and then falls, but validation lags behind.",
    2: "with shuffled labels, the training loss falls slowly; validation stays at chance level.",
    3: "with too high a learning rate, the loss jumps and then stays at chance level.",
    4: "with softmax twice, accuracy rises, yet the loss cannot fall below about 1.46.",
    5: "if you choose on test images, the best score rises, but accuracy on new images doesn't.",
}


def _judge_faults(answer, _validation):
    causes = [int(one) for one in str(ask(np.asarray, answer)) if one.isdecimal()]
    if sorted(causes) != sorted(_FAULT_HINTS):
        return False, "The answer is five digits in quotes, for A to E, each from 1 to 5 once."
    wrong = [pair for pair in zip(FAULTS, causes, strict=True) if pair not in FAULTS.items()]
    if not wrong:
        return True, "The curves often reveal the fault before the code does."
    letter, cause = wrong[0]
    return False, f"{5 - len(wrong)} of 5 are right. Look at {letter} again: {_FAULT_HINTS[cause]}"


# fmt: off
QUESTIONS = {
    "augmentation": Choice(10, "d", "A mirrored 3 is not a digit; a mirrored 2 is nearly a 5.", {
        "a": "A digit shifted by two pixels is still the same digit.",
        "b": "Handwriting comes in many sizes; a slightly larger digit is the same digit.",
        "c": "Handwriting slants anyway; a few degrees do not change the digit."}),
    "small network": Special(10, partial(judge_network, rules=NetworkRules(
        call='"small network", small', is_enough=lambda accuracy: accuracy > 0.99,
        praise="few are enough.", parameter_limit=20_000))),
    "searching": Choice(11, "a", "The more you try, the more of the best score is luck.", {
        "b": "Some settings happen to suit these images, and the best of many is likely one.",
        "c": "New images are no easier than those used for choosing.",
        "d": "The direction is known: what besides quality decides which setting wins?"}),
    "trainable weights": Value(12, (800 + 1) * 5, COUNT, "Few images suffice for so few weights.", [
        (800 * 5, "The biases are missing."),
        ((800 + 1) * 10, "The new layer has five outputs, not one for each digit."),
        ((128 + 1) * 5, "The new layer follows Flatten: the old dense layers are gone."),
        ([416 + 4640 + 4005, 107_584, 108_229, 108_874], "Frozen weights are not trained.")]),
    "faults": Special(13, _judge_faults),
    "interval": Choice(14, "b", "Four times as many images halve the width.", {
        "a": "The width shrinks with the square root of the number of images.",
        "c": "More images give more information about the accuracy.",
        "d": "The seed changes the accuracy; the number of images sets the width."}),
    "better": Choice(14, "c", "Another seed changes more than seven predictions.", {
        "a": "Another seed can reverse a difference of seven images.",
        "b": "Not seeing a difference does not show that there is none.",
        "d": "Overfitting shows as a gap between training and test accuracy, not against another "
             "network."}),
    "sure": Choice(15, "a", "At 90%, one digit in ten is wrong; at 99.9%, almost none.", {
        "b": "That holds for digits with a probability of exactly 90%, and most have more.",
        "c": "Confidence is not certainty: a probability of 99% is wrong once in a hundred times.",
        "d": "You can tell if the probabilities are calibrated, and these are."}),
}
