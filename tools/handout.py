"""Write a handout of two A4 pages to print: `python -m tools.handout`.

Digit_recognizer.handout.html shows figures of the stored notebook and leaves blanks to fill in;
tools/handout.html names the cells whose figures it shows. Each page belongs to one sitting.
"""

import html
import re
from pathlib import Path
from string import Template

import nbformat

from tools.store_lesson import NOTEBOOK, ROOT

HANDOUT = ROOT / "Digit_recognizer.handout.html"


def find_figures(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Returns the images of the stored figures as HTML, by the names of their cells.

    Args:
        notebook: The lesson, with its outputs.
    """
    figures = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                alt = re.search('alt="(.*?)"', data.get("text/html", ""))
                text = alt[1] if alt else html.escape(data.get("text/plain", ""))
                picture = "".join(data["image/png"].split())
                image = f'<img alt="{text}" src="data:image/png;base64,{picture}">'
                figures[cell.id.replace("-", "_")] = image
    return figures


def render_handout(notebook: nbformat.NotebookNode) -> str:
    """Returns the page to print, with all figures inside.

    Args:
        notebook: The lesson, with its outputs.

    Raises:
        KeyError: If a cell whose figure is needed has none.
    """
    page = (Path(__file__).parent / "handout.html").read_text(encoding="utf-8")
    page = page.replace("__L__", '<span class="b l"></span>')
    page = page.replace("__", '<span class="b"></span>')
    return Template(page).substitute(find_figures(notebook))


if __name__ == "__main__":
    page = render_handout(nbformat.read(NOTEBOOK, as_version=4))
    HANDOUT.write_text(page, encoding="utf-8")
    print(f"{HANDOUT.name}: open it in a browser and print it on two pages of A4.")
