"""When the US equity market is open: holidays and short days, by a recording's own list or by exchange-calendars."""

import warnings
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from connectors.sources.sessions import Session, at_new_york

PRE_MARKET = time(4)
REGULAR_OPEN = time(9, 30)
REGULAR_CLOSE = time(16)
EVENING_END = time(20)


@dataclass(frozen=True)
class Calendar:
    """Days without a session and days with a short one, of US equities. Without either: exchange-calendars'."""

    holidays: frozenset[date] = frozenset()
    early_closes: dict[date, time] = field(default_factory=dict)

    def session(self, day: date) -> Session | None:
        """Return the session of a day, None where the market is closed."""
        if day.weekday() >= 5 or day in self.holidays:
            return None
        close = self.early_closes.get(day, REGULAR_CLOSE)
        return Session(day, *(at_new_york(day, clock) for clock in (PRE_MARKET, REGULAR_OPEN, close, EVENING_END)))

    def next_session_day(self, day: date) -> date:
        """Return the first day after this one on which the market is open."""
        later = day + timedelta(days=1)
        while later.weekday() >= 5 or later in self.holidays:
            later += timedelta(days=1)
        return later


def exchange_calendar(first: date, last: date) -> Calendar:
    """Return New York's calendar for these days, by exchange-calendars."""
    import exchange_calendars  # Imports pandas, some seconds of it: only where a recording brings no calendar.

    with warnings.catch_warnings():
        # exchange-calendars uses what its pandas deprecates; no concern of ours.
        warnings.simplefilter("ignore", DeprecationWarning)
        nyse = exchange_calendars.get_calendar("XNYS", start=str(first), end=str(last + timedelta(days=14)))
    sessions = {stamp.date() for stamp in nyse.sessions}
    days = [first + timedelta(days=n) for n in range((last - first).days + 15)]
    closed = frozenset(day for day in days if day not in sessions)
    return Calendar(closed, {stamp.date(): time(13) for stamp in nyse.early_closes})
