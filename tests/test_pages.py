"""What the pages around the code say is true."""

import re
import tomllib

import nbformat
from conftest import CODE, NOTEBOOK, ROOT


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


def test_translations_have_the_same_code():
    for path in ROOT.glob("Digit_recognizer.*.ipynb"):
        translation = nbformat.read(path, as_version=4)
        assert [cell.id for cell in translation.cells] == [cell.id for cell in NOTEBOOK.cells]
        code = [cell.source for cell in translation.cells if cell.cell_type == "code"]
        assert code == [cell.source for cell in CODE], path.name
