"""Judge an answer: the kinds of questions, and what tells a right answer from a usual mistake."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

ANY = math.nan  # stands for any number, see `_is_same`
CHANGES_INPUT = "The result is right, but the function changed its input: make a new array."


def is_open(answer):
    """Tells whether an exercise has not been answered: the answer is None or `...`."""
    return answer is None or answer is Ellipsis


def read_numbers(value):
    """Reads real numbers as an array; None for anything else. One truth value is no number."""
    try:
        array = np.asarray(value)
    except Exception:  # ragged lists, and objects with their own idea of arrays
        return None
    return array if array.dtype.kind in ("iufb" if array.ndim else "iuf") else None


def _as_list(one_or_several):
    return one_or_several if isinstance(one_or_several, list) else [one_or_several]


def describe(value):
    """Writes an answer briefly. Never a default repr: its address differs from run to run."""
    array = read_numbers(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 30 else value[:30] + "...")
    if array is None:
        return type(value).__name__
    if array.size > 20:
        return f"array of shape {array.shape}"
    text = _write_numbers(array.tolist())
    return f"({text[1:-1]})" if isinstance(value, tuple) else text


def _write_numbers(numbers):
    if isinstance(numbers, list):
        return f"[{', '.join(map(_write_numbers, numbers))}]"
    return f"{numbers:.7g}"


def _is_same(found, wanted, *, relative=0.0, absolute=1e-6):
    # nan in what is wanted stands for any number.
    if isinstance(wanted, Exception):
        return type(found) is type(wanted) and str(found) == str(wanted)
    found, wanted = read_numbers(found), np.asarray(wanted, float)
    if found is None:
        return False
    if wanted.ndim == 0 and found.size == 1:
        found = found.reshape(())
    if found.shape != wanted.shape:
        return False
    close = np.isclose(found.astype(float), wanted, rtol=relative, atol=absolute)
    return bool((close | np.isnan(wanted)).all())


def _call(function, case):
    # Returns what the function returns or raises, and whether it left its arguments as they were.
    arguments = deepcopy(case)
    try:
        with np.errstate(all="ignore"):
            result = function(*arguments)
    except Exception as error:
        result = error
    return result, all(map(np.array_equal, arguments, case))


def tell_error(error):
    """Writes an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


@dataclass(frozen=True)
class Choice:
    """Multiple choice; `reasons` tells why each wrong letter is wrong."""

    section: int
    right: str
    praise: str
    reasons: dict

    @property
    def expected(self):
        """The form of an answer."""
        return f"The answer is one letter in quotes, from a to {max(self.right, *self.reasons)}."

    def judge(self, answer):
        """Returns whether the answer is right, and what to say of it."""
        letter = answer.strip(" ().").lower() if isinstance(answer, str) else ""
        if letter == self.right:
            return True, self.praise
        return False, self.reasons.get(letter, self.expected)


@dataclass(frozen=True)
class Value:
    """A number, or a tuple or grid of them.

    `mistakes` holds pairs: a wrong answer, a test for one, or a list of them; and the hint.
    """

    section: int
    right: float | tuple
    expected: str
    praise: str
    mistakes: list
    tolerance: float = 1e-6

    def judge(self, answer):
        """Returns whether the answer is right, and what to say of it."""
        numbers = read_numbers(answer)
        if numbers is None:
            parts = answer if isinstance(answer, list | tuple) else [answer]
            text = any(isinstance(part, str) for part in parts)
            form = "Leave out the quotes." if text else f"That is of type {type(answer).__name__}."
            return False, f"{form} {self.expected}"
        if _is_same(numbers, self.right, absolute=self.tolerance):
            return True, self.praise
        for wrong, hint in self.mistakes:
            if any(self._is_mistake(numbers, one) for one in _as_list(wrong)):
                return False, hint
        if numbers.shape != np.shape(self.right):
            return False, self.expected
        if numbers.ndim == 0:
            return False, "That is not the number; the hint below may help."
        same = np.isclose(numbers.astype(float), self.right, atol=self.tolerance)
        return False, f"{same.sum()} of {same.size} numbers are right."

    def _is_mistake(self, numbers, wrong):
        if callable(wrong):
            return wrong(numbers)
        return _is_same(numbers, wrong, absolute=3 * self.tolerance)  # it may be rounded


@dataclass(frozen=True)
class Code:
    """A function. `mistakes` holds pairs: a faulty function or a list of them; and the hint.

    A faulty function that raises stands for those that raise the same error.
    """

    section: int
    right: Callable
    praise: str
    expected: str
    cases: list
    mistakes: list

    def judge(self, function):
        """Returns whether the function is right, None for a stub, and what to say of it."""
        if not callable(function):
            return False, "Give the function itself: its name, without brackets."
        results, unchanged = zip(*(_call(function, case) for case in self.cases), strict=True)
        if all(is_open(result) for result in results):
            return None, ""
        same = self._compare(results, self.right)
        if all(same):
            return (True, self.praise) if all(unchanged) else (False, CHANGES_INPUT)
        for faulty, hint in self.mistakes:
            if any(all(self._compare(results, one)) for one in _as_list(faulty)):
                return False, hint
        for result in results:
            if isinstance(result, Exception):
                return False, f"Your function raised {tell_error(result)}"
        row = same.index(False)
        inputs = ", ".join(map(describe, self.cases[row]))
        return False, f"For {inputs} it returns {describe(results[row])}. {self.expected}"

    def _compare(self, results, function):
        wanted = [_call(function, case)[0] for case in self.cases]
        return [
            _is_same(result, value, relative=1e-5)
            for result, value in zip(results, wanted, strict=True)
        ]


@dataclass(frozen=True)
class Special:
    """Anything else, with a judge of its own."""

    section: int
    judge: Callable
    expected: str
