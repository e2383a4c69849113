import base64
import io
import json
import re

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

from digitlib import load_model
from digitlib.evaluation import Ensemble
from digitlib.handwriting.normalization import image_to_digit
from digitlib.models.pad import DrawingPad, _plot_answer

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def reader():
    return load_model("robust")


@pytest.fixture
def pad(reader):
    return DrawingPad(reader)


def draw(*strokes, size=(280, 280)):
    picture = Image.new("L", size, 255)
    for stroke in strokes:
        ImageDraw.Draw(picture).line(stroke, fill=0, width=18, joint="curve")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def encode(file):
    return base64.b64encode(file).decode()


def decode(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


ONE = [(140, 50), (140, 230)]
FOUR = [[(110, 50), (80, 150), (210, 150)], [(180, 60), (170, 240)]]


def test_it_starts_with_an_example_that_is_read(pad):
    assert pad.prediction["message"].startswith("Prediction: 7 (")
    assert np.argmax(pad.prediction["probabilities"][0]) == 7
    assert decode(pad.prediction["images"][0]).shape == (28, 28)


@pytest.mark.parametrize(("strokes", "digit"), [([ONE], 1), (FOUR, 4)])
def test_a_drawing_is_read_at_once(pad, strokes, digit):
    pad.drawing = encode(draw(*strokes))
    assert pad.prediction["message"].startswith(f"Prediction: {digit} (")
    (image,), (probabilities,) = pad.prediction["images"], pad.prediction["probabilities"]
    assert np.array_equal(decode(image), image_to_digit(draw(*strokes)))
    assert np.argmax(probabilities) == digit
    assert sum(probabilities) == pytest.approx(1, abs=1e-3)
    assert pad.picture == draw(*strokes)
    json.dumps(pad.prediction)  # which is how it goes to the browser


def test_an_uploaded_picture_is_read_the_same_way(pad, mnist):
    for kind in ("JPEG", "PNG", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(mnist.test.images[0]).resize((500, 500)).save(buffer, kind)
        pad.drawing = encode(buffer.getvalue())
        assert pad.prediction["message"].startswith("Prediction: 7 (")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "Draw here."),
        (draw(), "no digit found"),
        (b"no picture", "no picture that can be read"),
        (draw(ONE)[:100], "no picture that can be read"),
    ],
)
def test_an_unreadable_drawing_gives_a_message_and_the_pad_goes_on(pad, file, message):
    pad.drawing = encode(file)
    assert message in pad.prediction["message"]
    assert pad.prediction["images"] == pad.prediction["probabilities"] == []
    pad.drawing = encode(draw(ONE))
    assert pad.prediction["message"].startswith("Prediction: 1 (")


def test_text_that_is_not_base64_gives_a_message_too(pad):
    pad.drawing = "?"
    assert "no picture" in pad.prediction["message"]


def test_a_wide_pad_reads_a_whole_number(reader):
    pad = DrawingPad(reader, number=True)
    assert (pad.width, pad.height) == (840, 280)
    assert pad.prediction["message"] == "Reading: 717"
    four = [[(x + 300, y) for x, y in stroke] for stroke in FOUR]
    pad.drawing = encode(draw(ONE, *four, size=(840, 280)))
    assert pad.prediction["message"] == "Reading: 14"
    assert [np.argmax(row) for row in pad.prediction["probabilities"]] == [1, 4]
    assert all(decode(image).shape == (28, 28) for image in pad.prediction["images"])


def test_the_browser_gets_a_network_that_it_can_predict_with(pad, reader):
    assert set(pad.network) == {"layers", "weights"}
    for model in (Ensemble([reader]), keras.Sequential([reader, keras.layers.Rescaling(9)])):
        assert DrawingPad(model).network == {}
    assert DrawingPad(reader, number=True).network == {}


def test_front_ends_without_widgets_get_the_picture(pad):
    bundle = pad._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert {"text/plain", "text/html", "image/png", WIDGET} <= set(data)
    assert data["image/png"] in data["text/html"]
    alt = re.search('alt="(.*?)"', data["text/html"])[1]
    assert pad.prediction["message"] in alt
    assert f"7: {pad.prediction['probabilities'][0][7]:.1%}" in alt


def test_the_stored_picture_shows_drawing_and_probabilities(pad):
    drawing, bars = _plot_answer(pad.picture, pad.prediction)
    assert np.array_equal(drawing.images[0].get_array() * 255, decode(pad.drawing) * 255)
    assert drawing.get_title() == pad.prediction["message"]
    assert [bar.get_width() for bar in bars.patches] == pad.prediction["probabilities"][0]


@pytest.mark.parametrize("file", [b"", b"no picture"])
def test_the_stored_picture_of_no_drawing_is_blank(pad, file):
    pad.drawing = encode(file)
    (ax,) = _plot_answer(pad.picture, pad.prediction)
    assert len(ax.images) == 0
    assert ax.get_title() == pad.prediction["message"]
    assert pad._repr_mimebundle_()["image/png"]


def test_the_stored_picture_of_a_number_names_it(reader):
    pad = DrawingPad(reader, number=True)
    (ax,) = _plot_answer(pad.picture, pad.prediction)
    assert ax.get_title() == "Reading: 717"
    assert ax.images[0].get_array().shape == (280, 840)


def test_its_text_is_always_the_same(pad, reader):
    assert repr(pad) == repr(DrawingPad(reader))
    assert repr(pad).startswith("Drawing pad: run this cell in")


def test_nothing_is_fetched_from_elsewhere(pad):
    assert "http" not in pad._esm + pad._css
