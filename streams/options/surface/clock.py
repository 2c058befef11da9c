"""Volatility time: how much variance lies between two instants, in years of it.

A session adds `session` (a shorter one its share by length), the gap to the next one `night` and `closed_day` for each
whole day in it; within each, time runs evenly. A year of 252 sessions and 113 closed days counts as one, so that a
volatility per volatility year is near one per calendar year. An event adds its own variance at its instant, written as
years of the underlying's ordinary variance. Outside of the calendar a year is 365 days.

Defaults: nights weigh a quarter of a weekday; a closed day 0.05 (French and Roll, Stock return variances, 1986: a
weekend's variance is 1.107 of a weekday's).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry, kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

YEAR_NS = 31_536_000_000_000_000
DAY_NS = 86_400_000_000_000
SESSION_NS = 23_400_000_000_000
SESSIONS_A_YEAR, CLOSED_DAYS_A_YEAR = 252.0, 113.0


class DayWeights(NamedTuple):
    """What a session of 6.5 hours, a night and a closed day add; only their ratios matter."""

    session: float = 0.75
    night: float = 0.25
    closed_day: float = 0.05


class VolatilityClock(NamedTuple):
    """Knots between which volatility time is linear: instant_ns (n,), rising; years (n,), of volatility time."""

    instant_ns: I64
    years: F64


@kernel
def clock_at(instant_ns: I64, years: F64, at_ns: int) -> float:
    """Return volatility years at an instant, from the first knot; calendar time outside of the knots and without any.

    At the instant of an event (two knots at one instant) the event is still to come.
    """
    count = instant_ns.size
    if count == 0:
        return at_ns / YEAR_NS
    if at_ns <= instant_ns[0]:
        return years[0] - (instant_ns[0] - at_ns) / YEAR_NS
    if at_ns > instant_ns[count - 1]:
        return years[count - 1] + (at_ns - instant_ns[count - 1]) / YEAR_NS
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) // 2
        if instant_ns[middle] < at_ns:
            low = middle
        else:
            high = middle
    share = (at_ns - instant_ns[low]) / (instant_ns[high] - instant_ns[low])
    return float(years[low] + share * (years[high] - years[low]))


@entry
def _between(instant_ns: I64, years: F64, from_ns: I64, to_ns: I64, out: F64) -> None:
    """Fill volatility years between instants, (n,)."""
    for i in range(out.size):
        out[i] = clock_at(instant_ns, years, to_ns[i]) - clock_at(instant_ns, years, from_ns[i])


def volatility_clock(open_ns: ArrayLike, close_ns: ArrayLike, weights: DayWeights | None = None) -> VolatilityClock:
    """Return the clock of a calendar's sessions. open_ns, close_ns: (n,) int64 ns UTC, rising, open before close.

    ValueError where they do not alternate, or where a weight is not finite and >= 0 or a session's is not > 0.
    """
    opened, closed = np.array(open_ns, np.int64).reshape(-1), np.array(close_ns, np.int64).reshape(-1)
    used = weights or DayWeights()
    if not all(0.0 <= one < np.inf for one in used) or not used.session > 0.0:
        raise ValueError(f"weights must be finite, >= 0 and a session's > 0, were {used}")
    if opened.size != closed.size:
        raise ValueError(f"there must be as many opens as closes, were {opened.size} and {closed.size}")
    instant = np.stack([opened, closed], axis=1).reshape(-1)
    if bool(np.any(np.diff(instant) <= 0)):
        raise ValueError("opens and closes must alternate and rise")
    year = SESSIONS_A_YEAR * (used.session + used.night) + CLOSED_DAYS_A_YEAR * used.closed_day
    years, total = np.zeros(instant.size), 0.0
    for i in range(1, instant.size):
        gap_ns = int(instant[i] - instant[i - 1])
        if i % 2 == 1:
            total += used.session * (gap_ns / SESSION_NS) / year
        else:
            total += (used.night + used.closed_day * (gap_ns // DAY_NS)) / year
        years[i] = total
    return VolatilityClock(instant, years)


def with_event(clock: VolatilityClock, event_ns: int, years: float) -> VolatilityClock:
    """Return the clock with an event that adds `years` of ordinary variance to whatever lies after its instant.

    years: its variance over the underlying's ordinary variance a year, >= 0; ValueError otherwise.
    """
    if not 0.0 <= years < np.inf:
        raise ValueError(f"an event's years must be finite and >= 0, were {years}")
    at = float(clock_at(clock.instant_ns, clock.years, event_ns))
    place = int(np.searchsorted(clock.instant_ns, event_ns, side="left"))
    # Where it falls on a knot, that knot's place is already taken: it is the one before the jump.
    begin = place + int(place < clock.instant_ns.size and int(clock.instant_ns[place]) == event_ns)
    instant = np.concatenate([clock.instant_ns[:place], [event_ns, event_ns], clock.instant_ns[begin:]])
    value = np.concatenate([clock.years[:place], [at, at + years], clock.years[begin:] + years])
    return VolatilityClock(instant.astype(np.int64), value)


def volatility_years(clock: VolatilityClock, from_ns: ArrayLike, to_ns: ArrayLike) -> F64:
    """Return volatility years between instants, of their common shape as (n,); negative where to_ns is earlier."""
    begin, end = np.broadcast_arrays(np.asarray(from_ns, np.int64), np.asarray(to_ns, np.int64))
    begins, ends = np.array(begin).reshape(-1), np.array(end).reshape(-1)
    out = np.empty(begins.size)
    _between(clock.instant_ns, clock.years, begins, ends, out)
    return out
