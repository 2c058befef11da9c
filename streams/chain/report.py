"""What a look at a chain tells: its ChainFrame and its SurfaceFrame."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.records import ChainFrame, SurfaceFrame
from streams.chain.chain import ChainView, ExpiryView, ages_s
from streams.chain.closes import ClosingVols
from streams.chain.kernels import read_slice
from streams.chain.quotes import ChainQuotes
from streams.options.contracts.expiry import YEAR_NS
from streams.options.surface.function import variance_at
from streams.options.surface.smile import smile_figures

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

NEVER_MS = -1
MS_PER_S = 1_000.0
UNUSUAL_VOLUME_MIN = 500
UNUSUAL_RATIO = 3.0
"""A contract's volume of a day is unusual from so many contracts on and so many times its open interest."""
THIRTY_DAYS_NS = 30 * 86_400_000_000_000
GREEKS = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")


def chain_frame(view: ChainView, quotes: ChainQuotes, wanted: Bool, whole: bool) -> ChainFrame | None:
    """Return the frame of the contracts that are wanted, (n,) of the chain's; None where none can be traded."""
    parts = [_Part(view, number, wanted) for number in range(len(view.expiries))]
    parts = [part for part in parts if part.rows.size]
    if not parts:
        return None
    rows = np.concatenate([part.rows for part in parts])
    names = [quotes.names[row] for row in rows.tolist()]
    order = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
    rows = rows[order]
    ages = ages_s(quotes, view.event_ns)[rows]
    columns = {name: np.concatenate([part.columns[name] for part in parts])[order] for name in parts[0].columns}
    return ChainFrame(
        symbol=view.symbol,
        event_ns=view.event_ns,
        spot=view.spot,
        whole=whole,
        contracts=tuple(names[i] for i in order.tolist()),
        expiry_ns=np.concatenate([np.full(part.rows.size, part.expiry_ns, np.int64) for part in parts])[order],
        age_ms=np.where(np.isnan(ages), NEVER_MS, np.nan_to_num(ages * MS_PER_S)).astype(np.int64),
        bits=columns.pop("bits").astype(np.int64),
        iv_status=columns.pop("iv_status").astype(np.uint8).tobytes(),
        **{name: quotes.column(name)[rows].copy() for name in ("bid", "ask", "last")},
        **{name: quotes.count(name)[rows].copy() for name in ("bid_size", "ask_size", "volume", "open_interest")},
        **columns,
    )


class _Part:
    """The wanted rows of one expiry. rows: their places in the chain's columns."""

    def __init__(self, view: ChainView, number: int, wanted: Bool) -> None:
        expiry = view.expiries[number]
        at = np.flatnonzero(wanted[expiry.rows])
        self.rows = expiry.rows[at]
        self.expiry_ns = expiry.key.expiry_ns
        figures, judged = expiry.slice.figures, expiry.slice.hygiene
        self.columns: dict[str, NDArray[np.generic]] = {
            "bits": judged.bits[at],
            "quality": judged.quality[at],
            "iv": figures.vol[at],
            "iv_status": figures.status[at],
            "smile_vol": figures.black[at],
            "half_spread": figures.half_spread[at],
            **greeks_of(expiry, view.surface.slices[number], at),
        }


def greeks_of(expiry: ExpiryView, row: F64, at: I64) -> dict[str, F64]:
    """Return the greeks of contracts, and what they are worth at the surface's volatility, each (n,).

    A model's volatility differs from Black's by what cash does to it; the difference is that of the contract's own.
    Where no quote tells a volatility, the greeks are those at the surface's.
    """
    point, way, figures = expiry.slice.forward.point, expiry.slice.forward.exercise, expiry.slice.figures
    strike, is_call = expiry.strike[at], expiry.is_call[at]
    quoted = {name: getattr(figures.greeks, name)[at] for name in GREEKS}
    vol = np.empty(at.size)
    read_slice(row, point.forward, point.terms.years, strike, vol)
    own = figures.used[at] - figures.black[at]
    vol = vol + np.where(np.isfinite(own), own, 0.0)
    if not np.isfinite(vol).any():
        return quoted | {"theoretical": np.full(at.size, np.nan)}
    fitted = way.greeks(point, vol, strike, is_call, at)
    silent = np.isnan(figures.used[at])
    every = {name: np.where(silent, getattr(fitted, name), quoted[name]) for name in GREEKS}
    return every | {"theoretical": fitted.price}


