"""Training runs that end too soon: killed, interrupted, out of space, or with a loss of NaN."""

import contextlib
import dataclasses
import errno
import json
import os
import queue
import random
import signal
import time

import keras
import numpy as np
import pytest
from conftest import write_data
from forked import start_python

from digitlib import RECIPES, Split, train_model
from tests.training.small import QUICK, SMALL, cut, hash_run

# Compiles quickly, for tests of files.
PLAIN = dataclasses.replace(RECIPES["fast"], width=4, epochs=4, batch_size=100)
TRAIN_AND_HASH = """
import sys
import digitlib
digitlib.start_keras()
from tests.training.small import QUICK, cut, hash_run
data, folder = sys.argv[1:]
splits = cut(digitlib.load_mnist(data).train)
print("ready", flush=True)
print(hash_run(digitlib.train_model(QUICK, *splits, verbose=0, checkpoint_dir=folder)))
"""

DIE_IN_THE_THIRD_WRITE = """
import os, signal
import numpy as np
savez, calls = np.savez, []
def write_a_half(file, **arrays):
    calls.append(file)
    savez(file, **arrays)
    if len(calls) == 3:
        os.truncate(file, file.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
np.savez = write_a_half
"""


@pytest.fixture(scope="module")
def splits(mnist):
    return cut(mnist.train)


@pytest.fixture(scope="module")
def data(tmp_path_factory, mnist):
    """The same images in a folder, where a process finds them sooner than among all of MNIST."""
    return write_data(tmp_path_factory.mktemp("data"), mnist, 2000, 10)


@pytest.fixture(scope="module")
def whole(splits):
    """A run of `SMALL` that nothing interrupts, without checkpoints."""
    return train_model(SMALL, *splits, verbose=0)


@pytest.fixture(scope="module")
def expected(splits):
    """The hash of a whole run of `QUICK`, for tests whose processes each compile it anew."""
    return hash_run(train_model(QUICK, *splits, verbose=0))


def finish(*arguments):
    """Trains to the end in a process of its own; returns the hash of the run, and the seconds."""
    process, printed = start_python(TRAIN_AND_HASH, *arguments)
    printed.readline()
    started = time.monotonic()
    process.join(300)
    assert process.exitcode == 0
    (digest,) = printed.read().split()
    assert len(digest) == 64
    return digest, time.monotonic() - started


def test_a_killed_training_goes_on_and_ends_the_same(tmp_path, data, expected, pytestconfig):
    kills = 200 if pytestconfig.getoption("--many") else 20
    digest, longest = finish(data, tmp_path / "whole")
    assert digest == expected
    chance = random.Random(0)
    folder, trainings, resumed = tmp_path / "0", 0, 0
    for _ in range(kills):
        process, printed = start_python(TRAIN_AND_HASH, data, folder)
        printed.readline()
        time.sleep(chance.uniform(0, longest))
        process.kill()  # SIGKILL
        output = printed.read()
        process.join()
        if (folder / "training.npz").exists():
            with np.load(folder / "training.npz") as saved:  # never broken
                assert len(saved.files) > 10
                resumed += 1
        if output:  # it had finished before
            assert output.split() == [expected]
            trainings += 1
            folder = tmp_path / str(trainings)
    assert finish(data, folder)[0] == expected
    assert resumed > kills / 4, "too few were killed after their first epoch"
    assert [path.name for path in folder.iterdir()] == ["training.npz"]  # no half one is left


def test_a_kill_amid_the_writing_of_a_checkpoint_loses_one_epoch(tmp_path, data, expected):
    arguments = data, tmp_path / "killed"
    process, _ = start_python(DIE_IN_THE_THIRD_WRITE + TRAIN_AND_HASH, *arguments)
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    folder = tmp_path / "killed"
    assert len(list(folder.iterdir())) == 2, "a whole checkpoint, and a half one"
    with np.load(folder / "training.npz") as saved:
        assert json.loads(str(saved["note"]))["progress"]["epochs"] == 2
    assert finish(*arguments)[0] == expected
    assert [path.name for path in folder.iterdir()] == ["training.npz"]


