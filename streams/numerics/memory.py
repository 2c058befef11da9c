"""Read or write 8 bytes at any position of a uint8 array, in one instruction.

A slice's `.view` costs a reference count each; these are plain unaligned accesses. They check no bounds: the caller
pads what it reads with `PADDING` bytes, and has room for what it writes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from streams.joined import Joined
from streams.numerics.jit import DISABLED

PADDING = 16
_PAD = bytes(PADDING)


def joined(payloads: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return all payloads in one padded array, and where each begins, shape (n + 1,)."""
    if isinstance(payloads, Joined):
        return payloads.data, payloads.bounds
    bounds = np.zeros(len(payloads) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, payloads), np.int64, len(payloads)), out=bounds[1:])
    return np.frombuffer(b"".join((*payloads, _PAD)), np.uint8), bounds


def _loader(kind: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba has no types
    def load(typing_context: Any, data: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            target = context.get_value_type(signature.return_type)
            pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), target.as_pointer())
            loaded = builder.load(pointer)
            loaded.align = 1
            return loaded

        return kind(data, types.int64), generate

    return load


@intrinsic
def _store(typing_context: Any, data: Any, at: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), arguments[2].type.as_pointer())
        stored = builder.store(arguments[2], pointer)
        stored.align = 1
        return context.get_dummy_value()

    return types.none(data, types.int64, types.float64), generate


if DISABLED:

    def load_word(data: Any, at: Any) -> Any:
        return data[at : at + 8].view(np.uint64)[0]

    def load_double(data: Any, at: Any) -> Any:
        return data[at : at + 8].view(np.float64)[0]

    def _store_slowly(data: Any, at: Any, value: Any) -> None:
        data[at : at + 8].view(np.float64)[0] = value

    store_double: Any = _store_slowly

else:
    store_double = _store
    load_word = _loader(types.uint64)
    load_double = _loader(types.float64)
