"""Keep a training on disk, epoch by epoch, so that none is lost when the lid closes."""

import json
import tempfile
from pathlib import Path

import numpy as np

from digitlib.files import remove_unfinished, replace_when_complete

_FILE = "training.npz"


class Checkpoint:
    """The state of one training in a folder: all variables, the epochs done and their history.

    One file holds it all and is replaced as a whole, so it is complete at any moment.
    """

    def __init__(self, folder, identity):
        """Makes the folder, if it is missing.

        Args:
            folder: where the checkpoint is, or shall be.
            identity: a dict for JSON that tells trainings apart: recipe, seed, data, versions.

        Raises:
            OSError: the folder cannot be made or written to.
        """
        self.path = Path(folder) / _FILE
        self.identity = json.loads(json.dumps(identity))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.path)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise _explain(error, f"checkpoints cannot be written to {folder}") from error

    def save(self, variables, progress):
        """Replaces the checkpoint.

        Args:
            variables: Keras's variables, always in the same order.
            progress: a dict for JSON.

        Raises:
            OSError: it cannot be written; the older one stays.
        """
        note = json.dumps({"identity": self.identity, "progress": progress})
        arrays = {f"{number:05}": np.asarray(v) for number, v in enumerate(variables)}
        try:
            with replace_when_complete(self.path) as unfinished:
                np.savez(unfinished, note=np.array(note), **arrays)
        except OSError as error:
            raise _explain(
                error,
                f"the checkpoint {self.path} could not be renewed; what it held before is complete",
            ) from error

    def load(self, variables):
        """Sets the variables to what was saved last.

        Args:
            variables: as for `save`.

        Returns:
            The dict `progress` of the last `save`; None if there was none.

        Raises:
            OSError: the file cannot be read.
            ValueError: the folder holds another training, or a damaged file.
        """
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as saved:
                note = json.loads(str(saved["note"]))
                arrays = [saved[name] for name in sorted(set(saved.files) - {"note"})]
            differing = [
                name for name, own in self.identity.items() if note["identity"].get(name) != own
            ]
            progress = note["progress"]
        except OSError as error:
            raise _explain(error, f"{self.path} cannot be read") from error
        except Exception as error:  # A damaged file can fail in any layer of NumPy and zipfile.
            raise ValueError(f"{self.path} is no checkpoint, or damaged: delete it.") from error
        if not differing and [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
            differing = ["network"]
        if differing:
            raise ValueError(
                f"{self.path.parent} holds another training (its {differing[0]} differs): name "
                "another folder, or delete this one."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return progress


def _explain(error, what):
    return type(error)(error.errno, f"{what}: {error.strerror}. Mend this, and run it again")
