"""The package's structure, read from its source."""

import ast
import re
import tomllib

import pytest
from conftest import ROOT

import digitlib

MODULES = {path.stem: path for path in (ROOT / "digitlib").glob("*.py")}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}

# Data flows one way: a module may import only what stands to the left of it in the flow.
ALLOWED = {
    "__init__": set(),
    "__main__": {"digitlib"},
    "startup": set(),
    "idx": set(),
    "data": {"idx"},
    "images": {"data"},
    "recipes": {"data"},
    "training": {"images", "recipes"},
    "evaluation": {"data", "images"},
    "plots": set(),
    "storage": {"data"},
}


def imported_modules(tree):
    """The digitlib modules that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "digitlib":
                yield name.removeprefix("digitlib.")


def public_functions():
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield pytest.param(node, id=f"{name}.{node.name}")


@pytest.mark.parametrize("name", MODULES)
def test_imports_follow_the_flow_of_data(name):
    assert set(imported_modules(TREES[name])) <= ALLOWED[name]


@pytest.mark.parametrize("name", MODULES)
def test_no_assert_and_no_print_outside_the_command_line(name):
    for node in ast.walk(TREES[name]):
        assert not isinstance(node, ast.Assert)
        printing = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
        assert not printing or name == "__main__"


def test_public_names_are_exactly_those_that_modules_define():
    for name in digitlib.__all__:
        assert getattr(digitlib, name) is not None
        assert name in dir(digitlib)
    with pytest.raises(AttributeError, match="no attribute 'load_mnits'"):
        _ = digitlib.load_mnits


def test_every_public_function_is_used_by_the_notebook_or_the_command_line():
    users = (ROOT / "Digit_recognizer.ipynb").read_text() + MODULES["__main__"].read_text()
    library = "".join(path.read_text() for name, path in MODULES.items() if name != "__init__")
    for node in (parameter.values[0] for parameter in public_functions()):
        if node.name in digitlib.__all__:
            called_inside = len(re.findall(rf"\b{node.name}\(", library)) > 1
            assert f"digitlib.{node.name}" in users or called_inside, node.name


@pytest.mark.parametrize("function", list(public_functions()))
def test_docstrings_tell_arguments_and_returns(function):
    text = ast.get_docstring(function)
    arguments = [a.arg for a in function.args.args + function.args.kwonlyargs]
    short = text.count("\n") == 0  # one line that refers to a neighbour
    assert short or not arguments or "Args:" in text
    for argument in arguments:
        assert short or re.search(rf"^\s+{argument}: ", text, re.M), argument


def test_the_packages_needs_are_those_of_requirements_txt():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    requirements = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    assert set(project["dependencies"]) <= set(requirements)
    assert all(re.search(r"#\s*\w+", line) for line in lines if line.strip()), "a reason is missing"
    running = {"jupyter", "pytest", "nbval"}
    assert set(requirements) - set(project["dependencies"]) == running
