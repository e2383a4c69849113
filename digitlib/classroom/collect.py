"""Read what a class handed in: notebooks and answer files of any origin. Nothing is run."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from digitlib.exercises.check import EXERCISES
from digitlib.exercises.progress import (
    ANSWER_TYPE,
    FILE,
    LARGEST_FILE,
    STATES,
    Exercise,
    Prediction,
    Progress,
    is_number,
    parse_json,
    parse_progress,
    read_limited,
    sign_file,
)

LARGEST_NOTEBOOK = 50_000_000  # bytes; the lesson with all outputs has 3 million
_ANSWERS = ".answers.json"
_LONGEST_NAME = 60
# Ada Lovelace_123_assignsubmission_file_
_MOODLE = re.compile(r"((.+?)_\d+)_assignsubmission_.*")


class Student(NamedTuple):
    """One student, and what is known about the student's answers."""

    name: str
    progress: Progress


class Skipped(NamedTuple):
    """A file that could not be used, and why."""

    path: str  # below the folder
    reason: str


@dataclass
class Collector:
    """Reads all files below a folder, and later only those that have changed."""

    folder: Path
    _known: dict[Path, tuple[Any, Progress | str]] = field(default_factory=dict)

    def collect(self, track: Callable = iter) -> tuple[list[Student], list[Skipped]]:
        """Reads the files.

        Args:
            track: wraps the list of files, to show how many have been read.

        Returns:
            The students by name, and the files that were skipped.
        """
        files = list(self._find_files())
        self._known = {path: self._read(path) for path in track(files)}
        found = {path: kept for path, (_, kept) in self._known.items()}
        below = {path: path.relative_to(self.folder) for path in files}
        skipped = [
            Skipped(clean(str(below[path])), kept)
            for path, kept in found.items()
            if isinstance(kept, str)
        ]
        good = {below[path]: kept for path, kept in found.items() if isinstance(kept, Progress)}
        students: dict[str, Progress] = {}
        for path, name in name_students(list(good)).items():
            students[name] = _merge(students.get(name, Progress()), good[path])
        named = [Student(name, students[name]) for name in sorted(students, key=str.casefold)]
        return named, skipped

    def has_changed(self) -> bool:
        """Returns whether files have come, gone or changed since they were collected."""
        return {path: sign_file(path) for path in self._find_files()} != {
            path: signature for path, (signature, _) in self._known.items()
        }

    def _find_files(self) -> Iterator[Path]:
        submitted = self.folder / "submitted"  # of nbgrader, beside what the teacher made
        for place, folders, names in os.walk(submitted if submitted.is_dir() else self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.lower().endswith((".ipynb", _ANSWERS)) and not name.startswith("."):
                    yield Path(place, name)

    def _read(self, path):
        signature = sign_file(path)
        if path in self._known and self._known[path][0] == signature:
            return self._known[path]
        try:
            return signature, read_file(path)
        except (OSError, ValueError) as error:
            return signature, str(getattr(error, "strerror", None) or error)


def read_file(path: Path) -> Progress:
    """Reads a notebook or an answer file.

    Args:
        path: the file, of any origin.

    Returns:
        What it says about the lesson's exercises.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, too large, or not of this lesson; the message says why.
    """
    if not path.is_file():
        raise ValueError("it is not a regular file")
    if path.name.lower().endswith(_ANSWERS):
        kept = parse_progress(read_limited(path, LARGEST_FILE))
        kept.exercises = {name: one for name, one in kept.exercises.items() if name in EXERCISES}
        return kept
    return _read_notebook(parse_json(read_limited(path, LARGEST_NOTEBOOK)))


def name_students(paths: list[Path]) -> dict[Path, str]:
    """Finds the students in the names of folders and files.

    Args:
        paths: the files, relative to the folder of the class. Layouts of nbgrader, of its exchange
            and of Moodle are recognised. Otherwise, the student is the part of the folders in which
            the files differ, or, for a file directly in the folder of the class, the file.

    Returns:
        The name of the student of each file.
    """
    nested = {path.parent.parts for path in paths if path.parent.parts}
    head = tail = 0
    if len(nested) > 1:  # what all have in common is no name: a course before or after it
        head = _count_common(nested)
        ends = _count_common(parts[::-1] for parts in nested)
        tail = min(ends, min(map(len, nested)) - 1)
    names: dict[str, str] = {}  # of each student, by what tells students apart
    found = {}
    for path in paths:
        identity, name = _identify(path, head, tail)
        if identity not in names:
            name = clean(name)[:_LONGEST_NAME]
            others = sum(re.sub(r" \(\d+\)$", "", other) == name for other in names.values())
            names[identity] = f"{name} ({others + 1})" if others else name
        found[path] = names[identity]
    return found


def clean(text: str) -> str:
    """Returns a text of any origin on one line, without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip() or "?"


def _count_common(sequences):
    levels = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))


def _identify(path, head, tail):
    """What tells a file's student from the others, and the student's name."""
    parts = path.parent.parts
    for part in (*parts, path.name):
        if moodle := _MOODLE.fullmatch(part):
            return moodle[1], moodle[2]
        if part.count("+") >= 2:  # nbgrader's exchange: student+assignment+time
            return part.partition("+")[0], part.partition("+")[0]
    if parts:
        name = "/".join(parts[head : len(parts) - tail] or parts)
    else:
        stem = re.sub(rf"({re.escape(_ANSWERS)}|\.ipynb)$", "", path.name, flags=re.I)
        lesson = FILE.name.removesuffix(_ANSWERS)
        name = re.sub(rf"[-_. ]*{lesson}[-_. ]*", "", stem, flags=re.I) or stem
    return name, name


def _read_notebook(notebook):
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("it is not a notebook")
    code = [one for one in cells if isinstance(one, dict) and one.get("cell_type") == "code"]
    if not any("check_answer(" in str(one.get("source")) for one in code):
        raise ValueError("it has no exercise of this lesson")
    progress = Progress()
    for cell in code:
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            data = output.get("data") if isinstance(output, dict) else None
            kept = data.get(ANSWER_TYPE) if isinstance(data, dict) else None
            if isinstance(kept, dict):
                _add_output(progress, kept)
    return progress


def _add_output(progress, kept):
    exercise, prediction, state = kept.get("exercise"), kept.get("prediction"), kept.get("state")
    if isinstance(exercise, str) and exercise in EXERCISES and state in ("right", "not yet"):
        texts = {name: str(kept.get(name, "")) for name in ("answer", "hint")}
        progress.add_answer(exercise, state == "right", texts["answer"], texts["hint"])
        # An output cannot tell whether other answers came before.
        if state == "right":
            progress.exercises[exercise].state = "right"
    numbers = {name: kept[name] for name in ("value", "measured") if is_number(kept.get(name))}
    if isinstance(prediction, str) and numbers:
        merged = progress.predictions.setdefault(prediction[:_LONGEST_NAME], Prediction())
        for name, number in numbers.items():
            setattr(merged, name, number)


def _merge(one, other):
    """What two files of one student say together: the better state, and all hints."""
    for name, new in other.exercises.items():
        old = one.exercises.get(name, Exercise())
        one.exercises[name] = Exercise(
            state=max(old.state, new.state, key=STATES.index),
            attempts=max(old.attempts, new.attempts),
            first=max(old, new, key=lambda kept: kept.attempts).first,
            hints=list(dict.fromkeys(old.hints + new.hints)),
        )
    for name, new in other.predictions.items():
        old = one.predictions.get(name, Prediction())
        value, measured = (
            getattr(new if getattr(old, part) is None else old, part)
            for part in ("value", "measured")
        )
        one.predictions[name] = Prediction(value, measured, old.spec or new.spec)
    return one
