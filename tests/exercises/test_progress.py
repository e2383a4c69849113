import json
import re

import numpy as np
import pytest

from digitlib.exercises import progress
from digitlib.exercises.check import (
    check_answer,
    check_summary,
    record_prediction,
    reveal_prediction,
)
from digitlib.exercises.progress import ANSWER_TYPE, FILE


def restart():
    """What a new kernel knows before it reads the file."""
    progress._memory, progress._seen = progress.Progress(), None


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITLIB_PROGRESS")
    restart()
    yield tmp_path
    restart()


def states():
    table = check_summary().set_index("exercise")
    return dict(table.state[table.state != "unanswered"])


def test_answers_survive_a_restart(folder, capsys):
    for answer in (400, 400, 25, 416, 416, 400):
        check_answer("first layer", answer)
    check_answer("second layer", 4640)
    check_answer("pixel type", "a")
    check_answer("recall", None)
    before = check_summary().to_string()
    restart()
    assert states() == {
        "first layer": "right",
        "second layer": "right first time",
        "pixel type": "not yet",
    }
    assert check_summary().to_string() == before
    check_answer("second layer", 3)
    check_answer("pixel type", "b")
    restart()
    assert states()["second layer"] == "right first time"
    assert states()["pixel type"] == "right"
    assert [path.name for path in folder.iterdir()] == ["Digit_recognizer.answers.json"]
    kept = json.loads(FILE.read_text("utf-8"))["exercises"]["first layer"]
    assert kept["attempts"] == 3
    assert kept["first"] == "400"
    assert kept["hints"] == [
        "The biases are missing.",
        "That is one filter; the layer has several.",
    ]


def test_predictions_survive_a_restart(capsys):
    record_prediction("drop", 0.9, largest=1)
    reveal_prediction("drop", np.float32(0.5), spec=".1%")
    restart()
    record_prediction("drop", 0.5, largest=1)
    assert "your first prediction, 0.9, stays" in capsys.readouterr().out
    check_summary()
    assert 'Prediction "drop": 90.0%, measured 50.0%.' in capsys.readouterr().out


def test_results_seen_before_a_prediction_leave_no_file(folder, capsys):
    reveal_prediction("drop", 0.5)
    record_prediction("drop", 0.5, largest=1)
    check_answer("recall", None)
    assert "does not count" in capsys.readouterr().out
    assert list(folder.iterdir()) == []
    reveal_prediction("drop", float("nan"))
    check_answer("recall", 0.8)
    restart()
    record_prediction("drop", 0.5, largest=1)  # another day
    assert "Noted: 0.5" in capsys.readouterr().out


def test_a_result_that_is_no_number_spoils_nothing(capsys):
    record_prediction("drop", 0.9, largest=1)
    reveal_prediction("drop", float("nan"))
    assert "Measured: nan. You predicted 0.9." in capsys.readouterr().out
    restart()
    record_prediction("drop", 0.8, largest=1)
    assert "Noted: 0.8" in capsys.readouterr().out


def test_any_text_can_be_kept():
    check_answer("pixel type", "\ud800 \u202e \x00")
    restart()
    assert states() == {"pixel type": "not yet"}


def test_one_setting_turns_it_off(folder, monkeypatch):
    check_answer("recall", 0.8)
    for off in ("off", "OFF", "0"):
        monkeypatch.setenv("DIGITLIB_PROGRESS", off)
        restart()
        assert states() == {}
        check_answer("pixel type", "a")
        assert states() == {"pixel type": "not yet"}
    monkeypatch.delenv("DIGITLIB_PROGRESS")
    restart()
    assert states() == {"recall": "right first time"}


def test_two_kernels_share_the_file():
    check_answer("recall", 0.8)
    mine = progress._memory, progress._seen
    restart()
    check_answer("pixel type", "b")
    progress._memory, progress._seen = mine
    check_answer("first layer", 400)
    assert set(states()) == {"recall", "pixel type", "first layer"}


