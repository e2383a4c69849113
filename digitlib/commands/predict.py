"""Classify pictures of one digit with a saved model.

Prints the predicted digit and its probability, and ? where that is low: there
may be no digit. A picture that can't be classified doesn't stop the others.
"""

from argparse import Namespace

import digitlib
from digitlib.commands import common

# On validation data, `robust` is uncertain about 94% of negative examples at this threshold, and
# 0.6% of digits. At the 0.98 of `read`, label smoothing makes `fast` uncertain about 93%.
CERTAIN = 0.8
ARGUMENTS = {"model": common.MODEL, "images": common.PICTURES, "--json": common.JSON}


def run(options: Namespace) -> int:
    """Runs the command `predict`."""
    model = common.load_one_model(options.model)
    from digitlib.handwriting.normalization import image_to_digit

    def classify(path):
        image = image_to_digit(path)
        (probabilities,) = digitlib.predict_probabilities(model, image[None]).tolist()
        digit, certain = probabilities.index(max(probabilities)), max(probabilities) >= CERTAIN
        text = f"{digit}{'' if certain else '?'} ({max(probabilities):.1%})"
        results = {"digit": digit, "certain": certain, "probabilities": probabilities}
        return text if certain else f"{text}, uncertain", results

    return common.process_pictures(options, classify)
