import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import boxes_of, overlaps, texts

from digitlib.figures.network import plot_network
from digitlib.training.networks import RECIPES, build_model

pytestmark = pytest.mark.filterwarnings("error")

TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize("name", RECIPES)
def test_networks_are_drawn_without_overlap(name):
    ax = plot_network(build_model(RECIPES[name]))
    assert ax.get_title() == "The network, from image to probabilities"
    assert not ax.axison
    width, height = ax.figure.get_size_inches()
    assert width <= 11 and height <= 3.6
    labels = [text for text in ax.texts if text.get_text()]
    boxes = boxes_of([*labels, ax.title], ax.figure)
    assert overlaps(boxes) == 0
    drawings = boxes_of(ax.patches, ax.figure)
    assert not any(box.overlaps(drawing) for box in boxes for drawing in drawings)
    frame = ax.figure.bbox
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 for b in boxes)


def test_a_network_names_its_layers_and_shapes():
    ax = plot_network(build_model(RECIPES["fast"]))
    names = [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
    assert names == ["Image", *["Conv2D", "MaxPooling2D"] * 2, "Flatten", "Dense", "Dense"]
    shapes = ["28 * 28 * 1", "24 * 24 * 16", "12 * 12 * 16", "5 * 5 * 32", "800", "128", "10"]
    notes = ["16 filters 5*5", "32 filters 3*3", "2*2", "relu", "softmax", "+ ReLU"]
    assert {text.replace("*", TIMES) for text in shapes + notes} <= set(texts(ax))
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == len(names) - 1
    assert len(ax.patches) == 1 + 4 + 4 + 6 + 6 + 1 + 1 + 1  # more sheets for more channels


def test_sheets_are_as_high_as_maps_have_rows():
    patches = plot_network(build_model(RECIPES["fast"])).patches
    heights = [patches[number].get_height() for number in (0, 1, 6, -3, -2, -1)]
    image, convolution, pooling, flat, dense, output = heights
    assert np.isclose(convolution / image, 24 / 28)
    assert np.isclose(pooling / image, 12 / 28)
    assert flat > dense > output


def test_a_flat_input_leaves_room_for_maps_behind_it():
    flat = keras.Sequential(
        [keras.Input((784,)), keras.layers.Reshape((28, 28, 1)), keras.layers.Conv2D(4, 5)]
    )
    ax = plot_network(flat)
    assert texts(ax)[:2] == ["Image", "784"]
    image, *_, reshaped = ax.patches[:2]
    assert reshaped.get_width() > image.get_width()
    assert np.isclose(reshaped.get_width(), 1.3)


def test_a_network_is_drawn_on_given_axes():
    figure, ax = plt.subplots()
    assert plot_network(build_model(RECIPES["dense"]), ax=ax) is ax
    assert plt.get_fignums() == [figure.number]
