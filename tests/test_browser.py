"""The lesson in a real browser: JupyterLab and Notebook, with nothing fetched from elsewhere."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import nbformat
import numpy as np
import pytest
from conftest import (
    CHROMIUM,
    FOUR,
    RESULTS,
    ROOT,
    SEVEN,
    draw,
    identify_run,
    needs_chromium,
    show_results,
)
from PIL import Image, ImageDraw

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]
MINUTE = 60_000  # milliseconds, as Playwright counts


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab with settings of its own and a copy of the lesson: its address and folder."""
    home = tmp_path_factory.mktemp("home")
    folder = tmp_path_factory.mktemp("lesson")
    shutil.copy(ROOT / "Digit_recognizer.ipynb", folder)
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Otherwise only cells in view are there to be looked for.
    settings = home / "JUPYTER_CONFIG_DIR/lab/user-settings/@jupyterlab"
    for name, setting in (
        ("notebook-extension/tracker", '{"windowingMode": "none"}'),
        ("apputils-extension/notification", '{"fetchNews": "false"}'),
    ):
        (settings / name).parent.mkdir(parents=True)
        (settings / f"{name}.jupyterlab-settings").write_text(setting)
    own = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    environment = {**os.environ, **own, "HOME": str(home)}
    options = [
        *("--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"),
        "--LabApp.news_url=None",
    ]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api").read()
                break
            except OSError:
                assert process.poll() is None, (home / "log").read_text()
                time.sleep(0.5)
        yield address, folder
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        options = ["--no-sandbox", alone]
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that records where its requests go."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    asked = []
    page.on("request", lambda request: asked.append(urlparse(request.url)))
    yield page
    page.close()
    assert {url.hostname for url in asked if url.scheme not in ("data", "blob")} == {"127.0.0.1"}


def use_pad(page, tmp_path):
    """Draws, clears and uploads; what stands beside the drawing tells what was read."""
    pad = page.locator(".pad").first
    message, canvas = pad.locator(".pad-message"), pad.locator("canvas")
    expect = playwright.expect
    expect(message).to_contain_text("Prediction: 7", timeout=MINUTE)  # the example
    picture = Image.new("L", (500, 400), 230)
    pen = ImageDraw.Draw(picture)
    for stroke in FOUR:
        pen.line([(x + 100, y + 60) for x, y in stroke], fill=30, width=14)
    picture.save(tmp_path / "four.png")
    # As large as a camera's: more than a message to the kernel may hold.
    noise = np.random.default_rng(0).integers(0, 20, (2000, 2500, 3), dtype=np.uint8)
    large = np.asarray(picture.resize((2500, 2000)).convert("RGB")) + noise
    Image.fromarray(large).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 8_000_000
    (tmp_path / "no-picture.png").write_bytes(b"no picture")
    for name, answer in {
        "four.png": "Prediction: 4",
        "no-picture.png": "no picture that can be read",
        "large.png": "Prediction: 4",
    }.items():
        pad.locator("input[type=file]").set_input_files(tmp_path / name)
        expect(message).to_contain_text(answer)

    pad.get_by_role("button", name="Clear").click()
    expect(message).to_have_text("Draw here.")
    canvas.focus()
    expect(canvas).to_be_focused()
    for key in ["z", *["ArrowUp"] * 8, "Space", *["ArrowDown"] * 16, "Space"]:
        page.keyboard.press(key)
    expect(message).to_contain_text("Prediction: 1")

    for strokes, digit in ((FOUR, 4), (SEVEN, 7)):
        pad.get_by_role("button", name="Clear").click()
        expect(message).to_have_text("Draw here.")
        draw(page, canvas, strokes)
        expect(message).to_contain_text(f"Prediction: {digit}")
    expect(pad.locator(".pad-best")).to_contain_text("7")
    seen = pad.get_by_alt_text("Digit 1 as the network sees it: 28 x 28 pixels")
    assert seen.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [28, 28]


def artefact(page, name):
    """Keeps a screenshot of page and pad where CI collects them, if it says so."""
    folder = os.environ.get("TEST_ARTEFACTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
        page.locator(".pad").first.screenshot(path=Path(folder) / f"{name}-pad.png")


def run_all(page):
    # What is run before the kernel is there is lost.
    page.get_by_text("| Idle").wait_for(timeout=2 * MINUTE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt")
    playwright.expect(prompts.last).to_have_text(re.compile(r"\[\d+\]:"), timeout=15 * MINUTE)


def save_lesson(page, path):
    """Saves the notebook that is open, and returns it."""
    before = path.stat().st_mtime_ns
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("Save Notebook", exact=True).click()
    for _ in range(60):
        time.sleep(0.5)
        if path.stat().st_mtime_ns > before:
            return nbformat.read(path, as_version=4)
    raise TimeoutError("the notebook was not saved")


def test_the_lesson_runs_and_the_pad_reads_in_jupyterlab(server, page, tmp_path, pytestconfig):
    """What it shows is what it showed in the run before, by nbval in another process."""
    before = pytestconfig.cache.get(RESULTS, {})
    if before.get("of") != identify_run():
        pytest.fail("nothing to compare with: first run pytest tests/test_lesson_runs.py")
    address, folder = server
    page.goto(f"{address}/lab/tree/Digit_recognizer.ipynb")
    run_all(page)
    saved = save_lesson(page, folder / "Digit_recognizer.ipynb")
    shown = {c.id: show_results(c.outputs) for c in saved.cells if c.cell_type == "code"}
    differing = {name for name in shown if shown[name] != before["shown"][name]}
    assert differing == set()
    use_pad(page, tmp_path)
    artefact(page, "jupyterlab")


def test_the_pad_reads_in_notebook(server, page, tmp_path):
    """The kernel in which JupyterLab has run the lesson is still there: one cell is enough."""
    page.goto(f"{server[0]}/notebooks/Digit_recognizer.ipynb")
    cell = page.locator(".jp-CodeCell", has_text="digitlib.DrawingPad(robust)").first
    cell.locator(".cm-content").click(timeout=2 * MINUTE)
    page.keyboard.press("Control+Enter")
    use_pad(page, tmp_path)
    artefact(page, "notebook")
