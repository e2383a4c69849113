"""Measure how many images a second a saved model reads: called, by `predict`, and as LiteRT."""

import argparse
import importlib.util
import os
import tempfile
import time
from pathlib import Path

import digitlib

digitlib.start_keras()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def main():
    """Prints a line for each way and batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="a .keras or .h5 file")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement: %(default)s")
    options = parser.parse_args()
    model = digitlib.load_model(options.model)
    images = digitlib.preprocess_images(digitlib.load_mnist().test.images[:1000])
    compiled = tf.function(lambda inputs: model(inputs, training=False))
    litert = _export_litert(model)
    print("way                     batch    images a second    milliseconds a call")
    for batch in (1, 1000):
        array = images[:batch]
        tensor = tf.constant(array)
        ways = {
            "model(x)": lambda x=tensor: model(x, training=False),
            "model(x) in tf.function": lambda x=tensor: compiled(x),
            "model.predict(x)": lambda x=array: model.predict(x, batch_size=1000, verbose=0),
            "LiteRT": litert and _read_with_litert(litert, array, model),
        }
        for name, read in ways.items():
            if read is None:
                print(f"{name:23} {batch:5}    not installed: pip install ai-edge-litert")
                continue
            seconds = _time_call(read, options.seconds)
            print(f"{name:23} {batch:5}    {batch / seconds:15,.0f}    {1000 * seconds:19.3f}")


def _export_litert(model):
    """The model in LiteRT's format, or None where LiteRT is not installed."""
    if not importlib.util.find_spec("ai_edge_litert"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        model.export(path, format="litert", verbose=False)
        return path.read_bytes()


def _read_with_litert(exported, inputs, model):
    """A call that reads the inputs, checked against what Keras says of them."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=exported, num_threads=os.cpu_count())
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], inputs.shape)
    interpreter.allocate_tensors()
    entry, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def read():
        interpreter.set_tensor(entry["index"], inputs)
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])

    expected = model(inputs, training=False)
    np.testing.assert_allclose(read(), expected, atol=1e-5)
    return read


def _time_call(call, seconds):
    call()  # the first call prepares
    started, calls = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        call()
        calls += 1
    return (time.perf_counter() - started) / calls


if __name__ == "__main__":
    main()
