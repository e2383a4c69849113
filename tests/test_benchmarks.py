"""The programs that measure: that they run and count right. How fast things are is no test."""

import dataclasses
import importlib.util
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage, stats

from benchmarks import handwriting, peers, speedrun
from benchmarks.determinism import compare_trainings
from benchmarks.hands import STROKES, choose_hand, write
from benchmarks.handwriting import CHANGES, match_digits, measure_changes
from benchmarks.inference import COLUMNS as WAY_COLUMNS
from benchmarks.machine import WITHOUT_AVX512, count_operations, measure_peak
from benchmarks.pages import KINDS, Page, draw_pages
from benchmarks.paper import draw_page, draw_photo
from benchmarks.peers import (
    compare_readers,
    find_numbers,
    find_peers,
    read_with_rapidocr,
    read_with_tesseract,
)
from benchmarks.scoring import list_numbers, read_page, score_page
from benchmarks.sizes import round_weights
from benchmarks.speed import (
    COLUMNS,
    choose_machine,
    count_gigaflop,
    describe_ratios,
    measure_in_child,
)
from benchmarks.speedrun import TIMES, append_rows, bound_mean, summarize
from digitlib import RECIPES, Split, evaluate_model, load_model, save_model, train_model
from digitlib.experiments.fingerprint import describe_processor
from digitlib.handwriting.grouping import Digit, Number
from digitlib.handwriting.reading import Reading
from digitlib.training.networks import build_model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not tell peak memory")


ENTRY = """
import numpy as np

def train(train, validation, seed):
    assert len(train.labels) + len(validation.labels) == 1200
    return lambda images: np.full(len(images), seed)
"""


def test_a_run_is_measured_in_full():
    run = {"name": "fast", "epochs": 3, "images": 1200, "seed": 0}
    measured = measure_in_child(run, dict(os.environ))
    elsewhere = {"repeat", "gigaflop", "peak_gigaflops", *describe_processor()}
    assert set(measured) | elsewhere == set(COLUMNS)
    assert (measured["images"], measured["epochs"]) == (1200, 3)
    assert 0.3 < measured["test_accuracy"] < 1
    assert 0 < measured["fit_cpu_seconds"] < measured["process_cpu_seconds"]
    assert 0 < measured["fit_wall_seconds"] < measured["process_wall_seconds"]
    assert 200 < measured["peak_megabytes"] < 2000


def test_the_peak_of_memory_is_not_that_of_the_parent(run_python):
    """On Linux, `resource` would tell 300 MB here."""
    held = np.ones(300 * 1024**2, np.uint8)
    done = run_python("-c", "from benchmarks import speed; print(speed.read_peak_memory())")
    assert 5e6 < int(done.stdout) < 200e6 < held.nbytes


def test_anyone_can_enter_a_file(tmp_path, mnist):
    (tmp_path / "threes.py").write_text(ENTRY)
    run = {"name": str(tmp_path / "threes.py"), "epochs": None, "images": 1200, "seed": 3}
    measured = measure_in_child(run, dict(os.environ))
    assert measured["test_accuracy"] == (mnist.test.labels == 3).mean()


def test_ratios_are_those_of_the_medians():
    costs = [("stacked_conv", 1, 90), ("keras_example", 1, 9), ("keras_example", 15, 100)]
    costs += [("accurate", 3, 30), ("fast", 2, 5), ("fast", 2, 7), ("fast", 2, 6)]
    rows = [
        {"name": n, "epochs": e, "fit_cpu_seconds": c, "fit_wall_seconds": c - 4}
        for n, e, c in costs
    ]
    assert describe_ratios(rows) == [
        " CPU-s       s",
        "150.00  430.00  10 epochs of stacked_conv / fast",
        " 22.50   37.50  15 epochs of keras_example / fast",
        "  0.33    0.30  accurate / one epoch of stacked_conv",
    ]


def test_operations_are_counted_from_the_layers():
    """By hand, for `fast`: 16 kernels of 5 x 5, 32 of 3 x 3 x 16, then 800 to 128 to 10."""
    first = 2 * 24 * 24 * 16 * 25
    rest = 2 * (10 * 10 * 32 * 9 * 16 + 800 * 128 + 128 * 10)
    assert count_operations(build_model(RECIPES["fast"])) == (first + rest, 2 * first + 3 * rest)
    dense = 2 * (784 * 128 + 128 * 10)
    assert count_operations(build_model(RECIPES["dense"]))[0] == dense
    assert count_gigaflop("dense", 1, 60_000, seed=0) == pytest.approx(
        (55_000 * (3 * dense - 2 * 784 * 128) + 5_000 * dense) / 1e9, abs=0.1
    )


