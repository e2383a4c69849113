"""The page of the public names, written by the command in CONTRIBUTING.md."""

import re
import shlex

import pytest
from conftest import ROOT

import digitlib

pytest.importorskip("pdoc", reason="pip install '.[dev]'")


def test_the_page_lists_all_public_names_with_their_docstrings(run_python, tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    command = shlex.split(re.search(r"^\.venv/bin/python (-m pdoc .*)", text, re.M)[1])
    done = run_python(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "api" / "digitlib.html").read_text(encoding="utf-8")
    for name in digitlib.__all__:
        section = re.search(rf'<section id="{name}">.*?</section>', page, re.S)[0]
        assert 'class="docstring"' in section or name == "RECIPES"
    assert not re.search(r'(?:src|<link[^>]*href)="(?:https?:)?//', page)  # nothing is fetched
