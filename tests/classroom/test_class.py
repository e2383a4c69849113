"""The command `class`."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT


@pytest.fixture
def folder(tmp_path):
    """Two students' files, and one that is no notebook."""
    for name, hint in [("ada", "The biases are missing."), ("=ben", "Other.")]:
        home = tmp_path / "class" / name
        home.mkdir(parents=True)
        one = {"state": "not yet", "attempts": 1, "first": "400", "hints": [hint]}
        write(home, {"first layer": one})
    (tmp_path / "class" / "cut.ipynb").write_text("{")
    return tmp_path


def write(home, exercises):
    kept = {"version": 1, "exercises": exercises, "predictions": {}}
    (home / "Digit_recognizer.answers.json").write_text(json.dumps(kept))


def test_it_writes_a_page_and_scores(run_digitlib, folder):
    done = run_digitlib("class", "class", "--csv", "scores.csv", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    said = "class-report.html: 2 students, 1 file skipped. Open it in a browser.\n"
    assert done.stdout == said
    page = (folder / "class-report.html").read_text("utf-8")
    assert "The biases are missing." in page
    assert "cut.ipynb: it is not JSON" in page
    assert 'http-equiv="refresh"' not in page
    rows = (folder / "scores.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[:3] for row in rows[1:]] == [["'=ben", "1", "1"], ["ada", "1", "1"]]
    assert len(list(folder.iterdir())) == 3


def test_no_character_stops_it(run_digitlib, folder):
    one = {"state": "not yet", "attempts": 1, "first": "\ud800", "hints": ["\ud800"]}
    write(folder / "class" / "ada", {"recall": one})
    os.rename(folder / "class" / "=ben", os.fsencode(folder / "class" / "b") + b"\xff")
    done = run_digitlib("class", "class", "--csv", "scores.csv", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 students" in done.stdout


def test_names_stay_hidden_everywhere(run_digitlib, folder):
    words = "class class --anonymous --output page.html --csv scores.csv"
    assert run_digitlib(*words.split(), cwd=folder).returncode == 0
    for name in ("page.html", "scores.csv"):
        text = (folder / name).read_text("utf-8")
        assert not {"ada", "ben", "cut.ipynb"} & set(text.replace(",", " ").split())
        assert "Student 1" in text


def test_an_empty_folder_is_a_class_without_students(run_digitlib, folder):
    (folder / "empty").mkdir()
    done = run_digitlib("class", "empty", cwd=folder)
    assert done.stdout.startswith("class-report.html: 0 students. ")


@pytest.mark.parametrize("words", ["class nowhere", "class class/cut.ipynb"])
def test_only_a_folder_is_a_class(run_digitlib, folder, words):
    done = run_digitlib(*words.split(), cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("digitlib: argument FOLDER: not a folder: ")


def test_a_watched_page_is_renewed(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "digitlib", "class", "class", "--watch"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "2 students" in process.stdout.readline()
        page = folder / "class-report.html"
        assert 'http-equiv="refresh" content="5"' in page.read_text("utf-8")
        (folder / "class" / "cleo").mkdir()
        write(folder / "class" / "cleo", {})
        assert "3 students" in process.stdout.readline()
        assert "cleo" in page.read_text("utf-8")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
