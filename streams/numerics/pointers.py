"""Call compiled functions through their address, so that they are compiled once, not again into every caller.

numba links and optimises a callee anew in each function above it; what stands deep (closing bars, the indicators) would
be compiled a dozen times. A function behind `routine` takes int64 and float64 only, arrays as their addresses; `call`
calls it, `ints_at`, `floats_at` and `bytes_at` make arrays of addresses again. Nothing here owns memory: the caller
keeps the arrays alive. Without the JIT the functions are called as they are, and none of this is used.
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import cfunc, types
from numba.extending import intrinsic

from streams.numerics.jit import maker


def routine(*arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function of these argument types that returns int64; its `.address` goes to `call`."""
    return lambda function: cfunc(types.int64(*arguments), cache=True, error_model="numpy")(function)


@intrinsic
def _call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the routine at an address with a tuple of arguments; return its int64."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in signature.args[1]]
        pointer = builder.inttoptr(values[0], ir.FunctionType(ir.IntType(64), kinds).as_pointer())
        return builder.call(pointer, [builder.extract_value(values[1], i) for i in range(len(kinds))])

    return types.int64(types.int64, arguments), generate


call: Any = _call
_carray: Any = getattr(numba, "carray")  # noqa: B009 (numba exports it without saying so)
_types: Any = types


def _pointer(kind: Any) -> Any:
    @intrinsic
    def pointer_at(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

        return _types.CPointer(kind)(_types.int64), generate

    return pointer_at


_int_pointer = _pointer(types.int64)
_float_pointer = _pointer(types.float64)
_byte_pointer = _pointer(types.uint8)


@maker
def ints_at(address: Any, length: Any) -> Any:
    """Return the int64 array (length,) at an address."""
    return _carray(_int_pointer(address), (length,))


@maker
def floats_at(address: Any, length: Any) -> Any:
    """Return the float64 array (length,) at an address."""
    return _carray(_float_pointer(address), (length,))


@maker
def bytes_at(address: Any, length: Any) -> Any:
    """Return the uint8 array (length,) at an address."""
    return _carray(_byte_pointer(address), (length,))


@maker
def table_at(address: Any, rows: Any, columns: Any) -> Any:
    """Return the int64 array (rows, columns) at an address."""
    return _carray(_int_pointer(address), (rows, columns))


@maker
def prices_at(address: Any, rows: Any, columns: Any) -> Any:
    """Return the float64 array (rows, columns) at an address."""
    return _carray(_float_pointer(address), (rows, columns))
