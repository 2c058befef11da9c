"""Contracts: the instant of expiry, the symbol, what is delivered after a split, and which expiries a class lists."""

import zipfile
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aiots.calendars import trading_days
from streams.options.contracts import (
    Cycle,
    Deliverable,
    OptionSymbol,
    Settlement,
    SymbolFault,
    TradingDays,
    class_of,
    expiries,
    expiry_ns,
    last_trade_day,
    monthly_expiry,
    osi,
    parse_osi,
    spot_of,
    standard_terms,
    years_to,
)
from streams.options.contracts.adjusted import adjusted_root, cash_in_lieu, merger, special_dividend, split
from streams.options.contracts.clock import new_york_day, new_york_ns

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def days() -> TradingDays:
    return trading_days(date(2010, 1, 1), date(2026, 12, 31))


def stamp(text: str) -> int:
    """Return the instant of New York's `YYYY-MM-DD HH:MM`, by the time-zone database."""
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


def test_the_clock_is_new_yorks() -> None:
    """Every day from 1987 to 2037 has the instants and dates of the time-zone database."""
    day = date(1987, 1, 1)
    while day.year < 2038:
        for clock in (time(9, 30), time(16)):
            instant = new_york_ns(day, clock)
            assert instant == int(datetime.combine(day, clock, NEW_YORK).timestamp()) * 1_000_000_000
            assert new_york_day(instant) == day
        day += timedelta(days=1)
    for text in ("2023-03-12 00:30", "2023-03-11 23:30", "2023-11-05 00:30", "2023-11-04 23:30", "2023-07-04 00:00"):
        assert new_york_day(stamp(text)) == date.fromisoformat(text[:10])


def test_a_clock_before_two_or_before_the_rules_is_refused() -> None:
    """Times at which the date does not decide, and years whose law is not kept, are errors."""
    with pytest.raises(ValueError, match="02:00"):
        new_york_ns(date(2023, 3, 12), time(1))
    with pytest.raises(ValueError, match="1987"):
        new_york_ns(date(1986, 3, 12), time(9))


@pytest.mark.parametrize(
    ("expiry", "settlement", "instant"),
    [
        (date(2023, 9, 1), Settlement.PM, "2023-09-01 16:00"),
        (date(2015, 12, 24), Settlement.PM, "2015-12-24 13:00"),
        (date(2023, 11, 24), Settlement.PM, "2023-11-24 13:00"),
        (date(2021, 1, 15), Settlement.AM, "2021-01-15 09:30"),
        (date(2014, 6, 21), Settlement.PM, "2014-06-20 16:00"),
        (date(2014, 4, 19), Settlement.PM, "2014-04-17 16:00"),
        (date(2014, 4, 19), Settlement.AM, "2014-04-17 09:30"),
    ],
)
def test_expiry_instants(days: TradingDays, expiry: date, settlement: Settlement, instant: str) -> None:
    """Regular, half day, AM, Saturday and Good Friday."""
    assert expiry_ns(expiry, days, settlement) == stamp(instant)


@pytest.mark.parametrize(
    ("month", "expiry"),
    [
        ((2014, 6), date(2014, 6, 21)),
        ((2015, 1), date(2015, 1, 17)),
        ((2015, 2), date(2015, 2, 20)),
        ((2019, 4), date(2019, 4, 18)),
        ((2022, 4), date(2022, 4, 14)),
        ((2025, 4), date(2025, 4, 17)),
        ((2026, 6), date(2026, 6, 18)),
    ],
)
def test_monthly_expiries(days: TradingDays, month: tuple[int, int], expiry: date) -> None:
    """The Saturday of old, the third Friday, Good Friday's and Juneteenth's Thursday."""
    assert monthly_expiry(*month, days) == expiry


def test_last_trade_day(days: TradingDays) -> None:
    """A Saturday's contract last trades on Friday, an AM-settled one the session before its settlement."""
    assert last_trade_day(date(2014, 6, 21), days) == date(2014, 6, 20)
    assert last_trade_day(date(2021, 1, 15), days, Settlement.AM) == date(2021, 1, 14)
    assert last_trade_day(date(2014, 4, 19), days, Settlement.AM) == date(2014, 4, 16)


def test_years_count_seconds(days: TradingDays) -> None:
    """On the last day the years left fall by a second a second, and are negative after expiry."""
    end = expiry_ns(date(2014, 6, 6), days)
    assert years_to(end, end - 1_000_000_000) == 1 / (365 * 86_400)
    assert years_to(end, stamp("2014-06-06 09:30")) == pytest.approx(6.5 / 24 / 365, rel=1e-15)
    assert years_to(end, end) == 0.0
    assert years_to(end, end + 1) < 0.0


