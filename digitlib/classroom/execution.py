"""Run a notebook in a kernel of its own."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode

_WIDGET = "application/vnd.jupyter.widget-view+json"


def execute_notebook(
    notebook: NotebookNode, folder: Path, track: Callable[[], object] = lambda: None
) -> dict[str, float]:
    """Runs a notebook in a fresh kernel, which keeps no answers.

    Args:
        notebook: the notebook; it gets the outputs.
        folder: the working directory.
        track: called before each cell.

    Returns:
        The seconds of each code cell, by its id.

    Raises:
        ValueError: a cell failed; the message names it.
    """
    started = []

    def start(cell, cell_index):
        with suppress(NotImplementedError):  # Windows
            # At Ctrl-C, nbclient would end the kernel, and then fail because it has ended.
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        started.append(cell.id)
        track()

    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place)
    client.store_widget_state, client.on_cell_start = False, start
    client.extra_arguments = ["--log-level=CRITICAL"]  # no word about its connections
    # The command line draws without a window; a kernel has a backend of its own.
    environment = {key: os.environ[key] for key in os.environ if key != "MPLBACKEND"}
    try:
        client.execute(env=environment | {"DIGITLIB_PROGRESS": "off"})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        reason = f"{getattr(error, 'ename', '')}: {getattr(error, 'evalue', error)}".strip(": ")
        raise ValueError(f"the cell {started[-1]} failed: {reason}") from error
    return _tidy_outputs(notebook)


def _tidy_outputs(notebook):
    """Merges streams and drops what works in the kernel only; returns the seconds of each cell."""
    CoalesceStreamsPreprocessor().preprocess(notebook, {})
    notebook.metadata.pop("widgets", None)
    seconds = {}
    for cell in notebook.cells:
        if times := cell.metadata.pop("execution", None):
            events = "iopub.execute_input", "shell.execute_reply"
            begin, end = (datetime.fromisoformat(times[event]) for event in events)
            seconds[cell.id] = (end - begin).total_seconds()
        for output in cell.get("outputs", []):
            # Without a kernel, a widget shows an error message, but the image beside it works.
            output.get("data", {}).pop(_WIDGET, None)
    return seconds
