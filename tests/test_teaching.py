"""The teacher's pack: the guide, the slides and the handout."""

import re
import subprocess
from itertools import pairwise

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import CHROMIUM, NOTEBOOK, ROOT, needs_chromium

from tools.handout import render_handout
from tools.slides import PARTS, fetch_reveal, render_slides
from tools.store_lesson import sections

GUIDE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
LESSON = [cell for cell in NOTEBOOK.cells if cell.metadata.slideshow.slide_type != "skip"]
# What a page fetches by itself; a link that one may follow isn't.
FETCHED = {"img": "src", "script": "src", "iframe": "src", "link": "href", "source": "src"}
MEASURE = """number => {
  const slide = Reveal.getSlides()[number], place = Reveal.getIndices(slide);
  Reveal.slide(place.h, place.v, 99);
  const shown = [...slide.querySelectorAll("*")].filter(element => !element.closest("aside"));
  const boxes = shown.map(element => element.getBoundingClientRect()).filter(box => box.height);
  const size = element => parseFloat(getComputedStyle(element).fontSize);
  return {
    cell: slide.querySelector("[id^='cell-id=']").id,
    right: Math.max(...boxes.map(box => box.right)),
    bottom: Math.max(...boxes.map(box => box.bottom)),
    cut: shown.some(e => e.tagName === "PRE" && e.scrollWidth > e.clientWidth),
    smallest: Math.min(...shown.filter(e => ["P", "PRE", "LI"].includes(e.tagName)).map(size)),
    hidden: slide.querySelectorAll(".fragment:not(.visible)").length,
  };
}"""


def make_reveal(folder):
    """A stand-in for reveal.js, whose script mentions the end of a script."""
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_text('"<script>1</script>";' if part.endswith("js") else "")
    return folder


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    page = render_slides(NOTEBOOK, make_reveal(tmp_path_factory.mktemp("reveal")))
    assert page.count("<script>") == page.count("</script>") + 2, "of the two scripts' own words"
    return BeautifulSoup(page, "html.parser")


@pytest.fixture(scope="module")
def handout():
    return BeautifulSoup(render_handout(NOTEBOOK), "html.parser")


def find_cell(page, name):
    return page.find(id=f"cell-id={name}")


def fetched(page):
    """The addresses of what a page fetches when it is opened."""
    tags = page.find_all(list(FETCHED))
    found = [tag[FETCHED[tag.name]] for tag in tags if tag.has_attr(FETCHED[tag.name])]
    found += re.findall(r"url\((?!['\"]?data:).*?\)|@import.*", str(page.find_all("style")))
    return [address[:60] for address in found if not address.startswith("data:")]


def test_slides_are_those_of_the_lesson(slides):
    shown = {tag["id"].removeprefix("cell-id=") for tag in slides.find_all(id=re.compile("^cell-"))}
    assert shown == {cell.id for cell in LESSON}
    titles = [tag.get_text().split(".")[0] for tag in slides.find_all("h2")]
    assert titles == [str(number) for number in range(1, 10)]
    assert len(slides.select("section > section")) >= 60


def test_code_and_its_output_follow_the_question(slides):
    for before, cell in pairwise(LESSON):
        if cell.cell_type == "code":
            fragment = find_cell(slides, cell.id).find_parent(class_="fragment")
            assert fragment, cell.id
            question = find_cell(slides, before.id)
            assert question.find_parent("section") is fragment.find_parent("section")
            assert not question.find_parent(class_="fragment"), before.id


def test_answers_are_notes_for_the_speaker_beside_their_code(slides):
    notes = [cell for cell in LESSON if cell.metadata.slideshow.slide_type == "notes"]
    assert len(notes) == len(slides.find_all("aside", class_="notes")) > 30
    for before, cell in pairwise(LESSON):
        if cell in notes:
            note = find_cell(slides, cell.id).find_parent("aside")
            assert note.find_parent(class_="fragment").find(id=f"cell-id={before.id}")
    answers = [tag for tag in slides.find_all("summary") if "NumPy" not in tag.get_text()]
    assert {tag.get_text() for tag in answers} == {"Hint", "Solution", "What you should see"}
    assert all(tag.find_parent("aside") for tag in answers)
    assert all(tag.has_attr("open") for tag in slides.find_all("details"))


