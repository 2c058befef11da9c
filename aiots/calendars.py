"""The calendar that the core's contracts are given: New York's days from exchange-calendars."""

from datetime import date, timedelta

from connectors.sources.calendars import exchange_calendar
from streams.options.contracts.days import TradingDays

MARGIN = timedelta(days=35)


def trading_days(first: date, last: date) -> TradingDays:
    """Return New York's holidays and early closes from five weeks before `first` to five after `last`."""
    begin, end = first - MARGIN, last + MARGIN
    calendar = exchange_calendar(begin, end)
    return TradingDays(begin, end, calendar.holidays, calendar.early_closes)
