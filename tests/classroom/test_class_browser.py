"""The class report in a real browser, with names and answers that try to be run."""

import os
import random
from pathlib import Path

import pytest
from conftest import CHROMIUM, needs_chromium

from digitlib.classroom.collect import Skipped, Student
from digitlib.classroom.report import write_report
from digitlib.exercises.check import EXERCISES
from digitlib.exercises.progress import Prediction, Progress

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = [pytest.mark.browser, needs_chromium]

NASTY = [
    "<script>document.title = 'run'</script>",
    "<img src=x onerror=\"document.title = 'run'\">",
    '" onmouseover="document.title = \'run\'" x="',
    "</style></title><svg onload=\"document.title = 'run'\">",
    "{{ 7 * 7 }}",
    "javascript:document.title = 'run'",
]


@pytest.fixture
def open_page(tmp_path):
    """Opens the report of a class; afterwards, it must have asked and said nothing."""
    path, heard = tmp_path / "page.html", []
    with playwright.sync_playwright() as started:
        options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)

        def open_page(students, skipped=(), *, width=1200):
            path.write_text(write_report(students, skipped), "utf-8")
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.on("console", lambda message: heard.append(message.text))
            page.on("pageerror", lambda error: heard.append(str(error)))
            page.on("request", lambda request: heard.append(request.url))
            page.goto(path.as_uri())
            return page

        yield open_page
        browser.close()
    assert heard == [path.as_uri()]


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_of_a_student_is_run(open_page, width):
    students = []
    for text in NASTY:
        progress = Progress(predictions={text: Prediction(0.5, 0.25)})
        progress.add_answer("recall", False, text, text)
        students.append(Student(text, progress))
    page = open_page(students, [Skipped(text, text) for text in NASTY], width=width)
    for cell in page.locator(".heat tbody th, .heat tbody td").all()[:40]:
        cell.hover()
    assert page.title() == "What the class answered"
    assert page.locator("script, img, svg svg, [onerror], [onload], [onmouseover]").count() == 0
    assert page.locator(".heat tbody th").all_inner_texts() == NASTY
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def make_class():
    """An invented class in the middle of the lesson, with mistakes that the checks know."""
    draw = random.Random(4)
    for name in ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ines", "Jan", "Kim"):
        progress = Progress()
        for exercise, question in list(EXERCISES.items())[: draw.randint(9, 24)]:
            hints = [hint for _, hint in getattr(question, "mistakes", ())]
            hints += getattr(question, "reasons", {}).values()
            for attempt in range(draw.choice([0, 0, 0, 1, 1, 2, 3]) if hints else 0):
                met = min(int(draw.expovariate(0.9)), len(hints) - 1)
                progress.add_answer(exercise, False, str(attempt), hints[met])
            if draw.random() < 0.9:
                progress.add_answer(exercise, True, "", "")
        yield Student(name, progress)


def test_screenshot(open_page):
    """Keeps the README's picture where CI collects pictures, if it says so."""
    page = open_page(list(make_class()))
    picture = page.screenshot(clip={"x": 0, "y": 0, "width": 1200, "height": 1030}, full_page=True)
    assert page.locator(".heat tbody tr").count() == 11
    if folder := os.environ.get("TEST_ARTEFACTS"):
        Path(folder, "class.png").write_bytes(picture)
