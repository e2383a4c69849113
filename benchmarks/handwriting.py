"""Measure models on images unlike MNIST: distorted images, photographs and whole pages.

Photographs and pages are drawn from the test images; see `benchmarks/paper.py`.
"""

import argparse
import sys
import time
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import skeletonize
from sklearn.datasets import load_digits
from tqdm import tqdm

import digitlib
from benchmarks.pages import KINDS, draw_pages
from benchmarks.paper import draw_page, draw_photo
from benchmarks.peers import compare_readers, find_peers
from benchmarks.scoring import read_page, score_page
from benchmarks.tables import write_rows
from digitlib.handwriting.normalization import image_to_digit

COLUMNS = ["model", "change", "amount", "images", "accuracy"]


def main():
    """Runs the requested measurements and prints the results."""
    options = _build_parser().parse_args()
    if options.peers:
        print(", ".join(find_peers(options.peers)))
    digitlib.start_keras()
    models = load_models(options.models)
    test = digitlib.load_mnist().test
    if options.peers:
        for line in compare_readers(models, options.peers, test, options.kinds):
            print(line, flush=True)
        return
    rng = np.random.default_rng(0)
    if options.output:
        list(write_rows(measure_changes(models, test), COLUMNS, options.output))
    if options.small:
        read_small(models, options.small)
    if options.photos:
        read_photos(models, test, options.photos, rng)
    for name, model in models.items():
        read_pages(name, model, test, options.pages, np.random.default_rng(1))
        read_kinds(name, model, test, options.kinds)


def load_models(paths):
    """Loads models, by the names of their files; exits with a message if one can't be loaded."""
    try:
        models = {Path(path).stem: digitlib.load_model(path) for path in paths}
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    if len(models) < len(paths):
        sys.exit(f"each model needs a file name of its own; got {', '.join(paths)}")
    return models


def shift(images, pixels, rng):
    """Shifts each image by a number of pixels in one of eight random directions."""
    angles = rng.integers(8, size=len(images)) * np.pi / 4
    moved = [
        digitlib.shift_images(image[None], round(pixels * np.sin(a)), round(pixels * np.cos(a)))[0]
        for image, a in zip(images, angles, strict=True)
    ]
    return np.array(moved)


def rotate(images, degrees, rng):
    """Rotates each image by an angle, clockwise or anticlockwise at random."""
    ways = rng.choice([-1, 1], size=len(images))
    turned = [
        Image.fromarray(image).rotate(degrees * way, Image.Resampling.BICUBIC)
        for image, way in zip(images, ways, strict=True)
    ]
    return np.array([np.asarray(image) for image in turned])


def redraw(images, width, _):
    """Draws the centre line of each digit with a round pen of this width in pixels."""
    redrawn = []
    for image in images:
        large = Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)
        line = skeletonize(np.asarray(large) > 127)
        ink = ndimage.distance_transform_edt(~line) <= 2 * width  # the image is four times as large
        redrawn.append(np.asarray(Image.fromarray(255 * ink.astype(np.uint8)).reduce(4)))
    return np.array(redrawn)


