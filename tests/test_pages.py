"""What the pages around the code say is true."""

import copy
import re
import tomllib

import nbformat
import numpy as np
from conftest import CODE, NOTEBOOK, ROOT

from digitlib.models.storage import read_record


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_examples_for_contributors_are_in_the_code():
    sources = [path.read_text(encoding="utf-8") for path in ROOT.glob("digitlib/**/*.py")]
    sources += [cell.source for cell in CODE]
    examples = re.findall(r"```python\n(.*?)\n```", read("CONTRIBUTING.md"), re.S)
    assert len(examples) == 4
    for example in examples:
        assert any(example in source for source in sources), example


def test_the_change_log_has_a_section_for_the_version():
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    headings = re.findall(r"^## \[(.*?)\] - (.*)", read("CHANGELOG.md"), re.M)
    assert all(re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", date) for _, date in headings)
    assert version in dict(headings) or headings[0][1] == "unreleased"


def is_translation(notebook):
    """Whether a notebook has the lesson's cells in their order, and its code."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    same_cells = [cell.id for cell in notebook.cells] == [cell.id for cell in NOTEBOOK.cells]
    return same_cells and code == [cell.source for cell in CODE]


def test_translations_have_the_same_code():
    for path in ROOT.glob("Digit_recognizer.*.ipynb"):
        assert is_translation(nbformat.read(path, as_version=4)), path.name
    example = copy.deepcopy(NOTEBOOK)
    example.cells[0].source = "# Reconnaître des chiffres"
    assert is_translation(example)
    next(cell for cell in example.cells if cell.cell_type == "code").source += "\nprint()"
    assert not is_translation(example)


def test_the_card_of_robust_repeats_what_was_measured():
    card, measured = read("digitlib/models/robust.md"), read("README.md")
    measured += read("benchmarks/README.md")
    accuracies = re.findall(r"[\d.]+%(?: ± [\d.]+%)?", card.split("Whole pages")[0])
    assert len(accuracies) == 5
    assert [accuracy for accuracy in accuracies if accuracy not in measured] == []
    kinds = r"^\| (\w+) \| {} \| ([\d|,.% of]+?)"
    wanted = re.findall(kinds.format("robust") + r" \| [\d.]+ \|$", measured, re.M)
    assert re.findall(kinds.format("[^|]*") + r" \|$", card, re.M) == wanted != []


def test_the_card_of_robust_agrees_with_its_record():
    card, record = read("digitlib/models/robust.md"), read_record("robust")
    versions, recipe = record["versions"], record["recipe"]
    assert f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}" in card
    assert f"seed {record['seed']}, {recipe['epochs']} epochs" in card


def test_the_card_of_mnist_counts_its_digits(mnist):
    card = read("digitlib/mnist/README.md")
    for name, split in [("training", mnist.train), ("test", mnist.test)]:
        counts = " | ".join(f"{count:,}" for count in np.bincount(split.labels))
        assert f"| {name} images | {counts} |" in card
