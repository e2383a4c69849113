"""Copies of the lesson: the students', the teacher's, and the source for nbgrader."""

import copy
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest
from conftest import EXERCISES, NOTEBOOK, ROOT

import digitlib
from digitlib.classroom.execution import execute_notebook
from digitlib.classroom.handout import find_solutions
from digitlib.exercises.check import EXERCISES as QUESTIONS, verify_answer

LESSON = ROOT / "Digit_recognizer.ipynb"
PICK = "start", "training-shape", "training-shape-help", "relu", "relu-help"
FLAGS = "--without-solutions", "--solutions", "--nbgrader"


def pick_cells(*names):
    """A notebook of some cells of the lesson."""
    found = {cell.id: cell for cell in NOTEBOOK.cells}
    cells = [copy.deepcopy(found[name]) for name in names]
    return nbformat.v4.new_notebook(metadata=copy.deepcopy(NOTEBOOK.metadata), cells=cells)


@pytest.fixture
def small(tmp_path):
    """A lesson of two exercises, in a folder of its own."""
    (tmp_path / "lesson").mkdir()
    path = tmp_path / "lesson" / "small.ipynb"
    nbformat.write(pick_cells(*PICK), path)
    return path


@pytest.fixture
def hand_out(run_digitlib, tmp_path):
    """Runs the command on the whole lesson or another, and reads what it has written."""

    def run(*flags, lesson=LESSON):
        done = run_digitlib("handout", "copy.ipynb", "--lesson", lesson, *flags, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "Saved as copy.ipynb\n"), done.stderr
        written = nbformat.read(tmp_path / "copy.ipynb", as_version=4)
        nbformat.validate(written)
        return written

    return run


def is_blank(cell):
    return cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)


def text_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells)


def test_every_exercise_has_one_solution():
    found = find_solutions(NOTEBOOK)
    assert list(found) == [cell.id for cell in EXERCISES]
    assert text_of(NOTEBOOK).count("<summary>Solution</summary>") == len(found)


def test_the_students_copy_is_the_lesson_without_outputs(hand_out):
    written = hand_out()
    assert [(cell.id, cell.source, cell.metadata) for cell in written.cells] == [
        (cell.id, cell.source, cell.metadata) for cell in NOTEBOOK.cells
    ]
    assert all(map(is_blank, written.cells))


def test_what_is_folded_goes(hand_out):
    written = hand_out("--without-solutions")
    names = [cell.id for cell in written.cells]
    gone = {cell.id for cell in NOTEBOOK.cells} - set(names)
    assert gone == {cell.id for cell in NOTEBOOK.cells if re.search("-(help|seen)$", cell.id)}
    assert all(map(is_blank, written.cells))
    assert all(cell.source for cell in written.cells)
    text = text_of(written)
    assert re.findall("<summary>(.*?)</summary>", text) == ["A short NumPy refresher"]
    assert "expand" not in text


