"""What a stage reads from tables: price and greeks at a volatility, and volatility and greeks of a quoted price.

A volatility is found by bisection over the table's nodes, then Newton's method within the bracket, each step of which
costs one escrowed price; its result reproduces the price to 1e-10 of the spot. Quality falls with the table's age:

    quality = 1 - (event - begin) / (2 (end - begin)) within the window, 0 outside of it and where no table is

so that a table is worth half at its window's end. Age is event time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import exp, log
from streams.options.arrays import columns
from streams.options.cash.base import escrowed, escrowed_greeks
from streams.options.cash.table import (
    AMERICAN,
    COLUMNS,
    PAID,
    PAID_SLOPE,
    RATE,
    ROOT,
    SIGN,
    SPOT_LOW,
    SPOT_STEP,
    SPOTS,
    STRIKE,
    TIMES,
    VOL_LOW,
    VOL_STEP,
    VOLS,
    YIELD,
    CashTables,
)
from streams.options.contracts.expiry import YEAR_NS
from streams.options.status import (
    ABOVE_BOUND,
    AT_EXERCISE_VALUE,
    BAD_INPUT,
    BELOW_INTRINSIC,
    NO_TIME,
    NOT_A_NUMBER,
    NOT_CONVERGED,
    OK,
    OUT_OF_RANGE,
)

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Int = int | np.int64

TIME_VALUE_MIN = 1e-5
"""Time value over spot up to which a price counts as the exercise value (0.001 on a spot of 100)."""
GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
ROUNDS_MAX = 30
VOL_POINTS = 6
"""Nodes of volatility that a reading goes through: the next below and above, and two more to each side."""
VALUE, SPOT1, SPOT2, TIME1, CROSS = range(5)
"""Rows of a column's readings: value, two derivatives in spot, one in time (per year), one in both."""


