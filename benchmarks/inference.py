"""Measure a saved model in each format: its size, its accuracy and its speed.

Prints and writes one line for each way to run the model. All ways may use all cores.
"""

import argparse
import tempfile
import time
from pathlib import Path

import digitlib
from benchmarks.tables import write_rows
from digitlib.models.exports import compare_exported, export_model, load_exported

digitlib.start_keras()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

COLUMNS = [
    *("way", "kilobytes", "test_accuracy", "same_digits", "largest_difference"),
    *("milliseconds_for_one", "images_per_second"),
]
LINE = (
    "{way:21} {kilobytes:5,}   {test_accuracy:.2%} {same_digits:6.1%}     "
    "{largest_difference:.1e}  {milliseconds_for_one:10.3f}  {images_per_second:15,.0f}"
)
AGREEING = 1000  # the number of test images to compare, and the batch size


def main():
    """Measures all ways, one after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file, or robust")
    parser.add_argument(
        "--seconds", type=float, default=3, help="per measurement; default: %(default)s"
    )
    parser.add_argument(
        "--output", type=Path, default="inference.csv", metavar="CSV", help="default: %(default)s"
    )
    options = parser.parse_args()
    mnist = digitlib.load_mnist()
    model = digitlib.load_model(options.model)
    print("way                      kB  accuracy   same  difference  ms for one  images a second")
    rows = measure_ways(model, mnist, options.seconds)
    for row in write_rows(rows, COLUMNS, options.output):
        print(LINE.format(**row), flush=True)


def measure_ways(model, mnist, seconds):
    """Yields a row for each way whose packages are installed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, prepare in list_ways(model, Path(folder), mnist.train.images[:500]).items():
            try:
                predict, size = prepare()
            except ModuleNotFoundError as error:
                print(f"{name:21} {error}", flush=True)
                continue
            row = measure(predict, model, mnist.test, seconds)
            yield {"way": name, "kilobytes": round(size / 1000), **row}


def list_ways(model, folder, calibration):
    """Returns functions by name; each returns a prediction function and its file size in bytes."""
    digitlib.save_model(model, folder / "model.keras")
    size = (folder / "model.keras").stat().st_size

    def export(name, **options):
        path = folder / name
        export_model(model, path, **options)
        files = path.rglob("*") if path.is_dir() else [path]
        return load_exported(path), sum(f.stat().st_size for f in files)

    compiled = tf.function(lambda inputs: model(inputs, training=False))
    return {
        "Keras: model(x)": lambda: (model, size),
        "Keras: in tf.function": lambda: (lambda x, training: compiled(tf.constant(x)), size),
        "Keras: predict": lambda: (
            lambda x, training: model.predict(x, batch_size=AGREEING, verbose=0),
            size,
        ),
        "SavedModel": lambda: export("saved_model"),
        "ONNX": lambda: export("model.onnx"),
        "LiteRT": lambda: export("model.tflite"),
        "LiteRT, 8-bit": lambda: export("small.tflite", calibration=calibration),
    }


def measure(predict, model, test, seconds):
    """Returns one row of `COLUMNS`, without the name and size."""
    agreement = compare_exported(model, predict, test.images[:AGREEING])
    inputs = digitlib.preprocess_images(test.images[:AGREEING])
    return {
        "test_accuracy": digitlib.evaluate_model(predict, test).accuracy,
        "same_digits": agreement.same,
        "largest_difference": float(f"{agreement.difference:.2g}"),
        "milliseconds_for_one": round(1000 * _time_call(predict, inputs[:1], seconds), 3),
        "images_per_second": round(AGREEING / _time_call(predict, inputs, seconds)),
    }


def _time_call(predict, inputs, seconds):
    np.asarray(predict(inputs, training=False))  # the first call compiles
    started, calls = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        np.asarray(predict(inputs, training=False))
        calls += 1
    return (time.perf_counter() - started) / calls


if __name__ == "__main__":
    main()
