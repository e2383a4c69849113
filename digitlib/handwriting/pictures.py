"""Open any picture as grey levels, and refuse files that could harm."""

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from digitlib.files import expand_home

# A path, where `~` is the home folder; the bytes of a file; a Pillow image; or an array, (h, w) or
# (h, w, channels) with 1, 3 or 4 channels, of bool, uint8, uint16 or floats from 0 to 1.
PictureSource = str | Path | bytes | Image.Image | np.ndarray
Grey = npt.NDArray[np.float32]  # (h, w)
Colours = npt.NDArray[np.float32]  # (h, w, 3), red, green and blue
_MAX_PIXELS = 50_000_000
_TOO_LARGE = "{} has more than 50 million pixels. Make it smaller first."
_LONGEST_SIDE = 2000  # more detail doesn't help to recognise a digit, and takes time
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue
_FORMATS = ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"]


def read_picture(picture: PictureSource) -> Grey:
    """Opens a picture and converts it to grey levels, float32 (h, w), 0 black to 1 white."""
    return to_grey(read_colours(picture))


def read_colours(picture: PictureSource) -> Colours:
    """Opens a picture in its colours, and shrinks it to at most 2,000 pixels.

    Args:
        picture: a `PictureSource`, such as a path.

    Returns:
        float32 (h, w, 3), 0 to 1. Transparent pixels become white, or black if nothing could be
        seen on white.
    """
    array = _scale(_shrink(_open(picture)))
    if array.shape[2] < 3:
        return np.repeat(array, 3, axis=2)
    colours, opaque = array[..., :3], array[..., 3:]
    if opaque.size == 0:
        return colours
    on_white = colours * opaque + (1 - opaque)
    return on_white if np.ptp(on_white) > 0.1 else colours * opaque


def to_grey(colours: Colours) -> Grey:
    """Returns grey levels, float32 (h, w), in which ink differs as much as it can from paper."""
    red, green, blue = np.moveaxis(colours, 2, 0)
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red.copy()
    # Blue ink has the highest contrast in the red channel, red ink in the green one: take the
    # channel that varies most.
    few = colours[:: 1 + len(colours) // 500, :: 1 + colours.shape[1] // 500]
    best = int(np.argmax([1.2 * (few @ _BRIGHTNESS).std(), *few.std(axis=(0, 1))]))
    return colours @ _BRIGHTNESS if best == 0 else colours[..., best - 1].copy()


def resize(picture: Grey | Colours, factor: float) -> Grey | Colours:
    """Enlarges or shrinks a picture, float32 (h, w) or (h, w, 3), by a factor."""
    return resize_to(picture, tuple(max(1, round(side * factor)) for side in picture.shape[:2]))


def resize_to(picture: Grey | Colours, shape: tuple[int, ...]) -> Grey | Colours:
    """Enlarges or shrinks a picture, float32 (h, w) or (h, w, 3), to a shape (height, width)."""
    if picture.shape[:2] == shape:
        return picture
    if picture.ndim == 3:
        return np.stack([resize_to(channel, shape) for channel in np.moveaxis(picture, 2, 0)], 2)
    smaller = shape[0] < picture.shape[0]
    method = Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), method))


def _open(picture):
    """The pixels of any `PictureSource`, as an array."""
    if isinstance(picture, np.ndarray):
        return _check_array(np.asarray(picture), "the array")
    if isinstance(picture, Image.Image):
        return _pixels(picture, "the image")
    if isinstance(picture, bytes | bytearray | memoryview):
        return _pixels(io.BytesIO(picture), "the file")
    if isinstance(picture, str | Path):
        path = expand_home(picture)
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a directory; name a picture in it.")
        if not path.exists():
            raise FileNotFoundError(f"No such file: {path.absolute()}. Check the path.")
        with path.open("rb") as file:
            return _pixels(file, path)
    raise TypeError(
        f"a picture must be a path, bytes, a Pillow image or an array; got {type(picture).__name__}"
    )


def _pixels(source, name):
    """An open file or a Pillow image as an array."""
    try:
        with warnings.catch_warnings(action="ignore"):
            array = _decode(source)
    except Image.DecompressionBombError as error:
        raise ValueError(_TOO_LARGE.format(name)) from error
    except Exception as error:  # Pillow raises many kinds for damaged files, without their name.
        raise ValueError(
            f"{name} contains no picture that can be read: it is empty, damaged or of an unknown "
            "format. Save it as PNG or JPEG."
        ) from error
    return _check_array(array, name)


def _decode(source):
    given = isinstance(source, Image.Image)
    picture = source if given else Image.open(source, formats=_FORMATS)
    if picture.width * picture.height > _MAX_PIXELS:
        raise Image.DecompressionBombError
    if not given:  # JPEGs are decoded at a smaller size; this would shrink the caller's own image
        picture.draft(None, (_LONGEST_SIDE, _LONGEST_SIDE))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits under one of several names
        return np.clip(np.asarray(picture), 0, 2**16 - 1).astype(np.uint16)
    if picture.mode != "F":
        plain = "L" if picture.mode in ("1", "L") else "RGB"
        picture = picture.convert("RGBA" if picture.has_transparency_data else plain)
    return np.asarray(picture)


def _check_array(array, name):
    if array.ndim < 2 or array.shape[2:] not in [(), (1,), (3,), (4,)]:
        raise ValueError(
            "an array must have the shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4); "
            f"got {array.shape}"
        )
    height, width = array.shape[:2]
    if not height or not width:
        raise ValueError(f"{name} has no pixels: its size is {width} x {height}.")
    if height * width > _MAX_PIXELS:
        raise ValueError(_TOO_LARGE.format(name))
    if array.dtype.kind == "f":
        low, high = array.min(), array.max()
        if not 0 <= low <= high <= 1:  # false for NaN, too
            raise ValueError(
                f"an array of floats must lie between 0 and 1; found {low:g} to {high:g}. Divide "
                "it by the value of white, and replace NaN and infinite values."
            )
    elif array.dtype.kind not in "bu" or array.itemsize > 2:
        raise ValueError(
            f"an array must be of bool, uint8, uint16 or floats; got {array.dtype}. Convert it, "
            "for example with array.astype(np.uint8)."
        )
    return array


def _shrink(array):
    """Shrinks a picture of any type to at most 2,000 pixels, with its colours apart."""
    factor = min(1, _LONGEST_SIDE / max(array.shape[:2]))
    shape = tuple(max(1, round(side * factor)) for side in array.shape[:2])
    if factor == 1:
        return array
    if array.dtype == np.uint8 and array.shape[2:] != (1,):  # Pillow does this at once
        return np.asarray(Image.fromarray(array).resize(shape[::-1], Image.Resampling.BOX))
    channels = np.moveaxis(array.reshape(*array.shape[:2], -1), -1, 0)
    return np.stack([resize_to(_scale(channel)[..., 0], shape) for channel in channels], axis=2)


def _scale(array):
    """Returns float32 (h, w, channels), 0 to 1."""
    white = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    scaled = np.divide(array, white, dtype=np.float32, casting="same_kind")
    return scaled.reshape(*array.shape[:2], -1)
