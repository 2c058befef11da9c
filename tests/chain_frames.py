"""Frames of a chain of two expiries, made by hand: for tests of what shows them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.records import ChainFrame, SurfaceFrame
from streams.options.contracts.clock import DAY_NS, SECOND_NS
from streams.options.surface import total_variance

NOW_NS = 1_702_564_200_000_000_000
"""2023-12-14 09:30 in New York."""
EXPIRIES = (NOW_NS + 36 * DAY_NS + 23_400 * SECOND_NS, NOW_NS + 92 * DAY_NS + 19_800 * SECOND_NS)
DAYS = ("240119", "240315")
FORWARDS = (100.5, 101.25)
SLICES = ((0.004, 0.05, -0.4, 0.0, 0.1), (0.012, 0.09, -0.4, 0.0, 0.15))
STRIKES = tuple(range(85, 120, 5))


def years_of(number: int) -> float:
    """Return ACT/365 years to an expiry."""
    return (EXPIRIES[number] - NOW_NS) / (365.0 * DAY_NS)


def vols(number: int) -> NDArray[np.float64]:
    """The fit of an expiry at the strikes."""
    k = np.log(np.array(STRIKES) / FORWARDS[number])
    return np.asarray(np.sqrt(total_variance(SLICES[number], k) / years_of(number)))


def surface(event_ns: int = NOW_NS, rate_known: bool = True, vol_closes: int = 3) -> SurfaceFrame:
    """A surface of two expiries."""
    two, counts = np.array([0.1, 0.2]), np.array([10, 20], np.int64)
    return SurfaceFrame(
        symbol="XYZ", event_ns=event_ns, spot=100.0, rate_known=rate_known, ex_ns=np.array([NOW_NS + 9 * DAY_NS]),
        cash=np.array([0.25]), expiry_ns=np.array(EXPIRIES), root=("XYZ", "XYZ"),
        years=np.array([years_of(0), years_of(1)]), clock=np.array([0.1, 0.25]), rate=two, forward=np.array(FORWARDS),
        forward_bp=np.array([1.25, np.nan]), forward_quality=np.array([0.75, 0.0]), forward_age_s=two,
        forward_status=bytes([0, 2]), strikes=counts, borrow=np.array([0.0123, 0.0]), borrow_deviation=two,
        slices=np.array(SLICES).reshape(-1), model=bytes([1, 2]), fit_status=bytes([0, 1]), quotes=counts,
        rms=np.array([0.0025, 0.0]), worst=np.array([0.005, 0.0]), butterfly=np.array([0.31, -0.02]),
        calendar=np.array([np.nan, 0.015]), atm_vol=np.array([vols(0)[3], vols(1)[3]]), skew=-two, risk_reversal=-two,
        implied_move=two, put_volume=counts, call_volume=2 * counts, put_interest=counts, call_interest=counts,
        unusual=("XYZ   240119C00105000",), vol_30d=0.2134, vol_rank=np.nan, vol_closes=vol_closes, next_event_ns=0,
        event_move=np.nan,
    )  # fmt: skip


def chain_frame(event_ns: int, names: Sequence[str], whole: bool, bid: float = 1.0) -> ChainFrame:
    """A frame of contracts that are quoted at bid, at 0.20 above it, and whose volatilities are those of the fit."""
    count = len(names)
    ones, numbers = np.full(count, 0.5), np.arange(count, dtype=np.int64)
    of = [DAYS.index(name[6:12]) for name in names]
    smile = np.array([vols(n)[STRIKES.index(int(name[13:]) // 1000)] for n, name in zip(of, names, strict=True)])
    return ChainFrame(
        symbol="XYZ", event_ns=event_ns, spot=100.0, whole=whole, contracts=tuple(names),
        expiry_ns=np.array([EXPIRIES[n] for n in of], np.int64), bid=np.full(count, bid), ask=np.full(count, bid + 0.2),
        bid_size=numbers, ask_size=numbers, last=np.full(count, np.nan), volume=numbers + 1, open_interest=numbers + 2,
        age_ms=np.full(count, 500, np.int64), bits=np.zeros(count, np.int64), quality=ones, iv=smile,
        iv_status=bytes(count), smile_vol=smile, half_spread=np.full(count, 0.01), delta=ones, gamma=ones, vega=ones,
        theta=ones, rho=ones, vanna=ones, volga=ones, charm=ones, theoretical=np.full(count, bid + 0.25),
    )  # fmt: skip


def every_name() -> list[str]:
    """Return every contract of the chain."""
    return sorted(f"{'XYZ':6}{day}{right}{strike * 1000:08d}" for day in DAYS for strike in STRIKES for right in "CP")
