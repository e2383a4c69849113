"""What several test modules share."""

import hashlib
import os
import re
import runpy
import signal
import struct
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from nbval.plugin import IPyNbCell, IPyNbFile
from xdist.scheduler import LoadFileScheduling

import digitlib.__main__

# If pytest was started with Ctrl-C ignored (nohup, some CI), its children would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
# nbval would stop the kernel after the last cell, but tests/test_lesson_runs.py still uses it.
IPyNbFile.teardown = lambda _: None
matplotlib.use("Agg")  # no windows
os.environ["DIGITLIB_PROGRESS"] = "off"  # and no file of answers, neither here nor in a kernel
ROOT = Path(__file__).parent.parent
# Processes that a test starts, the lesson's kernels among them, find digitlib in this checkout, and
# no other machine: tests/offline/sitecustomize.py sees to that.
runpy.run_path(str(ROOT / "tests" / "offline" / "sitecustomize.py"))  # in this process, too
os.environ["PYTHONPATH"] = os.pathsep.join(map(str, [ROOT / "tests" / "offline", ROOT]))
CHROMIUM = "/usr/bin/chromium"
needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"no {CHROMIUM}: apt install chromium"
)
RUNS = "tests/test_lesson_runs.py"
NOTEBOOK = nbformat.read(ROOT / "Digit_recognizer.ipynb", as_version=4)
RESULTS = "lesson/results"  # of Run All, in pytest's cache
TIMES = re.compile(r"\d+m?s \d+m?s/step|\d+/\d+ [\u2501 -]+ ?|\d+s -|\d+m?s/step")
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]
EXERCISES = [cell for cell in CODE if "TODO" in cell.source]


def pytest_addoption(parser):
    parser.addoption("--many", action="store_true", help="kill 200 processes, not 10 or 20")
    parser.addoption("--again", action="store_true", help="run the lesson in another order, too")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The lesson and the tests of its runs go to one worker, where they share a kernel."""

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return super()._split_scope(nodeid).replace("Digit_recognizer.ipynb", RUNS)

    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    # The longest files come first, so that no worker is left alone with them at the end.
    first = ["Digit_recognizer.ipynb", "test_lesson_runs.py", "test_checkpoints.py"]
    first += ["test_train.py", "test_sweep.py", "test_commands.py", "test_benchmarks.py"]
    first += ["test_startup.py", "test_public_models.py", "test_shell.py", "test_guard.py"]
    place = {name: number for number, name in enumerate(first)}
    items.sort(key=lambda item: place.get(item.path.name, len(first)))


def show_results(outputs):
    """What a cell shows, apart from the time that it took and from what was predicted."""
    shown = []
    for output in outputs:
        data = output.get("data", {})
        shown.append(data.get("text/html") or data.get("text/plain") or output.get("text"))
    text = "".join(map(str, shown))
    lines = [line.rsplit("\r", 1)[-1] for line in text.split("\n")]  # what overwrote the rest
    lines = [re.sub(r"(Measured: \S+) .*", r"\1", line) for line in lines]
    return TIMES.sub("", re.sub(r"\x08|\x1b\[[\d;]*m", "", "\n".join(lines)))


def identify_run():
    """What two runs of the lesson must have in common to show the same."""
    lesson = (ROOT / "Digit_recognizer.ipynb").read_bytes()
    return [hashlib.sha256(lesson).hexdigest(), metadata.version("tensorflow")]


@pytest.fixture(scope="session", autouse=True)
def lesson_kernel_ended(request):
    yield
    for file in {item.parent for item in request.session.items if isinstance(item, IPyNbCell)}:
        if file.kernel and file.kernel.is_alive():
            file.kernel.stop()


@pytest.fixture(scope="session", autouse=True)
def keras_started():
    digitlib.start_keras()


@pytest.fixture(scope="session")
def mnist():
    return digitlib.load_mnist()


@pytest.fixture(scope="session")
def slices(mnist):
    """A little of MNIST to learn from, and a little to measure with."""
    return [
        digitlib.Split(mnist.train.images[start:end], mnist.train.labels[start:end])
        for start, end in ((0, 2000), (2000, 2500))
    ]


@pytest.fixture
def run_python():
    """Runs Python in a new process, in a folder of choice."""

    def run(*arguments, cwd=ROOT, **options):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=600,
            **options,
        )

    return run


@pytest.fixture
def run_here(capfd, monkeypatch):
    """Calls a function in this process, which has started Keras, as if it were a process."""

    def run(main, *, cwd=ROOT):
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        try:
            code = main()
        except SystemExit as end:
            code = end.code
            if isinstance(code, str):
                print(code, file=sys.stderr)
                code = 1
        return subprocess.CompletedProcess([], code or 0, *capfd.readouterr())

    return run


@pytest.fixture
def run_digitlib(run_here):
    """Runs a digitlib command in this process, in a folder of choice."""

    def run(*arguments, cwd=ROOT):
        return run_here(lambda: digitlib.__main__.main(list(map(str, arguments))), cwd=cwd)

    return run


@pytest.fixture
def run_module(run_here, monkeypatch):
    """Runs a module as `python -m` does, but in this process."""

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", f"{name!r} found in sys.modules", RuntimeWarning)
            return run_here(lambda: runpy.run_module(name, {}, "__main__") and 0)

    return run


@pytest.fixture
def kernel():
    """A notebook's kernel of its own: its manager, and a client of it."""
    manager, client = start_new_kernel(cwd=str(ROOT))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@contextmanager
