"""What early exercise adds to a simulated option: American less European price on one lattice, in the spot model.

The spot grows at rate - borrow and falls by each dividend's cash at its ex-date; its volatility is one number a
contract. Backward from expiry on a trinomial lattice of log(spot / strike) with the strike on a node, many contracts
at once; at an ex-date a value is read at the spot less the cash; the American one is never below what exercise pays.
Both prices share the lattice's error, so that most of it is not in their difference; of two lattices, one with half
the steps, the rest is extrapolated away. Nothing here shares code with the pricers of streams.
Sources: Kamrad and Ritchken (1991) for the lattice; Hull and White (1988) for the difference as what is kept.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

STEPS = 100
"""Of the finer lattice, from expiry to now; more where ex-dates divide it."""
REACH = 11.0
"""How far the lattice goes from the strike, in standard deviations to expiry; beyond it values are linear in spot."""
STRETCH = math.sqrt(3.0)
"""Distance of nodes over the standard deviation of a step."""
YEARS_MIN = 1e-6


@dataclass(frozen=True)
class Carry:
    """How a spot is carried. rate, borrow: continuous, per 1.00 and year. ex_years, cash: (d,), by date."""

    rate: float
    borrow: float
    ex_years: F64
    cash: F64

    def forward(self, spot: float, years: float) -> float:
        """Return the forward: the spot grown, less each dividend before `years` grown from its ex-date."""
        drift = self.rate - self.borrow
        total = spot * math.exp(drift * years)
        for ex, cash in zip(self.ex_years.tolist(), self.cash.tolist(), strict=True):
            if 0.0 < ex < years:
                total -= cash * math.exp(drift * (years - ex))
        return total

    def later(self, years: float) -> "Carry":
        """Return it as it is so much later."""
        return Carry(self.rate, self.borrow, self.ex_years - years, self.cash)

    def spot_vol_ratio(self, forward: float, strike: F64, years: float) -> F64:
        """Return the spot's volatility over Black's on the forward at each strike, (n,).

        Until an ex-date spot and forward are apart by the cash that is still to come, C in money of expiry: the
        forward moves by F + C for each 1.00 of the spot's return, and Black's volatility at a strike is that over
        sqrt(F K), to first order in C.
        """
        drift = self.rate - self.borrow
        ahead = [
            (ex, cash * math.exp(drift * (years - ex)))
            for ex, cash in zip(self.ex_years.tolist(), self.cash.tolist(), strict=True)
            if 0.0 < ex < years
        ]
        square, begin = np.zeros(len(strike)), 0.0
        for at, (ex, _) in enumerate([*ahead, (years, 0.0)]):
            still = sum(cash for _, cash in ahead[at:])
            square += (ex - begin) / years * (1.0 + still / np.sqrt(forward * strike)) ** 2
            begin = ex
        out: F64 = 1.0 / np.sqrt(square)
        return out


def premiums(carry: Carry, years: float, span_years: float, spot: F64, strike: F64, is_call: Bool, vol: F64) -> F64:
    """Return American less European prices of an expiry, (2, s, n): now, and `span_years` later.

    years: ACT/365 to expiry, > 0. spot: (s,) at which they are asked. strike, is_call, vol: (n,), vol of the spot per
    sqrt(year), > 0. At and after expiry they are 0.
    """
    steps = (STEPS // 2, STEPS)
    half, whole = (_premiums(carry, years, span_years, spot, strike, is_call, vol, one) for one in steps)
    out: F64 = np.maximum(2.0 * whole - half, 0.0)
    return out


def prices(
    carry: Carry, years: float, spot: F64, strike: F64, is_call: Bool, vol: F64, steps: int = STEPS
) -> tuple[F64, F64]:
    """Return American and European prices of one lattice, (s, n) each, arguments as in premiums."""
    american, european, place, step = _lattice(carry, (years, 0.0), strike, is_call, vol, steps)[-1]
    return _read(american, place, step, spot, strike), _read(european, place, step, spot, strike)


def _premiums(
    carry: Carry, years: float, span_years: float, spot: F64, strike: F64, is_call: Bool, vol: F64, steps: int
) -> F64:
    out = np.zeros((2, len(spot), len(strike)))
    stops = (years, 0.0) if years - span_years < YEARS_MIN else (years, span_years, 0.0)
    for at, (american, european, place, step) in enumerate(_lattice(carry, stops, strike, is_call, vol, steps)):
        out[len(stops) - 2 - at] = _read(american - european, place, step, spot, strike)
    return out


def _lattice(
    carry: Carry, stops: tuple[float, ...], strike: F64, is_call: Bool, vol: F64, steps: int
) -> list[tuple[F64, F64, F64, F64]]:
    """Return (American, European, place, step) at each stop but the first, which is expiry; falling years from now.

    Prices (p, n) at log(spot / strike) = place (p,) x step (n,).
    """
    step = vol * math.sqrt(stops[0] / steps) * STRETCH
    reach = math.ceil(REACH * math.sqrt(steps) / STRETCH)
    place = np.arange(-reach, reach + 1, dtype=np.float64)
    spot = strike * np.exp(place[:, None] * step)
    pays = np.maximum(np.where(is_call, spot - strike, strike - spot), 0.0)
    american, european = pays.copy(), pays.copy()
    ahead = {ex: cash for ex, cash in zip(carry.ex_years.tolist(), carry.cash.tolist(), strict=True) if ex > 0.0}
    edges = sorted({*stops, *(ex for ex in ahead if ex < stops[0])}, reverse=True)
    out = []
    for late, early in pairwise(edges):
        count = max(1, math.ceil((late - early) / stops[0] * steps - 1e-9))
        up, stay, down = _weights(carry, (late - early) / count, step, vol)
        for _ in range(count):
            american = np.maximum(_back(american, spot, up, stay, down), pays)
            european = _back(european, spot, up, stay, down)
        if early in ahead:
            left = np.maximum(spot - ahead[early], 1e-9 * strike)
            american, european = (_at(one, place, np.log(left / strike) / step, spot) for one in (american, european))
            american = np.maximum(american, pays)
        if early in stops:
            out.append((american, european, place, step))
    return out


def _weights(carry: Carry, years: float, step: F64, vol: F64) -> tuple[F64, F64, F64]:
    """Return the discounted chances of up, same and down within a time step, (n,): mean and variance are right."""
    drift = (carry.rate - carry.borrow - 0.5 * vol * vol) * years / step
    spread = vol * vol * years / (step * step) + drift * drift
    discount = math.exp(-carry.rate * years)
    return 0.5 * (spread + drift) * discount, (1.0 - spread) * discount, 0.5 * (spread - drift) * discount


def _back(value: F64, spot: F64, up: F64, stay: F64, down: F64) -> F64:
    out = np.empty_like(value)
    out[1:-1] = up * value[2:] + stay * value[1:-1] + down * value[:-2]
    # At the edges the values are linear in the spot.
    out[0] = out[1] + (out[1] - out[2]) * ((spot[0] - spot[1]) / (spot[1] - spot[2]))
    out[-1] = out[-2] + (out[-2] - out[-3]) * ((spot[-1] - spot[-2]) / (spot[-2] - spot[-3]))
    return out


def _read(value: F64, place: F64, step: F64, spot: F64, strike: F64) -> F64:
    """Return (p, n) prices at spots, (s, n)."""
    at = np.log(spot[:, None] / strike) / step
    return _at(value, place, at, strike * np.exp(place[:, None] * step))


def _at(value: F64, place: F64, at: F64, spot: F64) -> F64:
    """Return (p, n) values between nodes, cubic within the lattice and linear in spot beyond. at: (s, n) of place."""
    count = len(place)
    inner = np.clip(at - place[0], 1.0, count - 2.000001)
    left = inner.astype(np.int64)
    t = inner - left
    a, b, c, d = (np.take_along_axis(value, left + one, axis=0) for one in (-1, 0, 1, 2))
    bend = t * ((c - a) + t * ((2.0 * a - 5.0 * b + 4.0 * c - d) + t * (3.0 * (b - c) + d - a)))
    out: F64 = b + 0.5 * bend
    for outside, near, next_to in ((at < place[1], 0, 1), (at > place[-2], count - 1, count - 2)):
        slope = (value[near] - value[next_to]) / (spot[near] - spot[next_to])
        wanted = spot[near] * np.exp((at - place[near]) * np.log(spot[1] / spot[0]))
        out = np.where(outside, value[near] + slope * (wanted - spot[near]), out)
    return out
