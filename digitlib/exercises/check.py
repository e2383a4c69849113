"""Check the answers to the exercises, and keep the verdicts for `check_summary`."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import display

from digitlib.data import Split
from digitlib.exercises import basics, convolution, further, network
from digitlib.exercises.answers import OPEN, describe, read_numbers
from digitlib.exercises.kinds import Code, Special
from digitlib.exercises.progress import (
    ANSWER_TYPE,
    Exercise,
    Prediction,
    change_progress,
    load_progress,
)

_PARTS = basics, convolution, network, further
_ALL = [pair for part in _PARTS for pair in part.QUESTIONS.items()]
EXERCISES: dict[str, Any] = dict(sorted(_ALL, key=lambda pair: pair[1].section))  # as in the lesson

_OURS = "This check failed; that is our fault, not yours: {}. Please report it, and go on."
_VERDICTS = {True: "Right. ", False: "Not yet. "}


def check_answer(exercise: str, answer: Any, validation: Split | None = None) -> None:
    """Prints whether an answer is right, or a hint if it is not.

    Args:
        exercise: the exercise's name, such as "training shape".
        answer: a number, a tuple, a list, a letter, a function, a layer or a model, whichever the
            exercise asks for; None means not answered yet.
        validation: for "from scratch" and "small network", the `Split` that measures the accuracy.

    Raises:
        ValueError: there is no exercise with this name.

    Example:
        >>> from digitlib.exercises.check import check_answer
        >>> check_answer("first layer", 400)
        Not yet. The biases are missing.
    """
    question = _find_question(exercise)
    try:
        right, text = _judge(question, answer, validation)
        first = "code" if isinstance(question, Code) else describe(answer)
    except Exception as error:  # ours: the student's code runs only in `answers.ask`
        print(_OURS.format(describe(error)))
        return
    if right is None:
        _say(text, exercise=exercise, state="unanswered")
        return
    state, hint = ("right", "") if right else ("not yet", text)
    _say(_VERDICTS[right] + text, exercise=exercise, state=state, answer=first, hint=hint)
    change_progress(lambda progress: progress.add_answer(exercise, right, first, text))


def verify_answer(exercise: str, answer: Any, validation: Split | None = None) -> None:
    """Raises an error with the hint unless an answer is right, as a test of nbgrader has to.

    Args:
        exercise: as for `check_answer`, and so are the others.
        answer: the answer.
        validation: the validation data.

    Raises:
        AssertionError: the answer is wrong or missing.
        ValueError: there is no exercise with this name.

    Example:
        >>> from digitlib.exercises.check import verify_answer
        >>> verify_answer("first layer", 400)
        Traceback (most recent call last):
        AssertionError: The biases are missing.
    """
    right, text = _judge(_find_question(exercise), answer, validation)
    if not right:
        raise AssertionError(text)


def record_prediction(name: str, value: Any, *, largest: float) -> None:
    """Keeps what a student expects of an experiment; it may change until the result is shown.

    Args:
        name: what is predicted, as for `reveal_prediction`.
        value: one number; None means not answered yet.
        largest: the largest number that makes sense; the smallest is 0.

    Example:
        >>> from digitlib.exercises.check import record_prediction
        >>> record_prediction("fraction of sevens", 0.1, largest=1)
        Noted: 0.1. You will see the result below.
    """
    if isinstance(value, OPEN):
        _say("Not answered yet.", prediction=name, value=None)
        return
    numbers, kept = read_numbers(value), _find_prediction(name)
    if numbers is None or numbers.size != 1 or not 0 <= numbers.item() <= largest:
        text = f"Not yet. The prediction must be a number from 0 to {largest:,}."
        _say(text, prediction=name, value=None)
    elif kept.measured is None or numbers.item() == kept.value:
        text = f"Noted: {numbers.item():g}. You will see the result below."
        _say(text, prediction=name, value=numbers.item())
        _keep_prediction(name, replace(kept, value=numbers.item()))
    else:
        late = "this prediction does not count"
        stays = late if kept.value is None else f"your first prediction, {kept.value:g}, stays"
        text = f"The result has already been shown, so {stays}."
        _say(text, prediction=name, value=kept.value)


def reveal_prediction(name: str, measured: float, *, spec: str = ".3g") -> None:
    """Prints the result of an experiment, and what the student predicted.

    Args:
        name: what was predicted, as for `record_prediction`.
        measured: the result of the experiment.
        spec: how both numbers are written, as in a format string, such as ".1%".

    Example:
        >>> from digitlib.exercises.check import reveal_prediction
        >>> reveal_prediction("fraction of eights", 0.0974, spec=".1%")
        Measured: 9.7%. You made no prediction.
    """
    shown = float(measured) if np.isfinite(measured) else None  # JSON has no NaN
    kept = replace(_find_prediction(name), measured=shown, spec=spec)
    predicted = "made no prediction" if kept.value is None else f"predicted {kept.value:{spec}}"
    text = f"Measured: {measured:{spec}}. You {predicted}."
    _say(text, prediction=name, value=kept.value, measured=kept.measured)
    _keep_prediction(name, kept)


def check_summary() -> pd.DataFrame:
    """Prints how many exercises are answered and right, and the predictions beside the results.

    Returns:
        A row for each exercise, with the columns section, exercise, state ("unanswered", "not yet",
        "right" or "right first time") and first answer.

    Example:
        >>> from digitlib.exercises.check import check_summary
        >>> table = check_summary()  # doctest: +ELLIPSIS
        35 exercises: ... answered, ... right, ... unanswered...
        >>> len(table)
        35
    """
    progress = load_progress()
    kept = {name: progress.exercises.get(name, Exercise()) for name in EXERCISES}
    states = [exercise.state for exercise in kept.values()]
    total, still_open = len(states), states.count("unanswered")
    right = total - still_open - states.count("not yet")
    answered = total - still_open
    print(f"{total} exercises: {answered} answered, {right} right, {still_open} unanswered.")
    for name, one in progress.predictions.items():
        if None not in (one.value, one.measured):
            shown = f"{one.value:{one.spec}}, measured {one.measured:{one.spec}}"
            print(f'Prediction "{name}": {shown}.')
    rows = [(EXERCISES[name].section, name, one.state, one.first) for name, one in kept.items()]
    return pd.DataFrame(rows, columns=["section", "exercise", "state", "first answer"])


def _find_question(exercise):
    if exercise not in EXERCISES:
        raise ValueError(f"exercise must be one of {', '.join(EXERCISES)}; got {exercise!r}.")
    return EXERCISES[exercise]


def _judge(question, answer, validation):
    """Returns whether the answer is right, None if there is none yet, and what to say about it."""
    if isinstance(answer, OPEN):
        return None, "Not answered yet."
    context = (validation,) if isinstance(question, Special) else ()
    return question.judge(answer, *context)


@dataclass(frozen=True)
class _Verdict:
    """A text that Jupyter shows, with the same as data for a class's report."""

    text: str
    data: dict[str, Any]

    def _repr_mimebundle_(self, **kwargs):
        return {"text/plain": self.text, ANSWER_TYPE: self.data}

    def __repr__(self):
        return self.text


def _say(text, **data):
    display(_Verdict(text, data))  # prints the text where there is no Jupyter


def _find_prediction(name):
    return load_progress().predictions.get(name, Prediction())


def _keep_prediction(name, prediction):
    change_progress(lambda progress: progress.predictions.update({name: prediction}))
