import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from digitlib.handwriting.pictures import read_picture

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (30, 40), dtype=np.uint8)
SCALED = GREY.astype(np.float32) / 255


def file_of(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "picture",
    [
        GREY,
        GREY[..., None],
        np.stack([GREY] * 3, axis=-1),
        np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)]),
        GREY.astype(np.uint16) * 257,
        SCALED,
        SCALED.astype(np.float64),
        SCALED.astype(">f4"),
        (GREY.astype(np.uint16) * 257).astype(">u2"),
        GREY[::-1][::-1],
        Image.fromarray(GREY),
        Image.fromarray(GREY).convert("RGBA"),
        Image.fromarray(GREY.astype(np.uint16) * 257),
        Image.fromarray(SCALED),
        *(file_of(Image.fromarray(GREY), kind) for kind in ("PNG", "BMP", "GIF", "TIFF", "PPM")),
        file_of(Image.fromarray(GREY), "WEBP", lossless=True),
        file_of(Image.fromarray(GREY.astype(np.uint16) * 257)),
        file_of(Image.fromarray(GREY).convert("P")),
        bytearray(file_of(Image.fromarray(GREY))),
        memoryview(file_of(Image.fromarray(GREY))),
        *(Image.fromarray(GREY).convert("RGB").convert(mode) for mode in ("CMYK", "HSV")),
        *(Image.fromarray(GREY).convert("LA").convert(mode) for mode in ("LA", "PA")),
        Image.fromarray(GREY).convert("P"),
        Image.fromarray(GREY).convert("RGBA").convert("RGBa"),
        Image.fromarray(GREY.astype(np.int32) * 257),
        Image.frombytes("I;16B", (40, 30), (GREY.astype(">u2") * 257).tobytes()),
        file_of(Image.fromarray(GREY).convert("CMYK"), "TIFF"),
        file_of(Image.fromarray(SCALED), "TIFF"),
    ],
    ids=lambda picture: type(picture).__name__,
)
def test_the_same_picture_in_any_form_gives_the_same_grey(picture):
    grey = read_picture(picture)
    assert grey.dtype == np.float32
    assert grey.shape == GREY.shape
    assert grey == pytest.approx(SCALED, abs=1e-3)


def test_a_path_is_opened_as_text_or_path(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    for path in (tmp_path / "grey.png", str(tmp_path / "grey.png")):
        assert np.array_equal(read_picture(path), SCALED)


def test_a_tilde_is_the_home_folder_and_suffixes_may_be_capital(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):  # the second one on Windows
        monkeypatch.setenv(variable, str(tmp_path))
    Image.fromarray(GREY).save(tmp_path / "GREY.PNG")
    for path in ("~/GREY.PNG", Path("~/GREY.PNG")):
        assert np.array_equal(read_picture(path), SCALED)
    with pytest.raises(FileNotFoundError, match="No such file"):
        read_picture("~nobody-of-this-name/GREY.PNG")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames_is_read(kind):
    frames = [Image.fromarray(GREY), Image.new("L", (40, 30))]
    options = {"lossless": True} if kind == "WEBP" else {}
    file = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(file)).n_frames == 2
    assert read_picture(file) == pytest.approx(SCALED, abs=1e-3)


def test_an_array_is_not_changed_nor_shared():
    picture = SCALED.copy()
    read_picture(picture)[:] = 0
    assert np.array_equal(picture, SCALED)


def test_a_pillow_image_is_not_changed():
    photograph = Image.open(io.BytesIO(file_of(Image.new("L", (4500, 4100)), "JPEG")))
    assert read_picture(photograph).shape == (1822, 2000)
    assert photograph.size == (4500, 4100)


