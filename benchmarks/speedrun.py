"""Measure entries of the speedrun: how fast can a CPU learn MNIST? speedrun.md has the rules.

Alternates the entries, seed by seed, with two peers: `fast` in PyTorch, and the example of the
Keras documentation. Appends a row for each of them to the ledger.
"""

import argparse
import csv
import importlib.util
import statistics
import sys
from datetime import date
from pathlib import Path

from scipy.stats import t
from tqdm import tqdm

from benchmarks.speed import NO_TORCH, PEER, choose_machine, measure_in_child
from digitlib import RECIPES

TARGETS = 0.99, 0.995
SEEDS = 10  # at least
LEDGER = Path(__file__).with_name("speedrun.csv")
TIMES = "fit_cpu_seconds", "fit_wall_seconds", "process_cpu_seconds", "process_wall_seconds"
COLUMNS = [
    *("entry", "seeds", "accuracy", "standard_deviation", "lower_bound", "target", *TIMES),
    *("processor", "cores", "avx512_vnni", "date", "run"),
]


def main():
    """Measures the entries and their peers, and adds the results to the ledger."""
    options = _build_parser().parse_args()
    if options.seeds < SEEDS or options.peer_seeds < 2:
        sys.exit(f"the rules ask for at least {SEEDS} seeds, and 2 for the peers")
    if not importlib.util.find_spec("torch"):
        sys.exit(NO_TORCH)
    machine, environment = choose_machine(without_avx512=options.without_avx512)
    entries = dict.fromkeys([*options.entries, PEER, "keras_example"])
    runs = {entry: [] for entry in entries}
    rounds = [(seed, entry) for seed in range(options.seeds) for entry in entries]
    for seed, entry in tqdm(rounds, unit="run", disable=None):
        # Only the times of the peers count, and these need fewer repeats than an accuracy.
        if entry in options.entries or seed < options.peer_seeds:
            run = {"name": entry, "epochs": None, "images": 60_000, "seed": seed}
            runs[entry].append(measure_in_child(run, environment))
    noted = [{**summarize(entry, measured), **machine} for entry, measured in runs.items()]
    append_rows(options.ledger, noted)
    for row in noted:
        print(describe(row))


def _build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Close other programs first: other work distorts the times.",
    )
    parser.add_argument(
        "entries",
        nargs="+",
        type=_check_entry,
        metavar="ENTRY",
        help="a recipe's name, or a Python file with `train(train, validation, seed)`",
    )
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--peer-seeds", type=int, default=3, metavar="N", help="for each peer; default: %(default)s"
    )
    parser.add_argument(
        "--without-avx512", action="store_true", help="imitate a processor without AVX-512"
    )
    parser.add_argument(
        "--ledger", type=Path, default=LEDGER, metavar="CSV", help="default: %(default)s"
    )
    return parser


def _check_entry(entry):
    if entry in RECIPES:
        return entry
    if entry.endswith(".py") and Path(entry).is_file():
        return str(Path(entry).resolve())
    raise argparse.ArgumentTypeError(
        f"{entry!r} is neither a recipe nor a Python file; recipes: {', '.join(RECIPES)}"
    )


def bound_mean(accuracies):
    """Returns the one-sided 95% lower confidence bound of a mean, by Student's t.

    Args:
        accuracies: floats from 0 to 1, one per seed; at least two.

    Returns:
        A float: in 95 of 100 such experiments, it lies below the true mean.
    """
    count = len(accuracies)
    spread = statistics.stdev(accuracies) / count**0.5
    return statistics.mean(accuracies) - t.ppf(0.95, count - 1) * spread


def summarize(entry, measured):
    """Returns a row of the ledger, without the machine's columns.

    Args:
        entry: a recipe's name, or a file's path.
        measured: dicts as `benchmarks.speed.train_here` returns them, one per seed.

    Returns:
        A dict; `target` is the highest of `TARGETS` that the lower bound exceeds, None if it
        exceeds none or if there are too few seeds.
    """
    accuracies = [run["test_accuracy"] for run in measured]
    bound = bound_mean(accuracies)
    reached = [target for target in TARGETS if bound > target and len(measured) >= SEEDS]
    return {
        "entry": Path(entry).name,
        "seeds": len(measured),
        "accuracy": round(statistics.mean(accuracies), 5),
        "standard_deviation": round(statistics.stdev(accuracies), 5),
        "lower_bound": round(bound, 5),
        "target": max(reached, default=None),
        **{name: round(statistics.median(run[name] for run in measured), 1) for name in TIMES},
        "date": date.today().isoformat(),
    }


def append_rows(path, rows):
    """Adds the rows of one run to the ledger, and creates it if necessary."""
    old = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            old = list(csv.DictReader(file))
    number = 1 + max((int(row["run"]) for row in old), default=0)
    with path.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not old:
            table.writeheader()
        table.writerows({**row, "run": number} for row in rows)


def describe(row):
    """Describes a row of the ledger in one line."""
    verdict = f"reaches {row['target']:.1%}" if row["target"] else "a peer, or below the targets"
    return (
        f"{row['entry']:16} {row['accuracy']:.3%} +- {row['standard_deviation']:.3%} "
        f"({row['seeds']} seeds), 95% lower bound {row['lower_bound']:.3%}, {verdict}: "
        f"fit {row['fit_cpu_seconds']} CPU-s {row['fit_wall_seconds']} s, cold start to result "
        f"{row['process_cpu_seconds']} CPU-s {row['process_wall_seconds']} s"
    )


if __name__ == "__main__":
    main()
