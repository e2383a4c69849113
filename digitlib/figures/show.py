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


@dataclass(frozen=True)
class RenderedFigure:
    """A figure as a PNG with alternative text; Jupyter shows it as `<img alt>`."""

    png: bytes
    alt: str
    width: int  # on the page, in pixels

    def _repr_html_(self):
        source = f"data:image/png;base64,{base64.b64encode(self.png).decode()}"
        return f'<img alt="{html.escape(self.alt)}" width="{self.width}" src="{source}">'

    def __repr__(self):
        return self.alt


def show(axes: Axes | Sequence[Axes] | np.ndarray, alt: str) -> RenderedFigure:
    """Renders the figure that some axes belong to, with alternative text, and closes it.

    JupyterLab drops the description inside a PNG, so screen readers need the `<img alt>`.

    Args:
        axes: what a `plot_` function returned.
        alt: what the figure shows, in words.

    Returns:
        A `RenderedFigure`. Jupyter shows it if it is the last expression of a cell.

    Example:
        >>> from digitlib.figures.plots import plot_class_counts
        >>> show(plot_class_counts([4, 4, 9]), alt="Two images of a 4 and one of a 9.")
        Two images of a 4 and one of a 9.
    """
    figure = np.asarray(axes).flat[0].figure
    buffer = io.BytesIO()
    # A page has 96 pixels an inch. 144 keep the text sharp when the reader zooms in. Agg draws
    # whatever backend the user has chosen.
    options = {"format": "png", "backend": "agg", "bbox_inches": "tight"}
    figure.savefig(buffer, dpi=144, metadata={"Software": None}, **options)
    plt.close(figure)
    png = buffer.getvalue()
    return RenderedFigure(png, alt, width=int.from_bytes(png[16:20]) * 96 // 144)


def show_widget(widget: Any, html: str) -> dict[str, Any]:
    """Returns what Jupyter shows of an ipywidgets 7 or 8 widget; `html` where none can run."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {
        "application/vnd.jupyter.widget-view+json": view,
        "text/plain": repr(widget),
        "text/html": html,
    }
