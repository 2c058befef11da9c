"""The escrowed price: Black-Scholes on the spot less the present value of the cash before expiry.

It is not the spot model's price; tables hold what is to be added to it, which is small and smooth, so that reading
between nodes of volatility, spot and time costs next to no accuracy.

    price = sign (s e^{-yield x} N(sign d1) - strike e^{-rate x} N(sign d2)),  s = spot - PV,  x years to expiry
    d1,2 = log(s e^{(rate - yield) x} / strike) / (vol sqrt(x)) +- vol sqrt(x) / 2

Source: Black (1975); Merton (1973). Where s <= 0 it is a call's 0 or a put's discounted strike.
"""

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp, log, normal_cdf, normal_pdf

F64 = NDArray[np.float64]


@entry
def present_value(rate: float, ex_years: F64, cash: F64, after: float) -> float:
    """Return the value of the cash with ex_years > after, discounted at rate to `after`, quote currency."""
    value = 0.0
    for date in range(cash.shape[0]):
        if ex_years[date] > after:
            value += cash[date] * exp(-rate * (ex_years[date] - after))
    return value


@kernel
def escrowed(
    sign: float, spot: float, strike: float, years: float, rate: float, yield_: float, vol: float, paid: float
) -> tuple[float, float, float]:
    """Return price, vega and N(sign d2); paid: present value of the cash before expiry."""
    discount = exp(-rate * years)
    net = spot - paid
    if net <= 0.0:
        return (0.0 if sign > 0.0 else strike * discount), 0.0, 0.0
    carried = exp(-yield_ * years)
    deviation = vol * np.sqrt(years)
    d1 = (log(net / strike) + (rate - yield_) * years) / deviation + 0.5 * deviation
    n2 = normal_cdf(sign * (d1 - deviation))
    price = sign * (net * carried * normal_cdf(sign * d1) - strike * discount * n2)
    return price, net * carried * normal_pdf(d1) * np.sqrt(years), n2


@kernel
def escrowed_greeks(
    sign: float, spot: float, strike: float, years: float, rate: float, yield_: float, vol: float,
    paid: float, paid_slope: float, out: F64,
) -> None:  # fmt: skip
    """Fill out (9,): price, delta, gamma, vega, theta, rho, vanna, volga, charm, per 1.00 and per year.

    paid: present value of the cash before expiry; paid_slope: its derivative in the rate. As time goes on paid grows at
    the rate, and takes that much off the net spot.
    """
    price, vega, n2 = escrowed(sign, spot, strike, years, rate, yield_, vol, paid)
    net = spot - paid
    out[:] = 0.0
    out[0] = price
    if net <= 0.0:
        out[4], out[5] = rate * price, -years * price
        return
    carried, root, carry = exp(-yield_ * years), np.sqrt(years), rate - yield_
    deviation = vol * root
    d1 = (log(net / strike) + carry * years) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    density = carried * normal_pdf(d1)
    delta = sign * carried * normal_cdf(sign * d1)
    gamma = density / (net * deviation)
    out[1], out[2], out[3] = delta, gamma, vega
    out[4] = rate * price - carry * net * delta - 0.5 * vol * vol * net * net * gamma - delta * rate * paid
    out[5] = sign * strike * years * exp(-rate * years) * n2 - delta * paid_slope
    out[6] = -density * d2 / vol
    out[7] = vega * d1 * d2 / vol
    turn = (carry + 0.5 * vol * vol) / deviation - 0.5 * d1 / years
    out[8] = yield_ * delta - density * (turn + rate * paid / (net * deviation))
