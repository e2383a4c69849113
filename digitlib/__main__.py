"""The command line: `python -m digitlib COMMAND`; `--help` tells the commands."""

import argparse
import json
import sys
from pathlib import Path

import digitlib


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        # One line, without the usage before it: `--help` is the place for that.
        self.exit(2, f"digitlib: {message}\n")


def main(arguments=None):
    """Runs one command.

    Args:
        arguments: the words of the command line; None takes them from the shell.

    Returns:
        The exit code: 0 done, 1 some run or picture failed, 2 a wrong input, 130 interrupted.
    """
    try:
        options = _build_parser().parse_args(arguments)
        return options.command(options) or 0
    except (OSError, ValueError, FloatingPointError, ModuleNotFoundError) as error:
        print(f"digitlib: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(flush=True)  # The progress bar has left the cursor in mid-line.
        print("digitlib: interrupted; no unfinished file is left.", file=sys.stderr)
        return 130


def _build_parser():
    parser = _Parser(
        prog="python -m digitlib", description="Train, judge and use readers of handwritten digits."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model_help = "a .keras or .h5 file, or robust, which comes with digitlib"
    data_help = "folder of IDX files (default: the MNIST that comes with digitlib)"

    def add_command(run, **texts):
        command = commands.add_parser(run.__name__.strip("_"), description=run.__doc__, **texts)
        command.set_defaults(command=run)
        return command

    train = add_command(_train, help="train a recipe and save it")
    train.add_argument("recipe", choices=digitlib.RECIPES, help="one of: %(choices)s")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    train.add_argument("--output", type=Path, metavar="FILE", help="default: RECIPE.keras")
    train.add_argument(
        "--checkpoint-dir",
        type=Path,
        metavar="DIR",
        help="keep the state here after each epoch; the same line goes on after an interruption",
    )
    _add_overrides(train)

    evaluate = add_command(_evaluate, help="judge a saved model, or several as one")
    evaluate.add_argument("models", type=_model, nargs="+", metavar="MODEL", help=model_help)
    evaluate.add_argument("--json", action="store_true", help="print one JSON object instead")
    evaluate.add_argument(
        "--mistakes", type=Path, metavar="PNG", help="draw all misread images into this file"
    )

    predict = add_command(_predict, help="read pictures with a saved model")
    predict.add_argument("model", type=_model, metavar="MODEL", help=model_help)
    predict.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a picture of one digit: drawing or photograph"
    )

    read = add_command(_read, help="read whole numbers in pictures with a saved model")
    read.add_argument(
        "model", type=_model, metavar="MODEL", help=f"{model_help} and is made for this"
    )
    read.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a picture of one or more lines of digits"
    )
    read.add_argument(
        "--output", type=Path, metavar="PNG", help="draw boxes and answers into this file"
    )
    read.add_argument(
        "--sure",
        type=float,
        default=0.98,
        metavar="P",
        help="mark digits that are less probable as ? (default: %(default)s)",
    )
    for command in (predict, read):
        command.add_argument(
            "--json", action="store_true", help="print a JSON object a line instead"
        )

    export = add_command(_export, help="write a saved model in another format")
    export.add_argument("model", type=_model, metavar="MODEL", help=model_help)
    export.add_argument(
        "output", type=Path, metavar="FILE", help="ends in .tflite or .onnx; or a new folder"
    )
    export.add_argument(
        "--int8",
        action="store_true",
        help="make a .tflite of 8-bit integers: a quarter of the size, nearly as accurate",
    )

    compare = add_command(_compare, help="train several recipes with several seeds")
    names = ", ".join(digitlib.RECIPES)
    compare.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"default: all of {names}")
    compare.add_argument("--seeds", type=int, default=3, metavar="N", help="default: %(default)s")
    compare.add_argument(
        "--models", type=Path, metavar="DIR", help="keep each trained model in this folder"
    )
    compare.add_argument(
        "--validation-only",
        action="store_true",
        help="leave the test images alone: for choosing between settings",
    )

    tune = add_command(_tune, help="search for better numbers of a recipe")
    tune.add_argument("recipe", choices=digitlib.RECIPES, help="one of: %(choices)s")
    tune.add_argument("--trials", type=int, default=10, metavar="N", help="default: %(default)s")
    tune.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")

    for command in (compare, tune):
        command.add_argument(
            "--output",
            type=Path,
            metavar="CSV",
            help="keeps each result; goes on with what it holds",
        )
        command.add_argument(
            "--jobs",
            type=int,
            metavar="N",
            help="runs at a time (default: 1; a cluster decides itself)",
        )
        command.add_argument(
            "--scheduler", metavar="tcp://HOST:PORT", help="run on a Dask cluster instead"
        )
        _add_overrides(command)
    for command in (train, evaluate, compare, tune):
        command.add_argument("--data", type=Path, metavar="DIR", help=data_help)
    return parser


