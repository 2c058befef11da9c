"""The parts of a chain: quotes, waiting rows, dividends, closes, packed state, and what analytics refuses."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from schemas import wire
from schemas.frames import encode_ticks
from schemas.option_frames import encode_options
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, OptionFrame, TickFrame
from streams.chain.analytics import Params, make
from streams.chain.calendar import is_dealt, session_days
from streams.chain.chain import stale_s
from streams.chain.closes import CLOSES_MAX, CLOSES_MIN, ClosingVols
from streams.chain.dividends import Dividend, Dividends
from streams.chain.pack import pack, unpack
from streams.chain.quotes import NEVER, ChainQuotes
from streams.chain.waiting import Waiting, times_of
from streams.options.contracts import class_of
from streams.options.contracts.clock import DAY_NS, SECOND_NS, new_york_day
from streams.stage import Output, Rejected, RejectReason
from tests.option_frames import BEGIN_NS, SOURCE, SYMBOL, frames, session

CALL, PUT = f"{SYMBOL:6}240119C00100000", f"{SYMBOL:6}240119P00100000"
MS_NS = 1_000_000
STEP_NS = 250 * MS_NS
Rows = list[tuple[int, int, int, float, int]]


def options(rows: Rows, contracts: tuple[str, ...] = (CALL, PUT), source: str = SOURCE, flags: int = 0) -> OptionFrame:
    """Return a frame of rows (milliseconds after the open, contract, kind, price, size)."""
    ms, contract, kind, price, size = (np.array(one) for one in zip(*rows, strict=True))
    count = len(rows)
    payload = encode_options(
        SYMBOL, source, contracts, BEGIN_NS + ms * MS_NS, contract, kind.astype(np.uint8),
        np.full(count, flags, np.uint8), price.astype(np.float64), size, np.zeros(count, np.int64),
    )  # fmt: skip
    frame = wire.decode(payload)
    assert isinstance(frame, OptionFrame)
    return frame


def quoted(*many: OptionFrame) -> ChainQuotes:
    """Return quotes after frames."""
    quotes = ChainQuotes(SYMBOL)
    for frame in many:
        quotes.take_options(frame, times_of(frame), slice(0, len(frame.delta_ns)))
    return quotes


def test_a_row_changes_its_side_of_its_contract_alone() -> None:
    """Bid, ask, last, volume and open interest stand until they are replaced; 0 takes a side away."""
    quotes = quoted(
        options([(0, 0, 1, 2.0, 5), (1, 0, 2, 2.2, 6), (2, 1, 3, 0.0, 77), (3, 0, 0, 2.1, 4), (4, 0, 1, 2.05, 7)]),
        options([(9, 0, 2, 0.0, 0), (10, 0, 0, 2.3, 2), (11, 0, 4, 2.3, 2)]),
    )
    assert quotes.names == [CALL, PUT]
    assert quotes.column("bid")[0] == 2.05
    assert np.isnan(quotes.column("ask")[0])
    assert quotes.count("bid_size").tolist() == [7, 0]
    assert quotes.count("volume").tolist() == [4, 0], "a cancelled trade is taken back"
    assert quotes.count("open_interest").tolist() == [0, 77]
    assert quotes.quote_ns()[0] == BEGIN_NS + 9 * MS_NS
    assert quotes.quote_ns()[1] == NEVER


def test_prices_that_are_none_leave_a_side_empty() -> None:
    """Negative, infinite and NaN prices are no prices; rows out of order and unknown symbols are counted."""
    quotes = quoted(options([(0, 0, 1, 2.0, 5), (1, 0, 1, float("nan"), 5)]))
    assert np.isnan(quotes.column("bid")[0])
    for bad in (-1.0, float("inf")):
        assert np.isnan(quoted(options([(0, 0, 1, bad, 5)])).column("bid")[0])
    late = quoted(options([(5, 0, 1, 2.0, 5)]), options([(1, 0, 1, 1.0, 5)]))
    assert (late.late, late.column("bid")[0]) == (1, 2.0)
    strange = quoted(options([(0, 0, 1, 2.0, 5)], ("XYZ   24011?C00100000",)))
    assert (strange.unknown, strange.names) == (1, [])


def ticks(rows: list[tuple[int, int, float]]) -> TickFrame:
    """Return a frame of the underlying's rows (milliseconds after the open, kind, price)."""
    ms, kind, price = (np.array(one) for one in zip(*rows, strict=True))
    count = len(rows)
    payload = encode_ticks(
        SYMBOL, SOURCE, BEGIN_NS + ms * MS_NS, kind.astype(np.uint8), np.zeros(count, np.uint8),
        price.astype(np.float64), np.full(count, 100, np.int64), np.zeros(count, np.int64),
    )  # fmt: skip
    frame = wire.decode(payload)
    assert isinstance(frame, TickFrame)
    return frame


