"""Write the lesson as slides that need no connection: `python -m tools.slides`.

Sections 1 to 9 become Digit_recognizer.slides.html. Each slide asks a question; its code and the
output follow as a fragment. Hints, solutions and "What you should see" are speaker notes (press S).
"""

import copy
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, CSSHTMLHeaderPreprocessor

from tools.store_lesson import NOTEBOOK, ROOT, sections

HERE = Path(__file__).parent
SLIDES = ROOT / "Digit_recognizer.slides.html"
REVEAL = ROOT / "reveal.js"
PARTS = ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
TEMPLATE = """{% extends 'index.html.j2' %}
{% block header %}<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>{{ resources.title }}</title>
<style>{{ resources.parts[0] }}</style>
{% for css in resources.inlining.css %}<style>{{ css }}</style>{% endfor %}
<style>{{ resources.style }}</style></head>{% endblock %}
{% block footer_js %}{% for part in resources.parts[1:] %}<script>{{ part }}</script>
{% endfor %}{% endblock %}
"""


def fetch_reveal(folder: Path = REVEAL) -> Path:
    """Returns the folder of reveal.js, fetched once with npm if it is not there yet.

    Args:
        folder: Where reveal.js is, or will be.

    Raises:
        RuntimeError: If it is not there and npm can't fetch it.
    """
    if all((folder / part).is_file() for part in PARTS):
        return folder
    advice = f"On a connected machine, `npm pack reveal.js@4`; unpack its `package` as {folder}."
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(f"Neither {folder} nor npm is there. {advice}")
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", "reveal.js@4", "--silent", "--fetch-retries=0"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"npm could not fetch reveal.js: {done.stderr.strip()} {advice}")
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
            archive.extractall(scratch, filter="data")
        shutil.copytree(Path(scratch) / "package", folder, dirs_exist_ok=True)
    return folder


def prepare_cells(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Returns a copy with the section's title on each slide, and nothing folded.

    Args:
        notebook: The lesson, with its outputs.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n\n\n", "\n\n").replace("<details>", "<details open>")
    for title, (_, *others) in sections(notebook).items():  # the first cell has the title itself
        for cell in others:
            if cell.metadata.slideshow.slide_type == "subslide":
                cell.metadata.slideshow.data = {"section": title}
    return notebook


def render_slides(notebook: nbformat.NotebookNode, reveal: Path) -> str:
    """Returns the page of slides, with reveal.js and all pictures inside.

    Args:
        notebook: The lesson, with its outputs.
        reveal: The folder of reveal.js.
    """
    # Inside a page, "</script" would end the script that contains it.
    parts = [(reveal / part).read_text("utf-8").replace("</script", r"<\/script") for part in PARTS]
    own = {name: (HERE / f"slides.{name}").read_text("utf-8") for name in ("css", "js")}
    style = CSSHTMLHeaderPreprocessor(style="default")
    exporter = SlidesExporter(
        raw_template=TEMPLATE, exclude_input_prompt=True, exclude_output_prompt=True
    )
    exporter.register_preprocessor(CoalesceStreamsPreprocessor(), enabled=True)
    exporter.register_preprocessor(style, enabled=True)
    resources = {
        "title": "Recognising handwritten digits",
        "style": own["css"],
        "parts": [*parts, own["js"]],
    }
    page, _ = exporter.from_notebook_node(prepare_cells(notebook), resources)
    return page


if __name__ == "__main__":
    try:
        reveal = fetch_reveal()
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
    page = render_slides(nbformat.read(NOTEBOOK, as_version=4), reveal)
    SLIDES.write_text(page, encoding="utf-8")
    print(f"{SLIDES.name}: {len(page) / 1e6:.1f} MB. Open it in a browser; S shows the notes.")
