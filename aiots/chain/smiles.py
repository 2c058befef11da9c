"""One expiry's smile as it is drawn: the quotes that were fitted, the fitted line, and what lies between them."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from aiots.chain.latest import Contracts, Latest
from schemas.records import SurfaceFrame
from streams.options.forward.figures import smile_of
from streams.options.ladder import ladder
from streams.options.surface.slices import SLICE_SIZE, total_variance

F64 = NDArray[np.float64]

NEW_YORK = ZoneInfo("America/New_York")
LINE_POINTS = 241
LINE_MARGIN = 0.35
"""How far a line is drawn beyond the outermost quotes, in deviations at the money."""


class SmileLine(NamedTuple):
    """Everything about one expiry's smile; volatilities per 1.00 and sqrt(year).

    strike, vol, half_spread: (m,) what was fitted, one volatility a strike, of put and call together. residual: (m,)
    vol less the line. line_strike, line_vol: (LINE_POINTS,) the fit, empty without one. faulty_strike, faulty_vol: (f,)
    quotes that have a volatility and were left out of the fit.
    """

    strike: F64
    vol: F64
    half_spread: F64
    residual: F64
    line_strike: F64
    line_vol: F64
    faulty_strike: F64
    faulty_vol: F64


def slices_of(surface: SurfaceFrame) -> F64:
    """Return the slices, (e, SLICE_SIZE)."""
    return np.asarray(surface.slices, np.float64).reshape(-1, SLICE_SIZE)


def smile_line(latest: Latest, surface: SurfaceFrame, number: int) -> SmileLine:
    """Return the smile of an expiry by its number in the surface."""
    return smile_of_contracts(
        latest.contracts(int(surface.expiry_ns[number]), surface.root[number]),
        float(surface.forward[number]),
        float(surface.years[number]),
        slices_of(surface)[number],
    )


def smile_of_contracts(contracts: Contracts, forward: float, years: float, row: F64) -> SmileLine:
    """Return the smile of contracts on a forward. row: (SLICE_SIZE,) of the fit, NaN: none."""
    rungs = ladder(contracts.strike, contracts.is_call)
    # The very kernel that made the fit's input, on what the frames tell of it.
    figures: Any = SimpleNamespace(black=contracts.smile_vol, half_spread=contracts.half_spread)
    judged: Any = SimpleNamespace(bits=contracts.bits, quality=contracts.quality)
    point: Any = SimpleNamespace(forward=forward, terms=SimpleNamespace(years=years))
    found = smile_of(rungs, figures, judged, point)
    used = np.isfinite(found.vol)
    strike, vol = rungs.strikes[used], found.vol[used]
    outer = contracts.is_call == (contracts.strike >= forward)
    faulty = outer & np.isfinite(contracts.smile_vol) & ~np.isin(contracts.strike, strike)
    line_strike, line_vol = _line(strike, forward, years, row)
    at_quotes = np.full(vol.size, np.nan)
    if line_vol.size:
        at_quotes = np.sqrt(total_variance(row, np.log(strike / forward)) / years)
    return SmileLine(
        strike, vol, found.half_spread[used], vol - at_quotes, line_strike, line_vol,
        contracts.strike[faulty], contracts.smile_vol[faulty],
    )  # fmt: skip


def _line(strike: F64, forward: float, years: float, row: F64) -> tuple[F64, F64]:
    """Return the fit from a little below the lowest quote to a little above the highest, at least over the money."""
    if not (np.isfinite(row).all() and forward > 0.0 and years > 0.0):
        return np.empty(0), np.empty(0)
    money = float(np.sqrt(total_variance(row, [0.0])[0]))
    places = np.log(strike / forward) / money if strike.size else np.zeros(1)
    low, high = min(places.min(), -1.0) - LINE_MARGIN, max(places.max(), 1.0) + LINE_MARGIN
    k = money * np.linspace(low, high, LINE_POINTS)
    return forward * np.exp(k), np.sqrt(total_variance(row, k) / years)


def day_of(expiry_ns: int) -> str:
    """Return an expiry's last day in New York, YYYY-MM-DD."""
    return datetime.fromtimestamp(expiry_ns // 10**9, NEW_YORK).date().isoformat()


def expiry_names(surface: SurfaceFrame) -> list[str]:
    """Return a name for each expiry: its day, with its root where one day has two."""
    days = [day_of(int(one)) for one in surface.expiry_ns]
    return [f"{day} {root}" if days.count(day) > 1 else day for day, root in zip(days, surface.root, strict=True)]
