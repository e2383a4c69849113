"""Sections 10 to 15: going further. This module gives the answers away."""

import numpy as np

from digitlib.exercises.answers import ask, describe, read_numbers
from digitlib.exercises.kinds import COUNT, Choice, Special, Value
from digitlib.images import preprocess_images
from digitlib.training.faults import FAULTS


def _judge_network(model, validation):
    parameters = ask(lambda: model.count_params())
    if not hasattr(model, "predict") or isinstance(parameters, BaseException):
        return False, "The answer is a trained Keras model."
    inputs = ask(preprocess_images, getattr(validation, "images", None))
    labels = np.array(getattr(validation, "labels", None))
    if isinstance(inputs, ValueError) or labels.shape != (len(inputs),) or not len(inputs):
        return False, 'Add the validation data: check_answer("small network", small, validation).'
    if getattr(model, "input_shape", None) == (None, 1, 28, 28):
        return False, "Its input has the channels first; our images have them last."
    outputs = ask(lambda: model.predict(inputs, batch_size=1000, verbose=0))
    if isinstance(outputs, BaseException):
        return False, f"It does not accept float32 images (n, 28, 28, 1). {describe(outputs)}"
    probabilities = read_numbers(outputs)
    if np.shape(probabilities) != (len(inputs), 10):
        shape = ("n", *np.shape(probabilities)[1:])
        return False, f"The network must return ten probabilities for each image, not {shape}."
    return _judge_probabilities(model.layers, parameters, probabilities, labels)


def _judge_probabilities(layers, parameters, probabilities, labels):
    accuracy = (probabilities.argmax(axis=1) == labels).mean()
    if not np.isfinite(probabilities).all():
        return False, "Its outputs are NaN or infinite: lower the learning rate."
    if probabilities.min() < 0 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        return False, "Its outputs do not sum to 1: the last layer lacks softmax."
    # The second softmax gets numbers from 0 to 1, so it gives at most e / (e + 9) = 0.232.
    capped = probabilities.max() < 0.24 and accuracy > 0.2
    if capped or [_is_softmax(layer) for layer in layers[-2:]] == [True, True]:
        return False, "Softmax is applied twice, which limits every probability to about 0.23."
    if parameters >= 20_000:
        most, name = max((layer.count_params(), layer.name) for layer in layers)
        where = f"{most:,} of them are in layer {name}"
        return False, f"{parameters:,} parameters are too many; {where}: pool more before it."
    if accuracy < 0.2:
        chance = "about chance level. Was it trained, and on inputs from 0 to 1?"
        return False, f"Its accuracy is {accuracy:.1%}, {chance}"
    if accuracy <= 0.99:
        return False, f"Its accuracy is {accuracy:.2%}. Try more epochs or more filters."
    return True, f"With {parameters:,} parameters, its accuracy is {accuracy:.2%}: few are enough."


def _is_softmax(layer):
    activation = getattr(layer, "activation", None)
    return "softmax" in (type(layer).__name__.lower(), getattr(activation, "__name__", ""))


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
    "augmentation": Choice(10, "b", "A mirrored 3 is not a digit; a mirrored 2 is nearly a 5.", {
        "a": "A digit shifted by two pixels is still the same digit.",
        "c": "Handwriting slants anyway; a few degrees do not change the digit.",
        "d": "Handwriting comes in many sizes; a slightly larger digit is the same digit."}),
    "small network": Special(10, _judge_network),
    "searching": Choice(11, "b", "The more you try, the more of the best score is luck.", {
        "a": "Some settings happen to suit these images, and the best of many is likely one.",
        "c": "New images are no easier than those used for choosing.",
        "d": "The direction is known: what besides skill decides which setting wins?"}),
    "trainable weights": Value(12, (800 + 1) * 5, COUNT, "Few images suffice for so few weights.", [
        (800 * 5, "The biases are missing."),
        ((800 + 1) * 10, "The new layer has five outputs, not one for each digit."),
        ((128 + 1) * 5, "The new layer follows Flatten: the old dense layers are gone."),
        ([416 + 4640 + 4005, 107_584, 108_229, 108_874], "Frozen weights are not trained.")]),
    "faults": Special(13, _judge_faults),
    "better": Choice(14, "b", "Another seed changes more than seven predictions.", {
        "a": "Another seed can reverse a difference of seven images.",
        "c": "Not seeing a difference does not show that there is none.",
        "d": "Overfitting shows on the training images, not against another network."}),
    "sure": Choice(15, "b", "At 90 %, one digit in ten is wrong; at 99.9 %, almost none.", {
        "a": "That holds for digits with a probability of exactly 90 %, and most have more.",
        "c": "Confidence is not certainty: a probability of 99 % is wrong once in a hundred times.",
        "d": "You can tell if the probabilities are calibrated, and these are."}),
}
