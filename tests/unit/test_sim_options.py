"""Simulated options: the ticks beside them stay as they were, quotes lie around the truth, news and prices agree."""

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise, takewhile

import numpy as np
import pytest

from aiots.config import load_config
from aiots.sim_truth import other_rate, truth_of
from connectors.sources.calendars import exchange_calendar
from connectors.sources.frames import ASK, BID, OPEN_INTEREST, PAIRED, TRADE
from connectors.sources.record import SourceRecord
from connectors.sources.sessions import SECOND_NS
from connectors.sources.sim import OptionParams, SimParams, SimSource, open_sim
from connectors.sources.sim_chain import chain_mids, chain_state
from connectors.sources.sim_chain_american import prices
from connectors.sources.sim_chain_listing import close_ns, expiry_days, strikes_of
from connectors.sources.sim_chain_market import DIVIDENDS, KINDS, YEAR_NS
from connectors.sources.sim_chain_truth import TruthKind, black_otm
from connectors.sources.sim_option_days import ROW_OF
from schemas.osi import OptionSymbol, parse_osi
from schemas.records import MarketEvent, MarketEventKind, OptionFrame, TickFrame
from schemas.wire import decode
from streams.log.filter import IdFilter

SYMBOLS = ("AAPL", "MSFT", "GOOGL")
OPTIONS = OptionParams(SYMBOLS, expiries=4, strikes=10)


