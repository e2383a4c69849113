"""Draw `benchmarks/form.jpg`, the photograph of a form that the lesson reads in section 15.

Run it from the root of the repository: python -m tools.draw_form
"""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pages import draw_boxes, lay_on_table
from digitlib import hold_out, load_mnist

SEED = 15
LONGEST = 900  # pixels of the longer side


def draw_form(seed=SEED):
    """Returns a Pillow image: boxes filled with validation digits, photographed on a table."""
    _, validation = hold_out(load_mnist().train, fraction=1 / 12, seed=0)
    rng = np.random.default_rng(seed)
    form = draw_boxes(validation.images, validation.labels, rng)
    page = lay_on_table(form._replace(picture=form.picture / np.float32(255)), 10, rng)
    picture = Image.fromarray(page.picture)
    picture.thumbnail((LONGEST, LONGEST))
    return picture


if __name__ == "__main__":
    draw_form().save(Path("benchmarks/form.jpg"), quality=80)
