"""The table that sweeps fill: in memory and, if wanted, in a CSV that no kill can damage."""

import json
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd

COLUMNS = {
    "recipe": str,
    "seed": int,
    "overrides": str,
    "parameters": "Int64",
    "epochs": "Int64",
    "validation_accuracy": float,
    "validation_loss": float,
    "test_accuracy": float,
    "test_loss": float,
    "wall_seconds": float,
    "cpu_seconds": float,
    "error": str,
}
KEY = ["recipe", "seed", "overrides"]


def summarize_results(frame):
    """Gathers the seeds of each recipe and set of overrides into one row.

    Args:
        frame: what `sweep_recipes` or `read_results` returned.

    Returns:
        A DataFrame: recipe, overrides, runs (without failed ones), parameters, epochs, mean and
        standard deviation (n - 1) of test and validation accuracy, mean test loss and CPU seconds.
    """
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
        cpu_seconds=("cpu_seconds", "mean"),
    )


class Results:
    """The rows so far, in memory and, if there is a path, in a CSV.

    A sidecar, its name with `.json` appended, tells data, machine, versions and the day it was
    begun. One sweep at a time may write to a table.
    """

    def __init__(self, path, *, data="MNIST"):
        """Begins a table, or goes on with the one in `path`; None keeps it in memory.

        Args:
            path: the CSV, or None.
            data: a name of the data set, which has to be the same for all rows.

        Raises:
            OSError: the file cannot be read or written.
            ValueError: it was written by another version of digitlib, Keras, TensorFlow, ..., or
                with other data.
        """
        self.path = Path(path) if path else None
        if self.path and self.path.suffix != ".csv":
            raise ValueError(f"{self.path} must end in .csv")
        self.origin = {"data": data, **_environment()}
        self.rows = []
        if self.path and self.path.exists() and self.path.stat().st_size:
            self._resume()
        elif self.path:
            self._sidecar.write_text(json.dumps(self.origin, indent=2) + "\n")
            self.path.write_text(",".join(COLUMNS) + "\n")

    @property
    def _sidecar(self):
        return self.path.with_name(f"{self.path.name}.json")

    def _resume(self):
        text = self.path.read_text(encoding="utf-8")
        if text.splitlines()[:1] != [",".join(COLUMNS)]:
            raise ValueError(
                f"{self.path} was written by another version of digitlib; name a new file."
            )
        written = json.loads(self._sidecar.read_text()) if self._sidecar.exists() else {}
        for name, now in self.origin.items():
            if name != "date" and written.get(name) != now:
                raise ValueError(
                    f"{self.path} was measured with {name} {written.get(name)}, this is {now}: "
                    "they cannot be compared in one file; name a new one."
                )
        if not text.endswith("\n"):  # a sweep was killed while it wrote this line
            text = text[: text.rindex("\n") + 1]
            self.path.write_text(text, encoding="utf-8")
        self.rows = read_results(self.path).to_dict("records")

    def holds(self, run, *, judged=False):
        """Tells whether this recipe, seed and overrides have a row without an error.

        Args:
            run: a dict of `KEY`.
            judged: whether the row must have a test result.
        """
        return any(
            all(row[name] == run[name] for name in KEY)
            and row["error"] == ""
            and not (judged and pd.isna(row.get("test_accuracy")))
            for row in self.rows
        )

    def append(self, row):
        """Adds a row, a dict of some of `COLUMNS`, and has it on disk before it returns."""
        self.rows.append(row)
        if self.path:
            line = pd.DataFrame([row], columns=list(COLUMNS)).to_csv(index=False, header=False)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def frame(self):
        """Returns all rows as a DataFrame of `COLUMNS`."""
        return _keep_newest(pd.DataFrame(self.rows, columns=list(COLUMNS)).astype(COLUMNS))


def read_results(path):
    """Reads the results of a sweep.

    Args:
        path: a CSV that `sweep_recipes` has written.

    Returns:
        A DataFrame as `sweep_recipes` returns it, in the order of the file; of a run that was
        repeated after a failure, the last row.

    Raises:
        OSError: the file is missing or unreadable.
        ValueError: it is no such CSV.
    """
    frame = pd.read_csv(
        path,
        dtype=COLUMNS,
        keep_default_na=False,
        na_values={name: [""] for name, kind in COLUMNS.items() if kind is not str},
    )
    if list(frame.columns) != list(COLUMNS):
        raise ValueError(f"{path} is not a table of results: its columns are {list(frame.columns)}")
    return _keep_newest(frame)


def _keep_newest(frame):
    return frame.drop_duplicates(KEY, keep="last", ignore_index=True)


def _environment():
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }
