"""Checks of values, each in a form that NaN cannot pass: what fails is a RecordError that says what was seen."""

from schemas.records import Record
from streams.stage import RecordError, RejectReason

INFINITY = float("inf")


def bad(what: str, seen: object, expected: str) -> RecordError:
    """Return the error of a value that is out of its bounds."""
    return RecordError(RejectReason.BAD_VALUE, f"{what} must be {expected}, was {seen}")


def unexpected(stage: str, record: Record) -> RecordError:
    """Return the error of a record that the stage has no use for."""
    return RecordError(RejectReason.UNEXPECTED_TYPE, f"{stage} does not read {type(record).__name__}")


def positive(what: str, value: float) -> None:
    """Raise unless 0 < value < infinity."""
    if not 0 < value < INFINITY:
        raise bad(what, value, "> 0")


def not_negative(what: str, value: float) -> None:
    """Raise unless 0 <= value < infinity."""
    if not 0 <= value < INFINITY:
        raise bad(what, value, ">= 0")


def positive_or_unknown(what: str, value: float) -> None:
    """Raise unless the value is NaN (unknown) or 0 < value < infinity."""
    if value == value and not 0 < value < INFINITY:
        raise bad(what, value, "> 0 or NaN")


def named(what: str, value: str) -> None:
    """Raise where a name is empty."""
    if not value:
        raise bad(what, repr(value), "a name")
