"""Start Keras quietly, and as fast as the processor allows."""

import os
import platform
import signal
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager

_FAST_KERNELS = "TF_ENABLE_ONEDNN_OPTS"


def start_keras():
    """Imports Keras and initialises its device, without TensorFlow's log messages.

    TensorFlow 2.21 writes some ten lines to stderr while it starts, before any log level of its
    own applies. They are harmless and hide what matters; they are shown if the start fails. Ctrl-C
    takes effect only afterwards, because Python cannot repeat a half-finished import.

    Also switches off autotuning for all tf.data pipelines of this process, yours included. Keras's
    `fit` and `evaluate` use such pipelines internally, and TensorFlow starts a thread to tune each.
    This thread can miss the signal to stop. `fit` then waits after its last step until the thread
    wakes again: for up to as long as `fit` has run, but at most a minute.

    Source:
        https://github.com/tensorflow/tensorflow/issues/100442 (the log level that does not apply)
    """
    with _delay_interrupt(), hold_back_stderr():
        import keras

        # TensorFlow looks for devices at the first operation, and logs again.
        keras.ops.zeros(1)
    if keras.backend.backend() == "tensorflow":
        _stop_tuning_pipelines()


def ask_for_fast_kernels():
    """Switches on oneDNN for this process and its children, unless the user has chosen.

    On Linux, TensorFlow uses these kernels by default only on processors with VNNI, BF16 or AMX
    instructions. On an older processor, training `fast` takes 29 s of processor time without them
    and 14 s with them (see benchmarks/README.md). `import digitlib` calls this function. To keep
    oneDNN off, set `TF_ENABLE_ONEDNN_OPTS=0` first.

    Warns:
        RuntimeWarning: if TensorFlow was already imported without the fast kernels.
    """
    if _FAST_KERNELS in os.environ:
        return
    os.environ[_FAST_KERNELS] = "1"
    if "tensorflow" in sys.modules and platform.machine() in ("x86_64", "AMD64"):
        from tensorflow.python.util import _pywrap_util_port

        if not _pywrap_util_port.IsMklEnabled():
            warnings.warn(
                "TensorFlow was imported before digitlib, so its fast kernels (oneDNN) are off and "
                "training takes about twice as long. Restart, and import digitlib first.",
                RuntimeWarning,
                stacklevel=3,
            )


def _stop_tuning_pipelines():
    """Switches off autotuning for every tf.data iterator, by replacing `Dataset.__iter__`."""
    import tensorflow as tf

    iterate = tf.data.Dataset.__iter__
    if getattr(iterate, "untuned", False):
        return
    untuned = tf.data.Options()
    untuned.autotune.enabled = False

    def iterate_untuned(dataset):
        return iterate(dataset.with_options(untuned))

    iterate_untuned.untuned = True
    tf.data.Dataset.__iter__ = iterate_untuned


@contextmanager
def _delay_interrupt():
    # Ctrl-C reaches the main thread only, and nobody where the parent ignores it (nohup).
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield
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
