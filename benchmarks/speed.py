"""Measure what training costs, in turn within one run on one machine, and print the ratios.

Each measurement is a process of its own with all cores, so that it begins cold and its peak
memory is its own. Every result is on disk as soon as it is there.
"""

import argparse
import csv
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
COLUMNS = [
    *("name", "images", "epochs", "repeat", "test_accuracy", "fit_cpu_seconds"),
    *("fit_wall_seconds", "process_cpu_seconds", "process_wall_seconds", "peak_megabytes"),
]
ALWAYS = [("stacked_conv", 1), ("keras_example", 1), ("fast", None), ("accurate", None)]
PEER = "fast in PyTorch"
REST = [("tiny", None), ("best", None), ("keras_example", None)]


def main():
    """Measures one thing after the other."""
    options = _build_parser().parse_args()
    if options.child:
        print(json.dumps(_train_here(**json.loads(options.child))))
        return
    if options.torch and not importlib.util.find_spec("torch"):
        sys.exit("--torch needs PyTorch, which is no requirement here: pip install torch==2.13.0")
    rows = []
    with options.output.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for repeat in range(options.repeats):
            for name, epochs, images in _list_runs(options):
                run = {"name": name, "epochs": epochs, "images": images, "seed": repeat}
                row = {**_measure(run), "repeat": repeat}
                rows.append(row)
                table.writerow(row)
                file.flush()
                print(
                    f"{row['name']:16} {row['images']:6,} images {row['epochs']:3} epochs: "
                    f"fit {row['fit_cpu_seconds']:7.1f} CPU-s {row['fit_wall_seconds']:7.1f} s; "
                    f"cold start to result {row['process_cpu_seconds']:7.1f} CPU-s "
                    f"{row['process_wall_seconds']:7.1f} s; peak {row['peak_megabytes']:5} MB; "
                    f"test {row['test_accuracy']:.2%}",
                    flush=True,
                )
    if not options.scaling:
        print("\nCPU-seconds of training:", *describe_ratios(rows), sep="\n")


def _list_runs(options):
    """What to measure: a recipe's name or PEER, epochs (None: the recipe's own), and images."""
    if options.scaling:
        sizes = (15_000, 4), (30_000, 4), (60_000, 4), (60_000, 2), (60_000, 8)
        return [(name, epochs, n) for name in ("fast", "accurate") for n, epochs in sizes]
    chosen = ALWAYS + (REST if options.all else []) + ([(PEER, None)] if options.torch else [])
    return [(name, epochs, options.images) for name, epochs in chosen]


def _build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Close other programs first: times of a busy machine tell about its other work.",
    )
    parser.add_argument("--all", action="store_true", help="measure tiny and best, too")
    parser.add_argument("--torch", action="store_true", help="and `fast` in PyTorch (install it)")
    parser.add_argument(
        "--scaling", action="store_true", help="instead, show how cost grows with images and epochs"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--images", type=int, default=60_000, metavar="N", help="a twelfth of them validates"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("speed.csv"), metavar="CSV", help="default: %(default)s"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser


def _measure(run):
    """Trains in a new process, which prints what it measured, and measures that process."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--child", json.dumps(run)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    wall = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{run['name']} failed:\n{done.stderr}")
    measured = json.loads(done.stdout.splitlines()[-1])
    return {"name": run["name"], "process_wall_seconds": round(wall, 2), **measured}


def _train_here(name, epochs, images, seed):
    """The whole way of one user: start, load, train, judge."""
    import resource  # not on Windows

    import digitlib

    if name == PEER:
        from benchmarks.torch_peer import train_fast as train
    else:
        digitlib.start_keras()
        train = _train_keras
    mnist = digitlib.load_mnist()
    recipe = digitlib.RECIPES["fast" if name == PEER else name]
    recipe = digitlib.override_recipe(recipe, epochs=epochs or recipe.epochs)
    some = digitlib.Split(mnist.train.images[:images], mnist.train.labels[:images])
    learned, known = digitlib.hold_out(some, recipe.validation_fraction, seed=0)
    fit_cpu, fit_wall, accuracy = train(recipe, learned, known, mnist.test, seed)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "images": len(some.labels),
        "epochs": recipe.epochs,
        "test_accuracy": accuracy,
        "fit_cpu_seconds": round(fit_cpu, 2),
        "fit_wall_seconds": round(fit_wall, 2),
        "process_cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_megabytes": used.ru_maxrss // 1024,
    }


def _train_keras(recipe, learned, known, test, seed):
    import digitlib

    run = digitlib.train_model(recipe, learned, known, seed=seed, verbose=0)
    report = digitlib.evaluate_model(run.model, test)
    return run.cpu_seconds, run.seconds, report.accuracy


def describe_ratios(rows):
    """What the rows say about the costs of training, in medians of their repeats.

    Args:
        rows: dicts of `COLUMNS`, as measured without `--scaling`.

    Returns:
        A list of lines, each a ratio of CPU-seconds of training and its name.
    """

    def cost(name, epochs=None):
        runs = [row for row in rows if row["name"] == name]
        chosen = [row for row in runs if epochs in (None, row["epochs"])]
        return statistics.median(row["fit_cpu_seconds"] for row in chosen) if chosen else None

    epoch, fast = cost("stacked_conv", epochs=1), cost("fast")
    ratios = {
        "10 epochs of stacked_conv / fast": 10 * epoch / fast,
        "15 epochs of keras_example / fast": 15 * cost("keras_example", epochs=1) / fast,
    }
    for name in ("accurate", "tiny", "best"):
        if cost(name):
            ratios[f"{name} / one epoch of stacked_conv"] = cost(name) / epoch
    if cost(PEER):
        ratios[f"{PEER} / fast"] = cost(PEER) / fast
    return [f"{ratio:6.2f}  {name}" for name, ratio in ratios.items()]


if __name__ == "__main__":
    main()