def test_each_quote_keeps_the_spot_of_its_time() -> None:
    """Whichever stream came first, in one instant and over several; trades are no quotes, late rows count for none."""
    moves = [(2_010, 1, 99.0), (2_010, 2, 101.0), (2_030, 1, 101.0), (2_030, 2, 103.0), (2_400, 2, 0.0)]
    quotes_of_call = [(1_500, 0, 1, 2.0, 5), (2_020, 0, 2, 2.2, 5), (2_030, 1, 1, 3.0, 5), (2_040, 0, 0, 2.1, 1)]
    seen = []
    for options_first in (True, False):
        waiting, quotes = Waiting(STEP_NS), ChainQuotes(SYMBOL)
        waiting.put(b"", options([(900, 0, 3, 0.0, 5)]), NEVER)
        frames_of: list[TickFrame | OptionFrame] = [
            options(quotes_of_call),
            ticks(moves),
            ticks([(2_700, 0, 90.0)]),
            options([(2_800, 0, 1, 1.9, 5)]),
        ]
        order = (0, 1, 2, 3) if options_first else (1, 0, 2, 3)
        for number in order:
            waiting.put(b"", frames_of[number], NEVER)
        waiting.close(SOURCE)
        under = []
        while (instant := waiting.next_instant()) != NEVER:
            waiting.take(instant, quotes)
            under.append(quotes.column("under").tolist())
        seen.append(under)
        # Before the chain began the underlying is not known; once it has no quote, its last trade serves.
        assert np.isnan(under[0][0])
        assert [100.0, 102.0] in under
        assert under[-1] == [90.0, 102.0]
    assert repr(seen[0]) == repr(seen[1])
    quotes = quoted(options([(0, 0, 1, 2.0, 5)]))
    for frame in (ticks([(5, 1, 99.0), (5, 2, 101.0)]), ticks([(3, 1, 50.0), (3, 2, 51.0)])):
        quotes.begin()
        quotes.take_ticks(frame, times_of(frame), slice(0, 2))
    later = options([(6, 0, 1, 2.0, 5)])
    quotes.take_options(later, times_of(later), slice(0, 1))
    assert quotes.column("under").tolist() == [100.0]