def surface_frame(view: ChainView, quotes: ChainQuotes, closes: ClosingVols, event: tuple[int, float]) -> SurfaceFrame:
    """Return the frame of the surface. event: instant (0: none) and implied move of the next one."""
    expiries, fit = view.expiries, view.surface
    forwards = [one.slice.forward for one in expiries]
    years = np.array([one.terms.years for one in expiries])
    smiles = smile_figures(fit.slices, years)
    vol_30d = vol_at(view, THIRTY_DAYS_NS)
    return SurfaceFrame(
        symbol=view.symbol,
        event_ns=view.event_ns,
        spot=view.spot,
        rate_known=view.rate_known,
        ex_ns=np.array([one.ex_ns for one in view.dividends], np.int64),
        cash=np.array([one.cash for one in view.dividends], np.float64),
        expiry_ns=np.array([one.key.expiry_ns for one in expiries], np.int64),
        root=tuple(one.key.root for one in expiries),
        years=years,
        clock=view.clock,
        rate=np.array([one.terms.rate for one in expiries]),
        forward=np.array([one.forward for one in forwards]),
        forward_bp=np.array([one.deviation_bp for one in forwards]),
        forward_quality=np.array([one.quality for one in forwards]),
        forward_age_s=np.array([one.age_s for one in forwards]),
        forward_status=bytes(int(one.status) for one in forwards),
        strikes=np.array([one.strikes for one in forwards], np.int64),
        borrow=np.array([one.known.mean for one in forwards]),
        borrow_deviation=np.array([one.known.deviation for one in forwards]),
        slices=fit.slices.reshape(-1),
        model=fit.model.astype(np.uint8).tobytes(),
        fit_status=fit.status.astype(np.uint8).tobytes(),
        quotes=fit.quotes,
        rms=fit.rms,
        worst=fit.worst,
        butterfly=fit.butterfly,
        calendar=fit.calendar,
        atm_vol=smiles.atm_vol,
        skew=smiles.slope,
        risk_reversal=smiles.risk_reversal,
        implied_move=smiles.implied_move,
        put_volume=_sums(expiries, quotes.count("volume"), False),
        call_volume=_sums(expiries, quotes.count("volume"), True),
        put_interest=_sums(expiries, quotes.count("open_interest"), False),
        call_interest=_sums(expiries, quotes.count("open_interest"), True),
        unusual=unusual(quotes),
        vol_30d=vol_30d,
        vol_rank=closes.rank(vol_30d),
        vol_closes=len(closes.vols),
        next_event_ns=event[0],
        event_move=event[1],
    )


def vol_at(view: ChainView, ahead_ns: int) -> float:
    """Return the volatility at the forward at an instant ahead, per sqrt(year); NaN where no slice tells."""
    if not view.expiries:
        return float("nan")
    ahead = view.clock_to(ahead_ns)
    variance = float(variance_at(view.clock, view.surface.slices, ahead, 0.0))
    return float(np.sqrt(variance / (ahead_ns / YEAR_NS)))


def unusual(quotes: ChainQuotes) -> tuple[str, ...]:
    """Return the contracts whose volume of the day is far above their open interest, by symbol."""
    volume, interest = quotes.count("volume"), quotes.count("open_interest")
    found = np.flatnonzero((volume >= UNUSUAL_VOLUME_MIN) & (volume >= UNUSUAL_RATIO * interest) & (interest > 0))
    return tuple(sorted(quotes.names[row] for row in found.tolist()))


def _sums(expiries: Sequence[ExpiryView], counts: I64, is_call: bool) -> I64:
    """Return an expiry's total over the contracts of one right, (e,)."""
    return np.array([int(counts[one.rows[one.is_call == is_call]].sum()) for one in expiries], np.int64)
