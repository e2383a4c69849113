"""Write a file whole or not at all."""

import os
from contextlib import contextmanager

_MARK = ".unfinished-"


def verify_folder(folder):
    """Checks that files can be written to this folder.

    Args:
        folder: a Path.

    Raises:
        OSError: it is missing or not writable.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; create it or choose another.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written to; choose another folder.")


@contextmanager
def replace_when_complete(path):
    """Gives a path beside `path` to write to; what is there afterwards replaces `path` in one step.

    If anything stops the writing, be it a full disk or a kill, an older file stays as it was.

    Args:
        path: a Path.

    Returns:
        A context that gives the Path to write to. It ends as `path` does: Keras goes by that.
    """
    # In the same folder, because only there is os.replace one indivisible step.
    unfinished = path.with_name(f"{_MARK}{os.getpid()}-{path.name}")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def remove_unfinished(path):
    """Removes what killed processes have left of `path`; no other may be writing it."""
    for left in path.parent.glob(f"{_MARK}*-{path.name}"):
        left.unlink(missing_ok=True)
