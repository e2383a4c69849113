"""The rules of the lesson, read from the stored notebook. That it runs is nbval's part."""

import ast
import builtins
import re
from itertools import pairwise
from statistics import median

import keras
import nbformat
import numpy as np
import pytest
from conftest import CODE, EXERCISES, NOTEBOOK, ROOT
from PIL import Image

import digitlib
from digitlib import RECIPES
from digitlib.training.networks import build_model
from tools.draw_form import draw_form
from tools.set_repository import find_repository
from tools.store_lesson import (
    FIRST_SITTING,
    GUIDE,
    LESSON,
    MEASURED,
    PICTURE,
    README,
    SPEEDRUN,
    lesson_picture,
    measured_tables,
    part,
    plan_table,
    reading_minutes,
    results_table,
    sections,
    speedrun_table,
    verdict,
)


def is_lesson(title):
    """Whether a section is one of the two sittings, and not of going further."""
    return int(title.split(".")[0]) <= LESSON


WIDGETS = "run this cell in JupyterLab"  # a widget, with a picture where none can run


def code_lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def offenders(keeps_the_rule):
    """The names of the code cells that break a rule."""
    return [cell.id for cell in CODE if not keeps_the_rule(cell)]


def test_notebook_is_valid_and_was_run_from_top_to_bottom():
    nbformat.validate(NOTEBOOK)
    assert [cell.execution_count for cell in CODE] == list(range(1, len(CODE) + 1))


def test_every_code_cell_shows_something_and_no_complaint():
    def is_clean(output):
        return output.output_type != "error" and output.get("name") != "stderr"

    assert offenders(lambda cell: cell.outputs and all(map(is_clean, cell.outputs))) == []


def test_code_cells_are_short_and_plain():
    assert offenders(lambda cell: len(code_lines(cell)) <= 12) == []
    assert median(len(code_lines(cell)) for cell in CODE) <= 5
    lesson = [
        cell for title, cells in sections(NOTEBOOK).items() if is_lesson(title) for cell in cells
    ]
    assert sum(cell.cell_type == "code" for cell in lesson) <= 60
    assert offenders(lambda cell: not re.search(r"^\s*[!%]", cell.source, re.M)) == []
    assert offenders(lambda cell: "filterwarnings" not in cell.source) == []


def test_prose_stands_before_every_code_cell():
    def is_introduced(cell):
        before = NOTEBOOK.cells[NOTEBOOK.cells.index(cell) - 1]
        words = re.sub(r"^#.*$", "", before.source, flags=re.M).split()
        # Help, which is folded, is no introduction.
        introduces = before.cell_type == "markdown" and "<details>" not in before.source
        return introduces and len(words) <= 80

    assert offenders(is_introduced) == []


def test_imports_and_seed_stand_in_the_first_code_cells():
    assert [cell.id for cell in CODE[:2]] == ["home", "start"]
    assert "SEED = " in CODE[1].source
    for cell in CODE[2:]:
        assert not re.search(r"^\s*(import|from) ", cell.source, re.M)


def test_the_first_cell_installs_a_missing_package(monkeypatch, tmp_path):
    missing, commands = {"digitlib"}, []

    def run(command):
        commands.append(command)
        (tmp_path / "copy/benchmarks").mkdir(parents=True, exist_ok=True)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in missing else name)
    monkeypatch.setattr("subprocess.check_call", run)
    exec(CODE[0].source, {})
    assert [command[-1] for command in commands] == ["copy", "./copy"]
    assert commands[0][-2] == f"https://github.com/{find_repository()}"
    assert (tmp_path / "benchmarks").is_dir()
    missing = {"tensorflow"}
    with pytest.raises(SystemExit, match="needs Python"):
        exec(CODE[0].source, {})
    assert len(commands) == 2


def test_prose_repeats_no_result():
    examples = {"risk", *(f"{cell.id}-text" for cell in EXERCISES)}
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "markdown" and cell.id not in examples:
            # The level of the intervals and certainty itself are no results; help holds code.
            prose = cell.source.replace("95% interval", "").replace("100%", "")
            prose = re.sub(r"```.*?```", "", prose, flags=re.S)
            assert not re.search(r"\d\s?%|0\.\d|\d seconds|\d minutes", prose), prose


def assigned_names(cell):
    """The variables that a cell sets for good, apart from those of its loops."""
    for node in ast.parse(cell.source).body:
        if isinstance(node, ast.Assign):
            yield from (n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name))


def test_no_array_is_rebound():
    # What may change from cell to cell is no data: the figure drawn, the optimiser used.
    names = [name for cell in CODE for name in set(assigned_names(cell))]
    twice = {name for name in names if names.count(name) > 1}
    assert twice <= {"axes", "adam", "sgd", "layer", "percent"}


