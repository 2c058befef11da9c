"""The simulated market: the same seed gives the same ticks, and they look like a market."""

from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import islice, pairwise

import numpy as np
import pytest

from connectors.sources.frames import ASK, BID, PAIRED, SUSPICIOUS, TRADE, VOLUME_ONLY, FrameRule
from connectors.sources.record import SourceRecord
from connectors.sources.sim import SimSource, open_sim
from connectors.sources.sim_market import INSTRUMENTS, MarketDay, MoveKind
from connectors.sources.tail import event_ns_of
from schemas.records import MarketEvent, MarketEventKind, TickFrame
from schemas.wire import decode
from streams.log.filter import IdFilter

MINUTE_NS = 60_000_000_000


@pytest.fixture(scope="module")
def hour() -> SimSource:
    return open_sim(seed=7, minutes=60)


@pytest.fixture(scope="module")
def played(hour: SimSource) -> list[SourceRecord]:
    return list(hour.records(3))


@pytest.fixture(scope="module")
def columns(played: list[SourceRecord]) -> dict[str, dict[str, np.ndarray]]:
    """Each symbol's ticks: time, kind, flags, price, size, condition."""
    frames: dict[str, list[TickFrame]] = defaultdict(list)
    for record in played:
        frame = decode(record.payload)
        if isinstance(frame, TickFrame):
            frames[frame.symbol].append(frame)
    out = {}
    for symbol, some in frames.items():
        out[symbol] = {
            "event_ns": np.concatenate([frame.base_ns + np.cumsum(frame.delta_ns) for frame in some]),
            "kind": np.frombuffer(b"".join(frame.kind for frame in some), np.uint8),
            "flags": np.frombuffer(b"".join(frame.flags for frame in some), np.uint8),
            **{
                name: np.concatenate([getattr(frame, name) for frame in some])
                for name in ("price", "size", "condition")
            },
        }
    return out


@pytest.fixture(scope="module")
def week() -> tuple[MarketDay, ...]:
    return open_sim(seed=3, days=10).days


def test_the_same_parameters_give_the_same_records(hour: SimSource, played: list[SourceRecord]) -> None:
    """Every byte, id and order is a function of the parameters; another seed is another market."""
    assert list(open_sim(seed=7, minutes=60).records(3)) == played
    other = open_sim(seed=8, minutes=60)
    assert other.plan != hour.plan
    assert [record.payload for record in islice(other.records(3), 200)] != [record.payload for record in played[:200]]


def test_a_longer_run_begins_with_the_shorter(hour: SimSource) -> None:
    """The first of two days is the one day, so that days can be added; only the plan's name differs."""
    one, two = open_sim(seed=7, minutes=5), open_sim(seed=7, minutes=5, days=2)
    first = [record.payload for record in one.records(1)][:-1]
    assert [record.payload for record in islice(two.records(1), len(first))] == first


def test_a_choice_of_symbols_has_the_prices_of_all(played: list[SourceRecord]) -> None:
    """SPY alone has the same ticks as SPY among nine."""
    alone = [record.payload for record in open_sim(seed=7, minutes=60, symbols=["spy"]).records(3) if record.rows]
    assert alone == [record.payload for record in played if record.key == "SPY"]


def test_ids_and_order(played: list[SourceRecord]) -> None:
    """Event-time order, and a chain of places without a gap in each partition."""
    assert all(before.event_ns <= after.event_ns for before, after in pairwise(played))
    filters = [IdFilter(strict=True) for _ in range(3)]
    assert all(filters[record.partition].accept(record.record_id, record.previous) for record in played)


def test_heartbeats_promise_only_what_was_sent(played: list[SourceRecord]) -> None:
    """No tick is earlier than the newest heartbeat of its partition."""
    newest = [0, 0, 0]
    for record in played:
        what = decode(record.payload)
        if isinstance(what, MarketEvent) and what.kind is MarketEventKind.HEARTBEAT:
            newest[record.partition] = what.event_ns
        elif isinstance(what, TickFrame):
            assert what.base_ns >= newest[record.partition]
            assert event_ns_of(what) == record.event_ns


def test_a_quote_is_a_bid_and_then_its_ask(columns: dict[str, dict[str, np.ndarray]]) -> None:
    """Each bid is flagged as paired and followed at the same time by an ask at least a cent above it."""
    for ticks in columns.values():
        bid = np.flatnonzero(ticks["kind"] == BID)
        assert (ticks["flags"][bid] == PAIRED).all()
        assert (ticks["kind"][bid + 1] == ASK).all()
        assert (ticks["event_ns"][bid + 1] == ticks["event_ns"][bid]).all()
        spread = ticks["price"][bid + 1] - ticks["price"][bid]
        assert spread.min() > 0.009
        assert np.median(spread / ticks["price"][bid]) < 0.001
        assert len(bid) == (ticks["kind"] == ASK).sum()


def test_trades_are_at_the_newest_bid_or_ask(columns: dict[str, dict[str, np.ndarray]]) -> None:
    """But for the few odd prints, which are flagged."""
    for ticks in columns.values():
        at = np.arange(len(ticks["kind"]))
        newest_bid = np.maximum.accumulate(np.where(ticks["kind"] == BID, at, 0))
        plain = (ticks["kind"] == TRADE) & (ticks["flags"] & (SUSPICIOUS | VOLUME_ONLY) == 0) & (newest_bid > 0)
        price, bid, ask = ticks["price"], ticks["price"][newest_bid], ticks["price"][newest_bid + 1]
        assert ((price == bid) | (price == ask))[plain].all()
        buys = (price == ask)[plain].mean()
        assert 0.4 < buys < 0.6