@kernel
def cubic_weights(place: float, out: F64) -> None:
    """Fill out (3, 4): weights of values and of two derivatives per step, of nodes -1 to 2 at place in [0, 1]."""
    u = place
    out[0, 0], out[0, 1] = -u * (u - 1.0) * (u - 2.0) / 6.0, (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0
    out[0, 2], out[0, 3] = -(u + 1.0) * u * (u - 2.0) / 2.0, (u + 1.0) * u * (u - 1.0) / 6.0
    out[1, 0], out[1, 1] = -(3.0 * u * u - 6.0 * u + 2.0) / 6.0, (3.0 * u * u - 4.0 * u - 1.0) / 2.0
    out[1, 2], out[1, 3] = -(3.0 * u * u - 2.0 * u - 2.0) / 2.0, (3.0 * u * u - 1.0) / 6.0
    out[2, 0], out[2, 1], out[2, 2], out[2, 3] = 1.0 - u, 3.0 * u - 2.0, 1.0 - 3.0 * u, u


@kernel
def read_columns(meta: F64, extra: F64, spot: float, years: float, work: F64) -> bool:
    """Fill work[:5] (5, COLUMNS) with the readings at a spot and time; False where the spot is outside the table.

    meta: (META,); extra: (TIMES, SPOTS, COLUMNS); work: (12, COLUMNS), rows after the fifth are room.
    """
    place = (log(spot) - meta[SPOT_LOW]) / meta[SPOT_STEP]
    if not (0.0 <= place <= SPOTS - 1):
        return False
    first = min(max(int(place), 1), SPOTS - 3)
    weights = work[5:8, :4]
    cubic_weights(place - first, weights)
    root = np.sqrt(years)
    r0, r1, r2 = meta[ROOT], meta[ROOT + 1], meta[ROOT + 2]
    d0, d1, d2 = root - r0, root - r1, root - r2
    parts, slopes = work[8, :TIMES], work[9, :TIMES]
    # d(sqrt(years)) / d(time) is -1 / (2 sqrt(years)).
    turn = -0.5 / root
    parts[0], slopes[0] = d1 * d2 / ((r0 - r1) * (r0 - r2)), turn * (d1 + d2) / ((r0 - r1) * (r0 - r2))
    parts[1], slopes[1] = d0 * d2 / ((r1 - r0) * (r1 - r2)), turn * (d0 + d2) / ((r1 - r0) * (r1 - r2))
    parts[2], slopes[2] = d0 * d1 / ((r2 - r0) * (r2 - r1)), turn * (d0 + d1) / ((r2 - r0) * (r2 - r1))
    work[:5] = 0.0
    for time in range(TIMES):
        for node in range(4):
            row = extra[time, first - 1 + node]
            flat, slope, bend = weights[0, node], weights[1, node], weights[2, node]
            for column in range(COLUMNS):
                value = row[column]
                work[VALUE, column] += parts[time] * flat * value
                work[SPOT1, column] += parts[time] * slope * value
                work[SPOT2, column] += parts[time] * bend * value
                work[TIME1, column] += slopes[time] * flat * value
                work[CROSS, column] += slopes[time] * slope * value
    step = spot * meta[SPOT_STEP]
    for column in range(COLUMNS):
        slope = work[SPOT1, column] / step
        work[SPOT2, column] = (work[SPOT2, column] / (meta[SPOT_STEP] * step) - slope) / spot
        work[SPOT1, column] = slope
        work[CROSS, column] /= step
    return True


@kernel
def extra_at(meta: F64, work: F64, reading: Int, log_vol: float) -> tuple[float, float, float]:
    """Return a reading and its two derivatives in log(vol); log_vol within the table."""
    place = (log_vol - meta[VOL_LOW]) / meta[VOL_STEP]
    first = min(max(int(place) - 2, 0), VOLS - VOL_POINTS)
    parts = work[10, :VOL_POINTS]
    for node in range(VOL_POINTS):
        parts[node] = work[reading, first + node]
    # Newton's polynomial through the nodes: divided differences in place, then Horner with two derivatives.
    for order in range(1, VOL_POINTS):
        for node in range(VOL_POINTS - 1, order - 1, -1):
            parts[node] = (parts[node] - parts[node - 1]) / order
    value, slope, bend = parts[VOL_POINTS - 1], 0.0, 0.0
    for node in range(VOL_POINTS - 2, -1, -1):
        apart = place - (first + node)
        bend = bend * apart + 2.0 * slope
        slope = slope * apart + value
        value = value * apart + parts[node]
    return value, slope / meta[VOL_STEP], bend / (meta[VOL_STEP] * meta[VOL_STEP])


@kernel
def fill_greeks(meta: F64, work: F64, spot: float, years: float, vol: float, paid: F64, out: F64) -> None:
    """Fill out (9,), GREEKS, at a volatility within the table. paid:

    (2,), the cash's value and its slope in the rate.
    """
    sign, strike = meta[SIGN], meta[STRIKE]
    escrowed_greeks(sign, spot, strike, years, meta[RATE], meta[YIELD], vol, paid[0], paid[1], out)
    log_vol = log(vol)
    value, slope, bend = extra_at(meta, work, VALUE, log_vol)
    out[0] += value
    out[3] += slope / vol
    out[7] += (bend - slope) / (vol * vol)
    delta, vanna, _ = extra_at(meta, work, SPOT1, log_vol)
    out[1] += delta
    out[6] += vanna / vol
    out[2] += extra_at(meta, work, SPOT2, log_vol)[0]
    out[4] += extra_at(meta, work, TIME1, log_vol)[0]
    out[8] += extra_at(meta, work, CROSS, log_vol)[0]
    out[5] += work[VALUE, VOLS]
    due = sign * (spot - strike)
    if meta[AMERICAN] > 0.0 and due > 0.0 and out[0] <= due + TIME_VALUE_MIN * spot:
        out[:] = 0.0
        out[0], out[1] = due, sign


@kernel
def find_vol(
    meta: F64, work: F64, spot: float, years: float, paid: float, price: float, guess: float
) -> tuple[float, Int]:
    """Return the volatility of a price and its status; guess: NaN or where to begin."""
    sign, strike, rate, yield_ = meta[SIGN], meta[STRIKE], meta[RATE], meta[YIELD]
    low, high = 0, VOLS - 1
    for node in (low, high):
        vol = exp(meta[VOL_LOW] + meta[VOL_STEP] * node)
        miss = escrowed(sign, spot, strike, years, rate, yield_, vol, paid)[0] + work[VALUE, node] - price
        if (miss > 0.0) == (node == 0):
            return np.nan, OUT_OF_RANGE
    while high - low > 1:
        middle = (low + high) // 2
        vol = exp(meta[VOL_LOW] + meta[VOL_STEP] * middle)
        if escrowed(sign, spot, strike, years, rate, yield_, vol, paid)[0] + work[VALUE, middle] <= price:
            low = middle
        else:
            high = middle
    least = exp(meta[VOL_LOW] + meta[VOL_STEP] * low)
    most = exp(meta[VOL_LOW] + meta[VOL_STEP] * high)
    vol = guess if least < guess < most else 0.5 * (least + most)
    for _ in range(ROUNDS_MAX):
        value, vega, _ = escrowed(sign, spot, strike, years, rate, yield_, vol, paid)
        added, slope, _ = extra_at(meta, work, VALUE, log(vol))
        miss = value + added - price
        if abs(miss) <= 1e-10 * spot:
            return vol, OK
        if miss > 0.0:
            most = vol
        else:
            least = vol
        vega += slope / vol
        vol -= miss / vega if vega > 0.0 else 0.0
        if not (least < vol < most):
            vol = 0.5 * (least + most)
        if most - least <= 1e-12 * most:
            return vol, OK
    return vol, NOT_CONVERGED


@kernel
def spot_status(spot: float, value: float) -> Int:
    """Return what is wrong with a spot or the number beside it, else OK."""
    if spot != spot or value != value:
        return NOT_A_NUMBER
    return OK if 0.0 < spot < np.inf and 0.0 <= value < np.inf else BAD_INPUT


@kernel
def price_status(meta: F64, spot: float, years: float, price: float) -> Int:
    """Return why a price can have no volatility, else OK."""
    sign, strike, early = meta[SIGN], meta[STRIKE], meta[AMERICAN] > 0.0
    bound = spot if sign > 0.0 else strike if early else strike * exp(-meta[RATE] * years)
    if price >= bound:
        return ABOVE_BOUND
    due = sign * (spot - strike) if early else 0.0
    if price < due or price == 0.0:
        return BELOW_INTRINSIC
    if due > 0.0 and price <= due + TIME_VALUE_MIN * spot:
        return AT_EXERCISE_VALUE
    return OK


@kernel
def read_one(
    meta: F64, extra: F64, spot: float, years: float, gone: float, price: float, vol: float, work: F64, out: F64
) -> tuple[float, Int]:
    """Return a volatility and a status, and fill out where it is OK; price: NaN where vol is given."""
    paid = work[11, :2]
    if not read_columns(meta, extra, spot, years, work):
        return np.nan, OUT_OF_RANGE
    grown = exp(meta[RATE] * gone)
    paid[0] = meta[PAID] * grown
    paid[1] = (meta[PAID_SLOPE] + meta[PAID] * gone) * grown
    if price == price:
        vol, status = find_vol(meta, work, spot, years, paid[0], price, vol)
        if status != OK:
            return np.nan, status
    else:
        place = (log(vol) - meta[VOL_LOW]) / meta[VOL_STEP]
        if not (-1e-9 <= place <= VOLS - 1 + 1e-9):
            return np.nan, OUT_OF_RANGE
    fill_greeks(meta, work, spot, years, vol, paid, out)
    return vol, OK


@entry
def read_rows(
    rows: I64, spot: F64, event_ns: I64, price: F64, vol: F64, by_price: bool,
    expiry_ns: I64, begin_ns: I64, end_ns: I64, meta: F64, extra: F64, work: F64,
    out: F64, status: U8, quality: F64,
) -> None:  # fmt: skip
    """Fill out (n, 9), status and quality (n,), and vol where by_price. work: (12, COLUMNS), to work in."""
    for i in range(rows.shape[0]):
        row, guess, now = rows[i], vol[i], event_ns[i]
        given = price[i] if by_price else guess
        if by_price:
            vol[i] = np.nan
        status[i] = spot_status(spot[i], given)
        if status[i] != OK:
            continue
        if now >= expiry_ns[row]:
            status[i] = NO_TIME
            continue
        years = (expiry_ns[row] - now) / YEAR_NS
        if begin_ns[row] == 0 or now < begin_ns[row] or now >= end_ns[row]:
            status[i] = OUT_OF_RANGE
            continue
        if by_price:
            status[i] = price_status(meta[row], spot[i], years, price[i])
            if status[i] != OK:
                continue
        gone = (now - begin_ns[row]) / YEAR_NS
        asked = price[i] if by_price else np.nan
        found, status[i] = read_one(meta[row], extra[row], spot[i], years, gone, asked, guess, work, out[i])
        if status[i] == OK:
            vol[i] = found
            quality[i] = 1.0 - 0.5 * (now - begin_ns[row]) / (end_ns[row] - begin_ns[row])


@dataclass(frozen=True)
class CashReading:
    """What tables say of n options; NaN and quality 0 where status is not ok. Units: docs/option_pricing.md."""

    vol: F64
    price: F64
    delta: F64
    gamma: F64
    vega: F64
    theta: F64
    rho: F64
    vanna: F64
    volga: F64
    charm: F64
    status: U8
    quality: F64
    """0 to 1: falls with the age of the table."""


def price_of(tables: CashTables, rows: I64, spot: F64 | float, vol: F64 | float, event_ns: I64 | int) -> CashReading:
    """Return price and greeks at a volatility, each (n,), broadcast of rows (int64, indices), spot, vol and event_ns.

    OUT_OF_RANGE where a row was never built, or its window, spots or volatilities do not hold what is asked: build it.
    """
    return _read(tables, rows, spot, None, vol, event_ns)


def vol_of(
    tables: CashTables,
    rows: I64,
    price: F64 | float,
    spot: F64 | float,
    event_ns: I64 | int,
    guess: F64 | float = float("nan"),
) -> CashReading:
    """Return volatility and greeks of a quoted price, each (n,), broadcast of the inputs; guess: the last volatility.

    Statuses: as price_of, and BELOW_INTRINSIC, AT_EXERCISE_VALUE (no time value: no volatility), ABOVE_BOUND.
    """
    return _read(tables, rows, spot, price, guess, event_ns)


def _read(
    tables: CashTables,
    rows: I64,
    spot: F64 | float,
    price: F64 | float | None,
    vol: F64 | float,
    event_ns: I64 | int,
) -> CashReading:
    numbers = [np.asarray(one, np.float64) for one in (spot, np.nan if price is None else price, vol)]
    at, s, p, v, now = columns(np.asarray(rows, np.int64), *numbers, np.asarray(event_ns, np.int64))
    if at.size and not (at.min() >= 0 and at.max() < len(tables.strike)):
        raise ValueError(f"rows must be from 0 to {len(tables.strike) - 1}, was {at.min()} to {at.max()}")
    found = v.copy()
    out, status, quality = np.full((at.size, len(GREEKS)), np.nan), np.zeros(at.size, np.uint8), np.zeros(at.size)
    read_rows(
        at, s, now, p, found, price is not None, tables.expiry_ns, tables.begin_ns, tables.end_ns, tables.meta,
        tables.extra, np.empty((12, COLUMNS)), out, status, quality,
    )  # fmt: skip
    return CashReading(np.where(status == OK, found, np.nan), *out.T, status, quality)