def test_a_new_day_forgets_volume_and_last_trades() -> None:
    """Quotes and open interest stay overnight."""
    quotes = quoted(options([(0, 0, 1, 2.0, 5), (0, 0, 3, 0.0, 9), (1, 0, 0, 2.1, 4)]))
    later = options([(DAY_NS // MS_NS, 0, 2, 2.4, 1)])
    quotes.take_options(later, times_of(later), slice(0, 1))
    assert quotes.count("volume")[0] == 0
    assert np.isnan(quotes.column("last")[0])
    assert (quotes.column("bid")[0], quotes.count("open_interest")[0]) == (2.0, 9)


def test_an_instant_waits_for_every_stream() -> None:
    """Rows of before an instant are taken once options and underlying have gone that far, or the source says so."""
    waiting, quotes = Waiting(STEP_NS), ChainQuotes(SYMBOL)
    first = options([(1_100, 0, 1, 2.0, 5)])
    waiting.put(b"", first, NEVER)
    assert waiting.begin_ns == BEGIN_NS + 2 * SECOND_NS
    more = options([(2_010, 0, 1, 2.1, 5), (2_600, 0, 1, 2.2, 5)])
    waiting.put(b"", more, NEVER)
    assert waiting.next_instant() == NEVER, "the underlying may still come"
    ticks = wire.decode(list(frames(session(0.6), []))[1])
    assert isinstance(ticks, TickFrame)
    waiting.put(b"", ticks, NEVER)
    assert waiting.next_instant() == NEVER, "the underlying has not come that far"
    waiting.promise(SOURCE, BEGIN_NS + 2_500 * MS_NS)
    instant = waiting.next_instant()
    assert instant == BEGIN_NS + 2 * SECOND_NS
    waiting.take(instant, quotes)
    assert quotes.column("bid")[0] == 2.0
    waiting.take(waiting.next_instant(), quotes)
    assert quotes.column("bid")[0] == 2.1
    assert waiting.next_instant() == NEVER
    waiting.close(SOURCE)
    assert waiting.next_instant() == BEGIN_NS + 2_750 * MS_NS


def test_a_source_of_options_alone_needs_no_underlying() -> None:
    """Once it has given its word without the underlying's rows, nothing waits for them."""
    waiting = Waiting(STEP_NS)
    waiting.put(b"", options([(100, 0, 1, 2.0, 5)]), NEVER)
    waiting.promise(SOURCE, BEGIN_NS + 3 * SECOND_NS)
    waiting.put(b"", options([(3_100, 0, 1, 2.0, 5)]), NEVER)
    assert waiting.next_instant() == BEGIN_NS + SECOND_NS


def test_dividends_are_declared_replaced_forecast_and_split() -> None:
    """Two a quarter apart forecast more of the last one's cash; a date that moves by days replaces the old one."""
    known = Dividends()
    for days, cash in ((0, 0.5), (91, 0.6), (92, 0.62)):
        known = known.with_declared(Dividend(BEGIN_NS + days * DAY_NS, cash))
    assert [one.cash for one in known.declared] == [0.5, 0.62]
    ahead = known.ahead(BEGIN_NS + 10 * DAY_NS, BEGIN_NS + 400 * DAY_NS)
    assert [one.cash for one in ahead] == [0.62] * 4
    assert all(new_york_day(one.ex_ns).weekday() < 5 for one in ahead)
    gaps = np.diff([one.ex_ns for one in ahead]) / DAY_NS
    assert (np.abs(gaps - 91.0) <= 3.1).all()
    halved = known.after_split(2.0)
    assert [one.cash for one in halved.declared] == [0.25, 0.31]
    assert known.with_declared(Dividend(BEGIN_NS, 0.0)).declared == known.declared[1:]
    one = Dividends((Dividend(BEGIN_NS, 0.5),))
    assert one.ahead(BEGIN_NS + DAY_NS, BEGIN_NS + 400 * DAY_NS) == (), "one alone forecasts nothing"


def test_the_rank_of_volatility_needs_sixty_closes() -> None:
    """Days close with their last volatility; below 60 of them the rank is NaN."""
    closes = ClosingVols()
    for day in range(1, CLOSES_MIN + 1):
        closes = closes.at(day, 0.5).at(day, 0.1 + 0.001 * day)
    assert len(closes.vols) == CLOSES_MIN - 1
    assert np.isnan(closes.rank(0.12))
    closes = closes.at(CLOSES_MIN + 1, 0.2)
    assert closes.rank(0.101) == 0.0
    assert closes.rank(0.16) == 1.0
    assert closes.rank(0.5) == 1.0
    assert closes.rank(0.1305) == pytest.approx(0.5)
    assert closes.at(CLOSES_MIN + 1, float("nan")) == closes
    for day in range(100, 100 + 2 * CLOSES_MAX):
        closes = closes.at(day, 0.3)
    assert len(closes.vols) == CLOSES_MAX


def test_packed_state_comes_back_to_the_bit() -> None:
    """NaN, infinities, empty arrays and shapes survive; cut bytes are refused."""
    arrays = {"a": np.array([[1.5, np.nan]]), "b": np.zeros(0, np.int64), "c": np.array([True])}
    data = pack([float("nan"), -0.0, {"x": [1, None]}], arrays)
    head, back = unpack(data)
    assert str(head) == "[nan, -0.0, {'x': [1, None]}]"
    assert all(
        back[name].tobytes() == array.tobytes() and back[name].shape == array.shape for name, array in arrays.items()
    )
    with pytest.raises(ValueError, match=r"buffer is smaller|expected"):
        unpack(data[:-1])


def broken(**columns: object) -> bytes:
    """Return an option frame with columns of its own."""
    good = options([(0, 0, 1, 2.0, 5), (1, 1, 2, 2.2, 6)])
    values = {name: columns.get(name, getattr(good, name)) for name in OptionFrame.__slots__}
    return wire.encode(OptionFrame(**values))  # type: ignore[arg-type]  # of whatever a test wants


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"price": np.array([1.0])}, "one length"),
        ({"delta_ns": np.array([0, -5])}, "not go back"),
        ({"contract": np.array([0, 2])}, "index into the 2 contracts"),
        ({"contract": np.array([0, -1])}, "index into the 2 contracts"),
        ({"kind": b"\x00\x09"}, "kind must be 0 to 4"),
        ({"size": np.array([1, -1])}, "size must be >= 0"),
        ({"base_ns": 5}, "event times must lie in"),
        ({"base_ns": 2**62}, "event times must lie in"),
        ({"symbol": ""}, "must be named"),
    ],
)
def test_a_frame_of_options_that_is_none_is_rejected(columns: dict[str, object], said: str) -> None:
    """What was seen and expected is said; the chain goes on as if it had not come."""
    fold = make(Params(), 0, 1)
    (one,) = fold.apply([broken(**columns)])
    assert isinstance(one, Rejected)
    assert one.reason == RejectReason.BAD_VALUE
    assert said in one.detail
    assert not fold.changed().keys() - {"", "chain/", "chain/XYZ"}


