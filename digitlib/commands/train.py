"""Train a recipe and save the model.

Prints the result on the test images. Beside the model, FILE-curves.png and
FILE-confusion.png show the learning curves and the confusion matrix.
"""

import os
import sys
from argparse import Namespace
from pathlib import Path

import digitlib
from digitlib.commands import common
from digitlib.files import verify_folder
from digitlib.training.recipe import SEED, override_recipe

_KEEP = "save the state here after each epoch; the same command resumes an interrupted run"
ARGUMENTS = {
    "recipe": common.RECIPE,
    "--seed": common.RANDOM_SEED,
    "--output": common.take_path("FILE", "default: RECIPE.keras"),
    "--checkpoint-dir": common.take_path("DIR", _KEEP),
    "--data": common.DATA,
    **common.OVERRIDES,
}


def run(options: Namespace) -> None:
    """Runs the command `train`."""
    from digitlib.models.storage import verify_destination

    recipe = override_recipe(common.RECIPES[options.recipe], **common.get_overrides(options))
    seed = SEED.check("seed", options.seed)
    output, checkpoints = options.output or Path(f"{recipe.name}.keras"), options.checkpoint_dir
    verify_destination(output)
    if checkpoints:
        verify_folder(checkpoints if checkpoints.exists() else checkpoints.parent)
    train, test = common.load_data(options.data)
    digitlib.start_keras()
    splits = digitlib.hold_out(train, recipe.validation_fraction, seed=0)
    if checkpoints:
        print(f"If this is interrupted, the same command resumes from {checkpoints}.")
    how = {"verbose": _choose_verbosity(), "checkpoint_dir": checkpoints}
    trained = digitlib.train_model(recipe, *splits, seed=seed, **how)
    digitlib.save_model(trained.model, output, record=trained.record)
    print(f"\nTrained in {trained.seconds:.0f} s, saved as {output}; see also {output.stem}-*.png")
    report = digitlib.evaluate_model(trained.model, test)
    common.print_report(report)
    _draw(output, "curves", "plot_learning_curves", trained.history)
    _draw(output, "confusion", "plot_confusion", report.confusion)


def _choose_verbosity():
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return 1 if sys.stdout.isatty() and not plain else 2  # a bar, or one line for each epoch


def _draw(output, name, plot, values):
    path = output.with_name(f"{output.stem}-{name}.png")
    try:
        common.draw_figure(path, plot, values)
    except Exception as error:  # The training has succeeded all the same.
        print(f"digitlib: {path} could not be drawn: {error!r}", file=sys.stderr)
