import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import boxes_of, overlaps, texts, tick_labels
from scipy.signal import correlate2d

from digitlib.figures.convolution import plot_convolution, plot_pixels

pytestmark = pytest.mark.filterwarnings("error")

IMAGE = np.arange(25).reshape(5, 5) % 7
EDGES = np.array([[1, 0, -1]] * 3)
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"


def outlined(ax):
    """The cells inside the outline: first and last row, first and last column."""
    (patch,) = ax.patches
    x, y = patch.get_xy()
    return y + 0.5, y + patch.get_height() - 0.5, x + 0.5, x + patch.get_width() - 0.5


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
        ((IMAGE, np.ones((6, 2)), 0, 0), r"smaller.*got.*\(5, 5\) and \(6, 2\)"),
        ((IMAGE, EDGES, 3, 0), "rows 0 to 2 and columns 0 to 2; got row 3 and column 0"),
        ((IMAGE, EDGES, 0, -1), "got row 0 and column -1"),
        ((IMAGE[..., None], EDGES, 0, 0), r"got.*\(5, 5, 1\) and \(3, 3\)"),
        ((IMAGE, EDGES[0], 0, 0), r"got.*\(5, 5\) and \(3,\)"),
    ],
)
def test_what_cannot_be_convolved_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_convolution(*arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("stride", [0, -1])
def test_a_stride_below_one_is_refused(stride):
    with pytest.raises(ValueError, match=f"stride.*got {stride}"):
        plot_convolution(IMAGE, EDGES, 0, 0, stride=stride)
    assert plt.get_fignums() == []


CHANNELS = np.stack([IMAGE, IMAGE % 3], axis=-1)
KERNELS = np.stack([[[1, 0], [0, 2]], [[-1, 1], [2, 0]]], axis=-1)


def sum_by_hand(row, column):
    window = CHANNELS[row : row + 2, column : column + 2]
    return [int((window[..., c] * KERNELS[..., c]).sum()) for c in (0, 1)]


@pytest.mark.parametrize(("bias", "end"), [(0, ""), (2, " + 2"), (-3, f" {MINUS} 3")])
def test_channels_add_up_to_one_output(bias, end):
    axes = plot_convolution(CHANNELS, KERNELS, 1, 2, bias=bias)
    assert [ax.get_title() for ax in axes[:4]] == [
        *("image, channel 0", f"window {TIMES} kernel, channel 0"),
        *("image, channel 1", f"window {TIMES} kernel, channel 1"),
    ]
    expected = sum(correlate2d(CHANNELS[..., c], KERNELS[..., c], "valid") for c in (0, 1)) + bias
    shown = axes[4].images[0].get_array()
    assert np.array_equal(shown.compressed(), expected.flat[:7])
    first, second = sum_by_hand(1, 2)
    assert [axes[n].get_xlabel() for n in (1, 3)] == [f"sum = {first}", f"sum = {second}"]
    assert texts(axes[4])[-1] == f"{first} + {second}{end} = {first + second + bias}"
    rule = "output\nsum of all products of both channels"
    assert axes[4].get_title() == rule + " + bias" * bool(bias)
    assert outlined(axes[4]) == (1, 1, 2, 2)
    assert [outlined(axes[n]) for n in (0, 2)] == [(1, 2, 2, 3)] * 2


def test_channels_share_one_scale_and_do_not_overlap():
    axes = plot_convolution(CHANNELS, KERNELS, 0, 0, bias=1)
    assert {axes[n].images[0].get_clim() for n in range(4)} == {(0, 6)}
    figure = axes[0].figure
    figure.canvas.draw()
    assert overlaps([ax.get_tightbbox() for ax in axes]) == 0


def test_three_channels_are_all_channels():
    axes = plot_convolution(np.ones((3, 3, 3)), np.ones((2, 2, 3)), 0, 0)
    assert len(axes) == 7
    assert "of all channels" in axes[6].get_title()
    assert texts(axes[6])[-1] == "4 + 4 + 4 = 12"


def test_a_bias_is_added_to_one_channel_too():
    axes = plot_convolution(np.ones((3, 3)), np.ones((2, 2)), 0, 0, bias=-1)
    assert axes[1].get_xlabel() == f"sum + bias = 4 {MINUS} 1 = 3"
    assert axes[2].images[0].get_array().compressed().tolist() == [3]


def test_channels_of_image_and_kernel_must_agree():
    with pytest.raises(ValueError, match="need the same channels, at least 1; got 2 and 1"):
        plot_convolution(CHANNELS, KERNELS[..., :1], 0, 0)
    assert plt.get_fignums() == []


def test_the_pixels_fit_on_a_screen(digit):
    width, height = plot_pixels(digit).figure.get_size_inches()
    assert max(width, height) * 96 <= 730


def test_each_diagram_draws_on_given_axes(digit):
    figure, axes = plt.subplots(2, 3, layout="constrained")
    assert plot_pixels(digit, ax=axes[0, 0]) is axes[0, 0]
    steps = axes[1]
    assert plot_convolution(digit, EDGES, 0, 0, axes=steps) is steps
    assert plt.get_fignums() == [figure.number]