def entry(**changes):
    exercise = {"state": "not yet", "attempts": 1, "first": "3", "latest": "", "hints": ["Hm."]}
    return {"version": 1, "exercises": {"recall": {**exercise, **changes}}, "predictions": {}}


def prediction(**changes):
    one = {"value": 1.0, "measured": None, "spec": ".3g", **changes}
    return {"version": 1, "exercises": {}, "predictions": {"drop": one}}


DAMAGED = [
    *(b"", b"{", b"[]", b"null", b'"exercises"', b"\xff\xfe", b"[" * 100_000, b" " * 1_000_001),
    *({}, {"exercises": {}}, {**entry(), "version": 2}, {"version": 1, "exercises": []}),
    *(entry(state="great"), entry(state=[]), entry(attempts=-1), entry(attempts=True)),
    *(entry(attempts=1.5), entry(first=3), entry(first="x" * 301), entry(hints=None)),
    *(entry(hints=[3]), entry(hints=["x"] * 31), entry(more=1), {**entry(), "predictions": 3}),
    *(prediction(value="1"), prediction(value=float("nan")), prediction(value=float("inf"))),
    *(prediction(spec="999999999d"), prediction(spec="{"), prediction(spec=3)),
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: str(content)[:40])
def test_a_damaged_file_is_put_aside_with_a_message(folder, capsys, content):
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    FILE.write_bytes(content)
    check_answer("recall", 0.8)
    said = capsys.readouterr().out.splitlines()
    assert re.match(rf"{FILE} is damaged: it.*\. It has been renamed to \S+damaged\.json;", said[1])
    assert (folder / "Digit_recognizer.answers.damaged.json").read_bytes() == content
    restart()
    assert states() == {"recall": "right first time"}


def test_a_folder_that_cannot_be_written_to_is_no_error(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(progress, "FILE", tmp_path / "missing" / FILE)
    check_answer("recall", 0.8)
    assert states() == {"recall": "right first time"}
    monkeypatch.setattr(progress, "FILE", FILE)
    FILE.mkdir()  # in its place
    check_answer("pixel type", "b")
    assert set(states()) == {"recall", "pixel type"}


def test_an_old_file_that_cannot_be_written_to_replaces_nothing(monkeypatch):
    check_answer("recall", 0.8)

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(progress, "replace_when_complete", refuse)
    check_answer("pixel type", "b")
    assert set(states()) == {"recall", "pixel type"}


def test_the_output_of_a_cell_has_the_verdict_as_data(kernel):
    def run(source):
        shown = []
        kernel[1].execute_interactive(source, timeout=60, output_hook=shown.append)
        return [one["content"]["data"] for one in shown if one["msg_type"] == "display_data"]

    run("import os; os.environ['DIGITLIB_PROGRESS'] = 'off'")  # it runs in the checkout
    (imported,) = run("from digitlib.exercises.check import *; check_answer('first layer', None)")
    assert imported == {
        "text/plain": "Not answered yet.",
        ANSWER_TYPE: {"exercise": "first layer", "state": "unanswered"},
    }
    first = run("check_answer('first layer', 400)")
    assert first == run("check_answer('first layer', 400)")
    assert first == [
        {
            "text/plain": "Not yet. The biases are missing.",
            ANSWER_TYPE: {
                "exercise": "first layer",
                "state": "not yet",
                "answer": "400",
                "hint": "The biases are missing.",
            },
        }
    ]
    (right,) = run("check_answer('first layer', 416)")
    assert right["text/plain"].startswith("Right. ")
    assert right[ANSWER_TYPE]["state"] == "right"
    (noted,) = run("record_prediction('drop', 0.9, largest=1)")
    assert noted[ANSWER_TYPE] == {"prediction": "drop", "value": 0.9}
    (shown,) = run("reveal_prediction('drop', 0.5)")
    assert shown[ANSWER_TYPE] == {"prediction": "drop", "value": 0.9, "measured": 0.5}
