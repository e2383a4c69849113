"""What all commands have in common: help, errors, destinations, file names and output."""

import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from conftest import ROOT, write_data
from PIL import Image, ImageDraw

import digitlib
from digitlib import RECIPES
from digitlib.__main__ import main
from digitlib.commands import predict, read
from digitlib.handwriting.reading import SURE, SURE_OF_CLEAR
from digitlib.training.recipe import SEED, SETTINGS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def folder(mnist, tmp_path):
    """A folder with the pictures 0.png to 2.png of a 7, a 2 and a 1, as dark ink on light paper."""
    for number in range(3):
        digit = Image.fromarray(255 - mnist.test.images[number])
        digit.resize((140, 140)).save(tmp_path / f"{number}.png")
    return tmp_path


@pytest.fixture
def no_work(monkeypatch):
    def work(*_, **__):
        pytest.fail("the work has started")

    for name in ("digitlib.start_keras", "digitlib.experiments.sweep._run_in_own_process"):
        monkeypatch.setattr(name, work)


def stop(*_, **__):
    raise ValueError("far enough")


def test_called_bare_it_prints_help(run_digitlib):
    bare, asked = run_digitlib(), run_digitlib("--help")
    assert (bare.returncode, bare.stdout, bare.stderr) == (0, asked.stdout, "")
    assert "train" in bare.stdout


def test_version_is_that_of_the_project(run_digitlib):
    assert digitlib.__version__ == PROJECT["version"]
    assert run_digitlib("--version").stdout == f"digitlib {PROJECT['version']}\n"


def test_the_installed_script_calls_main():
    module, name = PROJECT["scripts"]["digitlib"].split(":")
    assert getattr(sys.modules[module], name) is main


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        ("trian fast", "train"),  # codespell:ignore trian
        ("Predict", "predict"),
        ("train fats", "fast"),
        ("compare fast logistik", "logistic"),
        ("tune robustt", "robust"),
        ("train fast --epcohs 3", "--epochs"),
        ("train fast --writing_styles 0.1", "--writing-styles"),
        ("train fast --schedule cosin", "cosine"),
        ("evaluate robust --mistake-s a.png", "--mistakes"),
        ("--versoin", "--version"),
    ],
)
def test_a_mistyped_word_gets_a_suggestion(run_digitlib, words, suggestion):
    done = run_digitlib(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"; did you mean {suggestion}?\n")
    assert done.stderr.count("\n") == 1


def test_a_word_like_no_other_gets_no_suggestion(run_digitlib):
    assert "did you mean" not in run_digitlib("zzz").stderr
    assert "did you mean" not in run_digitlib("train", "fast", "--zzz").stderr


@pytest.mark.parametrize("command", ["train", "compare", "tune"])
def test_help_lists_recipes_and_settings(run_digitlib, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "1000")
    shown = " ".join(run_digitlib(command, "--help").stdout.split())
    for name, recipe in RECIPES.items():
        assert f" {name} {recipe.summary}" in shown
    for name, setting in SETTINGS.items():
        (_, *lines) = shown.split(f" --{name.replace('_', '-')}")
        assert lines
        assert f" {setting.meaning} ({setting.range})".removesuffix(" ()") in lines[-1]


def test_the_help_of_read_names_the_thresholds_of_read_digits():
    shown = f"default: {SURE}, or {SURE_OF_CLEAR} in a picture"
    assert shown in read.ARGUMENTS["--sure"]["help"]


def test_help_does_not_wait_for_heavy_modules(run_python):
    heavy = "keras", "tensorflow", "pandas", "matplotlib", "sklearn", "scipy", "skimage", "h5py"
    script = "import sys; from digitlib.__main__ import main; main(['train', '--help'])"
    done = run_python("-c", f"{script}; print(sorted(set(sys.modules) & set({heavy})))")
    assert done.stdout.endswith("\n[]\n")