def test_odd_prints_are_few_and_flagged(columns: dict[str, dict[str, np.ndarray]]) -> None:
    """Suspicious and volume-only trades occur, in less than one of a thousand."""
    flags = np.concatenate([ticks["flags"][ticks["kind"] == TRADE] for ticks in columns.values()])
    suspicious, volume_only = (flags & SUSPICIOUS > 0).mean(), (flags & VOLUME_ONLY > 0).mean()
    assert 0 < suspicious < 0.001
    assert 0 < volume_only < 0.001


@pytest.mark.parametrize("rate", [20.0, 500.0])
def test_the_rate_is_kept(rate: float) -> None:
    """Ticks a second over the regular session are what was asked for, and the estimate says so before."""
    source = open_sim(seed=1, minutes=30, rate=rate)
    rows = sum(record.rows for record in source.records(1))
    assert rows == pytest.approx(rate * 1_800, rel=0.03)
    assert source.rows_total == pytest.approx(rows, rel=0.03)


def test_returns_are_correlated_and_of_the_right_size(week: tuple[MarketDay, ...]) -> None:
    """Minute returns of large stocks correlate with SPY; the day's volatility is of the order of the instrument's."""
    names = [one.symbol for one in INSTRUMENTS]
    returns, ordinary = [], []
    for day in week:
        moved = np.zeros((len(names), day.minutes), bool)
        for move in day.moves:
            first, end = (move.start_ns - day.start_ns) // MINUTE_NS, (move.end_ns - day.start_ns) // MINUTE_NS
            moved[names.index(move.symbol), first : end + 6] = True
        returns.append((np.diff(day.price, axis=1) / day.price[:, :-1])[:, 330:720])
        ordinary.append(~moved[:, 330:720])
    joined, plain = np.concatenate(returns, axis=1), np.concatenate(ordinary, axis=1)

    def correlation(left: str, right: str) -> float:
        a, b = names.index(left), names.index(right)
        both = plain[a] & plain[b]  # Planted moves are each symbol's own.
        return float(np.corrcoef(joined[a, both], joined[b, both])[0, 1])

    assert correlation("SPY", "QQQ") > 0.4
    assert all(correlation("SPY", name) > 0.2 for name in names)
    for row, one in enumerate(INSTRUMENTS):
        yearly = joined[row].std() * np.sqrt(252 * 390)
        assert 0.6 * one.vol < yearly < 2.5 * one.vol


def test_activity_is_u_shaped(week: tuple[MarketDay, ...]) -> None:
    """More happens in the first and last half hour than at noon; little before the open and after the close."""
    activity = np.mean([day.activity.mean(axis=0) for day in week], axis=0)
    opening, noon, closing = activity[330:360].mean(), activity[500:560].mean(), activity[690:720].mean()
    assert opening > 1.7 * noon
    assert closing > 1.3 * noon
    assert activity[:330].mean() < 0.1 * noon
    assert activity[720:].mean() < 0.1 * noon


def test_a_half_day_closes_early() -> None:
    """On 2025-07-03 the market closes at 13:00 New York; the next session is that of 2025-07-07."""
    early, late = open_sim(day=date(2025, 7, 3), days=2).days
    assert datetime.fromtimestamp(early.session.close_ns / 1e9, UTC) == datetime(2025, 7, 3, 17, tzinfo=UTC)
    assert early.session.is_half
    assert late.session.day == date(2025, 7, 7)
    assert early.activity[:, 540 + 5 :].max() < 0.2


def test_several_moves_are_planted_for_each_symbol(week: tuple[MarketDay, ...]) -> None:
    """Both kinds, both directions, holding and failing, at least five a symbol and session."""
    for day in week:
        for one in INSTRUMENTS:
            assert sum(move.symbol == one.symbol for move in day.moves) >= 5
    moves = [move for day in week for move in day.moves]
    assert {(move.kind, move.direction, move.holds) for move in moves} == {
        (kind, direction, holds) for kind in MoveKind for direction in (1, -1) for holds in (True, False)
    }


def test_planted_moves_are_in_the_prices(week: tuple[MarketDay, ...]) -> None:
    """From start to end the price goes the way and about as far as is said; before it is calmer, within it busier."""
    names = [one.symbol for one in INSTRUMENTS]
    for day in week:
        for move in day.moves:
            row = names.index(move.symbol)
            calm, start, end = ((at - day.start_ns) // MINUTE_NS for at in (move.calm_ns, move.start_ns, move.end_ns))
            gone = day.price[row, end] / day.price[row, start] - 1.0
            assert gone * move.direction > 0
            assert gone == pytest.approx(move.size, abs=0.6 * abs(move.size))
            assert day.activity[row, start:end].mean() > 2.5 * day.activity[row, calm:start].mean() * 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"symbols": ["XYZ"]}, {"days": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"seed": -1}, {"minutes": -1}],
)
def test_bad_parameters_are_refused(wrong: dict[str, object]) -> None:
    """Each with a text that names what was expected."""
    with pytest.raises(ValueError, match=r"was|non-negative"):
        list(islice(open_sim(**wrong).records(1), 1))  # type: ignore[arg-type]


def test_a_span_that_a_heartbeat_would_cut_is_refused() -> None:
    """As frames must not cross heartbeats."""
    with pytest.raises(ValueError, match="multiple"):
        open_sim(rule=FrameRule(64, 300_000_000))
