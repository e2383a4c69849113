"""Name the GitHub repository in all its files: `python -m tools.set_repository owner/name`.

Badges, links and metadata contain it. The present name is the one in pyproject.toml, so a fork can
run this again.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = ("README.md", "docs/homes.md", "pyproject.toml", "CITATION.cff")
FILES += (".github/ISSUE_TEMPLATE/config.yml", "Digit_recognizer.ipynb")


def find_repository(folder: Path = ROOT) -> str:
    """Returns the present name, such as "owner/name".

    Args:
        folder: The root of the checkout.
    """
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix("https://github.com/")


def set_repository(name: str, folder: Path = ROOT) -> None:
    """Replaces the present name in all files that contain it.

    Args:
        name: The new name, such as "owner/name".
        folder: The root of the checkout.

    Raises:
        ValueError: The name is not of the form owner/name.
    """
    if not re.fullmatch(r"[\w-]+/[\w.-]+", name, re.ASCII):
        raise ValueError(f"expected the name of a GitHub repository, owner/name; got {name!r}")
    present = find_repository(folder)
    forms = ("{}/{}", "{}%2F{}", "tree%2F{1}%2F")  # the last one: the folder that Jupyter opens
    for path in (folder / file for file in FILES):
        text = path.read_text(encoding="utf-8")
        for form in forms:
            text = text.replace(form.format(*present.split("/")), form.format(*name.split("/")))
        path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    try:
        set_repository(*sys.argv[1:])
    except (TypeError, ValueError) as error:
        sys.exit(f"python -m tools.set_repository owner/name: {error}")
