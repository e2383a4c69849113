"""Show figures in Jupyter, with alternative text for people who can't see them."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from digitlib.figures.style import read_description

_DPI = 144  # a page has 96 pixels an inch; more keep the text sharp when the reader zooms in


@dataclass(frozen=True)
class RenderedFigure:
    """A figure as a PNG with alternative text.

    Jupyter shows it as `<img alt>`, because JupyterLab drops the description of a bare PNG, which
    PDF and LaTeX need.
    """

    png: bytes
    alt: str
    width: int  # on the page, in pixels

    def _repr_html_(self):
        source = f"data:image/png;base64,{base64.b64encode(self.png).decode()}"
        return f'<img alt="{html.escape(self.alt)}" width="{self.width}" src="{source}">'

    def _repr_mimebundle_(self, **kwargs):
        png = base64.b64encode(self.png).decode()
        return {"text/plain": self.alt, "text/html": self._repr_html_(), "image/png": png}

    def __repr__(self):
        return self.alt


def show(axes: Axes | Sequence[Axes] | np.ndarray, alt: str | None = None) -> RenderedFigure:
    """Renders the figure that some axes belong to, with alternative text, and closes it.

    Args:
        axes: what a `plot_` function returned.
        alt: what the figure shows, in words; None takes what the `plot_` function wrote.

    Returns:
        A `RenderedFigure`. Jupyter shows it if it is the last expression of a cell.

    Raises:
        ValueError: there is no alternative text, because no `plot_` function drew the figure.

    Example:
        >>> from digitlib.figures.plots import plot_confusion
        >>> show(plot_confusion([[5, 0], [0, 4]]))
        Confusion matrix of 9 images, 9 on the diagonal. No wrong predictions.
    """
    alt = read_description(axes) or None if alt is None else alt
    if alt is None:
        raise ValueError("this figure has no alternative text; say what it shows: show(axes, alt=)")
    figure = np.asarray(axes).flat[0].figure
    drawn, file = io.BytesIO(), io.BytesIO()
    # Agg draws whatever backend the user has chosen.
    figure.savefig(drawn, format="png", dpi=_DPI, backend="agg", bbox_inches="tight")
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(file, "PNG", optimize=True, dpi=(_DPI, _DPI))
    return RenderedFigure(file.getvalue(), alt, width=picture.width * 96 // _DPI)


def show_widget(widget: Any, picture: RenderedFigure) -> dict[str, Any]:
    """Returns what Jupyter shows of an ipywidgets 7 or 8 widget; a picture where none can run."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {
        **picture._repr_mimebundle_(),
        "application/vnd.jupyter.widget-view+json": view,
        "text/plain": repr(widget),
    }
