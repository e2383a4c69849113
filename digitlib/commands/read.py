"""Read handwritten numbers in pictures with a saved model.

Prints the number in each picture, with ? for uncertain digits. A picture that
can't be read doesn't stop the others.

With --columns, prints a CSV: a row for each picture, with its numbers in reading
order. If there are more or fewer numbers than columns, the row lists them in its
last column, remarks, and the others stay empty.
"""

import csv
import io
from argparse import ArgumentTypeError, Namespace
from contextlib import redirect_stdout
from itertools import chain

import digitlib
from digitlib.commands import common
from digitlib.figures.wording import count_things
from digitlib.files import replace_when_complete, verify_file


def to_names(word: str) -> list[str]:
    """Splits the names of columns at the commas."""
    names = [name.strip() for name in word.split(",")]
    if len({"", "picture", "remarks", *names}) < len(names) + 3:
        rule = "different names, none of them empty, picture or remarks"
        raise ArgumentTypeError(f"expected {rule}; got {word!r}")
    return names


_DEFAULT = "0.98, or 0.9 in a picture where nearly all digits reach that"  # as in read_digits
_SURE = f"mark digits with a lower probability as ? (0 to 1; default: {_DEFAULT})"
_COLUMNS = "print a CSV with a column for each of these names, such as order,amount"
_OUTPUT = "draw boxes and predictions into this .png, or write the CSV of --columns into this .csv"
ARGUMENTS = {
    "model": common.MODEL,
    "images": common.PICTURES,
    "--json": common.JSON,
    "--columns": {"type": to_names, "metavar": "NAMES", "help": _COLUMNS},
    "--output": common.take_path("FILE", _OUTPUT),
    "--sure": {"type": float, "metavar": "P", "help": _SURE},
}


def run(options: Namespace) -> int:
    """Runs the command `read`."""
    _verify_output(options)
    from digitlib.handwriting.reading import verify_sure

    verify_sure(options.sure)
    model = common.load_one_model(options.model)
    last = {}

    def read(path):
        last["reading"] = reading = digitlib.read_digits(model, path, sure=options.sure)
        numbers = [{"text": number.text, "box": number.box} for number in reading.numbers]
        digits = [
            {"digit": digit.text, "box": digit.box, "probabilities": digit.probabilities.tolist()}
            for digit in reading.digits
        ]
        results = {"text": reading.text, "size": reading.picture.shape}
        results |= {"numbers": numbers, "digits": digits}
        return reading.text.replace("\n", " / "), results

    if options.columns:
        return _write_table(options, read)
    failed = common.process_pictures(options, read)
    if options.output and last:
        common.draw_figure(options.output, "plot_reading", **last)
    return failed


def _verify_output(options):
    if options.columns and options.json:
        raise ValueError("--columns prints a CSV and --json prints JSON; choose one of them")
    if options.output:
        many = len(list(chain(*options.images))) > 1
        if not options.columns and (many or options.output.suffix.lower() == ".csv"):
            raise ValueError("--output takes one picture and a .png, or --columns and a .csv")
        verify_file(options.output, [".csv" if options.columns else ".png"])


def _write_table(options, read):
    """Prints a CSV, or writes it into a file; returns the exit code."""
    if not options.output:
        return _print_table(options, read)
    with (
        replace_when_complete(options.output) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="\n") as file,
        redirect_stdout(file),
    ):
        failed = _print_table(options, read)
    print(f"Saved as {options.output}{'; remarks say what could not be read' * failed}")
    return failed


def _print_table(options, read):
    def write_row(path, text, results):
        numbers = [number["text"] for number in results.get("numbers", [])]
        if len(numbers) == len(options.columns):
            return _write_cells([path, *numbers, ""])
        count = f"{count_things(len(numbers), 'number')}, not {len(options.columns)}: "
        return _write_cells([path, *[""] * len(options.columns), count * bool(numbers) + text])

    print(_write_cells(["picture", *options.columns, "remarks"]))
    return common.process_pictures(options, read, write_row)


def _write_cells(cells):
    """Returns a line of a CSV; `'` keeps a spreadsheet from taking a file name for a formula."""
    line = io.StringIO()
    safe = [f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell for cell in cells]
    csv.writer(line, lineterminator="").writerow(safe)
    return line.getvalue()
