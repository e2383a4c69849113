"""The rules of the lesson, read from the stored notebook. That it runs is nbval's part."""

import re

import keras
import nbformat
import pytest
from conftest import ROOT
from readme_parts import PICTURE, README, TABLE, lesson_picture, results_table, verdict

from digitlib import RECIPES, build_model

NOTEBOOK = nbformat.read(ROOT / "Digit_recognizer.ipynb", as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
each_code_cell = pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.id) for cell in CODE])


def code_lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def test_notebook_is_valid_and_was_run_from_top_to_bottom():
    nbformat.validate(NOTEBOOK)
    assert [cell.execution_count for cell in CODE] == list(range(1, len(CODE) + 1))


@each_code_cell
def test_every_code_cell_shows_something_and_no_complaint(cell):
    assert cell.outputs
    for output in cell.outputs:
        assert output.output_type != "error"
        assert output.get("name") != "stderr"


@each_code_cell
def test_code_cells_are_short_and_plain(cell):
    assert len(code_lines(cell)) <= 15
    assert not re.search(r"^\s*[!%]", cell.source, re.M)
    assert "filterwarnings" not in cell.source


@each_code_cell
def test_prose_stands_before_every_code_cell(cell):
    before = NOTEBOOK.cells[NOTEBOOK.cells.index(cell) - 1]
    assert before.cell_type == "markdown"
    assert len(re.sub(r"^#.*$", "", before.source, flags=re.M).split()) <= 80


def test_imports_and_seed_stand_in_the_first_code_cell():
    assert "SEED = " in CODE[0].source
    for cell in CODE[1:]:
        assert not re.search(r"^\s*(import|from) ", cell.source, re.M)


def test_prose_repeats_no_result():
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "markdown":
            # The level of the intervals and certainty itself are no results.
            prose = cell.source.replace("95 % interval", "").replace("100 %", "")
            assert not re.search(r"\d\s?%|0\.\d|\d seconds|\d minutes", prose), prose


@each_code_cell
def test_every_figure_has_alternative_text(cell):
    for output in cell.outputs:
        data = output.get("data", {})
        assert "image/png" not in data, "JupyterLab drops its description: use show_figure"
        for image in re.findall(r"<img[^>]*>", data.get("text/html", "")):
            assert len(re.search(r'alt="([^"]*)"', image)[1].split()) >= 8


@each_code_cell
def test_metadata_do_not_change_with_every_run(cell):
    assert set(cell.metadata) <= {"tags"}
    assert set(cell.metadata.get("tags", [])) <= {"nbval-check-output"}


def test_what_does_not_depend_on_training_is_compared():
    compared = {cell.id for cell in CODE if "nbval-check-output" in cell.metadata.get("tags", [])}
    assert compared == {*("load", "pixels", "preprocess", "labels", "cnn", "recipes", "chance")}


def test_no_path_of_this_machine_and_no_large_output():
    text = (ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|tmp|work|Users)/", text)
    assert len(text) < 4_000_000
    assert "\\b" not in text, "a progress bar's steps are stored: see the README's section Tests"


def test_the_network_of_the_lesson_is_the_recipe_fast():
    source = next(cell.source for cell in CODE if cell.id == "cnn")
    names = {"keras": keras}
    exec(source.replace("build_cnn().summary()", ""), names)

    def layers(model):
        return [(type(layer), {**layer.get_config(), "name": ""}) for layer in model.layers]

    recipe = RECIPES["fast"]
    assert layers(names["build_cnn"]()) == layers(build_model(recipe))
    training = next(cell.source for cell in CODE if cell.id == "train")
    assert f"batch_size={recipe.batch_size}, epochs={recipe.epochs}" in training
    assert f"learning_rate={recipe.learning_rate})" in training


def test_the_readme_shows_a_picture_of_the_lesson():
    assert PICTURE.read_bytes() == lesson_picture(), "run: python -m tests.readme_parts"
    assert f"]({PICTURE.relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_readme_shows_the_table_of_the_results():
    (table,) = TABLE.findall(README.read_text(encoding="utf-8"))
    assert table == results_table(), "run: python -m tests.readme_parts"


def test_a_reported_accuracy_counts_as_reached_within_chance_only():
    assert verdict(0.99, 0.001, 0.99) == "yes"
    # sqrt(0.0005**2 + 0.99 * 0.01 / 10000) = 0.0011; twice that is 0.0022.
    assert verdict(0.99, 0.0005, 0.9921) == "within chance"
    assert verdict(0.99, 0.0005, 0.9923) == "**no**"
