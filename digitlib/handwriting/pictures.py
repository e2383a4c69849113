"""Open any picture as grey levels, refusing what could harm."""

import io
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 50_000_000
# Finer detail tells nothing about a digit and costs time.
_LONGEST_SIDE = 2000
_TOO_LARGE = f"{{}} has more than {MAX_PIXELS // 10**6} million pixels. Make it smaller first."
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue
_FORMATS = ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"]


def read_picture(picture):
    """Opens a picture and makes it grey.

    Args:
        picture: a path, the bytes of a file (PNG, JPEG, BMP, GIF, TIFF, WebP or PPM), a Pillow
            image, or an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of bool, uint8, uint16 or
            floats in [0, 1]. A photograph is turned as its EXIF says; what is transparent becomes
            white, or black if only so something is to be seen.

    Returns:
        float32 (h, w), 0 black to 1 white; smaller than the picture if a side exceeds 2,000
        pixels.

    Raises:
        OSError: there is no such file.
        TypeError: `picture` is none of these.
        ValueError: a damaged file or no picture, over 50 megapixels (refused before decoding),
            no pixels, or an array of another shape, type or range.
    """
    return _shrink(_grey(_open(picture)))


def _open(picture):
    """Whatever `read_picture` takes, as an array of its pixels."""
    if isinstance(picture, np.ndarray):
        return _check_array(picture)
    if isinstance(picture, Image.Image):
        return _pixels(picture, "the image")
    if isinstance(picture, bytes | bytearray):
        return _decode(io.BytesIO(picture), "the picture")
    if isinstance(picture, str | Path):
        with open(picture, "rb") as file:
            return _decode(file, picture)
    raise TypeError(
        f"a picture must be a path, bytes, a Pillow image or an array; got {type(picture).__name__}"
    )


def _decode(file, name):
    with _one_kind_of_error(name):
        picture = Image.open(file, formats=_FORMATS)
    return _pixels(picture, name)


def _pixels(picture, name):
    """A Pillow image as an array; large JPEGs are decoded at half or a quarter of their size."""
    width, height = picture.size
    _check_size(height, width, name)
    with _one_kind_of_error(name):
        picture.draft(None, (_LONGEST_SIDE, _LONGEST_SIDE))
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):  # 16 bits, whatever Pillow calls it
            return np.clip(np.asarray(picture), 0, 2**16 - 1).astype(np.uint16)
        if picture.mode == "F":
            return _check_array(np.asarray(picture))
        if picture.has_transparency_data:
            return np.asarray(picture.convert("RGBA"))
        return np.asarray(picture.convert("L" if picture.mode in ("1", "L") else "RGB"))


@contextmanager
def _one_kind_of_error(name):
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except Image.DecompressionBombError as error:
        raise ValueError(_TOO_LARGE.format(name)) from error
    except Exception as error:  # Pillow raises many kinds for damaged files, without a name.
        raise ValueError(
            f"{name} is no picture that can be read, or a damaged one ({error}). "
            "Save it as PNG or JPEG."
        ) from error


def _check_size(height, width, name):
    if not height or not width:
        raise ValueError(f"{name} has no pixels: it is {width} x {height}.")
    if height * width > MAX_PIXELS:
        raise ValueError(_TOO_LARGE.format(name))


def _check_array(array):
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ValueError(
            f"an array must have the shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4); "
            f"got {array.shape}"
        )
    _check_size(*array.shape[:2], "the array")
    if array.dtype in (bool, np.uint8, np.uint16):
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"an array must be of bool, uint8, uint16 or floats; got {array.dtype}")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise ValueError("an array of floats must lie between 0 and 1; divide by the white level")
    return array


def _grey(array):
    """Scales to [0, 1], lays what is transparent on paper and makes colours grey."""
    if np.issubdtype(array.dtype, np.integer):
        array = array.astype(np.float32) / np.iinfo(array.dtype).max
    array = array.astype(np.float32, copy=False)
    if array.ndim == 2:
        return array
    if array.shape[2] == 1:
        return array[..., 0]
    colours = array[..., :3]
    if array.shape[2] == 4:
        opaque = array[..., 3:]
        on_white = colours * opaque + (1 - opaque)
        colours = on_white if np.ptp(on_white) > 0.1 else colours * opaque
    # Blue ink shows best in red light, red ink in green: the colour that varies most is taken.
    few = colours[:: 1 + len(colours) // 500, :: 1 + colours.shape[1] // 500]
    best = int(np.argmax([1.2 * (few @ _BRIGHTNESS).std(), *few.std(axis=(0, 1))]))
    return colours @ _BRIGHTNESS if best == 0 else np.ascontiguousarray(colours[..., best - 1])


def _shrink(grey):
    height, width = grey.shape
    factor = max(grey.shape) / _LONGEST_SIDE
    if factor <= 1:
        return grey
    size = max(1, round(width / factor)), max(1, round(height / factor))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
