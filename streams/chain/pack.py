"""State as bytes: a head in JSON, then arrays as they lie in memory."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
LENGTH_BYTES = 8


def pack(head: Any, arrays: Arrays) -> bytes:
    """Return head (what JSON can say; floats keep their bits, NaN too) and arrays of any shape and plain type."""
    solid = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    shapes = [[name, array.dtype.str, list(array.shape)] for name, array in solid.items()]
    text = json.dumps([head, shapes], separators=(",", ":")).encode()
    return b"".join((len(text).to_bytes(LENGTH_BYTES, "big"), text, *(array.tobytes() for array in solid.values())))


def unpack(data: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Return what was packed; the arrays are the caller's own. ValueError where the bytes are cut."""
    end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big")
    head, shapes = json.loads(data[LENGTH_BYTES:end])
    arrays: dict[str, NDArray[Any]] = {}
    for name, kind, shape in shapes:
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(data, np.dtype(kind), count, end).reshape(shape).copy()
        arrays[name] = array
        end += array.nbytes
    if end != len(data):
        raise ValueError(f"expected {end} bytes of state, was {len(data)}")
    return head, arrays
