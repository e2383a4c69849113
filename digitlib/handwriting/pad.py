"""Draw digits in Jupyter and see at once what the network reads."""

import base64
import io
from pathlib import Path

import anywidget
import traitlets
from PIL import Image, ImageDraw

from digitlib.evaluation import predict_probabilities
from digitlib.figures.show import RenderedFigure, show_widget
from digitlib.handwriting.digit import image_to_digit
from digitlib.handwriting.reading import read_digits

_HERE = Path(__file__).parent
_SIDE = 280  # pixels of the drawing; a number has three times as much room
_EXAMPLES = {  # strokes of a 7 and of a 1, on a square of 280 x 280
    "7": [[(75, 70), (205, 66), (190, 110), (150, 160), (122, 225)]],
    "1": [[(110, 95), (150, 60), (144, 150), (138, 225)]],
}


class DrawingPad(anywidget.AnyWidget):
    """A widget to draw on with mouse, pen, finger or keys, or to give a picture file to.

    Beside the drawing stand the 28 x 28 pixels that the network sees, and its probabilities.
    Without a browser it shows an example.

    Attributes:
        drawing: the drawing as the base64 text of a PNG, or of whatever file was uploaded; "" if
            there is none.
        answer: a dict of what was read: "images" (base64 PNGs of 28 x 28 pixels), "probabilities"
            (a list of ten for each image) and "message".
    """

    _esm = _HERE / "pad.js"
    _css = _HERE / "pad.css"
    # Text, since anywidget loses bytes that come from the browser.
    drawing = traitlets.Unicode().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int(_SIDE).tag(sync=True)

    def __init__(self, model, *, number=False):
        """Makes a pad.

        Args:
            model: what `predict_probabilities` takes.
            number: False for a single digit, True for a whole number.
        """
        self._model = model
        self._number = number
        example = _draw_example("717" if number else "7")
        super().__init__(drawing=_encode(example), width=example.width)

    @property
    def picture(self):
        """The drawing as the bytes of a PNG, or of the file that was uploaded."""
        return base64.b64decode(self.drawing)

    @traitlets.observe("drawing")
    def _read(self, _):
        self.answer = self._read_drawing()

    def _read_drawing(self):
        nothing = {"images": [], "probabilities": [], "message": "Draw here."}
        if not self.drawing:
            return nothing
        try:
            return self._read_number() if self._number else self._read_digit()
        except ValueError as error:
            return nothing | {"message": str(error)}

    def _read_digit(self):
        image = image_to_digit(self.picture)
        probabilities = predict_probabilities(self._model, image[None])
        message = f"Reads {probabilities.argmax()} ({probabilities.max():.1%})"
        return _answer([image], probabilities, message)

    def _read_number(self):
        reading = read_digits(self._model, self.picture)
        images = [digit.image for digit in reading.digits]
        probabilities = [digit.probabilities for digit in reading.digits]
        return _answer(images, probabilities, f"Reads {reading.text}")

    _ipython_display_ = None  # that of ipywidgets 7 knows no HTML

    def _repr_mimebundle_(self, **kwargs):
        alt = f"What is drawn on the pad, black on white. {self.answer['message']}"
        picture = RenderedFigure(self.picture, alt, self.width)
        return show_widget(self, picture._repr_html_())

    def __repr__(self):
        return "Drawing pad: run this cell in JupyterLab or Notebook to draw."


def _answer(images, probabilities, message):
    return {
        "images": [_encode(Image.fromarray(image)) for image in images],
        "probabilities": [row.astype(float).round(4).tolist() for row in probabilities],
        "message": message,
    }


def _draw_example(digits):
    """Digits in black on white, as one would draw them."""
    picture = Image.new("1", (_SIDE * len(digits), _SIDE), 1)
    pen = ImageDraw.Draw(picture)
    for place, digit in enumerate(digits):
        for stroke in _EXAMPLES[digit]:
            corners = [(x + place * _SIDE, y) for x, y in stroke]
            pen.line(corners, fill=0, width=18, joint="curve")
    return picture


def _encode(picture):
    buffer = io.BytesIO()
    # Not compressed, the file is the same wherever it is made, and the notebook's test compares it.
    picture.save(buffer, format="PNG", compress_level=0)
    return base64.b64encode(buffer.getvalue()).decode()
