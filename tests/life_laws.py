"""Laws of settlements: each follows from the position before it and from what the contract or the event says, reckoned
here anew, without the rules by which the venue made it.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import MarketEvent, MarketEventKind, Record, Settlement, SettlementKind
from streams.book.settle_terms import last_day, underlying
from streams.venue.fees import IBKR_FIXED
from streams.venue.life.state import EPOCH, day_of

CENTS_OF_MICRO = 10_000
EXERCISED = (SettlementKind.EXERCISE, SettlementKind.ASSIGNMENT)


SEC_RATES = ((date(2013, 5, 25), Fraction("22.4")), (date(2014, 3, 18), Fraction("17.4")), (date.max, Fraction("22.1")))
"""Cents of 10,000 USD, up to a day."""


def fee_of(one: Settlement) -> int:
    """Return the fees of an exercise or assignment in 2013 and 2014, cents: on a sale, where it delivers shares."""
    sold = sum(-moved.quantity for moved in one.transfers[1:] if moved.quantity < 0)
    if not sold or one.cash_cents <= 0:
        return 0
    day = EPOCH + timedelta(days=day_of(one.event_ns))
    rate = next(rate for until, rate in SEC_RATES if day < until)
    return ceil(min(Fraction(595), Fraction("0.0119") * sold) + rate * one.cash_cents / 1_000_000)


class Laws:
    """Settlements of one account, checked record by record."""

    def __init__(self, schedule: str) -> None:
        self.schedule = schedule
        self.held: Counter[str] = Counter()
        self.paid: set[tuple[str, int]] = set()

    def check(
        self, record: Record, settled: list[Settlement], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Assert the laws of what a record has settled. before, after: the venue's state, for its last prices."""
        brought: set[str] = set()
        for one in settled:
            self._closes_what_was_held(one)
            assert one.fee_cents == (fee_of(one) if self.schedule == IBKR_FIXED and one.kind in EXERCISED else 0)
            if one.kind is SettlementKind.DIVIDEND:
                self._dividend(one)
            elif one.kind is SettlementKind.SPLIT:
                assert isinstance(record, MarketEvent)
                self._split(one, Fraction(record.value).limit_denominator(1_000))
                brought |= {moved.symbol for moved in one.transfers[1:]}
            else:
                self._option(one, before, after)
            for moved in one.transfers:
                self.held[moved.symbol] += moved.quantity
        if isinstance(record, MarketEvent):
            self._event(record, settled, brought)

    def _closes_what_was_held(self, one: Settlement) -> None:
        """Law: nothing is settled that is not held, nor more of it, so nothing is settled twice."""
        held = self.held[one.symbol]
        assert held * one.quantity > 0
        assert abs(one.quantity) <= abs(held)
        if one.kind is not SettlementKind.DIVIDEND:
            first = one.transfers[0]
            assert (first.symbol, first.quantity) == (one.symbol, -one.quantity)

    def _dividend(self, one: Settlement) -> None:
        """Law: all shares, once a day; who is long receives it, who is short pays it."""
        assert one.quantity == self.held[one.symbol]
        assert one.cash_cents * one.quantity >= 0
        assert abs(one.cash_cents - one.quantity * one.price_cents) <= abs(one.quantity) / 2 + 1
        assert not one.transfers
        key = (one.symbol, day_of(one.event_ns))
        assert key not in self.paid
        self.paid.add(key)

    def _split(self, one: Settlement, ratio: Fraction) -> None:
        """Law: whole shares stay, the rest is cash; n contracts for one where n is whole, else one."""
        assert one.quantity == self.held[one.symbol]
        total = abs(one.quantity) * ratio
        came = sum(moved.quantity for moved in one.transfers[1:])
        if len(one.symbol) == 21:
            contract = parse_osi(one.symbol)
            assert isinstance(contract, OptionSymbol)
            whole = ratio.denominator == 1 and not contract.is_adjusted
            assert came == one.quantity * (ratio.numerator if whole else 1)
            assert one.cash_cents == 0
            return
        assert abs(came) == int(total)
        assert came * one.quantity >= 0
        assert (one.cash_cents != 0) == (total != int(total))
        assert one.cash_cents * one.quantity >= 0

    def _option(self, one: Settlement, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Law: strike, shares and cash of a contract of a hundred shares; exercised in the money; a writer is assigned,
        a holder exercises.
        """
        contract = parse_osi(one.symbol)
        assert isinstance(contract, OptionSymbol)
        strike, sign = contract.strike_mills // 10, 1 if contract.is_call else -1
        ticker, count = underlying(one.symbol), one.quantity
        micros = [getattr(state.get(f"ticker/{ticker}"), "micro", 0) for state in (before, after)]
        worth = [sign * (micro - strike * CENTS_OF_MICRO) for micro in micros if micro]
        if contract.is_adjusted or contract.strike_mills % 10:
            return
        if one.kind is SettlementKind.EXPIRY:
            assert one.cash_cents == 0
            assert len(one.transfers) == 1
        elif one.kind is SettlementKind.CASH:
            value = sign * (one.price_cents - strike)
            assert value > 0
            assert one.cash_cents == count * value * 100
            assert one.transfers[0].amount_cents == -one.cash_cents
        else:
            assert (one.kind is SettlementKind.EXERCISE) == (count > 0)
            assert one.cash_cents == -sign * count * strike * 100
            (shares,) = one.transfers[1:]
            assert (shares.symbol, shares.quantity) == (ticker, sign * count * 100)
            if one.kind is SettlementKind.EXERCISE:
                assert max(worth) >= CENTS_OF_MICRO

    def _event(self, event: MarketEvent, settled: list[Settlement], brought: set[str]) -> None:
        """Law: no contract outlives the morning after it ended; a split leaves no contract of its ticker as it was."""
        options = [symbol for symbol, quantity in self.held.items() if quantity and len(symbol) == 21]
        if event.kind is MarketEventKind.SESSION_OPEN:
            day = day_of(event.start_ns)
            assert all((last_day(symbol) - EPOCH).days >= day for symbol in options)
        elif event.kind is MarketEventKind.SPLIT and settled:
            assert {symbol for symbol in options if underlying(symbol) == event.symbol} <= brought
