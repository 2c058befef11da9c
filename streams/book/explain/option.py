"""What moved a contract's value between two of its marks: sticky strike, greeks averaged along the way.

Each contract has its own volatility, that of its value (valuation.py): where the spot moves and the smile does not
follow its strike, that is volatility's doing, and so is a value that stops being the quote's middle. A mark's own
greeks are those of the middle, or of another right's volatility where the middle tells none, so they do not fit the
value of a quote without a bid, of a wide or of a stale one: here value, volatility and greeks are Black's, on the
mark's own forward. Early exercise is in that volatility, as far as it is worth anything. A value that is not worth its
exercise has volatility 0; what it lacks is unexplained.

With S spot, v volatility, t time, r rate, q = r - log(F / S) / T the carry, all of which go straight from mark to mark,

    sum = D dS + V dv + Th dt + R dr - T S D dq        D, V, Th, R, T S D: means of the greeks along the way,

by Gauss and Legendre's four points on 1, 4 or 16 parts of the way, as many as leave little. Of it is told apart

    gamma = G dS^2 / 2,  volga = W dv^2 / 2,  vanna = N dS dv,  charm = C dS dt        G, W, N, C: means as well
    delta = D dS - gamma - vanna / 2 - charm / 2,  vega = V dv - volga - vanna / 2,  theta = Th dt - charm / 2

and of the carry's part what the forward moved beyond spot, rate and time (`carried`) is dividends; the rest is theta:
it is the nearing of a dividend. One that has gone ex is in the first mark's cash and no more in the second's: its term
then gives back what the spot's fall took. Years are ACT/365.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import OptionMark
from streams.book.explain.terms import NOTHING, Terms
from streams.book.valuation import option_micro
from streams.numerics.special import log
from streams.options.greeks import greeks
from streams.options.implied import implied_volatility

F64 = NDArray[np.float64]
MICRO = 1_000_000
YEAR_NS = 365 * 86_400 * 1_000_000_000
PARTS = (1, 4, 16)
LEFT_MAX = 0.002
"""So much of the terms' sizes may be left by fewer parts."""
_POINTS = (0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970262)
_WEIGHTS = (0.17392742256872692, 0.3260725774312731, 0.3260725774312731, 0.17392742256872692)


class Point(NamedTuple):
    """A mark as a point of the way. place: spot, years, rate, carry, volatility."""

    mark: OptionMark
    strike: float
    is_call: bool
    place: F64
    price: float
    """Black's at the volatility: the value, where it tells one."""


def point_of(mark: OptionMark, micro: int | None) -> Point | None:
    """Return the point of a mark; None where spot and forward, time or value are not known.

    micro: its value, micro-dollars a share.
    """
    contract, years = parse_osi(mark.symbol), (mark.expiry_ns - mark.event_ns) / YEAR_NS
    value = micro / MICRO if micro is not None else float("nan")
    spot = mark.spot if mark.spot > 0 else mark.forward
    if not (isinstance(contract, OptionSymbol) and spot > 0 and years > 0 and value >= 0):
        return None
    carry = mark.rate - float(log(mark.forward / spot)) / years if mark.forward > 0 else 0.0
    rate, strike, is_call = np.array([mark.rate]), np.array([contract.strike]), np.array([contract.is_call])
    under, left, paid = np.array([spot]), np.array([years]), np.array([carry])
    vol = float(implied_volatility(np.array([value]), under, strike, left, rate, paid, is_call).vol[0])
    place = np.array([spot, years, mark.rate, carry, vol if vol > 0 else 0.0])
    price = float(greeks(under, strike, left, rate, paid, place[4:], is_call).price[0])
    return Point(mark, contract.strike, contract.is_call, place, price)


def between(before: OptionMark, after: OptionMark) -> Terms:
    """Return what moved the value of one share of a contract, quote currency, nothing yet unexplained."""
    value = option_micro(before, None)
    first, last = point_of(before, value), point_of(after, option_micro(after, value))
    return NOTHING if first is None or last is None else along(first, last)


def along(first: Point, last: Point) -> Terms:
    """Return the terms of the straight way between two points of a contract."""
    terms = NOTHING
    for parts in PARTS:
        terms = _integrated(first, last, parts)
        if abs(last.price - first.price - terms.total) <= LEFT_MAX * terms.explained_size:
            break
    return terms


def _integrated(first: Point, last: Point, parts: int) -> Terms:
    at = np.concatenate([(np.array(_POINTS) + part) / parts for part in range(parts)])
    weights = np.tile(np.array(_WEIGHTS) / parts, parts)
    moves = last.place - first.place
    spot, years, rate, carry, vol = (start + at * move for start, move in zip(first.place, moves, strict=True))
    own = (np.full(at.size, first.strike), np.full(at.size, first.is_call))
    told = greeks(spot, own[0], years, rate, carry, vol, own[1])

    def mean(values: F64) -> float:
        return float(np.sum(weights * values))

    d_spot, d_time, d_rate, d_carry, d_vol = moves[0], -moves[1], moves[2], moves[3], moves[4]
    delta, gamma = mean(told.delta), 0.5 * mean(told.gamma) * d_spot * d_spot
    volga, vanna = 0.5 * mean(told.volga) * d_vol * d_vol, mean(told.vanna) * d_spot * d_vol
    charm = mean(told.charm) * d_spot * d_time
    dividends = delta * carried(first.mark, last.mark)
    nearing = -mean(years * spot * told.delta) * d_carry - dividends
    return Terms(
        delta=float(delta * d_spot - gamma - 0.5 * (vanna + charm)),
        gamma=float(gamma),
        vega=float(mean(told.vega) * d_vol - volga - 0.5 * vanna),
        theta=float(mean(told.theta) * d_time - 0.5 * charm + nearing),
        rho=float(mean(told.rho) * d_rate),
        vanna=float(vanna),
        volga=float(volga),
        charm=float(charm),
        dividends=float(dividends),
    )


def carried(before: OptionMark, after: OptionMark) -> float:
    """Return by how much the forward moved beyond spot, rate and time, in terms of spot; 0 where it is not known.

    Expected at the second mark: (F + cash) / S grown by what is left of the time and by the change of the rate, less
    the cash of the first mark.
    """
    left, years = before.expiry_ns - before.event_ns, (after.expiry_ns - after.event_ns) / YEAR_NS
    growth = (before.forward + before.dividends) / before.spot
    if not (growth > 0 and after.spot > 0 and left > 0):
        return 0.0
    grown = 1.0 + (growth - 1.0) * (after.expiry_ns - after.event_ns) / left
    grown += (after.rate - before.rate) * years
    away = (after.forward - (after.spot * grown - before.dividends)) / grown
    return away if away == away else 0.0