def test_news_of_an_underlying_without_options_is_kept() -> None:
    """A dividend that is declared before the first option counts when options come; accounts hear of it at once."""
    fold = make(Params(), 0, 1)
    ex_ns = BEGIN_NS + 5 * DAY_NS
    paid = MarketEvent(SYMBOL, SOURCE, BEGIN_NS, MarketEventKind.DIVIDEND, start_ns=ex_ns, value=0.4)
    (told,) = fold.apply([wire.encode(paid)])
    assert isinstance(told, Output)
    assert wire.decode(told.payload) == paid
    state = {key: data for key, data in fold.changed().items() if data is not None}
    other = make(Params(), 0, 1)
    other.load(state)
    other.apply([wire.encode(paid)])
    assert other.changed()["chain/XYZ"] == state["chain/XYZ"]


@pytest.mark.parametrize(
    ("given", "said"),
    [({"chain_step_ms": 7}, "divide a minute"), ({"chain_whole_s": 0}, ">= 1"), ({"rates": {"x": 1.0}}, "YYYY-MM-DD")],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, object], said: str) -> None:
    """The parameter is named."""
    with pytest.raises(ValueError, match=said):
        Params(**given)  # type: ignore[arg-type]  # of whatever a test wants


@pytest.mark.parametrize(
    ("symbol", "clock", "dealt"),
    [
        ("XYZ", "2023-12-14 09:30:00", False),
        ("XYZ", "2023-12-14 09:30:00.250", True),
        ("XYZ", "2023-12-14 16:00:00", True),
        ("XYZ", "2023-12-14 16:00:00.250", False),
        ("SPY", "2023-12-14 16:15:00", True),
        ("SPX", "2023-12-14 16:15:00.250", False),
        ("XYZ", "2023-11-24 13:00:00", True),
        ("XYZ", "2023-11-24 13:00:00.250", False),
        ("XYZ", "2023-12-16 12:00:00", False),
        ("XYZ", "2023-12-25 12:00:00", False),
    ],
)
def test_options_are_dealt_in_until_the_close(symbol: str, clock: str, dealt: bool) -> None:
    """From 09:30 to the close, half days too; on funds and indices 15 minutes longer; not on holidays."""
    event_ns = (
        int(datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000) * MS_NS
    )
    assert is_dealt(session_days(2023, 2024), event_ns, class_of(symbol).late_minutes) is dealt


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (MarketEventKind.DIVIDEND, {"value": float("nan")}, "a dividend must be"),
        (MarketEventKind.DIVIDEND, {"value": float("inf")}, "a dividend must be"),
        (MarketEventKind.DIVIDEND, {"value": -0.5}, "a dividend must be"),
        (MarketEventKind.DIVIDEND, {"value": 0.5, "start_ns": 2**62}, "must lie in"),
        (MarketEventKind.SPLIT, {"value": 0.0}, "a split must be"),
        (MarketEventKind.SPLIT, {"value": float("nan")}, "a split must be"),
        (MarketEventKind.EARNINGS, {"start_ns": 5}, "must lie in"),
    ],
)
def test_an_event_that_makes_no_sense_is_rejected(kind: MarketEventKind, changes: dict[str, Any], said: str) -> None:
    """It says what was seen; the chain knows nothing of it, and no account hears of it."""
    fold = make(Params(), 0, 1)
    (one,) = fold.apply([wire.encode(MarketEvent(SYMBOL, SOURCE, BEGIN_NS, kind, **changes))])
    assert isinstance(one, Rejected)
    assert (one.reason, said in one.detail) == (RejectReason.BAD_VALUE, True), one
    assert "chain/XYZ" not in fold.changed()


