"""The check before an order, and a mark, of an account with 500 option positions and 50 working orders: risk's fold.

In memory, one process, decoding and encoding included: what the stage itself takes, without Kafka. Goals: a check in
less than 2 ms for 99 of 100 orders; a mark of the account in less than 5 ms, be it of a share, a contract or all 500.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from aiots.mandates import DEFAULTS
from bench.context import Context
from bench.figures import Figure, below
from schemas import wire
from schemas.osi import osi, parse_osi
from schemas.records import (
    Fill,
    Leg,
    Mandate,
    Mark,
    OptionMark,
    OrderIntent,
    OrderKind,
    Purpose,
    Record,
    Side,
    TimeInForce,
)
from streams.fold import PureFold
from streams.risk.params import SECTORS, Params
from streams.risk.stage import make
from streams.runtime import garbage
from streams.stage import Output

SECTION = "pretrade"
POSITIONS, WORKING = 500, 50
CHECKS, SWEEPS = 3_000, 40
CHECK_MS_MAX, MARK_MS_MAX = 2.0, 5.0
OPEN_NS = 1_748_871_000_000_000_000
SECOND_NS = 1_000_000_000
EXPIRY_NS = OPEN_NS + 30 * 86_400 * SECOND_NS
NAN = float("nan")
UNDERLYINGS = tuple(SECTORS)
WIDE: dict[str, Any] = {
    name: 1e12
    for name in DEFAULTS
    if name.endswith("_usd_max") and name not in ("trade_loss_usd_max", "order_notional_usd_max")
}


def contract(number: int) -> str:
    """Return one of many contracts, the nine underlyings in turn."""
    root, strike = UNDERLYINGS[number % len(UNDERLYINGS)], 80_000 + 500 * (number // len(UNDERLYINGS))
    found = parse_osi(f"{root:6}250718{'CP'[number % 2]}{strike:08d}")
    return osi(found)  # type: ignore[arg-type]  # a fault would raise here


def option_mark(number: int, event_ns: int, middle: float) -> OptionMark:
    """Return a good mark of a contract."""
    sign = 1.0 if number % 2 == 0 else -1.0
    prices = (middle - 0.05, middle + 0.05, 10, 10, middle, 100.0, 100.1, 0.04, 0.0, middle, 0.2)
    greeks = (0.5 * sign, 0.04, 11.0, -9.0, 4.0, 0.1, 0.1, 0.1)
    root = UNDERLYINGS[number % len(UNDERLYINGS)]
    return OptionMark(contract(number), root, event_ns, EXPIRY_NS, *prices, *greeks, 0, 1.0, OPEN_NS)


def mark(symbol: str, event_ns: int, price: float) -> Mark:
    """Return a mark of a share."""
    return Mark(symbol, event_ns, price - 0.01, price + 0.01, price, price, price, 100)


def order(number: int, quantity: int = 1) -> OrderIntent:
    """Return a vertical spread at a limit."""
    legs = (Leg(contract(number % 400), Side.BUY, 1, 100), Leg(contract(number % 400 + 18), Side.SELL, 1, 100))
    tail = (Purpose.ENTRY, "s", "momentum_breakout", 1.0, NAN, NAN, EXPIRY_NS, OrderKind.LIMIT, 100, 0)
    root = UNDERLYINGS[number % len(UNDERLYINGS)]
    return OrderIntent(f"o{number}", "paper", root, OPEN_NS + number, Side.BUY, quantity, *tail, TimeInForce.DAY, legs)


def held(number: int) -> Fill:
    """Return the fill that opened a position."""
    tail = (Purpose.ENTRY, "s", "momentum_breakout", NAN, NAN, EXPIRY_NS)
    side = Side.BUY if number % 3 else Side.SELL
    return Fill(
        f"f{number}", f"f{number}", "paper", contract(number), OPEN_NS, side, 5, 200, 0, 0, *tail, multiplier=100
    )


def ended(number: int) -> Fill:
    """Return the end of an order, unfilled."""
    tail = (Purpose.ENTRY, "s", "momentum_breakout", NAN, NAN, EXPIRY_NS)
    root = UNDERLYINGS[number % len(UNDERLYINGS)]
    return Fill(f"e{number}", f"o{number}", "paper", root, OPEN_NS, Side.BUY, 0, 0, 0, 0, *tail)


def run(context: Context) -> None:
    """Measure; add the figures to the report."""
    allowed: dict[str, Any] = {**DEFAULTS, **WIDE, "concentration_max": 1.0, "capital_cents": 10**11}
    before: list[Record] = [Mandate(account="paper", **allowed)]
    before += [mark(symbol, OPEN_NS, 100.0) for symbol in UNDERLYINGS]
    before += [option_mark(number, OPEN_NS, 2.0) for number in range(POSITIONS)]
    before += [held(number) for number in range(POSITIONS)]
    before += [order(number) for number in range(WORKING)]
    fold = make(Params(), 0, 1)
    for output in fold.apply([wire.encode(record) for record in before]):
        assert isinstance(output, Output), output
    garbage.settle()  # as the stage's own process does
    checks = CHECKS // 10 if context.quick else CHECKS
    spent = []
    for number in range(WORKING, WORKING + checks):
        spent.append(timed(fold, [wire.encode(order(number))]))
        fold.apply([wire.encode(ended(number))])
    account = fold.state["account/paper"]
    assert (len(account.ledger.positions), len(account.working)) == (POSITIONS, WORKING)
    note = f"{POSITIONS} option positions, {WORKING} working spreads, all limits set; decode and encode included"
    p50, p99 = np.percentile(spent, [50, 99])
    context.add(Figure(SECTION, "check of a spread, p50", float(p50), "ms", note=note))
    context.add(below(SECTION, "check of a spread, p99", float(p99), "ms", CHECK_MS_MAX, note=note))
    single, sweeps = [], []
    for at in range(SWEEPS // 10 if context.quick else SWEEPS):
        now = OPEN_NS + (at + 1) * SECOND_NS
        marks = [wire.encode(option_mark(number, now, 2.0 + at % 5 * 0.05)) for number in range(POSITIONS)]
        single += [timed(fold, [one]) for one in marks[:POSITIONS:10]]
        later = [
            wire.encode(option_mark(number, now + SECOND_NS // 2, 2.0 + at % 7 * 0.05)) for number in range(POSITIONS)
        ]
        sweeps.append(timed(fold, later))
    name = "mark of one contract, p99 (reports and soft limits with it)"
    context.add(below(SECTION, name, float(np.percentile(single, 99)), "ms", MARK_MS_MAX, note=note))
    whole = float(np.median(sweeps))
    context.add(Figure(SECTION, "500 marks, one of each position, p50", whole, "ms", note=note))


def timed(fold: PureFold, payloads: Sequence[bytes]) -> float:
    """Return how long the fold takes over payloads, ms."""
    begin = time.perf_counter()
    fold.apply(payloads)
    return (time.perf_counter() - begin) * 1e3
