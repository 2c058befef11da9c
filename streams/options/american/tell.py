"""What a stream asks of each quote, in one pass: volatility, greeks at it, and the price at another volatility.

Four rows of a table belong to an expiry, one after another: its borrow (FIRST), a higher one (FURTHER), and FIRST with
the rate moved up (UP) and down (DOWN), for rho. A quote's place says how its expiry's point lies to them: answers of
FIRST and FURTHER are taken on in a straight line to the point's borrow. What FURTHER adds to a price is read once, at
FIRST's volatility, and holds for both prices: it moves by some hundredths of itself from there.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import log
from streams.options.american.contract import NO_PANEL, check_contract, put_value
from streams.options.american.implied import ENOUGH, PENDING, check_price, halley_step, implied_vol
from streams.options.american.measure import start_on, table_arrays
from streams.options.american.panels import FAILED, PANELS, PREMIUM_FREE, RATE, REFUSED, REGIME, YIELD, panel_of
from streams.options.american.tables import AmericanTable, fill_table
from streams.options.american.value import (
    CURVE,
    OUTPUTS,
    PRICE,
    SLOPE,
    SPEED,
    VALUE_COLUMNS,
    VALUE_ROWS,
    VANNA,
    VEGA,
    VOLGA,
)
from streams.options.status import NOT_CONVERGED, OK, OUT_OF_RANGE

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]
Int = int | np.int64

FIRST, FURTHER, UP, DOWN = range(4)
BESIDE = 4
"""Rows of an expiry in a table."""
OVER, TIME_ROOT, SHARE, SPOT, FURTHER_SPOT, SPOT_RATIO = range(6)
"""A place, (PLACE,): the table's prices over the point's; sqrt(point's years / table's); where the point's borrow lies,
0 at FIRST's, 1 at FURTHER's; the spots that have the point's forward in terms of either; FIRST's over the point's."""
PLACE = 6
GIVEN_PRICE, GIVEN_START, GIVEN_SURFACE, GIVEN_LAST, GIVEN_RATIO = range(5)
"""A quote, (GIVEN,): its price, a volatility that may be near, and what `other_vol` takes."""
GIVEN = 5
TOLD_VOL, TOLD_OTHER, TOLD_PRICE, TOLD_DELTA, TOLD_GAMMA, TOLD_VEGA, TOLD_THETA, TOLD_RHO = range(8)
TOLD_VANNA, TOLD_VOLGA, TOLD_CHARM = range(8, 11)
"""What is told, (TOLD,): the volatility, the price at the other one, price and greeks."""
TOLD = 11
TURNS_MAX = 4 * PANELS
"""Each turn solves a panel that was missing."""


class Contracts(NamedTuple):
    """n contracts, (n,) each. expiry: the number of its place, and of its rows in the table over BESIDE."""

    expiry: I64
    strike: F64
    is_call: Bool


class Rows(NamedTuple):
    """A table's arrays, the panels that are asked of it, and the scratch of a loop."""

    years: F64
    rate: F64
    yield_: F64
    facts: F64
    terms: F64
    coefficients: F64
    states: U8
    wanted: U8
    work: F64
    read: F64
    answer: F64


@kernel
def other_vol(vol: float, surface: float, last: float, ratio: float) -> float:
    """Return the volatility that a surface says of a contract, in its model's terms; the last one where it says none.

    surface: Black's. ratio: Black's volatility over the model's; vol: the contract's own, NaN: not known.
    """
    if surface != surface:
        return last
    own = vol * (1.0 - ratio)
    return surface + own if abs(own) < np.inf else surface


@entry
def _other_vols(vol: F64, surface: F64, last: F64, ratio: F64, out: F64) -> None:
    for i in range(vol.size):
        out[i] = other_vol(vol[i], surface[i], last[i], ratio[i])


def other_vols(vol: F64, surface: F64, last: F64, ratio: F64) -> F64:
    """Return other_vol of n contracts, (n,)."""
    out = np.empty(vol.size)
    _other_vols(vol, surface, last, ratio, out)
    return out


