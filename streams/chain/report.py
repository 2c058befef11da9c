"""What a look at a chain tells: its ChainFrame and its SurfaceFrame."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.records import ChainFrame, SurfaceFrame
from streams.chain.chain import Chain, Moment, Surface, ages_s
from streams.chain.closes import ClosingVols
from streams.chain.expiry import Standing, ratio_of
from streams.chain.figures import FLOATS, ContractFigures
from streams.chain.quotes import ChainQuotes
from streams.options.contracts.expiry import YEAR_NS
from streams.options.surface.function import variance_at
from streams.options.surface.smile import smile_figures

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

NEVER_MS = -1
MS_PER_S = 1_000.0
UNUSUAL_VOLUME_MIN = 500
UNUSUAL_RATIO = 3.0
"""A contract's volume of a day is unusual from so many contracts on and so many times its open interest."""
THIRTY_DAYS_NS = 30 * 86_400_000_000_000


def chain_frame(
    quotes: ChainQuotes, moment: Moment, figures: ContractFigures, rows: I64, whole: bool
) -> ChainFrame | None:
    """Return the frame of contracts by symbol; None where there are none."""
    if not rows.size:
        return None
    rows = rows[np.argsort(quotes.ranks()[rows])]
    ages = ages_s(quotes, moment.event_ns)[rows]
    columns: dict[str, Any] = {name: quotes.column(name)[rows] for name in ("bid", "ask", "last")}
    columns |= {name: quotes.count(name)[rows] for name in ("bid_size", "ask_size", "volume", "open_interest")}
    columns |= {name: figures.column(name)[rows] for name in FLOATS}
    return ChainFrame(
        symbol=quotes.symbol,
        event_ns=moment.event_ns,
        spot=moment.spot,
        whole=whole,
        contracts=tuple([quotes.names[row] for row in rows.tolist()]),
        age_ms=np.where(np.isnan(ages), NEVER_MS, np.nan_to_num(ages * MS_PER_S)).astype(np.int64),
        expiry_ns=figures.column("expiry_ns")[rows],
        bits=figures.column("bits")[rows],
        iv_status=figures.column("iv_status")[rows].astype(np.uint8).tobytes(),
        **columns,
    )


def surface_frame(
    quotes: ChainQuotes, moment: Moment, surface: Surface, chain: Chain, closes: ClosingVols, event: tuple[int, float]
) -> SurfaceFrame:
    """Return the frame of a surface. event: instant (0: none) and implied move of the next one."""
    standing, fit = surface.standing, surface.fit
    years = np.array([one.years for one in standing])
    smiles = smile_figures(fit.slices, years)
    vol_30d = vol_at(surface, moment, THIRTY_DAYS_NS)
    kept = dict(chain.expiries)
    sides = [kept[key].contracts(quotes) for key in surface.keys]

    def numbers(name: str) -> F64:
        return np.array([getattr(one, name) for one in standing], np.float64)

    def sums(name: str, is_call: bool) -> I64:
        counts = quotes.count(name)
        return np.array([int(counts[one.rows[one.is_call == is_call]].sum()) for one in sides], np.int64)

    return SurfaceFrame(
        symbol=quotes.symbol,
        event_ns=moment.event_ns,
        spot=moment.spot,
        rate_known=moment.curve is not None,
        ex_ns=np.array([one.ex_ns for one in moment.dividends], np.int64),
        cash=np.array([one.cash for one in moment.dividends], np.float64),
        expiry_ns=np.array([key.expiry_ns for key in surface.keys], np.int64),
        root=tuple(key.root for key in surface.keys),
        years=years,
        clock=surface.clock,
        rate=numbers("rate"),
        forward=forwards(standing, moment.spot),
        forward_bp=numbers("deviation_bp"),
        forward_quality=numbers("quality"),
        forward_age_s=numbers("age_s"),
        forward_status=bytes(one.status for one in standing),
        strikes=np.array([one.strikes for one in standing], np.int64),
        borrow=numbers("borrow"),
        borrow_deviation=numbers("borrow_deviation"),
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
        put_volume=sums("volume", False),
        call_volume=sums("volume", True),
        put_interest=sums("open_interest", False),
        call_interest=sums("open_interest", True),
        unusual=unusual(quotes),
        vol_30d=vol_30d,
        vol_rank=closes.rank(vol_30d),
        vol_closes=len(closes.vols),
        next_event_ns=event[0],
        event_move=event[1],
    )


def forwards(standing: Sequence[Standing], spot: float) -> F64:
    """Return the expiries' forwards, (e,): as their last looks found them, moved along with the spot since then."""
    return np.array([one.forward * ratio_of(spot, one.spot) for one in standing], np.float64)


def vol_at(surface: Surface, moment: Moment, ahead_ns: int) -> float:
    """Return the volatility at the forward at an instant ahead, per sqrt(year); NaN where no slice tells."""
    if not surface.keys:
        return float("nan")
    ahead = surface.clock_to(moment.event_ns, ahead_ns)
    variance = float(variance_at(surface.clock, surface.fit.slices, ahead, 0.0))
    return float(np.sqrt(variance / (ahead_ns / YEAR_NS)))


def unusual(quotes: ChainQuotes) -> tuple[str, ...]:
    """Return the contracts whose volume of the day is far above their open interest, by symbol."""
    volume, interest = quotes.count("volume"), quotes.count("open_interest")
    found = np.flatnonzero((volume >= UNUSUAL_VOLUME_MIN) & (volume >= UNUSUAL_RATIO * interest) & (interest > 0))
    return tuple(sorted(quotes.names[row] for row in found.tolist()))
