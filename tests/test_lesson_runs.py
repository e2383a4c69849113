"""The lesson executed in other ways: with its solutions, in another order, damaged, as slides."""

import copy
import re
from collections import defaultdict

import nbformat
import pytest
from conftest import EXERCISES, NOTEBOOK, RESULTS, ROOT, identify_run, show_results
from nbconvert import SlidesExporter
from nbval.plugin import IPyNbCell, IPyNbFile

from digitlib.classroom.handout import find_solutions
from tools.store_lesson import sections

SOLUTIONS = find_solutions(NOTEBOOK)

FORGET = """
from digitlib.exercises import progress
progress._memory, progress._seen = progress.Progress(), None
"""


def run_source(file, source):
    """Runs Python in the kernel of an nbval file, as nbval does; returns the outputs."""
    cell = nbformat.v4.new_code_cell(source)
    options = defaultdict(bool)
    item = IPyNbCell.from_parent(file, name=cell.id, cell_num=0, cell=cell, options=options)
    item.runtest()
    return item.test_outputs


def start_lesson(request):
    """Starts a kernel for the lesson, until the tests of this module have ended."""
    file = IPyNbFile.from_parent(request.session, path=ROOT / "Digit_recognizer.ipynb")
    file.setup()
    request.addfinalizer(file.kernel.stop)
    return file


@pytest.fixture(scope="module")
def lesson(request):
    """The lesson after Run All, by nbval if it is among the tests; and the outputs by cell."""
    items = [item for item in request.session.items if isinstance(item, IPyNbCell)]
    if not items or not all(hasattr(item, "test_outputs") for item in items):
        items = list(start_lesson(request).collect())
        for item in items:
            item.runtest()
    return items[0].parent, {item.cell.id: item.test_outputs for item in items}


def verify_solutions(outputs, summary):
    """Fails unless every exercise was answered, and every answer to a question is right."""
    for name, shown in outputs.items():
        said = [output.data["text/plain"] for output in shown if "data" in output][-1]
        assert said.startswith(("Right. ", "Noted: ")), f"{name}: {said}"
    count = sum("digitlib.check_" in exercise.source for exercise in EXERCISES)
    assert summary[0].text.splitlines()[0] == (
        f"{count} exercises: {count} answered, {count} right, 0 unanswered."
    )
    assert summary[1]["data"]["text/plain"].count("right first time") == count


def test_every_solution_is_right(lesson):
    file, _ = lesson
    run_source(file, FORGET)
    solved = {exercise.id: run_source(file, SOLUTIONS[exercise.id]) for exercise in EXERCISES}
    verify_solutions(solved, run_source(file, "digitlib.check_summary()"))


def test_what_a_run_shows_is_kept_for_another(lesson, request):
    """For tests/test_browser.py, which runs the lesson in JupyterLab and compares."""
    shown = {name: show_results(outputs) for name, outputs in lesson[1].items()}
    assert "% correct, 95% interval" in shown["test"]
    assert "<img alt" in shown["confusion"]
    request.config.cache.set(RESULTS, {"of": identify_run(), "shown": shown})


def test_the_solved_lesson_runs_in_another_order(request):
    """With the solutions in place, and sections 10 to 17 backwards, before 8 and 9.

    Whatever they need must be in 1 to 7. (Run All has them forwards, so none needs a later one
    either.) As in Run All, nbval compares the outputs that depend on nothing else.
    """
    if not request.config.getoption("--again"):
        pytest.skip("takes minutes: pytest --again")
    file = start_lesson(request)
    items = {item.cell.id: item for item in file.collect()}
    code = [
        [cell for cell in cells if cell.cell_type == "code"]
        for cells in sections(NOTEBOOK).values()
    ]
    solved = {}
    for cell in (cell for part in code[:7] + code[:8:-1] + code[7:9] for cell in part):
        if cell in EXERCISES:
            solved[cell.id] = run_source(file, SOLUTIONS[cell.id])
        elif cell.id != "summary":
            items[cell.id].runtest()
    verify_solutions(solved, run_source(file, "digitlib.check_summary()"))


def test_nbval_notices_a_changed_number_shape_and_word(run_python, tmp_path):
    """In sections 1 to 3: quick, with shapes, numbers and exercises."""
    changes = {
        "load": ("(55000, 28, 28)", "(55000, 28, 27)"),
        "labels": ("2.1964", "2.1965"),
        "one-hot": ("Not answered yet.", "Right."),
    }
    cells = [cell for part in list(sections(NOTEBOOK).values())[:3] for cell in part]
    changed = nbformat.v4.new_notebook(metadata=NOTEBOOK.metadata, cells=copy.deepcopy(cells))
    code = [cell for cell in changed.cells if cell.cell_type == "code"]
    for cell in code:
        if cell.id in changes:
            output = cell.outputs[0]
            part, key = (output.data, "text/plain") if "data" in output else (output, "text")
            old, new = changes[cell.id]
            assert old in part[key]
            part[key] = part[key].replace(old, new)
    nbformat.write(changed, tmp_path / "changed.ipynb")
    options = ["--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    done = run_python("-m", "pytest", "-q", *options, tmp_path / "changed.ipynb")
    assert done.returncode == 1
    noticed = {code[int(number)].id for number in re.findall(r"FAILED .*::Cell (\d+)", done.stdout)}
    assert noticed == set(changes), "these, and no cell that was left as it is"
    assert f"{len(code) - len(changes)} passed" in done.stdout


def test_slides_show_the_lesson_and_keep_the_answers():
    page, _ = SlidesExporter().from_notebook_node(NOTEBOOK)
    assert page.count("<section>") >= 60
    titles = re.findall(r'<h2 id="[^"]*">(.*?)<a', page)
    assert [title.split(".")[0] for title in titles] == [str(number) for number in range(1, 10)]
    slides = re.sub(r"<aside class=.notes.*?</aside>", "", page, flags=re.S)
    assert "<summary>Solution</summary>" in page
    assert "<summary>Solution</summary>" not in slides
