"""Which expiries a class of options lists: monthlies, weeklies, ends of month and quarter, each weekday.

A class is a row of `CLASSES` (others are equities: monthlies and Friday weeklies). A series holds from the expiry
date `since` on, which is the exchanges' launch, to the week. This is a calendar for planning and for checking a
source; what was listed on a day is what the source lists (LEAPS begin years before, weeklies about five weeks).

A weekly whose day is a holiday expires the session before (a Monday one: the session after), unless that session has an
expiry of its own. Sources: Cboe's and Nasdaq's contract specifications; first dates from their launch notices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from streams.options.contracts.clock import weekday_of_month
from streams.options.contracts.days import ONE_DAY, TradingDays
from streams.options.contracts.expiry import FRIDAY, Settlement, expiry_ns, monthly_expiry

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = 0, 1, 2, 3
ALWAYS = date(1987, 1, 1)


class Cycle(StrEnum):
    """After which rule an expiry is listed; of two that fall on one date and root the first here names it."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    END_OF_MONTH = "end_of_month"
    WEEKLY = "weekly"


@dataclass(frozen=True)
class Series:
    """One rule of a class. weekday: of a weekly, 0 is Monday; the others need none."""

    cycle: Cycle
    root: str
    settlement: Settlement = Settlement.PM
    since: date = ALWAYS
    weekday: int = FRIDAY


@dataclass(frozen=True)
class OptionClass:
    """A class of options; american: exercise before expiry is possible.

    late_minutes: for how long its options are dealt in after the stock market's close.
    """

    name: str
    series: tuple[Series, ...]
    american: bool = True
    late_minutes: int = 0


@dataclass(frozen=True, order=True)
class Expiry:
    """One expiry of a class; day: the date in its symbols; expiry_ns: the instant, ns UTC."""

    expiry_ns: int
    day: date
    root: str
    cycle: Cycle
    settlement: Settlement


LATE = 15
"""Options on broad indices and on funds that follow them are dealt in until 16:15."""
WEEKLYS_SINCE = date(2010, 7, 1)
"""Weeklies of single equities and ETFs began in summer 2010."""
SPXW_THIRD_FRIDAY_SINCE = date(2017, 5, 19)


def _weekly(root: str, *since: tuple[int, date]) -> tuple[Series, ...]:
    return tuple(Series(Cycle.WEEKLY, root, Settlement.PM, first, weekday) for weekday, first in since)


def _fund(name: str, monday: date, wednesday: date, tuesday: date) -> OptionClass:
    """Return a fund with an expiry each day: Fridays, Wednesdays, Mondays came first, Tuesday and Thursday last."""
    days = _weekly(
        name,
        (FRIDAY, WEEKLYS_SINCE),
        (MONDAY, monday),
        (TUESDAY, tuesday),
        (WEDNESDAY, wednesday),
        (THURSDAY, tuesday),
    )
    return OptionClass(
        name, (Series(Cycle.MONTHLY, name), Series(Cycle.QUARTERLY, name, since=date(2006, 7, 3)), *days),
        late_minutes=LATE,
    )  # fmt: skip


SPX = OptionClass(
    "SPX",
    (
        Series(Cycle.MONTHLY, "SPX", Settlement.AM),
        Series(Cycle.QUARTERLY, "SPXW", since=date(2006, 7, 3)),
        Series(Cycle.END_OF_MONTH, "SPXW", since=date(2014, 7, 1)),
        *_weekly(
            "SPXW",
            (FRIDAY, date(2010, 11, 26)),
            (MONDAY, date(2016, 8, 22)),
            (TUESDAY, date(2022, 4, 19)),
            (WEDNESDAY, date(2016, 3, 2)),
            (THURSDAY, date(2022, 5, 12)),
        ),
    ),
    american=False,
    late_minutes=LATE,
)
CLASSES = {
    one.name: one
    for one in (
        _fund("SPY", date(2018, 2, 20), date(2016, 9, 7), date(2022, 11, 15)),
        _fund("QQQ", date(2018, 5, 1), date(2017, 1, 18), date(2022, 11, 15)),
        SPX,
    )
}


def class_of(name: str) -> OptionClass:
    """Return the class of an underlying: its row of CLASSES, else an American equity's."""
    if name in CLASSES:
        return CLASSES[name]
    return OptionClass(name, (Series(Cycle.MONTHLY, name), *_weekly(name, (FRIDAY, WEEKLYS_SINCE))))


def expiries(option_class: OptionClass, first: date, last: date, days: TradingDays) -> list[Expiry]:
    """Return the expiries whose dates lie from first to last, both included, by instant; one a date and root.

    days must cover five weeks on either side of the range.
    """
    found: dict[tuple[str, date], Expiry] = {}
    order = list(Cycle)
    for series in sorted(option_class.series, key=lambda one: order.index(one.cycle)):
        for day in _dates(series, first, last, days):
            if first <= day <= last and day >= series.since and _is_listed(series, day):
                instant = expiry_ns(day, days, series.settlement)
                one = Expiry(instant, day, series.root, series.cycle, series.settlement)
                found.setdefault((series.root, days.on_or_before(day)), one)
    return sorted(found.values())


def _months(first: date, last: date) -> Iterator[tuple[int, int]]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield number // 12, number % 12 + 1


def _dates(series: Series, first: date, last: date, days: TradingDays) -> Iterator[date]:
    if series.cycle is Cycle.WEEKLY:
        day = first - timedelta(days=first.weekday()) + timedelta(days=series.weekday)
        while day <= last + timedelta(days=7):
            yield _weekly_date(day, series.weekday, days)
            day += timedelta(days=7)
        return
    for year, month in _months(first, last):
        if series.cycle is Cycle.MONTHLY:
            yield monthly_expiry(year, month, days)
        elif series.cycle is Cycle.END_OF_MONTH or month % 3 == 0:
            following = date(year + month // 12, month % 12 + 1, 1)
            yield days.on_or_before(following - ONE_DAY)


def _weekly_date(day: date, weekday: int, days: TradingDays) -> date:
    """Return where a weekly falls: a holiday moves it to the session before, a Monday one to the session after."""
    return days.on_or_after(day) if weekday == MONDAY else days.on_or_before(day)


def _is_listed(series: Series, day: date) -> bool:
    """Return False for an SPXW of a third Friday before its launch: the afternoon's contract had a root of its own."""
    third = day == weekday_of_month(day.year, day.month, FRIDAY, 3)
    return not (series.root == "SPXW" and third and day < SPXW_THIRD_FRIDAY_SINCE)