def test_black_and_white_pictures_are_read():
    expected = (GREY > 99).astype(np.float32)
    assert np.array_equal(read_picture(GREY > 99), expected)
    assert np.array_equal(read_picture(Image.fromarray(GREY > 99)), expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, np.array),
        (2, np.fliplr),
        (3, lambda stored: np.rot90(stored, 2)),
        (4, np.flipud),
        (5, np.transpose),
        (6, lambda stored: np.rot90(stored, -1)),  # the top of the scene is stored at the right
        (7, lambda stored: np.rot90(stored, 2).T),
        (8, np.rot90),
    ],
)
def test_a_photograph_is_turned_as_its_exif_says(orientation, turn, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = np.zeros((32, 48), np.uint8)
    block[:16, :16] = 255
    turned = read_picture(file_of(Image.fromarray(block), kind, exif=exif, quality=95))
    assert turned == pytest.approx(turn(block) / 255, abs=0.1)


@pytest.mark.parametrize(("colour", "ground"), [(0, 1), (255, 0)])
def test_what_is_transparent_becomes_what_lets_the_ink_be_seen(colour, ground):
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[5:15, 5:15] = (colour, colour, colour, 255)
    grey = read_picture(picture)
    assert grey[0, 0] == ground
    assert grey[10, 10] == colour / 255
    palette = Image.fromarray(picture).quantize()
    assert read_picture(file_of(palette)) == pytest.approx(grey)


@pytest.mark.parametrize("ink", [(0, 0, 255), (255, 0, 0), (255, 255, 0), (0, 120, 60)])
@pytest.mark.parametrize("paper", [(255, 255, 255), (0, 0, 0)])
def test_ink_of_any_colour_stands_out(ink, paper):
    picture = np.full((20, 20, 3), paper, np.uint8)
    picture[5:15, 5:8] = ink
    grey = read_picture(picture)
    assert abs(grey[10, 6] - grey[0, 0]) > 0.45


def test_large_pictures_come_back_smaller():
    picture = np.zeros((1000, 4000), np.uint8)
    picture[:, 2000:] = 255
    grey = read_picture(picture)
    assert grey.shape == (500, 2000)
    assert grey[:, :999].max() == 0
    assert grey[:, 1001:].min() == 1
    photograph = file_of(Image.fromarray(picture), "JPEG")
    assert read_picture(photograph).shape == (500, 2000)


def png_that_claims(width, height):
    """A PNG whose header tells a size, and that holds next to nothing."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(8000, 8000), (50_000_001, 1), (2**31 - 1, 2**31 - 1)])
def test_over_fifty_megapixels_are_refused_before_decoding(size, monkeypatch):
    def decode(_):
        pytest.fail("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(ValueError, match="more than 50 million"):
        read_picture(png_that_claims(*size))
    with pytest.raises(pytest.fail.Exception, match="it was decoded"):
        read_picture(png_that_claims(8, 8))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_half_a_file_is_refused(tmp_path, kind):
    whole = file_of(Image.fromarray(GREY), kind)
    path = tmp_path / "half"
    for length in (0, 1, 10, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="half contains no picture that can be read"):
            read_picture(path)


@pytest.mark.parametrize(
    "content", [b"", b"a letter", b"%PDF-1.7", bytes(1000), b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(ValueError, match="no picture that can be read"):
        read_picture(content)


def test_a_missing_file_and_a_folder_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path.cwd() / "nowhere.png"
    with pytest.raises(FileNotFoundError, match=re.escape(f"No such file: {path}. Check")):
        read_picture("nowhere.png")
    with pytest.raises(IsADirectoryError, match="is a directory; name a picture in it"):
        read_picture(tmp_path)


@pytest.mark.parametrize("content", [b"", b"a letter"])
def test_an_error_shows_no_address_in_memory(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    for picture in (content, tmp_path / "a.png"):
        with pytest.raises(ValueError, match="Save it as PNG or JPEG") as raised:
            read_picture(picture)
        assert "0x" not in str(raised.value)
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5), np.uint8), "has no pixels: its size is 5 x 0"),
        (np.zeros((5, 0, 3), np.uint8), "has no pixels: its size is 0 x 5"),
        (np.zeros(5, np.uint8), r"must have the shape .*; got \(5,\)"),
        (np.zeros((5, 5, 2), np.uint8), r"must have the shape .*; got \(5, 5, 2\)"),
        (np.zeros((1, 5, 5, 3), np.uint8), "must have the shape"),
        (np.zeros((5, 5), np.int64), "of bool, uint8, uint16 or floats; got int64"),
        (np.full((5, 5), "x"), "of bool, uint8, uint16 or floats; got <U1"),
        (np.zeros((5, 5), np.uint32), r"got uint32. Convert it, .* array.astype\(np.uint8\)"),
        (np.zeros((5, 5), complex), "of bool, uint8, uint16 or floats; got complex128"),
        (np.full((5, 5), 255.0), "must lie between 0 and 1; found 255 to 255. Divide it by"),
        (np.full((5, 5), -0.1), "must lie between 0 and 1; found -0.1 to -0.1"),
        (np.array([[0.1, np.nan]]), "must lie between 0 and 1; found nan .* replace NaN"),
        (np.array([[0.1, np.inf]]), "must lie between 0 and 1; found 0.1 to inf"),
        (np.broadcast_to(np.uint8(1), (8000, 8000)), "more than 50 million pixels"),
    ],
)
def test_impossible_arrays_are_refused(array, message):
    with pytest.raises(ValueError, match=message):
        read_picture(array)


def test_a_picture_of_floats_obeys_the_same_rule_as_an_array():
    for value in (np.nan, 255):
        picture = Image.fromarray(np.full((5, 5), value, np.float32))
        for form in (picture, file_of(picture, "TIFF")):
            with pytest.raises(ValueError, match="must lie between 0 and 1; found"):
                read_picture(form)


def test_a_pillow_image_without_pixels_is_refused():
    with pytest.raises(ValueError, match="the image has no pixels: its size is 0 x 5"):
        read_picture(Image.new("L", (0, 5)))


@pytest.mark.parametrize("thing", [None, 7, [[1, 2], [3, 4]], object()])
def test_other_things_are_refused(thing):
    with pytest.raises(TypeError, match=f"got {type(thing).__name__}"):
        read_picture(thing)
