"""What moved a contract's value between two of its marks: sticky strike, average greeks.

Each contract has its own volatility, which is that of its value: where the spot moves and the smile does not follow its
strike, that is volatility's doing. With S spot, v volatility, t time, r rate and F' what the forward moved beyond spot,
rate and time, the first-order terms are trapezoids, whose error is of the third order in the moves (greeks of the
beginning leave the third order of each pair, and of time, whose second order has no term):

    sum = D dS + V dv + Th dt + R dr + D dF',         D, V, Th, R: means of both marks' greeks

and what of it is due to curvature is told apart, by means of the second-order greeks:

    gamma = G dS^2 / 2,  volga = W dv^2 / 2,  vanna = N dS dv,  charm = C dS dt
    delta = D dS - gamma - vanna / 2 - charm / 2,  vega = V dv - volga - vanna / 2,  theta = Th dt - charm / 2

The volatility of a value that is not the quote's middle (valuation.py says when) is one step of Newton's from the
middle's. Where a mark has none (no price tells one), dv is 0: what volatility did is unexplained.

Years are ACT/365. The forward that is expected at the second mark: (F + cash) / S grown by what is left of the time and
by the change of the rate, less the cash of the first mark. A dividend that has gone ex is in the first one's cash and
no more in the second's: its term then gives back what the spot's fall took.
"""

from schemas.records import OptionMark
from streams.book.explain.terms import Terms
from streams.book.valuation import option_price

YEAR_NS = 365 * 86_400 * 1_000_000_000
VOL_SHIFT_MAX = 0.5
"""A value further from the middle than this, by vega, tells no volatility."""


def between(before: OptionMark, after: OptionMark) -> Terms:
    """Return what moved the value of one share of a contract, quote currency, nothing yet unexplained.

    Unknown greeks are the other mark's; unknown in both, 0, as is a move from or to an unknown figure.
    """
    spot, vol = _move(before.spot, after.spot), _move(vol_of(before), vol_of(after))
    time, rate = (after.event_ns - before.event_ns) / YEAR_NS, _move(before.rate, after.rate)
    delta, gamma = _mean(before.delta, after.delta), _mean(before.gamma, after.gamma)
    convexity = 0.5 * gamma * spot * spot
    volga = 0.5 * _mean(before.volga, after.volga) * vol * vol
    vanna = _mean(before.vanna, after.vanna) * spot * vol
    charm = _mean(before.charm, after.charm) * spot * time
    return Terms(
        delta=delta * spot - convexity - 0.5 * (vanna + charm),
        gamma=convexity,
        vega=_mean(before.vega, after.vega) * vol - volga - 0.5 * vanna,
        theta=_mean(before.theta, after.theta) * time - 0.5 * charm,
        rho=_mean(before.rho, after.rho) * rate,
        vanna=vanna,
        volga=volga,
        charm=charm,
        dividends=delta * carried(before, after),
    )


def vol_of(mark: OptionMark) -> float:
    """Return the volatility of a mark's value, per sqrt(year); NaN where no price tells one."""
    value, middle = option_price(mark), 0.5 * (mark.bid + mark.ask)
    if value == middle or not mark.vega > 0:
        return mark.iv
    shift = (value - middle) / mark.vega
    return mark.iv + shift if abs(shift) <= VOL_SHIFT_MAX else float("nan")


def carried(before: OptionMark, after: OptionMark) -> float:
    """Return by how much the forward moved beyond spot, rate and time, in terms of spot; 0 where it is not known."""
    left, years = before.expiry_ns - before.event_ns, (after.expiry_ns - after.event_ns) / YEAR_NS
    growth = (before.forward + before.dividends) / before.spot
    if not (growth > 0 and after.spot > 0 and left > 0):
        return 0.0
    grown = 1.0 + (growth - 1.0) * (after.expiry_ns - after.event_ns) / left
    grown += (after.rate - before.rate) * years
    away = (after.forward - (after.spot * grown - before.dividends)) / grown
    return away if away == away else 0.0


def _move(before: float, after: float) -> float:
    """Return the change; 0 where one is not known."""
    move = after - before
    return move if move == move else 0.0


def _mean(before: float, after: float) -> float:
    if before == before and after == after:
        return 0.5 * (before + after)
    known = before if before == before else after
    return known if known == known else 0.0
