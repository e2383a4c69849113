"""The lesson executed in other ways: twice, with its solutions, damaged, as slides."""

import copy
import re

import nbformat
import pytest
from conftest import CODE, NOTEBOOK, ROOT
from nbclient import NotebookClient
from nbconvert import SlidesExporter
from store_lesson import sections

TIMES = re.compile(r"\d+m?s \d+m?s/step|\d+/\d+ [\u2501 -]+ ?|\d+s -|\d+m?s/step")


def execute(cells):
    """Runs cells in one kernel and returns them with their outputs."""
    numbered = [
        nbformat.v4.new_code_cell(cell.source, id=f"{number}-{cell.id}")
        for number, cell in enumerate(cells)
    ]
    notebook = nbformat.v4.new_notebook(metadata=NOTEBOOK.metadata, cells=numbered)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook.cells


def results(cell):
    """What a cell shows, apart from the time that it took."""
    shown = []
    for output in cell.outputs:
        data = output.get("data", {})
        shown.append(data.get("text/html") or data.get("text/plain") or output.get("text"))
    text = "".join(map(str, shown))
    return TIMES.sub("", re.sub(r".*\r|\x08|\x1b\[[\d;]*m", "", text))


def test_run_all_twice_gives_the_same_results():
    cells = execute(CODE + CODE)
    first, second = cells[: len(CODE)], cells[len(CODE) :]
    different = [a.id for a, b in zip(first, second, strict=True) if results(a) != results(b)]
    assert different == []


def solved(cell):
    """A TODO cell with its folded solution in place."""
    help_ = NOTEBOOK.cells[NOTEBOOK.cells.index(cell) + 1].source
    (solution,) = re.findall(r"```python\n(.*?)\n```", help_, re.S)
    return nbformat.v4.new_code_cell(solution, id=cell.id)


def test_every_solution_is_right_and_each_later_section_needs_the_first_six_only():
    # Sections 10 to 15 run backwards, before 7 to 9. The stored notebook ran them forwards: so
    # none needs another.
    code = [
        [cell for cell in cells if cell.cell_type == "code"]
        for cells in sections(NOTEBOOK).values()
    ]
    ordered = [cell for cells in code[:6] + code[:8:-1] + code[6:9] for cell in cells]
    cells = [solved(cell) if "TODO" in cell.source else cell for cell in ordered]
    summary = next(cell for cell in CODE if cell.id == "summary")
    *done, last = execute([*cells, summary])
    for before, cell in zip(ordered, done, strict=True):
        if "TODO" in before.source:
            said = cell.outputs[-1].text.splitlines()[-1]
            assert said.startswith(("Right. ", "Noted: ")), f"{cell.id}: {said}"
    count = sum("digitlib.check_" in cell.source for cell in CODE if "TODO" in cell.source)
    assert last.outputs[0].text.splitlines()[0] == (
        f"{count} exercises: {count} answered, {count} right, 0 open."
    )
    assert "right at first try" in last.outputs[1].data["text/plain"]


@pytest.fixture(scope="module")
def beginning():
    """Sections 1 to 3: quick, with shapes, numbers and exercises."""
    cells = [cell for part in list(sections(NOTEBOOK).values())[:3] for cell in part]
    return nbformat.v4.new_notebook(metadata=NOTEBOOK.metadata, cells=copy.deepcopy(cells))


@pytest.mark.parametrize(
    ("cell", "old", "new"),
    [
        ("load", "(55000, 28, 28)", "(55000, 28, 28)"),
        ("load", "(55000, 28, 28)", "(55000, 28, 27)"),
        ("labels", "2.1964", "2.1965"),
        ("one-hot", "Not answered yet.", "Right."),
    ],
)
def test_nbval_notices_a_changed_number_or_shape(run_python, tmp_path, beginning, cell, old, new):
    changed = copy.deepcopy(beginning)
    (output,) = next(c for c in changed.cells if c.id == cell).outputs
    assert old in output.text
    output.text = output.text.replace(old, new)
    nbformat.write(changed, tmp_path / "changed.ipynb")
    options = ["--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    done = run_python("-m", "pytest", "-q", *options, tmp_path / "changed.ipynb")
    if old == new:
        assert done.returncode == 0, done.stdout
    else:
        assert done.returncode == 1
        assert "1 failed" in done.stdout


def test_slides_show_the_lesson_and_keep_the_answers():
    page, _ = SlidesExporter().from_notebook_node(NOTEBOOK)
    assert page.count("<section>") >= 60
    titles = re.findall(r'<h2 id="[^"]*">(.*?)<a', page)
    assert [title.split(".")[0] for title in titles] == [str(number) for number in range(1, 10)]
    slides = re.sub(r"<aside class=.notes.*?</aside>", "", page, flags=re.S)
    assert "<summary>Solution</summary>" in page
    assert "<summary>Solution</summary>" not in slides
