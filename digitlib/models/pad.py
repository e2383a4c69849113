"""Draw digits in Jupyter and see the network's prediction at once."""

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets
from PIL import Image, ImageDraw

from digitlib.evaluation import Ensemble, predict_probabilities
from digitlib.figures.show import show, show_widget
from digitlib.figures.style import COLOURS, describe, new_axes
from digitlib.handwriting.normalization import image_to_digit
from digitlib.handwriting.pictures import read_picture
from digitlib.handwriting.reading import read_digits
from digitlib.models.page import MOST_NUMBERS, SCRIPTS, describe_layers, join_scripts

if TYPE_CHECKING:
    import keras

_SIDE = 280  # of the drawing, in pixels; the pad for a number is three times as wide
_EXAMPLES = {  # the strokes of a 7 and of a 1 on a square of 280 x 280 pixels
    "7": [[(75, 70), (205, 66), (190, 110), (150, 160), (122, 225)]],
    "1": [[(110, 95), (150, 60), (144, 150), (138, 225)]],
}


class DrawingPad(anywidget.AnyWidget):
    """A widget for drawing with a mouse, pen, finger or keyboard, or for uploading a picture.

    Beside the drawing it shows the 28 x 28 pixels that the network sees, and its probabilities.
    The browser predicts a drawn digit where it can; Python reads numbers and uploaded pictures.
    """

    _esm = join_scripts(*SCRIPTS, "pad")
    _css = Path(__file__).parent / "pad.css"
    # A PNG or the uploaded file in base64, because anywidget loses bytes from the browser.
    drawing = traitlets.Unicode().tag(sync=True)
    prediction = traitlets.Dict().tag(sync=True)  # images (base64 PNGs), probabilities, message
    network = traitlets.Dict().tag(sync=True)  # empty if the browser can't predict
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int(_SIDE).tag(sync=True)

    def __init__(self, model: "keras.Model | Ensemble", *, number: bool = False):
        """Creates a pad for a single digit, or for several digits if `number` is True."""
        self._model, self._number = model, number
        example = _draw_example("717" if number else "7")
        network = {} if number else _describe(model)
        super().__init__(drawing=_encode(example), width=example.width, network=network)

    @property
    def picture(self) -> bytes:
        """The drawing as the bytes of a PNG file, or of the uploaded file."""
        return base64.b64decode(self.drawing)

    @traitlets.observe("drawing")
    def _read(self, _):
        if self.prediction.get("drawing") == self.drawing:
            return  # the browser sent the drawing with its prediction
        images, probabilities, message = [], [], "Draw here."
        try:
            if self.drawing and self._number:
                reading = read_digits(self._model, self.picture)
                images = [digit.image for digit in reading.digits]
                probabilities = [digit.probabilities for digit in reading.digits]
                message = f"Reading: {reading.text}"
            elif self.drawing:
                images = [image_to_digit(self.picture)]
                probabilities = predict_probabilities(self._model, np.array(images))
                message = f"Prediction: {probabilities.argmax()} ({probabilities.max():.1%})"
        except ValueError as error:
            images, message = [], str(error)
        self.prediction = {
            "images": [_encode(Image.fromarray(image)) for image in images],
            "probabilities": [row.astype(float).round(4).tolist() for row in probabilities],
            "message": message,
        }

    _ipython_display_ = None  # that of ipywidgets 7 can't show HTML

    def _repr_mimebundle_(self, **kwargs):
        return show_widget(self, show(_plot_answer(self.picture, self.prediction)))

    def __repr__(self):
        return "Drawing pad: run this cell in JupyterLab or Notebook to draw."


def _describe(model):
    """Describes a network that the browser can predict with; {} if it can't."""
    try:
        predict_probabilities(model, np.zeros((1, 28, 28), np.uint8))  # or they are none
        return describe_layers(model) if model.count_params() <= MOST_NUMBERS else {}
    except (AttributeError, ValueError):  # an ensemble, or other layers
        return {}


def _draw_example(digits):
    """Draws digits in black on white, as a user would."""
    picture = Image.new("1", (_SIDE * len(digits), _SIDE), 1)
    pen = ImageDraw.Draw(picture)
    for place, digit in enumerate(digits):
        for stroke in _EXAMPLES[digit]:
            pen.line([(x + place * _SIDE, y) for x, y in stroke], fill=0, width=18, joint="curve")
    return picture


def _plot_answer(picture, prediction):
    """Draws what the pad shows: the drawing, and the probabilities if it is a single digit."""
    message, probabilities = prediction["message"], prediction["probabilities"]
    single = len(probabilities) == 1
    axes = np.ravel(new_axes((6, 2.9), 1, 2) if single else new_axes((6, 2.4)))
    axes[0].set(title=message, xticks=[], yticks=[])
    if prediction["images"]:  # otherwise it may be a file that is no picture
        axes[0].imshow(read_picture(picture), cmap="gray", vmin=0, vmax=1)
    alt = f"What is drawn on the pad, black on white. {message.removesuffix('.')}."
    if single:
        _draw_bars(axes[1], probabilities[0])
        shares = [f"{digit}: {share:.1%}" for digit, share in enumerate(probabilities[0])]
        alt += f" Probabilities of the digits {', '.join(shares)}."
    return describe(axes, alt)


def _draw_bars(ax, probabilities):
    colours = [COLOURS[0] if share == max(probabilities) else "0.6" for share in probabilities]
    bars = ax.barh(range(10), probabilities, color=colours)
    ax.bar_label(bars, [f"{share:.1%}" for share in probabilities], padding=3, fontsize=9)
    ax.set(title="Probabilities", ylabel="digit", xlim=(0, 1.2), yticks=range(10), xticks=[])
    ax.invert_yaxis()
    ax.spines[["top", "right", "bottom"]].set_visible(False)


def _encode(picture):
    buffer = io.BytesIO()
    # Without compression the file is the same on every computer, so that a test can compare it.
    picture.save(buffer, format="PNG", compress_level=0)
    return base64.b64encode(buffer.getvalue()).decode()