def _add_overrides(command):
    from digitlib.training.networks import OVERRIDES, SCHEDULES

    for name, kind in OVERRIDES.items():
        reading = {
            int: {"type": int, "metavar": "N"},
            float: {"type": float, "metavar": "X"},
            str: {"choices": SCHEDULES},
            bool: {"action": argparse.BooleanOptionalAction},
        }[kind]
        option = f"--{name.replace('_', '-')}"
        command.add_argument(option, default=None, help="default: the recipe's own", **reading)


def _overrides(options):
    from digitlib.training.networks import OVERRIDES

    given = {name: getattr(options, name) for name in OVERRIDES}
    return {name: value for name, value in given.items() if value is not None}


def _existing_file(path):
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"not a file: {path}")
    return Path(path)


def _model(path):
    from digitlib.models.storage import INCLUDED_MODELS

    return path if path in INCLUDED_MODELS else _existing_file(path)


def _train(options):
    """Train a recipe with a progress bar, print its result on the test images and save the model.

    Beside the model, FILE-curves.png and FILE-confusion.png show how training went and what is
    misread.
    """
    from digitlib.models.storage import verify_destination

    recipe = digitlib.override_recipe(digitlib.RECIPES[options.recipe], **_overrides(options))
    output = options.output or Path(f"{recipe.name}.keras")
    verify_destination(output)
    mnist = _load_training_data(options.data)
    digitlib.start_keras()
    train, validation = digitlib.hold_out(mnist.train, recipe.validation_fraction, seed=0)
    if options.checkpoint_dir:
        print(f"If this is interrupted, the same line goes on from {options.checkpoint_dir}.")
    run = digitlib.train_model(
        recipe, train, validation, seed=options.seed, checkpoint_dir=options.checkpoint_dir
    )
    report = digitlib.evaluate_model(run.model, mnist.test)
    _print_report(report)
    digitlib.save_model(run.model, output, record=run.record)
    figures = {
        "curves": digitlib.plot_learning_curves(run.history),
        "confusion": digitlib.plot_confusion(report.confusion),
    }
    for name, axes in figures.items():
        picture = digitlib.show(axes, alt=name)
        output.with_name(f"{output.stem}-{name}.png").write_bytes(picture.png)
    print(f"\nTrained in {run.seconds:.0f} s, saved as {output}; see also {output.stem}-*.png")


def _load_training_data(folder):
    mnist = digitlib.load_mnist(folder)
    if mnist.train is None:
        raise ValueError(f"{folder} holds test files only; training needs train-* files too.")
    return mnist