def test_aapls_recorded_expiries_are_those_of_the_calendar(days: TradingDays, lean_data: Path) -> None:
    """The weeklies and the monthlies that the recording of 2014-06-06 has are what the calendar gives."""
    path = lean_data / "option/usa/minute/aapl/20140606_trade_american.zip"
    with zipfile.ZipFile(path) as archive:
        recorded = {datetime.strptime(name[-12:-4], "%Y%m%d").date() for name in archive.namelist()}
    listed = expiries(class_of("AAPL"), date(2014, 6, 6), date(2016, 2, 1), days)
    assert recorded <= {one.day for one in listed}
    assert {day for day in recorded if day < date(2014, 8, 1)} == {
        one.day for one in listed if one.day < date(2014, 8, 1)
    }
    monthly = {one.day for one in listed if one.cycle is Cycle.MONTHLY}
    assert {date(2014, 6, 21), date(2015, 1, 17), date(2015, 4, 17), date(2016, 1, 15)} <= monthly & recorded


def test_index_expiries_are_of_each_day(days: TradingDays) -> None:
    """In July 2023 SPX has an AM monthly and SPXW a PM expiry each session, 3 July at 13:00; July ends by its month."""
    found = expiries(class_of("SPX"), date(2023, 7, 1), date(2023, 7, 31), days)
    pm = [one for one in found if one.root == "SPXW"]
    assert [one.day for one in pm] == list(days.sessions(date(2023, 7, 1), date(2023, 7, 31)))
    assert pm[0].expiry_ns == stamp("2023-07-03 13:00")
    assert pm[-1].cycle is Cycle.END_OF_MONTH
    (am,) = (one for one in found if one.root == "SPX")
    assert (am.day, am.expiry_ns, am.cycle) == (date(2023, 7, 21), stamp("2023-07-21 09:30"), Cycle.MONTHLY)
    assert not class_of("SPX").american


def test_fund_expiries_grow_with_the_years(days: TradingDays) -> None:
    """SPY: Fridays in 2012 (and the quarter's end), each session in 2023."""
    early = [one.day for one in expiries(class_of("SPY"), date(2012, 12, 1), date(2012, 12, 31), days)]
    assert early == [date(2012, 12, day) for day in (7, 14, 22, 28, 31)]
    late = [one.day for one in expiries(class_of("SPY"), date(2023, 8, 1), date(2023, 8, 31), days)]
    assert late == list(days.sessions(date(2023, 8, 1), date(2023, 8, 31)))


def test_a_mondays_holiday_moves_its_weekly_on(days: TradingDays) -> None:
    """Before there were Tuesdays, a Monday weekly of a holiday was Tuesday's."""
    found = [one.day for one in expiries(class_of("SPY"), date(2019, 5, 24), date(2019, 5, 31), days)]
    assert found == [date(2019, 5, day) for day in (24, 28, 29, 31)]


def test_days_outside_the_table_are_an_error(days: TradingDays) -> None:
    """A calendar never guesses."""
    with pytest.raises(ValueError, match="2031"):
        days.is_session(date(2031, 1, 1))


def test_symbols_have_known_parts() -> None:
    """Padded and unpadded forms, adjusted, mini and FLEX roots."""
    symbol = OptionSymbol("AAPL", date(2014, 6, 6), True, 645_000)
    assert parse_osi("AAPL  140606C00645000") == symbol == parse_osi("AAPL140606C00645000")
    assert osi(symbol) == "AAPL  140606C00645000"
    assert (symbol.strike, symbol.right, symbol.is_adjusted) == (645.0, "C", False)
    adjusted = parse_osi("AAPL1 200821P00092140")
    assert isinstance(adjusted, OptionSymbol)
    assert (adjusted.ticker, adjusted.is_adjusted, adjusted.strike) == ("AAPL", True, 92.14)
    flex = parse_osi("2SPX  230616P04000000")
    assert isinstance(flex, OptionSymbol)
    assert flex.ticker == "SPX"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", SymbolFault.LENGTH),
        ("140606C00645000", SymbolFault.LENGTH),
        ("AAPL   140606C00645000", SymbolFault.LENGTH),
        ("aapl  140606C00645000", SymbolFault.ROOT),
        ("AA L  140606C00645000", SymbolFault.ROOT),
        ("AAPL 140606C00645000", SymbolFault.ROOT),
        ("AAPL  140631C00645000", SymbolFault.EXPIRY),
        ("AAPL  14060xC00645000", SymbolFault.EXPIRY),
        ("AAPL  140606X00645000", SymbolFault.RIGHT),
        ("AAPL  140606C0064500x", SymbolFault.STRIKE),
        ("AAPL  140606C00000000", SymbolFault.STRIKE),
        ("AAPL  140606C-0645000", SymbolFault.STRIKE),
        ("AAPL  140606C0064500²", SymbolFault.STRIKE),
    ],
)
def test_what_is_no_symbol_says_why(text: str, fault: SymbolFault) -> None:
    """A bad symbol is a value of a closed list, never an exception."""
    assert parse_osi(text) is fault