def test_the_teachers_copy_is_solved_and_was_run(hand_out, small):
    beside = small.parent / "beside.txt"
    lesson = nbformat.read(small, as_version=4)
    extra = "import matplotlib.pyplot as plt\nprint(open('beside.txt').read())\nplt.plot([1, 2]);"
    lesson.cells.append(nbformat.v4.new_code_cell(extra, id="extra"))
    nbformat.write(lesson, small)
    beside.write_text("in the folder of the lesson")
    written = hand_out("--solutions", lesson=small)
    cells = {cell.id: cell for cell in written.cells}
    solutions = find_solutions(lesson)
    for name in ("training-shape", "relu"):
        assert cells[name].source == solutions[name]
        assert "Right. " in str(cells[name].outputs)
    assert "in the folder of the lesson" in cells["extra"].outputs[0].text
    assert "image/png" in cells["extra"].outputs[1].data, "a kernel draws into the notebook"
    assert "<summary>Solution</summary>" in text_of(written)
    code = [cell for cell in written.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert not any("execution" in cell.metadata for cell in written.cells), "no times"
    assert {path.name for path in small.parent.iterdir()} == {"small.ipynb", "beside.txt"}


def test_a_failed_cell_is_named_and_no_copy_is_written(run_digitlib, small, tmp_path):
    lesson = nbformat.read(small, as_version=4)
    lesson.cells[0].source = "print(undefined)"
    nbformat.write(lesson, small)
    arguments = "copy.ipynb", "--lesson", small, "--solutions"
    done = run_digitlib("handout", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    name = lesson.cells[0].id
    assert done.stderr.splitlines()[-1] == (
        f"digitlib: the cell {name} failed: NameError: name 'undefined' is not defined"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["lesson"]


def test_a_kernel_that_dies_is_an_error(small):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import os; os._exit(1)")])
    with pytest.raises(ValueError, match=f"the cell {notebook.cells[0].id} failed: Kernel died"):
        execute_notebook(notebook, small.parent)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_an_interrupted_run_ends_in_one_line_and_leaves_no_file(small, tmp_path):
    lesson = nbformat.read(small, as_version=4)
    waits = "import time\nopen('waits', 'w').close()\ntime.sleep(300)"
    lesson.cells.insert(0, nbformat.v4.new_code_cell(waits))
    nbformat.write(lesson, small)
    command = [sys.executable, "-m", "digitlib", "handout", "copy.ipynb"]
    options = ["--lesson", str(small), "--solutions"]
    running = subprocess.Popen(
        command + options, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (small.parent / "waits").exists():
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said) == (
        130,
        "digitlib: interrupted; no unfinished file is left.\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["lesson"]


def graded_cells(notebook):
    """Pairs of each exercise and its test."""
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    return list(zip(marked[::2], marked[1::2], strict=True))


def test_nbgrader_gets_a_test_after_each_exercise(hand_out):
    written = hand_out("--nbgrader")
    pairs = graded_cells(written)
    assert len(pairs) == len(QUESTIONS)
    names = [cell.metadata.nbgrader.grade_id for pair in pairs for cell in pair]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w-]+", name) for name in names)
    asked = []
    for exercise, test in pairs:
        assert written.cells[written.cells.index(exercise) + 1] is test
        first, second = exercise.metadata.nbgrader, test.metadata.nbgrader
        assert (first.solution, first.grade, first.locked) == (True, False, False)
        assert (second.solution, second.grade, second.locked) == (False, True, True)
        assert second.points == 1
        assert {one.schema_version for one in (first, second)} == {3}
        assert exercise.source.count("### BEGIN SOLUTION") == 1
        asked += re.findall(r'^verify_answer\("(.*?)"', test.source, re.M)
    assert sorted(asked) == sorted(QUESTIONS)
    assert all(map(is_blank, written.cells))


def test_nbgraders_students_see_hints_but_no_solution(hand_out):
    text = text_of(hand_out("--nbgrader"))
    released = re.sub("### BEGIN SOLUTION.*?### END SOLUTION", "", text, flags=re.S)
    assert "SOLUTION" not in released.replace("### ", "")
    assert "<summary>Solution</summary>" not in released
    assert released.count("<summary>Hint</summary>") == len(EXERCISES)
    assert "You can expand a hint below each exercise." in released
    for solution in find_solutions(NOTEBOOK).values():
        solved, is_exercise, _ = solution.partition("digitlib.check_answer")
        assert not is_exercise or solved.strip() in text


def test_the_source_is_right_and_what_students_get_is_not_answered(hand_out, small):
    """The cells for nbgrader, run here; tests/classroom/test_nbgrader.py runs nbgrader."""
    pairs = graded_cells(hand_out("--nbgrader", lesson=small))
    assert len(pairs) == 2
    for exercise, test in pairs:
        known = {"digitlib": digitlib, "np": np}
        exec(exercise.source, known)
        exec(test.source, known)
        blank = re.sub("### BEGIN SOLUTION.*?### END SOLUTION", "", exercise.source, flags=re.S)
        exec(blank, known)
        with pytest.raises(AssertionError, match="Not answered yet"):
            exec(test.source, known)


def test_verify_answer_fails_with_the_hint():
    assert verify_answer("first layer", 416) is None
    with pytest.raises(AssertionError, match="The biases are missing"):
        verify_answer("first layer", 400)
    for missing in (None, ...):
        with pytest.raises(AssertionError, match="Not answered yet"):
            verify_answer("first layer", missing)
    with pytest.raises(AssertionError, match="the function returns nothing"):
        verify_answer("ReLU", lambda values: None)
    with pytest.raises(ValueError, match="exercise must be one of"):
        verify_answer("first lair", 416)


def test_an_older_copy_is_replaced(hand_out, small, tmp_path):
    (tmp_path / "copy.ipynb").write_text("old")
    assert len(hand_out(lesson=small).cells) == len(PICK)
    assert not list(tmp_path.glob("*unfinished*"))


def test_tilde_is_the_home_folder(run_digitlib, small, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    done = run_digitlib("handout", "~/copy.ipynb", "--lesson", "~/lesson/small.ipynb")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "copy.ipynb").exists()


def refuse(run_digitlib, tmp_path, *arguments):
    """The one line that says why there is no copy."""
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    done = run_digitlib("handout", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    (line,) = done.stderr.splitlines()
    return line.removeprefix("digitlib: ")


@pytest.mark.parametrize("flags", [FLAGS[:2], FLAGS[1:], FLAGS[::2], FLAGS])
def test_options_that_exclude_one_another(run_digitlib, tmp_path, flags):
    said = refuse(run_digitlib, tmp_path, "copy.ipynb", "--lesson", LESSON, *flags)
    assert said == f"choose one of {', '.join(flags)}"


def test_bad_destinations(run_digitlib, small, tmp_path):
    def say(output):
        return refuse(run_digitlib, tmp_path, output, "--lesson", small, "--solutions")

    (tmp_path / "folder.ipynb").mkdir()
    assert say("copy.html") == "copy.html must end in .ipynb"
    assert say("folder.ipynb").startswith("folder.ipynb is a folder")
    assert say("missing/copy.ipynb").startswith("missing is not a folder")
    if hasattr(os, "link"):
        os.link(small, tmp_path / "same.ipynb")
        assert say("same.ipynb").startswith("same.ipynb is the lesson itself")
    assert say("lesson/small.ipynb").startswith("lesson/small.ipynb is the lesson itself")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a notebook"),
        (b"\xff\xfe", "is not a notebook"),
        (b"[]", "is not a notebook"),
        (b"{}", "is not a notebook"),
        (b'{"cells": 1, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "is not a notebook"),
        (b'{"cells": [], "metadata": {}, "nbformat": 9, "nbformat_minor": 5}', "is not a notebook"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "is not the lesson"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}', "is not the lesson"),
        (b'{"worksheets": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}', "is not the"),
        (b"[" * 100_000, "is not a notebook"),
    ],
)
def test_foreign_lessons(run_digitlib, tmp_path, content, reason):
    (tmp_path / "other.ipynb").write_bytes(content)
    said = refuse(run_digitlib, tmp_path, "copy.ipynb", "--lesson", "other.ipynb")
    assert said.startswith(f"other.ipynb {reason}")


@pytest.mark.parametrize(
    ("exercise", "reason"),
    [
        ("digitlib.check_answer('training shape', (1, 2))  # TODO", "is answered already: (1, 2)"),
        ("%time digitlib.check_answer('training shape', None)  # TODO", "is not the lesson's: "),
        ("shape = None  # TODO, check_answer", "is not the lesson's: "),
        ("digitlib.check_answer('training shape')  # TODO", "is not the lesson's: "),
        ("# TODO: check_answer", "is not the lesson's: "),
    ],
)
def test_a_changed_exercise_is_named(run_digitlib, small, tmp_path, exercise, reason):
    lesson = nbformat.read(small, as_version=4)
    lesson.cells[1].source = exercise
    nbformat.write(lesson, small)
    said = refuse(run_digitlib, tmp_path, "copy.ipynb", "--lesson", small, "--nbgrader")
    assert said.startswith(f"the exercise training-shape {reason}")


def test_a_missing_lesson(run_digitlib, tmp_path):
    expected = "Digit_recognizer.ipynb is not a file; name the lesson with --lesson FILE"
    assert refuse(run_digitlib, tmp_path, "copy.ipynb") == expected
    assert "is not a file" in refuse(run_digitlib, tmp_path, "a.ipynb", "--lesson", tmp_path)


def test_without_jupyter_the_error_says_what_to_install(run_digitlib, small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbformat", None)
    said = refuse(run_digitlib, tmp_path, "copy.ipynb", "--lesson", small)
    assert said.startswith("a handout needs Jupyter")
    assert said.endswith("pip install jupyter")