def _evaluate(options):
    """Print how well a saved model reads the test images.

    Of several models, the mean of their probabilities is judged.
    """
    from digitlib.data import LABEL_ERRORS
    from digitlib.evaluation import Ensemble

    if options.mistakes and options.mistakes.suffix != ".png":
        raise ValueError(f"{options.mistakes} must end in .png")
    test = digitlib.load_mnist(options.data).test
    digitlib.start_keras()
    model = Ensemble(map(digitlib.load_model, options.models))
    report = digitlib.evaluate_model(model, test)
    # Which labels are wrong is known of MNIST's own test images only.
    doubtful = () if options.data else LABEL_ERRORS
    missed = len(set(doubtful) & set(report.mistakes.indices.tolist()))
    undisputed = 1 - (len(report.mistakes.indices) - missed) / (report.count - len(doubtful))
    if options.json:
        names = "accuracy", "interval", "loss", "count"
        result = {name: getattr(report, name) for name in names}
        if doubtful:
            result["accuracy_without_label_errors"] = undisputed
        print(json.dumps({**result, "confusion": report.confusion.tolist()}))
    else:
        for path in options.models:
            _print_record(path)
        _print_report(report)
        if doubtful:
            print(
                f"\n{missed} of {len(doubtful)} images with a label known to be wrong count as "
                f"mistakes; accuracy without these images {undisputed:.2%}"
            )
    if options.mistakes:
        count = len(report.mistakes.indices)
        axes = digitlib.plot_mistakes(
            test.images, report.mistakes, count=count, columns=8, doubtful=doubtful
        )
        picture = digitlib.show(axes, alt="misread images")
        options.mistakes.write_bytes(picture.png)


def _predict(options):
    """Print the digit that a saved model reads in each picture, and how probable it finds it.

    A picture that cannot be read does not stop the others: its line says why.
    """
    from digitlib.handwriting.digit import image_to_digit

    digitlib.start_keras()
    model = digitlib.load_model(options.model)

    def read(path):
        image = image_to_digit(path)
        (probabilities,) = digitlib.predict_probabilities(model, image[None]).astype(float)
        digit = int(probabilities.argmax())
        found = {"digit": digit, "probabilities": probabilities.tolist()}
        return f"{digit} ({probabilities.max():.1%})", found

    return _read_each(options, read)


def _read(options):
    """Print the number that a saved model reads in each picture, with ? where it is not sure.

    A picture that cannot be read does not stop the others: its line says why.
    """
    if options.output and (len(options.images) > 1 or options.output.suffix != ".png"):
        raise ValueError("--output takes one picture and must end in .png")
    if not 0 <= options.sure <= 1:
        raise ValueError(f"--sure must be between 0 and 1; got {options.sure:g}")
    digitlib.start_keras()
    model = digitlib.load_model(options.model)

    def read(path):
        reading = digitlib.read_digits(model, path, sure=options.sure)
        if options.output:
            axes = digitlib.plot_reading(reading)
            options.output.write_bytes(digitlib.show(axes, alt=reading.text).png)
        digits = [
            {"digit": digit.text, "box": digit.box, "probabilities": digit.probabilities.tolist()}
            for digit in reading.digits
        ]
        found = {"text": reading.text, "size": reading.picture.shape, "digits": digits}
        return reading.text.replace("\n", " / "), found

    return _read_each(options, read)


def _read_each(options, read):
    """Prints a line a picture as soon as it is read; returns 1 if one could not be."""
    from tqdm import tqdm

    failed = 0
    # Disabled where standard error is no terminal.
    for path in tqdm(options.images, unit="picture", disable=None):
        try:
            text, found = read(path)
        except (OSError, ValueError) as error:
            failed = 1
            found = {"error": " ".join(str(error).split())}
            text = f"error: {found['error']}"
        line = json.dumps({"file": path, **found}) if options.json else f"{path}: {text}"
        tqdm.write(line)
    return failed


def _export(options):
    """Write a saved model in another format, and compare its answers with the original's.

    .tflite is LiteRT, for phones and small devices; .onnx is ONNX, which many programs read; a name
    without an ending becomes a folder, TensorFlow's SavedModel.
    """
    from digitlib.models.exports import compare_exported, export_model, load_exported

    mnist = digitlib.load_mnist()
    digitlib.start_keras()
    model = digitlib.load_model(options.model)
    calibration = mnist.train.images[:500] if options.int8 else None
    export_model(model, options.output, calibration=calibration)
    try:
        exported = load_exported(options.output)
    except ModuleNotFoundError as error:
        print(f"Saved as {options.output}. To compare it with the original, {error}")
        return
    images = mnist.test.images[:1000]
    agreement = compare_exported(model, exported, images)
    print(
        f"Saved as {options.output}: the same digit for {agreement.same:.1%} of {len(images):,} "
        f"test images; probabilities differ by {agreement.difference:.1g} at most."
    )


