"""The class report in a real browser, with names and answers that try to be run."""

import pytest
from conftest import CHROMIUM, needs_chromium

from digitlib.classroom.collect import Skipped, Student
from digitlib.classroom.report import write_report
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


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_of_a_student_is_run(tmp_path, width):
    students = []
    for text in NASTY:
        progress = Progress(predictions={text: Prediction(0.5, 0.25)})
        progress.add_answer("recall", False, text, text)
        students.append(Student(text, progress))
    path = tmp_path / "page.html"
    path.write_text(write_report(students, [Skipped(text, text) for text in NASTY]), "utf-8")
    with playwright.sync_playwright() as started:
        options = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": width, "height": 800})
        heard = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url))
        page.goto(path.as_uri())
        for cell in page.locator(".heat tbody th, .heat tbody td").all()[:40]:
            cell.hover()
        assert page.title() == "What the class answered"
        assert heard == [path.as_uri()]
        assert page.locator("script, img, svg svg, [onerror], [onload], [onmouseover]").count() == 0
        assert page.locator(".heat tbody th").all_inner_texts() == NASTY
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
