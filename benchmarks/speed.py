"""Measure the cost of training for several recipes in turn, and print the ratios.

Each measurement runs in a new process with all cores, so it starts cold and has its own peak
memory. The program writes each result to disk at once.
"""

import argparse
import importlib.util
import json
import os
import runpy
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.machine import WITHOUT_AVX512, count_operations, measure_peak
from benchmarks.tables import write_rows
from digitlib.experiments.fingerprint import describe_processor

PROJECT = Path(__file__).resolve().parent.parent
COLUMNS = [
    *("name", "images", "epochs", "repeat", "test_accuracy", "fit_cpu_seconds"),
    *("fit_wall_seconds", "process_cpu_seconds", "process_wall_seconds", "peak_megabytes"),
    *("gigaflop", "peak_gigaflops", "processor", "cores", "avx512_vnni"),
]
DEFAULT = "fast, TensorFlow's default"
PEER = "fast in PyTorch"
NO_TORCH = f"{PEER} needs PyTorch, which digitlib does not install: pip install torch==2.13.0"
ALWAYS = [
    *(("stacked_conv", 1), ("keras_example", 1)),
    *(("fast", None), (DEFAULT, None), ("accurate", None)),
]
REST = [("tiny", None), ("best", None), ("keras_example", None)]


def main():
    """Runs the measurements in turn."""
    options = _build_parser().parse_args()
    if options.torch and not importlib.util.find_spec("torch"):
        sys.exit(NO_TORCH)
    machine, environment = choose_machine(without_avx512=options.without_avx512)
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    rows = []
    for row in write_rows(measure_runs(options, machine, environment), COLUMNS, options.output):
        rows.append(row)
        print(describe_row(row), flush=True)
    if not options.scaling:
        print("\nRatios of CPU-s and of s:", *describe_ratios(rows), sep="\n")


def _build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Close other programs first: other work distorts the times.",
    )
    parser.add_argument(
        "--all", action="store_true", help="also measure tiny, best and all epochs of keras_example"
    )
    parser.add_argument("--torch", action="store_true", help="also measure `fast` in PyTorch")
    parser.add_argument(
        "--scaling", action="store_true", help="instead, show how cost grows with images and epochs"
    )
    parser.add_argument(
        "--without-avx512",
        action="store_true",
        help="imitate a processor without AVX-512",
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--images", type=int, default=60_000, metavar="N", help="one in twelve is for validation"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("speed.csv"), metavar="CSV", help="default: %(default)s"
    )
    return parser


def measure_runs(options, machine, environment):
    """Yields a row for each repeat of each run, in turn."""
    for repeat in range(options.repeats):
        peak = measure_in_child({"peak": True}, environment)["peak_gigaflops"]
        for name, epochs, images in _list_runs(options):
            run = {"name": name, "epochs": epochs, "images": images, "seed": repeat}
            row = {"repeat": repeat, "peak_gigaflops": peak, **machine}
            yield row | measure_in_child(run, environment) | {"gigaflop": count_gigaflop(**run)}


def _list_runs(options):
    """Returns what to measure: name (for `_find_trainer`), epochs (None: its own) and images."""
    if options.scaling:
        sizes = (15_000, 4), (30_000, 4), (60_000, 4), (60_000, 2), (60_000, 8)
        return [(name, epochs, n) for name in ("fast", "accurate") for n, epochs in sizes]
    chosen = ALWAYS + (REST if options.all else []) + ([(PEER, None)] if options.torch else [])
    return [(name, epochs, options.images) for name, epochs in chosen]


def choose_machine(*, without_avx512=False):
    """Describes this machine, or makes it imitate one without AVX-512.

    Returns:
        Two dicts: the result of `describe_processor`, adjusted for the imitation, and the
        environment variables for the processes to measure.
    """
    machine = describe_processor()
    if not without_avx512:
        return machine, dict(os.environ)
    machine |= {"processor": f"{machine['processor']} imitating AVX2", "avx512_vnni": False}
    return machine, os.environ | WITHOUT_AVX512


