"""The spine's laws for chains: cuts into frames and batches, restarts and repetition change no byte."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, SurfaceFrame
from streams.chain.analytics import ChainAnalytics, Params, make
from streams.stage import Rejected
from tests.option_frames import BEGIN_NS, RATE, SOURCE, SYMBOL, Session, frames, session

PARAMS = Params(rates={"2023-01-01": RATE})
END = MarketEvent("", SOURCE, BEGIN_NS + 5_000_000_000, MarketEventKind.HEARTBEAT)


@cache
def played() -> Session:
    """Return the session that all tests play."""
    return session(2.5)


def records(cuts: Sequence[int]) -> list[bytes]:
    """Return the session's records, a dividend before them and a heartbeat after them."""
    ex_ns = BEGIN_NS + 10 * 86_400_000_000_000
    paid = MarketEvent(SYMBOL, SOURCE, BEGIN_NS, MarketEventKind.DIVIDEND, start_ns=ex_ns, value=0.4)
    return [wire.encode(paid), *frames(played(), cuts), wire.encode(END)]


def told(fold: ChainAnalytics, payloads: Sequence[bytes], batches: Sequence[int] = ()) -> list[bytes]:
    """Return what chains tell of payloads, applied in batches that end before the given places."""
    out = []
    edges = sorted({0, len(payloads), *(edge for edge in batches if 0 < edge < len(payloads))})
    for first, last in pairwise(edges):
        for one in fold.apply(payloads[first:last]):
            assert not isinstance(one, Rejected), one
            if wire.name_of(one.payload) in ("ChainFrame", "SurfaceFrame"):
                out.append(one.payload)
    return out


def fresh() -> ChainAnalytics:
    """Return a new fold."""
    fold = make(PARAMS, 0, 1)
    assert isinstance(fold, ChainAnalytics)
    return fold


@cache
def expected() -> tuple[bytes, ...]:
    """Return what is told where every row has a record of its own."""
    return tuple(told(fresh(), records(range(len(played().rows)))))


def test_a_session_tells_what_a_chain_should() -> None:
    """Forwards, volatilities, greeks and a surface come out, and are those that the quotes were made of."""
    frames_told = [wire.decode(one) for one in expected()]
    surfaces = [one for one in frames_told if isinstance(one, SurfaceFrame)]
    chains = [one for one in frames_told if isinstance(one, ChainFrame)]
    assert len(surfaces) >= 6
    assert [one.whole for one in chains] == [True] + [False] * (len(chains) - 1)
    last = surfaces[-1]
    assert last.forward == pytest.approx([last.spot, last.spot * 1.005], rel=1e-3)
    assert last.cash.tolist() == [0.4]
    assert last.atm_vol == pytest.approx([0.2, 0.2], abs=0.02)
    assert min(last.butterfly) >= 0.0
    assert last.calendar[1] >= 0.0
    name = f"{SYMBOL:6}240119C00100000"
    assert all(list(one.contracts) == sorted(one.contracts) for one in chains)
    seen = [one for one in chains if name in one.contracts][-1]
    call = seen.contracts.index(name)
    assert seen.iv[call] == pytest.approx(0.2, abs=0.02)
    assert 0.4 < seen.delta[call] < 0.65
    assert seen.open_interest[call] > 0
    silent = [one.delta[np.isnan(one.iv)] for one in chains[-3:]]
    assert np.isfinite(np.concatenate(silent)).all(), "where no quote tells a volatility, the surface does"
    assert seen.theoretical[call] == pytest.approx(0.5 * (seen.bid[call] + seen.ask[call]), abs=0.3)


def test_contracts_and_other_work_take_turns_where_the_stream_is_dense() -> None:
    """An instant that fits a surface tells no contracts that were told a step before; the next one tells them."""
    fold = make(replace(PARAMS, chain_contract_ms=25), 0, 1)
    assert isinstance(fold, ChainAnalytics)
    seen = [wire.decode(one) for one in told(fold, records(range(0, 2_000, 7)))]
    surfaces = [one.event_ns for one in seen if isinstance(one, SurfaceFrame)]
    chains = [one.event_ns for one in seen if isinstance(one, ChainFrame)]
    step_ns = 25_000_000
    gaps = {one: (one - before) // step_ns for before, one in pairwise(chains)}
    dense = [one for one in surfaces if one + step_ns in gaps and one - step_ns in chains]
    assert len(dense) >= 4
    assert all(one not in chains for one in dense)
    assert max(gaps.values()) == 2, "nobody waits for more than one instant"
    assert min(gaps.values()) == 1


@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(1, 1_500), max_size=40))
def test_cuts_into_frames_do_not_matter(cuts: list[int]) -> None:
    """However rows are cut into frames, the same bytes are told in the same order."""
    assert tuple(told(fresh(), records(cuts))) == expected()


@settings(max_examples=8, deadline=None)
@given(batches=st.lists(st.integers(1, 1_500), max_size=20))
def test_cuts_into_batches_do_not_matter(batches: list[int]) -> None:
    """However records are cut into batches, the same bytes are told in the same order."""
    assert tuple(told(fresh(), records(range(0, 2_000, 7)), batches)) == tuple(
        told(fresh(), records(range(0, 2_000, 7)))
    )


@settings(max_examples=12, deadline=None)
@given(stops=st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_a_restart_changes_nothing(stops: list[int]) -> None:
    """State that was saved between any two records and loaded elsewhere goes on with the same bytes."""
    payloads = records(range(0, 2_000, 5))
    state: dict[str, bytes] = {}
    fold, out, before = fresh(), list[bytes](), 0
    for stop in [*sorted({min(stop, len(payloads)) for stop in stops}), len(payloads)]:
        out += told(fold, payloads[before:stop])
        for key, data in fold.changed().items():
            if data is None:
                state.pop(key, None)
            else:
                state[key] = data
        fold, before = fresh(), stop
        fold.load(state)
    assert tuple(out) == tuple(told(fresh(), payloads))


@pytest.mark.parametrize(("step_ms", "look_ms"), [(100, 100), (50, 100), (50, 200)])
def test_tables_are_built_however_looks_take_their_turns(step_ms: int, look_ms: int) -> None:
    """Where looks and surfaces take every turn of a dense stream, the looks build, or tables would wait for ever."""
    busy = session(3.0, strikes=range(80, 121, 2))
    ex_ns = BEGIN_NS + 10 * 86_400_000_000_000
    paid = MarketEvent(SYMBOL, SOURCE, BEGIN_NS, MarketEventKind.DIVIDEND, start_ns=ex_ns, value=0.4)
    fold = make(replace(PARAMS, chain_step_ms=step_ms, chain_look_ms=look_ms), 0, 1)
    assert isinstance(fold, ChainAnalytics)
    assert told(fold, [wire.encode(paid), *frames(busy, range(0, len(busy.rows), 40))])
    (chain,) = fold._chains.by_symbol.values()
    near, far = (kept.due for _, kept in chain._chain.expiries)
    assert near == 0
    assert far <= len(busy.contracts) // 2 - 8, "16 of 42 come at once, and then none did"