def test_the_processor_is_named_and_its_peak_is_above_one_small_product():
    machine, environment = choose_machine()
    imitated, changed = choose_machine(without_avx512=True)
    assert machine["processor"]
    assert machine["cores"] >= 1
    assert imitated["avx512_vnni"] is False
    assert imitated["processor"].startswith(machine["processor"])
    assert changed == environment | WITHOUT_AVX512
    assert 0 < measure_peak(size=8, repeats=1) < measure_peak(size=1024)


def test_the_speedrun_asks_for_a_bound_above_its_target():
    """The bound agrees with SciPy's interval, of which it is the lower end."""
    accuracies = np.array([0.9902, 0.9906, 0.9904, 0.9903, 0.9907] * 2)
    interval = stats.ttest_1samp(accuracies, 0).confidence_interval(0.9)
    assert bound_mean(accuracies.tolist()) == pytest.approx(interval.low)
    times = dict.fromkeys(TIMES, 10.0)
    for shift, count, target in [
        (0, 10, 0.99),
        (-0.0004, 10, None),
        (0.005, 10, 0.995),
        (0, 9, None),
    ]:
        runs = [{"test_accuracy": float(a + shift), **times} for a in accuracies[:count]]
        row = summarize("fast", runs)
        assert row["target"] == target
        assert row["seeds"] == count
        assert row["fit_cpu_seconds"] == 10


def test_the_speedrun_refuses_what_it_cannot_measure(run_module):
    for arguments, message in [
        (["slow"], "'slow' is neither a recipe nor a Python file; recipes: fast,"),
        (["fast", "--seeds", 9], "at least 10 seeds, and 2 for the peers"),
        (["fast", "--peer-seeds", 1], "at least 10 seeds, and 2 for the peers"),
    ]:
        done = run_module("benchmarks.speedrun", *arguments)
        assert done.returncode != 0
        assert message in done.stderr


def test_the_ledger_grows_by_runs(tmp_path):
    row = dict.fromkeys(speedrun.COLUMNS, "")
    for _ in range(2):
        append_rows(tmp_path / "ledger.csv", [{**row, "entry": "a"}, {**row, "entry": "b"}])
    ledger = pd.read_csv(tmp_path / "ledger.csv")
    assert ledger["entry"].tolist() == ["a", "b"] * 2
    assert ledger["run"].tolist() == [1, 1, 2, 2]


def test_weights_with_few_bits_are_close_and_small():
    rng = np.random.default_rng(0)
    kernel, depthwise, bias = (rng.normal(size=size) for size in ((3, 3, 4, 6), (3, 3, 4, 1), (7,)))
    # Sizes by hand: numbers of all weights, and a factor of two bytes for each filter.
    for weights, sizes in (
        (kernel, {32: 864, 16: 432, 8: 216 + 12, 4: 108 + 12}),
        (depthwise, {32: 144, 16: 72, 8: 36 + 8, 4: 18 + 8}),
        (bias, {32: 28, 16: 14, 8: 14, 4: 14}),
    ):
        weights = weights.astype(np.float32)
        for bits, size in sizes.items():
            rounded, found = round_weights(weights, bits)
            assert (found, rounded.dtype) == (size, np.float32)
            step = abs(weights).max() / (2 ** (bits - 1) - 1) if weights.ndim > 1 else 0
            assert np.abs(rounded - weights).max() <= 0.51 * step + 2e-3 * (bits < 32)
    one_filter = round_weights(kernel.astype(np.float32), 4)[0][..., 0]
    assert one_filter.size > 15 >= len(np.unique(one_filter))
    assert not round_weights(np.zeros((3, 3, 1, 2), np.float32), 4)[0].any()


