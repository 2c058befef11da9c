"""Tables of what a cash dividend and early exercise add to the escrowed price: one solve for a day of quotes.

A row is a contract; it holds `extra` = value - escrowed price (cash/base.py) at TIMES instants of a window of event
time, SPOTS spots and VOLS volatilities, and its derivative in the rate at the central volatility. Value at any
instant, spot and volatility within is escrowed + extra, extra read as the product of a parabola in sqrt(years to
expiry), a cubic in log(spot) and a cubic in log(vol).

A window begins at the event it is built for. It lasts a day, and no longer than half of the time to the next ex-date
or to expiry: values bend sharply just before both. Spots reach REACH standard deviations of the window (2 % at least)
to each side; volatilities from 1 / VOL_REACH to VOL_REACH times the central one. What lies outside is OUT_OF_RANGE
until the row is built anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import exp, log
from streams.options.cash.base import escrowed, present_value
from streams.options.cash.price import (
    BLEND,
    CASH_DEVIATIONS_MAX,
    DEVIATION_MAX,
    DEVIATION_MIN,
    NODES,
    VOL_MAX,
    VOL_MIN,
    YEARS_MAX,
    solve_lanes,
)
from streams.options.cash.read import read_row
from streams.options.contracts.clock import DAY_NS
from streams.options.contracts.expiry import YEAR_NS

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

TIMES, SPOTS, VOLS = 3, 33, 12
REACH = 6.0
REACH_MIN = 0.02
VOL_REACH = 2.2
RATE_BUMP = 1e-3
LANES = VOLS + 2
"""The last two are the central volatility at a lower and a higher rate."""
COLUMNS = VOLS + 1
SIGN, AMERICAN, STRIKE, RATE, YIELD, PAID, PAID_SLOPE, SPOT_LOW, SPOT_STEP, VOL_LOW, VOL_STEP, ROOT = range(12)
META = ROOT + TIMES
"""Columns of meta;

