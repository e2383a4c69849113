"""nbgrader grades the lesson for three students; `docs/teaching.md` tells how to run this."""

import os
import re
import sys

import nbformat
import pytest
from conftest import NOTEBOOK, ROOT

from tools.store_lesson import sections

pytest.importorskip("nbgrader", reason="pip install '.[nbgrader]'")
pytestmark = pytest.mark.nbgrader
NAME = "Digit_recognizer.ipynb"
GUIDE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
QUICK = (0, 1, 2, 4, 5)  # sections 1, 2, 3, 5 and 6 train no network on many images
WRONG = {"pixel-type": "answer_pixel_type = 'a'", "relu": "relu = abs\nprint('Right.')"}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The quick sections."""
    parts = list(sections(NOTEBOOK).values())
    cells = [cell for number in QUICK for cell in parts[number]]
    path = tmp_path_factory.mktemp("lesson") / NAME
    nbformat.write(nbformat.v4.new_notebook(metadata=NOTEBOOK.metadata, cells=cells), path)
    return path


@pytest.fixture
def course(tmp_path, lesson, run_digitlib, run_python):
    """A course with the lesson released, and what runs nbgrader in it."""
    (config,) = re.findall(r"```python\n(c = get_config.*?)```", GUIDE, re.S)
    (tmp_path / "nbgrader_config.py").write_text(config)
    source = tmp_path / "source" / "digits" / NAME
    source.parent.mkdir(parents=True)
    assert run_digitlib("handout", source, "--lesson", lesson, "--nbgrader").returncode == 0

    # nbgrader starts alembic, which is beside Python.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}

    def run(*arguments):
        done = run_python("-m", "nbgrader", *arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stderr

    run("generate_assignment", "digits")
    return tmp_path, source, run


def hand_in(folder, student, released, answers):
    """Types answers into the cells of a released notebook, and hands it in."""
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    place = folder / "submitted" / student / "digits"
    place.mkdir(parents=True)
    nbformat.write(notebook, place / NAME)


def test_points_are_those_of_right_answers(course):
    from nbgrader.api import Gradebook

    folder, source, run = course
    released = folder / "release" / "digits" / NAME
    assert not re.search("SOLUTION|NotImplemented", released.read_text(encoding="utf-8"))
    exercises = {
        cell.id: cell.source
        for cell in nbformat.read(source, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    hand_in(folder, "all-right", released, exercises)
    hand_in(folder, "some-wrong", released, {**exercises, **WRONG})
    hand_in(folder, "untouched", released, {})
    run("autograde", "digits", "--create")
    expected = {
        "all-right": len(exercises),
        "some-wrong": len(exercises) - len(WRONG),
        "untouched": 0,
    }
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        assert book.find_assignment("digits").max_score == len(exercises) >= 10
        scores = {name: book.find_submission("digits", name).score for name in expected}
    assert scores == expected
    run("generate_feedback", "digits")
    (page,) = (folder / "feedback" / "some-wrong").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "float32 takes four bytes per pixel" in text, "our hint"
    assert "That is the absolute value" in text
    assert (
        "Not answered yet." in next((folder / "feedback" / "untouched").rglob("*.html")).read_text()
    )
