import os

import pytest

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


def test_keras_starts_in_another_thread(run_python):
    start = "import threading, digitlib; t = threading.Thread(target=digitlib.start_keras)"
    assert run_python("-c", f"{start}; t.start(); t.join()").stderr == ""