def test_slides_and_handout_fetch_nothing(slides, handout):
    assert fetched(slides) == fetched(handout) == []
    assert (
        fetched(BeautifulSoup('<img src="https://a.b/c.png"><style>url(d)</style>', "html.parser"))
        != []
    )


def test_reveal_is_fetched_once(tmp_path, monkeypatch):
    package = make_reveal(tmp_path / "from" / "package").parent
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\ntar -czf reveal.js-4.tgz -C {package} package\n")
    npm.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(npm))
    folder = fetch_reveal(tmp_path / "reveal.js")
    assert all((folder / part).is_file() for part in PARTS)
    npm.unlink()
    assert fetch_reveal(folder) == folder


@pytest.mark.parametrize("npm", [None, "/bin/false"])
def test_the_error_says_where_reveal_comes_from(npm, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: npm)
    with pytest.raises(RuntimeError, match=r"npm .*On a connected machine, `npm pack reveal.js@4`"):
        fetch_reveal(tmp_path / "reveal.js")


def test_the_handout_keeps_the_answers(handout):
    text = handout.get_text()
    for figure in handout.find_all("img"):
        assert figure["alt"]
        if not figure["alt"].startswith("Confusion matrix"):  # its counts may be any numbers
            text += f" {figure['alt']} "
    assert len(handout.find_all(class_="page")) == 2
    assert len(handout.find_all(class_="b")) > 30, "blanks to fill in"
    assert "__" not in text
    assert "$" not in text
    for answer in (
        *("55,000", "uint8", "101,770", "3.2", "0.2", "416", "4,640", "800", "102,528"),
        *("24, 24", "26", "13", "2.30", "2.303", "0.8", "equivarian", "11"),
    ):
        assert not re.search(rf"(?<![\d.,]){re.escape(answer)}(?![\d]|[.,]\d)", text), answer


def test_a_handout_without_its_figures_is_an_error():
    blank = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    with pytest.raises(KeyError, match="one_weight"):
        render_handout(blank)


def test_the_plans_cover_every_section():
    for title in sections(NOTEBOOK):
        assert GUIDE.count(f"{title} |") >= 1, title


def test_the_guide_answers_every_question_without_a_folded_answer():
    """Questions of the lesson that neither an exercise nor a folded note answers."""
    names = {cell.id for cell in NOTEBOOK.cells}
    left = [
        cell.id
        for before, cell in pairwise(NOTEBOOK.cells)
        if before.cell_type == "markdown" and "?" in re.sub("`.*?`", "", before.source)
        if cell.cell_type == "code" and not {f"{cell.id}-seen", f"{cell.id}-help"} & names
    ]
    assert [name for name in left if f"| `{name}` |" not in GUIDE] == []


@pytest.mark.browser
@needs_chromium
def test_nothing_leaves_its_slide_or_the_machine(tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    try:
        reveal = fetch_reveal()
    except RuntimeError as error:
        pytest.skip(str(error))
    path = tmp_path / "slides.html"
    path.write_text(render_slides(NOTEBOOK, reveal), encoding="utf-8")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        count = page.evaluate("Reveal.getSlides().length")
        measured = [page.evaluate(MEASURE, number) for number in range(count)]
        browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert count >= 60
    for slide in measured:
        assert slide["hidden"] == 0, slide
        assert slide["right"] <= 1280, slide
        assert slide["bottom"] <= 720, slide
        assert not slide["cut"], slide
        assert slide["smallest"] >= 10, f"too small to read: {slide}"
        assert slide["bottom"] >= 220, f"nearly empty: {slide}"


@pytest.mark.browser
@needs_chromium
def test_the_handout_has_two_pages(tmp_path):
    (tmp_path / "handout.html").write_text(render_handout(NOTEBOOK), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--no-pdf-header-footer"]
    command = [CHROMIUM, *options, "--print-to-pdf=handout.pdf", "handout.html"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    pdf = (tmp_path / "handout.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 2
    boxes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert all(abs(float(w) - 595) < 2 and abs(float(h) - 842) < 2 for w, h in boxes)
