"""Write a copy of the lesson for a class.

By default, this is the students' copy, with no outputs, and with hints and
solutions folded below the exercises. It can also be the teacher's, or an
assignment that nbgrader grades.
"""

from argparse import Namespace
from pathlib import Path

from digitlib.commands import common
from digitlib.files import replace_when_complete, verify_file

_MODES = {
    "--without-solutions": "leave out hints, solutions and the notes on what you should see",
    "--solutions": "the teacher's copy: fill in every solution, and run all cells (takes minutes)",
    "--nbgrader": "a source notebook for nbgrader, with a test after each exercise",
}
ARGUMENTS = {
    "output": common.take_path("OUT.ipynb", "the copy"),
    "--lesson": common.take_path("FILE", "default: %(default)s in the current folder")
    | {"default": Path("Digit_recognizer.ipynb")},
    **{mode: {"action": "store_true", "help": help} for mode, help in _MODES.items()},
}


def run(options: Namespace) -> None:
    """Runs the command `handout`."""
    _verify_options(options)
    try:
        import nbformat

        from digitlib.classroom import handout
    except ModuleNotFoundError as error:
        raise ValueError(f"a handout needs Jupyter ({error}): pip install jupyter") from None
    lesson = handout.read_lesson(options.lesson)
    if options.without_solutions:
        handout.remove_folded(lesson, handout.FOLDED)
    elif options.nbgrader:
        handout.add_grading(lesson)
    elif options.solutions:
        handout.fill_in_solutions(lesson)
        _execute(lesson, options.lesson.parent)
    nbformat.validate(lesson)
    with replace_when_complete(options.output) as file:
        nbformat.write(lesson, file)
    print(f"Saved as {options.output}")


def _verify_options(options):
    chosen = [mode for mode in _MODES if getattr(options, mode[2:].replace("-", "_"))]
    if len(chosen) > 1:
        raise ValueError(f"choose one of {', '.join(chosen)}")
    output, lesson = verify_file(options.output, [".ipynb"]), options.lesson
    if not lesson.is_file():
        raise FileNotFoundError(f"{lesson} is not a file; name the lesson with --lesson FILE")
    if output.exists() and output.samefile(lesson):
        raise ValueError(f"{output} is the lesson itself; choose another name for the copy")


def _execute(lesson, folder):
    from tqdm import tqdm

    from digitlib.classroom.execution import execute_notebook

    # No bar where standard error is not a terminal.
    with tqdm(total=len(lesson.cells), unit="cell", disable=None) as bar:
        execute_notebook(lesson, folder, track=bar.update)
