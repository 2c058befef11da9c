"""The rates of strategy-based margin, as rows that hold from a day on.

Rates are hundredths of a percent (bps) of what the field's name says, amounts are cents. The last row on or before a
day holds on it. The config's table adds rows or replaces them; what a row of it does not name is as in the row before:

    [stages.risk.margin]
    2026-01-01 = {naked_bps = 2500, long_maintenance_bps = 3000}      # a broker's house rates

Sources: Regulation T (12 CFR 220.12): long and short initial. FINRA Rule 4210: (b)(4) least equity, (c) maintenance of
shares, (f)(2) options. Cboe, Margin Manual.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

BPS = 10_000
BROAD_BASED = ("DJX", "MRUT", "NDX", "OEX", "RUT", "SPX", "XEO", "XND", "XSP")


@dataclass(frozen=True)
class MarginRow:
    """The rates that hold from a day on; ValueError where one cannot be."""

    since: date = date(1974, 1, 2)
    long_initial_bps: int = 5_000
    """Of the value of shares bought (Reg T 220.12(a))."""
    long_maintenance_bps: int = 2_500
    short_initial_bps: int = 5_000
    """Of the value of shares sold short, beside the proceeds (Reg T 220.12(c): 150 %)."""
    short_maintenance_bps: int = 3_000
    short_maintenance_share_cents: int = 500
    """Least of a share short at short_low_price_cents or above."""
    short_low_price_cents: int = 500
    """Below this price the two that follow hold (FINRA 4210(c)(2))."""
    short_low_maintenance_bps: int = 10_000
    short_low_share_cents: int = 250
    naked_bps: int = 2_000
    """Of the underlying's value, for a short option beside its premium, less what it is out of the money."""
    naked_broad_bps: int = 1_500
    """The same of a broad-based index."""
    naked_least_bps: int = 1_000
    """Least of it: of the underlying's value for a call, of the strike for a put."""
    hedge_bps: int = 1_000
    """Of the strike, for shares whose loss a long option bounds (FINRA 4210(f)(2))."""
    equity_least_cents: int = 200_000
    """Below it nothing is lent (FINRA 4210(b)(4)): the account is held to the rules of a cash account."""
    day_trader_equity_least_cents: int = 2_500_000
    """Of a pattern day trader (FINRA 4210(f)(8)(B))."""
    broad_based: tuple[str, ...] = BROAD_BASED
    """Indices at naked_broad_bps. Funds on an index are at naked_bps: add their tickers for 15 %."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if one.name.endswith("_bps") and not (whole and 0 <= value <= 10 * BPS):
                raise ValueError(f"{one.name} must be a whole number from 0 to {10 * BPS}, was {value!r}")
            if one.name.endswith("_cents") and not (whole and value >= 0):
                raise ValueError(f"{one.name} must be a whole number >= 0, was {value!r}")
        if not self.long_initial_bps > 0:
            raise ValueError(f"long_initial_bps must be > 0, was {self.long_initial_bps}")


@dataclass(frozen=True)
class MarginRules:
    """Rows by the day from which each holds, ascending; ValueError where there is none or two are of one day."""

    rows: tuple[MarginRow, ...] = (MarginRow(),)

    def __post_init__(self) -> None:
        starts = [row.since for row in self.rows]
        if not starts or starts != sorted(set(starts)):
            raise ValueError(f"margin rules must be of ascending days, was {[str(day) for day in starts]}")

    def at(self, day: date) -> MarginRow:
        """Return the row that holds on a day; the first before all."""
        return self.rows[max(0, bisect_right(self.rows, day, key=lambda row: row.since) - 1)]


def rules_of(table: Mapping[str, Any]) -> MarginRules:
    """Return the rules of a table such as the config's, after the built-in row; ValueError where one cannot be used."""
    known = [one.name for one in fields(MarginRow) if one.name != "since"]
    rows = [MarginRow()]
    for day, given in sorted((_day(text), given) for text, given in table.items()):
        if not isinstance(given, Mapping):
            raise ValueError(f"[margin] {day}: expected a table, was {given!r}")
        for name in given:
            if name not in known:
                raise ValueError(f"[margin] {day}: unknown rate {name!r}; known are {', '.join(known)}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        try:
            row = replace(rows[-1], since=day, **values)
        except ValueError as error:
            raise ValueError(f"[margin] {day}: {error}") from None
        rows = [*(one for one in rows if one.since < day), row]
    return MarginRules(tuple(rows))


def _day(text: Any) -> date:
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(f"[margin]: expected a date YYYY-MM-DD, was {text!r}") from None
