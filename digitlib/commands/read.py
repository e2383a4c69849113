"""Read handwritten numbers in pictures with a saved model.

Prints the number in each picture, with ? for uncertain digits. A picture that
can't be read doesn't stop the others.
"""

from argparse import Namespace
from itertools import chain

import digitlib
from digitlib.commands import common
from digitlib.files import verify_file

_SURE = "mark digits with a lower probability as ? (0 to 1; default: %(default)s)"
ARGUMENTS = {
    "model": common.MODEL,
    "images": common.PICTURES,
    "--json": common.JSON,
    "--output": common.take_path("PNG", "draw boxes and predictions into this file"),
    # The default is that of read_digits, whose module takes long to import.
    "--sure": {"type": float, "default": 0.98, "metavar": "P", "help": _SURE},
}


def run(options: Namespace) -> int:
    """Runs the command `read`."""
    if options.output:
        if len(list(chain(*options.images))) > 1:
            raise ValueError("--output takes one picture")
        verify_file(options.output, [".png"])
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

    failed = common.process_pictures(options, read)
    if options.output and last:
        common.draw_figure(options.output, "plot_reading", **last)
    return failed
