"""The morning after a 7:1 split: another spot, other strikes, adjusted contracts beside the new ones; one volatility.

The chain is made: Apple's of 2014-06-06 and 06-09, options quoted around Black's prices in two seconds before the close
and two after the opening. The split is the event that LEAN's source tells of it.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.sources.lean import open_lean
from schemas import wire
from schemas.frames import encode_ticks
from schemas.option_frames import encode_options
from schemas.records import ChainFrame, MarketEvent, MarketEventKind, SurfaceFrame
from streams.chain.analytics import ChainAnalytics, Params, make
from streams.options.contracts.clock import SECOND_NS
from streams.options.greeks import greeks
from streams.stage import Rejected

F64 = NDArray[np.float64]

SYMBOL, SOURCE, RATE, VOL = "AAPL", "lean", 0.002, 0.25
FRIDAY_NS, MONDAY_NS = 1_402_084_797_000_000_000, 1_402_320_600_000_000_000
"""2014-06-06 15:59:57 and 2014-06-09 09:30 in New York."""
SPLIT_NS = MONDAY_NS - 19_800_000_000_000
"""04:00, when the day's session starts."""
BEFORE, AFTER, RATIO = 645.6, 92.2, 7.0
EXPIRIES = (("140719", 1_405_713_600_000_000_000), ("141018", 1_413_576_000_000_000_000))
CASH, EX_NS = 3.29, 1_407_418_200_000_000_000
"""3.29 a share of before the split, on 2014-08-07."""
PROMISE = MarketEventKind.HEARTBEAT
PARAMS = Params(rates={"2014-01-01": RATE})


class Quotes(NamedTuple):
    """Rows of options at one time: contracts, bids and asks, (n,) each."""

    contracts: tuple[str, ...]
    bid: F64
    ask: F64


def chain_at(now_ns: int, spot: float, root: str = SYMBOL, share: float = 1.0) -> Quotes:
    """Return quotes around Black's prices at strikes about a spot; share: of a share's price that is quoted."""
    names, fair = [], []
    for day, end_ns in EXPIRIES:
        years = (end_ns - now_ns) / 31_536_000_000_000_000
        carried = spot - (CASH * spot / BEFORE if end_ns > EX_NS else 0.0)
        for rung in np.linspace(0.88, 1.12, 9).tolist():
            strike = round(rung * spot * 2.0) / 2.0
            for right in "CP":
                names.append(f"{root:6}{day}{right}{round(strike * 1000):08d}")
                fair.append(float(greeks(carried, strike, years, RATE, 0.0, VOL, right == "C").price) * share)
    middle = np.array(fair)
    half = 0.002 * spot * share
    return Quotes(tuple(names), np.maximum(np.round(middle - half, 2), 0.01), np.round(middle + half, 2))


def day(begin_ns: int, spot: float, extra: Quotes | None = None, cut: int = 1_000) -> list[bytes]:
    """Return frames of four half seconds: the underlying's quote, every option's, those of `extra` beside them."""
    out = []
    for step in range(4):
        now_ns, level = begin_ns + (1 + step) * SECOND_NS // 2, spot * (1.0 + 1e-4 * step)
        under = np.array([round(level - 0.01, 2), round(level + 0.01, 2)])
        none, sizes = np.zeros(2, np.int64), np.full(2, 100, np.int64)
        out.append(
            encode_ticks(
                SYMBOL,
                SOURCE,
                np.full(2, now_ns),
                np.array([1, 2], np.uint8),
                none.astype(np.uint8),
                under,
                sizes,
                none,
            )
        )
        for quotes in [chain_at(now_ns, level), *([extra] if extra else [])]:
            rows = len(quotes.contracts)
            for first in range(0, rows, cut):
                part = slice(first, min(first + cut, rows))
                out.append(frame(Quotes(quotes.contracts[part], quotes.bid[part], quotes.ask[part]), now_ns))
    return out


def frame(quotes: Quotes, now_ns: int) -> bytes:
    """Return one frame of both sides of each contract."""
    count = len(quotes.contracts)
    rows = np.arange(2 * count)
    return encode_options(
        SYMBOL, SOURCE, quotes.contracts, np.full(2 * count, now_ns), rows // 2, (1 + rows % 2).astype(np.uint8),
        np.zeros(2 * count, np.uint8), np.stack([quotes.bid, quotes.ask], 1).ravel(), np.full(2 * count, 10, np.int64),
        np.zeros(2 * count, np.int64),
    )  # fmt: skip


def event(kind: MarketEventKind, event_ns: int, symbol: str = SYMBOL, start_ns: int = 0, value: float = 0.0) -> bytes:
    return wire.encode(MarketEvent(symbol, SOURCE, event_ns, kind, start_ns=start_ns, value=value))


SPLIT = event(MarketEventKind.SPLIT, SPLIT_NS, value=RATIO)


def log(extra: Quotes | None = None, cut: int = 1_000) -> list[bytes]:
    """Return Friday's end, the split, Monday's beginning."""
    return [
        event(MarketEventKind.DIVIDEND, FRIDAY_NS, start_ns=EX_NS, value=CASH),
        *day(FRIDAY_NS, BEFORE, cut=cut),
        event(PROMISE, FRIDAY_NS + 60 * SECOND_NS, ""),
        SPLIT,
        *day(MONDAY_NS, AFTER, extra, cut),
        event(PROMISE, MONDAY_NS + 60 * SECOND_NS, ""),
    ]