@kernel
def _normal(side: Int, spot: float, strike: float) -> tuple[float, float]:
    """Return the spot of the put with strike 1 that an option is, and what its prices are times."""
    return (strike / spot, spot) if side == 1 else (spot / strike, strike)


@kernel
def _whole(price: float, side: Int, spot: float, strike: float) -> float:
    """Return a normalised price in quote currency, not a rounding unit below what exercise gives."""
    if side == 1:
        return max(price * spot, max(spot - strike, 0.0))
    return max(price * strike, max(strike - spot, 0.0))


@kernel
def _ask_for(rows: Rows, g: Int, side: Int, panel: Int) -> None:
    """Ask for a panel in all rows of an expiry: the others will be read, too."""
    begin = g - g % BESIDE
    for k in range(BESIDE):
        rows.wanted[begin + k, side, panel] = 1


@kernel
def _read(rows: Rows, g: Int, side: Int, spot: float, strike: float, vol: float, full: bool) -> Int:
    """Write a row's OUTPUTS at a volatility to rows.read; return OK, why there are none, or PENDING."""
    if rows.facts[g, side, REGIME] == REFUSED or not vol > 0.0:
        return OUT_OF_RANGE
    s, _ = _normal(side, spot, strike)
    got = put_value(
        s, log(s), rows.years[g], vol, full, rows.facts[g, side], rows.terms[g, side], rows.coefficients[g, side],
        rows.states[g, side], rows.work, rows.read,
    )  # fmt: skip
    if got != NO_PANEL:
        return OK
    panel = panel_of(vol)
    if panel < 0:
        return OUT_OF_RANGE
    if rows.states[g, side, panel] == FAILED:
        return NOT_CONVERGED
    _ask_for(rows, g, side, panel)
    return PENDING


@kernel
def _search(rows: Rows, g: Int, side: Int, spot: float, strike: float, price: float, start: float) -> Int:
    """Write the volatility of a price to rows.answer; return why not, or PENDING."""
    s, unit = _normal(side, spot, strike)
    code = check_contract(spot, strike, rows.years[g], rows.rate[g], rows.yield_[g], price)
    if code == OK:
        code = check_price(s, price / unit, rows.years[g], rows.facts[g, side])
    if code == OK:
        code = implied_vol(
            s, price / unit, rows.years[g], start, rows.facts[g, side], rows.terms[g, side],
            rows.coefficients[g, side], rows.states[g, side], rows.wanted[g, side], rows.work, rows.read, rows.answer,
        )  # fmt: skip
    if code == PENDING:
        _ask_for(rows, g, side, panel_of(rows.answer[0]))
    return code


@kernel
def _search_on(rows: Rows, g: Int, side: Int, spot: float, strike: float, price: float, vol: float) -> Int:
    """As _search, where rows.read holds what the row says at `vol`: a step of it is mostly enough."""
    s, unit = _normal(side, spot, strike)
    code = check_price(s, price / unit, rows.years[g], rows.facts[g, side])
    base = max(1.0 - s, 0.0)
    value, vega = rows.read[PRICE] - base, rows.read[VEGA]
    if code == OK and value > 0.0 and vega > 0.0:
        forward = log(s) + (rows.facts[g, side, RATE] - rows.facts[g, side, YIELD]) * rows.years[g]
        step = halley_step(price / unit - base, value, vega, forward, vol, np.sqrt(rows.years[g]))
        if abs(step) < ENOUGH * vol:
            rows.answer[0] = vol + step
            return OK
    return _search(rows, g, side, spot, strike, price, vol) if code == OK else code


