"""Keep what was answered: in a file beside the notebook, and as data in the outputs of cells.

The file survives a restart of the kernel. It holds no name, and nothing is sent anywhere. The
environment variable DIGITLIB_PROGRESS=off keeps everything in memory only.
"""

import json
import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from digitlib.files import replace_when_complete

FILE = Path("Digit_recognizer.answers.json")  # in the working directory: beside the notebook
ANSWER_TYPE = "application/vnd.digitlib.answer+json"  # of a verdict, in the output of its cell
STATES = ("unanswered", "not yet", "right", "right first time")  # the better, the later
MOST_HINTS = 30
LONGEST_TEXT = 300  # of a hint or a described answer, in characters
LARGEST_FILE = 1_000_000  # bytes; ours has a few thousand
_VERSION = 1


@dataclass
class Exercise:
    """What is known about one exercise of one student."""

    state: str = "unanswered"
    attempts: int = 0  # until right; the same answer twice in a row counts once
    first: str = ""  # the first answer, described
    latest: str = ""  # the latest answer with its verdict
    hints: list[str] = field(default_factory=list)  # each once, in the order met


@dataclass
class Prediction:
    """What a student expected of an experiment, and its result once it was shown."""

    value: float | None = None
    measured: float | None = None
    spec: str = ""  # how both are written, as in a format string


@dataclass
class Progress:
    """Everything that is kept, by the names of exercises and of predictions."""

    exercises: dict[str, Exercise] = field(default_factory=dict)
    predictions: dict[str, Prediction] = field(default_factory=dict)

    def add_answer(self, name: str, right: bool, answer: str, text: str) -> None:
        """Counts an answer; once right, an exercise stays as it is."""
        kept = self.exercises.setdefault(name, Exercise(first=answer[:LONGEST_TEXT]))
        if "right" in kept.state:
            return
        latest, text = f"{answer}: {text}"[:LONGEST_TEXT], text[:LONGEST_TEXT]
        kept.attempts += latest != kept.latest
        kept.latest = latest
        if right:
            kept.state = "right" if kept.hints else "right first time"
        else:
            kept.state = "not yet"
            if text not in kept.hints and len(kept.hints) < MOST_HINTS:
                kept.hints.append(text)


_memory = Progress()
_seen: tuple[int, int] | None = None  # the file that memory has, by its time and size


def load_progress() -> Progress:
    """Returns what is kept; a damaged file is put aside with a message.

    Returns:
        What the file holds, if there is one, and else what this session has seen.

    Example:
        >>> from digitlib.exercises.progress import load_progress
        >>> load_progress().exercises.get("no such exercise") is None
        True
    """
    global _memory, _seen
    now = _look()
    # What could not be written is in memory only: an unchanged file must not replace it.
    if now in (None, _seen):
        return _memory
    try:
        found = parse_progress(read_limited(FILE, LARGEST_FILE))
        found.predictions = {**_memory.predictions, **found.predictions}
        _memory, _seen = found, now
    except OSError:
        pass  # as if there were none
    except ValueError as error:
        aside = FILE.with_suffix(".damaged.json")
        with suppress(OSError):
            os.replace(FILE, aside)
            print(f"{FILE} is damaged: {error}. It has been renamed to {aside}; a new one begins.")
    return _memory


def change_progress(change: Callable[[Progress], Any]) -> None:
    """Changes what is kept, and writes it; a folder that cannot be written to is no error.

    Args:
        change: changes the `Progress` that it is given.
    """
    global _seen
    progress = load_progress()
    before = asdict(progress)
    change(progress)
    if asdict(progress) == before or _is_off():
        return
    kept = {"version": _VERSION, **asdict(progress)}
    # A result that was shown before any prediction must not spoil the next day's.
    kept["predictions"] = {
        name: entry for name, entry in kept["predictions"].items() if entry["value"] is not None
    }
    with suppress(OSError):
        if kept["exercises"] or kept["predictions"]:
            with replace_when_complete(FILE) as file:
                file.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            _seen = _look()


def parse_progress(text: str) -> Progress:
    """Reads the text of an answer file, which may be of any origin.

    Args:
        text: JSON, as `change_progress` writes it.

    Returns:
        What it holds.

    Raises:
        ValueError: the text is not an answer file, or its version is not supported.

    Example:
        >>> from digitlib.exercises.progress import parse_progress
        >>> parse_progress('{"version": 1, "exercises": {}, "predictions": {}}')
        Progress(exercises={}, predictions={})
    """
    found = parse_json(text)
    if not isinstance(found, dict) or "exercises" not in found:
        raise ValueError("it holds no answers")
    if found.get("version") != _VERSION:
        raise ValueError(f"its version is {str(found.get('version'))[:20]}, not {_VERSION}")
    try:
        return Progress(
            {name: Exercise(**_verify(kept)) for name, kept in found["exercises"].items()},
            {name: Prediction(**_verify(kept)) for name, kept in found["predictions"].items()},
        )
    except (TypeError, AttributeError, KeyError):
        raise ValueError("its entries are not in the expected form") from None


def parse_json(text: str) -> Any:
    """Reads JSON of any origin; raises ValueError if it is none, whatever is wrong with it."""
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("it is not JSON") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_limited(path: Path, largest: int) -> str:
    """Returns a file's text; raises ValueError if it has more bytes than this, or no UTF-8."""
    if path.stat().st_size > largest:
        raise ValueError(f"it is larger than {largest / 1e6:,.0f} MB")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None


_FORMS: dict[str, Callable[[Any], bool]] = {
    "state": lambda value: value in STATES,
    "attempts": lambda value: type(value) is int and 0 <= value <= 1_000_000,
    "hints": lambda value: len(value) <= MOST_HINTS and all(map(_is_text, value)),
    **dict.fromkeys(("first", "latest"), lambda value: _is_text(value)),
    # Others, such as "999999999d", would take a long time.
    "spec": lambda value: bool(re.fullmatch(r"(\.\d)?[gf%]?", value)),
    **dict.fromkeys(("value", "measured"), lambda value: value is None or is_number(value)),
}


def _verify(entry):
    wrong = [name for name, value in entry.items() if not _FORMS[name](value)]
    if wrong:
        raise TypeError
    return entry


def _is_text(value):
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite int or float."""
    return type(value) in (int, float) and math.isfinite(value)


def sign_file(path: Path) -> tuple[int, int] | None:
    """Returns what changes when a file is written; None if it can't be found."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _look():
    return None if _is_off() else sign_file(FILE)


def _is_off():
    return os.environ.get("DIGITLIB_PROGRESS", "").lower() in ("off", "0", "no", "false")