def test_with_and_without_checkpoints_the_weights_are_the_same(splits, whole, tmp_path):
    with_one = train_model(SMALL, *splits, verbose=0, checkpoint_dir=tmp_path)
    again = train_model(SMALL, *splits, verbose=0, checkpoint_dir=tmp_path)  # nothing is left to do
    for run in (whole, again):
        for one, other in zip(with_one.model.weights, run.model.weights, strict=True):
            assert np.array_equal(one, other)
        assert run.history == with_one.history
    assert len(again.history["loss"]) == 4
    assert again.seconds == with_one.seconds


def test_another_training_is_not_continued(splits, tmp_path):
    train_model(PLAIN, *splits, verbose=0, checkpoint_dir=tmp_path)
    for changed, seed in ((dataclasses.replace(PLAIN, epochs=5), 0), (PLAIN, 1)):
        with pytest.raises(ValueError, match=r"another training run .*(recipe|seed)"):
            train_model(changed, *splits, seed=seed, verbose=0, checkpoint_dir=tmp_path)
    other = Split(splits[0].images[::-1], splits[0].labels[::-1])
    with pytest.raises(ValueError, match=r"holds another training run \(its data differs\)"):
        train_model(PLAIN, other, splits[1], verbose=0, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match=r"another training run \(its validation differs\)"):
        train_model(PLAIN, splits[0], splits[0], verbose=0, checkpoint_dir=tmp_path)
    fewer = dataclasses.replace(PLAIN, layers=RECIPES["tiny"].layers)
    with pytest.raises(ValueError, match=r"another training run \(its network differs\)"):
        train_model(fewer, *splits, verbose=0, checkpoint_dir=tmp_path)
    whole = (tmp_path / "training.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for damaged in (b"no checkpoint", whole[: len(whole) // 2], bytes(flipped)):
        (tmp_path / "training.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged or not a checkpoint: delete it"):
            train_model(PLAIN, *splits, verbose=0, checkpoint_dir=tmp_path)


def test_an_interruption_loses_one_epoch_at_most(splits, whole, tmp_path, monkeypatch):
    fit, calls = keras.Model.fit, []

    def interrupt_the_third(self, *arguments, **options):
        calls.append(options["initial_epoch"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(self, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", interrupt_the_third)
    with pytest.raises(KeyboardInterrupt):
        train_model(SMALL, *splits, verbose=0, checkpoint_dir=tmp_path)
    run = train_model(SMALL, *splits, verbose=0, checkpoint_dir=tmp_path)
    assert calls == [0, 1, 2, 2, 3]
    for one, other in zip(whole.model.weights, run.model.weights, strict=True):
        assert np.array_equal(one, other)


class _Interrupt:
    def __del__(self):  # Python only reports what is raised here, and goes on
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("at_the_end", [False, True])
def test_no_interruption_is_lost_and_a_finished_epoch_is_kept(
    splits, tmp_path, monkeypatch, at_the_end
):
    fit, calls = keras.Model.fit, []

    def interrupt_the_second(self, *arguments, **options):
        calls.append(options["initial_epoch"])
        if len(calls) == 2 and not at_the_end:
            _Interrupt()
        fitted = fit(self, *arguments, **options)
        if len(calls) == 2:
            _Interrupt()
        return fitted

    monkeypatch.setattr(keras.Model, "fit", interrupt_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_model(PLAIN, *splits, verbose=0, checkpoint_dir=tmp_path)
    train_model(PLAIN, *splits, verbose=0, checkpoint_dir=tmp_path)
    assert calls == ([0, 1, 2, 3] if at_the_end else [0, 1, 1, 2, 3])


def test_the_stop_button_leaves_a_checkpoint_and_a_usable_kernel(tmp_path, data, expected, kernel):
    folder = tmp_path / "stopped"
    arguments = ["", str(data), str(folder)]
    lesson = f"import sys\nsys.argv = {arguments}{TRAIN_AND_HASH}"
    manager, client = kernel
    printed = []
    request = client.execute(lesson, stop_on_error=False)  # True would skip what comes too soon
    deadline = time.monotonic() + 120
    while not (folder / "training.npz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    reply = None
    while reply is None:
        assert time.monotonic() < deadline
        manager.interrupt_kernel()  # lost if Python is not in an epoch, and ignores exceptions
        with contextlib.suppress(queue.Empty):
            message = client.get_shell_msg(timeout=1)
            # A kernel that was slow to start was asked several times whether it is there.
            if message["parent_header"]["msg_id"] == request:
                reply = message["content"]
    assert reply["ename"] == "KeyboardInterrupt"
    done = client.execute_interactive(lesson, timeout=120, output_hook=printed.append)
    assert done["content"]["status"] == "ok"
    texts = [part["content"]["text"] for part in printed if part["msg_type"] == "stream"]
    assert "".join(texts).split()[-1] == expected


def test_a_full_disk_keeps_the_last_complete_checkpoint(splits, tmp_path, monkeypatch):
    savez, calls = np.savez, []

    def fill_the_disk(file, **arrays):
        calls.append(len(arrays))
        if len(calls) == 3:
            file.write_bytes(b"a half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", fill_the_disk)
    with pytest.raises(OSError, match=r"No space left on device.*run it again") as caught:
        train_model(PLAIN, *splits, verbose=0, checkpoint_dir=tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in tmp_path.iterdir()] == ["training.npz"]
    train_model(PLAIN, *splits, verbose=0, checkpoint_dir=tmp_path)
    assert len(calls) == 5, "it went on after the second epoch"


def test_a_folder_that_cannot_be_written_to_is_refused_before_training(splits, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="checkpoints can't be written to"):
        train_model(SMALL, *splits, verbose=0, checkpoint_dir=tmp_path / "file")


def test_a_checkpoint_with_old_names_of_settings_is_continued(splits, tmp_path):
    recipe = dataclasses.replace(PLAIN, epochs=1, negatives=0.1, writing_styles=0.05)
    train_model(recipe, *splits, verbose=0, checkpoint_dir=tmp_path)
    path = tmp_path / "training.npz"
    with np.load(path) as saved:
        arrays = dict(saved)
    note = json.loads(str(arrays["note"]))
    numbers = note["identity"]["recipe"]
    assert (numbers["negatives"], numbers["writing_styles"], numbers["degradation"]) == (
        0.1,
        0.05,
        0,
    )
    for old, new in (
        *(("strangers", "negatives"), ("variants", "writing_styles")),
        ("paper", "degradation"),
    ):
        numbers[old] = numbers.pop(new)
    del numbers["clutter"], numbers["folded"]  # newer settings
    before = path.read_bytes()
    np.savez(path, **{**arrays, "note": np.array(json.dumps(note))})
    train_model(recipe, *splits, verbose=0, checkpoint_dir=tmp_path)  # nothing is left to do
    numbers["paper"] = 0.5
    np.savez(path, **{**arrays, "note": np.array(json.dumps(note))})
    with pytest.raises(ValueError, match=r"another training run \(its recipe differs\)"):
        train_model(recipe, *splits, verbose=0, checkpoint_dir=tmp_path)
    path.write_bytes(before)
    train_model(recipe, *splits, verbose=0, checkpoint_dir=tmp_path)


def test_a_loss_of_nan_ends_the_training_with_advice(splits, tmp_path):
    wild = dataclasses.replace(
        SMALL, batch_norm=False, learning_rate=1e20, schedule="constant", calibrated=False
    )
    advice = r"^the loss became (NaN|infinite)\. .* too high: lower `learning_rate`"
    with pytest.raises(FloatingPointError, match=advice):
        train_model(wild, *splits, verbose=0, checkpoint_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
