"""New York's clock by the rules of its law, without a time-zone database: the same instants on every machine.

Daylight saving begins and ends at 02:00; every time of a market lies later in the day, so that the date decides. Rules:
since 2007 from the second Sunday of March to the first of November (Energy Policy Act of 2005); 1987 to 2006 from the
first Sunday of April to the last of October. Before 1987 no rule is kept: ValueError.
"""

from datetime import date, time, timedelta

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
EPOCH = date(1970, 1, 1)
FIRST_YEAR = 1987
SUNDAY = 6


def weekday_of_month(year: int, month: int, weekday: int, count: int) -> date:
    """Return the count-th (1 is the first) such weekday (0 is Monday) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))


def last_weekday_of_month(year: int, month: int, weekday: int) -> date:
    """Return the last such weekday (0 is Monday) of a month."""
    fifth = weekday_of_month(year, month, weekday, 5)
    return fifth if fifth.month == month else fifth - timedelta(days=7)


def daylight_saving(year: int) -> tuple[date, date]:
    """Return the days on which New York's clocks go forward and back; ValueError before 1987."""
    if year < FIRST_YEAR:
        raise ValueError(f"year must be {FIRST_YEAR} or later, was {year}")
    if year >= 2007:
        return weekday_of_month(year, 3, SUNDAY, 2), weekday_of_month(year, 11, SUNDAY, 1)
    return weekday_of_month(year, 4, SUNDAY, 1), last_weekday_of_month(year, 10, SUNDAY)


def new_york_ns(day: date, clock: time) -> int:
    """Return the instant when New York's clocks show this time (02:00 or later) on that day, ns UTC."""
    if clock < time(2):
        raise ValueError(f"clock must be 02:00 or later, was {clock}")
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    forward, back = daylight_saving(day.year)
    offset_hours = 4 if forward <= day < back else 5
    return ((day - EPOCH).days * 86_400 + seconds + offset_hours * 3600) * SECOND_NS


def new_york_day(event_ns: int) -> date:
    """Return the date on New York's clocks at an instant, ns UTC; ValueError before 1987."""
    seconds = event_ns // SECOND_NS - 5 * 3600
    day, second = EPOCH + timedelta(days=seconds // 86_400), seconds % 86_400
    forward, back = daylight_saving(day.year)
    # In standard time the clocks go forward at 02:00 and, an hour late, back at 01:00.
    saving = forward < day < back or (day == forward and second >= 7200) or (day == back and second < 3600)
    return EPOCH + timedelta(days=(seconds + 3600) // 86_400) if saving else day
