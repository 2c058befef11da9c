"""A second engine for American options that shares no equation with the first: value matching, on fine grids.

Kim's other equation, price = exercise value at the boundary (the product solves smooth pasting),

    1 - B = p(t, B) + int_0^t [r e^{-rv} cdf(-d-(v, B(t)/B(u))) - q B e^{-qv} cdf(-d+(v, B(t)/B(u)))] dv,     u = t - v,

is collocated at 24 Chebyshev nodes in sqrt(t), integrals of 64 nodes, and solved by Newton's method, its steps halved
while the residual grows, with a Jacobian of differences; the premium of the price takes 160 nodes. Strike 1; calls by
symmetry. About 0.2 s a price.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry
from streams.numerics.special import normal_cdf

F64 = NDArray[np.float64]
NODES, POINTS, PREMIUM_POINTS = 24, 64, 160


@entry
def _cdf(x: F64, out: F64) -> None:
    for i in range(x.size):
        out[i] = normal_cdf(x[i])


def cdf(x: F64) -> F64:
    """Return the normal distribution's probability of at most x."""
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty(flat.size)
    _cdf(flat, out)
    return out.reshape(x.shape)


def angles(count: int) -> tuple[F64, F64, F64]:
    """Return sine, cosine and the weight of dv / t at Gauss-Legendre nodes; denser where v is small."""
    x, w = np.polynomial.legendre.leggauss(count)
    place = 0.5 * (1.0 + x)
    a = 0.5 * np.pi * place**2
    return np.sin(a), np.cos(a), 2.0 * np.sin(a) * np.cos(a) * 0.5 * np.pi * place * w


def premium(
    x: F64, root: F64, rest: F64, measure: F64, shape: F64, rate: float, yield_: float, vol: float, top: float
) -> F64:
    """Return the premium at spots e^x (k,): root = sqrt(v), rest the place of u, measure dv, each (k, m)."""
    square = np.polynomial.chebyshev.chebval(rest, shape)
    edge = top - np.sqrt(np.maximum(square, 0.0))
    width = vol * root
    middle = (x[:, None] - edge) / width + (rate - yield_) / vol * root
    late = root * root
    earn = rate * np.exp(-rate * late) * cdf(0.5 * width - middle)
    pay = yield_ * np.exp(x[:, None] - yield_ * late) * cdf(-middle - 0.5 * width)
    return np.asarray(((earn - pay) * measure).sum(axis=1))


def european(x: F64, t: F64, rate: float, yield_: float, vol: float) -> F64:
    """Return European puts at spots e^x, strike 1."""
    width = vol * np.sqrt(t)
    middle = (x + (rate - yield_) * t) / width
    return np.asarray(
        np.exp(-rate * t) * cdf(0.5 * width - middle) - np.exp(x - yield_ * t) * cdf(-middle - 0.5 * width)
    )


def put(s: float, years: float, rate: float, yield_: float, vol: float) -> float:
    """Return an American put at spot s, strike 1."""
    if rate <= 0.0:
        return float(european(np.array([math.log(s)]), np.array([years]), rate, yield_, vol)[0])
    top = math.log(min(1.0, rate / yield_)) if yield_ > 0.0 else 0.0
    place = np.cos(np.pi * np.arange(NODES) / NODES)
    times = years * (0.5 * (1.0 + place)) ** 2
    sine, cosine, weight = angles(POINTS)
    root, measure = np.sqrt(times)[:, None] * sine, times[:, None] * weight
    rest = 2.0 * np.sqrt(times / years)[:, None] * cosine - 1.0
    nodes = np.append(place, -1.0)
    fit = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, NODES))

    def residual(h: F64) -> F64:
        shape = fit @ np.append(h * h, 0.0)
        x = top - h
        price = european(x, times, rate, yield_, vol)
        return price + premium(x, root, rest, measure, shape, rate, yield_, vol, top) - (1.0 - np.exp(x))

    h = start(times, rate, yield_, vol, top)
    for _ in range(20):
        now = residual(h)
        jacobian = np.empty((NODES, NODES))
        for k in range(NODES):
            moved = h.copy()
            step = 1e-6 * max(h[k], 1e-3 * vol * math.sqrt(years))
            moved[k] += step
            jacobian[:, k] = (residual(moved) - now) / step
        change = np.linalg.lstsq(jacobian, -now, rcond=1e-13)[0]
        for _ in range(8):
            moved = np.maximum(h + change, 0.2 * h)
            if np.abs(residual(moved)).max() < np.abs(now).max():
                break
            change = 0.5 * change
        h = moved
        if np.abs(change).max() < 1e-8:
            break
    if math.log(s) <= top - h[0]:
        return 1.0 - s
    sine, cosine, weight = angles(PREMIUM_POINTS)
    x, full = np.array([math.log(s)]), np.array([years])
    shape = fit @ np.append(h * h, 0.0)
    late, left = math.sqrt(years) * sine[None, :], 2.0 * cosine[None, :] - 1.0
    extra = premium(x, late, left, years * weight[None, :], shape, rate, yield_, vol, top)
    return float((european(x, full, rate, yield_, vol) + extra)[0])


def start(times: F64, rate: float, yield_: float, vol: float, top: float) -> F64:
    """Return ln(X / B) of Medvedev's crude kind: the perpetual boundary reached as an exponential of sqrt(t).

    Near expiry ln(X / B) is 0.90 vol sqrt(t) where yield > rate; a steeper start there made Newton's method run away.
    """
    n = (rate - yield_) / vol**2 - 0.5
    power = -n - math.sqrt(n * n + 2.0 * rate / vol**2)
    depth = top - math.log(power / (power - 1.0))
    return np.asarray(depth * (1.0 - np.exp(-(0.9 if yield_ > rate else 1.6) * vol * np.sqrt(times) / depth)))


def second_price(contract: Sequence[float]) -> float:
    """Return the price of (spot, strike, years, rate, yield_, vol, is_call)."""
    spot, strike, years, rate, yield_, vol, is_call = contract
    if is_call:
        return spot * put(strike / spot, years, yield_, rate, vol)
    return strike * put(spot / strike, years, rate, yield_, vol)
