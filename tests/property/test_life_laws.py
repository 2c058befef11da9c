"""Laws of positions' lives: over a thousand random days of fills, exercises, assignments, dividends and splits cash and
positions reconcile to the cent, and sizing and risk hold what the venue holds.
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Alert, Fill, LegFill, Record, Settlement, SettlementKind, Side, Statement, Transfer
from streams.book.ledger import Ledger, apply_fill, apply_settlement
from streams.book.settle_terms import underlying
from streams.risk import stage as risk
from streams.risk.statement import RULE
from streams.sizing import stage as sizing
from streams.venue.life import Params
from tests.life_rig import (
    Life,
    bought,
    closing,
    contract,
    dividend,
    leg,
    new_york,
    opening,
    option_mark,
    price,
    split,
)
from tests.orderpath_rig import Stage, fill, mandate

START = date(2013, 4, 1)
TICKERS = ("SPY", "IBM", "SPX")
RATIOS = (2.0, 3.0, 7.0, 1.5, 1.25, 0.5, 0.1)
CAPITAL_CENTS = 10_000_000


class Days:
    """A market of random days, from a seed: what an account's inbox tells of it, and what the account trades."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.cents = dict.fromkeys(TICKERS, 10_000)
        self.number = 0

    def day(self, day: date, life: Life) -> Iterator[Record]:
        """Yield a day's records, one by one, as what is held then allows."""
        draw, clocks = self.draw, [time(9 + n // 12, n % 12 * 5) for n in range(7, 84, 7)]
        for ticker in TICKERS[:2]:
            if draw.random() < 0.04:
                yield dividend(ticker, day, day + timedelta(days=draw.randrange(4)), draw.randrange(1, 30_000) / 1e4)
            if draw.random() < 0.02:
                ratio = draw.choice(RATIOS)
                self.cents[ticker] = max(100, round(self.cents[ticker] / ratio))
                yield split(ticker, day, ratio)
        yield opening(day, draw.choice((time(16), time(16), time(13))))
        for clock in clocks:
            for ticker in TICKERS:
                self.cents[ticker] = max(100, self.cents[ticker] + draw.randrange(-150, 151))
                yield price(ticker, day, clock, self.cents[ticker] / 100)
            for symbol in [one for one in life.held() if len(one) == 21][:6]:
                if draw.random() < 0.2:
                    yield self.mark(symbol, day, clock, life)
            if draw.random() < 0.3:
                yield self.trade(day, clock, life)
        for ticker in TICKERS:
            yield price(ticker, day, time(16), self.cents[ticker] / 100)
        yield closing(day)

    def mark(self, symbol: str, day: date, clock: time, life: Life) -> Record:
        """Return a mark of a contract, at times with no time value."""
        ticker = underlying(symbol)
        spot = self.cents[ticker] / 100
        ends = life.state[f"contract/{symbol}"].expiry_ns if f"contract/{symbol}" in life.state else 0
        ends = ends or new_york(date(2000 + int(symbol[6:8]), int(symbol[8:10]), int(symbol[10:12])), time(16))
        strike = int(symbol[13:]) / 1000
        bid = max(0.0, spot - strike if symbol[12] == "C" else strike - spot) + self.draw.choice((0.0, 0.3, 2.0))
        return option_mark(symbol, day, clock, ends, underlying=ticker, bid=bid, ask=bid + 0.1, spot=spot, rate=0.05)

    def instrument(self, day: date) -> str:
        """Return a ticker or a contract near the money that ends within two weeks."""
        ticker = self.draw.choice(TICKERS)
        if ticker != "SPX" and self.draw.random() < 0.4:
            return ticker
        expiry = day + timedelta(days=self.draw.randrange(14))
        strike = max(1, round(self.cents[ticker] / 100 + self.draw.randrange(-5, 6)))
        return contract(
            expiry, self.draw.choice("CP"), strike, self.draw.choice(("SPX", "SPXW")) if ticker == "SPX" else ticker
        )

    def trade(self, day: date, clock: time, life: Life) -> Fill:
        """Return a fill of one instrument, a combination's, or one that closes what is held."""
        draw, held = self.draw, life.held()
        self.number += 1
        known: dict[str, Any] = {"event_ns": new_york(day, clock), "fee_cents": draw.randrange(300)}
        if held and draw.random() < 0.3:
            symbol = draw.choice(sorted(held))
            multiplier = life.ledger.positions[symbol].multiplier
            return bought(symbol, -held[symbol], draw.randrange(1, 12_000), day, multiplier=multiplier, **known)
        if draw.random() < 0.3 and len(names := sorted({self.instrument(day) for _ in range(3)})) > 1:
            legs = tuple(leg(one, draw.choice((-3, -1, 2)), draw.randrange(1, 900)) for one in names)
            return fill(f"{self.number}", symbol="SPY", legs=legs, quantity=1, price_cents=1, **known)
        symbol = self.instrument(day)
        return bought(symbol, draw.choice((-70, -5, -1, 1, 5, 70)), draw.randrange(1, 12_000), day, **known)


class Sums:
    """Cash, quantities and fees by plain sums over what was told, without a ledger."""

    def __init__(self) -> None:
        self.cash, self.fees = CAPITAL_CENTS, 0
        self.held: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.statements = 0

    def add(self, record: Record) -> None:
        """Add a fill or a settlement."""
        if isinstance(record, Fill):
            parts = record.legs or (
                LegFill(record.symbol, record.side, record.quantity, record.price_cents, record.multiplier),
            )
            for one in parts:
                signed = one.quantity if one.side is Side.BUY else -one.quantity
                self.held[one.symbol] += signed
                self.cash -= signed * one.price_cents * one.multiplier
            self.kinds["fill"] += 1
        else:
            assert isinstance(record, Settlement)
            for moved in record.transfers:
                self.held[moved.symbol] += moved.quantity
            self.cash += record.cash_cents
            self.kinds[record.kind] += 1
        self.cash -= record.fee_cents
        self.fees += record.fee_cents

    def check_statement(self, stated: Statement) -> None:
        """Assert that a statement says the same."""
        assert (stated.cash_cents, stated.fees_cents) == (self.cash, self.fees)
        assert {one.symbol: one.quantity for one in stated.positions} == {
            name: quantity for name, quantity in self.held.items() if quantity
        }
        self.statements += 1

    def check(self, ledger: Ledger) -> None:
        """Assert that a ledger says the same, that its lots add up, and that it realised what it must have."""
        assert ledger.cash_cents == self.cash
        assert ledger.fees_cents == self.fees
        assert {name: one.quantity for name, one in ledger.positions.items()} == {
            name: quantity for name, quantity in self.held.items() if quantity
        }
        for one in ledger.positions.values():
            assert one.quantity == sum(lot.quantity for lot in one.lots)
            assert one.cost_cents == sum(lot.cost_cents for lot in one.lots)
            assert all(lot.quantity * one.quantity > 0 for lot in one.lots)
        costs = sum(one.cost_cents for one in ledger.positions.values())
        assert ledger.realised_cents == ledger.cash_cents - CAPITAL_CENTS + costs


@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_days_reconcile_to_the_cent(seed: int) -> None:
    """Four times 250 sessions; every kind of event happens; in the end all is closed, and all is realised. The venue
    states each of them, and risk finds no difference.
    """
    life = Life(Params(pin_seed=seed), mandate(capital_cents=CAPITAL_CENTS))
    market, sums, start = Days(seed), Sums(), mandate(capital_cents=CAPITAL_CENTS)
    sized, risked = Stage(sizing.advance, sizing.Params(), start), Stage(risk.advance, risk.Params(), start)
    day, last, told = START, START, 0
    alarms: list[Alert] = []
    for _ in range(250):
        for record in market.day(day, life):
            life(record)
            for one in life.told[told:]:
                sized(one)
                alarms += [out for out in risked(one) if isinstance(out, Alert) and out.rule == RULE]
                if isinstance(one, Statement):
                    sums.check_statement(one)
                else:
                    sums.add(one)
            told = len(life.told)
            sums.check(life.ledger)
        # Holidays come too: what they would have told is told with the next session.
        last, day = day, day + timedelta(days=3 if day.weekday() == 4 else 1)
        if market.draw.random() < 0.03:
            day += timedelta(days=3 if day.weekday() == 4 else 1)
    assert sized.state["account/paper"].ledger == risked.state["account/paper"].ledger == life.ledger
    assert set(sums.kinds) == {"fill", *SettlementKind}
    assert (sums.statements, alarms) == (250, [])
    for symbol, position in life.ledger.positions.items():
        life(bought(symbol, -position.quantity, 100, last, multiplier=position.multiplier))
    assert life.ledger.positions == {}
    assert life.ledger.realised_cents == life.ledger.cash_cents - CAPITAL_CENTS


NAMES = ("A", "B")
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "fill", "carry", "split", "cash"]),
        st.sampled_from(NAMES),
        st.integers(-40, 40).filter(bool),
        st.integers(0, 700),
        st.sampled_from([1, 10, 100]),
    ),
    max_size=50,
)


