"""An account's inbox as a test writes it, without analytics and router; and what became of it."""

import time
from collections.abc import Mapping
from typing import Any

from schemas import wire
from schemas.records import Fill, OrderKind, OrderTicket, Record, Side, TimeInForce
from schemas.topics import full_name
from streams.book.ledger import Ledger, apply_fill
from streams.log.ids import Place, RecordId, headers_of
from streams.log.producer import LogProducer, client_name
from streams.log.reader import read
from tests.orderpath_rig import NAN, mark
from tests.sizing_rig import CALL, option

CAPITAL_CENTS = 10_000_000


class Inbox:
    """Writes an account's inbox, and reads what became of it."""

    def __init__(self, kafka: Mapping[str, str], world: str) -> None:
        self.kafka, self.world = kafka, world
        self._producer = LogProducer(kafka, client_name("test"))
        self._places: dict[str, Place] = {}
        self._sequence = 0
        self.second = 0.0

    def put(self, *records: Record) -> None:
        """Append records to the inbox; return once the broker has them."""
        self.put_into("book", *records)

    def put_into(self, topic: str, *records: Record) -> None:
        """Append records to a topic."""
        for record in records:
            self.put_bytes(topic, wire.encode(record))

    def put_bytes(self, topic: str, payload: bytes) -> None:
        """Append a payload to a topic."""
        self._sequence += 1
        record_id = RecordId("test/0", self._sequence, 0)
        headers = headers_of(record_id, self._places.get(topic))
        self._producer.send(full_name(self.world, topic), 0, b"paper", payload, headers)
        self._places[topic] = record_id.place
        self._producer.flush()

    def market(self) -> None:
        """Tell the market of another second: shares at 100, the call at 2."""
        self.second += 1
        self.put(mark(second=self.second), mark("AAPL", second=self.second), option(second=self.second, bid_size=500))

    def read(self, topic: str) -> list[Record]:
        """Return all records of a topic."""
        return [wire.decode(one.value()) for one in read(self.kafka, full_name(self.world, topic), 0)]

    def of(self, topic: str, kind: type) -> list[Any]:
        """Return the records of a kind in a topic."""
        return [one for one in self.read(topic) if isinstance(one, kind)]

    def fills(self) -> list[Fill]:
        """Return what the venue did."""
        return [one for one in self.read("book") if isinstance(one, Fill) and one.quantity]

    def held(self) -> dict[str, int]:
        """Return what the account holds after all fills."""
        ledger = Ledger(CAPITAL_CENTS, {})
        for fill in self.fills():
            ledger = apply_fill(ledger, fill)
        return {symbol: position.quantity for symbol, position in ledger.positions.items()}

    def goes_on(self) -> bool:
        """Let the market tell of another second, and the stages work on it; True, for conditions."""
        self.market()
        time.sleep(0.2)
        return True


def ticket(name: str, symbol: str, side: Side, quantity: int) -> OrderTicket:
    """Return a person's market order."""
    multiplier = 100 if symbol == CALL else 1
    return OrderTicket(
        name, "paper", symbol, 0, side, quantity, OrderKind.MARKET, 0, 0, TimeInForce.GTC, (), multiplier, False, NAN,
        NAN, "a test",
    )  # fmt: skip
