"""What a client asked for, and the reading of its messages.

    {"subscribe": {"topics": ["signals", "verdicts", "risk"], "symbols": ["SPY"], "grades": ["A", "B"], "types": [...]},
     "cursor": "..."}
    {"unsubscribe": true}
    {"ping": anything}

Every member is optional; an absent or empty list means all. `symbols` holds back records of other symbols (a risk
report has none and passes), `grades` signals of other grades, `types` records of other names.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.message import SERVED, TYPES, Message
from schemas.records import Grade

SYMBOLS_MAX = 1_000
SYMBOL_CHARS_MAX = 32


class ClientReason(StrEnum):
    """What can be wrong with a client's message."""

    BAD_JSON = "bad_json"
    UNKNOWN_COMMAND = "unknown_command"
    BAD_SUBSCRIPTION = "bad_subscription"


class ClientError(ValueError):
    """A client's message that cannot be followed; the connection lives on."""

    def __init__(self, reason: ClientReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Subscription:
    """Which messages a client gets. Clients with equal subscriptions share one channel."""

    topics: frozenset[str]
    types: frozenset[str] = TYPES
    symbols: frozenset[str] | None = None
    grades: frozenset[str] | None = None

    def matches(self, message: Message) -> bool:
        """Return whether a message belongs to this subscription."""
        return (
            message.topic in self.topics
            and message.type in self.types
            and (self.symbols is None or message.symbol is None or message.symbol in self.symbols)
            and (self.grades is None or message.grade is None or message.grade in self.grades)
        )

    def plain(self) -> dict[str, list[str]]:
        """Return it as the client could have written it."""
        out = {"topics": sorted(self.topics), "types": sorted(self.types)}
        if self.symbols is not None:
            out["symbols"] = sorted(self.symbols)
        if self.grades is not None:
            out["grades"] = sorted(self.grades)
        return out


@dataclass(frozen=True)
class Subscribe:
    """Replace the subscription; begin at the cursor, or with the next record where there is none."""

    subscription: Subscription
    cursor: object | None


@dataclass(frozen=True)
class Unsubscribe:
    """Send nothing more."""


@dataclass(frozen=True)
class Ping:
    """Send this back."""

    value: Any


Command = Subscribe | Unsubscribe | Ping


def parse_command(text: bytes) -> Command:
    """Return what a client's message asks for; ClientError says what was expected."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClientError(ClientReason.BAD_JSON, f"expected a JSON object, was {text[:80]!r} ({error})") from None
    if not isinstance(message, dict):
        raise ClientError(ClientReason.BAD_JSON, f"expected a JSON object, was {text[:80]!r}")
    if "subscribe" in message:
        return Subscribe(parse_subscription(message["subscribe"]), message.get("cursor"))
    if "unsubscribe" in message:
        return Unsubscribe()
    if "ping" in message:
        return Ping(message["ping"])
    raise ClientError(
        ClientReason.UNKNOWN_COMMAND,
        f"expected subscribe, unsubscribe or ping, was {', '.join(message)[:80] or 'nothing'}",
    )


def parse_subscription(value: object) -> Subscription:
    """Return the subscription in the value of `subscribe`; ClientError says what is wrong with it."""
    if not isinstance(value, dict):
        raise _bad(f"subscribe must be an object, was {str(value)[:80]!r}")
    if unknown := sorted(set(value) - {"topics", "symbols", "grades", "types"}):
        raise _bad(f"unknown member {unknown[0][:80]!r}; known: topics, symbols, grades, types")
    topics = _choice(value, "topics", frozenset(SERVED))
    types = _choice(value, "types", TYPES)
    symbols = _names(value, "symbols")
    grades = _choice(value, "grades", frozenset(Grade)) if value.get("grades") else None
    return Subscription(topics, types, symbols or None, grades)


def _choice(value: dict[str, Any], name: str, known: frozenset[str]) -> frozenset[str]:
    chosen = _names(value, name)
    if unknown := sorted(chosen - known):
        raise _bad(f"{name}: no {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return chosen or known


def _names(value: dict[str, Any], name: str) -> frozenset[str]:
    names = value.get(name) or []
    if not isinstance(names, list) or len(names) > SYMBOLS_MAX:
        raise _bad(f"{name} must be a list of at most {SYMBOLS_MAX} names, was {str(names)[:80]!r}")
    for one in names:
        if not isinstance(one, str) or not 0 < len(one) <= SYMBOL_CHARS_MAX:
            raise _bad(f"{name} must hold names of 1 to {SYMBOL_CHARS_MAX} characters, was {str(one)[:80]!r}")
    return frozenset(names)


def _bad(detail: str) -> ClientError:
    return ClientError(ClientReason.BAD_SUBSCRIPTION, detail)
