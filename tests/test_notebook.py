"""The rules of the lesson, read from the stored notebook. That it runs is nbval's part."""

import ast
import builtins
import re
from itertools import pairwise

import keras
import nbformat
from conftest import CODE, EXERCISES, NOTEBOOK, ROOT

import digitlib
from digitlib import RECIPES
from digitlib.training.networks import build_model
from tools.store_lesson import (
    GUIDE,
    MEASURED,
    PICTURE,
    README,
    SPEEDRUN,
    lesson_picture,
    measured_tables,
    part,
    results_table,
    sections,
    speedrun_table,
    verdict,
)

LESSON = [f"{number}." for number in range(1, 10)]


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
    assert offenders(lambda cell: len(code_lines(cell)) <= 15) == []
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


def test_imports_and_seed_stand_in_the_first_code_cell():
    assert "SEED = " in CODE[0].source
    for cell in CODE[1:]:
        assert not re.search(r"^\s*(import|from) ", cell.source, re.M)


def test_prose_repeats_no_result():
    questions = {f"{cell.id}-text" for cell in EXERCISES}
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "markdown" and cell.id not in questions:
            # The level of the intervals and certainty itself are no results; help holds code.
            prose = cell.source.replace("95 % interval", "").replace("100 %", "")
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
    assert twice <= {"axes", "adam", "layer", "percent"}


def defined_names(cells):
    for cell in cells:
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.FunctionDef | ast.alias | ast.arg):
                yield getattr(node, "asname", None) or getattr(node, "name", None) or node.arg


def test_each_section_of_going_further_needs_the_first_six_only():
    code = {
        title: [cell for cell in cells if cell.cell_type == "code"]
        for title, cells in sections(NOTEBOOK).items()
    }
    assert [title.split(".")[0] for title in code] == [str(number) for number in range(1, 18)]
    first_six = [cell for cells in list(code.values())[:6] for cell in cells]
    for title, cells in list(code.items())[9:]:
        known = {*defined_names(first_six + cells), *dir(builtins)}
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
        # JupyterLab drops the description of image/png: show writes HTML.
        return "image/png" not in data and all(t and len(t[1].split()) >= 8 for t in texts)

    assert offenders(lambda cell: all(map(is_described, cell.outputs))) == []


def test_metadata_do_not_change_with_every_run():
    assert offenders(lambda cell: set(cell.metadata) <= {"tags", "slideshow"}) == []
    tags = {"nbval-check-output"}
    assert offenders(lambda cell: set(cell.metadata.get("tags", [])) <= tags) == []


def test_what_does_not_depend_on_training_is_compared():
    compared = {cell.id for cell in CODE if "nbval-check-output" in cell.metadata.get("tags", [])}
    assert {cell.id for cell in EXERCISES} <= compared
    assert compared - {cell.id for cell in EXERCISES} == {
        *("load", "type", "preprocess", "labels", "nearest", "keras-conv", "sizes", "steps"),
        *("cnn", "cnn-summary", "forward", "improvements", "accurate", "accurate-plan"),
        *("recipes", "chance", "pad", "number", "save", "ship", "summary"),
    }
    assert 2 * len(compared) >= len(CODE)


def test_every_exercise_has_a_question_a_hint_and_a_solution():
    assert len(EXERCISES) >= 15
    for cell in EXERCISES:
        place = NOTEBOOK.cells.index(cell)
        question, help_ = NOTEBOOK.cells[place - 1], NOTEBOOK.cells[place + 1]
        assert (question.id, help_.id) == (f"{cell.id}-text", f"{cell.id}-help")
        assert re.findall("<summary>(.*?)</summary>", help_.source) == ["Hint", "Solution"]
        assert cell.outputs[0].text.startswith("Not answered yet")


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
        if title.startswith(tuple(LESSON)):
            assert cells[0].metadata["slideshow"]["slide_type"] == "slide"
            assert kinds <= {"slide", "subslide", "-", "notes"}
        else:
            assert kinds == {"skip"}
    for before, cell in pairwise(NOTEBOOK.cells):
        if "<details>" in cell.source and cell.metadata["slideshow"]["slide_type"] != "skip":
            assert before.metadata["slideshow"]["slide_type"] == "-"
            assert cell.metadata["slideshow"]["slide_type"] == "notes", (
                "answers are for the speaker"
            )


def test_no_path_of_this_machine_and_no_large_output():
    text = (ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|tmp|work|Users)/", text)
    assert len(text) < 4_000_000
    assert "\\b" not in text, "a progress bar's steps are stored: see the README's section Tests"


def test_the_network_of_the_lesson_is_the_recipe_fast():
    source = next(cell.source for cell in CODE if cell.id == "cnn")
    names = {"keras": keras}
    exec(source, names)

    def layers(model):
        return [(type(layer), {**layer.get_config(), "name": ""}) for layer in model.layers]

    recipe = RECIPES["fast"]
    assert layers(names["build_cnn"]()) == layers(build_model(recipe))
    training = next(cell.source for cell in CODE if cell.id == "train")
    assert f"batch_size={recipe.batch_size}, epochs={2 * recipe.epochs}," in training
    assert f"beta_1={recipe.betas[0]}, beta_2={recipe.betas[1]})" in training
    schedule = next(cell.source for cell in CODE if cell.id == "schedule")
    assert f"warmup_target={recipe.learning_rate}," in schedule


def test_the_improved_network_of_the_lesson_is_the_recipe_accurate():
    sources = {cell.id: cell.source for cell in CODE}
    names = {"keras": keras}
    exec(sources["accurate"], names)

    def layers(model):
        own = [layer for layer in model.layers if not isinstance(layer, keras.layers.Dropout)]
        return [(type(layer), {**layer.get_config(), "name": ""}) for layer in own]

    recipe = RECIPES["accurate"]
    assert recipe.dropout == 0  # so that its dropout layer does nothing
    assert layers(names["build_accurate"]()) == layers(build_model(recipe))
    training = sources["accurate-plan"] + sources["train-accurate"]
    moved_epochs = recipe.epochs - recipe.plain_epochs
    for text in (
        f"build_augmentation({recipe.augmentation},",
        f"label_smoothing={recipe.label_smoothing})",
        f"beta_2={recipe.betas[1]}, weight_decay={recipe.weight_decay})",
        f"warmup_target={recipe.learning_rate},",
        f"all_steps = {recipe.epochs} * int(np.ceil(len(train_inputs) / {recipe.batch_size}))",
        f"batch_size={recipe.batch_size}, epochs={moved_epochs},",
        f"batch_size={recipe.batch_size}, initial_epoch={moved_epochs}, epochs={recipe.epochs},",
    ):
        assert text in training
    assert recipe.betas[0] == 0.9  # Keras's own


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
