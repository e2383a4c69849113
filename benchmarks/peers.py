"""Compare `read_digits` with other programs that read text, on the pages of benchmarks/pages.py.

RapidOCR and Tesseract run in processes of their own. The project installs neither.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pages import KINDS, draw_pages
from benchmarks.scoring import read_page, score_page

SURE = 0.5  # RapidOCR drops a line with a lower confidence; here its digits are marked instead
VERSION = "import onnxruntime; from rapidocr import RapidOCR; from importlib import metadata as m; "
VERSION += "print('RapidOCR', m.version('rapidocr'))"
NO_RAPIDOCR = """{} has no RapidOCR. Install it in an environment of its own:
  python -m venv rapid
  rapid/bin/python -m pip install rapidocr==3.10.0 onnxruntime==1.32.0
and use --peers rapid/bin/python"""
NO_TESSERACT = "There is no tesseract on the PATH. On Debian: apt-get install tesseract-ocr"
# Of 4 ways to segment a page and 3 to choose thresholds, a block of text and Sauvola's thresholds
# read the most whole numbers of our pages.
TESSERACT = ["--psm", "6", "-c", "thresholding_method=2"]
TESSERACT += ["-c", "tessedit_char_whitelist=0123456789", "tsv"]
HEADINGS = [
    *("kind", "reader", "pages", "numbers read exactly", "correct digits"),
    *("wrong without a mark", "digits read where there are none", "marked ?", "CPU-s a page"),
]


def find_peers(python):
    """Returns the names and versions of both peers; exits if one isn't installed.

    Args:
        python: the interpreter of the environment that has RapidOCR.
    """
    if not shutil.which("tesseract"):
        sys.exit(NO_TESSERACT)
    if not shutil.which(python):
        sys.exit(NO_RAPIDOCR.format(python))
    done = subprocess.run([python, "-c", VERSION], capture_output=True, text=True)
    if done.returncode:
        sys.exit(NO_RAPIDOCR.format(python))
    return [done.stdout.strip(), _run(["tesseract", "--version"]).splitlines()[0]]


def compare_readers(models, python, split, count):
    """Yields the lines of a Markdown table: for each kind of page and reader, and for all pages.

    Args:
        models: a dict from names to models that `read_digits` takes.
        python: as in `find_peers`.
        split: the `Split` whose images the pages are made of.
        count: how many pages of each kind.
    """
    readers = {name: partial(_read_with_model, model) for name, model in models.items()}
    readers |= {"RapidOCR": partial(read_with_rapidocr, python), "Tesseract": read_with_tesseract}
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---|---" + "|--:" * (len(HEADINGS) - 2) + "|"
    totals = defaultdict(Counter)
    for kind in KINDS if count else ():
        pages = list(draw_pages(kind, split, count, seed=0))
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, f"{number}.png") for number in range(count)]
            for path, page in zip(paths, pages, strict=True):
                Image.fromarray(page.picture).save(path)
            for name, read in readers.items():
                readings, seconds = read(paths)
                total = Counter(pages=count, seconds=seconds)
                for reading, page in zip(readings, pages, strict=True):
                    total.update(score_page(reading, page))
                yield _describe(kind, name, total)
                totals[name].update(total)
    for name, total in totals.items():
        yield _describe("all", name, total)


def read_with_rapidocr(python, paths):
    """Reads pictures with RapidOCR: returns what `score_page` takes for each, and CPU seconds."""
    text = _run([python, "-m", "benchmarks.rapidocr_peer", *map(str, paths)])
    pictures = [json.loads(line) for line in text.splitlines()]
    seconds = sum(picture["cpu_seconds"] for picture in pictures)
    return [find_numbers(picture["lines"]) for picture in pictures], seconds


def read_with_tesseract(paths):
    """Reads pictures with Tesseract: returns what `score_page` takes for each, and CPU seconds.

    Its words have one box, whose width the digits share evenly. The seconds are those that reading
    a blank picture does not take.
    """
    blank = paths[0].with_name("blank.png")
    Image.new("L", (32, 32), 255).save(blank)
    _, loading = _run_tesseract([blank])
    rows, seconds = _run_tesseract(paths)
    pictures = [[] for _ in paths]
    for row in csv.DictReader(io.StringIO(rows), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["text"].strip():
            left, top, width, height = (int(row[k]) for k in ("left", "top", "width", "height"))
            edges = left + width * np.arange(len(row["text"]) + 1) / len(row["text"])
            boxes = [(top, a, top + height, b) for a, b in pairwise(edges.tolist())]
            # Limited to digits, it gives most words a confidence of 0, so none is marked.
            pictures[int(row["page_num"]) - 1].append((row["text"], boxes, 1))
    return [find_numbers(words) for words in pictures], max(0, seconds - loading)


def find_numbers(words):
    """Turns words of a peer into what `score_page` takes; only digits count.

    Args:
        words: a list of (text, boxes, confidence), with a box for each character. Commas and
            points don't divide a number, any other sign does.

    Returns:
        A list of (text, boxes) in reading order.
    """
    numbers = []
    for text, boxes, confidence in words:
        for run in re.finditer(r"[0-9][0-9.,]*", text):
            places = [n for n in range(*run.span()) if text[n] not in ".,"]
            digits = "".join(text[n] if confidence >= SURE else "?" for n in places)
            numbers.append((digits, [tuple(boxes[n]) for n in places]))
    return _sort_numbers(numbers)


def _sort_numbers(numbers):
    """Sorts numbers into lines, from top to bottom, and each line from left to right."""
    lines = []
    for number in sorted(numbers, key=lambda number: number[1][0][1]):
        row = np.mean(number[1], axis=0)[[0, 2]].mean()
        for line in lines:
            top, _, bottom, _ = line[-1][1][-1]
            if top <= row <= bottom:
                line.append(number)
                break
        else:
            lines.append([number])
    lines.sort(key=lambda line: np.mean([boxes[0] for _, boxes in line], axis=0)[0])
    return [number for line in lines for number in line]


def _read_with_model(model, paths):
    pictures = [np.asarray(Image.open(path)) for path in paths]
    read_page(model, pictures[0])  # TensorFlow prepares the network for its first prediction
    started = time.process_time()
    readings = [read_page(model, picture) for picture in pictures]
    return readings, time.process_time() - started


def _run_tesseract(paths):
    """Returns what Tesseract prints about pictures, and its CPU seconds."""
    files = paths[0].with_name("files.txt")
    files.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    before = os.times()
    text = _run(["tesseract", str(files), "-", *TESSERACT], OMP_THREAD_LIMIT="1")
    after = os.times()
    user = after.children_user - before.children_user
    return text, user + after.children_system - before.children_system


def _run(command, **environment):
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def _describe(kind, name, total):
    cells = [
        *(kind, name, f"{total['pages']:,}"),
        f"{total['whole'] / total['numbers']:.0%} of {total['numbers']:,}",
        f"{total['right'] / total['written']:.1%} of {total['written']:,}",
        *(f"{total[key]:,}" for key in ("sure_wrong", "ghosts", "marked")),
        f"{total['seconds'] / total['pages']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"
