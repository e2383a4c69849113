import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import boxes_of, overlaps, texts, tick_labels
from scipy.signal import correlate2d

from digitlib import RECIPES, show
from digitlib.figures.convolution import (
    plot_convolution,
    plot_focus,
    plot_maps,
    plot_network,
    plot_pixels,
)
from digitlib.training.networks import build_model

pytestmark = pytest.mark.filterwarnings("error")

IMAGE = np.arange(25).reshape(5, 5) % 7
EDGES = np.array([[1, 0, -1]] * 3)
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"


@pytest.fixture
def digit():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    image[10, 8:20] = 100
    return image


def outlined(ax):
    """The cells inside the outline: first and last row, first and last column."""
    (patch,) = ax.patches
    x, y = patch.get_xy()
    return y + 0.5, y + patch.get_height() - 0.5, x + 0.5, x + patch.get_width() - 0.5


def lightness(colour):
    return np.dot(np.asarray(colour)[:3], [0.299, 0.587, 0.114])


def test_each_pixel_is_written_in_its_cell(digit):
    ax = plot_pixels(digit)
    assert texts(ax) == [str(pixel) for pixel in digit.flat]
    written = {text.get_position(): text for text in ax.texts}
    assert written[(12, 4)].get_text() == "255"  # column 12, row 4
    assert written[(12, 4)].get_color() == "white"
    assert written[(8, 10)].get_color() == "black"
    assert written[(0, 0)].get_color() == "0.75"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")
    assert tick_labels(ax.xaxis) == tick_labels(ax.yaxis) == [str(n) for n in range(28)]
    assert ax.images[0].get_clim() == (0, 255)
    assert overlaps(boxes_of(ax.texts[28 * 12 : 28 * 14], ax.figure)) == 0


def test_a_step_of_a_convolution_shows_window_products_and_sum():
    image_ax, products_ax, output_ax = axes = plot_convolution(IMAGE, EDGES, 1, 2)
    assert [ax.get_title() for ax in axes] == ["image", f"window {TIMES} kernel", "output"]
    assert texts(image_ax) == [str(pixel) for pixel in IMAGE.flat]
    assert outlined(image_ax) == (1, 3, 2, 4)
    window = IMAGE[1:4, 2:5]
    expected = [f"{a} {TIMES} {b}" for a, b in zip(window.flat, EDGES.flat, strict=True)]
    assert texts(products_ax) == [text.replace("-", MINUS) for text in expected]
    total = correlate2d(IMAGE, EDGES, "valid")[1, 2]
    assert products_ax.get_xlabel() == f"sum = {total}".replace("-", MINUS)
    assert "dark: positive, light: negative" in output_ax.get_xlabel()
    assert outlined(output_ax) == (1, 1, 2, 2)


def test_the_output_is_filled_in_reading_order():
    ax = plot_convolution(IMAGE, EDGES, 1, 1)[2]
    expected = correlate2d(IMAGE, EDGES, "valid")
    shown = ax.images[0].get_array()
    assert np.array_equal(shown.mask, [[0, 0, 0], [0, 0, 1], [1, 1, 1]])
    assert np.array_equal(shown.compressed(), expected.flat[:5])
    assert texts(ax) == [str(n).replace("-", MINUS) for n in expected.flat[:5]] + [""] * 4
    assert ax.images[0].get_clim() == (-abs(expected).max(), abs(expected).max())
    assert ax.patch.get_hatch()  # what is blank differs from what is light


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2), (5, 3), (1, 1)])
def test_convolution_of_a_digit_agrees_with_scipy(digit, size, stride):
    kernel = np.random.default_rng(size).normal(size=(size, size))
    expected = correlate2d(digit, kernel, "valid")[::stride, ::stride]
    rows, columns = expected.shape
    axes = plot_convolution(digit, kernel, rows - 1, columns - 1, stride=stride)
    assert np.allclose(axes[2].images[0].get_array(), expected)
    assert texts(axes[0]) == []  # a picture: its numbers would be too small
    assert len(texts(axes[1])) == size**2
    assert outlined(axes[0])[0] == (rows - 1) * stride
    boxes = boxes_of(axes[1].texts, axes[0].figure)
    frame = axes[1].get_window_extent()
    assert overlaps(boxes) == 0
    assert all(frame.x0 < box.x0 and box.x1 < frame.x1 for box in boxes)


def test_convolution_writes_floats_with_two_significant_digits(digit):
    axes = plot_convolution(digit / 255, np.full((3, 3), 1 / 9), 3, 11)
    assert f"1 {TIMES} 0.11" in texts(axes[1])
    assert axes[1].get_xlabel() == "sum = 0.44"


def test_the_sum_of_small_integers_does_not_overflow(digit):
    axes = plot_convolution(digit, np.ones((3, 3), np.uint8), 14, 12)
    assert axes[1].get_xlabel() == f"sum = {9 * 255}"


def test_rounding_leaves_no_negative_zero():
    axes = plot_convolution(np.full((3, 3), 0.1), [[0.1, 0.2, -0.3]], 0, 0)
    assert axes[1].get_xlabel() == "sum = 0"


