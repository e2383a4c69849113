"""Check the answers to the exercises, and keep them in memory only, for `check_summary`."""

from typing import Any

import pandas as pd

from digitlib.data import Split
from digitlib.exercises import basics, convolution, further, network
from digitlib.exercises.answers import OPEN, describe, read_numbers
from digitlib.exercises.kinds import Code, Special

_PARTS = basics, convolution, network, further
_ALL = [pair for part in _PARTS for pair in part.QUESTIONS.items()]
EXERCISES: dict[str, Any] = dict(sorted(_ALL, key=lambda pair: pair[1].section))  # as in the lesson

_records: dict[str, tuple[str, str]] = {}  # the state and the first answer
_predictions: dict[str, float] = {}
_results: dict[str, tuple[float, str]] = {}  # what was measured, and how to write it
_OURS = "This check failed; that is our fault, not yours: {}. Please report it, and go on."
_VERDICTS = {True: "Right. ", False: "Not yet. ", None: ""}


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
    if exercise not in EXERCISES:
        raise ValueError(f"exercise must be one of {', '.join(EXERCISES)}; got {exercise!r}.")
    if isinstance(answer, OPEN):
        print("Not answered yet.")
        return
    question = EXERCISES[exercise]
    context = (validation,) if isinstance(question, Special) else ()
    try:
        right, text = question.judge(answer, *context)
        first = "code" if isinstance(question, Code) else describe(answer)
    except Exception as error:  # ours: the student's code runs only in `answers.ask`
        print(_OURS.format(describe(error)))
        return
    print(f"{_VERDICTS[right]}{text}")
    if right is not None:
        state, first = _records.get(exercise, ("unanswered", first))
        if right:
            after = {"unanswered": "right first time", "not yet": "right"}
        else:
            after = {"unanswered": "not yet"}
        _records[exercise] = after.get(state, state), first


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
        print("Not answered yet.")
        return
    numbers, kept = read_numbers(value), _predictions.get(name)
    if numbers is None or numbers.size != 1 or not 0 <= numbers.item() <= largest:
        print(f"Not yet. The prediction must be a number from 0 to {largest:,}.")
    elif name not in _results or numbers.item() == kept:
        _predictions[name] = numbers.item()
        print(f"Noted: {numbers.item():g}. You will see the result below.")
    else:
        late = "this prediction does not count"
        stays = late if kept is None else f"your first prediction, {kept:g}, stays"
        print(f"The result has already been shown, so {stays}.")


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
    _results[name] = float(measured), spec
    kept = _predictions.get(name)
    predicted = "made no prediction" if kept is None else f"predicted {kept:{spec}}"
    print(f"Measured: {measured:{spec}}. You {predicted}.")


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
    total, count = len(EXERCISES), len(_records)
    right = sum(state != "not yet" for state, _ in _records.values())
    print(f"{total} exercises: {count} answered, {right} right, {total - count} unanswered.")
    for name, (measured, spec) in _results.items():
        if name in _predictions:
            print(f'Prediction "{name}": {_predictions[name]:{spec}}, measured {measured:{spec}}.')
    rows = [
        (question.section, name, *_records.get(name, ("unanswered", "")))
        for name, question in EXERCISES.items()
    ]
    return pd.DataFrame(rows, columns=["section", "exercise", "state", "first answer"])
