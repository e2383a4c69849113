"""Write a saved model in another format, and compare its predictions.

A .tflite file is LiteRT, for phones and small devices; an .onnx file is ONNX,
which many programs read; a name without a suffix becomes a folder, TensorFlow's
SavedModel. An .html file is a web page: one draws a digit in it, and follows it
through every layer of the network.
"""

from argparse import Namespace

from digitlib.commands import common
from digitlib.files import verify_folder

_INT8 = "quantise a .tflite to 8-bit integers: a quarter of the size, nearly as accurate"
_SMALL = "store the weights of an .html as 16-bit floats: half the size, nearly as accurate"
ARGUMENTS = {
    "model": common.MODEL,
    "output": common.take_path("FILE", "ends in .tflite, .onnx or .html; or a new folder"),
    "--int8": {"action": "store_true", "help": _INT8},
    "--small": {"action": "store_true", "help": _SMALL},
}


def run(options: Namespace) -> None:
    """Runs the command `export`."""
    verify_folder(options.output.parent)
    train, test = common.load_data(None)
    model = common.load_one_model(options.model)
    from digitlib.models.exports import compare_exported, export_model, load_exported
    from digitlib.models.storage import read_record

    calibration = train.images[:500] if options.int8 else None
    how = {"calibration": calibration, "small": options.small}
    if options.output.suffix.lower() == ".html":
        export_model(model, options.output, record=read_record(options.model[0]), **how)
        size = options.output.stat().st_size / 1e6
        print(f"Saved as {options.output} ({size:.1f} MB): open it in a browser, or send it.")
        return
    export_model(model, options.output, **how)
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
