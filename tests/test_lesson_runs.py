"""The lesson executed in other ways: with its solutions, twice, damaged, as slides."""

import copy
import re
from collections import defaultdict

import nbformat
import pytest
from conftest import CODE, EXERCISES, NOTEBOOK, ROOT
from nbconvert import SlidesExporter
from nbval.plugin import IPyNbCell, IPyNbFile

from tools.store_lesson import sections

TIMES = re.compile(r"\d+m?s \d+m?s/step|\d+/\d+ [\u2501 -]+ ?|\d+s -|\d+m?s/step")
# All names, and what digitlib remembers of the answers.
FORGET = """
import sys
for name in [name for name in sys.modules if name.split(".")[0] == "digitlib"]:
    del sys.modules[name]
get_ipython().reset(new_session=False)
"""


def execute(file, cells):
    """Runs cells in the kernel of an nbval file; returns the outputs of each."""
    done = []
    for number, cell in enumerate(cells):
        run = IPyNbCell.from_parent(
            file, name=cell.id, cell_num=number, cell=cell, options=defaultdict(bool)
        )
        run.runtest()
        done.append(run.test_outputs)
    return done


def results(outputs):
    """What a cell shows, apart from the time that it took and from what was predicted."""
    shown = []
    for output in outputs:
        data = output.get("data", {})
        shown.append(data.get("text/html") or data.get("text/plain") or output.get("text"))
    text = "".join(map(str, shown))
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")]  # what overwrote the rest
    lines = [re.sub(r"(Measured: \S+) .*", r"\1", line) for line in lines]
    return TIMES.sub("", re.sub(r"\x08|\x1b\[[\d;]*m", "", "\n".join(lines)))


def solved(cell):
    """A TODO cell with its folded solution in place; any other cell as it is."""
    if "TODO" not in cell.source:
        return cell
    help_ = NOTEBOOK.cells[NOTEBOOK.cells.index(cell) + 1].source
    (solution,) = re.findall(r"```python\n(.*?)\n```", help_, re.S)
    return nbformat.v4.new_code_cell(solution, id=cell.id)


@pytest.fixture(scope="module")
def runs(request):
    """Two runs of all cells in one kernel, and the summary behind them: outputs by cell.

    The first is Run All, by nbval if it is among the tests. Before the second, the kernel forgets
    the first; it has the solutions in place, and its sections 10 to 17 run backwards, before 8 and
    9: whatever they need must be in 1 to 7. (They run forwards in the first, so none needs a later
    one either.)
    """
    cells = [item for item in request.session.items if isinstance(item, IPyNbCell)]
    if cells and all(hasattr(cell, "test_outputs") for cell in cells):
        file = cells[0].parent
        first = [cell.test_outputs for cell in cells]
    else:
        file = IPyNbFile.from_parent(request.session, path=ROOT / "Digit_recognizer.ipynb")
        file.setup()
        request.addfinalizer(lambda: file.kernel.stop())
        first = execute(file, CODE)
    code = [
        [cell for cell in cells if cell.cell_type == "code"]
        for cells in sections(NOTEBOOK).values()
    ]
    ordered = [cell for cells in code[:7] + code[:8:-1] + code[7:9] for cell in cells]
    forget = nbformat.v4.new_code_cell(FORGET, id="forget")
    summary = next(cell for cell in CODE if cell.id == "summary")
    _, *second, summed_up = execute(file, [forget, *map(solved, ordered), summary])
    return (
        {cell.id: outputs for cell, outputs in zip(CODE, first, strict=True)},
        {cell.id: outputs for cell, outputs in zip(ordered, second, strict=True)},
        summed_up,
    )


def test_every_solution_is_right(runs):
    _, second, summary = runs
    for exercise in EXERCISES:
        printed = [output.text for output in second[exercise.id] if "text" in output]
        said = printed[-1].splitlines()[-1]
        assert said.startswith(("Right. ", "Noted: ")), f"{exercise.id}: {said}"
    count = sum("digitlib.check_" in exercise.source for exercise in EXERCISES)
    assert summary[0].text.splitlines()[0] == (
        f"{count} exercises: {count} answered, {count} right, 0 open."
    )
    assert summary[1]["data"]["text/plain"].count("right at first try") == count


def test_another_run_in_the_same_kernel_gives_the_same_results(runs):
    first, second, _ = runs
    compared = {cell.id for cell in CODE} - {cell.id for cell in EXERCISES} - {"summary"}
    assert {name for name in compared if results(first[name]) != results(second[name])} == set()
    assert "% correct, 95 % interval" in results(first["test"])
    assert "<img alt" in results(first["confusion"])


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
            old, new = changes[cell.id]
            assert old in output.text
            output.text = output.text.replace(old, new)
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
