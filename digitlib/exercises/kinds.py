"""The kinds of questions. Each judges an answer: right or wrong, and what to say about it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from digitlib.exercises.answers import OPEN, ask, describe, explain_form, is_same, read_numbers

COUNT = "The answer is one whole number."
LETTER = "The answer is one letter in quotes, from a to d"
CHANNELS_FIRST = "That order is called channels first; Keras expects the channels last."
CHANGES_INPUT = "The result is right, but the function changed its input: create a new array."


@dataclass(frozen=True)
class Choice:
    """Multiple choice; `reasons` says why each wrong letter is wrong."""

    section: int
    right: str
    praise: str
    reasons: dict[str, str]

    def judge(self, answer: Any) -> tuple[bool, str]:
        """Returns whether the answer is right, and what to say about it."""
        if isinstance(answer, list | tuple | set | frozenset):
            return False, f"Leave out the brackets. {LETTER}."
        letter = answer.strip(" ().").lower() if isinstance(answer, str) else ""
        if letter == self.right:
            return True, self.praise
        form = f"{LETTER}, not the text itself." if len(letter) > 1 else f"{LETTER}."
        return False, self.reasons.get(letter, form)


@dataclass(frozen=True)
class Value:
    """Numbers. `mistakes`: pairs of one wrong answer or a list of several, and a hint."""

    section: int
    right: float | tuple
    expected: str
    praise: str
    mistakes: list
    tolerance: float = 1e-6

    def judge(self, answer: Any) -> tuple[bool, str]:
        """Returns whether the answer is right, and what to say about it."""
        numbers = read_numbers(answer)
        if numbers is None:
            return False, f"{explain_form(answer)} {self.expected}"
        if is_same(numbers, self.right, self.tolerance):
            return True, self.praise
        if hint := _find_hint(self.mistakes, lambda one: is_same(numbers, one, 3 * self.tolerance)):
            return False, hint
        if numbers.ndim and np.isnan(numbers).any():
            return False, "Write a number in each position, not None or NaN."
        if numbers.shape != np.shape(self.right):
            return False, self.expected
        if numbers.ndim == 0:
            return False, "That number is not right; the hint below may help."
        same = np.isclose(numbers, self.right, atol=self.tolerance)
        return False, f"{same.sum()} of {same.size} numbers are right."


@dataclass(frozen=True)
class Code:
    """A function. `mistakes`: pairs of one faulty function or a list of several, and a hint.

    A faulty function that raises an error stands for all that raise the same error.
    """

    section: int
    right: Callable
    praise: str
    expected: str
    cases: list[tuple]
    mistakes: list

    def judge(self, function: Any) -> tuple[bool | None, str]:
        """Returns whether the function is right, None for a stub, and what to say about it."""
        if not callable(function):
            return False, "Pass the function itself: its name, without brackets."
        results, unchanged = self._run(function)
        if all(isinstance(result, OPEN) for result in results):
            return None, "Not answered yet: the function returns nothing."
        same = list(map(is_same, results, [self.right(*case) for case in self.cases]))
        if all(same):
            return (True, self.praise) if unchanged else (False, CHANGES_INPUT)
        hint = _find_hint(self.mistakes, lambda one: all(map(is_same, results, self._run(one)[0])))
        if hint:
            return False, hint
        for result in results:
            if isinstance(result, BaseException):
                return False, f"Your function raised {describe(result)}"
        row = same.index(False)
        inputs, result = ", ".join(map(describe, self.cases[row])), results[row]
        form = f"{explain_form(result)} " if read_numbers(result) is None else ""
        return False, f"For {inputs} it returns {describe(result)}. {form}{self.expected}"

    def _run(self, function):
        cases = deepcopy(self.cases)
        results = [ask(function, *case) for case in cases]
        return results, repr(cases) == repr(self.cases)  # do the arguments stay the same?


@dataclass(frozen=True)
class Special:
    """Anything else, with a function of the answer and the validation data that judges it."""

    section: int
    judge: Callable


def stop_early(right: Callable, *others: Callable) -> tuple[list[Callable], str]:
    """Returns a function's faulty versions, with `return` inside one of its loops, and a hint."""

    def fill(*inputs, axes):
        whole = right(*inputs)
        return np.where(np.indices(whole.shape)[:axes].any(axis=0), 0, whole)

    fills = [partial(fill, axes=1), partial(fill, axes=2)]  # the first row, the first place
    only_first = [lambda *inputs: right(*inputs)[:1], lambda *inputs: right(*inputs)[0]]
    hint = "Only the first number or row is computed: is return inside a loop?"
    return [*fills, *only_first, *others], hint


def _find_hint(mistakes, is_it):
    listed = ((wrong if isinstance(wrong, list) else [wrong], hint) for wrong, hint in mistakes)
    return next((hint for several, hint in listed if any(map(is_it, several))), None)