@pytest.mark.parametrize("command", ["train", "tune"])
@pytest.mark.parametrize("seed", ["-1", str(2**32)])
def test_a_seed_out_of_range_is_found_first(run_digitlib, no_work, command, seed):
    done = run_digitlib(command, "fast", "--seed", seed)
    assert done.returncode == 2
    assert SEED.range in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "train fast --output nowhere/a.keras",
        "train fast --output folder.keras",
        "train fast --checkpoint-dir nowhere/kept",
        "train fast --checkpoint-dir 0.png",
        "evaluate robust --mistakes nowhere/a.png",
        "evaluate robust --mistakes folder.png",
        "read robust 0.png --output nowhere/a.png",
        "read robust 0.png --output folder.png",
        "read robust 0.png --columns a --output nowhere/a.csv",
        "read robust 0.png --columns a --output folder.csv",
        "export robust nowhere/a.tflite",
        "compare logistic --output nowhere/a.csv",
        "compare logistic --output a.txt",
        "compare logistic --models nowhere",
        "compare logistic --models 0.png",
        "tune dense --output nowhere/a.csv",
        "class . --output nowhere/a.html",
        "class . --output a.txt",
        "class . --csv folder.csv",
    ],
)
def test_a_destination_that_cannot_be_written_is_found_first(run_digitlib, folder, no_work, words):
    for suffix in ("keras", "png", "csv"):
        (folder / f"folder.{suffix}").mkdir()
    before = set(folder.iterdir())
    done = run_digitlib(*words.split(), cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("digitlib: ")
    assert done.stderr.count("\n") == 1
    assert set(folder.iterdir()) == before


def test_a_missing_setting_of_keras_is_one_line(run_digitlib, folder, monkeypatch):
    monkeypatch.setattr("digitlib.start_keras", stop)
    for words in ("train fast", "evaluate robust", "predict robust 0.png", "export robust a.onnx"):
        done = run_digitlib(*words.split(), cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "digitlib: far enough\n"


def test_an_unexpected_error_keeps_its_traceback(run_digitlib, monkeypatch):
    monkeypatch.setattr("digitlib.load_mnist", lambda folder: {}["test"])
    with pytest.raises(KeyError):
        run_digitlib("evaluate", "robust")


def test_an_unexpected_error_ends_only_its_picture(run_digitlib, folder, monkeypatch):
    def read_digits(model, path, *, sure, usual=digitlib.read_digits):
        return usual(model, path, sure=sure) if path == "1.png" else [][0]

    monkeypatch.setattr("digitlib.read_digits", read_digits)
    done = run_digitlib("read", "robust", "0.png", "1.png", cwd=folder)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first == "0.png: error: unexpected IndexError: list index out of range"
    assert second == "1.png: 2"
    assert "Traceback" in done.stderr


def test_patterns_are_expanded(run_digitlib, folder):
    done = run_digitlib("predict", "robust", "?.png", cwd=folder)
    names = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert (done.returncode, names) == (0, ["0.png", "1.png", "2.png"])
    done = run_digitlib("read", "robust", "no*.png", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("no*.png: error: ")
    done = run_digitlib("read", "robust", "*.png", "--output", "a.png", cwd=folder)
    assert done.returncode == 2
    assert "--output takes one picture" in done.stderr


def test_patterns_of_models_are_expanded(run_digitlib, folder, mnist, monkeypatch):
    write_data(folder, mnist, 10, 10)
    model = digitlib.load_model("robust")
    for name in ("a.keras", "b.keras"):
        digitlib.save_model(model, folder / name)
    loaded = []
    monkeypatch.setattr("digitlib.load_model", lambda path: loaded.append(path) or model)
    assert run_digitlib("evaluate", "?.keras", "--data", ".", cwd=folder).returncode == 0
    assert loaded == ["a.keras", "b.keras"]
    assert run_digitlib("predict", "a*.keras", "0.png", cwd=folder).returncode == 0
    assert loaded[2:] == ["a.keras"]
    done = run_digitlib("predict", "*.keras", "0.png", cwd=folder)
    assert done.returncode == 2
    assert "one model is needed; got 2: a.keras, b.keras" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such name")
def test_a_file_that_looks_like_a_pattern_is_itself(run_digitlib, folder):
    (folder / "0.png").rename(folder / "?.png")
    assert run_digitlib("predict", "robust", "?.png", cwd=folder).stdout.startswith("?.png: 7 (")


def test_the_home_folder_is_expanded(run_digitlib, folder, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    done = run_digitlib("read", "robust", "~/0.png", "--output", "~/marked.PNG")
    assert (done.returncode, done.stdout) == (0, f"{Path('~/0.png').expanduser()}: 7\n")
    with Image.open(folder / "marked.PNG") as picture:
        assert picture.format == "PNG"
    monkeypatch.setattr("digitlib.load_mnist", stop)
    for words in (
        "train fast --data ~ --checkpoint-dir ~/kept --output ~/a.keras",
        "evaluate ~/0.png",
    ):
        assert run_digitlib(*words.split()).stderr == "digitlib: far enough\n"


def test_a_picture_without_a_digit_is_uncertain(run_digitlib, folder):
    cross = Image.new("L", (200, 200), 255)
    for ends in ((40, 40, 160, 160), (40, 160, 160, 40)):
        ImageDraw.Draw(cross).line(ends, fill=0, width=12)
    cross.save(folder / "cross.png")
    done = run_digitlib("predict", "robust", "0.png", "cross.png", cwd=folder)
    certain, uncertain = done.stdout.splitlines()
    assert done.returncode == 0
    assert certain.startswith("0.png: 7 (")
    assert certain.endswith("%)")
    assert uncertain.startswith("cross.png: ")
    assert "? (" in uncertain
    assert uncertain.endswith("%), uncertain")
    done = run_digitlib("predict", "robust", "0.png", "cross.png", "--json", cwd=folder)
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["digit"], first["certain"], second["certain"]) == (7, True, False)
    assert max(second["probabilities"]) < predict.CERTAIN <= max(first["probabilities"])


NAME = "\N{CYRILLIC SMALL LETTER TSE}\N{BLACK STAR}.png"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_name_outside_the_code_page_takes_one_line(folder, monkeypatch, options):
    (folder / "0.png").rename(folder / NAME)
    monkeypatch.chdir(folder)
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert main(["predict", "robust", NAME, "1.png", f"no{NAME}", *options]) == 1
    assert main(["evaluate", NAME.replace(".png", ".keras")]) == 2
    sys.stderr.flush()
    lines = sys.stdout.buffer.getvalue().decode("ascii").splitlines()
    assert len(lines) == 3
    assert "\\u0446\\u2605.png" in lines[0]
    assert "\\u0446\\u2605.keras" in sys.stderr.buffer.getvalue().decode("ascii")


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such name")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_name_cannot_break_lines_or_command_the_terminal(run_digitlib, folder, options):
    name = "a\n\x1b[31mb\udcff.png"
    (folder / "0.png").rename(folder / name)
    done = run_digitlib("predict", "robust", name, "none\x1b.png", *options, cwd=folder)
    assert len(done.stdout.splitlines()) == 2
    assert "\x1b" not in done.stdout
    assert (
        "a\\n\\x1b[31mb\\udcff.png: 7 (" in done.stdout
        or json.loads(done.stdout.splitlines()[0])["file"] == name
    )


@pytest.mark.parametrize("missing", [["stderr"], ["stdout"], ["stdout", "stderr"]])
def test_no_standard_output_or_error(folder, monkeypatch, missing):
    for stream in missing:
        monkeypatch.setattr(sys, stream, None)
    assert main(["predict", "robust", str(folder / "0.png")]) == 0
    assert main(["read", "robust", str(folder / "none.png")]) == 1
    assert main(["evaluate", "none.keras"]) == 2
    assert main([]) == 0


@pytest.mark.skipif(os.name == "nt", reason="needs a shell of Unix")
def test_closed_descriptors(folder):
    line = f"exec {sys.executable} -m digitlib predict robust 0.png 0<&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], cwd=folder, timeout=100).returncode == 0


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("words", ["predict robust 0.png 1.png 2.png", "train --help"])
def test_a_closed_pipe_ends_quietly(folder, words):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "digitlib", *words.split()],
        cwd=folder,
        env=BUFFERED,
        stdout=write_end,
        stderr=subprocess.PIPE,
        timeout=100,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has this file")
def test_a_full_disk_is_one_line(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "digitlib", "--version"],
            cwd=folder,
            env=BUFFERED,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("digitlib: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("terminal", "environment", "verbose"),
    [
        (True, {}, 1),
        (True, {"NO_COLOR": ""}, 1),
        (True, {"NO_COLOR": "1"}, 2),
        (True, {"TERM": "dumb"}, 2),
        (False, {}, 2),
    ],
)
def test_a_bar_is_shown_where_it_can_be(monkeypatch, tmp_path, terminal, environment, verbose):
    monkeypatch.chdir(tmp_path)
    for name, value in {"NO_COLOR": "", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    asked = {}
    monkeypatch.setattr("digitlib.train_model", lambda *_, **given: asked.update(given) or stop())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    main(["train", "fast"])
    assert asked["verbose"] == verbose


def test_the_users_settings_of_matplotlib_are_not_used(run_python, mnist, tmp_path):
    write_data(tmp_path, mnist, 600, 100)
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.family: No Such Font\n")
    done = run_python(
        *("-m", "digitlib", "train", "logistic", "--epochs", 1, "--data", tmp_path),
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "module://no_such.backend"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("curves", "confusion"):
        with Image.open(tmp_path / f"logistic-{name}.png") as picture:
            assert min(picture.size) > 400


def test_the_settings_of_matplotlib_are_restored(run_digitlib, folder, monkeypatch):
    monkeypatch.setitem(plt.rcParams, "font.size", 31)
    run_digitlib("read", "robust", "0.png", "--output", "marked.png", cwd=folder)
    assert plt.rcParams["font.size"] == 31
    assert (folder / "marked.png").exists()


def test_a_training_whose_figure_fails_has_succeeded(run_digitlib, monkeypatch, mnist, tmp_path):
    def plot_learning_curves(history):
        raise RuntimeError("no ink")

    write_data(tmp_path, mnist, 600, 100)
    (tmp_path / "logistic-confusion.png").mkdir()
    monkeypatch.setattr("digitlib.plot_learning_curves", plot_learning_curves)
    words = "train logistic --epochs 1 --data . --output logistic.keras"
    done = run_digitlib(*words.split(), cwd=tmp_path)
    assert done.returncode == 0
    assert "saved as logistic.keras" in done.stdout
    assert "logistic-curves.png could not be drawn" in done.stderr
    assert "logistic-confusion.png could not be drawn" in done.stderr
    assert "Traceback" not in done.stderr
    (probability,) = digitlib.predict_probabilities(
        digitlib.load_model(tmp_path / "logistic.keras"), mnist.test.images[:1]
    ).sum(axis=1)
    assert probability == pytest.approx(1)


def test_a_model_is_saved_before_it_is_evaluated(run_digitlib, monkeypatch, mnist, tmp_path):
    write_data(tmp_path, mnist, 600, 100)
    monkeypatch.setattr("digitlib.evaluate_model", stop)
    words = "train logistic --epochs 1 --data . --output logistic.keras"
    assert run_digitlib(*words.split(), cwd=tmp_path).returncode == 2
    assert (tmp_path / "logistic.keras").exists()


def test_a_reading_is_kept_where_its_figure_fails(run_digitlib, folder, monkeypatch):
    monkeypatch.setattr("digitlib.plot_reading", stop)
    done = run_digitlib("read", "robust", "0.png", "--output", "marked.png", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "0.png: 7\n")
    assert done.stderr == "digitlib: far enough\n"
    assert not (folder / "marked.png").exists()
