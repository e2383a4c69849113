"""Each command does its job: the main one with all of the real data, in a process of its own."""

import csv
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import idx_images, idx_labels, write_data
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from digitlib import RECIPES, load_model, predict_digits, save_model
from digitlib.data import LABEL_ERRORS

INTERRUPTED = "digitlib: interrupted; no unfinished file is left.\n"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """`train fast` as the README has it: 55,000 images, all epochs, judged on 10,000."""
    folder = tmp_path_factory.mktemp("trained")
    done = subprocess.run(
        [sys.executable, "-m", "digitlib", "train", "fast"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "fast.keras", done.stdout


@pytest.fixture(scope="session")
def predictions(trained, mnist):
    return predict_digits(load_model(trained[0]), mnist.test.images)


def test_train_classifies_more_than_988_of_1000_test_images(predictions, mnist):
    assert accuracy_score(mnist.test.labels, predictions) > 0.988


def test_train_prints_progress_accuracy_confusion_and_report(trained, predictions, mnist):
    output = trained[1]
    assert "430/430" in output  # batches of 128 in 55,000 images
    assert output.count("ms/step") == RECIPES["fast"].epochs  # no bar where there is no terminal
    assert not {"\x1b", "\b", "\r"} & set(output)
    assert f"Test accuracy {accuracy_score(mnist.test.labels, predictions):.2%}" in output
    for digit, row in enumerate(confusion_matrix(mnist.test.labels, predictions)):
        assert f"{digit:3}" + "".join(f"{count:6}" for count in row) in output
    assert "precision    recall  f1-score" in output
    assert "saved as fast.keras" in output


def test_train_draws_curves_and_confusion_beside_the_model(trained):
    for name in ("curves", "confusion"):
        with Image.open(trained[0].with_name(f"fast-{name}.png")) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 400


def test_train_takes_other_settings_and_writes_hdf5(mnist, run_python, run_digitlib, tmp_path):
    write_data(tmp_path, mnist, 600, 600)
    numbers = "--epochs", 2, "--batch-size", 50, "--dropout", 0.1, "--width", 4
    options = *numbers, "--data", tmp_path, "--output", "ocr.h5"
    done = run_python("-m", "digitlib", "train", "ocr", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "11/11" in done.stdout  # 550 images in batches of 50
    model = load_model(tmp_path / "ocr.h5")
    assert model.layers[0].filters == 4
    assert {layer.rate for layer in model.layers if hasattr(layer, "rate")} == {0.1}
    found = run_digitlib("evaluate", tmp_path / "ocr.h5", "--data", tmp_path, "--json")
    accuracy = json.loads(found.stdout)["accuracy"]
    assert f"Test accuracy {accuracy:.2%}" in done.stdout


def test_evaluate_agrees_with_scikit_learn(trained, predictions, mnist, run_digitlib):
    done = run_digitlib("evaluate", trained[0], "--json")
    result = json.loads(done.stdout)
    assert result["accuracy"] == accuracy_score(mnist.test.labels, predictions)
    assert result["count"] == 10_000
    assert 0 < result["loss"] < 0.1
    assert result["confusion"] == confusion_matrix(mnist.test.labels, predictions).tolist()
    assert done.stderr == ""
    text = run_digitlib("evaluate", trained[0]).stdout
    assert f"Test accuracy {result['accuracy']:.2%}" in text


def test_evaluate_of_several_models_takes_their_mean(trained, mnist, run_digitlib, tmp_path):
    """The second is the first with shuffled outputs, so that the mean differs from both."""
    first = load_model(trained[0])
    second = load_model(trained[0])
    kernel, bias = second.layers[-1].get_weights()
    second.layers[-1].set_weights([np.roll(kernel, 1, axis=1) * 0.5, bias])
    save_model(second, tmp_path / "second.keras")
    inputs = mnist.test.images[..., None].astype("float32") / 255
    mean = sum(model.predict(inputs, verbose=0) for model in (first, second)) / 2
    done = run_digitlib(*("evaluate", trained[0], tmp_path / "second.keras", "--json"))
    result = json.loads(done.stdout)
    assert result["accuracy"] == accuracy_score(mnist.test.labels, mean.argmax(axis=1))
    assert result["loss"] == pytest.approx(log_loss(mnist.test.labels, mean), rel=1e-4)


def test_evaluate_counts_wrong_labels_and_draws_mistakes(
    trained, predictions, mnist, run_digitlib, tmp_path
):
    sound = np.ones(10_000, bool)
    sound[list(LABEL_ERRORS)] = False
    expected = accuracy_score(mnist.test.labels[sound], predictions[sound])
    picture = tmp_path / "mistakes.png"
    done = run_digitlib("evaluate", trained[0], "--mistakes", picture)
    missed = int((predictions != mnist.test.labels)[~sound].sum())
    assert f"{missed} of 15 images with a label known to be wrong" in done.stdout
    assert f"without these images {expected:.2%}" in done.stdout
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
    report = json.loads(run_digitlib("evaluate", trained[0], "--json").stdout)
    assert report["accuracy_without_label_errors"] == pytest.approx(expected, abs=1e-12)


def test_evaluate_other_data(trained, predictions, mnist, run_digitlib, tmp_path):
    images, labels = mnist.test.images[:100], mnist.test.labels[:100]
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_images(images))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_labels(labels))
    options = trained[0], "--data", tmp_path, "--json"
    result = json.loads(run_digitlib("evaluate", *options).stdout)
    assert result["count"] == 100
    assert result["accuracy"] == accuracy_score(labels, predictions[:100])
    done = run_digitlib("train", "fast", "--data", tmp_path, cwd=tmp_path)
    assert_one_line(done, "holds test files only")


def test_predict_names_each_picture_and_its_digit(
    trained, predictions, mnist, run_digitlib, tmp_path
):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, mnist.test.images, strict=False):
        Image.fromarray(image).save(path)
    done = run_digitlib("predict", trained[0], *paths)
    assert done.stderr == ""
    for line, path, digit in zip(done.stdout.splitlines(), paths, predictions, strict=False):
        assert line.startswith(f"{path}: {digit} (")
        assert line.endswith("%)")
    assert len(done.stdout.splitlines()) == 3


