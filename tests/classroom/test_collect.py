import copy
import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import NOTEBOOK

from digitlib.classroom.collect import Collector, clean, name_students
from digitlib.exercises.check import EXERCISES
from digitlib.exercises.progress import ANSWER_TYPE

NAMES = list(EXERCISES)


def exercise(state="right", attempts=1, first="3", hints=()):
    return {"state": state, "attempts": attempts, "first": first, "hints": list(hints)}


def write_answers(path, exercises, predictions=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"version": 1, "exercises": exercises, "predictions": predictions or {}}
    path.write_text(json.dumps(kept), encoding="utf-8")


def write_notebook(path, verdicts):
    """The lesson with these verdicts in its outputs, by the name of the exercise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = copy.deepcopy(NOTEBOOK)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            kept = output.get("data", {}).get(ANSWER_TYPE, {})
            kept.update(verdicts.get(kept.get("exercise", kept.get("prediction")), {}))
    path.write_text(json.dumps(notebook), encoding="utf-8")


def collect(folder):
    students, skipped = Collector(folder).collect()
    return {one.name: one.progress for one in students}, {one.path: one.reason for one in skipped}


def test_a_notebook_and_an_answer_file_say_it_together(tmp_path):
    hint = {"state": "not yet", "hint": "The biases are missing.", "answer": "400"}
    write_notebook(
        tmp_path / "ada" / "Digit_recognizer.ipynb",
        {
            "first layer": hint,
            "recall": {"state": "right", "answer": "0.8"},
            "mistakes of the CNN": {"value": 80.0},
        },
    )
    both = {
        "first layer": exercise("right", 3, "1", ["Other."]),
        "pixel type": exercise("not yet", 2, "'a'", ["Hm."]),
        "no such exercise": exercise(),
    }
    predictions = {"mistakes of the CNN": {"value": 90.0, "measured": 103.0, "spec": ".0f"}}
    write_answers(tmp_path / "ada" / "Digit_recognizer.answers.json", both, predictions)
    students, skipped = collect(tmp_path)
    assert skipped == {}
    found = students["ada"].exercises
    assert {name: (one.state, one.attempts) for name, one in found.items()} == {
        "first layer": ("right", 3),
        "pixel type": ("not yet", 2),
        "recall": ("right", 1),  # at first try or not, an output cannot tell
    }
    assert set(found["first layer"].hints) == {"Other.", "The biases are missing."}
    prediction = students["ada"].predictions["mistakes of the CNN"]
    assert (prediction.value, prediction.measured) == (90, 103)


def test_a_blank_lesson_is_a_student_without_answers(tmp_path):
    for name in ("ada", "ben"):
        write_notebook(tmp_path / name / "Digit_recognizer.ipynb", {})
    students, skipped = collect(tmp_path)
    assert {name: one.exercises for name, one in students.items()} == {"ada": {}, "ben": {}}
    assert skipped == {}


LAYOUTS = {
    "folders": {"ada/D.ipynb": "ada", "ada/D.answers.json": "ada", "ben/D.ipynb": "ben"},
    "homes": {"ada/course/cnn/D.ipynb": "ada", "ben/course/cnn/D.ipynb": "ben"},
    "after the same": {"x/y/ada/D.ipynb": "ada", "x/y/ben/D.ipynb": "ben"},
    "groups": {"1/ada/D.ipynb": "1/ada", "1/ben/D.ipynb": "1/ben", "2/ada/D.ipynb": "2/ada"},
    "one": {"ada/D.ipynb": "ada"},
    "files": {
        "ada.ipynb": "ada",
        "Digit_recognizer-ben.ipynb": "ben",
        "cleo_Digit_recognizer.ipynb": "cleo",
        "Digit_recognizer (1).IPYNB": "(1)",
        "Digit_recognizer.ipynb": "Digit_recognizer",
        "ada.answers.json": "ada",
    },
    "nbgrader's exchange": {
        "ada+ps1+2026-11-27 10:00:00 UTC+ab/D.ipynb": "ada",
        "ada+ps1+2026-11-27 11:00:00 UTC+cd/D.ipynb": "ada",
        "ben+ps1+2026-11-27 10:00:00 UTC+ef/D.ipynb": "ben",
    },
    "nbgrader": {"ada/ps1/D.ipynb": "ada", "ben/ps1/D.ipynb": "ben"},
    "Moodle": {
        "Ada Lovelace_12_assignsubmission_file_/D.ipynb": "Ada Lovelace",
        "Ben_13_assignsubmission_file_D.ipynb": "Ben",
        "Ada Lovelace_14_assignsubmission_file_/D.ipynb": "Ada Lovelace (2)",
    },
    "both": {"ada/D.ipynb": "ada", "ben.ipynb": "ben"},
    "odd": {
        "a\x1b[31m\n/D.ipynb": "a [31m",
        "\u202e/D.ipynb": "?",
        "x" * 99 + "/D.ipynb": "x" * 60,
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_students_are_named_after_folders_or_files(layout):
    named = LAYOUTS[layout]
    found = name_students([Path(path) for path in named])
    assert {str(path): name for path, name in found.items()} == named


def test_what_a_teacher_made_with_nbgrader_is_no_students_work(tmp_path):
    for place in ("source/ps1", "release/ps1", "submitted/ada/ps1", "autograded/ada/ps1"):
        write_notebook(tmp_path / place / "Digit_recognizer.ipynb", {})
    write_notebook(tmp_path / "submitted" / "ben" / "ps1" / "Digit_recognizer.ipynb", {})
    assert set(collect(tmp_path)[0]) == {"ada", "ben"}


DAMAGED = {
    "empty.ipynb": (b"", "it is not JSON"),
    "cut.ipynb": (b'{"cells": [', "it is not JSON"),
    "deep.ipynb": (b"[" * 200_000, "it is nested too deeply"),
    "binary.ipynb": (b"\x89PNG\xff", "it is not text in UTF-8"),
    "list.ipynb": (b"[1]", "it is not a notebook"),
    "null.ipynb": (b"null", "it is not a notebook"),
    "cells.ipynb": (b'{"cells": 3}', "it is not a notebook"),
    "foreign.ipynb": (
        b'{"cells": [{"cell_type": "code", "source": ["import this"], "outputs": []}]}',
        "it has no exercise of this lesson",
    ),
    "odd.ipynb": (b'{"cells": [3, {"cell_type": "code", "source": 7}]}', "it has no exercise of"),
    "empty.answers.json": (b"", "it is not JSON"),
    "large.answers.json": (b" " * 1_000_001, "it is larger than 1 MB"),
    "old.answers.json": (b'{"version": 0, "exercises": {}}', "its version is 0, not 1"),
}


def test_damaged_and_foreign_files_are_listed_and_skipped(tmp_path):
    for name, (content, _) in DAMAGED.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "enormous.ipynb").open("wb") as file:
        file.truncate(60_000_000)
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "gone.ipynb").symlink_to(tmp_path / "nowhere")
    (tmp_path / "endless").symlink_to(tmp_path)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    shutil.copy(tmp_path / "empty.ipynb", tmp_path / ".ipynb_checkpoints" / "hidden.ipynb")
    (tmp_path / "notes.txt").write_text("no notebook")
    write_answers(tmp_path / "ada" / "ada.answers.json", {"recall": exercise()})
    students, skipped = collect(tmp_path)
    assert set(students) == {"ada"}
    expected = {name: reason for name, (_, reason) in DAMAGED.items()}
    expected |= {"enormous.ipynb": "it is larger than 50 MB"}
    expected |= dict.fromkeys(("pipe.ipynb", "gone.ipynb"), "it is not a regular file")
    assert skipped.keys() == expected.keys()
    for name, reason in expected.items():
        assert skipped[name].startswith(reason)


ODD = [
    {ANSWER_TYPE: 3},
    {ANSWER_TYPE: {"exercise": ["recall"], "state": "right"}},
    {ANSWER_TYPE: {"exercise": "recall", "state": "great"}},
    {ANSWER_TYPE: {"exercise": "recall", "state": ["right"]}},
    {ANSWER_TYPE: {"prediction": {}, "value": 3}},
    {ANSWER_TYPE: {"prediction": "x", "value": "3", "measured": True}},
    {ANSWER_TYPE: {"prediction": "x", "value": float("nan")}},
]


@pytest.mark.parametrize("data", [*ODD, 3, None, []], ids=str)
def test_odd_outputs_say_nothing(tmp_path, data):
    cell = {"cell_type": "code", "source": "check_answer()", "outputs": [3, {"data": data}]}
    (tmp_path / "ada.ipynb").write_text(json.dumps({"cells": [cell, {**cell, "outputs": 3}]}))
    students, skipped = collect(tmp_path)
    assert (students["ada"].exercises, students["ada"].predictions, skipped) == ({}, {}, {})


def test_only_files_that_have_changed_are_read_again(tmp_path, monkeypatch):
    for name in ("ada", "ben"):
        write_answers(tmp_path / name / "a.answers.json", {"recall": exercise("not yet")})
    collector = Collector(tmp_path)
    collector.collect()
    assert not collector.has_changed()
    write_answers(tmp_path / "ben" / "a.answers.json", {"recall": exercise("right", 20)})
    assert collector.has_changed()
    read = []
    monkeypatch.setattr(
        "digitlib.classroom.collect.read_file", lambda path: read.append(path.parent.name)
    )
    collector.collect()
    assert read == ["ben"]
    (tmp_path / "ada" / "a.answers.json").unlink()
    assert collector.has_changed()


def test_names_are_on_one_line():
    assert clean("a\nb\tc\u202e\x00") == "a b c"
    assert clean("\x1b") == "?"
