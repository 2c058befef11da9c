"""State to bytes and back: to the bit, by type hints, and whatever it cannot hold is refused."""

import math
import struct
from dataclasses import dataclass, field
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.state import decode_state, encode_state


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True)
class Lot:
    price: float
    quantity: int
    side: Side


@dataclass(frozen=True)
class Everything:
    name: str
    flag: bool
    level: float | None
    newest: Lot | None
    lots: tuple[Lot, ...]
    pair: tuple[int, float]
    marks: dict[str, float]
    by_name: dict[str, tuple[Lot, ...]] = field(default_factory=dict)


FLOATS = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LOTS = st.builds(Lot, FLOATS, st.integers(-(2**80), 2**80), st.sampled_from(Side))
STATES = st.builds(
    Everything,
    TEXTS,
    st.booleans(),
    st.none() | FLOATS,
    st.none() | LOTS,
    st.lists(LOTS, max_size=3).map(tuple),
    st.tuples(st.integers(), FLOATS),
    st.dictionaries(TEXTS, FLOATS, max_size=3),
    st.dictionaries(TEXTS, st.lists(LOTS, max_size=2).map(tuple), max_size=2),
)


def bits(value: object) -> object:
    """A value with its floats as bits, so that NaN equals NaN and 0.0 is not -0.0; every NaN is the one of ours."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, tuple):
        return tuple(bits(part) for part in value)
    if isinstance(value, dict):
        return [(key, bits(part)) for key, part in value.items()]
    if isinstance(value, Lot | Everything):
        return (type(value).__name__, *(bits(getattr(value, name)) for name in value.__dataclass_fields__))
    return (type(value).__name__, value)


@given(state=STATES)
def test_a_state_reads_back_to_the_bit(state: Everything) -> None:
    """Types, order of keys and every bit of every float, nested or not; and the bytes are the same again."""
    data = encode_state(state)
    back = decode_state(Everything, data)
    assert bits(back) == bits(state)
    assert encode_state(back) == data


def test_extreme_floats_keep_their_bits() -> None:
    """The ones that text formats like to lose."""
    for value in (-0.0, 0.0, math.inf, -math.inf, 5e-324, 0.1 + 0.2, 1.7976931348623157e308):
        back = decode_state(Lot, encode_state(Lot(value, 1, Side.BUY)))
        assert struct.pack("<d", back.price) == struct.pack("<d", value)
    back = decode_state(Lot, encode_state(Lot(math.nan, 1, Side.BUY)))
    assert struct.pack("<d", back.price) == struct.pack("<d", math.nan)


@dataclass(frozen=True)
class Listed:
    items: list[int]


@dataclass(frozen=True)
class Numbered:
    by_number: dict[int, float]


@dataclass(frozen=True)
class Either:
    value: int | str


@pytest.mark.parametrize("kind", [Listed, Numbered, Either])
def test_a_type_that_would_not_read_back_is_refused(kind: type) -> None:
    """JSON would make another thing of them, in silence: keys become text, lists change under their owner."""
    with pytest.raises(TypeError, match="a state may not hold"):
        decode_state(kind, b"[null]")


def test_a_state_of_another_shape_is_refused() -> None:
    """Fields came or went without a new layout: no state is made up."""
    with pytest.raises(ValueError, match="zip"):
        decode_state(Lot, b"[1.0,2]")
    with pytest.raises(ValueError, match="HOLD"):
        decode_state(Lot, b'[1.0,2,"HOLD"]')
