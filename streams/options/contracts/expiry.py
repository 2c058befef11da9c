"""The instant at which a contract ends, and the years until then.

PM-settled contracts (equities, ETFs, SPXW) end at the close of the regular session: 16:00 New York, 13:00 on half days.
AM-settled ones (SPX, NDX, RUT monthlies) are settled at the opening prices: 09:30; they last trade the session before.
The monthly expiry is the third Friday, or the session before it where that is a holiday. Until January 2015 its symbol
named the Saturday after (OCC moved it to Friday from February 2015 on): the last trade was the session before, and that
session's close is the instant here, for nobody could trade or, as a customer, exercise later.

years = (expiry_ns - event_ns) / (365 * 86,400 * 10^9), ACT/365 fixed.
"""

from datetime import date, time, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from streams.options.contracts.clock import DAY_NS, new_york_ns, weekday_of_month
from streams.options.contracts.days import TradingDays

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

YEAR_NS = 365 * DAY_NS
OPEN = time(9, 30)
FRIDAY, SATURDAY = 4, 5
FRIDAY_SINCE = date(2015, 2, 1)
"""From this date on a monthly expiry's symbol names the Friday."""


class Settlement(StrEnum):
    """At which prices of the expiry day a contract is settled."""

    AM = "am"
    PM = "pm"


def last_trade_day(expiry: date, days: TradingDays, settlement: Settlement = Settlement.PM) -> date:
    """Return the last session on which a contract trades; expiry: the date in its symbol, a Saturday before 2015."""
    end = days.on_or_before(expiry)
    if settlement is Settlement.PM:
        return end
    # A Saturday's AM contract was settled at Friday's open as well, so it last traded on Thursday.
    return days.on_or_before(end - timedelta(days=1))


def expiry_ns(expiry: date, days: TradingDays, settlement: Settlement = Settlement.PM) -> int:
    """Return the instant at which a contract ends, ns UTC.

    expiry: the date in its symbol. A date without a session (a Saturday, a holiday) means the session before.
    """
    end = days.on_or_before(expiry)
    return new_york_ns(end, OPEN if settlement is Settlement.AM else days.close(end))


def monthly_expiry(year: int, month: int, days: TradingDays) -> date:
    """Return the date that the symbols of a month's standard contracts name."""
    friday = weekday_of_month(year, month, FRIDAY, 3)
    if friday < FRIDAY_SINCE:
        return friday + timedelta(days=1)
    return days.on_or_before(friday)


def is_saturday_expiry(expiry: date) -> bool:
    """Return whether a symbol's date follows the convention of before 2015."""
    return expiry.weekday() == SATURDAY


def years_to(expiry_ns: I64 | int, event_ns: I64 | int) -> F64:
    """Return the years from an event to expiry, ACT/365, shape (n,) broadcast of both; negative after expiry.

    expiry_ns, event_ns: int64 ns UTC. Exact to a nanosecond: the difference is taken before it is made a float.
    """
    left_ns = np.asarray(expiry_ns, np.int64) - np.asarray(event_ns, np.int64)
    return np.asarray(left_ns / YEAR_NS, np.float64)