def opened(**changes: object) -> SimSource:
    return open_sim(**{"seed": 7, "minutes": 2, "symbols": SYMBOLS, "rate": 40.0, "options": OPTIONS, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def source() -> SimSource:
    return opened()


@pytest.fixture(scope="module")
def played(source: SimSource) -> list[SourceRecord]:
    return list(source.records(3))


class Rows:
    """All option rows of a symbol: event_ns, contract (of names), kind, flags, price, size."""

    def __init__(self, records: Sequence[SourceRecord], symbol: str) -> None:
        decoded = (decode(record.payload) for record in records)
        frames = [one for one in decoded if isinstance(one, OptionFrame) and one.symbol == symbol]
        self.names = sorted({name for frame in frames for name in frame.contracts})
        number = {name: at for at, name in enumerate(self.names)}
        self.event_ns = np.concatenate([frame.base_ns + np.cumsum(frame.delta_ns) for frame in frames])
        books = [np.array([number[name] for name in frame.contracts]) for frame in frames]
        self.contract = np.concatenate([book[frame.contract] for book, frame in zip(books, frames, strict=True)])
        self.kind = np.frombuffer(b"".join(frame.kind for frame in frames), np.uint8)
        self.flags = np.frombuffer(b"".join(frame.flags for frame in frames), np.uint8)
        self.price = np.concatenate([frame.price for frame in frames])
        self.size = np.concatenate([frame.size for frame in frames])

    def contract_of(self, number: int) -> OptionSymbol:
        parsed = parse_osi(self.names[number])
        assert isinstance(parsed, OptionSymbol)
        return parsed


@pytest.fixture(scope="module")
def rows(played: list[SourceRecord]) -> dict[str, Rows]:
    return {symbol: Rows(played, symbol) for symbol in SYMBOLS}


def test_without_options_a_recording_is_what_it_was() -> None:
    """Its name hashes the parameters that there were before, and its ticks are those of a run with options."""
    text = (
        "SimParams(seed=7, day=datetime.date(2025, 6, 2), days=1, symbols=('AAPL', 'MSFT', 'GOOGL'), rate=40.0,"
        " minutes=2, rule=FrameRule(ticks_max=64, span_ns=250000000), heartbeat_ns=5000000000)"
    )
    plain = opened(options=None)
    assert repr(plain.params) == text
    assert plain.plan == f"sim/{hashlib.sha256(f'1 {np.__version__} {text}'.encode()).hexdigest()[:16]}"
    assert opened().plan != plain.plan
    ticks = [
        [one.payload for one in run.records(3) if isinstance(decode(one.payload), TickFrame)]
        for run in (plain, opened())
    ]
    assert ticks[0] == ticks[1]
    assert plain.option_truths == {}


def test_the_same_parameters_give_the_same_options(source: SimSource, played: list[SourceRecord]) -> None:
    """Every byte and id; the payloads of a symbol whatever the partitions and whichever others have options."""
    assert list(opened().records(3)) == played
    wanted = [one.payload for one in played if one.key == "MSFT" and one.rows]
    assert [one.payload for one in opened().records(1) if one.key == "MSFT" and one.rows] == wanted
    alone = opened(options=OptionParams(("MSFT",), expiries=4, strikes=10))
    assert [one.payload for one in alone.records(3) if one.key == "MSFT" and one.rows] == wanted
    assert opened(seed=8).plan != source.plan


def test_order_ids_and_promises_hold(source: SimSource, played: list[SourceRecord]) -> None:
    """Event-time order, unbroken places, nothing before a heartbeat that promised it, about as many rows as said."""
    assert all(before.event_ns <= after.event_ns for before, after in pairwise(played))
    filters = [IdFilter(strict=True) for _ in range(3)]
    assert all(filters[record.partition].accept(record.record_id, record.previous) for record in played)
    newest = [0, 0, 0]
    for record in played:
        what = decode(record.payload)
        if isinstance(what, MarketEvent) and what.kind is MarketEventKind.HEARTBEAT:
            newest[record.partition] = what.event_ns
        elif isinstance(what, OptionFrame):
            assert what.base_ns >= newest[record.partition]
    total = source.rows_total
    assert total is not None
    assert 0.6 < sum(record.rows for record in played) / total < 1.6


def test_quotes_are_pairs_on_the_exchanges_ticks(rows: dict[str, Rows]) -> None:
    """A bid, then its ask at the same time; cents below 3.00, nickels above; sides without a price have no size."""
    for one in rows.values():
        bid = np.flatnonzero(one.kind == BID)
        assert (one.flags[bid] == PAIRED).all()
        assert (one.kind[bid + 1] == ASK).all()
        assert (one.event_ns[bid + 1] == one.event_ns[bid]).all()
        assert (one.contract[bid + 1] == one.contract[bid]).all()
        assert (one.price[bid + 1] > one.price[bid]).all()
        for price in (one.price[bid], one.price[bid + 1]):
            tick = np.where(price < 3.0, 0.01, 0.05)
            np.testing.assert_allclose(price / tick, np.round(price / tick), atol=1e-6)
        empty = one.price[bid] == 0.0
        assert 0.0 < empty.mean() < 0.3
        assert np.array_equal(one.size[bid] == 0, empty)
        assert one.size[bid + 1].min() >= 1


def test_open_interest_comes_first_and_trades_are_at_quotes(rows: dict[str, Rows]) -> None:
    """Each contract's interest before its first quote; a trade at the standing bid or ask."""
    for one in rows.values():
        count = len(one.names)
        assert (one.kind[:count] == OPEN_INTEREST).all()
        assert len(set(one.contract[:count].tolist())) == count
        trades = np.flatnonzero(one.kind == TRADE)
        assert len(trades) > 5
        for at in trades.tolist():
            same = np.flatnonzero(one.contract[:at] == one.contract[at])
            standing = {kind: one.price[same[one.kind[same] == kind][-1]] for kind in (BID, ASK)}
            assert one.price[at] in standing.values()


def test_quotes_lie_around_the_american_truth(
    source: SimSource, played: list[SourceRecord], rows: dict[str, Rows]
) -> None:
    """Truth: Black at the truth's volatility, and what a lattice of its own says that early exercise adds."""
    for symbol, one in rows.items():
        truth, (when, middle) = source.option_truth(symbol), middles(played, symbol)
        bids = np.flatnonzero(one.kind == BID)
        looks = np.unique(one.event_ns[bids] // (10 * SECOND_NS))
        worst, inside, all_of = 0.0, 0, 0
        for at in bids[:: max(1, len(bids) // 60)].tolist():
            contract = one.contract_of(int(one.contract[at]))
            event_ns, expiry_ns = int(one.event_ns[at]), close_ns(contract.expiry, source.calendar)
            spot = float(middle[np.searchsorted(when, event_ns) - 1])
            strike, is_call = np.array([contract.strike]), np.array([contract.is_call])
            years, forward = (expiry_ns - event_ns) / YEAR_NS, truth.forward(event_ns, expiry_ns, spot)
            vol = truth.vol(event_ns, expiry_ns, strike, spot)
            if np.isnan(vol[0]):
                continue
            k = np.log(strike / forward)
            outside = forward * black_otm(k, vol**2 * years)
            inner = outside + max(0.0, (forward - contract.strike) * (1.0 if contract.is_call else -1.0))
            spot_vol = truth.spot_vol(event_ns, expiry_ns, strike, spot)
            american, european = prices(truth.carry(event_ns), years, np.array([spot]), strike, is_call, spot_vol, 200)
            fair = float(inner[0]) * math.exp(-truth.rate * years) + float((american - european)[0, 0])
            bid, ask = one.price[at], one.price[at + 1]
            if bid > 0.0:
                all_of += 1
                inside += bool(bid - 0.01 <= fair <= ask + 0.01)
                worst = max(worst, abs(0.5 * (bid + ask) - fair) / (ask - bid))
            else:
                assert fair <= ask + 0.01
        assert len(looks) > 8
        assert all_of > 30
        assert inside == all_of
        assert worst < 0.6


def middles(records: Sequence[SourceRecord], symbol: str) -> tuple[np.ndarray, np.ndarray]:
    """Return when an underlying was quoted, and the middles."""
    when, middle = [], []
    for record in records:
        frame = decode(record.payload) if record.key == symbol else None
        if isinstance(frame, TickFrame):
            bid = np.flatnonzero(np.frombuffer(frame.kind, np.uint8) == BID)
            when.append((frame.base_ns + np.cumsum(frame.delta_ns))[bid])
            middle.append(0.5 * (frame.price[bid] + frame.price[bid + 1]))
    return np.concatenate(when), np.concatenate(middle)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_european_values_have_no_arbitrage(source: SimSource, symbol: str) -> None:
    """Put-call parity; calls fall with the strike, less and less."""
    truth, event_ns = source.option_truth(symbol), source.days[0].session.open_ns
    years = [float(truth.time.between(event_ns, one.expiry_ns)) for one in source.listings[0][symbol]]
    state = chain_state(truth.surface, np.array(years), 1e-4)
    strike = np.linspace(90.0, 112.0, 45)
    for mids in chain_mids(state, 5e-5, np.full(len(years), 100.0), [strike] * len(years)):
        np.testing.assert_allclose(mids.call - mids.put, 100.0 - strike, atol=1e-9)
        assert (np.diff(mids.call) < 1e-9).all()
        assert (np.diff(mids.call, 2) > -1e-6).all()


def test_news_are_told_before_they_happen_and_move_prices() -> None:
    """Earnings between the first two expiries jump the price; an ex-date takes the cash off, on that morning."""
    symbols = ("META",)
    run, plain = (opened(symbols=symbols, minutes=1, days=12, options=one) for one in (OptionParams(symbols), None))
    truth, row = run.option_truth("META"), ROW_OF["META"]
    first, second = run.listings[0]["META"][:2]
    assert first.expiry_ns < truth.event_ns < second.expiry_ns
    with_news = np.array([day.price[row, 0] for day in run.days])
    ratio = with_news / np.array([day.price[row, 0] for day in plain.days])
    opened_ns = np.array([day.session.open_ns for day in run.days])
    before, after = opened_ns < truth.event_ns, (opened_ns > truth.event_ns) & (opened_ns < truth.ex_ns[0])
    np.testing.assert_allclose(ratio[before], 1.0)
    np.testing.assert_allclose(ratio[after], truth.jump)
    paid = opened_ns >= truth.ex_ns[0]
    assert paid.any()
    np.testing.assert_allclose(ratio[paid] / truth.jump, 1.0 - truth.cash[0] / with_news[after][-1], rtol=2e-4)
    opening = takewhile(lambda record: record.event_ns == run.first_ns, run.records(1))
    told = [decode(record.payload) for record in opening]
    news = [one for one in told if isinstance(one, MarketEvent) and one.symbol == "META"]
    assert {(one.kind, one.start_ns, one.value) for one in news} == {
        (MarketEventKind.EARNINGS, truth.event_ns, 0.0),
        *((MarketEventKind.DIVIDEND, int(ex), truth.cash[0]) for ex in truth.ex_ns),
    }


def test_an_evening_with_earnings_has_the_jump() -> None:
    """A whole day is played: the price jumps within the minute of the announcement."""
    run, plain = (
        opened(symbols=("GOOGL",), minutes=None, days=7, options=one) for one in (OptionParams(("GOOGL",)), None)
    )
    truth, row = run.option_truth("GOOGL"), ROW_OF["GOOGL"]
    number = next(at for at, day in enumerate(run.days) if day.start_ns <= truth.event_ns < day.end_ns)
    ratio = run.days[number].price[row] / plain.days[number].price[row]
    minute = (truth.event_ns - run.days[number].start_ns) // (60 * SECOND_NS)
    ratio /= ratio[0]  # It has paid a dividend that morning or before.
    np.testing.assert_allclose(ratio[: minute + 1], 1.0, rtol=1e-6)
    np.testing.assert_allclose(ratio[minute + 1 :], truth.jump, rtol=1e-6)


def test_what_is_listed_follows_the_calendar_and_stays() -> None:
    """2025-07-04 is a holiday and the day before a half day; a strike that was listed is listed until it expires."""
    calendar = exchange_calendar(date(2025, 6, 1), date(2027, 6, 1))
    days = expiry_days(date(2025, 6, 30), 8, calendar)
    assert days[:4] == (date(2025, 7, 3), date(2025, 7, 11), date(2025, 7, 18), date(2025, 7, 25))
    assert days[4:] == (date(2025, 8, 15), date(2025, 9, 19), date(2025, 12, 19), date(2026, 3, 20))
    assert close_ns(days[0], calendar) == 1_751_562_000_000_000_000, "13:00 in New York"
    seen: set[date] = set()
    for number in range(60):
        day = date(2025, 6, 30) + timedelta(days=number)
        if calendar.session(day):
            now = expiry_days(day, 8, calendar)
            assert len(now) == len(set(now)) == 8
            assert {one for one in seen if one >= day} <= set(now)
            seen |= set(now)
    near = strikes_of(100.0, 0.05, 20)
    further = strikes_of(110.0, 0.05, 20, near)
    assert set(near) < set(further)
    assert (np.diff(further) > 0.0).all()


def test_a_third_of_the_symbols_has_each_kind() -> None:
    """Three each; funds report no earnings."""
    kinds = list(KINDS.values())
    assert [kinds.count(kind) for kind in TruthKind] == [3, 3, 3]
    assert set(DIVIDENDS) < set(KINDS)
    assert TruthKind.EARNINGS not in {KINDS["SPY"], KINDS["QQQ"]}


def test_the_truth_as_json_says_what_the_source_says(source: SimSource) -> None:
    """Moves, parameters of each chain, and smiles at the opening; every line is plain JSON."""
    lines = [json.loads(json.dumps(one, allow_nan=False)) for one in truth_of(source)]
    chains = {one["symbol"]: one for one in lines if one["record"] == "chain"}
    assert [chains[symbol]["kind"] for symbol in SYMBOLS] == ["ssvi", "bates", "earnings"]
    assert chains["GOOGL"]["move"] == pytest.approx(source.option_truth("GOOGL").surface.move)
    assert sum(one["record"] == "move" for one in lines) == len(source.truth)
    smiles = [one for one in lines if one["record"] == "smile"]
    assert len(smiles) == 3 * OPTIONS.expiries
    for one in smiles:
        truth = source.option_truth(one["symbol"])
        vol = truth.vol(one["event_ns"], one["expiry_ns"], np.array(one["strike"]), one["spot"])
        np.testing.assert_array_equal(vol, np.array(one["vol"], np.float64))
        assert truth.rate == OPTIONS.interest


def test_another_rate_in_the_config_is_said(source: SimSource) -> None:
    """None, another and the right one; nothing without options."""
    said = [
        other_rate(load_config(environ={"AIOTS_RATES": one}), source)
        for one in ("{}", '{"2020-01-01": 0.01}', '{"2020-01-01": 0.043}')
    ]
    assert "no rate" in said[0]
    assert "0.01" in said[1]
    assert said[2] == ""
    assert other_rate(load_config(environ={}), opened(options=None)) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"symbols": ("IBM",)}, "options are of AAPL"),
        ({"rate": 50.0}, "rate <= 20"),
        ({"expiries": 1}, "2 to 20 expiries"),
        ({"strikes": 500}, "5 to 100 strikes"),
        ({"interest": 4.3}, "interest <= 0.5"),
    ],
)
def test_options_that_cannot_be_simulated_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        OptionParams(**{"symbols": ("AAPL",), **changes})  # type: ignore[arg-type]


def test_options_need_their_underlying() -> None:
    with pytest.raises(ValueError, match="TSLA is not among"):
        SimParams(symbols=("AAPL",), options=OptionParams(("TSLA",)))
