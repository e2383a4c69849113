"""Show what a class answered, and the misconceptions behind its mistakes.

Reads all notebooks and answer files (*.answers.json) below a folder, without
running anything, and writes a web page that needs no connection. Students are
named after their folders or files; folders from nbgrader and Moodle are
recognised.
"""  # noqa: N999

import time
from argparse import ArgumentTypeError, Namespace
from contextlib import suppress
from functools import partial
from pathlib import Path

from digitlib.commands import common
from digitlib.figures.wording import count_things
from digitlib.files import expand_home, replace_when_complete, verify_file

_WAIT = 2  # seconds from one look at the files to the next
_REFRESH = 5  # seconds after which the browser loads the page again


def to_folder(word: str) -> Path:
    """Returns the folder that a word names."""
    folder = expand_home(word)
    if not folder.is_dir():
        raise ArgumentTypeError(f"not a folder: {word}")
    return folder


_OUTPUT = "the page (default: %(default)s)"
_WATCH = "update the page whenever a file changes, until Ctrl-C"
_ANONYMOUS = "show numbers instead of names, for the projector"
ARGUMENTS = {
    "folder": {"type": to_folder, "metavar": "FOLDER", "help": "where the students' files are"},
    "--output": common.take_path("FILE.html", _OUTPUT) | {"default": Path("class-report.html")},
    "--csv": common.take_path("FILE.csv", "also write the state of each exercise as a CSV"),
    "--anonymous": {"action": "store_true", "help": _ANONYMOUS},
    "--watch": {"action": "store_true", "help": _WATCH},
}


def run(options: Namespace) -> None:
    """Runs the command `class`."""
    verify_file(options.output, [".html", ".htm"])
    if options.csv:
        verify_file(options.csv, [".csv"])
    from tqdm import tqdm

    from digitlib.classroom.collect import Collector

    collector = Collector(options.folder)
    # No bar where standard error is not a terminal.
    _write(collector, options, partial(tqdm, unit="file", disable=None, leave=False))
    with suppress(KeyboardInterrupt):
        while options.watch:
            time.sleep(_WAIT)
            if collector.has_changed():
                _write(collector, options, iter)


def _write(collector, options, track):
    from digitlib.classroom.report import hide_names, write_report, write_scores

    students, skipped = collector.collect(track)
    if options.anonymous:
        students, skipped = hide_names(students, skipped)
    page = write_report(students, skipped, refresh=_REFRESH if options.watch else None)
    with replace_when_complete(options.output) as file:
        file.write_text(page, encoding="utf-8", errors="replace")
    if options.csv:
        with replace_when_complete(options.csv) as file:
            file.write_text(write_scores(students), "utf-8", errors="replace", newline="")
    left_out = f", {count_things(len(skipped), 'file')} skipped" if skipped else ""
    found = count_things(len(students), "student")
    print(f"{options.output}: {found}{left_out}. Open it in a browser.", flush=True)