def test_the_sizes_of_trained_networks_are_measured(run_module, slices, mnist, tmp_path):
    run = train_model(dataclasses.replace(RECIPES["logistic"], epochs=1), *slices, verbose=0)
    save_model(run.model, tmp_path / "a.keras", record=run.record)
    arguments = tmp_path / "a.keras", "--output", tmp_path / "sizes.csv"
    done = run_module("benchmarks.sizes", *arguments)
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "sizes.csv")
    assert rows["bits"].tolist() == [32, 16, 8, 4]
    assert rows["bytes"].tolist() == [31_400, 15_700, 7880, 3960]
    assert (rows[["recipe", "seed", "parameters"]] == ["logistic", 0, 7850]).all(axis=None)
    expected = evaluate_model(run.model, mnist.test).accuracy
    assert rows["test_accuracy"][0] == pytest.approx(expected)
    assert rows["test_accuracy"][2] == pytest.approx(expected, abs=0.01)


def test_each_way_of_reading_is_measured(run_module, tmp_path):
    save_model(build_model(RECIPES["tiny"]), tmp_path / "tiny.keras")
    arguments = tmp_path / "tiny.keras", "--seconds", "0.01", "--output", tmp_path / "ways.csv"
    done = run_module("benchmarks.inference", *arguments)
    measured = pd.read_csv(tmp_path / "ways.csv").set_index("way")
    assert list(measured.columns) == WAY_COLUMNS[1:]
    keras = measured.loc["Keras: model(x)"]
    saved = (tmp_path / "tiny.keras").stat().st_size / 1000
    assert keras["kilobytes"] == pytest.approx(saved, abs=2)
    for way in ("Keras: model(x)", "Keras: in tf.function", "Keras: predict", "SavedModel"):
        assert way in done.stdout
        assert measured.loc[way, "same_digits"] == 1
        assert measured.loc[way, "largest_difference"] < 1e-5
        assert measured.loc[way, "test_accuracy"] == pytest.approx(keras["test_accuracy"], abs=1e-3)
        assert measured.loc[way, "images_per_second"] > 0
    for way, module in (("LiteRT", "ai_edge_litert"), ("ONNX", "onnxruntime")):
        installed = importlib.util.find_spec(module) is not None
        assert (way in measured.index) == installed
        assert installed or f"{way:21} " in done.stdout


def test_another_seed_is_seen_and_a_repetition_is_not():
    weights = np.array([0.5, -1])
    one = {"weights": weights, "answers": np.array([1, 2, 3]), "accuracy": 1.0, "versions": "v"}
    other = {**one, "weights": weights + np.array([0, 0.25]), "answers": np.array([1, 2, 4])}
    same, moved = compare_trainings(one, one), compare_trainings(one, other)
    assert (same["same_weights"], same["largest_difference"], same["other_answers"]) == (True, 0, 0)
    assert moved["same_weights"] is False
    assert (moved["largest_difference"], moved["other_answers"]) == (0.25, 1)


def change(name, images, amount):
    function, _ = CHANGES[name]
    return function(images, amount, np.random.default_rng(0)).astype(float)


def test_no_change_leaves_the_images(small_images):
    for name in (
        "shift (pixels)",
        "rotation (degrees)",
        "noise (standard deviation)",
        "blur (pixels)",
    ):
        assert np.array_equal(change(name, small_images, 0), small_images), name
    assert np.abs(change("contrast", small_images, 1.0) - small_images).max() <= 1


def test_changes_are_as_large_as_they_say(mnist):
    images = mnist.test.images[:50]
    middles = [
        [ndimage.center_of_mass(i) for i in x]
        for x in (images, change("shift (pixels)", images, 3))
    ]
    assert np.hypot(*np.subtract(*middles).T).mean() == pytest.approx(3, abs=0.5)
    noise = change("noise (standard deviation)", np.full((50, 28, 28), 128, np.uint8), 0.1)
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    faded = change("contrast", np.array([[[0, 255]]], np.uint8), 0.2)
    assert np.ptp(faded) == pytest.approx(51, abs=1)
    one = np.zeros((1, 28, 28), np.uint8)
    one[0, 4:24, 12:16] = 255
    widths = [change("stroke width (pixels)", one, width)[0, 14].sum() / 255 for width in (1, 3, 6)]
    assert widths == pytest.approx([1, 3, 6], abs=0.5)


def test_changes_are_measured_for_each_model(mnist):
    part = Split(mnist.test.images[:200], mnist.test.labels[:200])
    rows = list(measure_changes({"reader": load_model("robust")}, part))
    assert len(rows) == sum(len(amounts) for _, amounts in CHANGES.values())
    assert all(0 <= row["accuracy"] <= 1 and row["images"] == 200 for row in rows)
    unchanged = next(row["accuracy"] for row in rows if row["change"] == "shift (pixels)")
    assert unchanged > 0.97


