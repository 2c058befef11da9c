"""The cash dividends that a chain reckons with: those declared by MarketEvents, and a forecast of those that follow.

A DIVIDEND event tells the cash of a share and when it goes ex: at start_ns where that is set (an announcement), else at
its own event_ns (a recording's factor file, which tells it on the day). Forecast: the last cash again and again, at the
distance of the last two, where that is one of a month, a quarter, half a year or a year; from one alone nothing is
forecast. A split divides all cash by its ratio.
"""

from dataclasses import dataclass, replace
from datetime import time, timedelta

from streams.options.contracts.clock import DAY_NS, new_york_day, new_york_ns

OPEN = time(9, 30)
PERIODS = ((25, 35, 30), (80, 102, 91), (165, 200, 182), (340, 390, 364))
"""From, to, and what is taken for it, days."""
KEPT_MAX = 16
HORIZON_DAYS = 3 * 366
SAME_NS = 4 * DAY_NS
"""A dividend within so much of a known one replaces it: dates are corrected."""


@dataclass(frozen=True)
class Dividend:
    """Cash of one share, quote currency, that goes ex at an instant (the opening of its ex-date)."""

    ex_ns: int
    cash: float


@dataclass(frozen=True)
class Dividends:
    """What is known of an underlying's dividends, the earliest first."""

    declared: tuple[Dividend, ...] = ()

    def with_declared(self, dividend: Dividend) -> "Dividends":
        """Return them with one more, in place of what was known for its date; cash 0 takes that away."""
        kept = [one for one in self.declared if abs(one.ex_ns - dividend.ex_ns) > SAME_NS]
        if dividend.cash > 0.0:
            kept.append(dividend)
        return Dividends(tuple(sorted(kept, key=lambda one: one.ex_ns)[-KEPT_MAX:]))

    def after_split(self, ratio: float) -> "Dividends":
        """Return them for shares of which `ratio` are one old share."""
        return Dividends(tuple(replace(one, cash=one.cash / ratio) for one in self.declared))

    def ahead(self, event_ns: int, until_ns: int) -> tuple[Dividend, ...]:
        """Return those that go ex after an event and before another instant, declared and forecast."""
        end_ns = min(until_ns, event_ns + HORIZON_DAYS * DAY_NS)
        every = (*self.declared, *self._forecast(end_ns))
        return tuple(one for one in every if event_ns < one.ex_ns < end_ns)

    def _forecast(self, end_ns: int) -> list[Dividend]:
        if len(self.declared) < 2:
            return []
        last, apart = self.declared[-1], round((self.declared[-1].ex_ns - self.declared[-2].ex_ns) / DAY_NS)
        taken = [days for least, most, days in PERIODS if least <= apart <= most]
        if not taken:
            return []
        out: list[Dividend] = []
        day = new_york_day(last.ex_ns)
        while True:
            day += timedelta(days=taken[0])
            # A forecast's day is a guess; a Sunday's would not even be that.
            weekday = day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)
            ex_ns = new_york_ns(weekday, OPEN)
            if ex_ns >= end_ns:
                return out
            out.append(Dividend(ex_ns, last.cash))
