"""What a class got wrong: one web page that needs no connection, and a table of scores."""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digitlib.classroom.advice import ADVICE
from digitlib.classroom.collect import Skipped, Student, clean
from digitlib.exercises.check import EXERCISES
from digitlib.exercises.progress import STATES, Exercise

_MOST_HINTS = 8  # of an exercise, on the page
_MOST_STUDENTS = 12  # of those who need help
_MOST_PREDICTIONS = 6
_BINS = 12
_LARGEST = 1e9  # a prediction beyond it is no serious one
_UNANSWERED = Exercise()
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


class ExerciseReport(NamedTuple):
    """How a class did in one exercise."""

    name: str
    section: int
    states: Counter[str]
    hints: list[tuple[str, int]]  # each misconception, and how many students met it
    advice: str


class Histogram(NamedTuple):
    """The predictions of a class, and what was measured."""

    name: str
    total: int
    bars: list[int]
    low: float
    high: float
    measured: float | None  # the median over the students


def write_report(
    students: Sequence[Student], skipped: Sequence[Skipped], *, refresh: int | None = None
) -> str:
    """Writes the page.

    Args:
        students: those of `Collector.collect`.
        skipped: the files that could not be used.
        refresh: after how many seconds a browser loads the page again; None means never.

    Returns:
        HTML with everything inside.
    """
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    exercises = [_report_exercise(name, students) for name in EXERCISES]
    asked = [one for one in exercises if len(students) > one.states["unanswered"]]
    return environment.get_template("report.html").render(
        style=(here / "report.css").read_text("utf-8"),
        refresh=refresh,
        states=STATES,
        time=f"{datetime.now():%d %B %Y, %H:%M}".lstrip("0"),
        students=[(one.name, *_list_exercises(one)) for one in students],
        exercises=exercises,
        asked=asked,
        common=_find_common(asked),
        histograms=_count_predictions(students),
        stuck=_find_stuck(students),
        skipped=skipped,
        most_hints=_MOST_HINTS,
        most_students=_MOST_STUDENTS,
    )


def write_scores(students: Sequence[Student]) -> str:
    """Writes a table of the states of all exercises.

    Args:
        students: those of `Collector.collect`.

    Returns:
        A CSV with a row for each student: the name, how many exercises are in which state, and the
        state of each.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["student", "answered", *STATES[1:], *EXERCISES])
    for student in students:
        counts, exercises = _list_exercises(student)
        answered = len(EXERCISES) - counts["unanswered"]
        # A spreadsheet takes a text after an apostrophe for a text.
        name = f"'{student.name}" if student.name.startswith(_FORMULA) else student.name
        states = [exercise.state for exercise in exercises.values()]
        writer.writerow([name, answered, *(counts[state] for state in STATES[1:]), *states])
    return file.getvalue()


def hide_names(
    students: Sequence[Student], skipped: Sequence[Skipped]
) -> tuple[list[Student], list[Skipped]]:
    """Replaces names with numbers.

    Args:
        students: those of `Collector.collect`.
        skipped: the files that could not be used.

    Returns:
        The same without names, in an order that does not give them away.
    """
    mixed = sorted(students, key=lambda one: hashlib.sha256(one.name.encode()).digest())
    numbered = [Student(f"Student {place}", one.progress) for place, one in enumerate(mixed, 1)]
    return numbered, [Skipped("a file", one.reason) for one in skipped]


def generalise_hint(exercise: str, hint: str) -> str:
    """Removes from a hint what belongs to one student's answer, so that hints can be counted.

    Args:
        exercise: its name.
        hint: what a check has said.

    Returns:
        The hint with "…" for numbers, and with the letter that was chosen.
    """
    question = EXERCISES[exercise]
    for letter, reason in getattr(question, "reasons", {}).items():
        if hint == reason:
            return f"({letter}) {hint}"
    if hint in {text for _, text in getattr(question, "mistakes", ())}:
        return hint
    hint = re.sub(r"(Your function raised \w+):.*", r"\1", clean(hint))
    numbers = r"[\[(]*-?\d([\d.,\s()\[\]-]*[\d)\]])?%?"
    return re.sub(numbers, "…", hint)


def _list_exercises(student):
    """How many exercises of the lesson are in each state, and what a student made of each."""
    kept = {name: student.progress.exercises.get(name, _UNANSWERED) for name in EXERCISES}
    return Counter(exercise.state for exercise in kept.values()), kept


def _report_exercise(name, students):
    kept = [one.progress.exercises.get(name, _UNANSWERED) for one in students]
    hints = Counter(
        hint for one in kept for hint in {generalise_hint(name, hint) for hint in one.hints}
    )
    states = Counter(one.state for one in kept)
    ordered = sorted(hints.items(), key=lambda pair: (-pair[1], pair[0]))
    return ExerciseReport(name, EXERCISES[name].section, states, ordered, ADVICE[name])


def _find_common(exercises):
    """The misconceptions that most students met, over all exercises."""
    pairs = [(one, hint, count) for one in exercises for hint, count in one.hints if count > 1]
    return sorted(pairs, key=lambda pair: -pair[2])[:5]


def _find_stuck(students):
    """The students with an exercise that is not right yet; first those who tried most."""
    stuck = []
    for student in students:
        tried = {
            name: one for name, one in student.progress.exercises.items() if one.state == "not yet"
        }
        if tried:
            attempts = sum(one.attempts for one in tried.values())
            stuck.append((student.name, attempts, tried))
    return sorted(stuck, key=lambda one: (-one[1], one[0]))


def _count_predictions(students):
    found: dict[str, list[Any]] = {}
    for student in students:
        for name, one in student.progress.predictions.items():
            if one.value is not None and abs(one.value) <= _LARGEST:
                found.setdefault(name, []).append(one)
    most = sorted(found, key=lambda name: (-len(found[name]), name))[:_MOST_PREDICTIONS]
    return [_count_prediction(name, found[name]) for name in most]


def _count_prediction(name, predictions):
    results = [one.measured for one in predictions if one.measured is not None]
    results = [result for result in results if abs(result) <= _LARGEST]
    measured = float(np.median(results)) if results else None
    values = [one.value for one in predictions]
    span = [*values, *([] if measured is None else [measured])]
    bars, edges = np.histogram(values, bins=_BINS, range=(min(span), max(span)))
    return Histogram(clean(name), len(values), bars.tolist(), edges[0], edges[-1], measured)
