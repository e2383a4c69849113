"""The package's structure, read from its source."""

import ast
import json
import re
import tomllib
from graphlib import TopologicalSorter

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

import digitlib

PACKAGE = ROOT / "digitlib"
TREES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
    for path in PACKAGE.rglob("*.py")
}
NOTEBOOK = json.loads((ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Needed around the package, not in it.
TOOLS = {"jupyter", "pytest", "pytest-xdist", "nbval", "hypothesis"}

# Data flows one way: a subpackage imports from itself, from the root and from those named here.
SUBPACKAGES = {
    "root": {"mnist"},
    "mnist": set(),
    "figures": set(),
    "handwriting": {"figures"},
    "training": {"handwriting"},
    "models": {"figures", "handwriting", "training"},
    "exercises": {"training"},
    "experiments": {"training", "models"},
    "classroom": {"exercises"},
    "commands": {"figures", "handwriting", "training", "models", "experiments", "classroom"},
}


# They go through a description or a file, case by case.
LONG_FUNCTIONS = {"models.guard._check_hdf5", "models.guard._tidy", "models.guard._take_images"}


def subpackage(module):
    if module == "__main__":
        return "commands"
    return module.split(".")[0] if "." in module else "root"


def imported_modules(tree):
    """The digitlib modules that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "import with the full name: digitlib.data"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in (name.removeprefix("digitlib.") for name in names):
            if name in TREES:
                yield name


def public_functions():
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield f"{name}.{node.name}", node


def test_imports_follow_the_flow_of_data():
    against = {}
    for name, tree in TREES.items():
        home = subpackage(name)
        allowed = {home, "root", *SUBPACKAGES.get(home, ())}
        found = {module for module in imported_modules(tree) if subpackage(module) not in allowed}
        against |= {name: found} if found else {}
    assert against == {}
    assert {subpackage(name) for name in TREES} == set(SUBPACKAGES)


def test_no_module_imports_itself_through_others():
    graph = {name: set(imported_modules(tree)) - {name} for name, tree in TREES.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert len(order) == len(TREES)


def test_no_assert_and_no_print_outside_commands_and_checks():
    found = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            printing = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            speaks = subpackage(name) == "commands" or name.startswith("exercises.")
            if isinstance(node, ast.Assert) or (printing and not speaks):
                found.append(f"{name}, line {node.lineno}")
    assert found == []


def names_used():
    """The names that the notebook and README take from digitlib itself."""
    code = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    code += re.findall(r"```python\n(.*?)```", README, re.S)
    for tree in map(ast.parse, code):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "digitlib":
                yield node.attr
            if isinstance(node, ast.ImportFrom) and node.module == "digitlib":
                yield from (alias.name for alias in node.names)


def test_the_package_and_its_functions_are_short():
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py"))
    assert lines <= 10_750
    long = {}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if length > 25:
                    long[f"{module}.{node.name}"] = length
    assert set(long) <= LONG_FUNCTIONS, long


def test_public_names_are_those_that_notebook_and_readme_use():
    assert set(digitlib.__all__) == set(names_used())
    assert set(digitlib.__all__) <= set(dir(digitlib))
    assert all(getattr(digitlib, name) is not None for name in digitlib.__all__)
    assert not set(digitlib.__all__) & {name.split(".")[0] for name in TREES}, "hides a module"
    with pytest.raises(AttributeError, match="load_mnits"):
        _ = digitlib.load_mnits


def test_every_public_function_is_used():
    used = set(names_used())
    for tree in TREES.values():
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)]
        used |= {getattr(node, "id", None) or getattr(node, "attr", None) for node in names}
    assert {function.name for _, function in public_functions()} <= used


def test_docstrings_tell_arguments_and_returns():
    missing = []
    for name, function in public_functions():
        text = ast.get_docstring(function)
        if "\n" not in text:
            continue  # one line that refers to a neighbour
        arguments = [a.arg for a in function.args.args + function.args.kwonlyargs]
        returns = any(isinstance(n, ast.Return) and n.value for n in ast.walk(function))
        wanted = ["Args:"] * bool(arguments) + ["Returns:"] * returns
        missing += [f"{name}: {heading}" for heading in wanted if heading not in text]
        missing += [
            f"{name}: {argument}"
            for argument in arguments
            if not re.search(rf"^\s+{argument}: ", text, re.M)
        ]
    assert missing == []


def test_paths_that_the_pages_name_exist():
    pages = [ROOT / "Digit_recognizer.ipynb", *PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.md")]
    for folder in (".", "docs", "benchmarks"):
        pages += ROOT.glob(f"{folder}/*.md")
    pattern = r"`((?:digitlib|tests|docs|benchmarks|tools)/[\w./-]+)`"
    named = {name for page in pages for name in re.findall(pattern, page.read_text("utf-8"))}
    assert {name for name in named if not (ROOT / name).exists()} == {"benchmarks/entries/"}


def test_public_functions_are_typed():
    missing = []
    for name, function in public_functions():
        arguments = function.args.args + function.args.kwonlyargs
        if function.returns is None or not all(a.annotation for a in arguments):
            missing.append(name)
    assert missing == []


def test_the_packages_needs_are_those_of_requirements_txt():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    form = r"([\w\[\]-]+)(>=[\w.]+(?:,<[\w.]+)?) +# \S.* \(([\w. -]+)\)"
    parts = [re.fullmatch(form, line) for line in lines]
    assert all(parts), "name, bounds, reason and licence of each"
    requirements = {part[1] + part[2] for part in parts}
    cluster = project["optional-dependencies"]["cluster"]
    tools = {part[1] + part[2] for part in parts if part[1] in TOOLS}
    assert requirements == {*project["dependencies"], *cluster, *tools}


def test_the_lock_pins_what_requirements_txt_bounds():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.M))
    assert lock.count("==") <= lock.count("--hash=sha256:")
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]:
        needed = Requirement(line.split("#")[0])
        assert needed.specifier.contains(pinned[needed.name]), needed.name


def test_the_lowest_versions_are_those_of_requirements_txt():
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lowest = re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\w.]+)", requirements, re.M)
    constraints = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert constraints == [f"{name}=={version}" for name, version in lowest]
