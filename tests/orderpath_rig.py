"""What tests of the order path share: records with defaults, and the five folds as a chain in memory."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from schemas import wire
from schemas.records import (
    Direction,
    FeatureFrame,
    Fill,
    Grade,
    Mandate,
    Mark,
    OrderIntent,
    Priority,
    Purpose,
    Record,
    Side,
    Signal,
)
from streams.book import router
from streams.risk import stage as risk
from streams.signals import stage as signals
from streams.sizing import stage as sizing
from streams.stage import Output
from streams.venue import stage as venue

SECOND_NS = 1_000_000_000
OPEN_NS = 1_381_239_000 * SECOND_NS
"""2013-10-08 13:30 UTC, a regular open."""
NAN = float("nan")


def at(second: float) -> int:
    """Return the instant so many seconds after the open."""
    return OPEN_NS + int(second * SECOND_NS)


def frame(
    symbol: str = "SPY",
    second: int = 1,
    price: float = 100.0,
    *,
    interval_s: int = 1,
    values: Mapping[str, float] | None = None,
    **changes: Any,
) -> FeatureFrame:
    """Return a frame of one bar, with a quote a cent on each side; changes by field name, scalars for columns."""
    row: dict[str, Any] = {
        "open": price,
        "high": price,
        "low": price,
        "close": price,
        "volume": 100,
        "trades": 1,
        "vwap": price,
        "bid": price - 0.01,
        "ask": price + 0.01,
        "dropped": 0,
        **changes,
    }
    session = bytes([row.pop("session", 2)])
    columns: dict[str, Any] = {
        name: np.array([value], np.int64 if isinstance(value, int) else np.float64) for name, value in row.items()
    }
    named = values or {}
    return FeatureFrame(
        symbol=symbol,
        interval_ns=interval_s * SECOND_NS,
        base_ns=at(second),
        delta_ns=np.zeros(1, np.int64),
        session=session,
        names=tuple(named),
        values=np.array(list(named.values()), np.float64),
        **columns,
    )


def mark(symbol: str = "SPY", second: float = 1, price: float = 100.0, **changes: Any) -> Mark:
    """Return a mark with a quote a cent on each side."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "event_ns": at(second),
        "bid": price - 0.01,
        "ask": price + 0.01,
        "last": price,
        "high": price,
        "low": price,
        "volume": 100,
    }
    return Mark(**{**fields, **changes})


def mandate(account: str = "paper", **changes: Any) -> Mandate:
    """Return a mandate of 100,000 USD with limits that an ordinary order keeps."""
    fields: dict[str, Any] = {
        "account": account,
        "event_ns": 0,
        "capital_cents": 10_000_000,
        "strategies": (),
        "sizing": "fixed_fraction",
        "risk_fraction": 0.001,
        "volatility_target": 0.1,
        "position_notional_usd_max": 50_000.0,
        "gross_notional_usd_max": 100_000.0,
        "concentration_max": 0.5,
        "daily_loss_usd_max": 2_000.0,
        "drawdown_max": 0.1,
        "slippage_bps": 1.0,
        "fee_per_share_cents": 0.5,
        "fee_min_cents": 100,
    }
    return Mandate(**{**fields, **changes})


def signal(symbol: str = "SPY", second: float = 1, **changes: Any) -> Signal:
    """Return a LONG signal at 100 with a stop a dollar below and a target two above."""
    fields: dict[str, Any] = {
        "id": f"{symbol}{second}".ljust(16, "0"),
        "strategy": "momentum_breakout",
        "symbol": symbol,
        "event_ns": at(second),
        "ordinal": 0,
        "direction": Direction.LONG,
        "entry": 100.0,
        "stop": 99.0,
        "target": 102.0,
        "expires_ns": at(second + 3600),
        "confidence": 0.5,
        "calibrated": False,
        "grade": Grade.D,
        "priority": Priority.MEDIUM,
        "bid": 99.99,
        "ask": 100.0,
        "evidence": (),
        "text": "",
    }
    return Signal(**{**fields, **changes})


def intent(
    order: str = "1", side: Side = Side.BUY, quantity: int = 10, second: float = 1, **changes: Any
) -> OrderIntent:
    """Return an entry of the account paper in SPY at 100."""
    fields: dict[str, Any] = {
        "id": order,
        "account": "paper",
        "symbol": "SPY",
        "event_ns": at(second),
        "side": side,
        "quantity": quantity,
        "purpose": Purpose.ENTRY,
        "signal_id": "s",
        "strategy": "momentum_breakout",
        "reference": 100.0,
        "stop": 99.0,
        "target": 102.0,
        "expires_ns": at(3600),
    }
    return OrderIntent(**{**fields, **changes})


def fill(
    order: str = "1", side: Side = Side.BUY, quantity: int = 10, price_cents: int = 10_000, **changes: Any
) -> Fill:
    """Return what the venue did for intent(order)."""
    fields: dict[str, Any] = {
        "id": f"f{order}",
        "intent_id": order,
        "account": "paper",
        "symbol": "SPY",
        "event_ns": at(1),
        "side": side,
        "quantity": quantity,
        "price_cents": price_cents,
        "fee_cents": 0,
        "slippage_cents": 0,
        "purpose": Purpose.ENTRY,
        "signal_id": "s",
        "strategy": "momentum_breakout",
        "stop": 99.0,
        "target": 102.0,
        "expires_ns": at(3600),
    }
    return Fill(**{**fields, **changes})


class Stage:
    """A pure advance with its state, for tests that look at one stage."""

    def __init__(self, advance: Callable[..., Any], params: Any, *before: Record) -> None:
        self.advance, self.params = advance, params
        self.state: dict[str, Any] = {}
        for record in before:
            self(record)

    def __call__(self, record: Record) -> list[Any]:
        step = self.advance(self.state, record, self.params)
        self.state.update(step.changed)
        return [emit.record for emit in step.outputs]


class Chain:
    """All five folds of a world of one partition. Each topic is a list of records; what a stage writes is read in the
    order in which it was written, as one partition of each topic would give it.
    """

    def __init__(self, signals_params: signals.Params | None = None, accounts: tuple[str, ...] = ("paper",)) -> None:
        every_bar = signals.Params(strategies=("every_bar",), settings={"every_bar": {"lifetime_s": 3}})
        self.topics: dict[str, list[Record]] = {}
        self.folds = {
            "signals": signals.make(signals_params or every_bar, 0, 1),
            "router": router.make(router.Params(accounts=accounts), 0, 1),
            "sizing": sizing.make(sizing.Params(), 0, 1),
            "risk": risk.make(risk.Params(), 0, 1),
            "venue": venue.make(venue.Params(), 0, 1),
        }
        self.readers = {
            "features": ("router", "signals"),
            "signals": ("router",),
            "book": ("sizing",),
            "orders": ("risk",),
            "verdicts": ("venue",),
        }

    def put(self, topic: str, *records: Record) -> None:
        """Append records, and all that follows from them."""
        queue = deque((topic, wire.encode(record)) for record in records)
        while queue:
            name, payload = queue.popleft()
            self.topics.setdefault(name, []).append(wire.decode(payload))
            for reader in self.readers.get(name, ()):
                for output in self.folds[reader].apply([payload]):
                    assert isinstance(output, Output), output
                    assert output.partition in (None, 0)
                    queue.append((output.topic, output.payload))

    def of(self, topic: str, kind: type) -> list[Any]:
        """Return the records of a kind in a topic, in order."""
        return [record for record in self.topics.get(topic, []) if isinstance(record, kind)]
