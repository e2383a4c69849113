"""Show figures in Jupyter with a text for those who cannot see them."""

import base64
import html
import io
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np


@dataclass(frozen=True)
class RenderedFigure:
    """A drawn figure with a text that describes it, shown by Jupyter as `<img alt>`.

    Attributes:
        png: the picture's file.
        alt: its description.
        width: how wide it is shown, in pixels of the page.
    """

    png: bytes
    alt: str
    width: int

    def _repr_html_(self):
        source = base64.b64encode(self.png).decode()
        return (
            f'<img alt="{html.escape(self.alt)}" width="{self.width}" '
            f'src="data:image/png;base64,{source}">'
        )

    def __repr__(self):
        return self.alt


def show(axes, alt):
    """Draws the figure of some axes as a picture with alternative text, and closes it.

    JupyterLab drops the description inside a PNG, so a screen reader needs this way.

    Args:
        axes: what a `plot_` function returned.
        alt: what the picture shows, in words, for those who cannot see it.

    Returns:
        A `RenderedFigure`: leave it as a cell's last expression, and Jupyter shows it.
    """
    figure = np.ravel(axes)[0].figure
    buffer = io.BytesIO()
    # A page has 96 pixels an inch; half as many again keep text sharp when it is enlarged.
    figure.savefig(buffer, format="png", dpi=144, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    png = buffer.getvalue()
    return RenderedFigure(png, alt, width=int.from_bytes(png[16:20]) * 96 // 144)


def show_widget(widget, html):
    """What Jupyter shows of a widget: itself, or HTML in a front end without widgets.

    Args:
        widget: an ipywidgets widget.
        html: a str, what stands for it elsewhere.

    Returns:
        A dict for `_repr_mimebundle_`, alike with ipywidgets 7 and 8.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {
        "application/vnd.jupyter.widget-view+json": view,
        "text/plain": repr(widget),
        "text/html": html,
    }
