"""Measure how small trained networks can be stored: their weights with 32, 16, 8 and 4 bits.

Prints and writes one line for each network and number of bits. Rounding needs no training images.
"""

import argparse
from pathlib import Path

import digitlib
from benchmarks.tables import write_rows
from digitlib.models.storage import read_record

digitlib.start_keras()

import numpy as np  # noqa: E402

COLUMNS = ["recipe", "seed", "parameters", "bits", "bytes", "test_accuracy"]
LINE = "{recipe:10} seed {seed}: {bits:2} bits, {bytes:7,} bytes, {test_accuracy:.2%}"
BITS = (32, 16, 8, 4)


def main():
    """Measures all networks, one after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="files that digitlib trained")
    parser.add_argument(
        "--output", type=Path, default="sizes.csv", metavar="CSV", help="default: %(default)s"
    )
    options = parser.parse_args()
    test = digitlib.load_mnist().test
    for row in write_rows(measure_sizes(options.models, test), COLUMNS, options.output):
        print(LINE.format(**row), flush=True)


def measure_sizes(paths, split):
    """Yields a row for each saved model and number of bits."""
    for path in paths:
        model = digitlib.load_model(path)
        record = read_record(path)
        weights = model.get_weights()
        for bits in BITS:
            rounded, sizes = zip(*(round_weights(w, bits) for w in weights), strict=True)
            model.set_weights(rounded)
            yield {
                **{"recipe": record["recipe"]["name"], "seed": record["seed"]},
                **{"parameters": model.count_params(), "bits": bits, "bytes": sum(sizes)},
                "test_accuracy": digitlib.evaluate_model(model, split).accuracy,
            }


def round_weights(weights, bits):
    """Rounds weights to what fits in some bits; returns them as float32, and their size in bytes.

    With 8 or 4 bits, each filter of a kernel is a whole number for each weight, times one factor of
    16 bits. Everything else, such as biases, keeps 16 bits.
    """
    if bits == 32:
        return weights, weights.nbytes
    short = weights.astype(np.float16)
    if bits == 16 or weights.ndim < 2:
        return short.astype(np.float32), short.nbytes
    # The last axis counts the filters; in a depthwise kernel, whose last axis is 1, the third one.
    within = (0, 1) if weights.shape[3:] == (1,) else tuple(range(weights.ndim - 1))
    largest = 2 ** (bits - 1) - 1
    factor = (abs(weights).max(axis=within, keepdims=True) / largest).astype(np.float16)
    factor = np.maximum(factor.astype(np.float32), np.finfo(np.float16).tiny)
    whole = np.clip(np.round(weights / factor), -largest, largest)
    return (whole * factor).astype(np.float32), -(-weights.size * bits // 8) + 2 * factor.size


if __name__ == "__main__":
    main()
