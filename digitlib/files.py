"""Expand `~`, check a destination before the work starts, and write a file whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_MARK = ".unfinished-"


def expand_home(path: str | Path) -> Path:
    """Returns a path with `~` as the home folder; where there is none, `~` stays as it is."""
    return Path(os.path.expanduser(path))


def verify_folder(folder: str | Path) -> Path:
    """Returns this folder, with `~` expanded; raises OSError if it is missing or read-only."""
    folder = expand_home(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; create it or choose another.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written to; choose another folder.")
    return folder


def verify_file(path: str | Path, suffixes: Sequence[str]) -> Path:
    """Returns this path, with `~` expanded, or raises OSError, or ValueError for other suffixes."""
    path = expand_home(path)
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file.")
    verify_folder(path.parent)
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written to; name another file.")
    return path


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Provides a path with the same suffix; what is written there replaces `path` in one step."""
    # Whatever stops the writing, an older file stays. Only within a folder is this one step.
    unfinished = path.with_name(f"{_MARK}{os.getpid()}-{path.name}")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Removes what killed processes left of `path`; no other process may be writing it."""
    for left in path.parent.glob(f"{_MARK}*-{path.name}"):
        left.unlink(missing_ok=True)
