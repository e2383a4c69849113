"""Follow a drawing through every layer of a network, in Jupyter."""

from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets

from digitlib.data import load_mnist
from digitlib.figures.maps import plot_maps
from digitlib.figures.show import show, show_widget
from digitlib.images import preprocess_images
from digitlib.models.page import (
    MOST_NUMBERS,
    PAGE,
    STYLE,
    describe_network,
    join_scripts,
    list_layers,
)

if TYPE_CHECKING:
    import keras

_COLUMNS = 8


class NetworkExplorer(anywidget.AnyWidget):
    """The page that `export_model` writes, as a widget; a picture where widgets can't run."""

    _esm = join_scripts(*PAGE, "explorer")
    _css = STYLE.read_text("utf-8")
    network = traitlets.Dict().tag(sync=True)

    def __init__(self, model: "keras.Model"):
        """Creates an explorer of a model that consists of a plain sequence of layers."""
        self._model = model
        small = model.count_params() > MOST_NUMBERS
        super().__init__(network=describe_network(model, small=small))

    _ipython_display_ = None  # that of ipywidgets 7 can't show HTML

    def _repr_mimebundle_(self, **kwargs):
        return show_widget(self, show(_plot_first_maps(self._model)))

    def __repr__(self):
        return "Network explorer: run this cell in JupyterLab or Notebook to draw."


def _plot_first_maps(model):
    """Draws what the explorer starts with: an image, and the first maps of the first layer."""
    image = load_mnist().test.images[0]
    maps = np.asarray(list_layers(model)[0](preprocess_images(image[np.newaxis])))[0]
    shown = np.moveaxis(maps, 2, 0)[: 2 * _COLUMNS - 1] if maps.ndim == 3 else []
    names = ["image", *(f"map {number}" for number in range(len(shown)))]
    return plot_maps([image, *shown], names, columns=_COLUMNS, signed=True, own_scales=True)
