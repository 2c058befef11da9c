"""A simulated chain as it moves: mid prices and volatilities per expiry and strike at any instant of a span.

`chain_state` prices the truth once an expiry (some 10 ms each) for a span of time, such as an hour or until the
earnings are out; `chain_mids` then reads 2,000 contracts in about a millisecond for whatever spot and forwards there
are. The smile moves with the forward: log(strike / forward) and time to expiry alone decide a volatility. At an
announcement `draw_jump` gives the move of the price, and a new state begins without it; the truth to compare with is
`ChainTruth`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from connectors.sources.sim_chain_truth import ChainTruth, TruthKind, TruthTable, black_otm, truth_table
from connectors.sources.sim_market import generator

F64 = NDArray[np.float64]

YEARS_MIN = 1.0 / (365.0 * 1_440.0)
"""A minute: nearer to expiry the volatility stays that of a minute before it."""


@dataclass(frozen=True)
class ChainState:
    """A truth over one span of time. years: (s,) ACT/365 to each expiry at its begin; tables: one an expiry."""

    truth: ChainTruth
    years: F64
    tables: tuple[TruthTable, ...]


@dataclass(frozen=True)
class ChainMids:
    """Fair values of one expiry by strike, (m,): undiscounted calls and puts in quote currency, Black's volatility."""

    call: F64
    put: F64
    vol: F64


def chain_state(truth: ChainTruth, years: F64, span_years: float, event_years: float = math.inf) -> ChainState:
    """Return the state of a span that begins now.

    years: (s,) ACT/365 to each expiry, > 0. span_years: how long the span is; what expires in it keeps its last smile.
    event_years: until the earnings are out; infinite: they are out, or there are none; a span may not hold them.
    """
    if not span_years <= event_years:
        raise ValueError(f"a span must end with the announcement in {event_years} years, was {span_years}")
    tables = []
    for one in np.asarray(years, np.float64).tolist():
        first, last = max(one, 2.0 * YEARS_MIN), max(one - span_years, YEARS_MIN)
        tables.append(truth_table(truth, first, last, event_years < one))
    return ChainState(truth, np.array(years, np.float64), tuple(tables))


def chain_mids(state: ChainState, elapsed_years: float, forward: F64, strikes: list[F64]) -> list[ChainMids]:
    """Return fair values per expiry, `elapsed_years` after the span's begin. forward: (s,); strikes: (m,) an expiry."""
    out = []
    for table, years, ahead, strike in zip(state.tables, state.years.tolist(), forward.tolist(), strikes, strict=True):
        left = max(years - elapsed_years, YEARS_MIN)
        k = np.log(strike / ahead)
        w = table.total_variance(k, left)
        value = ahead * black_otm(k, w)
        inside = np.abs(ahead - strike)
        is_put = k < 0.0
        call, put = np.where(is_put, value + inside, value), np.where(is_put, value, value + inside)
        out.append(ChainMids(call, put, np.sqrt(w / left)))
    return out


def draw_jump(truth: ChainTruth, seed: int, number: int = 0) -> float:
    """Return the factor by which the earnings move the price, drawn from (seed, number); 1 for another truth."""
    if truth.kind is not TruthKind.EARNINGS:
        return 1.0
    random = generator(seed, number, 73)
    middle = truth.up if random.random() < truth.up_chance else truth.down
    chances = ((truth.up_chance, truth.up), (1.0 - truth.up_chance, truth.down))
    fair = sum(chance * math.exp(mean + 0.5 * truth.move_sd**2) for chance, mean in chances)
    return math.exp(random.normal(middle, truth.move_sd)) / fair