def test_a_contract_of_long_ago_hurts_nobody() -> None:
    """An expiry on New Year's Day of the first year that a symbol can name is past, and the others are reckoned."""
    fold = make(Params(), 0, 1)
    rows: Rows = [(at, row, side, 2.0 + 0.1 * side, 5) for at in (1_100, 2_600) for row in (0, 1, 2) for side in (1, 2)]
    frame = options(rows, (CALL, PUT, f"{SYMBOL:6}000101C00100000"))
    out = fold.apply([wire.encode(frame), wire.encode(heartbeat(10_000))])
    assert not [one for one in out if isinstance(one, Rejected)]
    told = [wire.decode(one.payload) for one in out if isinstance(one, Output)]
    assert {name for one in told if isinstance(one, ChainFrame) for name in one.contracts} == {CALL, PUT}


def heartbeat(ms: int) -> MarketEvent:
    """Return a source's word that all before an instant is sent."""
    return MarketEvent("", SOURCE, BEGIN_NS + ms * MS_NS, MarketEventKind.HEARTBEAT)


@pytest.mark.parametrize(
    ("clock", "evening", "opening"), [("09:30:00.050", 17.5 * 3_600.0, 0.05), ("09:31:00", 17.5 * 3_600.0, 60.0)]
)
def test_quotes_of_the_evening_before_are_stale(clock: str, evening: float, opening: float) -> None:
    """However few quotes of today there are; one of the opening is not, nor is one of half a minute's age."""
    at = datetime.fromisoformat(f"2023-12-14 {clock}").replace(tzinfo=ZoneInfo("America/New_York"))
    event_ns = round(at.timestamp() * 1000) * MS_NS
    few = np.array([opening] + [evening] * 20)
    assert max(opening, 30.0) <= stale_s(few, event_ns) < evening
    quiet = np.array([opening, 0.9 * opening, 0.8 * opening, np.nan])
    assert stale_s(quiet, event_ns) >= opening
    busy = np.full(9, 0.1)
    assert stale_s(busy, event_ns) == 30.0