def defined_names(cells):
    for cell in cells:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.FunctionDef | ast.ExceptHandler | ast.alias | ast.arg):
                yield getattr(node, "asname", None) or getattr(node, "name", None) or node.arg


def test_each_section_of_going_further_needs_the_first_seven_only():
    code = {
        title: [cell for cell in cells if cell.cell_type == "code"]
        for title, cells in sections(NOTEBOOK).items()
    }
    assert [title.split(".")[0] for title in code] == [str(number) for number in range(1, 18)]
    first_seven = [cell for cells in list(code.values())[:7] for cell in cells]
    for title, cells in list(code.items())[9:]:
        known = {*defined_names(first_seven + cells), *dir(builtins)}
        used = {
            node.id
            for cell in cells
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.Name)
        }
        assert used <= known, title


def test_every_figure_has_alternative_text():
    def is_described(output):
        data = output.get("data", {})
        images = re.findall(r"<img[^>]*>", data.get("text/html", ""))
        texts = [re.search(r'alt="([^"]*)"', image) for image in images]
        # JupyterLab drops the description of image/png, and PDF export ignores HTML: both.
        both = "image/png" in data or WIDGETS in data.get("text/plain", "")
        return both == bool(images) and all(t and len(t[1].split()) >= 8 for t in texts)

    assert offenders(lambda cell: all(map(is_described, cell.outputs))) == []


def test_metadata_do_not_change_with_every_run():
    assert offenders(lambda cell: set(cell.metadata) <= {"tags", "slideshow"}) == []
    tags = {"nbval-check-output"}
    assert offenders(lambda cell: set(cell.metadata.get("tags", [])) <= tags) == []


def test_what_does_not_depend_on_training_is_compared():
    compared = {cell.id for cell in CODE if "nbval-check-output" in cell.metadata.get("tags", [])}
    assert {cell.id for cell in EXERCISES} <= compared
    assert compared - {cell.id for cell in EXERCISES} == {
        *("load", "pixels", "samples", "preprocess", "labels", "nearest", "one-weight"),
        *("overshoot", "backprop", "window", "kernels", "channels", "stages", "equivariance"),
        *("cnn", "forward", "two-endings"),
        *("two-modes", "improvements", "frozen-features", "recipes", "chance", "yardstick"),
        *("pad", "number", "temperature", "save", "safe", "ship", "summary"),
    }
    assert 2 * len(compared) >= len(CODE)


def test_every_open_question_of_the_lesson_gets_its_answer():
    # Their outputs are the answers.
    told = {"nearest", "learned", "train", "forward"}
    unanswered = []
    for title, cells in sections(NOTEBOOK).items():
        for before, cell, after in zip(cells, cells[1:], [*cells[2:], None], strict=False):
            is_asked = cell.cell_type == "code" and "?" in before.source and cell not in EXERCISES
            seen = after is not None and after.id == f"{cell.id}-seen"
            if is_asked and is_lesson(title) and not seen and cell.id not in told:
                unanswered.append(cell.id)
    assert unanswered == []


def test_every_exercise_has_a_question_a_hint_and_a_solution():
    assert len(EXERCISES) >= 15
    for cell in EXERCISES:
        place = NOTEBOOK.cells.index(cell)
        question, help_ = NOTEBOOK.cells[place - 1], NOTEBOOK.cells[place + 1]
        assert (question.id, help_.id) == (f"{cell.id}-text", f"{cell.id}-help")
        assert re.findall("<summary>(.*?)</summary>", help_.source) == ["Hint", "Solution"]
        assert cell.outputs[0].data["text/plain"].startswith("Not answered yet")


def test_the_exercises_are_those_that_can_be_checked():
    source = "\n".join(cell.source for cell in EXERCISES)
    asked = re.findall(r'check_answer\("(.*?)"', source)
    table = digitlib.check_summary()
    assert sorted(asked) == sorted(table["exercise"])
    for title, cells in sections(NOTEBOOK).items():
        here = {name for c in cells for name in re.findall(r'check_answer\("(.*?)"', c.source)}
        rows = table[table["exercise"].isin(here)]
        assert (rows["section"] == int(title.split(".")[0])).all()


def test_slides_are_those_of_the_lesson():
    for title, cells in sections(NOTEBOOK).items():
        kinds = {cell.metadata["slideshow"]["slide_type"] for cell in cells}
        if is_lesson(title):
            assert cells[0].metadata["slideshow"]["slide_type"] in ("slide", "subslide")
            assert kinds <= {"slide", "subslide", "fragment", "-", "notes"}
            code = [cell for cell in cells if cell.cell_type == "code"]
            assert {cell.metadata["slideshow"]["slide_type"] for cell in code} == {"fragment"}
        else:
            assert kinds == {"skip"}
    for before, cell in pairwise(NOTEBOOK.cells):
        if "<details>" in cell.source and cell.metadata["slideshow"]["slide_type"] != "skip":
            follows_code = before.metadata["slideshow"]["slide_type"] == "fragment"
            answers = "notes" if follows_code else "subslide"  # for the speaker
            assert cell.metadata["slideshow"]["slide_type"] == answers