def bounded(seconds=5, megabytes=300):
    """Fails if the body takes more processor time, or, where Linux tells it, more memory."""
    process = Path("/proc/self")
    if (process / "clear_refs").exists():
        (process / "clear_refs").write_text("5")  # from now on it notes the peak anew

    def memory(name):
        lines = (process / "status").read_text().splitlines() if process.exists() else []
        return sum(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000

    before, started = memory("VmRSS"), time.process_time()
    try:
        yield
    finally:
        assert memory("VmHWM") - before < megabytes
        assert time.process_time() - started < seconds


def idx_images(images, *, magic=0x00000803, count=None):
    """The bytes of an IDX image file, put together by hand."""
    count = len(images) if count is None else count
    return struct.pack(">4I", magic, count, *images.shape[1:]) + images.tobytes()


def idx_labels(labels, *, magic=0x00000801, count=None):
    """The bytes of an IDX label file, put together by hand."""
    count = len(labels) if count is None else count
    return struct.pack(">2I", magic, count) + bytes(labels)


def write_data(folder, mnist, num_train, num_test):
    """The first images of MNIST as a data set of its own, for tests that don't measure accuracy."""
    for prefix, split, count in (("train", mnist.train, num_train), ("t10k", mnist.test, num_test)):
        images, labels = split.images[:count], split.labels[:count]
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_images(images))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_labels(labels))
    return folder


@pytest.fixture
def small_images():
    return np.random.default_rng(7).integers(0, 256, (6, 28, 28), dtype=np.uint8)


@pytest.fixture
def small_folder(tmp_path, small_images):
    """A folder with a complete data set of six training and six test images, not gzipped."""
    for prefix in ("train", "t10k"):
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx_images(small_images))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_labels([3, 1, 4, 1, 5, 9]))
    return tmp_path


@pytest.fixture
def split():
    """500 random images with random labels."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    return digitlib.Split(images, rng.integers(0, 10, 500, dtype=np.uint8))


@pytest.fixture
def probabilities(split):
    """What a mediocre model could predict for `split`."""
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(500, 10)) + 3 * np.eye(10)[split.labels]
    return (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def digit():
    """A drawn cross: a black stroke, and a grey one over it."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    image[10, 8:20] = 100
    return image


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def tick_labels(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def boxes_of(artists, figure):
    figure.canvas.draw()
    return [artist.get_window_extent(figure.canvas.get_renderer()) for artist in artists]


def overlaps(boxes):
    pairs = ((a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    return sum(a.overlaps(b) for a, b in pairs)


# Strokes of two digits on a canvas of 280 x 280 pixels.
SEVEN = [[(70, 70), (210, 70), (130, 230)]]
FOUR = [[(110, 50), (80, 150), (210, 150)], [(180, 60), (170, 240)]]


def draw(page, canvas, strokes):
    """Draws with the mouse, stroke by stroke, on a canvas of 280 x 280 pixels."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for first, *others in strokes:
        page.mouse.move(box["x"] + first[0], box["y"] + first[1])
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x, box["y"] + y, steps=15)
        page.mouse.up()
