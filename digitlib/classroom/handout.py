"""Make copies of the lesson: for students, for teachers, and for nbgrader."""

import ast
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from digitlib.exercises.check import verify_answer

FOLDED = ("Hint", "Solution", "What you should see")
_OFFER = "You can expand a hint and a solution below each exercise. "  # says the lesson
_REGION = "{stub}\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION\n{check}"
_TEST = f"from {verify_answer.__module__} import {verify_answer.__name__}\n\n"


def read_lesson(path: Path) -> NotebookNode:
    """Reads the lesson, without outputs and execution counts.

    Args:
        path: a notebook.

    Returns:
        The notebook.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a notebook, or has no exercises with a folded solution.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except OSError:
        raise
    except Exception as error:  # of many kinds, and of the libraries that nbformat calls
        raise ValueError(f"{path} is not a notebook: {str(error)[:200]}") from error
    if notebook.nbformat_minor < 5 or not find_solutions(notebook):
        raise ValueError(f"{path} is not the lesson: it has no exercises with a folded solution.")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)
    return notebook


def find_solutions(notebook: NotebookNode) -> dict[str, str]:
    """Finds the exercises of the lesson.

    Args:
        notebook: the lesson.

    Returns:
        The folded solution of each exercise, by the id of its cell.
    """
    source = {cell.get("id"): cell.source for cell in notebook.cells}
    found: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and "TODO" in cell.source:
            solution = re.search(r"```python\n(.*?)\n```", source.get(f"{cell.id}-help", ""), re.S)
            found |= {cell.id: solution[1]} if solution else {}
    return found


def remove_folded(notebook: NotebookNode, titles: tuple[str, ...]) -> None:
    """Removes folded blocks, and the cells that hold nothing else.

    Args:
        notebook: the lesson, which is changed.
        titles: those of the blocks, some of `FOLDED`.
    """
    pattern = rf"<details><summary>(?:{'|'.join(titles)})</summary>.*?</details>\s*"
    offer = "" if "Hint" in titles else _OFFER.replace(" and a solution", "")
    kept = []
    for cell in notebook.cells:
        is_text = cell.cell_type == "markdown"
        rest = re.sub(pattern, "", cell.source, flags=re.S) if is_text else cell.source
        rest = rest if rest == cell.source else rest.strip()
        if rest or not cell.source:
            cell.source = rest.replace(_OFFER, offer)
            kept.append(cell)
    notebook.cells = kept


def fill_in_solutions(notebook: NotebookNode) -> None:
    """Replaces each exercise by its solution.

    Args:
        notebook: the lesson, which is changed.
    """
    for name, solution in find_solutions(notebook).items():
        next(cell for cell in notebook.cells if cell.id == name).source = solution


def add_grading(notebook: NotebookNode) -> None:
    """Turns the lesson into a source notebook for nbgrader.

    Args:
        notebook: the lesson, which is changed: its solutions move from the folded blocks into the
            exercises, each of which is followed by a test that is worth one point.

    Raises:
        ValueError: an exercise has another form than in the lesson, or an answer already.
    """
    solutions, cells = find_solutions(notebook), []
    remove_folded(notebook, ("Solution",))
    for cell in notebook.cells:
        cells.append(cell)
        # A prediction is no exercise: it is neither right nor wrong.
        if cell.get("id") in solutions and "check_answer" in cell.source:
            try:
                cell.source, check = _mark_solution(cell, solutions[cell.id])
            except (SyntaxError, AttributeError, IndexError) as error:
                raise ValueError(f"the exercise {cell.id} is not the lesson's: {error}") from error
            cell.metadata["nbgrader"] = _grade(cell.id, solution=True, grade=False, locked=False)
            name = f"{cell.id}-test"
            test = nbformat.v4.new_code_cell(_TEST + check, id=name)
            test.metadata["nbgrader"] = _grade(name, solution=False, grade=True, locked=True)
            test.metadata["nbgrader"]["points"] = 1
            cells.append(test)
    notebook.cells = cells


def _grade(name, **roles):
    return {"grade_id": name, "schema_version": 3, "task": False, **roles}


def _mark_solution(cell, solution):
    """Returns a source with the solution marked, and the test of the variable that it sets."""
    stub, check, answer, comment = _split_check(cell.source)
    variable = answer
    if not answer.isidentifier():
        raise ValueError(f"the exercise {cell.id} is answered already: {answer}")
    if answer == "None":
        variable = f"answer_{cell.id.replace('-', '_')}"
        stub, check = f"{variable} = None{comment}", check.replace(", None", f", {variable}")
    solution, _, solved, _ = _split_check(solution)
    solution += "" if solved == variable else f"{variable} = {solved}"
    parts = {"stub": stub.rstrip(), "solution": solution.rstrip(), "check": check}
    return _REGION.format(**parts), check.replace("digitlib.check_answer", verify_answer.__name__)


def _split_check(source):
    """Returns what stands before the last call, the call, its second argument, and the rest."""
    call = ast.parse(source).body[-1].value
    text = ast.get_source_segment(source, call)
    before, _, after = source.rpartition(text)
    return before, text, ast.get_source_segment(source, call.args[1]), after
