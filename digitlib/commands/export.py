"""Write a saved model in another format, and compare its predictions.

A .tflite file is LiteRT, for phones and small devices; an .onnx file is ONNX,
which many programs read; a name without a suffix becomes a folder, TensorFlow's
SavedModel.
"""

from argparse import Namespace

from digitlib.commands import common
from digitlib.files import verify_folder

_INT8 = "quantise a .tflite to 8-bit integers: a quarter of the size, nearly as accurate"
ARGUMENTS = {
    "model": common.MODEL,
    "output": common.take_path("FILE", "ends in .tflite or .onnx; or a new folder"),
    "--int8": {"action": "store_true", "help": _INT8},
}


def run(options: Namespace) -> None:
    """Runs the command `export`."""
    verify_folder(options.output.parent)
    train, test = common.load_data(None)
    model = common.load_one_model(options.model)
    from digitlib.models.exports import compare_exported, export_model, load_exported

    calibration = train.images[:500] if options.int8 else None
    export_model(model, options.output, calibration=calibration)
    print(f"Saved as {options.output}", end="")
    try:
        exported = load_exported(options.output)
    except ModuleNotFoundError as error:
        print(f". To compare it with the original, {error}")
        return
    agreement = compare_exported(model, exported, test.images[:1000])
    print(
        f": the same digit for {agreement.same:.1%} of 1,000 test images; probabilities differ by "
        f"{agreement.difference:.1g} at most."
    )
