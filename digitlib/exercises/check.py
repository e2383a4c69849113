"""Check the answers to the lesson's exercises. Each verdict is one line; wrong answers get a hint.

What was answered is kept in memory only, for `check_summary`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from digitlib.exercises.kinds import Code, describe, is_open, read_numbers
from digitlib.exercises.questions import EXERCISES


def check_answer(exercise, answer):
    """Prints whether an answer is right, or a hint if it is not.

    Args:
        exercise: the exercise's name, such as "training shape".
        answer: a number, a tuple, a list or a letter, whichever is asked; None is not answered yet.

    Raises:
        ValueError: there is no exercise of this name.
    """
    if exercise not in EXERCISES:
        raise ValueError(f"exercise must be one of {', '.join(EXERCISES)}; got {exercise!r}.")
    _check(exercise, answer)


def check_convolve2d(function):
    """Prints whether a function slides a kernel over an image as deep learning does.

    Args:
        function: takes an image and a kernel, both 2-D arrays; returns the 2-D array of sums of
            products, one for each place where the kernel lies inside the image.
    """
    _check("convolve2d", function)


def check_output_size(function):
    """Prints whether a function tells how wide the result of a convolution is.

    Args:
        function: takes the integers size, kernel, stride=1 and padding=0; returns an integer.
    """
    _check("output size", function)


def check_relu(function):
    """Prints whether a function is the ReLU.

    Args:
        function: takes an array of any shape; returns an array of that shape.
    """
    _check("ReLU", function)


def check_max_pool(function):
    """Prints whether a function takes the maximum of windows of 2 x 2, with stride 2.

    Args:
        function: takes a 2-D array; returns a 2-D array of half the height and width, rounded down.
    """
    _check("max-pool", function)


def check_softmax(function):
    """Prints whether a function makes probabilities of scores.

    Args:
        function: takes an array (n, k) of scores; returns (n, k), the softmax of each row.
    """
    _check("softmax", function)


def check_layer(layer):
    """Prints whether a convolution turns (None, 28, 28, 1) into (None, 14, 14, 16).

    Args:
        layer: a Keras layer.
    """
    _check("layer to shape", layer)


def check_small_network(model, validation):
    """Prints whether a network of fewer than 20,000 parameters reads more than 99 % right.

    Args:
        model: a trained Keras model from float32 (n, 28, 28, 1) to probabilities (n, 10).
        validation: the `Split` to judge by.
    """
    _check("small network", model, validation)


def record_prediction(name, value, *, largest):
    """Keeps what a student expects of an experiment. It may change until the result is shown.

    Args:
        name: what is predicted, as for `reveal_prediction`.
        value: one number; None is not answered yet.
        largest: the largest number that makes sense; the smallest is 0.
    """
    if is_open(value):
        print("Not answered yet.")
        return
    number = read_numbers(value)
    if number is None or number.size != 1 or not np.isfinite(number).all():
        print("Not yet. A prediction is one number.")
        return
    if not 0 <= number.item() <= largest:
        print(f"Not yet. A number from 0 to {largest:,} is asked.")
        return
    number, kept = number.item(), _predictions.setdefault(name, _Prediction())
    if kept.measured is None or number == kept.value:
        kept.value = number
        print(f"Noted: {number:g}. The next cells will tell.")
    elif kept.value is None:
        print("The answer has been shown already, so this prediction does not count.")
    else:
        print(f"The answer has been shown already; your first prediction, {kept.value:g}, stays.")


def reveal_prediction(name, measured, *, spec=".3g"):
    """Prints what an experiment gave, beside what the student had predicted.

    Args:
        name: what was predicted, as for `record_prediction`.
        measured: the number that the experiment gave.
        spec: how both numbers are written, as in a format string, such as ".1%".
    """
    kept = _predictions.setdefault(name, _Prediction())
    kept.measured, kept.spec = float(measured), spec
    predicted = "made no prediction" if kept.value is None else f"predicted {kept.value:{spec}}"
    print(f"Measured: {kept.measured:{spec}}. You {predicted}.")


def check_summary():
    """Prints how many exercises are answered and right, and the predictions beside the results.

    Returns:
        A DataFrame with a row for each exercise and the columns section, exercise, state ("open",
        "right", "right at first try" or "not yet") and first answer.
    """
    rights = [record.right for record in _records.values()]
    count = len(EXERCISES)
    print(
        f"{count} exercises: {len(rights)} answered, {sum(rights)} right, "
        f"{count - len(rights)} open."
    )
    for name, kept in _predictions.items():
        if None not in (kept.value, kept.measured):
            numbers = f"{kept.value:{kept.spec}}, measured {kept.measured:{kept.spec}}"
            print(f'Prediction "{name}": {numbers}.')
    rows = []
    for name, question in EXERCISES.items():
        record = _records.get(name, _Record())
        rows.append((question.section, name, record.state, record.first))
    return pd.DataFrame(rows, columns=["section", "exercise", "state", "first answer"])


@dataclass
class _Record:
    first: str = ""
    first_right: bool | None = None
    right: bool | None = None

    @property
    def state(self):
        if self.right is None:
            return "open"
        if not self.right:
            return "not yet"
        return "right at first try" if self.first_right else "right"


@dataclass
class _Prediction:
    value: float | None = None
    measured: float | None = None
    spec: str = ".3g"


_records, _predictions = {}, {}
_STUB = "Not answered yet: the function returns nothing."


def _check(exercise, answer, *context):
    question, right = EXERCISES[exercise], None
    if not is_open(answer):
        try:
            right, text = question.judge(answer, *context)
        except Exception:  # No answer, however odd, may stop the lesson.
            right, text = False, question.expected
    if right is None:
        print("Not answered yet." if is_open(answer) else _STUB)
        return
    print("Right." if right else "Not yet.", text)
    first = "code" if isinstance(question, Code) else describe(answer)
    _records.setdefault(exercise, _Record(first, right)).right = right
