"""Evaluate a saved model, or several as an ensemble.

Prints the accuracy on the test images and the confusion matrix. Several models
predict together, by the mean of their probabilities.
"""

import json
from argparse import Namespace
from itertools import chain

import digitlib
from digitlib.commands import common
from digitlib.data import LABEL_ERRORS
from digitlib.files import verify_file

ARGUMENTS = {
    "models": {**common.MODEL, "nargs": "+"},
    "--json": common.JSON,
    "--mistakes": common.take_path("PNG", "draw all misclassified images into this file"),
    "--data": common.DATA,
}


def run(options: Namespace) -> None:
    """Runs the command `evaluate`."""
    if options.mistakes:
        verify_file(options.mistakes, [".png"])
    test = digitlib.load_mnist(options.data).test
    digitlib.start_keras()
    from digitlib.evaluation import Ensemble

    models = list(chain(*options.models))
    report = digitlib.evaluate_model(Ensemble(map(digitlib.load_model, models)), test)
    # We know which labels are wrong only for the test images of MNIST.
    doubtful = () if options.data else LABEL_ERRORS
    missed = len(set(doubtful) & set(report.mistakes.indices.tolist()))
    count = len(report.mistakes.indices)
    undisputed = 1 - (count - missed) / (report.count - len(doubtful))
    if options.json:
        _print_json(report, {"accuracy_without_label_errors": undisputed} if doubtful else {})
    else:
        _print_records(models)
        common.print_report(report)
        if doubtful:
            print(f"\n{missed} of {len(doubtful)} images with a label known to be wrong count as")
            print(f"mistakes; accuracy without these images {undisputed:.2%}")
    if options.mistakes:
        shown = test.images, report.mistakes
        layout = {"count": count, "columns": 8, "doubtful": doubtful}
        common.draw_figure(options.mistakes, "plot_mistakes", *shown, **layout)


def _print_json(report, more):
    names = "accuracy", "interval", "loss", "count"
    results = {name: getattr(report, name) for name in names}
    print(json.dumps({**results, **more, "confusion": report.confusion.tolist()}))


def _print_records(models):
    from digitlib.models.storage import read_record

    for model in models:
        if record := read_record(model):
            recipe, seed = record["recipe"].get("name"), record["seed"]
            validated = f"{record['validation_accuracy']:.2%}"
            # Quoted, the words of an untrusted file can't send commands to the terminal.
            print(f"{model}: {recipe!r}, seed {seed}, {record['date']!r}, validation {validated}")
