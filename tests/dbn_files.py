"""DBN files that tests write, by databento-dbn's own encoder."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import databento_dbn
import pyarrow as pa

dbn: Any = databento_dbn
"""Without its types: its stubs give the members of enums the types of their values."""
DAY = date(2024, 3, 5)
OPEN = int(datetime(2024, 3, 5, 9, 30, tzinfo=ZoneInfo("America/New_York")).timestamp()) * 10**9
SECOND = 10**9
NANO = 10**9
"""Units of price in 1.00."""
NONE = int(dbn.UNDEF_PRICE)
CALL, PUT = "SPXW  240305C05100000", "SPXW  240305P05100000"
NVDA, OF_CALL, OF_PUT = 7, 101, 102
"""Instrument numbers."""


def at(seconds: float) -> int:
    """Return an instant so long after the open of DAY."""
    return OPEN + round(seconds * 1e6) * 1_000


def px(price: float | None) -> int:
    """Return a price in DBN's units; None: undefined."""
    return NONE if price is None else round(price * NANO)


def trade(seconds: float, price: float | None = 10.0, size: int = 100, number: int = NVDA, **more: Any) -> Any:
    """Return a trade, received so long after the open and 150 us after the venue had it."""
    stamp = more.pop("ts_recv", at(seconds))
    side, action = dbn.Side.ASK, more.pop("action", dbn.Action.TRADE)
    publisher = more.pop("publisher", 2)
    return dbn.TradeMsg(publisher, number, at(seconds) - 150_000, px(price), size, action, side, 0, stamp, **more)


def book(
    seconds: float,
    bid: float | None,
    ask: float | None,
    number: int = NVDA,
    trade: float | None = None,
    publisher: int = 2,
    flags: int = 128,
) -> Any:
    """Return an mbp-1 record: of a trade where a price is given, else of the book as it stands after it."""
    action = dbn.Action.ADD if trade is None else dbn.Action.TRADE
    levels = dbn.BidAskPair(px(bid), px(ask), 0 if bid is None else 5, 0 if ask is None else 7)
    stamp = at(seconds)
    return dbn.MBP1Msg(
        publisher, number, stamp, px(trade), 3, action, dbn.Side.BID, 0, stamp, flags=flags, levels=levels
    )


def best(seconds: float, bid: float | None, ask: float | None, number: int, rtype: int = 177) -> Any:
    """Return a cmbp-1 record (177), or with rtype 194 a tcbbo one with a trade at the bid."""
    of_trade = rtype == 194
    action = dbn.Action.TRADE if of_trade else dbn.Action.ADD
    levels = dbn.ConsolidatedBidAskPair(px(bid), px(ask), 0 if bid is None else 5, 0 if ask is None else 7)
    stamp, price = at(seconds), px(bid if of_trade else None)
    return dbn.CMBP1Msg(rtype, 30, number, stamp, price, 2, action, dbn.Side.NONE, stamp, flags=128, levels=levels)


def bar(
    seconds: float,
    prices: Sequence[float | None],
    volume: int = 50,
    number: int = NVDA,
    rtype: int = 33,
    venue: int = 2,
) -> Any:
    """Return a bar that begins so long after the open; rtype 33: of a minute."""
    return dbn.OHLCVMsg(rtype, venue, number, at(seconds), *(px(price) for price in prices), volume)


def status(seconds: float, action: Any, number: int = NVDA) -> Any:
    """Return a change of trading status."""
    return dbn.StatusMsg(2, number, at(seconds), at(seconds), action, dbn.StatusReason.NEWS_PENDING)


def open_interest(seconds: float, quantity: int, number: int = OF_CALL, venue: int = 20) -> Any:
    """Return a statistic of open interest."""
    kind = dbn.StatType.OPEN_INTEREST
    return dbn.StatMsg(venue, number, at(seconds), at(seconds), 2**64 - 1, NONE, quantity, kind)


def definition(seconds: float, symbol: str, number: int, underlying: str = "") -> Any:
    """Return an instrument's definition."""
    kind, update = dbn.InstrumentClass.CALL, dbn.SecurityUpdateAction.ADD
    return dbn.InstrumentDefMsg(
        30, number, at(seconds), at(seconds), NONE, NONE, symbol, "", "OPT", kind, update, underlying=underlying
    )


def encode(
    schema: str,
    records: Iterable[Any],
    dataset: str = "XNAS.ITCH",
    symbols: dict[str, int] | None = None,
    version: int = 3,
    day: date = DAY,
    ts_out: bool = False,
) -> bytes:
    """Return a DBN file of a day. schema: empty for a live recording. symbols: of the header."""
    mappings = [
        SimpleNamespace(
            raw_symbol=symbol,
            intervals=[SimpleNamespace(start_date=day, end_date=day + timedelta(days=1), symbol=str(number))],
        )
        for symbol, number in (symbols or {}).items()
    ]
    midnight_ns = int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("UTC")).timestamp()) * SECOND
    meta = dbn.Metadata(
        dataset,
        midnight_ns if schema else 0,
        dbn.SType.RAW_SYMBOL,
        dbn.SType.INSTRUMENT_ID,
        dbn.Schema.from_str(schema) if schema else None,
        symbols=list(symbols or {}),
        mappings=mappings,
        end=midnight_ns + 86_400 * SECOND if schema else None,
        version=version,
        ts_out=ts_out,
    )
    head: bytes = meta.encode()
    return head + b"".join(bytes(record) for record in records)


def write(path: Path, data: bytes) -> Path:
    """Write a file, in zstd where its name ends so."""
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as out:
            out.write(data)
    else:
        path.write_bytes(data)
    return path


def equity(path: Path, schema: str, records: Iterable[Any], **more: Any) -> Path:
    """Write records of NVDA."""
    return write(path, encode(schema, records, symbols={"NVDA": NVDA}, **more))


def options(path: Path, schema: str, records: Iterable[Any], **more: Any) -> Path:
    """Write OPRA's records of two SPXW contracts."""
    return write(path, encode(schema, records, "OPRA.PILLAR", {CALL: OF_CALL, PUT: OF_PUT}, **more))