def test_no_path_of_this_machine_and_no_large_output():
    text = (ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|tmp|work|Users)/", text)
    assert len(text) < 4_000_000
    assert "\\b" not in text, "a progress bar's steps are stored: see the README's section Tests"


def test_the_network_of_the_lesson_is_the_recipe_fast():
    source = next(cell.source for cell in CODE if cell.id == "cnn")
    names = {"keras": keras}
    exec(source.split("keras.utils")[0], names)

    def layers(model):
        return [(type(layer), {**layer.get_config(), "name": ""}) for layer in model.layers]

    recipe = RECIPES["fast"]
    assert layers(names["build_cnn"]()) == layers(build_model(recipe))
    training = next(cell.source for cell in CODE if cell.id == "train")
    assert f'"batch_size": {recipe.batch_size}, "epochs": {2 * recipe.epochs},' in training


def test_the_schedule_and_smoothing_of_the_lesson_are_those_of_the_recipe_accurate():
    recipe = RECIPES["accurate"]
    steps = recipe.epochs * -(-55_000 // recipe.batch_size)
    source = next(cell.source for cell in CODE if cell.id == "smoothing")
    assert f"warmup_target={recipe.learning_rate}, warmup_steps={steps // 10})" in source
    assert f"CosineDecay(0.0, {steps - steps // 10}," in source
    assert f"+ {recipe.label_smoothing} / 10" in source


def test_each_sitting_takes_at_most_45_minutes():
    rows = re.findall(r"^\| (\d+\. .*?) \|.*\| (\d+) \| (\d+) \|$", part(GUIDE, "times"), re.M)
    minutes = {title: int(whole) for title, _, whole in rows}
    assert list(minutes) == list(sections(NOTEBOOK))
    (plan,) = [cell.source for cell in NOTEBOOK.cells if cell.id == "plan"]
    sums = [int(number) for number in re.findall(r"\*\*(\d+)\*\*", plan)]
    assert max(sums) <= 45
    for title, cells in sections(NOTEBOOK).items():
        assert minutes[title] >= round(reading_minutes(cells)), "run: python -m tools.store_lesson"
        assert not is_lesson(title) or f"| {title} | {minutes[title]} |" in plan
    first = list(minutes.values())[:FIRST_SITTING]
    assert abs(sum(first) - sums[0]) <= FIRST_SITTING  # each is rounded
    assert plan_table(dict.fromkeys(minutes, 1)).count("| 1 |") == LESSON


def test_the_readme_shows_a_picture_of_the_lesson():
    assert PICTURE.read_bytes() == lesson_picture(NOTEBOOK), "run: python -m tools.store_lesson"
    assert f"]({PICTURE.relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_readme_shows_the_table_of_the_results():
    assert part(README, "results") == results_table(), "run: python -m tools.store_lesson"


def test_the_page_of_the_benchmarks_shows_what_was_measured():
    for name, table in measured_tables().items():
        assert part(MEASURED, name) == table, "run: python -m tools.store_lesson"


def test_the_page_of_the_speedrun_shows_its_ledger():
    assert part(SPEEDRUN, "ledger") == speedrun_table(), "run: python -m tools.store_lesson"


def test_the_guide_lists_the_sections_and_cells_of_the_lesson():
    times, slowest = part(GUIDE, "times"), part(GUIDE, "slowest")
    titles = re.findall(r"^\| (\d+\. .*?) \|", times, re.M)
    assert titles == list(sections(NOTEBOOK)), "run: python -m tools.store_lesson"
    cells = re.findall(r"^\| `(.*?)`", slowest, re.M)
    assert len(cells) == 10
    assert set(cells) <= {cell.id for cell in CODE}


def test_a_reported_accuracy_counts_as_reached_within_chance_only():
    assert verdict(0.99, 0.001, 0.99) == "yes"
    # sqrt(0.0005**2 + 0.99 * 0.01 / 10000) = 0.0011; twice that is 0.0022.
    assert verdict(0.99, 0.0005, 0.9921) == "within chance"
    assert verdict(0.99, 0.0005, 0.9923) == "**no**"


def test_the_form_is_the_one_that_the_tool_draws():
    stored = Image.open(ROOT / "benchmarks/form.jpg")
    drawn = draw_form()
    assert stored.size == drawn.size
    assert np.abs(np.asarray(stored, float) - np.asarray(drawn)).mean() < 4  # of 255, by JPEG
