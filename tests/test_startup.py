import json
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


KERNELS = """
import os, sys, threading, warnings
warnings.simplefilter("always")
{before}
import digitlib
{start}
from tensorflow.python.util import _pywrap_util_port
print(os.environ["TF_ENABLE_ONEDNN_OPTS"], _pywrap_util_port.IsMklEnabled())
{after}
"""
HERE = "digitlib.start_keras()"
IN_ANOTHER_THREAD = "t = threading.Thread(target=digitlib.start_keras); t.start(); t.join()"
X86 = platform.machine() in ("x86_64", "AMD64")
# What a processor without AVX512-VNNI does by itself: TensorFlow starts without the fast kernels.
IMPORTED_BEFORE = "import tensorflow; del os.environ['TF_ENABLE_ONEDNN_OPTS']"


@pytest.mark.parametrize(("chosen", "in_thread"), [("", False), ("0", True), ("1", True)])
def test_keras_starts_quietly_with_the_fast_kernels_unless_the_user_chose(
    run_python, chosen, in_thread
):
    """Errors after the start are shown."""
    start = IN_ANOTHER_THREAD if in_thread else HERE
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": chosen}
    if not chosen:
        del environment["TF_ENABLE_ONEDNN_OPTS"]
    after = "import keras; keras.ops.ones(3); os.write(2, b'later')"
    script = KERNELS.format(before="", start=start, after=after)
    done = run_python("-c", script, env=environment)
    assert (done.returncode, done.stderr) == (0, "later")
    assert done.stdout == f"{chosen or 1} {X86 and chosen != '0'}\n"


@pytest.mark.skipif(not X86, reason="oneDNN is TensorFlow's on x86 only")
def test_a_tensorflow_that_started_without_its_fast_kernels_is_reported_once(run_python):
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = run_python(
        "-c", KERNELS.format(before=IMPORTED_BEFORE, start=HERE, after=""), env=environment
    )
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


TRAIN_AND_HASH = """
import hashlib, json, digitlib
from digitlib.training.networks import RECIPES
from digitlib.training.recipe import override_recipe
from digitlib.training.train import train_model
{before}
test = digitlib.load_mnist().test
slices = [digitlib.Split(test.images[part], test.labels[part]) for part in (slice(300), slice(99))]
recipe = override_recipe(RECIPES["fast"], epochs=1, width=4, batch_norm=True, augmentation=0.1)
run = train_model(recipe, *slices, verbose=0)
model = digitlib.load_model("robust")
results = [run.history, digitlib.train_faulty("healthy", *slices, epochs=1)]
arrays = [*run.model.get_weights(), digitlib.predict_probabilities(model, slices[1].images)]
content = b"".join(array.tobytes() for array in arrays) + json.dumps(results).encode()
print(hashlib.sha256(content).hexdigest())
"""


def keras_home(folder, **settings):
    """The environment of a user whose keras.json in a folder of its own has these settings."""
    usual = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow"}
    folder.mkdir()
    (folder / "keras.json").write_text(json.dumps({**usual, **settings}))
    return {**os.environ, "KERAS_HOME": str(folder)}


def test_a_users_keras_json_changes_nothing(run_python, tmp_path, capsys):
    """Compared with this process, which has started Keras."""
    own = {"image_data_format": "channels_first", "floatx": "float64", "epsilon": 0.001}
    changed = keras_home(tmp_path / "changed", **own)
    # A network that was built before has set a dtype policy, too.
    runs = [
        run_python("-c", TRAIN_AND_HASH.format(before=before), env=changed)
        for before in ("", "import keras; keras.layers.Dense(3)")
    ]
    assert [run.returncode for run in runs] == [0] * 2, [run.stderr[-2000:] for run in runs]
    exec(TRAIN_AND_HASH.format(before=""), {})
    usual = capsys.readouterr().out
    assert len(usual) == 65
    assert {run.stdout for run in runs} == {usual}


@pytest.mark.parametrize(
    ("backend", "in_file"), [("torch", False), ("numpy", False), ("torch", True), ("jax", True)]
)
def test_another_backend_is_refused_with_the_remedy(run_python, tmp_path, backend, in_file):
    environment = keras_home(tmp_path / "keras", backend=backend if in_file else "tensorflow")
    environment.pop("KERAS_BACKEND", None)
    if not in_file:
        environment["KERAS_BACKEND"] = backend
    done = run_python("-c", START, env=environment)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ValueError: digitlib needs Keras with the backend tensorflow; found ")
    assert f"found {backend}. Unset KERAS_BACKEND and write" in last
    assert '"backend": "tensorflow" in keras.json' in last