@kernel
def _rho(rows: Rows, g: Int, side: Int, spot: float, strike: float, vol: float) -> tuple[Int, float]:
    """Return OK or PENDING, and d(price)/d(rate) of the put with strike 1; NaN where a row tells none."""
    if not vol > 0.0 or rows.facts[g, side, REGIME] == PREMIUM_FREE:
        return OK, np.nan
    total = 0.0
    for row in (UP, DOWN):
        got = _read(rows, g + row, side, spot, strike, vol, False)
        if got == PENDING:
            return got, 0.0
        price = rows.read[PRICE] if got == OK else np.nan
        total += price if row == UP else -price
    return OK, total / (rows.rate[g + UP] - rows.rate[g + DOWN])


@kernel
def _write_greeks(
    rows: Rows, g: Int, side: Int, spot: float, strike: float, vol: float, rho: float, place: F64, told: F64
) -> None:
    """Write the greeks by the put's slopes, brought from the table's terms to the point's: see measure.py."""
    read, rate, drift, variance = rows.read, rows.rate[g], rows.rate[g] - rows.yield_[g], vol * vol
    p, p_1, p_2, p_3 = read[PRICE], read[SLOPE], read[CURVE], read[SPEED]
    s, unit = _normal(side, spot, strike)
    delta, gamma, speed, vanna = p_1, p_2 / strike, p_3 / (strike * strike), read[VANNA]
    if side == 1:
        delta, gamma = p - s * p_1, s * s * p_2 / spot
        speed = -s * s * (3.0 * p_2 + s * p_3) / (spot * spot)
        vanna = read[VEGA] - s * read[VANNA]
    if rows.facts[g, side, REGIME] == PREMIUM_FREE:
        # European: of a call, the rate is what carries the asset of the put that it is.
        rho = -rows.years[g] * (s * p_1 if side == 1 else p - s * p_1)
    price = _whole(p, side, spot, strike)
    theta = rate * price - drift * spot * delta - 0.5 * variance * spot * spot * gamma
    change = spot * gamma + 0.5 * spot * spot * speed
    charm = rate * delta - drift * (delta + spot * gamma) - variance * change
    if p_1 == -1.0 and p_2 == 0.0 and read[VEGA] == 0.0:
        theta = charm = 0.0
    root, ratio, scale = place[TIME_ROOT], place[SPOT_RATIO], 1.0 / place[OVER]
    slope, pace = ratio * scale, scale / (root * root)
    told[TOLD_DELTA] = delta * slope
    told[TOLD_GAMMA] = gamma * slope * ratio
    told[TOLD_VEGA] = unit * read[VEGA] * root * scale
    told[TOLD_THETA] = theta * pace
    told[TOLD_RHO] = rho * unit * root * root * scale
    told[TOLD_VANNA] = vanna * root * slope
    told[TOLD_VOLGA] = unit * read[VOLGA] * root * root * scale
    told[TOLD_CHARM] = charm * pace * ratio


@kernel
def _vol(rows: Rows, number: Int, strike: float, side: Int, given: F64, place: F64, told: F64) -> Int:
    """Write the volatility to told, in the table's terms, and what FURTHER adds to the price to TOLD_OTHER."""
    g = BESIDE * number
    price, share, further = given[GIVEN_PRICE] * place[OVER], place[SHARE], place[FURTHER_SPOT]
    start = given[GIVEN_START] * place[TIME_ROOT]
    code = _search(rows, g, side, place[SPOT], strike, price, start)
    if code != OK:
        return code
    told[TOLD_VOL], told[TOLD_OTHER] = rows.answer[0], 0.0
    if share == 0.0:
        return code
    got = _read(rows, g + FURTHER, side, further, strike, told[TOLD_VOL], False)
    if got == OK:
        told[TOLD_OTHER] = share * (_whole(rows.read[PRICE], side, further, strike) - price)
        got = _search_on(rows, g + FURTHER, side, further, strike, price, told[TOLD_VOL])
    if got == OK:
        moved = told[TOLD_VOL] + share * (rows.answer[0] - told[TOLD_VOL])
        told[TOLD_VOL] = moved if moved > 0.0 else told[TOLD_VOL]
    return got if got == PENDING else code


