"""The process that trains and measures one run: `python -m digitlib.experiments.worker JSON`."""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from digitlib.data import hold_out, load_mnist
from digitlib.evaluation import evaluate_model
from digitlib.experiments.fingerprint import take_fingerprint
from digitlib.models.storage import save_model
from digitlib.startup import start_keras
from digitlib.training.networks import RECIPES
from digitlib.training.recipe import override_recipe


def measure_run(
    recipe: str, seed: int, overrides: str, source: str | None, models: str | None, judge: bool
) -> dict[str, Any]:
    """Trains one run of a sweep in this process, and returns what its row of the table needs."""
    start_keras()  # before training.train imports Keras
    from digitlib.training.train import train_model

    changes = json.loads(overrides)
    changed = override_recipe(RECIPES[recipe], **changes)
    mnist = load_mnist(source)
    if mnist.train is None:
        raise ValueError(f"{source} has no training images to learn from")
    train, validation = hold_out(mnist.train, changed.validation_fraction, seed=0)
    run = train_model(changed, train, validation, seed=seed, verbose=0)
    if models:
        words = [recipe, str(seed), *(f"{name}={value}" for name, value in changes.items())]
        save_model(run.model, Path(models) / f"{'-'.join(words)}.keras", record=run.record)
    measured = take_fingerprint(changed, train, validation) | {
        "parameters": run.model.count_params(),
        "epochs": changed.epochs,
        "validation_accuracy": run.history["val_accuracy"][-1],
        "validation_loss": run.history["val_loss"][-1],
        "wall_seconds": round(run.seconds, 2),
        "cpu_seconds": round(run.cpu_seconds, 2),
    }
    if judge:
        report = evaluate_model(run.model, mnist.test)
        measured |= {"test_accuracy": report.accuracy, "test_loss": report.loss}
    return measured


def _end_with_parent():
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    json.dump(measure_run(**json.loads(sys.argv[1])), sys.stdout)