@settings(deadline=None)
@given(events=EVENTS)
def test_any_transfers_reconcile(events: list[tuple[str, str, int, int, int]]) -> None:
    """Whatever settlements say, wise or not: the three laws hold, and lots add up."""
    ledger, sums = Ledger(CAPITAL_CENTS, {}), Sums()
    for number, (kind, symbol, signed, cents, multiplier) in enumerate(events):
        other = NAMES[1 - NAMES.index(symbol)]
        record: Fill | Settlement
        if kind == "fill":
            side = Side.BUY if signed > 0 else Side.SELL
            record = fill(
                f"{number}",
                side,
                abs(signed),
                cents,
                symbol=symbol,
                multiplier=multiplier,
                event_ns=number,
                fee_cents=3,
            )
            ledger = apply_fill(ledger, record)
        else:
            first = Transfer(symbol, signed, cents if kind == "cash" else 0, multiplier)
            rest = () if kind == "cash" else (Transfer(other, -2 * signed, -cents, 1), Transfer(symbol, 1, 0, 1))
            name = SettlementKind.SPLIT if kind == "split" else SettlementKind.EXERCISE
            amount = cents - 350
            record = Settlement(
                "s", "paper", symbol, number, name, signed, 0, (first, *rest), bool(rest), amount, number % 3, ""
            )
            ledger = apply_settlement(ledger, record)
        sums.add(record)
        sums.check(ledger)