def test_paper_is_drawn_as_the_seed_says(mnist):
    for draw in (
        lambda rng: draw_photo(mnist.test.images[0], rng),
        lambda rng: draw_page(mnist.test.images[:5], rng),
    ):
        first, same, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first.dtype == np.uint8
        assert first.ndim == 2
        assert np.array_equal(first, same)
        assert first.shape != other.shape


def test_digits_are_matched_in_order():
    def digits(text):
        rows = np.eye(10)[[int(letter) for letter in text]]
        return [Digit(str(row.argmax()), (0, 0, 1, 1), None, row) for row in rows]

    for read, written, right in [
        ("123", "123", "111"),
        ("1723", "123", "1011"),
        ("13", "123", "11"),
        ("128", "123", "110"),
        ("", "1", ""),
    ]:
        expected = [letter == "1" for letter in right]
        assert match_digits(digits(read), [int(x) for x in written]).tolist() == expected


def test_handwriting_prints_what_was_read(run_module):
    counts = "--small", "20", "--photos", "3", "--pages", "2", "--kinds", "1"
    done = run_module("benchmarks.handwriting", "robust", *counts)
    assert re.search(r"robust: 8 x 8 digits: \d+\.\d\d% of 20\n", done.stdout)
    assert "robust: photographs: " in done.stdout
    assert "robust: 2 pages, " in done.stdout
    for kind in KINDS:
        assert re.search(rf"robust, {kind}: [01] of 1 pages exact; \d+ of \d+ digits", done.stdout)


def test_handwriting_leaves_out_what_is_not_wanted(run_module):
    counts = "--small", "0", "--photos", "0", "--pages", "0", "--kinds", "0"
    done = run_module("benchmarks.handwriting", "robust", *counts)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_page_is_drawn_as_the_seed_says(mnist, kind):
    first, same = (next(draw_pages(kind, mnist.test, count, seed=0)) for count in (2, 1))
    picture, numbers = first
    assert np.array_equal(picture, same.picture)
    assert numbers == same.numbers
    assert picture.dtype == np.uint8
    height, width, colours = picture.shape
    assert colours == 3
    assert (height, width) == (32, 32) if kind == "webcam" else 300 <= max(height, width) <= 2000
    assert 20 <= len(numbers) <= 40 if kind == "crowded" else 1 <= len(numbers) <= 9
    for text, (top, left, bottom, right) in numbers:
        assert re.fullmatch("[0-9]+", text)
        assert 0 <= top < bottom <= height
        assert 0 <= left < right <= width
        inside = picture[top:bottom, left:right].mean(axis=2)
        assert np.percentile(inside, 2) < np.percentile(inside, 90) - 10


def test_pages_differ_by_seed_and_number(mnist):
    first, second = draw_pages("styles", mnist.test, 2, seed=0)
    other = next(draw_pages("styles", mnist.test, 1, seed=1))
    shapes = {page.picture.shape for page in (first, second, other)}
    assert len(shapes) == 3


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234/-", ["1234"]),
        ("12 + 34 = 46", ["12", "34", "46"]),
        ("Rs 5.50", ["550"]),
        ("(7)x8÷9", ["7", "8", "9"]),
        ("$ 1,000.", ["1000"]),
        ("€ 3-2", ["3", "2"]),
    ],
)
def test_signs_divide_numbers_and_commas_do_not(mnist, text, numbers):
    rng = np.random.default_rng(0)
    hand = choose_hand(rng, [[text]], gap=0.3, turn=0, slant=0, length=60)
    ink, found = write(text, hand, mnist.test, rng)
    assert [number for number, _ in found] == numbers
    rows = [bottom - top for _, (top, _, bottom, _) in found]
    assert all(30 < height <= len(ink) for height in rows)
    lefts = [box[1] for _, box in found]
    assert lefts == sorted(lefts)
    for _, (top, left, bottom, right) in found:  # no ink is cut
        assert (ink[top:bottom, [left, right - 1]] > 0.3).any(axis=0).all()
        assert (ink[[top, bottom - 1], left:right] > 0.3).any(axis=1).all()


def test_strokes_stay_near_their_square():
    assert set("0123456789,./-+x÷=()Rs$€") == set(STROKES)
    for variants in STROKES.values():
        points = np.array([p for strokes in variants for stroke in strokes for p in stroke])
        assert -0.15 <= points.min() <= points.max() <= 1.2


