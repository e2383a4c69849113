import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import boxes_of, overlaps, texts, tick_labels

from digitlib.evaluation import Mistakes
from digitlib.figures.gallery import plot_mistakes, plot_samples
from digitlib.figures.maps import plot_focus, plot_maps

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def mistakes():
    return Mistakes(
        np.array([4, 0, 2]),
        np.array([1, 2, 3]),
        np.array([7, 8, 9]),
        np.array([0.999, 0.8, 0.5]),
        np.array([0.0004, 0.15, 0.2]),
    )


def lightness(colour):
    return np.dot(np.asarray(colour)[:3], [0.299, 0.587, 0.114])


def test_samples_stand_over_their_labels(small_images):
    ax = plot_samples(small_images, [3, 1, 4, 1, 5, 9], columns=4)
    assert texts(ax) == ["3", "1", "4", "1", "5", "9"]
    assert np.array_equal([picture.get_array() for picture in ax.images], small_images)
    boxes = [picture.get_extent() for picture in ax.images]
    assert boxes[0][2:] == boxes[3][2:] != boxes[4][2:]  # four in the first row
    assert boxes[0][:2] == boxes[4][:2]
    left, right, bottom, top = (*ax.get_xlim(), *ax.get_ylim())
    assert all(left <= b[0] and b[1] <= right and bottom <= b[2] and b[3] <= top for b in boxes)


def test_mistakes_show_label_prediction_and_both_probabilities(small_images, mistakes):
    ax = plot_mistakes(small_images, mistakes, count=2)
    assert texts(ax) == [
        "1 classified as 7\n7: 99.9%, 1: 0.0%",
        "2 classified as 8\n8: 80.0%, 2: 15.0%",
    ]
    assert np.array_equal(ax.images[0].get_array(), small_images[4])
    assert ax.get_title() == "The 2 most confident of 3 wrong predictions"
    assert plot_mistakes(small_images, mistakes).get_title() == "All 3 wrong predictions"


def test_labels_known_to_be_wrong_are_marked(small_images, mistakes):
    ax = plot_mistakes(small_images, mistakes, doubtful=[int(mistakes.indices[1])])
    starred = [" * classified as" in text for text in texts(ax)]
    assert starred == [False, True, False]
    assert "* the label is known to be wrong" in ax.get_title()
    others = plot_mistakes(small_images, mistakes, doubtful=[9999])
    assert "*" not in others.get_title() + "".join(texts(others))


def test_no_mistakes_are_a_picture_too(small_images):
    none = Mistakes(*(np.array([], int) for _ in range(5)))
    assert plot_mistakes(small_images, none).get_title() == "No wrong predictions"


MAPS = [np.eye(3), 5 * np.eye(3), np.zeros((3, 3))]


def test_maps_share_one_scale_with_a_bar_of_numbers():
    ax = plot_maps(MAPS, ["a", "b", "none"], title="Maps")
    assert [picture.get_clim() for picture in ax.images] == [(0, 5)] * 3
    assert (texts(ax), ax.get_title()) == (["a", "b", "none"], "Maps")
    bar = ax.figure.axes[1]
    ax.figure.canvas.draw()
    assert bar.get_ylim() == (0, 5)
    assert all(label.isdigit() for label in tick_labels(bar.yaxis))


@pytest.mark.parametrize(("signed", "zero"), [(False, "white is 0"), (True, "mid grey is 0")])
def test_maps_with_scales_of_their_own_have_a_note_and_no_bar(signed, zero):
    ax = plot_maps(MAPS, ["a", "b", "none"], own_scales=True, signed=signed)
    assert [picture.get_clim()[1] for picture in ax.images] == [1, 5, 1]
    (note,) = [text for text in ax.texts if text.get_text() not in ("a", "b", "none")]
    assert note.get_text().startswith(f"each with its own scale: {zero}")
    assert ax.figure.axes == [ax]
    assert overlaps(boxes_of([*ax.images, *ax.texts], ax.figure)) == 0
    (box,) = boxes_of([note], ax.figure)
    assert box.x0 >= 0 and box.x1 <= ax.figure.bbox.x1 and box.y0 >= 0


def test_rows_of_maps_have_labels_to_their_left():
    names = ["before training", "1,720 steps"]
    ax = plot_maps(np.ones((4, 3, 3)), list("abcd"), columns=2, row_labels=names)
    labels = [text for text in ax.texts if text.get_text() in names]
    assert [label.get_text() for label in labels] == names
    boxes = boxes_of([*labels, *ax.images], ax.figure)
    assert overlaps(boxes) == 0
    for label, picture in zip(boxes[:2], (boxes[2], boxes[4]), strict=True):
        assert label.x0 >= 0 and label.x1 < picture.x0
        assert picture.y0 < (label.y0 + label.y1) / 2 < picture.y1


def test_each_row_of_maps_needs_its_label():
    with pytest.raises(ValueError, match="got 2 rows, 1 row labels"):
        plot_maps(np.ones((4, 3, 3)), list("abcd"), columns=2, row_labels=["one"])
    assert plt.get_fignums() == []


def test_zero_is_mid_grey_in_signed_maps():
    ax = plot_maps([np.array([[-1.0, 0], [0.5, 2]])], ["filter"], signed=True)
    (picture,) = ax.images
    assert picture.get_clim() == (-2, 2)
    negative, zero, positive = (lightness(picture.cmap(picture.norm(v))) for v in (-1, 0, 1))
    assert negative > zero > positive
    assert zero == pytest.approx(0.5, abs=0.01)
    assert ax.figure.axes[1].get_ylim() == (-2, 2)


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
    note, *captions = texts(ax)
    assert note.startswith("each with its own scale")
    assert captions == ["a 1", "blank"]
    assert ax.figure.axes == [ax]  # a bar would need numbers
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


def test_heat_that_is_all_negative_is_drawn_as_zero(digit):
    (heat,) = plot_focus([digit], [np.full((28, 28), -0.5)], ["1"]).images
    assert heat.get_clim() == (0, 1)


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("plot", [plot_samples, plot_maps, plot_focus])
def test_galleries_need_images_and_a_caption_for_each(small_images, plot, count):
    pictures = [small_images[:count]] * (2 if plot is plot_focus else 1)
    with pytest.raises(ValueError, match=f"expected equal counts, at least 1; got {count} "):
        plot(*pictures, ["only one"] * (count // 2))
    assert plt.get_fignums() == []


def test_focus_needs_a_heat_map_for_each_image(small_images):
    with pytest.raises(ValueError, match="got 6 images, 5 heat maps, 6 captions"):
        plot_focus(small_images, small_images[:5], "abcdef")


def test_each_gallery_draws_on_given_axes(small_images, mistakes, digit):
    figure, axes = plt.subplots(2, 2, layout="constrained")
    assert plot_samples(small_images, range(6), ax=axes[0, 0]) is axes[0, 0]
    assert plot_mistakes(small_images, mistakes, ax=axes[0, 1]) is axes[0, 1]
    assert plot_maps([digit], ["1"], ax=axes[1, 0]) is axes[1, 0]
    assert plot_focus([digit], [digit], ["1"], ax=axes[1, 1]) is axes[1, 1]
    assert plt.get_fignums() == [figure.number]
