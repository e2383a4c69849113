"""Read one file of the IDX format, in which MNIST and its relatives are published.

An IDX file is a header of big-endian 32-bit numbers, then the values. The first number, the
"magic number", tells the type of the values and the number of dimensions; the size of each
dimension follows.

Source:
    Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits.
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

IMAGES = 0x00000803  # unsigned bytes, three dimensions: image, row, column
LABELS = 0x00000801  # unsigned bytes, one dimension
QMNIST_LABELS = (
    0x00000C02  # 32-bit integers, two dimensions: image, property (the first: its digit)
)

_VALUE_TYPES = {0x08: np.dtype(">u1"), 0x0C: np.dtype(">i4")}
# A header that claims more is damaged: refuse it before memory is set aside for it.
_MOST_BYTES = 1_000_000 * 28 * 28
REMEDY = (
    "Fetch the file again; load_mnist() without arguments reads the embedded copy, "
    "and reinstalling digitlib restores that."
)


def read_idx(path, magic_numbers, *, sha256=None):
    """Reads an IDX file, gzipped if its name ends in `.gz`.

    Args:
        path: the file.
        magic_numbers: the magic numbers that are accepted, such as `[IMAGES]`.
        sha256: the hash that the uncompressed file must have, in hexadecimal; None: any.

    Returns:
        A read-only array, dtype and shape as the header says, integers in their full range.

    Raises:
        OSError: the file is missing, a directory or unreadable.
        ValueError: the file is empty, truncated, too long, damaged, of another kind, or has
            another hash. The message names the file, what was expected and what was found.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory; expected an IDX file. {REMEDY}")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as stream:
            header, shape, value_type = _read_header(stream, path, magic_numbers)
            body = _read_values(stream, path, shape, value_type)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: expected a complete gzip file; found a damaged one ({error}). {REMEDY}"
        ) from error
    found = hashlib.sha256(header + body).hexdigest() if sha256 else None
    if found != sha256:
        raise ValueError(f"{path}: expected SHA-256 {sha256}; found {found}. Reinstall digitlib.")
    return np.frombuffer(body, value_type).reshape(shape)


def _read_header(stream, path, magic_numbers):
    header = stream.read(4)
    if len(header) < 4:
        raise ValueError(
            f"{path}: expected an IDX header; found {len(header)} bytes in all. {REMEDY}"
        )
    (magic,) = struct.unpack(">I", header)
    if magic not in magic_numbers:
        expected = " or ".join(f"0x{number:08x}" for number in magic_numbers)
        raise ValueError(f"{path}: expected magic number {expected}; found 0x{magic:08x}. {REMEDY}")
    value_code, num_dimensions = divmod(magic, 256)
    sizes = stream.read(4 * num_dimensions)
    if len(sizes) < 4 * num_dimensions:
        raise ValueError(
            f"{path}: expected {num_dimensions} sizes; the header breaks off. {REMEDY}"
        )
    return header + sizes, struct.unpack(f">{num_dimensions}I", sizes), _VALUE_TYPES[value_code]


def _read_values(stream, path, shape, value_type):
    expected = math.prod(shape) * value_type.itemsize
    if not 0 < expected <= _MOST_BYTES:
        raise ValueError(
            f"{path}: expected 1 to {_MOST_BYTES:,} bytes of values; "
            f"the header says shape {shape}. {REMEDY}"
        )
    body = stream.read(expected + 1)
    if len(body) != expected:
        found = f"only {len(body):,}" if len(body) < expected else "more"
        raise ValueError(
            f"{path}: expected {expected:,} bytes for values of shape {shape}; "
            f"found {found}. {REMEDY}"
        )
    return body
