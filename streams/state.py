"""State of a stage as bytes: frozen dataclasses to JSON and back, by their type hints, to the bit.

Fields may be int, float, str, bool, StrEnum, None, unions of those with None, tuples, dict[str, X] and nested frozen
dataclasses. Python writes a float as the shortest text that reads back to the same bits; NaN and infinities are kept.
"""

import dataclasses
import json
import types
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def encode_state(state: Any) -> bytes:
    """Return the bytes of a frozen dataclass."""
    return json.dumps(_plain(state), separators=(",", ":"), ensure_ascii=False).encode()


def decode_state(kind: type, data: bytes) -> Any:
    """Return the dataclass of `kind` in bytes that encode_state made."""
    return _reader(kind)(json.loads(data))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    origin, args = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _tuple_reader(args)
    if origin is dict and args[0] is str:
        inner = _reader(args[1])
        return lambda data: {key: inner(part) for key, part in data.items()}
    if origin in (Union, types.UnionType):
        some = [arg for arg in args if arg is not type(None)]
        if len(some) == 1:
            inner = _reader(some[0])
            return lambda data: None if data is None else inner(data)
    if kind in (int, str, bool, float):
        return kind  # type: ignore[no-any-return]  # the four constructors
    raise TypeError(f"a state may not hold {kind!r}")


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = [_reader(hints[field.name]) for field in dataclasses.fields(kind)]

    def read(data: list[Any]) -> Any:
        return kind(*(reader(part) for reader, part in zip(readers, data, strict=True)))

    return read


def _tuple_reader(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        inner = _reader(args[0])
        return lambda data: tuple(inner(part) for part in data)
    readers = [_reader(arg) for arg in args]
    return lambda data: tuple(reader(part) for reader, part in zip(readers, data, strict=True))
