"""LEAN's reference data: market hours, map files (who bore a ticker when), factor files (splits, dividends).

A factor row `date,priceFactor,splitFactor,close` holds for days up to its date. Where the next row's factors differ,
the security went ex on the next session: a split by the ratio of split factors, a dividend by that of price
factors times the close of the row's date. A map row `date,ticker,exchange` says which ticker was borne up to its date.
"""

import csv
import json
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, time, timedelta
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from connectors.sources.calendars import Calendar, exchange_calendar

_EQUITY = "Equity-usa-[*]"
_CHICAGO = "America/Chicago"
_LONGEST_CLOSURE = timedelta(days=14)


def load_calendar(roots: list[Path], first: date, last: date) -> Calendar:
    """Return the calendar of the first root that has market hours; of none, exchange-calendars' for these days."""
    for root in roots:
        if entries := _market_hours(root):
            entry = entries[_EQUITY]
            closes = {_us_day(day): time.fromisoformat(clock) for day, clock in entry["earlyCloses"].items()}
            return Calendar(frozenset(_us_day(day) for day in entry["holidays"]), closes)
    return exchange_calendar(first, last)


@lru_cache(maxsize=8)
def _market_hours(root: Path) -> dict[str, Any]:
    """Return the entries of a root's market hours by class and ticker; empty where it has none."""
    path = root / "market-hours" / "market-hours-database.json"
    entries: dict[str, Any] = json.loads(path.read_text())["entries"] if path.is_file() else {}
    return entries


def data_zone(root: Path, security_class: str, ticker: str) -> str:
    """Return the time zone in which a US security's files count, by the root's market hours; without: Chicago's.

    security_class: as the market hours spell it, for example Index.
    """
    entries = _market_hours(root)
    entry = entries.get(f"{security_class}-usa-{ticker}") or entries.get(f"{security_class}-usa-[*]") or {}
    return str(entry.get("dataTimeZone", _CHICAGO))


def _us_day(text: str) -> date:
    month, day, year = map(int, text.split("/"))
    return date(year, month, day)


def _lean_day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


@dataclass(frozen=True)
class Action:
    """A split or dividend. ex_day: first session without it. value: new shares for one old, or cash a share."""

    ex_day: date
    is_split: bool
    value: float


@dataclass(frozen=True)
class Factors:
    """The rows of a factor file, by date."""

    days: tuple[date, ...] = ()
    price_factor: tuple[float, ...] = ()
    split_factor: tuple[float, ...] = ()
    close: tuple[float, ...] = ()

    def actions(self, after: date, until: date, calendar: Calendar) -> list[Action]:
        """Return splits and dividends whose ex-day lies in (after, until], in order, dividend before split."""
        out = []
        first = bisect_left(self.days, after - _LONGEST_CLOSURE)
        for row in range(first, len(self.days) - 1):
            ex_day = calendar.next_session_day(self.days[row])
            if not after < ex_day <= until:
                continue
            price_ratio = self.price_factor[row] / self.price_factor[row + 1]
            if abs(price_ratio - 1.0) > 1e-7:
                out.append(Action(ex_day, False, round(self.close[row] * (1.0 - price_ratio), 3)))
            if self.split_factor[row] != self.split_factor[row + 1]:
                out.append(Action(ex_day, True, split_ratio(self.split_factor[row + 1] / self.split_factor[row])))
        return out


def split_ratio(ratio: float) -> float:
    """Return new shares for one old: factors have 7 digits, so a ratio near a small fraction is that."""
    simple = float(Fraction(ratio).limit_denominator(20))
    return simple if abs(simple / ratio - 1.0) < 1e-5 else ratio


class Securities:
    """Map and factor files of some data roots, read when they are asked for."""

    def __init__(self, roots: list[Path]) -> None:
        self._folders = [root / "equity" / "usa" for root in roots]
        self._names = self._read_maps()
        self._factors: dict[str, Factors] = {}

    def permanent_ticker(self, ticker: str, day: date) -> str:
        """Return the name under which the bearer of a ticker on that day is filed; the ticker where unknown."""
        for first, last, name in self._names.get(ticker, ()):
            if first <= day <= last:
                return name
        return ticker

    def factors(self, name: str) -> Factors:
        """Return the factors of a security by the name it is filed under; empty where it has no file."""
        if name not in self._factors:
            paths = (folder / "factor_files" / f"{name}.csv" for folder in self._folders)
            path = next((path for path in paths if path.is_file()), None)
            self._factors[name] = read_factors(path) if path else Factors()
        return self._factors[name]

    def _read_maps(self) -> dict[str, list[tuple[date, date, str]]]:
        out: dict[str, list[tuple[date, date, str]]] = {}
        for folder in self._folders:
            for path in sorted((folder / "map_files").glob("*.csv")):
                rows = [row for row in csv.reader(path.read_text().splitlines()) if len(row) >= 2]
                first = _lean_day(rows[0][0]) if rows else date.min
                for day, ticker, *_ in rows:
                    last = _lean_day(day)
                    out.setdefault(ticker.lower(), []).append((first, last, path.stem))
                    first = last + timedelta(days=1) if last > first else first
        return out


def read_factors(path: Path) -> Factors:
    """Return the rows of a factor file; rows that cannot be read are left out."""
    rows = []
    for row in csv.reader(path.read_text().splitlines()):
        try:
            rows.append((_lean_day(row[0]), float(row[1]), float(row[2]), float(row[3]) if len(row) > 3 else 0.0))
        except (ValueError, IndexError):
            continue
    rows.sort()
    return Factors(*zip(*rows, strict=True)) if rows else Factors()