def _compare(options):
    """Train recipes with the seeds 0 to N - 1 and print mean and spread of their accuracy."""
    from digitlib.experiments.sweep import sweep_recipes

    frame = _on_cluster(
        options.scheduler,
        sweep_recipes,
        options.recipes or list(digitlib.RECIPES),
        range(options.seeds),
        [_overrides(options)],
        models=options.models,
        judge=not options.validation_only,
        **_sweep_options(options),
    )
    return _print_runs(frame)


def _tune(options):
    """Try random numbers of a recipe, choose by validation accuracy, judge the winner on test."""
    from digitlib.experiments.tuning import tune_recipe

    tuning = _on_cluster(
        options.scheduler,
        tune_recipe,
        options.recipe,
        options.trials,
        seed=options.seed,
        fixed=_overrides(options),
        **_sweep_options(options),
    )
    best_first = tuning.trials[["overrides", "validation_accuracy", "error"]]
    print(best_first.to_string(index=False, formatters={"validation_accuracy": "{:.2%}".format}))
    print("\nThe first, trained anew with other seeds:")
    return _print_runs(tuning.judged)


def _sweep_options(options):
    if options.data and not options.scheduler:
        _load_training_data(options.data)  # Better now than in every run.
    return {"source": options.data, "results": options.output, "jobs": options.jobs}


def _on_cluster(scheduler, function, *arguments, **options):
    if scheduler is None:
        return function(*arguments, **options)
    try:
        from dask.distributed import Client
    except ImportError:
        raise ValueError("a cluster needs Dask: pip install 'digitlib[cluster]'") from None
    from importlib import import_module

    import joblib

    with Client(scheduler, timeout=5) as client, joblib.parallel_config(backend="dask"):
        try:
            client.run_on_scheduler(import_module, "digitlib.experiments.sweep")
            client.run(import_module, "digitlib.experiments.sweep")
        except ModuleNotFoundError as error:
            raise ValueError(
                f"the cluster cannot import digitlib ({error}): start scheduler and workers in a "
                "clone with `python -m dask`, or install digitlib there."
            ) from error
        return function(*arguments, **options)


def _print_runs(frame):
    for row in frame[frame["error"] != ""].itertuples():
        print(f"{row.recipe}, seed {row.seed}, failed: {row.error}")
    percent = "{:.2%}".format
    measures = "test_mean", "test_deviation", "validation_mean", "validation_deviation"
    summary = digitlib.summarize_results(frame)
    columns = {name: percent for name in measures if summary[name].notna().any()}
    shown = summary[["recipe", "overrides", "runs", "parameters", *columns, "cpu_seconds"]]
    formatters = {**columns, "cpu_seconds": "{:.0f}".format}
    if len(shown):
        print(shown.to_string(index=False, formatters=formatters))
    return int((frame["error"] != "").any())


def _print_record(path):
    from digitlib.models.storage import read_record

    record = read_record(path)
    if record:
        recipe, seed = record["recipe"].get("name"), record["seed"]
        validated = f"{record['validation_accuracy']:.2%}"
        # With quotes, a stranger's record cannot send commands to the terminal.
        print(f"{path}: {recipe!r}, seed {seed}, {record['date']!r}, validation {validated}")


def _print_report(report):
    from digitlib.data import NUM_CLASSES

    low, high = report.interval
    print(f"\nTest accuracy {report.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})")
    print(f"Test loss {report.loss:.4f}, {report.count:,} images")
    print("\nConfusion matrix: rows the true digit, columns the digit read")
    header = "".join(f"{digit:6}" for digit in range(NUM_CLASSES))
    print(f"   {header}")
    for digit, row in enumerate(report.confusion):
        print(f"{digit:3}" + "".join(f"{count:6}" for count in row))
    print(f"\n{report.per_digit}", end="")


if __name__ == "__main__":
    sys.exit(main())
