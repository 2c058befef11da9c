"""Statements from files: our own JSON or CSV, and the activity statement that Interactive Brokers exports as CSV.

JSON: {"cash_usd": 95597.70, "fees_usd": 2.30, "positions": [{"symbol": "SPY", "quantity": 100, "multiplier": 1}]}.
CSV: a header symbol,quantity,multiplier; rows CASH and FEES have dollars in place of a quantity. Cash and fees may be
left out (they are not compared then), multiplier too: 100 of options, 1 of shares.
Interactive Brokers: sections Open Positions (rows Summary, columns Symbol, Quantity, Mult) and Cash Report (Ending
Cash, Base Currency Summary). Its fees are of the statement's period, so they are not compared.

Symbols of contracts may be OSI, with or without its blanks, or as Interactive Brokers writes them: SPY 31MAR25 570 C.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from schemas.osi import LENGTH
from schemas.records import StatedPosition

CASH, FEES = "CASH", "FEES"
_OSI = re.compile(r"([A-Z0-9.]{1,6}) *(\d{6}[CP]\d{8})")
_IBKR = re.compile(r"([A-Z0-9.]{1,6}) (\d{2}[A-Z]{3}\d{2}) (\d+(?:\.\d+)?) ([CP])")


@dataclass(frozen=True)
class FileStatement:
    """What a file says; None: it does not tell."""

    cash_cents: int | None
    fees_cents: int | None
    positions: tuple[StatedPosition, ...]


def read_statement(path: Path) -> FileStatement:
    """Return what a file states; ValueError says what is wrong with it, OSError that it cannot be read."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        return _of_json(text)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if any(row)]
    if any(row[0] == "Open Positions" for row in rows) or (rows and rows[0][0] == "Statement"):
        return _of_ibkr(rows)
    return _of_rows(rows)


def symbol_of(text: str) -> str:
    """Return a symbol as positions are keyed by: a ticker, or an OSI symbol of 21 characters."""
    text = text.strip().upper()
    if found := _OSI.fullmatch(text):
        return f"{found[1]:6}{found[2]}"
    if found := _IBKR.fullmatch(text):
        day = datetime.strptime(found[2].title(), "%d%b%y")  # a date
        return f"{found[1]:6}{day:%y%m%d}{found[4]}{int(Decimal(found[3]) * 1000):08d}"
    return text


def cents_of(text: object) -> int:
    """Return dollars in cents, to the nearest (brokers tell more digits); ValueError where it is no amount."""
    return int((_number(text) * 100).quantize(Decimal(1)))


def _number(text: object) -> Decimal:
    try:
        found = Decimal(str(text).replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"expected a number, was {text!r}") from None
    if not found.is_finite():
        raise ValueError(f"expected a number, was {text!r}")
    return found


def _whole(text: object, what: str) -> int:
    found = _number(text)
    if found != int(found):
        raise ValueError(f"{what} must be whole, was {text}")
    return int(found)


def _position(symbol: str, quantity: object, multiplier: object) -> StatedPosition:
    name = symbol_of(symbol)
    usual = 100 if len(name) == LENGTH else 1
    made = usual if multiplier in (None, "") else _whole(multiplier, f"multiplier of {name}")
    if not name or made < 1:
        raise ValueError(f"a position needs a symbol and a multiplier > 0, was {symbol!r} and {multiplier!r}")
    return StatedPosition(name, _whole(quantity, f"quantity of {name}"), made)


def _of_json(text: str) -> FileStatement:
    data = json.loads(text, parse_float=Decimal)
    if not isinstance(data, dict) or not isinstance(data.get("positions"), list):
        raise ValueError("expected an object with a list `positions`")
    held = []
    for one in data["positions"]:
        if not isinstance(one, dict) or not {"symbol", "quantity"} <= one.keys():
            raise ValueError(f"a position needs symbol and quantity, was {one}")
        held.append(_position(str(one["symbol"]), one["quantity"], one.get("multiplier")))
    return FileStatement(_money(data, "cash"), _money(data, "fees"), _checked(held))


def _money(data: dict[str, Any], what: str) -> int | None:
    """Return an amount that is told in cents or in dollars."""
    if f"{what}_cents" in data:
        return _whole(data[f"{what}_cents"], f"{what}_cents")
    return cents_of(data[f"{what}_usd"]) if f"{what}_usd" in data else None


def _of_rows(rows: Sequence[Sequence[str]]) -> FileStatement:
    header = [name.lower() for name in rows[0]] if rows else []
    if not {"symbol", "quantity"} <= set(header):
        raise ValueError(f"expected a header with symbol and quantity, was {','.join(header) or 'nothing'}")
    money: dict[str, int] = {}
    held = []
    for row in rows[1:]:
        cells = dict(zip(header, row, strict=False))
        symbol, quantity = cells.get("symbol", ""), cells.get("quantity", "")
        if symbol.upper() in (CASH, FEES):
            money[symbol.upper()] = cents_of(quantity)
        else:
            held.append(_position(symbol, quantity, cells.get("multiplier")))
    return FileStatement(money.get(CASH), money.get(FEES), _checked(held))


def _of_ibkr(rows: Sequence[Sequence[str]]) -> FileStatement:
    header: dict[str, list[str]] = {}
    held: list[StatedPosition] = []
    cash: dict[str, int] = {}
    for row in rows:
        section, kind = row[0], row[1] if len(row) > 1 else ""
        if kind == "Header":
            header[section] = list(row)
        if kind != "Data" or section not in header:
            continue
        cells = dict(zip(header[section], row, strict=False))
        if section == "Open Positions" and cells.get("DataDiscriminator") == "Summary":
            held.append(_position(cells.get("Symbol", ""), cells.get("Quantity", ""), cells.get("Mult")))
        elif section == "Cash Report" and cells.get("Currency Summary") == "Ending Cash":
            cash[cells.get("Currency", "")] = cents_of(cells.get("Total", ""))
    # With one currency both rows say the same; with several the base's sum is of all.
    return FileStatement(cash.get("Base Currency Summary", cash.get("USD")), None, _checked(held))


def _checked(held: Iterable[StatedPosition]) -> tuple[StatedPosition, ...]:
    """Return the positions that are not 0, by symbol; ValueError where one stands twice."""
    found: dict[str, StatedPosition] = {}
    for one in held:
        if one.symbol in found:
            raise ValueError(f"{one.symbol} stands twice")
        found[one.symbol] = one
    return tuple(found[symbol] for symbol in sorted(found) if found[symbol].quantity)
