"""The lesson executed in other ways: with its solutions, twice, damaged, as slides."""

import copy
import re

import nbformat
import pytest
from conftest import CODE, EXERCISES, NOTEBOOK, ROOT
from nbclient import NotebookClient
from nbconvert import SlidesExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
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
    CoalesceStreamsPreprocessor().preprocess(notebook, {})  # a line may arrive in two pieces
    return notebook.cells


def results(cell):
    """What a cell shows, apart from the time that it took."""
    shown = []
    for output in cell.outputs:
        data = output.get("data", {})
        shown.append(data.get("text/html") or data.get("text/plain") or output.get("text"))
    text = "".join(map(str, shown))
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")]  # what overwrote the rest
    return TIMES.sub("", re.sub(r"\x08|\x1b\[[\d;]*m", "", "\n".join(lines)))


def solved(cell):
    """A TODO cell with its folded solution in place; any other cell as it is."""
    if "TODO" not in cell.source:
        return cell
    help_ = NOTEBOOK.cells[NOTEBOOK.cells.index(cell) + 1].source
    (solution,) = re.findall(r"```python\n(.*?)\n```", help_, re.S)
    return nbformat.v4.new_code_cell(solution, id=cell.id)


@pytest.fixture(scope="module")
def runs():
    """Two runs of all cells in one kernel, and a summary of the answers: dicts by cell.

    The first has the solutions in place, and its sections 10 to 17 run backwards, before 7 to 9:
    whatever they need must be in 1 to 6. (They ran forwards when the notebook was stored, so none
    needs a later one either.) The second is Run All.
    """
    code = [
        [cell for cell in cells if cell.cell_type == "code"]
        for cells in sections(NOTEBOOK).values()
    ]
    ordered = [cell for cells in code[:6] + code[:8:-1] + code[6:9] for cell in cells]
    summary = next(cell for cell in CODE if cell.id == "summary")
    done = execute([*map(solved, ordered), *CODE, summary])
    first, second = done[: len(CODE)], done[len(CODE) : -1]
    return (
        {cell.id: run for cell, run in zip(ordered, first, strict=True)},
        {cell.id: run for cell, run in zip(CODE, second, strict=True)},
        done[-1],
    )


def test_every_solution_is_right(runs):
    first, _, summary = runs
    for exercise in EXERCISES:
        said = first[exercise.id].outputs[-1].text.splitlines()[-1]
        assert said.startswith(("Right. ", "Noted: ")), f"{exercise.id}: {said}"
    count = sum("digitlib.check_" in exercise.source for exercise in EXERCISES)
    assert summary.outputs[0].text.splitlines()[0] == (
        f"{count} exercises: {count} answered, {count} right, 0 open."
    )
    states = summary.outputs[1].data["text/plain"]
    assert states.count("right at first try") == count


def test_another_run_in_the_same_kernel_gives_the_same_results(runs):
    first, second, _ = runs
    compared = {cell.id for cell in CODE} - {cell.id for cell in EXERCISES} - {"summary"}
    assert {name for name in compared if results(first[name]) != results(second[name])} == set()
    assert "% right, 95 % interval" in results(first["test"])
    assert "<img alt" in results(first["confusion"])


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
