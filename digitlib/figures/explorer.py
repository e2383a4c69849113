"""Slide a kernel over a digit, step by step: a widget for JupyterLab and Notebook."""

from functools import lru_cache

import matplotlib.pyplot as plt
from ipywidgets import HTML, Dropdown, HBox, IntSlider, Play, VBox, jslink

from digitlib.explain import convolve2d
from digitlib.figures.convolution import plot_convolution
from digitlib.figures.show import show, show_widget

_PLAIN = "Convolution explorer: run this cell in JupyterLab or Notebook to use it."
# Fixed places are drawn faster than fitted ones, and do not move from step to step.
_PLACES = {"left": 0.06, "right": 0.99, "bottom": 0.24, "top": 0.92, "wspace": 0.27}


def explore_convolution(images, kernels):
    """Shows a convolution step by step, with controls for digit, kernel, stride and position.

    Where widgets cannot run, such as on a repository's page, the picture of one step stands.

    Args:
        images: a dict from name to uint8 (28, 28), 0 background, 255 ink.
        kernels: a dict from name to numbers (k, l), no larger than the images.

    Returns:
        A widget: leave it as a cell's last expression, and Jupyter shows it.
    """
    return _ConvolutionExplorer(images, kernels)


class _ConvolutionExplorer(VBox):
    def __init__(self, images, kernels):
        self._images, self._kernels = images, kernels
        self._draw_step = lru_cache(maxsize=1000)(self._draw_step)  # Play comes round again
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
        """Counts the output's places anew; if they have changed, starts at the largest sum."""
        output = self._output()
        last = output.size - 1
        if last != self.position.max:
            for control in (self.position, self.play):
                # Together, or the browser would clip the old value by the new limit.
                with control.hold_sync(), control.hold_trait_notifications():
                    control.max = last
                    control.value = int(output.argmax())
        self._draw()

    def _output(self):
        image, kernel = self._images[self.digit.value], self._kernels[self.kernel.value]
        return convolve2d(image, kernel, stride=self.stride.value)

    def _draw(self, _=None):
        row, column = divmod(self.position.value, self._output().shape[1])
        choice = self.digit.value, self.kernel.value, self.stride.value
        self.picture.value = self._draw_step(*choice, row, column)

    def _draw_step(self, digit, kernel, stride, row, column):
        image, weights = self._images[digit], self._kernels[kernel]
        axes = plt.subplots(1, 3, figsize=(9, 3.6), gridspec_kw=_PLACES)[1]
        plot_convolution(image, weights, row, column, stride=stride, axes=axes)
        alt = (
            f"Convolution of {digit} with the kernel {kernel}, stride {stride}: the window for "
            f"row {row}, column {column} of the output, and its products; {axes[1].get_xlabel()}."
        )
        return show(axes, alt)._repr_html_()

    _ipython_display_ = None  # that of ipywidgets 7 knows no HTML

    def _repr_mimebundle_(self, **kwargs):
        return show_widget(self, self.picture.value)

    def __repr__(self):
        return _PLAIN
