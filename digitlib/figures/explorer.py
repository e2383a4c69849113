"""A widget that slides a kernel over a digit, step by step."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from ipywidgets import HTML, Dropdown, HBox, IntSlider, Play, VBox, jslink
from numpy.typing import ArrayLike, NDArray

from digitlib.explain import convolve2d
from digitlib.figures.convolution import plot_convolution
from digitlib.figures.show import show, show_widget
from digitlib.figures.style import new_axes, read_description

# Fixed places are drawn faster than fitted ones, and stay the same from step to step.
_PLACES = {"left": 0.06, "right": 0.99, "bottom": 0.24, "top": 0.92, "wspace": 0.27}


def explore_convolution(
    images: Mapping[str, NDArray[np.uint8]], kernels: Mapping[str, ArrayLike]
) -> VBox:
    """Shows a convolution step by step, with controls for digit, kernel, stride and position.

    Where widgets can't run, such as on the page of a repository, it shows one step.

    Args:
        images: from names to uint8 (28, 28), 0 background to 255 ink; at least one.
        kernels: from names to numbers (k, l), no larger than the images; at least one.

    Returns:
        A widget. Jupyter shows it if it is the last expression of a cell.
    """
    if not images or not kernels:
        found = f"{len(images)} and {len(kernels)}"
        raise ValueError(f"expected at least one image and one kernel; got {found}")
    return _ConvolutionExplorer(images, kernels)


class _ConvolutionExplorer(VBox):
    def __init__(self, images, kernels):
        self._images, self._kernels = images, kernels
        self._draw_step = lru_cache(maxsize=1000)(self._draw_step)  # Play repeats the steps
        self.digit = Dropdown(options=list(images), description="digit")
        self.kernel = Dropdown(options=list(kernels), description="kernel")
        self.stride = Dropdown(options=[1, 2, 3], description="stride")
        self.position = IntSlider(description="position")
        self.play = Play(description="play", interval=400)
        self.picture = HTML()
        choices = HBox([self.digit, self.kernel, self.stride])
        super().__init__([choices, HBox([self.play, self.position]), self.picture])
        jslink((self.play, "value"), (self.position, "value"))
        for choice in choices.children:
            choice.observe(self._fit_position, "value")
        self.position.observe(self._draw, "value")
        self._fit_position()

    def _fit_position(self, _=None):
        # If the size of the output has changed, start at its largest value.
        image, kernel = self._images[self.digit.value], self._kernels[self.kernel.value]
        output = convolve2d(image, kernel, stride=self.stride.value)
        last = output.size - 1
        if last != self.position.max:
            for control in (self.position, self.play):
                # Together, or the browser would clip the old value to the new limit.
                with control.hold_sync(), control.hold_trait_notifications():
                    control.max = last
                    control.value = int(output.argmax())
        self._draw()

    def _draw(self, _=None):
        choice = self.digit.value, self.kernel.value, self.stride.value
        self._step = self._draw_step(*choice, self.position.value)
        self.picture.value = self._step._repr_html_()

    def _draw_step(self, digit, kernel, stride, position):
        image, weights = self._images[digit], self._kernels[kernel]
        row, column = divmod(position, convolve2d(image, weights, stride=stride).shape[1])
        axes = new_axes((9, 3.6), 1, 3, layout="none", gridspec_kw=_PLACES)
        plot_convolution(image, weights, row, column, stride=stride, axes=axes)
        choice = f"Convolution of {digit} with the kernel {kernel}, stride {stride}."
        return show(axes, alt=f"{choice} {read_description(axes)}")

    _ipython_display_ = None  # that of ipywidgets 7 can't show HTML

    def _repr_mimebundle_(self, **kwargs):
        return show_widget(self, self._step)

    def __repr__(self):
        return "Convolution explorer: run this cell in JupyterLab or Notebook to use it."