def told(payloads: Sequence[bytes], stops: Sequence[int] = ()) -> list[bytes]:
    """Return what the chain tells; at each of the stops the fold is thrown away and begun anew from its state."""
    fold, state, out = fresh(), dict[str, bytes](), list[bytes]()
    for first, last in pairwise(sorted({0, len(payloads), *stops})):
        for one in fold.apply(payloads[first:last]):
            assert not isinstance(one, Rejected), one
            out.append(one.payload)
        state |= {key: data for key, data in fold.changed().items() if data is not None}
        fold = fresh()
        fold.load(state)
    return [one for one in out if wire.name_of(one) in ("ChainFrame", "SurfaceFrame")]


def fresh() -> ChainAnalytics:
    fold = make(PARAMS, 0, 1)
    assert isinstance(fold, ChainAnalytics)
    return fold


@cache
def expected() -> tuple[bytes, ...]:
    return tuple(told(log()))


def frames(payloads: Sequence[bytes]) -> tuple[list[SurfaceFrame], list[ChainFrame]]:
    every = [wire.decode(one) for one in payloads]
    return [one for one in every if isinstance(one, SurfaceFrame)], [
        one for one in every if isinstance(one, ChainFrame)
    ]


def test_the_chain_begins_anew_in_new_shares_and_volatility_goes_on() -> None:
    """No contract, spot or forward of before is left; the dividend is a seventh; volatility has no step."""
    surfaces, chains = frames(expected())
    old, new = ([one for one in surfaces if (one.event_ns < SPLIT_NS) == side] for side in (True, False))
    assert len(old) >= 4
    assert len(new) >= 4
    assert [round(one.spot, 1) for one in (old[-1], new[0])] == [pytest.approx(645.8, abs=0.1), AFTER]
    assert np.isnan(old[0].spot), "what the underlying did before its first options is not known"
    for one in (*old[1:], *new):
        assert one.forward_status == bytes(2)
        assert one.forward[0] == pytest.approx(one.spot, rel=1e-3)
        assert one.forward[1] == pytest.approx(one.spot * (1.0 - CASH / BEFORE), rel=2e-3)
    assert old[-1].cash.tolist() == [CASH]
    assert new[-1].cash.tolist() == [pytest.approx(CASH / RATIO)]
    assert new[-1].atm_vol == pytest.approx(old[-1].atm_vol, abs=0.004)
    assert new[-1].vol_30d == pytest.approx(old[-1].vol_30d, abs=0.03)
    assert (old[-1].vol_closes, new[0].vol_closes) == (0, 1), "Friday's close stands beside Monday's: it is split-free"
    strikes = [{int(name[13:]) / 1e3 for name in one.contracts} for one in chains if one.event_ns > SPLIT_NS]
    assert strikes
    assert max(map(max, strikes)) < 1.2 * AFTER
    assert next(one.whole for one in chains if one.event_ns > SPLIT_NS), "readers begin with the whole of it"
    seen = [one for one in chains if one.event_ns > SPLIT_NS][-1]
    assert np.nanmedian(np.abs(seen.iv - VOL)) < 0.01


def test_adjusted_contracts_stay_outside() -> None:
    """Old contracts under an adjusted root, quoted in old shares: forwards, borrow and slices have the same bits."""
    adjusted = chain_at(MONDAY_NS, BEFORE, "AAPL7")
    surfaces, chains = frames(told(log(adjusted)))
    plain, _ = frames(expected())
    assert len(surfaces) == len(plain)
    for one, other in zip(surfaces, plain, strict=True):
        assert one.root == other.root
        for name in ("forward", "forward_bp", "borrow", "slices", "atm_vol", "rms"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert not any(name.startswith("AAPL7") for one in chains for name in one.contracts)


def test_a_restart_anywhere_on_the_split_day_changes_nothing() -> None:
    """Before and after the split's record, and between any frames; frames cut small."""
    payloads = log(cut=7)
    split = payloads.index(SPLIT)
    for stops in ((split,), (split + 1,), (3, split - 1, split + 2), tuple(range(1, len(payloads), 9))):
        assert tuple(told(payloads, stops)) == expected(), stops


def test_the_split_is_the_one_that_is_recorded(lean_data: Path) -> None:
    """LEAN's source tells it once, at the start of the day, between Friday's rows and Monday's."""
    if not (lean_data / "equity/usa/daily/aapl.zip").exists():
        pytest.skip(f"no daily bars of AAPL in {lean_data}")
    source = open_lean([lean_data], ["AAPL"], date(2014, 6, 6), date(2014, 6, 9), "daily", options=False)
    records = [wire.decode(one.payload) for one in source.records(1)]
    splits = [one for one in records if isinstance(one, MarketEvent) and one.kind == MarketEventKind.SPLIT]
    assert [one.symbol for one in splits] == ["AAPL"]
    assert splits[0].value == pytest.approx(RATIO, rel=1e-4)
    assert FRIDAY_NS < splits[0].event_ns <= MONDAY_NS


def test_a_split_takes_effect_at_its_own_time() -> None:
    """Told before Friday's last rows are reckoned, or before they have come: the same chain on Monday."""
    payloads = log()
    at = payloads.index(SPLIT)
    rest = payloads[:at] + payloads[at + 1 :]
    early = [[*rest[: at - 1], SPLIT, *rest[at - 1 :]], [*rest[:5], SPLIT, *rest[5:]]]
    expected = chains_after_the_split(told(payloads))
    assert len(expected) > 1
    for log_ in early:
        assert chains_after_the_split(told(log_)) == expected


def chains_after_the_split(payloads: Sequence[bytes]) -> list[bytes]:
    decoded = [(one, wire.decode(one)) for one in payloads]
    return [data for data, one in decoded if isinstance(one, ChainFrame) and one.event_ns > SPLIT_NS]