def test_predict_names_a_picture_that_it_cannot_read_and_goes_on(
    trained, predictions, mnist, run_digitlib, tmp_path
):
    Image.fromarray(255 - mnist.test.images[0]).resize((400, 400)).save(tmp_path / "large.jpg")
    Image.new("L", (90, 90)).save(tmp_path / "blank.png")
    (tmp_path / "text.png").write_text("no picture")
    names = ["nowhere.png", "blank.png", "text.png", "large.jpg"]
    messages = ["No such file", "no digit found", "no picture that can be read"]
    done = run_digitlib("predict", trained[0], *names, cwd=tmp_path)
    assert done.returncode == 1
    *refused, read = done.stdout.splitlines()
    for line, name, message in zip(refused, names, messages, strict=False):
        assert line.startswith(f"{name}: error: ")
        assert message in line
    assert read.startswith(f"large.jpg: {predictions[0]} (")

    done = run_digitlib("predict", trained[0], *names, "--json", cwd=tmp_path)
    assert done.returncode == 1
    *refused, read = map(json.loads, done.stdout.splitlines())
    assert [line["file"] for line in refused] == names[:3]
    assert all(set(line) == {"file", "error"} for line in refused)
    assert read["digit"] == predictions[0] == np.argmax(read["probabilities"])
    assert sum(read["probabilities"]) == pytest.approx(1)


def write_number(path, images):
    """Digits of MNIST side by side, in black on white."""
    page = np.pad(np.hstack(images), 20)
    Image.fromarray(255 - page).resize((4 * page.shape[1], 4 * page.shape[0])).save(path)


