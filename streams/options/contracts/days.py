"""The days on which the market is open, as a table that is passed in: the core reads no calendar.

`aiots.calendars.trading_days` fills it from exchange-calendars; a recording's own list does as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta

ONE_DAY = timedelta(days=1)
REGULAR_CLOSE = time(16)


@dataclass(frozen=True)
class TradingDays:
    """Holidays and early closes from `first` to `last`, both included; a question about another day is a ValueError."""

    first: date
    last: date
    holidays: frozenset[date] = frozenset()
    """Weekdays without a session."""
    early_closes: Mapping[date, time] = field(default_factory=dict)
    """New York's time of the close on half days."""

    def is_session(self, day: date) -> bool:
        """Return whether the market is open on a day."""
        if not self.first <= day <= self.last:
            raise ValueError(f"day must be from {self.first} to {self.last}, was {day}")
        return day.weekday() < 5 and day not in self.holidays

    def close(self, day: date) -> time:
        """Return New York's time of the regular close of a session."""
        return self.early_closes.get(day, REGULAR_CLOSE)

    def on_or_before(self, day: date) -> date:
        """Return the last session that is not after a day."""
        while not self.is_session(day):
            day -= ONE_DAY
        return day

    def on_or_after(self, day: date) -> date:
        """Return the first session that is not before a day."""
        while not self.is_session(day):
            day += ONE_DAY
        return day

    def sessions(self, first: date, last: date) -> Iterator[date]:
        """Yield the sessions from first to last, both included."""
        day = first
        while day <= last:
            if self.is_session(day):
                yield day
            day += ONE_DAY
