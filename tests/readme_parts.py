"""The parts of the README that come from elsewhere: `python -m tests.readme_parts` renews them.

They are the picture of the lesson's confusion matrix and the table of benchmarks/results.csv.
"""

import base64
import json
import math
import re
from pathlib import Path

from digitlib import RECIPES, read_results, summarize_results

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "confusion.png"
RESULTS = ROOT / "benchmarks" / "results.csv"
TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.S)
TEST_IMAGES = 10_000


def lesson_picture():
    """The PNG that the notebook's cell `confusion` has stored."""
    notebook = json.loads((ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == "confusion")
    markup = "".join(cell["outputs"][0]["data"]["text/html"])
    return base64.b64decode(re.search(r"base64,([^\"]+)", markup)[1])


def verdict(mean, deviation, reported):
    """Whether the mean over seeds reaches the reported accuracy, or is as near as chance allows."""
    if mean >= reported:
        return "yes"
    chance = math.sqrt(deviation**2 + mean * (1 - mean) / TEST_IMAGES)
    return "within chance" if reported - mean <= 2 * chance else "**no**"


def results_table():
    """The table of the README, in Markdown."""
    lines = [
        "| recipe | parameters | epochs | seeds | accuracy | reported | reached | loss | CPU-s |",
        "|---|--:|--:|--:|--:|--:|---|--:|--:|",
    ]
    results = read_results(RESULTS)
    summary = summarize_results(results[results["overrides"] == "{}"])
    for row in summary.sort_values("test_mean", ascending=False).itertuples():
        recipe = RECIPES[row.recipe]
        reported, reached = "", ""
        if recipe.reported:
            reported = f"{100 * recipe.reported:.4g}%"
            reached = verdict(row.test_mean, row.test_deviation, recipe.reported)
        lines.append(
            f"| `{row.recipe}` | {row.parameters:,} | {row.epochs} | {row.runs} "
            f"| {row.test_mean:.2%} ± {row.test_deviation:.2%} | {reported} "
            f"| {reached} | {row.test_loss:.4f} | {row.cpu_seconds:,.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PICTURE.write_bytes(lesson_picture())
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda _: results_table(), text), encoding="utf-8")
