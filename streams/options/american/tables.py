"""AmericanTable: the solved boundaries of some expiries, both sides, that prices and volatilities are read from.

One expiry is one (years, rate, yield). Everything here is arrays, the first axis the expiries; panels.py says what they
hold. A table for a stream is built once with the volatilities it will meet and read from then on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.numerics.jit import entry
from streams.options.american.nodes import PREMIUM_POINTS, VOL_NODES
from streams.options.american.panels import (
    BUILD_COLUMNS,
    BUILD_ROWS,
    COLUMNS,
    EMPTY,
    FACTS,
    FAILED,
    PANELS,
    REGIME,
    SINGLE,
    TERMS,
    VOL_HIGH,
    VOL_LOW,
    build_panel,
    prepare_side,
)
from streams.options.arrays import columns

F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class AmericanTable:
    """Boundaries of g expiries. years, rate, yield_: (g,). The rest is for the kernels.

    facts: (g, 2, FACTS), terms: (g, 2, TERMS, PREMIUM_POINTS), coefficients: (g, 2, PANELS, VOL_NODES, COLUMNS),
    states: (g, 2, PANELS), each side's 0 the puts, 1 the calls.
    """

    years: F64
    rate: F64
    yield_: F64
    facts: F64
    terms: F64
    coefficients: F64
    states: U8

    @property
    def failed(self) -> int:
        """Return how many panels did not pass the residual check: their options get NOT_CONVERGED."""
        return int(np.count_nonzero(self.states == FAILED))


@entry
def _prepare(years: F64, rate: F64, yield_: F64, facts: F64, terms: F64) -> None:
    for g in range(years.size):
        prepare_side(years[g], rate[g], yield_[g], facts[g, 0], terms[g, 0])
        prepare_side(years[g], yield_[g], rate[g], facts[g, 1], terms[g, 1])


@entry
def _build(years: F64, facts: F64, wanted: U8, coefficients: F64, states: U8, work: F64) -> None:
    for g in range(years.size):
        for side in range(2):
            for panel in range(PANELS):
                if wanted[g, side, panel] and states[g, side, panel] == EMPTY and facts[g, side, REGIME] == SINGLE:
                    states[g, side, panel] = build_panel(
                        years[g], facts[g, side], panel, coefficients[g, side, panel], work
                    )


def empty_table(years: F64, rate: F64, yield_: F64) -> AmericanTable:
    """Return a table without panels, its arrays the caller's to fill by fill_table."""
    count = years.size
    table = AmericanTable(
        years, rate, yield_,
        np.zeros((count, 2, FACTS)), np.zeros((count, 2, TERMS, PREMIUM_POINTS)),
        np.empty((count, 2, PANELS, VOL_NODES, COLUMNS)), np.zeros((count, 2, PANELS), np.uint8),
    )  # fmt: skip
    _prepare(years, rate, yield_, table.facts, table.terms)
    return table


def fill_table(table: AmericanTable, wanted: U8) -> None:
    """Solve the panels that are wanted, (g, 2, PANELS), and not there yet, in place."""
    work = np.empty((BUILD_ROWS, BUILD_COLUMNS))
    _build(table.years, table.facts, wanted, table.coefficients, table.states, work)


def american_table(
    years: ArrayLike, rate: ArrayLike, yield_: ArrayLike, vol_low: float = VOL_LOW, vol_high: float = VOL_HIGH
) -> AmericanTable:
    """Solve the boundaries of g expiries for every volatility from vol_low to vol_high, puts and calls.

    years: ACT/365, > 0, rate, yield_: continuous, per year, each (g,) or a scalar. vol_low, vol_high: per sqrt(year),
    in [0.00625, 6.4]; a panel covers a factor of 4. Returns a table that is not changed any more. Numbers that are not
    finite give a table whose options get a status. Raises ValueError for shapes that do not fit or an empty range.
    """
    if not VOL_LOW <= vol_low <= vol_high <= VOL_HIGH:
        raise ValueError(f"volatilities must rise within [{VOL_LOW}, {VOL_HIGH}], were {vol_low} and {vol_high}")
    table = empty_table(*columns(*(np.asarray(one, np.float64) for one in (years, rate, yield_))))
    lows = VOL_LOW * (1 << 2 * np.arange(PANELS, dtype=np.int64))
    wanted = np.zeros(table.states.shape, np.uint8)
    wanted[:, :, (lows <= vol_high) & (4.0 * lows >= vol_low)] = 1
    fill_table(table, wanted)
    for array in (table.facts, table.terms, table.coefficients, table.states):
        array.setflags(write=False)
    return table
