"""Read a student's answer. Only `ask` runs the student's code, so any other error is ours."""

from collections.abc import Callable, Iterator
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

ANY = np.nan  # in a wrong answer, stands for any number
OPEN = NoneType, EllipsisType  # the types of an answer that has not been given yet


def ask(function: Callable, *arguments: Any) -> Any:
    """Calls a function that may run the student's code; returns its result or its exception."""
    try:
        with np.errstate(all="ignore"):
            return function(*arguments)
    except (Exception, SystemExit) as error:  # not even sys.exit() may end the lesson
        return error


def read_numbers(answer: Any) -> npt.NDArray[np.float64] | None:
    """Reads real numbers as a float array; None for anything else, such as a single bool."""
    array = ask(np.asarray, answer)
    kinds = "iufbO" if np.ndim(array) else "iufO"
    if isinstance(answer, OPEN) or isinstance(array, BaseException):
        return None
    if array.dtype.kind not in kinds:
        return None
    numbers = ask(array.astype, float)  # fractions and decimals, too; None in a shape becomes NaN
    return numbers if isinstance(numbers, np.ndarray) else None


def explain_form(answer: Any) -> str:
    """Says in one sentence why an answer could not be read as numbers."""
    array = ask(np.asarray, answer)
    if isinstance(array, np.ndarray) and array.dtype.kind == "U":
        digits = any(map(str.isdigit, str(array)))
        return "Leave out the quotes." if digits else "Text is not a number."
    if isinstance(answer, list | tuple) and isinstance(array, ValueError):
        return "All rows must have the same length."
    if isinstance(answer, set | frozenset):
        return "A set has no order: write a list or a tuple."
    if isinstance(answer, Iterator):
        return "A generator or iterator has not computed its values: convert it with list()."
    return f"That is of type {type(answer).__name__}."


def is_same(found: Any, wanted: Any, tolerance: float = 1e-5) -> bool:
    """Returns whether numbers, or a function's error, match those wanted; ANY matches anything."""
    if isinstance(wanted, BaseException):
        return describe(found) == describe(wanted)
    found, wanted = read_numbers(found), np.asarray(wanted, float)
    if found is None or found.size != wanted.size or (wanted.ndim and found.shape != wanted.shape):
        return False
    return bool((np.isclose(found, wanted, rtol=0, atol=tolerance) | np.isnan(wanted)).all())


def describe(value: Any) -> str:
    """Writes an answer or exception briefly. Never a default repr: its address is random."""
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {' '.join(str(value).split())[:200]}"
    if isinstance(value, str):
        return repr(value[:30] + "...") if len(value) > 30 else repr(str(value))
    numbers = read_numbers(value)
    if numbers is None:
        return type(value).__name__
    if numbers.size > 20:
        return f"array of shape {numbers.shape}"
    text = np.array2string(numbers, separator=", ", formatter={"float": "{:.7g}".format})
    text = " ".join(text.split())
    return f"({text[1:-1]})" if isinstance(value, tuple) else text
