"""The page of a network in a real browser, opened from a file, with no network to ask.

By default it compares 1,000 test images for each recipe; with DIGITLIB_ALL_IMAGES=1 all 10,000.
"""

import base64
import functools
import io
import os
import re
import shutil
import subprocess
import tarfile
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import CHROMIUM, FOUR, SEVEN, draw, needs_chromium
from PIL import Image

from digitlib import RECIPES, load_model, one_hot_labels, predict_probabilities
from digitlib.explain import apply_convolution, compute_feature_maps
from digitlib.handwriting.normalization import image_to_digit
from digitlib.models.explorer import NetworkExplorer
from digitlib.models.pad import DrawingPad
from digitlib.models.page import render_page
from digitlib.models.storage import read_record
from digitlib.training.networks import build_model
from digitlib.training.recipe import ONE_HOT_LOSS
from digitlib.training.strokes import STROKES, bend, draw_paths

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = [pytest.mark.browser, needs_chromium]

IMAGES = 10_000 if os.environ.get("DIGITLIB_ALL_IMAGES") else 1_000
MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
# Many images at once, as base64; a call for each would take longer than the network.
CLASSIFY = """text => {
  const images = decodeBytes(text), outputs = [];
  for (let start = 0; start < images.length; start += 784)
    outputs.push(...runNetwork(network, images.subarray(start, start + 784)).at(-1).data);
  const bytes = new Uint8Array(Float32Array.from(outputs).buffer);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters);
}"""
NORMALISE = """text => {
  const inks = decodeBytes(text), images = [], size = 280 * 280;
  for (let start = 0; start < inks.length; start += size) {
    const data = Float32Array.from(inks.subarray(start, start + size), (ink) => ink / 255);
    images.push(...normaliseDrawing({ width: 280, height: 280, data }));
  }
  return images;
}"""
# The shortest of several runs, because other processes share the processor.
MEASURE = """() => {
  const { pixels } = network.examples[4], times = [];
  for (let run = 0; run < 60; run++) {
    const start = performance.now();
    runNetwork(network, pixels);
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
        )
        yield chromium
        chromium.close()


@functools.cache
def render(model, small):
    return render_page(model, small=small, record=read_record("robust"))


@pytest.fixture
def open_page(browser, tmp_path):
    """Writes and opens the page of a model; afterwards, it must have asked and said nothing."""
    pages, heard = [], []

    def open_page(model, *, small=False, text=None, **options):
        path = tmp_path / "page.html"
        path.write_text(text or render(model, small), encoding="utf-8")
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url))
        page.context.set_offline(True)
        page.goto(path.as_uri())
        assert heard == [path.as_uri()] * len(pages)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert len(heard) == len(pages), heard


@pytest.fixture(scope="module")
def robust():
    return load_model("robust")


@pytest.fixture
def page(open_page, robust):
    return open_page(robust, viewport={"width": 1280, "height": 900})


def encode(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def classify(page, images):
    parts = [
        page.evaluate(CLASSIFY, encode(images[i : i + 500])) for i in range(0, len(images), 500)
    ]
    return np.frombuffer(b"".join(map(base64.b64decode, parts)), "<f4").reshape(-1, 10)


def compare(page, model, images, *, within=1e-4):
    """The number of images with different classes, apart from ties."""
    own, other = predict_probabilities(model, images), classify(page, images)
    if within:
        assert np.abs(own - other).max() < within
    best, second = np.sort(own, axis=1)[:, :-3:-1].T
    return ((own.argmax(axis=1) != other.argmax(axis=1)) & (best - second > 1e-4)).sum()


def train_briefly(recipe, split):
    """A network of a recipe after one pass through a few images, without augmentation."""
    keras.utils.set_random_seed(0)
    model = build_model(recipe)
    model.compile(keras.optimizers.Adam(0.002), loss=recipe.loss)
    labels = one_hot_labels(split.labels) if recipe.loss == ONE_HOT_LOSS else split.labels
    model.fit(split.images[..., None] / np.float32(255), labels, batch_size=64, verbose=0)
    return model


@pytest.mark.parametrize("name", RECIPES)
def test_keras_and_the_page_agree(open_page, robust, slices, mnist, name):
    model = robust if name == "robust" else train_briefly(RECIPES[name], slices[0])
    assert compare(open_page(model), model, mnist.test.images[:IMAGES]) == 0


def test_16_bits_are_enough(open_page, robust, mnist):
    images = mnist.test.images[:IMAGES]
    assert compare(open_page(robust, small=True), robust, images, within=None) <= IMAGES // 5000


def test_other_layers_of_students_agree(open_page, mnist):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    names = "relu6 leaky_relu elu selu gelu sigmoid hard_sigmoid tanh silu softplus softsign"
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(2, offset=-0.5),
            layers.Conv2D(6, (3, 5), strides=(2, 1), padding="same", activation="tanh"),
            layers.AveragePooling2D((2, 3), strides=1, padding="same"),
            layers.DepthwiseConv2D((3, 2), padding="same", activation="softsign"),
            layers.LeakyReLU(0.1),
            layers.MaxPooling2D(3, strides=2, padding="same"),
            layers.Conv2D(8, 2, strides=3, activation="selu", use_bias=False),
            layers.BatchNormalization(center=False),
            layers.ELU(0.7),
            layers.ReLU(3, negative_slope=0.2, threshold=0.1),
            layers.SpatialDropout2D(0.2),
            layers.Reshape((-1, 8)),
            layers.Dense(12, activation="exponential"),
            layers.Flatten(),
            *[layers.Dense(16, activation=name) for name in names.split()],
            layers.GaussianNoise(0.1),
            layers.Dense(10),
            layers.Softmax(),
        ]
    )
    assert compare(open_page(model), model, mnist.test.images[:200]) == 0
    maps = [layers.Conv2D(10, 3), layers.GlobalMaxPooling2D(), layers.Activation("softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *maps])
    assert compare(open_page(model), model, mnist.test.images[:200]) == 0


def test_it_is_fast(open_page, robust):
    fast = build_model(RECIPES["fast"])
    for model, milliseconds in ((robust, 40), (fast, 5)):
        pages = [open_page(model) for _ in range(3)]
        assert pages[0].evaluate(MEASURE) <= milliseconds
        for page in pages:
            page.locator(".net-detail h2").wait_for()
        answered = "performance.getEntriesByName('first answer')[0].startTime"
        assert min(page.evaluate(answered) for page in pages) <= 1000


def draw_digit(digit, rng):
    """A digit of strokes on 280 x 280 pixels, uint8, 0 paper to 255 ink."""
    ways = STROKES[str(digit)]
    height, slant, paths = rng.uniform(110, 220), rng.uniform(-0.1, 0.3), []
    for stroke in ways[rng.integers(len(ways))]:
        x, y = bend(np.array(stroke) + rng.normal(0, 0.02, (len(stroke), 2))).T
        paths.append(np.stack([x - slant * y, y], axis=1) * height)
    ink = np.zeros((280, 280), np.uint8)
    drawn = np.round(255 * draw_paths(paths, 20)[0][:280, :280]).astype(np.uint8)
    top, left = (rng.integers(280 - side + 1) for side in drawn.shape)
    ink[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return ink


def test_drawings_are_prepared_as_in_python(page, robust):
    rng = np.random.default_rng(0)
    inks = np.stack([draw_digit(place % 10, rng) for place in range(500)])
    images = np.stack([image_to_digit(255 - ink) for ink in inks])
    parts = [page.evaluate(NORMALISE, encode(inks[i : i + 50])) for i in range(0, 500, 50)]
    others = np.array(parts, np.uint8).reshape(images.shape)
    assert np.abs(images.astype(int) - others).mean() <= 2
    classes = [predict_probabilities(robust, each).argmax(axis=1) for each in (images, others)]
    assert np.flatnonzero(classes[0] != classes[1]).tolist() == []


def test_markup_in_a_name_or_record_is_shown_as_text(open_page):
    name = MARKUP.replace("/", "")  # which Keras allows in no name
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")], name=name)
    facts = {"seed": 3, "validation_accuracy": 0.98765, "date": MARKUP}
    record = {"recipe": {"name": MARKUP}, **facts}
    page = open_page(model, text=render_page(model, record=record))
    assert page.locator("h1").inner_text() == f"{name}: a network that recognises digits"
    told = f"recipe {MARKUP} · random seed 3 · validation accuracy 98.77% · trained on {MARKUP}"
    assert page.locator("#record").inner_text() == f"2 layers · 7,850 parameters · {told}"


def test_it_reads_a_7_of_the_mouse_and_a_1_of_the_keys(page):
    expect, message = playwright.expect, page.locator(".net-message")
    expect(message).to_contain_text("Prediction: 7")  # the example
    page.get_by_role("button", name="Clear").click()
    expect(message).to_have_text("Draw a digit.")
    draw(page, page.locator(".pad-canvas"), SEVEN)
    expect(message).to_contain_text("Prediction: 7")
    page.get_by_role("button", name="Undo").click()
    expect(message).to_have_text("Draw a digit.")
    page.locator(".pad-canvas").focus()
    for key in ["z", *["ArrowUp"] * 8, "Space", *["ArrowDown"] * 16, "Space"]:
        page.keyboard.press(key)
    expect(message).to_contain_text("Prediction: 1")
    page.get_by_role("button", name="Test image of a 4").first.click()
    expect(message).to_contain_text("Prediction: 4")


def test_a_drawing_is_read_while_it_grows(page):
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".pad-canvas").bounding_box()
    page.mouse.move(box["x"] + 140, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 230, steps=15)
    playwright.expect(page.locator(".net-message")).to_contain_text("Prediction: 1")
    page.mouse.up()


def test_a_finger_draws_a_4_on_a_phone(open_page, robust):
    size = {"width": 360, "height": 740}
    page = open_page(robust, viewport=size, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Clear").click()
    page.locator(".pad-canvas").scroll_into_view_if_needed()
    box = page.locator(".pad-canvas").bounding_box()
    session = page.context.new_cdp_session(page)
    for stroke in FOUR:
        points = [(a, b) for s, e in pairwise(stroke) for a, b in fill(s, e)]
        for kind, (x, y) in zip(
            ["touchStart", *["touchMove"] * (len(points) - 1)], points, strict=True
        ):
            at = [{"x": box["x"] + x, "y": box["y"] + y}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    playwright.expect(page.locator(".net-message")).to_contain_text("Prediction: 4")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def fill(start, end):
    return np.linspace(start, end, 12).tolist()


def read_sum(page):
    """The sum, bias and result of the equation that is shown."""
    text = page.locator(".net-equation", has_text="sum of the products").inner_text()
    plain = text.replace("\N{MINUS SIGN}", "-")
    return [float(word) for word in re.findall(r"-?\d[\d.]*", plain)]


def test_a_value_is_followed_back_to_the_pixels_with_the_sums_of_numpy(page, robust, mnist):
    image = mnist.test.images[0]  # the 7 that is shown first
    assert page.evaluate("Array.from(network.examples[7].pixels)") == image.ravel().tolist()
    maps = [image[..., None] / 255, *compute_feature_maps(robust, image).values()]
    scores = keras.Sequential(robust.layers[:-1])(image[None, ..., None] / np.float32(255))
    page.locator(".net-digit").nth(7).click()
    kernel, bias = robust.layers[-1].get_weights()
    shown = read_sum(page)
    assert shown[-1] == pytest.approx(float((scores @ kernel + bias)[0, 7]), abs=2e-3)

    followed = []
    for _ in robust.layers:
        title = page.locator(".net-detail h2").inner_text()
        number, kind = re.fullmatch(r"Layer (\d+): (\w+)", title).groups()
        if kind == "Conv2D":
            place = [
                int(page.locator(f"[name={name}]").input_value()) for name in ("row", "column")
            ]
            place.append(int(page.locator("[name=map]").input_value()))
            layer = robust.layers[int(number) - 1]
            weights = [*layer.get_weights(), np.zeros(layer.filters)][:2]
            inputs = maps[int(number) - 1]
            if layer.padding == "same":
                inputs = np.pad(inputs, ((1, 1), (1, 1), (0, 0)))
            sums = apply_convolution(inputs, *weights)
            assert read_sum(page)[-1] == pytest.approx(sums[tuple(place)], abs=2e-4)
        followed.append(kind)
        page.get_by_role("button", name=re.compile("^Back to the")).click()
    assert page.get_by_text("nothing comes before it").count() == 1
    assert followed[0] == "Dense"
    assert followed.count("Conv2D") == 4
    place = [int(page.locator(f"[name={name}]").input_value()) for name in ("row", "column")]
    assert f"{image[tuple(place)]} / 255" in page.locator(".net-equation").inner_text()
    page.locator(".net-trail button").first.click()
    assert "output 7" in page.locator(".net-trail [aria-current]").inner_text()


def test_a_map_is_chosen_by_mouse_and_a_value_by_keys(page):
    page.locator(".net-card canvas").nth(1).click(position={"x": 5, "y": 5})
    assert page.locator("[name=map]").input_value() == "0"
    assert page.locator(".net-detail h2").inner_text() == "Layer 1: Conv2D"
    page.locator("[name=row]").focus()
    page.locator("[name=row]").fill("3")
    page.keyboard.press("Enter")
    assert "row 3" in page.locator(".net-trail").inner_text()
    assert page.evaluate("document.activeElement.name") == "row"
    page.locator(".net-map").click(position={"x": 64, "y": 64})
    assert page.locator("[name=row]").input_value() == page.locator("[name=column]").input_value()


def test_it_prints_on_two_pages(page, open_page, slices):
    for model in (None, *(build_model(RECIPES[name]) for name in ("fast", "stacked_conv"))):
        page = open_page(model) if model else page
        for card in (1, -1):
            page.locator(".net-card").nth(card).click()
            pdf = page.pdf(prefer_css_page_size=True)
            assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 2


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The source of axe-core, fetched with npm."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("no npm to fetch axe-core with")
    command = [npm, "pack", "axe-core@4", "--silent", "--fetch-retries=0"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm could not fetch axe-core: {done.stderr.strip()}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_is_accessible(open_page, robust, axe, scheme, width):
    page = open_page(robust, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.evaluate(axe)
    for layer in (0, 1, 2, 3, 4, -1):
        page.locator(".net-card").nth(layer).click()
        found = page.evaluate("axe.run()")["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []


def test_screenshots(open_page, robust):
    """Keeps pictures of the page where CI collects them, if it says so."""
    folder = os.environ.get("TEST_ARTEFACTS")
    desk, phone = {"width": 1180, "height": 900}, {"width": 360, "height": 740}
    for name, options in {
        "page": {"viewport": desk},
        "page-dark": {"viewport": desk, "color_scheme": "dark"},
        "page-phone": {"viewport": phone, "device_scale_factor": 2},
    }.items():
        page = open_page(robust, **options)
        box = page.locator(".net-network").bounding_box()
        clip = {
            "x": 0,
            "y": 0,
            "width": box["x"] * 2 + box["width"],
            "height": box["y"] + box["height"],
        }
        picture = page.screenshot(full_page=True, clip=clip if name == "page" else None)
        assert len(picture) > 10_000
        if folder:
            (Path(folder) / f"{name}.png").write_bytes(picture)


def test_the_same_scripts_serve_a_notebook(browser, robust):
    """As anywidget calls them: a module with `render`, and a model that holds the network."""
    explorer = NetworkExplorer(robust)
    page, heard = browser.new_page(), []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.set_content(f"<style>{explorer._css}</style><div id='output'></div>")
    start = """async ([source, network]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const { default: widget } = await import(url);
      const el = document.getElementById("output");
      globalThis.remove = widget.render({ model: { get: () => network }, el });
    }"""
    page.evaluate(start, [explorer._esm, explorer.network])
    playwright.expect(page.locator(".net-message")).to_contain_text("Prediction: 7")
    page.evaluate("remove()")
    assert page.locator(".net-message").count() == 0
    page.close()
    assert heard == []


def test_the_pad_predicts_a_stroke_while_it_grows_and_sends_both(browser, robust):
    pad, page = DrawingPad(robust), browser.new_page()
    page.set_content("<div id='output'></div>")
    start = """async ([source, values]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const { default: widget } = await import(url);
      globalThis.values = values;
      const heard = [];
      const model = {
        get: (name) => values[name],
        set: (others) => Object.assign(values, others),
        save_changes: () => heard.forEach((call) => call()),
        on: (_, call) => heard.push(call),
      };
      widget.render({ model, el: document.getElementById("output") });
    }"""
    names = ("drawing", "prediction", "network", "width", "height")
    page.evaluate(start, [pad._esm, {name: getattr(pad, name) for name in names}])
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 140, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 230, steps=15)
    message = page.locator(".pad-message")
    playwright.expect(message).to_contain_text("Prediction: 1")
    assert page.evaluate("values.prediction.message").startswith("Prediction: 7")
    page.mouse.up()
    drawing, prediction = page.evaluate("[values.drawing, values.prediction]")
    page.close()
    assert prediction["drawing"] == drawing
    own = pad.prediction
    pad.set_state({"drawing": drawing, "prediction": prediction})
    assert pad.prediction == prediction != own
    shown, pad.prediction = prediction, {}
    pad.drawing = ""
    pad.drawing = drawing  # Python predicts the same
    assert "drawing" not in pad.prediction
    assert pad.prediction["message"][:13] == shown["message"][:13] == "Prediction: 1"
    images = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each["images"][0]))).convert("L"))
        for each in (pad.prediction, shown)
    ]
    assert np.abs(images[0].astype(int) - images[1]).mean() <= 2
