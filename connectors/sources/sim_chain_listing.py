"""Which options a simulated underlying has on a day: expiries by the real calendar, strikes around the forward.

Of n expiries half are the next Fridays, the rest month's third Fridays after them: a half of those of the next months,
then of the quarters' last months; the session before where the market is closed. What is listed stays until it expires.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

import numpy as np

from connectors.sources.calendars import Calendar
from connectors.sources.frames import F64
from schemas.osi import OptionSymbol, osi

FRIDAY = 4
QUARTERS = (3, 6, 9, 12)
STEPS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
REACH = 2.6
"""How far strikes go from the forward, standard deviations to expiry."""


@dataclass(frozen=True)
class Listing:
    """One expiry of an underlying. expiry_ns: close of its day. strike: (m,), ascending, each with a call and a put."""

    day: date
    expiry_ns: int
    strike: F64

    def contracts(self, symbol: str) -> list[str]:
        """Return the OSI symbols, (2 m): calls by strike, then puts by strike."""
        mills = [round(one * 1_000) for one in self.strike.tolist()]
        return [osi(OptionSymbol(symbol, self.day, right, one)) for right in (True, False) for one in mills]


def session_before(day: date, calendar: Calendar) -> date:
    """Return a day, or the last one before it on which the market is open."""
    while calendar.session(day) is None:
        day -= timedelta(days=1)
    return day


def close_ns(day: date, calendar: Calendar) -> int:
    """Return when the regular session of a day ends, ns UTC; the day must have one."""
    session = calendar.session(day)
    assert session is not None, f"no session on {day}"
    return session.close_ns


def calendar_days(expiries: int) -> int:
    """Return how many days ahead of a day its last expiry lies, at most."""
    return 36 * expiries + 70


def expiry_days(day: date, count: int, calendar: Calendar) -> tuple[date, ...]:
    """Return the days of the `count` >= 2 expiries that are listed on a day, itself included."""
    weeks, months = count - count // 2, count // 2 - count // 4
    out: list[date] = []
    friday = day + timedelta(days=(FRIDAY - day.weekday()) % 7)
    while len(out) < weeks:
        ends = session_before(friday, calendar)
        if ends >= day:
            out.append(ends)
        friday += timedelta(days=7)
    for only, end in ((tuple(range(1, 13)), weeks + months), (QUARTERS, count)):
        later = (one for one in _third_fridays(out[-1], calendar) if one > out[-1])
        out += islice((one for one in later if one.month in only), end - len(out))
    return tuple(out)


def _third_fridays(after: date, calendar: Calendar) -> list[date]:
    """Return the monthly expiries of a month and three years after it."""
    out = []
    for number in range(37):
        years, month = divmod(after.month - 1 + number, 12)
        first = date(after.year + years, month + 1, 1)
        third = first + timedelta(days=(FRIDAY - first.weekday()) % 7 + 14)
        # Beyond the calendar nothing is asked for.
        if third > after + timedelta(days=400):
            break
        out.append(session_before(third, calendar))
    return out


def strikes_of(forward: float, deviation: float, count: int, before: F64 | None = None) -> F64:
    """Return about `count` strikes around a forward, and those that were listed before.

    deviation: standard deviation of the logarithm to expiry. New strikes lie outside of the range of those before.
    """
    wanted = forward * 2.0 * REACH * deviation / count
    step = next((one for one in STEPS if one >= wanted), STEPS[-1])
    low = math.ceil(forward * math.exp(-REACH * deviation) / step)
    high = math.floor(forward * math.exp(REACH * deviation) / step)
    middle = round(forward / step)
    strikes = np.arange(max(min(low, middle - 2), 1), max(high, middle + 2) + 1, dtype=np.float64) * step
    if before is None:
        return strikes
    new = strikes[(strikes < before[0]) | (strikes > before[-1])]
    return np.sort(np.concatenate([before, new]))