PAGE = Page(None, [("123", (0, 0, 10, 30)), ("45", (20, 0, 30, 20))])
TENS = {"1": (0, 0), "2": (0, 10), "3": (0, 20), "4": (20, 0), "5": (20, 10)}  # top and left


def read_as(*numbers):
    """A reading of `PAGE`: for each digit, the one that stands there (x for none), and its text."""
    return [
        ("".join(what for _, what in number), [place_of(where) for where, _ in number])
        for number in numbers
    ]


def place_of(where):
    top, left = TENS.get(where, (50, 50))
    return top, left, top + 10, left + 10


@pytest.mark.parametrize(
    ("numbers", "exact", "whole", "right", "sure_wrong", "ghosts", "marked"),
    [
        ((["11", "22", "33"], ["44", "55"]), True, 2, 5, 0, 0, 0),
        ((["11", "22", "33", "44", "55"],), False, 0, 5, 0, 0, 0),
        ((["44", "55"], ["11", "22", "33"]), False, 2, 3, 2, 0, 0),
        ((["11", "2?", "33"], ["44", "57"]), False, 0, 3, 1, 0, 1),
        ((["11", "22", "33"], ["x4", "x5"], ["44", "57"]), False, 1, 4, 1, 2, 0),
        ((["11", "22", "33"], ["44", "55"], ["x6", "x?"]), False, 2, 5, 0, 1, 1),
        ((["11", "22", "28", "33"], ["x4"]), False, 0, 3, 1, 1, 0),
        ((), False, 0, 0, 0, 0, 0),
    ],
)
def test_a_reading_is_scored(numbers, exact, whole, right, sure_wrong, ghosts, marked):
    assert score_page(read_as(*numbers), PAGE) == {
        "exact": exact,
        "numbers": 2,
        "whole": whole,
        "written": 5,
        "right": right,
        "sure_wrong": sure_wrong,
        "ghosts": ghosts,
        "marked": marked,
    }


def test_a_reading_becomes_numbers_in_pixels_of_the_picture(mnist):
    digits = [Digit(text, (1, 2, 3, 4), None, None) for text in "1?2"]
    numbers = Number("1?", None, tuple(digits[:2])), Number("2", None, tuple(digits[2:]))
    corners = np.array([(0.5, 0), (1, 0), (1, 1), (0.5, 1)])  # the right half
    reading = Reading("1?\n2", numbers, np.zeros((600, 1200), np.float32), corners)
    (first, boxes), (second, _) = list_numbers(reading, (900, 3600, 3))
    assert (first, second) == ("1?", "2")
    assert boxes == [pytest.approx((1.5, 1800 + 3, 4.5, 1800 + 6))] * 2
    assert read_page(None, np.full((100, 100, 3), 255, np.uint8)) == []
    page = next(draw_pages("styles", mnist.test, 1, seed=0))
    score = score_page(read_page(load_model("robust"), page.picture), page)
    assert score["right"] > score["written"] / 2
    assert score["ghosts"] == 0


FAKE_RAPIDOCR = """
from types import SimpleNamespace

class RapidOCR:
    def __init__(self, params):
        assert params["Global.text_score"] == 0

    def __call__(self, picture):
        if not picture[..., 0].any():  # no blue
            return SimpleNamespace(txts=None, word_results=(("", 1.0, None),), scores=None)
        first, second = ([[x, 2], [x + 5, 0], [x + 5, 8], [x, 10]] for x in (0, 20))
        lines = [("1", 0.9, first), ("2", 0.9, second)], [("7", 0.4, first)]
        return SimpleNamespace(txts=("1 2", "7"), word_results=lines, scores=(0.9, 0.4))
"""
FAKE_TESSERACT = """#!{python}
import sys

print("tesseract 5.0" if "--version" in sys.argv else "page_num\tleft\ttop\twidth\theight\ttext")
if "tsv" in sys.argv:
    for number, path in enumerate(open(sys.argv[1]), start=1):
        print(number, 0, 0, 32, 32, "", sep="\t")
        if "blank" not in path:
            print(number, 0, 10, 20, 10, 10 + number, sep="\t")
"""