def add_noise(images, deviation, rng):
    """Adds Gaussian noise; its standard deviation is a fraction of the full range."""
    noisy = images + 255 * deviation * rng.normal(size=images.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def blur(images, deviation, _):
    """Blurs with a Gaussian filter of this standard deviation in pixels."""
    return ndimage.gaussian_filter(images, (0, deviation, deviation))


def fade(images, contrast, _):
    """Reduces the contrast around mid-grey to this fraction."""
    return (127 + contrast * (images - 127.0)).astype(np.uint8)


CHANGES = {
    "shift (pixels)": (shift, range(7)),
    "rotation (degrees)": (rotate, range(0, 31, 5)),
    "stroke width (pixels)": (redraw, range(1, 7)),
    "noise (standard deviation)": (add_noise, np.arange(6) / 10),
    "blur (pixels)": (blur, np.arange(6) / 2),
    "contrast": (fade, np.arange(10, 0, -2) / 10),
}


def measure_changes(models, split):
    """Yields the accuracy on all changed images: a row for each change, amount and model."""
    steps = [(c, function, a) for c, (function, amounts) in CHANGES.items() for a in amounts]
    for change, function, amount in tqdm(steps, unit="change", disable=None):
        changed = function(split.images, amount, np.random.default_rng(0))
        for name, model in models.items():
            right = digitlib.predict_digits(model, changed) == split.labels
            yield dict(zip(COLUMNS, [name, change, amount, len(right), right.mean()], strict=True))


def read_small(models, count):
    """Prints the accuracy on the first `count` of scikit-learn's digits of 8 x 8 pixels."""
    small, digits = load_digits().images[:count], load_digits().target[:count]
    pictures = (255 - 255 * small / 16).astype(np.uint8)
    large = [np.asarray(Image.fromarray(picture).resize((160, 160))) for picture in pictures]
    images = np.array([image_to_digit(np.pad(p, 40, constant_values=255)) for p in large])
    for name, model in models.items():
        _print_share(name, "8 x 8 digits", digitlib.predict_digits(model, images) == digits)


def read_photos(models, split, count, rng):
    """Prints the accuracy on photographs of single digits, and the time that each one takes."""
    images, labels, seconds = [], [], 0.0
    rows = rng.permutation(len(split.labels))[:count]
    for row in tqdm(rows, unit="photo", disable=None):
        photo = draw_photo(split.images[row], rng)
        started = time.perf_counter()
        try:
            images.append(image_to_digit(photo))
        except ValueError:
            images.append(np.zeros((28, 28), np.uint8))
        seconds += time.perf_counter() - started
        labels.append(split.labels[row])
    for name, model in models.items():
        _print_share(
            name, "photographs", digitlib.predict_digits(model, np.array(images)) == labels
        )
        plain = digitlib.predict_digits(model, split.images[rows])
        _print_share(name, "the same images as MNIST has them", plain == labels)
    print(f"image_to_digit: {1000 * seconds / count:.0f} ms a photograph")


def read_pages(name, model, split, count, rng):
    """Prints how many digits of whole pages are recognised, misclassified, or marked uncertain."""
    predictions, written, seconds = [], 0, 0.0
    for _ in tqdm(range(count), unit="page", disable=None):
        rows = rng.integers(0, len(split.labels), rng.integers(5, 11))
        page = draw_page(split.images[rows], rng)
        started = time.perf_counter()
        digits = _read_page(model, page)
        seconds += time.perf_counter() - started
        right = match_digits(digits, split.labels[rows])
        predictions += [(d.probabilities.max(), r) for d, r in zip(digits, right, strict=True)]
        written += len(rows)
    if not predictions:
        return
    confidence = np.array([sure for sure, _ in predictions])
    right = np.array([right for _, right in predictions])
    print(f"{name}: {count} pages, {written:,} digits, {1000 * seconds / count:.0f} ms a page")
    print(f"  found and classified correctly, uncertain or not: {right.sum() / written:.2%}")
    for sure in (0.5, 0.8, 0.9, 0.95, 0.98):
        certain = confidence >= sure
        shares = [(certain & right).sum(), (certain & ~right).sum(), (~certain).sum()]
        shares = np.array(shares) / written
        print(
            "  sure from {:.2f}: {:.2%} right, {:.2%} wrong, {:.2%} marked ?".format(sure, *shares)
        )


def read_kinds(name, model, split, count):
    """Prints, for each kind of page in benchmarks/pages.py, how its numbers are read."""
    for kind in KINDS if count else ():
        scores, seconds = [], 0.0
        for page in draw_pages(kind, split, count, seed=0):
            started = time.process_time()
            read = read_page(model, page.picture)
            seconds += time.process_time() - started
            scores.append(score_page(read, page))
        total = {column: sum(score[column] for score in scores) for column in scores[0]}
        print(
            "{}, {}: {exact} of {} pages exact; {right} of {written} digits right, {sure_wrong} "
            "wrong and sure, {ghosts} where none is written, {marked} marked ?; {:.2f} CPU-s "
            "a page".format(name, kind, count, seconds / count, **total)
        )


def match_digits(digits, labels):
    """Returns which digits of a reading are correct and in the right order, bool (n,)."""
    best = [int(digit.probabilities.argmax()) for digit in digits]
    right = np.zeros(len(digits), bool)
    matches = SequenceMatcher(None, best, list(map(int, labels)), autojunk=False)
    for block in matches.get_matching_blocks():
        right[block.a : block.a + block.size] = True
    return right


def _read_page(model, page):
    try:
        return digitlib.read_digits(model, page).digits
    except ValueError:
        return ()


def _print_share(name, what, right):
    print(f"{name}: {what}: {np.mean(right):.2%} of {len(right):,}")


def _build_parser():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handwriting", description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="robust, or a .keras file")
    parser.add_argument(
        "--small", type=int, default=1797, metavar="N", help="8 x 8 digits; default: %(default)s"
    )
    parser.add_argument(
        "--photos", type=int, default=2000, metavar="N", help="default: %(default)s"
    )
    parser.add_argument("--pages", type=int, default=500, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--kinds",
        type=int,
        default=20,
        metavar="N",
        help="pages of each kind; default: %(default)s",
    )
    parser.add_argument(
        "--peers",
        metavar="PYTHON",
        help="instead, compare with RapidOCR, installed for this PYTHON, and Tesseract on the pages"
        " of each kind",
    )
    parser.add_argument("--output", type=Path, metavar="CSV", help="also measure distorted images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