def measure_in_child(run, environment):
    """Does one measurement in a new process, and measures that process's wall-clock time."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks import speed; speed.measure_here({run!r})"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=environment,
    )
    wall = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{run} failed:\n{done.stderr}")
    return {"process_wall_seconds": round(wall, 2), **json.loads(done.stdout.splitlines()[-1])}


def measure_here(run):
    """Prints the measurement that `measure_in_child` asked for, as JSON."""
    print(json.dumps({"peak_gigaflops": measure_peak()} if "peak" in run else train_here(**run)))


def train_here(name, epochs, images, seed):
    """Does what a user does: start, load, train, and predict the test images once.

    Args:
        name: a recipe's name, `DEFAULT`, `PEER`, or the path of a Python file with a function
            `train(train, validation, seed)` that returns a function from uint8 images
            (n, 28, 28) to digits (n,).
        epochs: int, or None for the recipe's own.
        images: how many training images to use; one in twelve is for validation.
        seed: int.

    Returns:
        A dict of the measured `COLUMNS`.
    """
    import digitlib

    if name == DEFAULT:
        # digitlib has switched oneDNN on. TensorFlow reads this when it is imported; its own
        # default on the imitated processor would be off.
        del os.environ["TF_ENABLE_ONEDNN_OPTS"]
        if "ONEDNN_MAX_CPU_ISA" in os.environ:
            os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    train, recipe = _find_trainer(name, epochs), _find_recipe(name, epochs)
    mnist = digitlib.load_mnist()
    some = digitlib.Split(mnist.train.images[:images], mnist.train.labels[:images])
    fraction = recipe.validation_fraction if recipe else 1 / 12
    learned, validation = digitlib.hold_out(some, fraction, seed=0)
    wall, cpu = time.perf_counter(), time.process_time()
    predict = train(learned, validation, seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    accuracy = float((predict(mnist.test.images) == mnist.test.labels).mean())
    return {
        "name": name,
        "images": len(some.labels),
        "epochs": recipe.epochs if recipe else None,
        "test_accuracy": accuracy,
        "fit_cpu_seconds": round(cpu, 2),
        "fit_wall_seconds": round(wall, 2),
        "process_cpu_seconds": round(time.process_time(), 2),
        "peak_megabytes": read_peak_memory() // 1024**2,
    }


def read_peak_memory():
    """Returns the most memory that this process has held so far, in bytes."""
    import resource  # not on Windows

    status = Path("/proc/self/status")
    if not status.exists():  # macOS, which counts bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # On Linux, that number begins with the memory of the process that started this one.
    (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024


def _find_recipe(name, epochs):
    from digitlib import RECIPES
    from digitlib.training.recipe import override_recipe

    if name.endswith(".py"):
        return None
    recipe = RECIPES["fast" if name in (DEFAULT, PEER) else name]
    return override_recipe(recipe, epochs=epochs or recipe.epochs)


def _find_trainer(name, epochs):
    """Returns a function that trains with two splits and a seed, and returns one that predicts."""
    recipe = _find_recipe(name, epochs)
    if name == PEER:
        from benchmarks.torch_peer import train_fast

        return partial(train_fast, recipe)
    if not recipe:
        return runpy.run_path(name)["train"]
    import digitlib

    digitlib.start_keras()

    def train(learned, validation, seed):
        model = digitlib.train_model(recipe, learned, validation, seed=seed, verbose=0).model
        return partial(digitlib.predict_digits, model)

    return train


def count_gigaflop(name, epochs, images, seed):
    """Counts the operations of training a recipe (convolutions and dense layers), in 10**9."""
    import digitlib
    from digitlib.training.networks import build_model

    digitlib.start_keras()
    recipe = _find_recipe(name, epochs)
    predicting, training = count_operations(build_model(recipe))
    held_out = round(images * recipe.validation_fraction)
    once = (images - held_out) * training + held_out * predicting
    return round(recipe.epochs * once / 1e9, 1)


def describe_row(row):
    """Describes a measurement in one line."""
    rate = row["gigaflop"] / row["fit_wall_seconds"]
    return (
        f"{row['name']:26} {row['images']:6,} images {row['epochs']:3} epochs: "
        f"fit {row['fit_cpu_seconds']:7.1f} CPU-s {row['fit_wall_seconds']:7.1f} s, "
        f"{rate / row['peak_gigaflops']:4.0%} of {row['peak_gigaflops']:.0f} GFLOP/s; "
        f"cold start to result {row['process_cpu_seconds']:7.1f} CPU-s "
        f"{row['process_wall_seconds']:7.1f} s; peak {row['peak_megabytes']:5} MB; "
        f"test {row['test_accuracy']:.2%}"
    )


def describe_ratios(rows):
    """Compares the costs of training, each the median of its repeats.

    Args:
        rows: dicts of `COLUMNS`, as measured without `--scaling`.

    Returns:
        A list of lines: a heading, then for each comparison the ratio of CPU seconds, the ratio of
        wall-clock seconds, and its name.
    """

    def costs(name, epochs=None):
        runs = [row for row in rows if row["name"] == name]
        chosen = [row for row in runs if epochs in (None, row["epochs"])]
        return [
            statistics.median(row[f"fit_{kind}_seconds"] for row in chosen) if chosen else None
            for kind in ("cpu", "wall")
        ]

    epoch, fast = costs("stacked_conv", epochs=1), costs("fast")
    compared = [
        ("10 epochs of stacked_conv / fast", 10, epoch, fast),
        ("15 epochs of keras_example / fast", 15, costs("keras_example", epochs=1), fast),
        (f"{DEFAULT} / fast", 1, costs(DEFAULT), fast),
        (f"{PEER} / fast", 1, costs(PEER), fast),
        *(
            (f"{name} / one epoch of stacked_conv", 1, costs(name), epoch)
            for name in ("accurate", "tiny", "best")
        ),
    ]
    lines = [" CPU-s       s"]
    for name, times, cost, unit in compared:
        if None not in cost:
            cpu, wall = (times * a / b for a, b in zip(cost, unit, strict=True))
            lines.append(f"{cpu:6.2f}  {wall:6.2f}  {name}")
    return lines


if __name__ == "__main__":
    main()
