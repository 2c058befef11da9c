"""A simulated chain as it moves: mid prices and volatilities per expiry and strike at any instant of a span.

`chain_state` prices the truth once an expiry (some 10 ms each) for a span of time, such as an hour or until the
earnings are out; `chain_mids` then reads 2,000 contracts in about a millisecond for whatever spot and forwards there
are. The smile moves with the forward: log(strike / forward) and time to expiry alone decide a volatility. At an
announcement `draw_jump` gives the move of the price, and a new state begins without it; the truth to compare with is
`ChainTruth`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from connectors.sources.sim_chain_truth import ChainTruth, TruthKind, TruthTable, black_otm, truth_table
from connectors.sources.sim_market import generator

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

YEARS_MIN = 1.0 / (365.0 * 1_440.0)
"""A minute: nearer to expiry the volatility stays that of a minute before it."""


@dataclass(frozen=True)
class ChainState:
    """A truth over one span of time. years: (s,) of volatility time to each expiry at its begin; tables: one an expiry.

    The tables again, side by side: ends (2, s) years, variance (2, s, p), scale (s,); low, step: of their places.
    """

    truth: ChainTruth
    years: F64
    tables: tuple[TruthTable, ...]
    ends: F64
    variance: F64
    scale: F64
    low: float
    step: float


@dataclass(frozen=True)
class ChainMids:
    """Fair values of one expiry by strike, (m,): undiscounted calls and puts in quote currency, Black's volatility."""

    call: F64
    put: F64
    vol: F64


def chain_state(truth: ChainTruth, years: F64, span_years: float, event_years: float = math.inf) -> ChainState:
    """Return the state of a span that begins now.

    years: (s,), s >= 1, of volatility time to each expiry, > 0. span_years: how long the span is; what expires in it
    keeps its last smile. event_years: until the earnings are out; infinite: they are out, or there are none; a span may
    not hold them.
    """
    if not span_years <= event_years:
        raise ValueError(f"a span must end with the announcement in {event_years} years, was {span_years}")
    tables = []
    for one in np.asarray(years, np.float64).tolist():
        first, last = max(one, 2.0 * YEARS_MIN), max(one - span_years, YEARS_MIN)
        tables.append(truth_table(truth, first, last, event_years < one))
    place = tables[0].place
    return ChainState(
        truth,
        np.array(years, np.float64),
        tuple(tables),
        np.stack([one.years for one in tables], axis=1),
        np.stack([one.variance for one in tables], axis=1),
        np.array([one.scale for one in tables]),
        float(place[0]),
        float(place[1] - place[0]),
    )


def chain_mids(state: ChainState, elapsed_years: float, forward: F64, strikes: list[F64]) -> list[ChainMids]:
    """Return fair values per expiry, `elapsed_years` after the span's begin. forward: (s,); strikes: (m,) an expiry."""
    lengths = [len(one) for one in strikes]
    expiry = np.repeat(np.arange(len(strikes)), lengths)
    every = flat_mids(state, elapsed_years, forward, np.concatenate([np.empty(0), *strikes]), expiry)
    ends = np.cumsum([0, *lengths]).tolist()
    return [ChainMids(every.call[a:b], every.put[a:b], every.vol[a:b]) for a, b in pairwise(ends)]


def flat_mids(state: ChainState, elapsed_years: float, forward: F64, strike: F64, expiry: I64) -> ChainMids:
    """Return fair values of all expiries at once, as chain_mids. strike, expiry (which of them): (n,)."""
    left = np.maximum(state.years - elapsed_years, YEARS_MIN)
    first, last = state.ends[0], state.ends[1]
    share = np.clip((first - left) / np.where(first > last, first - last, 1.0), 0.0, 1.0)[:, None]
    rows = (1.0 - share) * state.variance[0] + share * state.variance[1]
    ahead, years = forward[expiry], left[expiry]
    k = np.log(strike / ahead)
    points = rows.shape[1]
    at = np.clip((k / state.scale[expiry] - state.low) / state.step, 1.0, points - 2.000001)
    whole = at.astype(np.int64)
    t, base, row = at - whole, expiry * points + whole, rows.ravel()
    a, b, c, d = row[base - 1], row[base], row[base + 1], row[np.minimum(base + 2, row.size - 1)]
    bend = t * ((c - a) + t * ((2.0 * a - 5.0 * b + 4.0 * c - d) + t * (3.0 * (b - c) + d - a)))
    variance = b + 0.5 * bend
    value = ahead * black_otm(k, variance * years)
    inside = np.abs(ahead - strike)
    is_put = k < 0.0
    call, put = np.where(is_put, value + inside, value), np.where(is_put, value, value + inside)
    return ChainMids(call, put, np.sqrt(variance))


def draw_jump(truth: ChainTruth, seed: int, number: int = 0) -> float:
    """Return the factor by which the earnings move the price, drawn from (seed, number); 1 for another truth."""
    if truth.kind is not TruthKind.EARNINGS:
        return 1.0
    random = generator(seed, number, 73)
    middle = truth.up if random.random() < truth.up_chance else truth.down
    chances = ((truth.up_chance, truth.up), (1.0 - truth.up_chance, truth.down))
    fair = sum(chance * math.exp(mean + 0.5 * truth.move_sd**2) for chance, mean in chances)
    return math.exp(random.normal(middle, truth.move_sd)) / fair