@kernel
def _tell_one(rows: Rows, number: Int, strike: float, side: Int, given: F64, place: F64, told: F64) -> Int:
    """Write what is told of one quote; return the status of its volatility, or PENDING."""
    told[:] = np.nan
    g, spot, over, root, share = BESIDE * number, place[SPOT], place[OVER], place[TIME_ROOT], place[SHARE]
    code = _vol(rows, number, strike, side, given, place, told)
    if code == PENDING:
        return code
    other = root * other_vol(told[TOLD_VOL] / root, given[GIVEN_SURFACE], given[GIVEN_LAST], given[GIVEN_RATIO])
    used, more = told[TOLD_VOL] if code == OK else other, told[TOLD_OTHER]
    told[TOLD_VOL] /= root
    got, rho = _rho(rows, g, side, spot, strike, used)
    if got == OK and code != OK and share != 0.0:
        got = _read(rows, g + FURTHER, side, place[FURTHER_SPOT], strike, used, False)
        more = _whole(rows.read[PRICE], side, place[FURTHER_SPOT], strike) if got == OK else np.nan
    if got != PENDING:
        got = _read(rows, g, side, spot, strike, used, True)
    if got != OK:
        return got if got == PENDING else code
    own = _whole(rows.read[PRICE], side, spot, strike)
    if code != OK:
        more = share * (more - own) if abs(more) < np.inf else 0.0
    _write_greeks(rows, g, side, spot, strike, used, rho, place, told)
    told[TOLD_PRICE] = told[TOLD_OTHER] = (own + more) / over
    if code == OK:
        got = _read(rows, g, side, spot, strike, other, False)
        own = _whole(rows.read[PRICE], side, spot, strike) if got == OK else np.nan
        told[TOLD_OTHER] = (own + more) / over
    return got if got == PENDING else code


@entry
def _tell(rows: Rows, of: Contracts, given: F64, places: F64, told: F64, status: U8) -> int:
    """Tell of those that are PENDING; return how many still are."""
    left = 0
    for i in range(status.size):
        if status[i] == PENDING:
            number = of.expiry[i]
            side = 1 if of.is_call[i] else 0
            status[i] = _tell_one(rows, number, of.strike[i], side, given[i], places[number], told[i])
            left += status[i] == PENDING
    return left


def tell(table: AmericanTable, of: Contracts, given: F64, places: F64) -> tuple[F64, U8]:
    """Return what is told of n quotes, (n, TOLD), NaN where there is none, and the status of their volatilities, (n,).

    table: BESIDE rows for each expiry, its owner's alone: it fills as it is read. given: (n, GIVEN); places:
    (expiries, PLACE). Where there is no volatility, greeks and both prices are those at the other one. What is told of
    a quote has the same bits in any company.
    """
    told, status = np.empty((of.strike.size, TOLD)), np.full(of.strike.size, PENDING, np.uint8)
    _start(table, of, given, places)
    scratch = np.empty((VALUE_ROWS, VALUE_COLUMNS)), np.empty(OUTPUTS), np.empty(1)
    for _ in range(TURNS_MAX):
        wanted = np.zeros(table.states.shape, np.uint8)
        if not _tell(Rows(*table_arrays(table), wanted, *scratch), of, given, places, told, status):
            break
        fill_table(table, wanted)
    status[status == PENDING] = OUT_OF_RANGE
    return told, status


def _start(table: AmericanTable, of: Contracts, given: F64, places: F64) -> None:
    """Begin where no volatility is near at the European one of a similar price; changes given."""
    cold = np.flatnonzero(~(given[:, GIVEN_START] > 0.0))
    if cold.size:
        place = places[of.expiry[cold]]
        first = start_on(
            table, BESIDE * of.expiry[cold], given[cold, GIVEN_PRICE] * place[:, OVER], place[:, SPOT],
            of.strike[cold], of.is_call[cold],
        )  # fmt: skip
        given[cold, GIVEN_START] = first / place[:, TIME_ROOT]