@pytest.fixture
def fake_peers(tmp_path, monkeypatch):
    """RapidOCR for this Python and Tesseract on the PATH; returns their folder."""
    (tmp_path / "rapidocr.py").write_text(FAKE_RAPIDOCR)
    (tmp_path / "onnxruntime.py").touch()
    about = tmp_path / "rapidocr-3.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rapidocr\nVersion: 3.0\n")
    (tmp_path / "tesseract").write_text(FAKE_TESSERACT.format(python=sys.executable))
    (tmp_path / "tesseract").chmod(0o755)
    for name in ("PATH", "PYTHONPATH"):
        monkeypatch.setenv(name, f"{tmp_path}{os.pathsep}{os.environ[name]}")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([("1,234/-", 0, 0, 1)], [("1234", [0, 20, 30, 40])]),
        ([("12 x 3", 0, 0, 1)], [("12", [0, 10]), ("3", [50])]),
        ([("12", 0, 0, 0.4)], [("??", [0, 10])]),
        (
            [("4", 0, 20, 1), ("3", 50, 3, 1), ("2", 30, -2, 1), ("1", 0, 0, 1)],
            [("1", [0]), ("2", [30]), ("3", [50]), ("4", [0])],
        ),
        ([("Invoice", 0, 0, 1), ("½²٣", 0, 0, 1)], []),
    ],
)
def test_digits_of_a_peer_become_numbers_in_reading_order(words, numbers):
    """Each character is 10 pixels wide; a word has a text, its left, its top and a confidence."""
    words = [
        (text, [(y, x + 10 * n, y + 8, x + 10 * n + 10) for n in range(len(text))], confidence)
        for text, x, y, confidence in words
    ]
    assert [(text, [box[1] for box in boxes]) for text, boxes in find_numbers(words)] == numbers


def test_peers_read_pictures_in_processes_of_their_own(fake_peers):
    assert find_peers(sys.executable) == ["RapidOCR 3.0", "tesseract 5.0"]
    paths = [fake_peers / "blue.png", fake_peers / "red.png"]
    for path in paths:
        Image.new("RGB", (32, 32), path.stem).save(path)
    readings, seconds = read_with_rapidocr(sys.executable, paths)
    first, second = (0, 0, 10, 5), (0, 20, 10, 25)
    assert readings == [[("1", [first]), ("?", [first]), ("2", [second])], []]
    assert seconds >= 0
    readings, seconds = read_with_tesseract(paths)
    boxes = [(10, 0, 20, 10), (10, 10, 20, 20)]
    assert readings == [[("11", boxes)], [("12", boxes)]]
    assert seconds >= 0


def test_all_readers_stand_in_one_table(fake_peers, mnist, monkeypatch):
    monkeypatch.setattr(peers, "KINDS", ["webcam", "styles"])
    models = {"robust": load_model("robust")}
    heading, rule, *lines = compare_readers(models, sys.executable, mnist.test, 2)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in rows} == {heading.count("|") - 1, rule.count("|") - 1}
    readers = ["robust", "RapidOCR", "Tesseract"]
    assert [row[:3] for row in rows] == [
        [kind, reader, "4" if kind == "all" else "2"]
        for kind in ("webcam", "styles", "all")
        for reader in readers
    ]
    for first, second, both in zip(rows[:3], rows[3:6], rows[6:], strict=True):
        for place in (5, 6, 7):
            assert int(first[place]) + int(second[place]) == int(both[place])
        assert re.fullmatch(r"\d+% of 4", both[3])


def test_missing_peers_are_named_before_the_work(fake_peers, monkeypatch):
    def run(python):
        monkeypatch.setattr(sys, "argv", ["handwriting", "robust", "--peers", str(python)])
        handwriting.main()

    monkeypatch.setattr("digitlib.start_keras", lambda: pytest.fail("the work began"))
    with pytest.raises(
        SystemExit, match=r"nowhere/python has no RapidOCR\. (?s:.*) -m pip install"
    ):
        run("nowhere/python")
    (fake_peers / "rapidocr.py").write_text("import nothing_of_this_name")
    with pytest.raises(SystemExit, match=r"-m pip install rapidocr==.* onnxruntime==.*"):
        run(sys.executable)
    monkeypatch.setenv("PATH", str(fake_peers / "empty"))
    with pytest.raises(SystemExit, match="apt-get install tesseract-ocr"):
        run(sys.executable)


def test_a_peer_that_fails_says_why(fake_peers):
    (fake_peers / "tesseract").write_text("#!/bin/sh\necho no language >&2; exit 1")
    with pytest.raises(SystemExit, match="tesseract failed:\nno language"):
        read_with_tesseract([fake_peers / "page.png"])
