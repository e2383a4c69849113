"""The command line: `python -m digitlib train`, `evaluate` and `predict`."""

import argparse
import json
import sys
from dataclasses import replace
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
        The exit code: 0 done, 2 a wrong input, 130 interrupted.
    """
    try:
        options = _build_parser().parse_args(arguments)
        options.command(options)
    except (OSError, ValueError) as error:
        print(f"digitlib: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(flush=True)  # The progress bar has left the cursor in mid-line.
        print("digitlib: interrupted; no unfinished file is left.", file=sys.stderr)
        return 130
    return 0


def _build_parser():
    parser = _Parser(
        prog="python -m digitlib", description="Train, judge and use readers of handwritten digits."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data_help = "folder of IDX files (default: the MNIST that comes with digitlib)"

    def add_command(run, **texts):
        command = commands.add_parser(run.__name__.strip("_"), description=run.__doc__, **texts)
        command.set_defaults(command=run)
        return command

    train = add_command(_train, help="train a recipe and save it")
    train.add_argument("recipe", choices=digitlib.RECIPES, help="one of: %(choices)s")
    train.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's own")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    train.add_argument("--data", type=Path, metavar="DIR", help=data_help)
    train.add_argument("--output", type=Path, metavar="FILE", help="default: RECIPE.keras")

    evaluate = add_command(_evaluate, help="judge a saved model")
    evaluate.add_argument("model", type=_existing_file, metavar="MODEL", help="a .keras file")
    evaluate.add_argument("--data", type=Path, metavar="DIR", help=data_help)
    evaluate.add_argument("--json", action="store_true", help="print one JSON object instead")

    predict = add_command(_predict, help="read pictures with a saved model")
    predict.add_argument("model", type=_existing_file, metavar="MODEL", help="a .keras file")
    image_help = "a PNG of 28 x 28 pixels, light digit on dark ground"
    predict.add_argument("images", type=_existing_file, nargs="+", metavar="IMAGE", help=image_help)
    return parser


def _existing_file(path):
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"not a file: {path}")
    return Path(path)


def _train(options):
    """Train a recipe with a progress bar, save the model, print its result on the test images."""
    recipe = digitlib.RECIPES[options.recipe]
    if options.epochs is not None:
        recipe = replace(recipe, epochs=options.epochs)
    output = options.output or Path(f"{recipe.name}.keras")
    digitlib.check_destination(output)
    mnist = digitlib.load_mnist(options.data)
    if mnist.train is None:
        raise ValueError(f"{options.data} holds test files only; training needs train-* files too.")
    digitlib.start_keras()
    train, validation = digitlib.hold_out(mnist.train, fraction=1 / 12, seed=0)
    run = digitlib.train_model(recipe, train, validation, seed=options.seed)
    _print_report(digitlib.evaluate_model(run.model, mnist.test))
    digitlib.save_model(run.model, output)
    print(f"\nTrained in {run.seconds:.0f} s, saved as {output}")


def _evaluate(options):
    """Print how well a saved model reads the test images."""
    test = digitlib.load_mnist(options.data).test
    digitlib.start_keras()
    report = digitlib.evaluate_model(digitlib.load_model(options.model), test)
    if options.json:
        names = "accuracy", "interval", "loss", "count"
        result = {name: getattr(report, name) for name in names}
        print(json.dumps({**result, "confusion": report.confusion.tolist()}))
    else:
        _print_report(report)


def _predict(options):
    """Print the digit that a saved model reads in each picture, and how probable it finds it."""
    images = [digitlib.read_image(path) for path in options.images]
    digitlib.start_keras()
    probabilities = digitlib.predict_probabilities(digitlib.load_model(options.model), images)
    for path, row in zip(options.images, probabilities, strict=True):
        print(f"{path}: {row.argmax()} ({row.max():.1%})")


def _print_report(report):
    low, high = report.interval
    print(f"\nTest accuracy {report.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})")
    print(f"Test loss {report.loss:.4f}, {report.count:,} images")
    print("\nConfusion matrix: rows the true digit, columns the digit read")
    header = "".join(f"{digit:6}" for digit in range(digitlib.NUM_CLASSES))
    print(f"   {header}")
    for digit, row in enumerate(report.confusion):
        print(f"{digit:3}" + "".join(f"{count:6}" for count in row))
    print(f"\n{report.per_digit}", end="")


if __name__ == "__main__":
    sys.exit(main())
