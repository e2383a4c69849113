import numpy as np
import pytest
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from benchmarks.pages import print_text
from digitlib import load_model, read_digits
from digitlib.handwriting.grouping import Digit, join_digits
from digitlib.handwriting.printed import find_print


def put(text, left, foot, heights, *, wide=10, highest=0.5):
    """A number whose digits have these heights and stand on a row, `wide` pixels apart."""
    digits = []
    for place, (character, height) in enumerate(zip(text, heights, strict=True)):
        box = foot - height, left + wide * place, foot, left + wide * place + 8
        probabilities = np.full(10, (1 - highest) / 9, np.float32)
        probabilities[0 if character == "?" else int(character)] = highest
        digits.append(Digit(character, box, np.zeros((28, 28), np.uint8), probabilities))
    return join_digits(digits)


WORD = put("??????", 0, 100, [20, 15, 15, 20, 15, 15])


def names(numbers):
    return [number.text for number in find_print(numbers)]


def test_a_printed_number_needs_a_printed_word():
    number = put("0123", 0, 200, [20] * 4)
    assert names([number]) == []
    assert names([WORD, number]) == ["0123", "??????"]


@pytest.mark.parametrize(
    ("heights", "feet", "printed"),
    [
        ([20, 20, 15], [0, 0, 0], True),  # capitals and small letters
        ([20, 21, 20], [0, 1, 1], True),
        ([20, 30, 20], [0, 0, 0], False),
        ([20, 20, 20], [0, 5, 1], False),
        ([40, 40, 40], [0, 0, 0], False),
    ],
)
def test_digits_of_print_are_as_tall_as_letters_and_stand_on_one_line(heights, feet, printed):
    digits = [
        put(str(place), 30 * place, 200 + foot, [height]).digits[0]
        for place, (height, foot) in enumerate(zip(heights, feet, strict=True))
    ]
    number = join_digits(digits)
    assert any(n is number for n in find_print([WORD, number])) == printed


def test_a_single_digit_is_printed_if_it_stands_on_the_line_of_a_word():
    assert names([WORD, put("7", 100, 100, [20])]) == ["7", "??????"]
    assert names([WORD, put("7", 100, 104, [20])]) == ["??????"]
    assert names([WORD, put("?", 100, 104, [20])]) == ["??????", "?"]  # a letter that goes deeper
    assert names([WORD, put("?", 100, 150, [20])]) == ["??????"]
    assert names([WORD, put("?", 100, 104, [40])]) == ["??????"]


def test_a_few_level_letters_on_a_full_page_are_illegible_digits():
    numbers = [put("0123", 0, 100 * row, [20] * 4) for row in range(2, 8)]
    assert names([WORD, *numbers[:2]]) == ["0123", "0123", "??????"]
    assert names([WORD, *numbers]) == []


@pytest.mark.parametrize("word", ["???", "?1234", "??11"])
def test_few_letters_or_certain_digits_are_no_printed_word(word):
    assert names([put(word, 0, 100, [20] * len(word))]) == []


def test_likely_digits_are_no_printed_word():
    assert names([put("????", 0, 100, [20] * 4, highest=0.9)]) == []


def test_print_is_left_out_or_marked(mnist):
    page = Image.new("L", (900, 400), 255)
    for place, image in enumerate(mnist.test.images[:4]):
        page.paste(Image.fromarray(255 - image).resize((150, 150)), (60 + 120 * place, 180))
    reader, texts = load_model("robust"), []
    for size in (40, 110):
        both = page.copy()
        font = ImageFont.truetype(findfont("DejaVu Sans"), size)
        ImageDraw.Draw(both).text((40, 30), "Konto Nr. 30682", 0, font)
        texts.append(read_digits(reader, both).text.replace("\n", " "))
    assert texts[0] == "7210"
    assert texts[1].endswith("7210")
    assert set(texts[1].removesuffix("7210")) == {"?", " "}


def test_a_printed_word_alone_is_marked():
    word = np.pad(print_text(["hkyx"], "DejaVuSans", 60), 60)
    picture = (255 - 200 * word).astype(np.uint8)
    assert set(read_digits(load_model("robust"), picture).text) == {"?"}