PAID is the cash's present value at the window's beginning, ROOT the first of sqrt(years) at TIMES.
"""


@dataclass(frozen=True)
class CashMarket:
    """What a build takes from outside: one underlying at one event."""

    event_ns: int
    spot: float
    rate: float
    """To expiry, continuous, per 1.00 and year; one for all rows of a build."""
    yield_: float = 0.0
    ex_ns: tuple[int, ...] = ()
    """Openings of the ex-dates, ns UTC, ascending."""
    cash: tuple[float, ...] = ()

    def dividends(self, expiry_ns: int) -> tuple[F64, F64]:
        """Return years from the event and cash of those after it and before expiry."""
        pairs = [p for p in zip(self.ex_ns, self.cash, strict=True) if self.event_ns < p[0] < expiry_ns]
        years = np.array([(ex_ns - self.event_ns) / YEAR_NS for ex_ns, _ in pairs])
        return years, np.array([amount for _, amount in pairs])

    def window_end_ns(self, expiry_ns: int) -> int:
        """Return where the window of a contract that expires then ends."""
        ahead = [end_ns - self.event_ns for end_ns in (expiry_ns, *self.ex_ns) if end_ns > self.event_ns]
        return self.event_ns + min(DAY_NS, min(ahead) // 2)


@dataclass(frozen=True)
class CashTables:
    """Tables of n contracts of one underlying: arrays that one task owns and `build_row` changes in place."""

    strike: F64
    is_call: Bool
    american: Bool
    expiry_ns: I64
    begin_ns: I64
    """(n,) the event at which a row was built; 0: never."""
    end_ns: I64
    meta: F64
    """(n, META)."""
    extra: F64
    """(n, TIMES, SPOTS, COLUMNS)."""


def new_tables(strike: F64, is_call: Bool, expiry_ns: I64 | int, american: Bool | bool = True) -> CashTables:
    """Return empty tables of n contracts; strike, is_call, expiry_ns, american: (n,), broadcast."""
    k, call, end, early = np.broadcast_arrays(
        np.atleast_1d(np.asarray(strike, np.float64)), np.asarray(is_call, np.bool_), expiry_ns, american
    )
    count = k.size
    return CashTables(
        k.copy(), call.copy(), early.astype(np.bool_), end.astype(np.int64), np.zeros(count, np.int64),
        np.zeros(count, np.int64), np.full((count, META), np.nan), np.zeros((count, TIMES, SPOTS, COLUMNS)),
    )  # fmt: skip


def build_row(tables: CashTables, row: int, market: CashMarket, vol: float) -> bool:
    """Build a row around market.spot and vol; return False, and leave it, where that is outside of what grids cover."""
    expiry_ns = int(tables.expiry_ns[row])
    years = (expiry_ns - market.event_ns) / YEAR_NS
    deviation = vol * np.sqrt(max(years, 0.0))
    sound = 0.0 < market.spot < np.inf and VOL_MIN * VOL_REACH <= vol <= VOL_MAX / VOL_REACH
    sound = sound and abs(market.rate) < 1.0 and abs(market.yield_) < 1.0 and tables.strike[row] > 0.0
    if not (sound and 0.0 < years <= YEARS_MAX and DEVIATION_MIN * VOL_REACH <= deviation <= DEVIATION_MAX / VOL_REACH):
        return False
    end_ns = market.window_end_ns(expiry_ns)
    ex_years, cash = market.dividends(expiry_ns)
    if cash.sum() > CASH_DEVIATIONS_MAX * tables.strike[row] * deviation / VOL_REACH:
        return False
    span = (end_ns - market.event_ns) / YEAR_NS
    kept = np.array([0.0, 0.5 * span, span])
    meta, terms = tables.meta[row], np.empty((6, LANES))
    meta[:SPOT_LOW] = (
        1.0 if tables.is_call[row] else -1.0, float(tables.american[row]), tables.strike[row], market.rate,
        market.yield_, 0.0, 0.0,
    )  # fmt: skip
    low, high = np.empty(LANES), np.empty(LANES)
    prepare(meta, market.spot, vol, years, kept, ex_years, cash, terms, low, high)
    grids = [solve_lanes(terms, low, high, years, ex_years, cash, kept, nodes)[:2] for nodes in (NODES // 2, NODES)]
    fill_extra(meta, terms, ex_years, cash, kept, *grids[0], *grids[1], tables.extra[row])
    tables.begin_ns[row], tables.end_ns[row] = market.event_ns, end_ns
    return True


@entry
def prepare(
    meta: F64, spot: float, vol: float, years: float, kept: F64, ex_years: F64, cash: F64,
    terms: F64, low: F64, high: F64,
) -> None:  # fmt: skip
    """Fill a row's meta beyond its first columns, and what its solve takes: terms (6, LANES), low and high (LANES,)."""
    reach = max(REACH * vol * np.sqrt(kept[TIMES - 1]), REACH_MIN)
    meta[SPOT_LOW], meta[SPOT_STEP] = log(spot) - reach, 2.0 * reach / (SPOTS - 1)
    wide = log(VOL_REACH)
    meta[VOL_LOW], meta[VOL_STEP] = log(vol) - wide, 2.0 * wide / (VOLS - 1)
    for time in range(TIMES):
        meta[ROOT + time] = np.sqrt(years - kept[time])
    rate = meta[RATE]
    meta[PAID] = present_value(rate, ex_years, cash, 0.0)
    meta[PAID_SLOPE] = 0.0
    for date in range(cash.shape[0]):
        meta[PAID_SLOPE] -= cash[date] * ex_years[date] * exp(-rate * ex_years[date])
    for lane in range(LANES):
        for column in range(5):
            terms[column, lane] = meta[column]
        terms[5, lane] = exp(meta[VOL_LOW] + meta[VOL_STEP] * lane) if lane < VOLS else vol
        low[lane], high[lane] = spot * exp(-reach), spot * exp(reach)
    terms[3, VOLS] -= RATE_BUMP
    terms[3, VOLS + 1] += RATE_BUMP


@entry
def fill_extra(
    meta: F64, terms: F64, ex_years: F64, cash: F64, kept: F64,
    coarse_spots: F64, coarse: F64, fine_spots: F64, fine: F64, extra: F64,
) -> None:  # fmt: skip
    """Fill extra (TIMES, SPOTS, COLUMNS) from two solved grids: the extrapolated value less the escrowed price."""
    for time in range(TIMES):
        years = meta[ROOT + time] * meta[ROOT + time]
        for lane in range(LANES):
            sign, strike, rate = terms[0, lane], terms[2, lane], terms[3, lane]
            paid = present_value(rate, ex_years, cash, kept[time])
            for row in range(SPOTS):
                spot = exp(meta[SPOT_LOW] + meta[SPOT_STEP] * row)
                first, _, _ = read_row(coarse_spots, coarse[time], lane, spot)
                second, _, _ = read_row(fine_spots, fine[time], lane, spot)
                due, share = sign * (spot - strike), 1.0
                if terms[1, lane] > 0.0 and due > 0.0:
                    share = min(max((second - due) / (BLEND * strike), 0.0), 1.0)
                value = second + share * (second - first) / 3.0
                if terms[1, lane] > 0.0 and (second <= due or value < due):
                    value = due
                value -= escrowed(sign, spot, strike, years, rate, terms[4, lane], terms[5, lane], paid)[0]
                if lane < VOLS:
                    extra[time, row, lane] = value
                elif lane == VOLS:
                    extra[time, row, VOLS] = -0.5 * value / RATE_BUMP
                else:
                    extra[time, row, VOLS] += 0.5 * value / RATE_BUMP
