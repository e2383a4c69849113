import html
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.signal import correlate2d

from digitlib.figures.explorer import explore_convolution

pytestmark = pytest.mark.filterwarnings("error")

KERNELS = {"vertical edges": np.array([[1, 0, -1]] * 3), "sum of 5 x 5": np.ones((5, 5), int)}
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def images(small_images):
    return {"digit 3": small_images[0], "digit <5>": small_images[1]}


@pytest.fixture
def explorer(images):
    return explore_convolution(images, KERNELS)


def alt_of(explorer):
    return html.unescape(re.search('<img alt="(.*?)"', explorer.picture.value)[1])


def sum_of(explorer):
    return int(re.search(r"sum = (\S+)\.$", alt_of(explorer))[1].replace("\N{MINUS SIGN}", "-"))


def test_it_starts_at_the_largest_sum(explorer, images):
    expected = correlate2d(images["digit 3"].astype(int), KERNELS["vertical edges"], "valid")
    assert sum_of(explorer) == expected.max()
    row, column = np.unravel_index(expected.argmax(), expected.shape)
    for part in ("digit 3", "vertical edges", "stride 1", f"row {row}", f"column {column}"):
        assert part in alt_of(explorer)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_positions_are_those_of_the_output(explorer, images, kernel, stride):
    explorer.kernel.value, explorer.stride.value = kernel, stride
    expected = correlate2d(images["digit 3"].astype(int), KERNELS[kernel], "valid")
    expected = expected[::stride, ::stride]
    assert explorer.position.max == explorer.play.max == expected.size - 1
    assert 0 < explorer.position.value < explorer.position.max
    assert f"stride {stride}" in alt_of(explorer)
    assert kernel in alt_of(explorer)
    for position in (0, expected.size // 3, expected.size - 1):
        explorer.position.value = position
        assert sum_of(explorer) == expected.flat[position]


def test_another_digit_is_seen_at_the_same_place(explorer, images):
    before = explorer.picture.value
    explorer.position.value = 30
    explorer.digit.value = "digit <5>"
    assert explorer.position.value == 30
    assert "digit <5>" in alt_of(explorer)
    assert explorer.picture.value != before
    expected = correlate2d(images["digit <5>"].astype(int), KERNELS["vertical edges"], "valid")
    assert sum_of(explorer) == expected.flat[30]


def test_each_step_is_drawn_once(explorer, monkeypatch):
    drawn = []
    original = plt.subplots
    monkeypatch.setattr(
        plt, "subplots", lambda *args, **kw: drawn.append(1) or original(*args, **kw)
    )
    explorer.stride.value = 3
    assert len(drawn) == 1
    explorer.position.value = 0
    explorer.position.value = 1
    explorer.position.value = 0  # remembered
    assert len(drawn) == 3
    assert plt.get_fignums() == []


def test_controls_have_labels(explorer):
    controls = explorer.digit, explorer.kernel, explorer.stride, explorer.position, explorer.play
    labels = [control.description for control in controls]
    assert labels == ["digit", "kernel", "stride", "position", "play"]
    assert explorer.stride.options == (1, 2, 3)
    assert explorer.digit.options == ("digit 3", "digit <5>")


def test_front_ends_without_widgets_get_the_picture(explorer):
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/png", WIDGET}
    assert bundle["image/png"] in bundle["text/html"]
    assert bundle["text/html"] == explorer.picture.value
    assert bundle["text/html"].startswith("<img alt=")
    assert bundle[WIDGET]["model_id"] == explorer.model_id


@pytest.mark.parametrize("kernels", [KERNELS, {}])
def test_nothing_to_explore_is_refused(kernels):
    message = f"at least one image and one kernel; got 0 and {len(kernels)}"
    with pytest.raises(ValueError, match=message):
        explore_convolution({}, kernels)


def test_its_text_is_always_the_same(explorer, images):
    other = explore_convolution(images, KERNELS)
    assert repr(explorer) == repr(other) == explorer._repr_mimebundle_()["text/plain"]
    assert explorer.model_id not in repr(explorer)
    assert repr(explorer).startswith("Convolution explorer: run this cell")
