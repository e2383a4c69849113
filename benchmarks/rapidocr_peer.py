"""Read pictures with RapidOCR, as a peer: `python -m benchmarks.rapidocr_peer PICTURE...`.

Prints a line of JSON for each picture: its lines of text as [text, boxes, confidence], with a box
(top, left, bottom, right) for each character, and the CPU seconds, loading of models excluded. The
project does not install RapidOCR; `benchmarks/peers.py` says how to.
"""

import json
import sys
import time

import numpy as np
from PIL import Image, ImageDraw
from rapidocr import RapidOCR

# Every line is returned, also below the threshold. Several threads need more CPU seconds.
SETTINGS = {
    "Global.log_level": "error",
    "Global.text_score": 0,
    "Global.return_word_box": True,
    "Global.return_single_char_box": True,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


def main():
    """Reads the pictures that the command line names."""
    engine = RapidOCR(params=SETTINGS)
    sample = Image.new("RGB", (300, 100), "white")
    ImageDraw.Draw(sample).text((50, 20), "1234", "black", font_size=50)
    engine(np.asarray(sample))  # it loads each model when it first needs it
    for path in sys.argv[1:]:
        picture = np.asarray(Image.open(path).convert("RGB"))[..., ::-1].copy()
        started = time.process_time()
        found = engine(picture)
        seconds = time.process_time() - started
        lines = []
        if found.txts:
            boxes = map(list_boxes, found.txts, found.word_results)
            lines = list(zip(found.txts, boxes, map(float, found.scores), strict=True))
        print(json.dumps({"lines": lines, "cpu_seconds": seconds}), flush=True)


def list_boxes(text, characters):
    """Returns a box for each character of a text; spaces, which RapidOCR leaves out, have none."""
    boxes, corners = [], (np.array(corners) for _, _, corners in characters)
    for character in text:
        if character.isspace():
            boxes.append(None)
        else:
            (left, top), (right, bottom) = np.sort(next(corners), axis=0)[[0, -1]].tolist()
            boxes.append((top, left, bottom, right))
    return boxes


if __name__ == "__main__":
    main()
