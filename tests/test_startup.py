import os
import platform

import pytest
import tensorflow as tf

START = "import digitlib; digitlib.start_keras(); import keras; keras.ops.ones(3)"
FAIL = """
import os, digitlib, importlib.abc, sys
class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == "keras":
            os.write(2, b"logged before the failure")
            raise ImportError("keras is broken")
sys.meta_path.insert(0, Broken())
digitlib.start_keras()
"""


def test_keras_starts_without_a_line(run_python):
    done = run_python("-c", START)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_later_errors_are_shown(run_python):
    done = run_python("-c", f"{START}; import os; os.write(2, b'later')")
    assert done.stderr == "later"


def test_a_failed_start_shows_what_was_held_back(run_python):
    done = run_python("-c", FAIL)
    assert done.returncode == 1
    assert "logged before the failure" in done.stderr
    assert "ImportError: keras is broken" in done.stderr


@pytest.mark.parametrize("module", ["tensorflow", "keras", "numpy", "matplotlib", "sklearn"])
def test_import_digitlib_loads_nothing_heavy(run_python, module):
    done = run_python("-c", f"import digitlib, sys; sys.exit({module!r} in sys.modules)")
    assert done.returncode == 0


INTERRUPTED = """
import os, signal, threading, time, digitlib
def interrupt():
    for _ in range(20):
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
try:
    digitlib.start_keras()
except KeyboardInterrupt:
    import keras
    print("interrupted with", keras.ops.add(1, 2).numpy())
"""


@pytest.mark.skipif(os.name == "nt", reason="os.kill would end the process")
def test_an_interrupted_start_leaves_keras_whole(run_python):
    assert "interrupted with 3" in run_python("-c", INTERRUPTED).stdout


@pytest.mark.skipif(os.name == "nt", reason="os.kill would end the process")
def test_an_ignored_interrupt_stays_ignored(run_python):
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    done = run_python("-c", f"{ignore}\n{INTERRUPTED}\nprint(signal.getsignal(signal.SIGINT).name)")
    assert done.stdout == "SIG_IGN\n"


def test_keras_starts_in_another_thread(run_python):
    start = "import threading, digitlib; t = threading.Thread(target=digitlib.start_keras)"
    assert run_python("-c", f"{start}; t.start(); t.join()").stderr == ""


KERNELS = """
import os, sys, warnings
warnings.simplefilter("always")
{before}
import digitlib
digitlib.start_keras()
from tensorflow.python.util import _pywrap_util_port
print(os.environ["TF_ENABLE_ONEDNN_OPTS"], _pywrap_util_port.IsMklEnabled())
"""
X86 = platform.machine() in ("x86_64", "AMD64")
# What a processor without AVX512-VNNI does by itself: TensorFlow starts without the fast kernels.
IMPORTED_BEFORE = "import tensorflow; del os.environ['TF_ENABLE_ONEDNN_OPTS']"


@pytest.mark.parametrize("chosen", ["", "0", "1"])
def test_the_fast_kernels_are_on_unless_the_user_chose(run_python, chosen):
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": chosen}
    if not chosen:
        del environment["TF_ENABLE_ONEDNN_OPTS"]
    done = run_python("-c", KERNELS.format(before=""), env=environment)
    assert done.stdout.split() == [chosen or "1", str(X86 and chosen != "0")]
    assert done.stderr == ""


@pytest.mark.skipif(not X86, reason="oneDNN is TensorFlow's on x86 only")
def test_a_tensorflow_that_started_without_its_fast_kernels_is_reported_once(run_python):
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = run_python("-c", KERNELS.format(before=IMPORTED_BEFORE), env=environment)
    assert done.stdout.split() == ["1", "False"]
    assert done.stderr.count("RuntimeWarning: TensorFlow was imported before digitlib") == 1


def test_no_pipeline_has_a_tuning_thread():
    """Keras's own pipelines begin by `iter`, too."""
    tuned = tf.data.Options()
    tuned.autotune.enabled = True
    for numbers in (tf.data.Dataset.range(3), tf.data.Dataset.range(3).with_options(tuned)):
        iterator = iter(numbers)
        assert iterator._dataset.options().autotune.enabled is False
        assert [int(number) for number in iterator] == [0, 1, 2]
