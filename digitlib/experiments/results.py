"""The results of a sweep: in memory and, if wanted, in a CSV that survives a kill."""

import csv
import io
import json
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from digitlib.files import expand_home, replace_when_complete, verify_file
from digitlib.training.recipe import OLD_NAMES, SETTINGS

COLUMNS = {
    **{"recipe": str, "seed": int, "overrides": str, "parameters": "Int64", "epochs": "Int64"},
    **{"validation_accuracy": float, "validation_loss": float},
    **{"test_accuracy": float, "test_loss": float, "wall_seconds": float, "cpu_seconds": float},
    **{"processor": str, "settings": str, "probe": float, "error": str},  # see fingerprint.py
}
KEY = ["recipe", "seed", "overrides"]
_HEADER = ",".join(COLUMNS)


def read_results(path: str | Path) -> pd.DataFrame:
    """Reads the results of a sweep.

    Args:
        path: a CSV that `sweep_recipes` wrote.

    Returns:
        A DataFrame as `sweep_recipes` returns it: the last row of each run, in the file's order.

    Example:
        >>> from digitlib import read_results
        >>> results = read_results("benchmarks/results.csv")
        >>> results.query("recipe == 'logistic'")["seed"].tolist()[:3]
        [0, 1, 2]
    """
    path = expand_home(path)
    header, _, lines = path.read_text(encoding="utf-8", errors="replace").partition("\n")
    if header != _HEADER:
        raise ValueError(
            f"{path} was written by another version of digitlib, or is not a table of results "
            f"(their first line is {_HEADER}); name another file."
        )
    try:
        # A sweep that was killed may have left an unfinished last line.
        return _build_frame(list(_parse(lines[: lines.rfind("\n") + 1])))
    except (csv.Error, LookupError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{path} has a line that is not a result: {error}") from error


def summarize_results(frame: pd.DataFrame) -> pd.DataFrame:
    """Summarises the seeds of each recipe and set of overrides in one row.

    Args:
        frame: what `sweep_recipes` or `read_results` returned.

    Returns:
        A DataFrame: recipe, overrides, runs (without failed ones), parameters, epochs, mean and
        standard deviation (n - 1) of test and validation accuracy, mean test loss, median CPU-s.

    Example:
        >>> from digitlib import read_results, summarize_results
        >>> summary = summarize_results(read_results("benchmarks/results.csv"))
        >>> summary.query("recipe == 'logistic'")["parameters"].tolist()
        [7850]
    """
    if not set(COLUMNS) <= set(getattr(frame, "columns", ())):
        raise ValueError(f"frame must have the columns {_HEADER}, as read_results returns it")
    done = frame[frame["error"] == ""]
    return done.groupby(["recipe", "overrides"], sort=False, as_index=False).agg(
        runs=("seed", "count"),
        parameters=("parameters", "first"),
        epochs=("epochs", "first"),
        test_mean=("test_accuracy", "mean"),
        test_deviation=("test_accuracy", "std"),
        test_loss=("test_loss", "mean"),
        validation_mean=("validation_accuracy", "mean"),
        validation_deviation=("validation_accuracy", "std"),
        cpu_seconds=("cpu_seconds", "median"),
    )


def write_overrides(changes: dict[str, Any]) -> str:
    """Returns overrides as JSON, the same for equal ones: today's names, sorted, and 1 as 1.0."""
    renamed = {OLD_NAMES.get(name, name): value for name, value in changes.items()}
    plain = {name: SETTINGS[name].kind(value) for name, value in renamed.items()}
    return json.dumps(plain, sort_keys=True)


class Results:
    """The rows so far, in memory and, if there is a path, in a CSV; an existing one is resumed.

    A file beside the CSV, with `.json` appended, records its origin, which must stay the same.
    """

    def __init__(self, path: str | Path | None, *, data: str = "MNIST"):
        self.path = None if path is None else verify_file(path, [".csv"])
        self.rows = []
        if self.path is None:
            return
        origin = {
            "data": data,
            "date": date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
        }
        sidecar = self.path.with_name(f"{self.path.name}.json")
        if self.path.exists() and self.path.stat().st_size:
            self.rows = read_results(self.path).to_dict("records")
            self._verify_origin(sidecar, origin)
            # Without what a sweep that was killed left of its last line.
            with replace_when_complete(self.path) as path:
                self.frame().to_csv(path, index=False, lineterminator="\n")
        else:
            sidecar.write_text(json.dumps(origin, indent=2) + "\n")
            self.path.write_text(f"{_HEADER}\n")

    def _verify_origin(self, sidecar, origin):
        try:
            written = dict(json.loads(sidecar.read_text()))
        except (FileNotFoundError, TypeError, ValueError):
            written = {}
        for name, now in origin.items():
            if name != "date" and written.get(name) != now:
                raise ValueError(
                    f"{self.path} was measured with {name} {written.get(name)}, this is {now}: "
                    "they cannot be compared in one file; name a new one."
                )

    def holds(self, run: dict, *, judged: bool = False) -> bool:
        """Returns whether a run, a dict of `KEY`, succeeded and, if `judged`, has a test result."""
        done = self.frame().query("error == ''")
        done = done.dropna(subset="test_accuracy") if judged else done
        return bool((done[KEY] == [run[name] for name in KEY]).all(axis=1).any())

    def append(self, row: dict) -> None:
        """Adds a row, a dict of some of `COLUMNS`, which is on disk when this returns."""
        self.rows.append(row)
        if self.path:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
                file.flush()
                os.fsync(file.fileno())

    def frame(self) -> pd.DataFrame:
        """Returns the last row of each run as a DataFrame of `COLUMNS`."""
        return _build_frame(self.rows)


def _parse(lines):
    for values in csv.reader(io.StringIO(lines), strict=True):
        row = dict(zip(COLUMNS, values, strict=True))
        empty = {name: None for name in row if COLUMNS[name] is not str and not row[name]}
        yield {**row, **empty, "overrides": write_overrides(dict(json.loads(row["overrides"])))}


def _build_frame(rows):
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    text = ["processor", "settings"]  # a failed run has none
    frame[text] = frame[text].astype(object).fillna("")
    frame = frame.astype(COLUMNS)
    return frame.drop_duplicates(KEY, keep="last", ignore_index=True)
