"""One underlying and day of LEAN's option files as rows: validated, merged, in event-time order.

A zip holds one CSV a contract, named by it: `20140606_aapl_minute_trade_american_call_6450000_20140606.csv` (strike and
prices x 10,000). Each bar stands at the last nanosecond of its minute, which it closes: beside the underlying's bar of
that minute, before the heartbeat that ends it, and before an expiry at its end. Quotes give bid and ask as they
closed, a pair where both stand there. Trades give close and volume; open interest stands at its own time.

An empty side is a side without an update in that minute, not one that has gone: of GOOG's 4,041 and TWX's 7,383
sides that come back after empty minutes 71 % and 95 % open at the price at which they were left (of those that follow
at once 84 % and 96 %). So an empty side gives no row, and a side at 0 a row of price 0, as the book is empty there.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from connectors.sources.frames import I64, OPEN_INTEREST, TRADE, Options, Ticks
from connectors.sources.lean_files import INTERVAL_NS, LeanFile
from connectors.sources.lean_parse import (
    MS_NS,
    SCALE,
    in_order,
    interleave,
    midnight_ns,
    not_negative,
    quote_table,
    trade_table,
)
from connectors.sources.lean_table import Column, Table, drop_rows, read_table
from connectors.sources.lean_zip import read_members
from connectors.sources.record import Rejects, SourceReason
from schemas.osi import OptionSymbol, osi

_NAME = re.compile(r"(\d{8})_([a-z0-9.]+)_minute_(trade|quote|openinterest)_\w+_(call|put)_(\d+)_(\d{8})\.csv")
_OPEN_INTEREST: tuple[Column, ...] = (("time", "whole"), ("open_interest", "price"))
_KINDS = ("openinterest", "quote", "trade")
"""At one instant rows stand in this order, then by contract."""
_TEN_THOUSANDTHS_A_MILL = 10


class _Part(NamedTuple):
    """Rows of one contract and kind, by time; contract: OSI symbol."""

    kind: str
    contract: str
    rows: Ticks


def read_options(files: Sequence[LeanFile], day: date, rejects: Rejects) -> Options:
    """Return the rows of the options of an underlying and day. files: of any kinds, of one or several roots."""
    base_ns = midnight_ns(day)
    parts = []
    for file in files:
        for name, data in read_members(file.path, rejects):
            place = f"{file.path}#{name}"
            contract = _contract(name, file, day)
            if isinstance(contract, str):
                rejects.add(SourceReason.UNPARSABLE, place, 0, contract)
                continue
            rows = _READ[file.kind](data, place, base_ns, rejects)
            if len(rows):
                parts.append(_Part(file.kind, osi(contract), rows))
    parts.sort(key=lambda part: (_KINDS.index(part.kind), part.contract))
    contracts = tuple(sorted({part.contract for part in parts}))
    number = {contract: at for at, contract in enumerate(contracts)}
    lengths = [len(part.rows) for part in parts]
    contract_of = np.repeat(np.array([number[part.contract] for part in parts], np.int64), lengths)
    names = ("event_ns", "kind", "flags", "price", "size", "condition")
    whole = [_EMPTY, *(part.rows for part in parts)]
    columns = {name: np.concatenate([getattr(rows, name) for rows in whole]) for name in names}
    order = np.argsort(columns["event_ns"], kind="stable")
    return Options(contracts, contract=contract_of[order], **{name: column[order] for name, column in columns.items()})


def _contract(name: str, file: LeanFile, day: date) -> OptionSymbol | str:
    """Return the contract that a CSV's name says, or what is wrong with the name."""
    match = _NAME.fullmatch(name)
    if not match:
        return f"a CSV is named by day, kind and contract, was {name!r}"
    if match[1] != f"{day:%Y%m%d}" or match[2] != file.ticker or match[3] != file.kind:
        return f"expected {file.kind} of {file.ticker} and {day}, was {name!r}"
    mills, rest = divmod(int(match[5]), _TEN_THOUSANDTHS_A_MILL)
    if rest:
        return f"a strike is a multiple of 0.001, was {int(match[5])} ten-thousandths"
    try:
        expiry = date(int(match[6][:4]), int(match[6][4:6]), int(match[6][6:]))
        return OptionSymbol(file.ticker.upper().replace(".", ""), expiry, match[4] == "call", mills)
    except ValueError as error:
        return str(error)


def _end_ns(table: Table, base_ns: int) -> I64:
    end: I64 = base_ns + table.columns["time"] * MS_NS + INTERVAL_NS["minute"] - 1
    return end


def _quotes(data: bytes, name: str, base_ns: int, rejects: Rejects) -> Ticks:
    table = quote_table(data, name, rejects)
    neither = np.isnan(table.columns["bid_close"]) & np.isnan(table.columns["ask_close"])
    table = drop_rows(table, neither, SourceReason.NOT_A_NUMBER, name, rejects, "a quote bar has a bid or an ask")
    got, none = table.columns, np.zeros(len(table), np.int64)
    return interleave(
        _end_ns(table, base_ns),
        got["bid_close"],
        got["bid_size"],
        got["ask_close"],
        got["ask_size"],
        none,
        none,
    )


def _trades(data: bytes, name: str, base_ns: int, rejects: Rejects) -> Ticks:
    table = trade_table(data, name, rejects)
    size = table.columns["volume"].astype(np.int64)
    return _rows(_end_ns(table, base_ns), TRADE, table.columns["close"] / SCALE, size)


def _open_interest(data: bytes, name: str, base_ns: int, rejects: Rejects) -> Ticks:
    table = in_order(read_table(data, _OPEN_INTEREST, name, rejects), name, rejects, strict=True)
    unknown = np.isnan(table.columns["open_interest"])
    table = drop_rows(table, unknown, SourceReason.NOT_A_NUMBER, name, rejects, "open interest is a number")
    table = not_negative(table, ("open_interest",), name, rejects)
    size = table.columns["open_interest"].astype(np.int64)
    return _rows(base_ns + table.columns["time"] * MS_NS, OPEN_INTEREST, np.zeros(len(table)), size)


def _rows(event_ns: I64, kind: int, price: np.ndarray, size: I64) -> Ticks:
    n, none = len(event_ns), np.zeros(len(event_ns), np.int64)
    return Ticks(event_ns, np.full(n, kind, np.uint8), np.zeros(n, np.uint8), price, size, none)


_EMPTY = _rows(np.zeros(0, np.int64), TRADE, np.zeros(0), np.zeros(0, np.int64))
_READ = {"quote": _quotes, "trade": _trades, "openinterest": _open_interest}
