"""Read one file of the IDX format, in which MNIST and its relatives are published.

An IDX file is a header of big-endian 32-bit numbers, then the values. The header holds a "magic
number", for the type of the values and the number of dimensions, and the size of each dimension.
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REMEDY = "Fetch it again or call load_mnist() without arguments. If that fails, reinstall digitlib."
# A header that claims more is damaged: no memory is set aside for it.
_MOST_BYTES = 1_000_000 * 28 * 28


def read_idx(path: Path, num_dimensions: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Reads an IDX file of bytes as a read-only array. Its first bytes decide if it is gzipped."""
    try:
        with path.open("rb") as file:
            zipped = file.peek(2)[:2] == b"\x1f\x8b"
            return _read(gzip.open(file) if zipped else file, num_dimensions, sha256)
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        message = f"{path} is damaged or holds something else: {error}. {REMEDY}"
        raise ValueError(message) from error


def _read(stream, num_dimensions, sha256):
    magic_number = struct.pack(">I", 0x800 + num_dimensions)  # 8: unsigned bytes
    size = 4 + 4 * num_dimensions
    header = stream.read(size)
    if len(header) < size or header[:4] != magic_number:
        found = f"0x{header[:4].hex()}" if len(header) == size else f"only {len(header)} bytes"
        raise ValueError(f"expected magic number 0x{magic_number.hex()}; found {found}")
    shape = struct.unpack(f">{num_dimensions}I", header[4:])
    size = math.prod(shape)
    body = stream.read(min(size, _MOST_BYTES) + 1)
    if len(body) != size:
        found = f"only {len(body):,}" if len(body) < size else "more"
        raise ValueError(f"expected {size:,} bytes for values of shape {shape}; found {found}")
    found = sha256 and hashlib.sha256(header + body).hexdigest()
    if found != sha256:
        raise ValueError(f"expected SHA-256 {sha256}; found {found}")
    return np.frombuffer(body, np.uint8).reshape(shape)
