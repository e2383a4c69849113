import csv
import io
import random
import re
from collections import Counter

import pytest

from digitlib.classroom.advice import ADVICE
from digitlib.classroom.collect import Skipped, Student
from digitlib.classroom.report import generalise_hint, hide_names, write_report, write_scores
from digitlib.exercises.check import EXERCISES
from digitlib.exercises.progress import Prediction, Progress

NAMES = list(EXERCISES)
NASTY = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"


def make_class(count, seed=0):
    """A class with random answers, and what it should add up to, counted on the way."""
    draw, students = random.Random(seed), []
    states, hints = {name: Counter() for name in NAMES}, {name: Counter() for name in NAMES}
    for number in range(count):
        progress = Progress()
        for name in NAMES:
            met = draw.sample(["First.", "Second.", "Third."], draw.randint(0, 3))
            for attempt, hint in enumerate(met):
                progress.add_answer(name, False, str(attempt), hint)
            if solved := draw.random() < 0.5:
                progress.add_answer(name, True, "right", "Praise.")
            hints[name].update(met)
            wrong = "not yet" if met else "unanswered"
            right = "right" if met else "right first time"
            states[name][right if solved else wrong] += 1
        students.append(Student(f"student {number}", progress))
    return students, states, hints


def read_counts(page):
    """The numbers that the page shows, by exercise: of each state, and of each hint."""
    states, hints = {}, {}
    for article in re.findall("<article>(.*?)</article>", page, re.S):
        name = re.search(r"</small> (.*?)</h3>", article)[1]
        states[name] = {
            state: int(n) for state, n in re.findall(r'title="([\w ]+): (\d+)"', article)
        }
        shown = re.findall(r"<strong>(\d+)</strong> .*?<span>(.*?)</span></li>", article)
        hints[name] = {hint: int(count) for count, hint in shown}
    return states, hints


def test_the_page_counts_what_was_answered():
    students, states, hints = make_class(40)
    page = write_report(students, [])
    assert read_counts(page) == (states, hints)
    for article in re.findall(r'<ul class="hints">(.*?)</ul>', page, re.S):
        counts = [int(count) for count in re.findall(r"<strong>(\d+)", article)]
        assert counts == sorted(counts, reverse=True)
    cells = Counter(re.findall(r'<td class="s(\d)"', page))
    for place, state in enumerate(("unanswered", "not yet", "right", "right first time")):
        assert cells[str(place)] == sum(counts[state] for counts in states.values())


def test_the_scores_count_what_was_answered():
    students, states, _ = make_class(40)
    rows = list(csv.DictReader(io.StringIO(write_scores(students))))
    assert [row["student"] for row in rows] == [one.name for one in students]
    for name in NAMES:
        assert Counter(row[name] for row in rows) == states[name]
    for row in rows:
        kept = Counter(row[name] for name in NAMES)
        assert int(row["answered"]) == len(NAMES) - kept["unanswered"]
        for state in ("not yet", "right", "right first time"):
            assert int(row[state]) == kept[state]


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x")', "+1", "-1", "@x", "\t=1", 'a"b', "a,b", "../../etc"]
)
def test_a_spreadsheet_runs_no_name(name):
    (row,) = csv.DictReader(io.StringIO(write_scores([Student(name, Progress())])))
    assert row["student"] in (name, f"'{name}")
    assert not row["student"].startswith(("=", "+", "-", "@", "\t"))


def test_nothing_of_a_student_becomes_part_of_the_page():
    progress = Progress(predictions={NASTY: Prediction(0.5)})
    progress.add_answer("recall", False, NASTY, NASTY)
    page = write_report([Student(NASTY, progress)], [Skipped(NASTY, NASTY)])
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_a_class_without_answers_has_a_page():
    for students in ([], [Student("ada", Progress())]):
        page = write_report(students, [])
        assert f"{len(students)} student{'' if students else 's'}, 0 of 35 exercises" in page
        assert "misconceptions" not in page
        assert "Who needs help" not in page


def test_who_needs_help_has_most_attempts_first():
    tries = {"ada": ["1", "2"], "ben": ["1", "2", "3", "4"], "cleo": []}
    students = []
    for name, answers in tries.items():
        progress = Progress()
        for answer in answers:
            progress.add_answer("recall", False, answer, f"Hint {answer}.")
        students.append(Student(name, progress))
    table = re.search(r'<table class="stuck">(.*?)</table>', write_report(students, []), re.S)[1]
    assert re.findall(r'<th scope="row">(\w+)', table) == ["ben", "ada"]
    assert "Hint 4." in table


def test_predictions_are_drawn_beside_the_result():
    values = [0.1] * 3 + [0.9] * 5 + [1e300, None]
    students = [
        Student(str(place), Progress(predictions={"drop": Prediction(value, 0.5)}))
        for place, value in enumerate(values)
    ]
    page = write_report(students, [])
    assert "8 predictions of drop, from 0.1 to 0.9; measured: 0.5" in page
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"', page)]
    assert heights == [pytest.approx(3 / 5 * 78, abs=0.1), *[0] * 10, 78]
    assert 'x1="120.0"' in page
    alike = [Student("ada", Progress(predictions={"drop": Prediction(4)}))]
    assert "1 prediction of drop, from 3.5 to 4.5" in write_report(alike, [])


def test_names_can_be_hidden():
    students, _, _ = make_class(9)
    hidden, skipped = hide_names(students, [Skipped("ada/x.ipynb", "it is not JSON")])
    assert [one.name for one in hidden] == [f"Student {number}" for number in range(1, 10)]
    assert hidden == hide_names(students[::-1], [])[0]
    assert [one.progress for one in hidden] != [one.progress for one in students]
    page = write_report(hidden, skipped)
    assert "student 1" not in page
    assert "ada" not in page
    assert "it is not JSON" in page


@pytest.mark.parametrize(
    ("exercise", "hint", "general"),
    [
        ("first layer", "The biases are missing.", "The biases are missing."),
        (
            "one update",
            "The learning rate is 0.1, not 0.01.",
            "The learning rate is 0.1, not 0.01.",
        ),
        ("output shapes", "10 of 12 numbers are right.", "… of … numbers are right."),
        ("ReLU", "Your function raised NameError: name 'a' is", "Your function raised NameError"),
        ("softmax", "For [1, 2], -3.5 it returns (1, 2, 3). Each", "For … it returns …. Each"),
        ("small network", "Its accuracy is 97.15%. Try", "Its accuracy is …. Try"),
        (
            "pixel type",
            "int8 ends at 127, but pixels go up to 255.",
            "(c) int8 ends at 127, but pix",
        ),
    ],
)
def test_hints_are_counted_without_the_answer_in_them(exercise, hint, general):
    assert generalise_hint(exercise, hint).startswith(general)


def test_every_exercise_has_advice():
    assert list(ADVICE) == NAMES
    assert all(40 < len(text) < 240 for text in ADVICE.values())


def test_the_page_is_renewed_only_while_it_is_watched():
    assert 'http-equiv="refresh" content="5"' in write_report([], [], refresh=5)
    assert "refresh" not in write_report([], [])
