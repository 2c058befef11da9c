"""Sessions, ticker changes, splits and dividends come out of LEAN's reference files with the right dates."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connectors.sources.calendars import Calendar, exchange_calendar
from connectors.sources.lean_reference import Action, Securities, load_calendar, split_ratio


@pytest.fixture(scope="module")
def calendar(lean_data: Path) -> Calendar:
    return load_calendar([lean_data], date(1998, 1, 1), date(2023, 12, 31))


@pytest.fixture(scope="module")
def securities(lean_data: Path) -> Securities:
    return Securities([lean_data])


def utc(event_ns: int) -> datetime:
    return datetime.fromtimestamp(event_ns / 1e9, UTC)


def test_regular_day(calendar: Calendar) -> None:
    """On a summer day the session runs 04:00, 09:30, 16:00, 20:00 New York."""
    session = calendar.session(date(2013, 10, 7))
    assert session is not None
    hours = [utc(at) for at in (session.start_ns, session.open_ns, session.close_ns, session.end_ns)]
    assert hours[:3] == [
        datetime(2013, 10, 7, hour, minute, tzinfo=UTC) for hour, minute in ((8, 0), (13, 30), (20, 0))
    ]
    assert hours[3] == datetime(2013, 10, 8, tzinfo=UTC)
    assert not session.is_half


def test_half_day_closes_at_one(calendar: Calendar) -> None:
    """Christmas Eve of 2015 closes at 13:00 New York, 18:00 UTC."""
    session = calendar.session(date(2015, 12, 24))
    assert session is not None
    assert utc(session.close_ns) == datetime(2015, 12, 24, 18, tzinfo=UTC)
    assert session.is_half


@pytest.mark.parametrize("day", [date(2015, 12, 25), date(2014, 7, 4), date(2013, 10, 5), date(2013, 10, 6)])
def test_no_session_on_holidays_and_weekends(calendar: Calendar, day: date) -> None:
    """Holidays of the recording's own list and weekends have no session."""
    assert calendar.session(day) is None


def test_without_market_hours_exchange_calendars_says_the_same(calendar: Calendar, tmp_path: Path) -> None:
    """A folder without LEAN's market hours takes exchange-calendars', which agree for 2014 and 2015."""
    other = load_calendar([tmp_path], date(2014, 1, 2), date(2015, 12, 31))
    days = [date.fromordinal(n) for n in range(date(2014, 1, 2).toordinal(), date(2016, 1, 1).toordinal())]
    assert [day for day in days if calendar.session(day) != other.session(day)] == []
    assert exchange_calendar(date(2014, 1, 2), date(2015, 12, 31)) == other


def test_split_and_dividends_of_apple_in_2014(calendar: Calendar, securities: Securities) -> None:
    """Apple split 7:1 with ex-date 2014-06-09 and paid 3.05, 3.29, 0.47 and 0.47 that year."""
    actions = securities.factors("aapl").actions(date(2014, 1, 1), date(2014, 12, 31), calendar)
    assert actions == [
        Action(date(2014, 2, 6), False, 3.05),
        Action(date(2014, 5, 8), False, 3.29),
        Action(date(2014, 6, 9), True, 7.0),
        Action(date(2014, 8, 7), False, 0.47),
        Action(date(2014, 11, 6), False, 0.47),
    ]


def test_actions_are_said_once_and_on_their_day(calendar: Calendar, securities: Securities) -> None:
    """The range excludes its first day and includes its last."""
    factors = securities.factors("aapl")
    assert factors.actions(date(2014, 6, 6), date(2014, 6, 9), calendar) == [Action(date(2014, 6, 9), True, 7.0)]
    assert factors.actions(date(2014, 6, 9), date(2014, 6, 10), calendar) == []
    assert factors.actions(date(2014, 6, 8), date(2014, 6, 9), calendar) == [Action(date(2014, 6, 9), True, 7.0)]


@pytest.mark.parametrize(
    ("ticker", "day", "name"),
    [
        ("goog", date(2010, 1, 4), "googl"),
        ("goog", date(2014, 4, 2), "googl"),
        ("goog", date(2014, 4, 3), "goog"),
        ("googl", date(2014, 4, 3), "googl"),
        ("fb", date(2002, 1, 2), "fb.1"),
        ("fb", date(2013, 1, 2), "fb"),
        ("nvda", date(2013, 1, 2), "nvda"),
    ],
)
def test_tickers_are_reused(securities: Securities, ticker: str, day: date, name: str) -> None:
    """Who bore a ticker depends on the day: Google's A shares were GOOG until 2014-04-02."""
    assert securities.permanent_ticker(ticker, day) == name


@pytest.mark.parametrize(("seen", "expected"), [(0.25 / 0.0357143, 7.0), (2.0000004, 2.0), (1 / 8.0000001, 0.125)])
def test_split_ratios_are_cleaned_of_rounding(seen: float, expected: float) -> None:
    """Factors have seven digits: their ratio is taken to the small fraction that it must be."""
    assert split_ratio(seen) == expected


def test_spin_offs_keep_their_ratio() -> None:
    """Google's stock dividend of 2015 (1.0027) is no small fraction and stays as it is."""
    assert split_ratio(1.0 / 0.997307) == pytest.approx(1.0027003, abs=1e-7)
