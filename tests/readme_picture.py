"""The README's picture is one of the lesson's: `python tests/readme_picture.py` copies it anew."""

import base64
import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "confusion.png"


def lesson_picture():
    """The PNG that the notebook's cell `confusion` has stored."""
    notebook = json.loads((ROOT / "Digit_recognizer.ipynb").read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if cell["id"] == "confusion")
    markup = "".join(cell["outputs"][0]["data"]["text/html"])
    return base64.b64decode(re.search(r"base64,([^\"]+)", markup)[1])


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(lesson_picture())
