"""Save the state of a training run after each epoch: an interruption costs at most one epoch."""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from digitlib.files import remove_unfinished, replace_when_complete
from digitlib.training.recipe import OLD_NAMES

_FILE = "training.npz"


class Checkpoint:
    """The state of one training run: its variables, the completed epochs and their history.

    One file holds all of it and is replaced as a whole, so it is complete at any moment.
    """

    def __init__(self, folder: str | Path, identity: dict) -> None:
        """Creates the folder if necessary; raises OSError if it can't be written to.

        Args:
            folder: the folder of the checkpoint.
            identity: recipe, seed, data and versions, which identify a training run: for JSON.
        """
        self.path = Path(folder) / _FILE
        self.identity = json.loads(json.dumps(identity))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.path)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise _explain(error, f"checkpoints can't be written to {folder}") from error

    def save(self, variables: Iterable, progress: dict) -> None:
        """Replaces the checkpoint; after an OSError, the previous one remains.

        Args:
            variables: Keras variables, always in the same order.
            progress: the completed epochs and their history, for JSON.
        """
        note = json.dumps({"identity": self.identity, "progress": progress})
        arrays: dict[str, Any] = {
            f"{number:05}": np.asarray(v) for number, v in enumerate(variables)
        }
        try:
            with replace_when_complete(self.path) as unfinished:
                np.savez(unfinished, note=np.array(note), **arrays)
        except OSError as error:
            what = f"the checkpoint {self.path} can't be replaced; the previous one is complete"
            raise _explain(error, what) from error

    def load(self, variables: list) -> dict | None:
        """Restores the variables; returns the saved progress, or None if there is none yet.

        Args:
            variables: as for `save`.

        Raises:
            OSError: the file can't be read.
            ValueError: the file is damaged, or belongs to another training run.
        """
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as saved:
                note = json.loads(str(saved["note"]))
                arrays = [saved[name] for name in sorted(set(saved.files) - {"note"})]
            differing, progress = self._compare(note["identity"]), note["progress"]
        except OSError as error:
            raise _explain(error, f"{self.path} can't be read") from error
        except Exception as error:  # A damaged file can fail in any layer of NumPy and zipfile.
            raise ValueError(f"{self.path} is damaged or not a checkpoint: delete it.") from error
        if not differing and [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
            differing = ["network"]
        if differing:
            what = f"{self.path.parent} holds another training run (its {differing[0]} differs)"
            raise ValueError(f"{what}: choose another folder, or delete this one.")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return progress

    def _compare(self, saved):
        numbers = {OLD_NAMES.get(name, name): value for name, value in saved["recipe"].items()}
        # Checkpoints from before these settings were trained without them.
        saved = {**saved, "recipe": {"clutter": 0.0, "folded": False, **numbers}}
        return [name for name, value in self.identity.items() if saved.get(name) != value]


def _explain(error, what):
    return type(error)(error.errno, f"{what}: {error.strerror}. Fix this, then run it again")
