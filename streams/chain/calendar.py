"""New York's sessions, from exchange-calendars: when contracts of years to come will end, and what time is worth."""

import warnings
from datetime import date, time, timedelta
from functools import lru_cache

import numpy as np

from streams.options.contracts.clock import SECOND_NS, new_york_day, new_york_ns
from streams.options.contracts.days import TradingDays
from streams.options.surface.clock import VolatilityClock, volatility_clock

OPEN = time(9, 30)
HALF_DAY_CLOSE = time(13)
MINUTE_NS = 60 * SECOND_NS
LAST_YEAR = 2099
"""OSI symbols have two digits for the year."""


@lru_cache(maxsize=8)
def session_days(first_year: int, last_year: int) -> TradingDays:
    """Return the days of whole years, both included."""
    # It imports pandas, a second of it: only where there are options.
    import exchange_calendars

    first, last = date(first_year, 1, 1), date(min(last_year, LAST_YEAR), 12, 31)
    with warnings.catch_warnings():
        # exchange-calendars uses what its pandas deprecates; no concern of ours.
        warnings.simplefilter("ignore", DeprecationWarning)
        market = exchange_calendars.get_calendar("XNYS", start=str(first), end=str(last))
    open_days = {stamp.date() for stamp in market.sessions}
    weekdays = (first + timedelta(days=n) for n in range((last - first).days + 1))
    closed = frozenset(day for day in weekdays if day.weekday() < 5 and day not in open_days)
    return TradingDays(first, last, closed, {stamp.date(): HALF_DAY_CLOSE for stamp in market.early_closes})


def is_dealt(days: TradingDays, event_ns: int, late_minutes: int) -> bool:
    """Return whether options are dealt in just before an instant: from 09:30 to the close and so much later."""
    day = new_york_day(event_ns - 1)
    if not days.is_session(day):
        return False
    end_ns = new_york_ns(day, days.close(day)) + late_minutes * MINUTE_NS
    return new_york_ns(day, OPEN) < event_ns <= end_ns


def since_opening_s(event_ns: int) -> float:
    """Return how long before an instant of a session its opening was, seconds."""
    return (event_ns - new_york_ns(new_york_day(event_ns - 1), OPEN)) / SECOND_NS


@lru_cache(maxsize=8)
def session_clock(first_year: int, last_year: int) -> VolatilityClock:
    """Return volatility time over the sessions of whole years, without events."""
    days = session_days(first_year, last_year)
    sessions = list(days.sessions(days.first, days.last))
    opened = [new_york_ns(day, OPEN) for day in sessions]
    closed = [new_york_ns(day, days.close(day)) for day in sessions]
    return volatility_clock(np.array(opened, np.int64), np.array(closed, np.int64))
