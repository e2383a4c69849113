"""Scripts in processes of their own, forked from one that has imported Keras already."""

import multiprocessing
import os
import sys

_CONTEXT = multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
# Modules only: TensorFlow starts threads at its first operation, and a fork does not copy threads.
_CONTEXT.set_forkserver_preload(
    ["digitlib.training.train", "digitlib.training.synthetic", "digitlib.models.storage"]
)


def start_python(script, *arguments):
    """Starts a script in a new process.

    Args:
        script: Python source.
        arguments: what it finds in `sys.argv[1:]`.

    Returns:
        The process, and a text stream of its standard output.
    """
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_run, args=(sender, script, list(map(str, arguments))))
    process.start()
    sender.close()
    printed = os.fdopen(os.dup(receiver.fileno()), encoding="utf-8")
    receiver.close()
    return process, printed


def _run(sender, script, arguments):
    os.dup2(sender.fileno(), 1)
    sender.close()
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.argv = ["-c", *arguments]
    exec(script, {"__name__": "__main__"})
    sys.stdout.flush()