@pytest.mark.parametrize(
    ("root", "year", "mills"), [("", 2014, 1), ("AAPL", 1999, 1), ("AAPL", 2014, 0), ("A", 2014, 10**8)]
)
def test_parts_that_make_no_symbol_are_refused(root: str, year: int, mills: int) -> None:
    """A symbol that exists can be written."""
    with pytest.raises(ValueError, match="must be"):
        OptionSymbol(root, date(year, 6, 6), True, mills)


STANDARD = standard_terms(OptionSymbol("AAPL", date(2014, 7, 19), True, 645_000))


def test_a_whole_split_multiplies_contracts() -> None:
    """AAPL 7:1 of 2014-06-09: the 645 strike became 92.14, a hundred shares each; 4:1 of a 400 strike became 100."""
    after = split(STANDARD, "AAPL", 7, 1)
    assert (osi(after.symbol), after.contracts) == ("AAPL  140719C00092140", 7)
    assert after.is_standard
    later = split(standard_terms(OptionSymbol("AAPL", date(2020, 10, 16), False, 400_000)), "AAPL", 4, 1)
    assert (later.symbol.strike, later.contracts, later.multiplier) == (100.0, 4, 100)
    assert split(STANDARD, "AAPL", 1, 1) == STANDARD


def test_another_split_changes_what_is_delivered() -> None:
    """3:2: strike 40.00 becomes 26.67 at a multiplier of 150, for 150 shares, under a root of its own."""
    after = split(standard_terms(OptionSymbol("XYZ", date(2024, 1, 19), True, 40_000)), "XYZ", 3, 2)
    assert (after.symbol.root, after.symbol.strike, after.multiplier) == ("XYZ1", 26.67, 150)
    assert after.deliverable.shares == (("XYZ", 150),)
    assert not after.is_standard
    assert spot_of(after, {"XYZ": 28.0}) == 28.0


def test_a_reverse_split_keeps_the_strike() -> None:
    """1:8 delivers 12 shares and half a share in cash; the value is that of a hundred old shares at every price."""
    before = standard_terms(OptionSymbol("GEX", date(2022, 1, 21), True, 13_000))
    after = split(before, "GEX", 1, 8)
    assert (after.symbol.root, after.symbol.strike, after.multiplier) == ("GEX1", 13.0, 100)
    assert after.deliverable == Deliverable((("GEX", 12),), 0, ("GEX", Fraction(1, 2)))
    assert spot_of(after, {"GEX": 104.0}) == 13.0
    paid = cash_in_lieu(after, 10_400)
    assert paid.deliverable == Deliverable((("GEX", 12),), 5_200)
    assert spot_of(paid, {"GEX": 104.0}) == 13.0
    assert cash_in_lieu(paid, 1) == paid
    again = split(paid, "GEX", 2, 1)
    assert (again.symbol.root, again.deliverable.shares) == ("GEX2", (("GEX", 24),))


def test_a_special_dividend_lowers_the_strike() -> None:
    """2.50 a share takes 2.50 off the strike; 10 cents a share is too little to count."""
    assert special_dividend(STANDARD, 250).symbol.strike == 642.5
    assert special_dividend(STANDARD, 10) == STANDARD
    with pytest.raises(ValueError, match="takes all"):
        special_dividend(STANDARD, 70_000)


def test_a_merger_delivers_shares_and_cash() -> None:
    """0.3 shares of another and 12.50 in cash for each of a hundred: 30 shares and 1,250."""
    after = merger(STANDARD, "AAPL", "ABC", Fraction(3, 10), 1_250)
    assert after.deliverable == Deliverable((("ABC", 30),), 125_000)
    assert spot_of(after, {"ABC": 50.0}) == 27.5
    assert spot_of(after, {}) != spot_of(after, {})
    cash = merger(STANDARD, "AAPL", "ABC", Fraction(0), 1_250)
    assert spot_of(cash, {}) == 12.5


def test_terms_that_need_a_memo_are_refused() -> None:
    """An adjusted root alone does not say what is delivered; a mini's does."""
    mini = standard_terms(OptionSymbol("AAPL7", date(2014, 7, 19), True, 645_000))
    assert (mini.multiplier, mini.deliverable.shares) == (10, (("AAPL", 10),))
    with pytest.raises(ValueError, match="adjusted"):
        standard_terms(OptionSymbol("AAPL1", date(2014, 7, 19), True, 645_000))
    with pytest.raises(ValueError, match="delivers no"):
        split(STANDARD, "MSFT", 2, 1)
    with pytest.raises(ValueError, match="no suffix"):
        adjusted_root("AAPL9")
    with pytest.raises(ValueError, match="positive"):
        split(STANDARD, "AAPL", 0, 1)
    assert replace(STANDARD, contracts=2).is_standard
