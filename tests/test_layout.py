"""The package's structure, read from its source."""

import ast
import re
import tomllib

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

import digitlib

MODULES = {path.stem: path for path in (ROOT / "digitlib").glob("*.py")}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

# Needed around the package, not in it.
TOOLS = {"jupyter", "pytest", "pytest-xdist", "nbval", "hypothesis"}

# Data flows one way: a module may import only what stands to the left of it in the flow.
ALLOWED = {
    "__init__": {"startup"},
    "__main__": {"digitlib"},
    "startup": set(),
    "idx": set(),
    "files": set(),
    "data": {"idx"},
    "images": {"data"},
    "refusal": set(),
    "configs": {"refusal"},
    "hdf5": {"refusal"},
    "inspection": {"configs", "data", "hdf5", "refusal"},
    "pictures": set(),
    "handwriting": {"data", "pictures"},
    "recipes": {"data"},
    "augmentation": set(),
    "synthetic": {"data", "handwriting"},
    "checkpoints": {"files"},
    "training": {
        "augmentation",
        "checkpoints",
        "data",
        "evaluation",
        "images",
        "recipes",
        "synthetic",
    },
    "evaluation": {"data", "images"},
    "pieces": {"handwriting"},
    "reading": {"data", "evaluation", "handwriting", "pictures", "pieces"},
    "pad": {"evaluation", "figures", "handwriting", "reading"},
    "results": set(),
    "sweep": {"digitlib", "recipes", "results", "storage"},
    "tuning": {"recipes", "sweep"},
    "explain": set(),
    "faults": {"data", "images"},
    "judging": set(),
    "questions": {"faults", "images", "judging"},
    "exercises": {"judging", "questions"},
    "figures": set(),
    "curves": set(),
    "diagrams": set(),
    "explorer": {"diagrams", "explain", "figures"},
    "plots": set(),
    "storage": {"data", "files", "inspection", "refusal"},
    "exports": {"evaluation", "files", "images", "startup"},
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
        assert getattr(node, "level", 0) == 0, "import with the full name: digitlib.data"
        for name in names:
            if name.split(".")[0] == "digitlib":
                yield name.removeprefix("digitlib.")


def public_functions():
    for name, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield f"{name}.{node.name}", node


def test_imports_follow_the_flow_of_data():
    found = {name: set(imported_modules(tree)) - ALLOWED[name] for name, tree in TREES.items()}
    assert {name: against for name, against in found.items() if against} == {}


def test_no_assert_and_no_print_outside_command_line_and_checks():
    found = []
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            printing = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            if isinstance(node, ast.Assert) or (printing and name not in ("__main__", "exercises")):
                found.append(f"{name}, line {node.lineno}")
    assert found == []


def test_public_names_are_exactly_those_that_modules_define():
    defined = set()
    # These serve other modules: data, storage, training, reading, exercises.
    inner = {"checkpoints", "configs", "files", "hdf5", "idx", "inspection", "refusal"}
    inner |= {"pieces", "judging", "questions"}
    for name in set(TREES) - {"__init__", "__main__"} - inner:
        for node in TREES[name].body:
            if isinstance(node, ast.Assign):
                names = [n for target in node.targets for n in ast.walk(target)]
                defined |= {n.id for n in names if isinstance(n, ast.Name)}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
    between_modules = {"COLUMNS", "KEY", "Results", "FAULTS", "ONE_HOT_LOSS"}
    between_modules |= {
        "BOX",
        "Ink",
        "ask_for_fast_kernels",
        "batch_images",
        "check_ink",
        "cut_out",
        "digit_to_image",
        "find_ink",
        "hold_back_stderr",
        "show_widget",
        "resize",
    }
    public = {name for name in defined if not name.startswith("_")} - between_modules
    assert set(digitlib.__all__) == public
    assert all(getattr(digitlib, name) is not None for name in public)
    assert public <= set(dir(digitlib))
    assert not public & set(TREES), "a module would hide the function of its name"
    with pytest.raises(AttributeError, match="no attribute 'load_mnits'"):
        _ = digitlib.load_mnits


def test_every_public_function_is_used_by_the_notebook_or_the_command_line():
    notebook = (ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8")
    used = set(re.findall(r"digitlib\.(\w+)\(", notebook))
    used |= {n.attr for n in ast.walk(TREES["__main__"]) if isinstance(n, ast.Attribute)}
    for tree in TREES.values():
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        used |= {getattr(call, "id", None) or getattr(call, "attr", None) for call in calls}
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