def test_read_prints_the_number_in_each_picture(mnist, run_digitlib, tmp_path):
    write_number(tmp_path / "first.png", mnist.test.images[:4])
    write_number(tmp_path / "second.jpg", mnist.test.images[4:7])
    Image.new("L", (90, 90)).save(tmp_path / "blank.png")
    names = ["first.png", "blank.png", "second.jpg"]
    done = run_digitlib("read", "robust", *names, cwd=tmp_path)
    first, blank, second = done.stdout.splitlines()
    assert done.returncode == 1
    assert (first, second) == ("first.png: 7210", "second.jpg: 414")
    assert blank.startswith("blank.png: error: no digit found")

    options = "first.png", "--json", "--output", "marked.png"
    done = run_digitlib("read", "robust", *options, cwd=tmp_path)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["file"] == "first.png"
    assert found["text"] == "7210" == "".join(digit["digit"] for digit in found["digits"])
    (number,) = found["numbers"]
    assert number["text"] == "7210"
    boxes = np.array([digit["box"] for digit in found["digits"]])
    assert number["box"] == [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    assert found["size"] == [4 * 68, 4 * 152]
    for number, digit in enumerate(found["digits"]):
        top, left, bottom, right = digit["box"]
        assert 4 * (20 + 28 * number) < left < right < 4 * (48 + 28 * number)
        assert 4 * 20 < top < bottom < 4 * 48
        assert len(digit["probabilities"]) == 10
    with Image.open(tmp_path / "marked.png") as marked:
        assert marked.format == "PNG"

    done = run_digitlib("read", "robust", "first.png", "--sure", "1", cwd=tmp_path)
    assert done.stdout == "first.png: ????\n"


def write_forms(folder, images):
    """Forms with two numbers, with one, with three and with none, and a file of text."""
    space = np.zeros((28, 140), np.uint8)
    write_number(folder / "two.png", [images[3], images[0], space, images[1]])
    write_number(folder / "=one.png", images[:2])
    write_number(folder / "three,1.png", [images[0], space, images[1], space, images[2]])
    Image.new("L", (90, 90)).save(folder / "blank.png")
    (folder / "text.png").write_text("no picture")
    return ["two.png", "=one.png", "three,1.png", "blank.png", "text.png", "none.png"]


def test_read_writes_a_csv_with_a_row_for_each_form(mnist, run_digitlib, tmp_path):
    names = write_forms(tmp_path, mnist.test.images)
    words = "read", "robust", *names, "--columns", "order, amount"
    done = run_digitlib(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    header, two, one, three, *refused = csv.reader(io.StringIO(done.stdout))
    assert header == ["picture", "order", "amount", "remarks"]
    assert two == ["two.png", "07", "2", ""]
    assert one == ["'=one.png", "", "", "1 number, not 2: 72"]
    assert three == ["three,1.png", "", "", "3 numbers, not 2: 7 2 1"]
    assert [row[:3] for row in refused] == [[name, "", ""] for name in names[3:]]
    messages = ["no digit found", "no picture that can be read", "No such file"]
    for row, message in zip(refused, messages, strict=True):
        assert row[3].startswith("error: ") and message in row[3]

    (tmp_path / "forms.csv").write_text("older")
    written = run_digitlib(*words, "--output", "forms.csv", cwd=tmp_path)
    assert written.returncode == 1
    assert written.stdout == "Saved as forms.csv; remarks say what could not be read\n"
    assert (tmp_path / "forms.csv").read_bytes() == done.stdout.encode()
    read = "read", "robust", "two.png", "--columns", "größe,b", "--sure", "1"
    done = run_digitlib(*read, "--output", "forms.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Saved as forms.csv\n")
    lines = (tmp_path / "forms.csv").read_text("utf-8").splitlines()
    assert lines == ["picture,größe,b,remarks", "two.png,??,?,"]


def test_an_interrupted_csv_leaves_the_older_one(mnist, run_digitlib, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    write_forms(tmp_path, mnist.test.images)
    (tmp_path / "forms.csv").write_text("older")
    before = set(tmp_path.iterdir())
    monkeypatch.setattr("digitlib.read_digits", interrupt)
    words = "read robust two.png --columns a,b --output forms.csv"
    assert run_digitlib(*words.split(), cwd=tmp_path).returncode == 130
    assert (tmp_path / "forms.csv").read_text() == "older"
    assert set(tmp_path.iterdir()) == before


def assert_one_line(done, message):
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("digitlib: ")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("teach fast", "invalid choice: 'teach'"),
        ("train", "required: RECIPE"),
        ("train slow", "invalid choice: 'slow' (choose from"),
        ("train fast --epochs many", "invalid int value: 'many'"),
        ("train fast --epochs 0", "epochs must be a whole number above 0; got 0"),
        ("train fast --seed -1", "seed must be a whole number from 0 to 4294967295; got -1"),
        ("train fast --data nowhere", "nowhere is not a folder"),
        ("train fast --output nowhere/fast.keras", "nowhere is not a folder"),
        ("train fast --output fast.model", "must end in .keras"),
        ("train logistic --dropout 0.1", "recipe logistic has no dropout to override"),
        ("train fast --unknown", "unrecognized arguments: --unknown"),
        ("evaluate text.keras --mistakes wrong.jpg", "wrong.jpg must end in .png"),
        ("evaluate nowhere.keras", "not a file: nowhere.keras"),
        ("evaluate text.keras", "not a zip archive"),
        ("predict nowhere.keras digit.png", "not a file: nowhere.keras"),
        ("predict text.keras digit.png", "not a zip archive"),
        ("predict text.keras", "required: IMAGE"),
        ("read robust", "required: IMAGE"),
        ("read nowhere.keras page.png", "not a file: nowhere.keras"),
        ("read robust a.png b.png --output c.png", "--output takes one picture"),
        ("read robust a.png --output c.jpg", "must end in .png"),
        ("read robust a.png --output c.csv", "or --columns and a .csv"),
        ("read robust a.png --columns a,b --output c.png", "must end in .csv"),
        ("read robust a.png --columns a,b --json", "choose one of them"),
        ("read robust a.png --columns a,,b", "different names, none of them empty"),
        ("read robust a.png --columns a,b,a", "different names"),
        ("read robust a.png --columns a,remarks", "picture or remarks; got 'a,remarks'"),
        ("read robust a.png --sure 90", "between 0 and 1; got 90"),
        ("evaluate folder", "not a file: folder"),
        ("train fast --data keras", "keras is not a folder"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(run_digitlib, tmp_path, arguments, message):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "folder").mkdir()
    done = run_digitlib(*arguments.split(), cwd=tmp_path)
    assert_one_line(done, message)
    assert {path.name for path in tmp_path.iterdir()} == {"text.keras", "folder"}


def test_export_writes_another_format_and_compares(run_digitlib, tmp_path):
    done = run_digitlib("export", "robust", "small.tflite", "--int8", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Saved as small.tflite")
    compared = importlib.util.find_spec("ai_edge_litert") is not None
    expected = " of 1,000 test images; " if compared else "pip install ai-edge-litert"
    assert expected in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["small.tflite"]
    refused = run_digitlib("export", "robust", "reader.txt", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("digitlib: reader.txt must end in .tflite, .onnx or .html")


@pytest.mark.parametrize(
    "command", ["", "train", "evaluate", "predict", "read", "export", "compare", "tune", "handout"]
)
def test_help(run_digitlib, command):
    done = run_digitlib(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: python -m digitlib {command}".strip())
    assert ("fast" in done.stdout) == (command in ("train", "compare", "tune"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_interrupted_training_ends_in_one_line_and_leaves_no_file(tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-m", "digitlib", "train", "fast"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    seen = b""
    while b"ms/step" not in seen:  # training is under way
        piece = running.stdout.read1()
        assert piece, "training ended before it was interrupted"
        seen += piece
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors.decode()) == (130, INTERRUPTED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_the_same_line_goes_on_after_an_interruption(mnist, run_digitlib, tmp_path):
    (tmp_path / "data").mkdir()
    write_data(tmp_path / "data", mnist, 12_000, 300)
    line = "train", "fast", "--epochs", "5", "--checkpoint-dir", "kept", "--data", "data"
    running = subprocess.Popen(
        [sys.executable, "-m", "digitlib", *line],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 300
    while not (tmp_path / "kept" / "training.npz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors.decode()) == (130, INTERRUPTED)
    done = run_digitlib(*line, cwd=tmp_path)
    assert done.returncode == 0
    assert "the same command resumes from kept" in done.stdout
    assert "Epoch 1/5" not in done.stdout
    assert "Epoch 5/5" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("seconds", [0.3, 1, 2])
def test_interrupted_start_ends_in_one_line(tmp_path, seconds):
    starting = subprocess.Popen(
        [sys.executable, "-m", "digitlib", "train", "fast"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    time.sleep(seconds)
    starting.send_signal(signal.SIGINT)
    _, errors = starting.communicate(timeout=60)
    assert (starting.returncode, errors.decode()) == (130, INTERRUPTED)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_an_interrupt_within_an_import_ends_in_one_line(tmp_path):
    """Where an import executes a string, as dataclasses do, Python would end by the signal."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from digitlib.commands import shell\n"
        "waits = 'import os, signal; os.kill(os.getpid(), signal.SIGINT); signal.pause()'\n"
        "shell._run = lambda words: exec(waits)\n"
        "sys.exit(shell.main([]))\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, INTERRUPTED)
