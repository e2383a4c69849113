"""The repository's name on GitHub and the version stand in several files, the same in each."""

import re
import shutil
import subprocess
import tomllib

import pytest
from conftest import ROOT

from tools.set_repository import FILES, find_repository, set_repository


@pytest.fixture
def copy(tmp_path):
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def read_files(folder):
    return {file: (folder / file).read_text(encoding="utf-8") for file in FILES}


def test_the_name_is_replaced_everywhere_and_back(copy):
    before, present = read_files(copy), find_repository()
    set_repository("Ada-L/digits.2", copy)
    assert find_repository(copy) == "Ada-L/digits.2"
    after = read_files(copy)
    for file, text in after.items():
        assert before[file].count(present) == text.count("Ada-L/digits.2") > 0
        assert present not in text, file
    assert "github.com%2FAda-L%2Fdigits.2&" in after["docs/homes.md"]
    assert "tree%2Fdigits.2%2FDigit_recognizer.ipynb" in after["docs/homes.md"]
    set_repository(present, copy)
    assert read_files(copy) == before


@pytest.mark.parametrize("name", ["digits", "a/b/c", "https://github.com/a/b", "a b/c", "", "a/"])
def test_other_names_are_refused(copy, name):
    before = read_files(copy)
    with pytest.raises(ValueError, match="owner/name"):
        set_repository(name, copy)
    assert read_files(copy) == before


def test_no_file_is_forgotten():
    listed = ["git", "grep", "--name-only", "--fixed-strings", "-e", find_repository()]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True)
    if found.returncode > 1:
        pytest.skip("not a clone")
    assert set(found.stdout.split()) <= set(FILES)


def test_the_version_and_its_date_are_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(.*)\] - (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    cited = re.findall(
        r"^(?:version|date-released): (.*)$", (ROOT / "CITATION.cff").read_text(), re.M
    )
    assert list(newest.groups()) == cited
    assert cited[0] == version
