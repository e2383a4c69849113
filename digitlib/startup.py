"""Start Keras without the lines that TensorFlow logs on the way."""

import os
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager


def start_keras():
    """Imports Keras and wakes its device, holding back what TensorFlow logs meanwhile.

    TensorFlow 2.21 writes some ten lines to stderr while it starts, before any log level of its
    own applies. They are harmless and hide what matters. If the start raises an error, they are
    shown. Ctrl-C takes effect after the start: half an import could not be repeated.

    Source:
        https://github.com/tensorflow/tensorflow/issues/100442 (the log level that does not apply)
    """
    with _delay_interrupt(), hold_back_stderr():
        import keras

        # TensorFlow looks for devices at the first operation, and logs again.
        keras.ops.zeros(1)


@contextmanager
def _delay_interrupt():
    if threading.current_thread() is not threading.main_thread():
        yield  # Ctrl-C reaches the main thread only.
        return
    interrupts = []
    usual = signal.signal(signal.SIGINT, lambda *interrupt: interrupts.append(interrupt))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if interrupts:
        raise KeyboardInterrupt


@contextmanager
def hold_back_stderr():
    """Keeps what anything writes to standard error meanwhile, and shows it only after an error."""
    if sys.stderr is None:  # a program without a terminal
        yield
        return
    # C++ code writes to file descriptor 2 and knows nothing of sys.stderr.
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except Exception:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
