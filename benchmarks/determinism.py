"""Train a recipe under different circumstances, and measure how much its results change.

Each training runs in its own process. The first one, with two threads, is the reference for the
others; the second repeats it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.machine import WITHOUT_AVX512
from benchmarks.tables import write_rows

PROJECT = Path(__file__).resolve().parent.parent
COLUMNS = [
    *("recipe", "seed", "circumstances", "versions", "same_weights", "largest_difference"),
    *("other_answers", "test_accuracy"),
]


def threads(count):
    """Returns environment variables that make TensorFlow use this number of threads."""
    return {"TF_NUM_INTRAOP_THREADS": str(count), "OMP_NUM_THREADS": str(count)}


CIRCUMSTANCES = {
    "2 threads": threads(2),
    "2 threads again": threads(2),
    "1 thread": threads(1),
    "without AVX-512": {**threads(2), **WITHOUT_AVX512},
    "without oneDNN": {**threads(2), "TF_ENABLE_ONEDNN_OPTS": "0"},
}


def main():
    """Trains under each of the circumstances in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="fast", help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PYTHON",
        help="the Python of an environment with other versions; may be repeated",
    )
    parser.add_argument("--output", type=Path, default="determinism.csv", metavar="CSV")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        recipe, seed, path = options.child
        _train_here(recipe, int(seed), path)
        return
    runs = [(name, sys.executable, given) for name, given in CIRCUMSTANCES.items()]
    runs += [("other versions", python, threads(2)) for python in options.python]
    rows = train_repeatedly(options.recipe, options.seeds, runs)
    for row in write_rows(rows, COLUMNS, options.output):
        print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def train_repeatedly(recipe, seeds, runs):
    """Yields a row for each seed and run; a run is its circumstances, a Python and variables."""
    for seed in range(seeds):
        first = None
        for name, python, given in runs:
            result = _train(python, given, recipe, seed)
            first = first or result
            row = {"recipe": recipe, "seed": seed, "circumstances": name}
            yield row | compare_trainings(first, result)


def _train(python, given, recipe, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.npz"
        subprocess.run(
            [python, "-m", "benchmarks.determinism", "--child", recipe, str(seed), str(path)],
            cwd=PROJECT,
            env={**os.environ, **given, "PYTHONPATH": str(PROJECT)},
            check=True,
        )
        with np.load(path) as saved:
            return dict(saved)


def _train_here(name, seed, path):
    import digitlib

    digitlib.start_keras()
    import keras
    import tensorflow

    mnist = digitlib.load_mnist()
    recipe = digitlib.RECIPES[name]
    train, validation = digitlib.hold_out(mnist.train, recipe.validation_fraction, seed=0)
    model = digitlib.train_model(recipe, train, validation, seed=seed, verbose=0).model
    answers = digitlib.predict_digits(model, mnist.test.images)
    np.savez(
        path,
        weights=np.concatenate([weights.ravel() for weights in model.get_weights()]),
        answers=answers,
        accuracy=(answers == mnist.test.labels).mean(),
        versions=f"TensorFlow {tensorflow.__version__}, Keras {keras.__version__}",
    )


def compare_trainings(first, other):
    """Returns how two results differ: a row of `COLUMNS` without recipe, seed and circumstances."""
    return {
        "versions": str(other["versions"]),
        "same_weights": bool(np.array_equal(first["weights"], other["weights"])),
        "largest_difference": float(np.abs(first["weights"] - other["weights"]).max()),
        "other_answers": int((first["answers"] != other["answers"]).sum()),
        "test_accuracy": float(other["accuracy"]),
    }


if __name__ == "__main__":
    main()
