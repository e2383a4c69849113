"""What several commands share: arguments, reports, figures, and a line for each picture."""

import glob
import json
import os
import sys
import traceback
from argparse import ArgumentTypeError, BooleanOptionalAction, Namespace
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import digitlib
from digitlib.data import Split
from digitlib.files import expand_home, replace_when_complete
from digitlib.training.networks import RECIPES
from digitlib.training.recipe import SEED, SETTINGS, Setting


def take_path(metavar: str, help: str) -> dict[str, Any]:
    """Describes an argument that is a path."""
    return {"type": expand_home, "metavar": metavar, "help": help}


def take_setting(setting: Setting, default: object = None) -> dict[str, Any]:
    """Describes the option for a setting: type, meaning and range come from its declaration."""
    notes = [setting.range, f"default: {default}"] if default is not None else [setting.range]
    help = f"{setting.meaning} ({'; '.join(notes)})".removesuffix(" ()").replace("%", "%%")
    details = {"default": default, "help": help}
    if setting.kind is bool:
        return {"action": BooleanOptionalAction, **details}
    if setting.choices:
        return {"choices": setting.choices, **details}
    return {"type": setting.kind, "metavar": "N" if setting.kind is int else "X", **details}


def to_files(word: str) -> list[str]:
    """Expands `*` and `?` in a file name, which Windows leaves to the programs."""
    word = os.path.expanduser(word)
    is_pattern = set("*?") & set(word) and not os.path.exists(word)
    return (sorted(glob.glob(word)) if is_pattern else []) or [word]


def to_models(word: str) -> list[str]:
    """Returns the models that a word names: files, or one that comes with digitlib."""
    from digitlib.models.storage import INCLUDED_MODELS

    models = [word] if word in INCLUDED_MODELS else to_files(word)
    for model in models:
        if model not in INCLUDED_MODELS and not os.path.isfile(model):
            raise ArgumentTypeError(f"not a file: {model}")
    return models


# Arguments, as `ArgumentParser.add_argument` takes them.
_MODEL = "a .keras or .h5 file, or robust, which comes with digitlib"
MODEL = {"type": to_models, "metavar": "MODEL", "help": _MODEL}
PICTURES = {"type": to_files, "metavar": "IMAGE", "nargs": "+", "help": "a drawing or photograph"}
JSON = {"action": "store_true", "help": "print JSON instead, an object in each line"}
DATA = take_path("DIR", "folder of IDX files (default: the MNIST that comes with digitlib)")
RECIPE = {"choices": RECIPES, "metavar": "RECIPE", "help": "one of the recipes below"}
RECIPE_LIST = "\n".join(
    ["recipes, each with its own settings:", *(f"  {n:18}{RECIPES[n].summary}" for n in RECIPES)]
)
RANDOM_SEED = take_setting(SEED, default=0)
OVERRIDES = {f"--{n.replace('_', '-')}": take_setting(SETTINGS[n]) for n in SETTINGS}


def get_overrides(options: Namespace) -> dict[str, Any]:
    """Returns the settings that the command line changes."""
    return {n: v for n, v in vars(options).items() if n in SETTINGS and v is not None}


def load_data(folder: Path | None) -> tuple[Split, Split]:
    """Loads training and test images; a data set without training images is an error."""
    train, test = digitlib.load_mnist(folder)
    if train is None:
        raise ValueError(f"{folder} holds test files only; training needs train-* files too.")
    return train, test


def load_one_model(models: list[str]) -> Any:
    """Starts Keras, and loads the only one of these models."""
    if len(models) > 1:
        raise ValueError(f"one model is needed; got {len(models)}: {', '.join(models)}")
    digitlib.start_keras()
    return digitlib.load_model(models[0])


def print_report(report: Any) -> None:
    """Prints the `Report` of a model."""
    low, high = report.interval
    print(f"\nTest accuracy {report.accuracy:.2%} (95% interval {low:.2%} to {high:.2%})")
    print(f"Test loss {report.loss:.4f}, {report.count:,} images")
    print("\nConfusion matrix: rows are true digits, columns predicted digits")
    print("   " + "".join(f"{digit:6}" for digit in range(len(report.confusion))))
    for digit, row in enumerate(report.confusion):
        print(f"{digit:3}" + "".join(f"{count:6}" for count in row))
    print(f"\n{report.per_digit}", end="")


def draw_figure(path: Path, plot: str, *args: Any, **kwargs: Any) -> None:
    """Writes a figure as a PNG: what the public function named `plot` draws of these arguments."""
    import matplotlib

    # The user's settings are meant for windows and notebooks, and may need a display or LaTeX.
    with matplotlib.rc_context(), replace_when_complete(path) as unfinished:
        matplotlib.rcdefaults()
        axes = getattr(digitlib, plot)(*args, **kwargs)
        unfinished.write_bytes(digitlib.show(axes, alt=path.stem).png)


def process_pictures(
    options: Namespace,
    process: Callable[[str], tuple[str, dict]],
    write_line: Callable[[str, str, dict], str] | None = None,
) -> int:
    """Prints the text or results of each picture in a line of its own; returns the exit code."""
    from tqdm import tqdm

    failed = 0
    # No bar where standard error is not a terminal.
    for path in tqdm(list(chain(*options.images)), unit="picture", disable=None):
        try:
            text, results = process(path)
        except Exception as error:
            failed, reason = 1, str(error)
            if not isinstance(error, OSError | ValueError):  # a fault of digitlib
                traceback.print_exc()
                reason = f"unexpected {type(error).__name__}: {error}"
            results = {"error": " ".join(reason.split())}
            text = f"error: {results['error']}"
        if write_line:
            line = write_line(path, text, results)
        else:
            line = json.dumps({"file": path, **results}) if options.json else f"{path}: {text}"
        # A file name may hold line breaks, or commands to the terminal.
        tqdm.write("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))
        sys.stdout.flush()
    return failed
