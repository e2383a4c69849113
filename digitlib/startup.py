"""Start Keras quietly, and as fast as the processor allows."""

import os
import platform
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_FAST_KERNELS = "TF_ENABLE_ONEDNN_OPTS"


def start_keras() -> None:
    """Calls `configure_keras` and starts TensorFlow; shows its log messages only if that fails.

    Ctrl-C takes effect afterwards, because Python can't resume half an import. Also switches off
    autotuning for all tf.data pipelines in this process, yours included: otherwise, `fit` sometimes
    waits up to a minute for a tuning thread after its last step.
    """
    # No log level prevents the messages: https://github.com/tensorflow/tensorflow/issues/100442
    with delay_interrupt(), hold_back_stderr():
        configure_keras()
        import keras

        # TensorFlow searches for devices at the first operation, and logs again.
        keras.ops.zeros(1)
    _stop_tuning_pipelines()


def configure_keras() -> None:
    """Sets channels last, float32 and epsilon 1e-7 in this process, whatever `keras.json` says."""
    try:
        import keras

        backend = keras.backend.backend()
    except ModuleNotFoundError as error:
        if error.name not in ("jax", "torch", "openvino"):
            raise
        backend = os.environ.get("KERAS_BACKEND", error.name)
    if backend != "tensorflow":
        raise ValueError(
            f"digitlib needs Keras with the backend tensorflow; found {backend}. Unset "
            'KERAS_BACKEND and write "backend": "tensorflow" in keras.json (in KERAS_HOME or '
            "~/.keras). Then restart Python."
        )
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)


def ask_for_fast_kernels() -> None:
    """Switches on oneDNN for this process and its children, unless TF_ENABLE_ONEDNN_OPTS is set."""
    # By default, TensorFlow uses it only with VNNI, BF16 or AMX. Elsewhere it halves training time.
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
def delay_interrupt() -> Iterator[list]:
    """Raises KeyboardInterrupt at its end if Ctrl-C was pressed; yields a list of the presses."""
    interrupts: list = []
    # Ctrl-C reaches only the main thread, and no thread if the parent ignores it (nohup).
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield interrupts
        return
    usual = signal.signal(signal.SIGINT, lambda *interrupt: interrupts.append(interrupt))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, usual)
    if interrupts:
        raise KeyboardInterrupt


@contextmanager
def hold_back_stderr() -> Iterator[None]:
    """Holds back standard error, that of C++ code included, and shows it only after an error."""
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