def test_an_empty_image_can_be_convolved():
    axes = plot_convolution(np.zeros((4, 4)), EDGES, 0, 0)
    assert axes[1].get_xlabel() == "sum = 0"
    axes[0].figure.canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGE, np.ones((6, 2)), 0, 0), r"must not be larger.*got \(6, 2\) for \(5, 5\)"),
        ((IMAGE, EDGES, 3, 0), "row must be 0 to 2 and column 0 to 2.*got 3 and 0"),
        ((IMAGE, EDGES, 0, -1), "got 0 and -1"),
        ((IMAGE[..., None], EDGES, 0, 0), "two axes, rows and columns; got 3 and 2"),
        ((IMAGE, EDGES[0], 0, 0), "got 2 and 1"),
    ],
)
def test_what_cannot_be_convolved_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_convolution(*arguments)
    with pytest.raises(ValueError, match="stride must be 1 or more; got 0"):
        plot_convolution(IMAGE, EDGES, 0, 0, stride=0)
    assert plt.get_fignums() == []


def test_maps_have_each_its_own_scale():
    maps = [np.eye(3), 5 * np.eye(3), np.zeros((3, 3))]
    ax = plot_maps(maps, ["a", "b", "none"], title="Maps")
    assert [picture.get_clim() for picture in ax.images] == [(0, 1), (0, 5), (0, 1)]
    assert (texts(ax), ax.get_title()) == (["a", "b", "none"], "Maps")
    ax.figure.canvas.draw()


def test_zero_is_mid_grey_in_signed_maps():
    ax = plot_maps([np.array([[-1.0, 0], [0.5, 2]])], ["filter"], signed=True)
    (picture,) = ax.images
    assert picture.get_clim() == (-2, 2)
    negative, zero, positive = (lightness(picture.cmap(picture.norm(v))) for v in (-1, 0, 1))
    assert negative > zero > positive
    assert zero == pytest.approx(0.5, abs=0.01)
    key = ax.figure.axes[1]
    assert tick_labels(key.yaxis) == ["negative", "0", "positive"]


def test_maps_need_a_caption_each():
    with pytest.raises(ValueError, match="shorter"):
        plot_maps([np.eye(2)] * 2, ["only one"])


@pytest.mark.parametrize("count", [1, 3, 8, 20])
def test_galleries_neither_overlap_nor_leave_the_axes(count):
    captions = [f"filter {number}\nline 2" for number in range(count)]
    ax = plot_maps(np.ones((count, 4, 4)), captions)
    assert overlaps(boxes_of([*ax.images, *ax.texts], ax.figure)) == 0
    frame = ax.get_window_extent().padded(1)
    for box in boxes_of([*ax.images, *ax.texts], ax.figure):
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1
        assert frame.y0 <= box.y0 and box.y1 <= frame.y1


def test_focus_draws_the_outline_of_the_digit_over_its_heat(digit):
    heat = np.zeros((28, 28))
    heat[10:12, 5:9] = 0.25
    blank = np.zeros_like(digit)
    ax = plot_focus([digit, blank], [heat, blank], ["a 1", "blank"], title="Focus")
    assert np.array_equal(ax.images[0].get_array(), heat)
    assert ax.images[0].get_clim() == (0, 0.25)
    assert texts(ax) == ["a 1", "blank"]
    (outline,) = ax.collections  # none for the blank image
    assert outline.get_path_effects()
    (path,) = outline.get_paths()
    left, right, bottom, top = ax.images[0].get_extent()
    (x0, y0), (x1, y1) = path.get_extents().get_points()
    # Ink fills columns 12 to 15 and rows 4 to 23; its edge lies between the centres of pixels.
    assert np.allclose([x0, x1], left + np.array([12, 16]) / 28, atol=0.02)
    assert np.allclose([y0, y1], top - np.array([24, 4]) / 28, atol=0.02)
    assert (right - left, top - bottom) == (1, 1)


def test_heat_gets_steadily_darker(digit):
    cmap = plot_focus([digit], [digit / 255], ["1"]).images[0].cmap
    steps = [lightness(cmap(step)) for step in np.linspace(0, 1, 32)]
    assert (np.diff(steps) < 0).all()


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


def test_each_diagram_draws_on_given_axes(digit):
    figure, axes = plt.subplots(3, 3, layout="constrained")
    assert plot_pixels(digit, ax=axes[0, 0]) is axes[0, 0]
    assert plot_maps([digit], ["1"], ax=axes[0, 1]) is axes[0, 1]
    assert plot_focus([digit], [digit], ["1"], ax=axes[0, 2]) is axes[0, 2]
    steps = axes[1]
    assert plot_convolution(digit, EDGES, 0, 0, axes=steps) is steps
    assert plot_network(build_model(RECIPES["dense"]), ax=axes[2, 0]) is axes[2, 0]
    assert plt.get_fignums() == [figure.number]


def test_diagrams_become_pictures(digit):
    picture = show(plot_convolution(digit, EDGES, 12, 12), alt="One step")
    assert picture.png.startswith(b"\x89PNG")
    assert plt.get_fignums() == []
