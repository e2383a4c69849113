"""The words of alternative texts: lists, numbers, and the course of a curve."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def join_words(words: Sequence[str], most: int | None = None, last: str = "and") -> str:
    """Writes "a, b and c"; of more than `most` words the rest are "others"."""
    if most is not None and len(words) > most:
        words = [*words[:most], "others"]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def count_things(count: int, thing: str) -> str:
    """Writes "1 image" and "2,000 images"."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def write_number(value: float, percent: bool = False) -> str:
    """Writes a number with four significant digits, or a fraction as a percentage."""
    if percent:
        return f"{round(100 * value, 2):.4g}%"
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def describe_curve(
    name: str, x: ArrayLike, y: ArrayLike, *, percent: bool = False, unit: str = ""
) -> str:
    """Says where a curve begins and ends, and where it is highest and lowest if that is between.

    Args:
        name: what the curve shows.
        x: numbers (n,), in the order in which they are connected.
        y: numbers (n,); NaN and infinite ones are left out.
        percent: whether y from 0 to 1 is written as 0% to 100%.
        unit: what x counts, such as "epoch".

    Returns:
        One sentence.
    """
    finite = np.isfinite(y)
    if not np.any(finite):
        return f"{name}: no finite value."
    x, y = np.asarray(x)[finite], np.asarray(y)[finite]
    places = [f"at {unit} {write_number(place)}".replace("  ", " ") for place in x]
    points = [f"{write_number(v, percent)} {at}" for v, at in zip(y, places, strict=True)]
    text = f"{name}: from {points[0]} to {points[-1]}" if len(y) > 1 else f"{name}: {points[0]}"
    for word, place in (("highest", y.argmax()), ("lowest", y.argmin())):
        if y[place] not in (y[0], y[-1]):
            text += f", {word} {points[place]}"
    return f"{text}."
