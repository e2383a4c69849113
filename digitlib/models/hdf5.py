"""Go through an HDF5 file of a stranger, and read only what is known to be small."""

import io
import math
import re
import struct
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from digitlib.models.refusal import refuse

_MOST_OBJECTS = 10_000
_MOST_ATTRIBUTES = 16  # of one object
LARGEST_TEXT = 2**18  # bytes
_MOST_NAMES = 1_000  # in a list
_LARGEST_LIST = 2**25  # bytes
LARGEST_ARRAYS = 40 * 10**6  # bytes, with four for each number
# What Keras notes beside its arrays: texts, and lists of names.
_TEXTS = {"name", "backend", "keras_version", "model_config", "training_config"}
_LISTS = "layer_names", "weight_names"


def read_texts(path, content, *, record):
    """Checks all that an HDF5 file of Keras holds: plain numbers, under names.

    Args:
        path: a Path, the file that messages name.
        content: bytes, those of the HDF5 file.
        record: the name of a text that may be noted, too.

    Returns:
        A dict of str: the texts noted at the root.

    Raises:
        ModelError: the file is refused. (A damaged one may raise anything that h5py raises.)
    """
    import h5py

    heap = _measure_heap(path, content)
    texts = _TEXTS | {record}
    with h5py.File(io.BytesIO(content), "r") as root:
        seen, values, size = {h5py.h5o.get_info(root.id).addr}, 0, 0
        groups = [root]  # a list, since recursion need not end
        noted = _read_attributes(path, root, texts, heap)
        while groups:
            group = groups.pop()
            if len(seen) + len(group) > _MOST_OBJECTS:
                raise refuse(path, f"it holds more than {_MOST_OBJECTS:,} objects")
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise refuse(path, f"{name!r} is a link")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    raise refuse(path, f"{name!r} stands in it twice")
                seen.add(address)
                if isinstance(item, h5py.Group):
                    _read_attributes(path, item, texts, heap)
                    groups.append(item)
                    continue
                _check_array(path, name, item)
                values, size = values + item.size, size + item.nbytes
                if size > len(content) or 4 * values > LARGEST_ARRAYS:
                    raise refuse(path, f"its arrays would be {max(size, 4 * values):,} bytes large")
        return {name: _read_text(noted[name][0]) for name in texts & set(noted)}


def _measure_heap(path, content):
    """The bytes of all texts of variable length: they lie in collections that tell their sizes."""
    size = 0
    for collection in re.finditer(b"GCOL\1", content):
        size += struct.unpack_from("<Q", content, collection.start() + 8)[0]
    if size > LARGEST_TEXT:
        raise refuse(path, f"its texts would be {size:,} bytes long")
    return size


def _read_attributes(path, group, texts, heap):
    """A dict of lists of texts, all that a group's attributes hold."""
    import h5py

    noted = {}
    if h5py.h5a.get_num_attrs(group.id) > _MOST_ATTRIBUTES:
        raise refuse(path, f"{group.name!r} has too many attributes")
    for name in group.attrs:
        attribute = group.attrs.get_id(name)
        if name not in texts and not name.startswith(_LISTS):
            raise refuse(path, f"Keras writes no attribute {name!r}")
        count, kind = math.prod(attribute.shape), attribute.get_type()
        if count == 0:
            continue
        if kind.get_class() != h5py.h5t.STRING or (name in texts and attribute.shape):
            raise refuse(path, f"{name!r} is no text")
        # Texts of variable length may all be the same bytes of the heap, and be read one by one.
        shared = heap if kind.is_variable_str() else 0
        limit = LARGEST_TEXT if name in texts else _LARGEST_LIST
        if count > _MOST_NAMES or attribute.get_storage_size() + count * shared > limit:
            raise refuse(path, f"{name!r} is longer than any model's")
        with _little_memory():
            noted[name] = np.atleast_1d(group.attrs[name]).tolist()
        if len(set(noted[name])) < len(noted[name]):  # it would load an array again and again
            raise refuse(path, f"{name!r} holds a name twice")
    return noted


@contextmanager
def _little_memory():
    """Lets HDF5 fail on Linux, where it would take gigabytes for a text that is called so long."""
    if sys.platform != "linux":
        yield
        return
    import resource

    limits = soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + 2 * _LARGEST_LIST
    limit = limit if soft == resource.RLIM_INFINITY else min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _check_array(path, name, item):
    import h5py

    # Asked of the file's own type: NumPy's takes long to make if an enumeration is long.
    plain = h5py.h5t.INTEGER, h5py.h5t.FLOAT
    if not isinstance(item, h5py.Dataset) or item.id.get_type().get_class() not in plain:
        raise refuse(path, f"{name!r} holds no numbers")
    if item.external or item.is_virtual:
        raise refuse(path, f"{name!r} lies in another file")
    if item.chunks:  # which can be compressed, and far larger than the array
        raise refuse(path, f"{name!r} is stored in chunks")
    if h5py.h5a.get_num_attrs(item.id):
        raise refuse(path, f"Keras gives {name!r} no attributes")


def _read_text(text):
    return text.decode() if isinstance(text, bytes) else str(text)
