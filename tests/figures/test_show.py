import base64
import hashlib
import html
import io
import os
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from digitlib.figures.convolution import plot_convolution
from digitlib.figures.explorer import explore_convolution
from digitlib.figures.plots import plot_class_counts, plot_confusion
from digitlib.figures.show import show


def test_shown_figure_is_an_image_with_alternative_text():
    shown = show(plot_class_counts([1, 2]), alt='Bars of "two" digits & more')
    markup = shown._repr_html_()
    assert html.unescape(re.search('alt="(.*?)"', markup)[1]) == 'Bars of "two" digits & more'
    picture = Image.open(io.BytesIO(shown.png))
    assert picture.format == "PNG"
    assert f'width="{picture.width * 2 // 3}"' in markup
    assert repr(shown) == 'Bars of "two" digits & more'
    assert plt.get_fignums() == []  # Jupyter would show an open figure a second time


def test_a_figure_describes_itself_unless_it_is_given_a_text():
    assert repr(show(plot_class_counts([1, 2]))).startswith("Bar chart of")
    assert repr(show(plot_class_counts([1, 2]), alt="Two digits")) == "Two digits"


def test_a_figure_without_any_text_is_refused():
    with pytest.raises(ValueError, match=r"no alternative text.*alt="):
        show(plt.subplots()[1])


def test_every_kind_of_page_gets_what_it_can_show():
    shown = show(plot_class_counts([1, 2]))
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png"}
    assert bundle["text/plain"] == repr(shown)
    assert base64.b64decode(bundle["image/png"]) == shown.png
    assert bundle["text/html"] == shown._repr_html_()
    data, _ = DisplayFormatter().format(shown)
    assert bundle.items() <= data.items()


def test_pictures_have_a_palette_and_a_white_ground():
    picture = Image.open(io.BytesIO(show(plot_confusion([[5, 1], [0, 4]])).png))
    assert picture.mode == "P"
    assert picture.info["dpi"] == pytest.approx((144, 144), abs=0.1)
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_several_axes_are_shown_as_their_one_figure():
    assert show(plt.subplots(2)[1], alt="two axes").png.startswith(b"\x89PNG")


def test_a_row_of_axes_becomes_a_picture(small_images):
    kernel = [[1, 0, -1]] * 3
    picture = show(plot_convolution(small_images[0], kernel, 12, 12), alt="One step")
    assert picture.png.startswith(b"\x89PNG")
    assert plt.get_fignums() == []


DRAW = """
import hashlib
from digitlib.figures.plots import plot_class_counts, plot_confusion
from digitlib.figures.show import show
for axes in (plot_class_counts([1, 2]), plot_confusion([[3, 1], [0, 4]])):
    print(hashlib.sha256(show(axes, "").png).hexdigest())
"""


@pytest.fixture(scope="module")
def drawn_by_agg():
    figures = plot_class_counts([1, 2]), plot_confusion([[3, 1], [0, 4]])
    return [hashlib.sha256(show(axes, "").png).hexdigest() for axes in figures]


@pytest.mark.parametrize(
    ("place", "backend"),
    [
        ("environment", "module://only.elsewhere"),
        ("environment", "TkAgg"),
        ("environment", "svg"),
        ("matplotlibrc", "module://only.elsewhere"),
    ],
)
def test_figures_are_the_same_whatever_backend_was_chosen(
    run_python, drawn_by_agg, tmp_path, place, backend
):
    settings = dict.fromkeys(["DISPLAY", "WAYLAND_DISPLAY"], "")  # no screen
    if place == "environment":
        settings["MPLBACKEND"] = backend
    else:
        (tmp_path / "matplotlibrc").write_text(f"backend: {backend}")
        settings |= {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": ""}
    run = run_python("-c", DRAW, env=os.environ | settings)
    assert run.stdout.split() == drawn_by_agg, run.stderr


def test_other_layouts_in_a_matplotlibrc_break_nothing(small_images):
    settings = {"figure.autolayout": True, "figure.constrained_layout.use": True}
    with plt.rc_context(settings):
        explorer = explore_convolution({"digit": small_images[0]}, {"sum": np.ones((3, 3))})
        assert explorer.picture.value.startswith("<img")
        assert show(plot_class_counts([1, 2]), "").png.startswith(b"\x89PNG")
