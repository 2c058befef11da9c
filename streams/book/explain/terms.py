"""The terms of an explanation; together with what is unexplained they are the change of value, in whatever unit."""

from typing import NamedTuple


class Terms(NamedTuple):
    """What moved a value. All in one unit (currency a share, or US dollars of a position), gains > 0.

    delta, gamma: the underlying's move. vega, volga: the move of the contract's own implied volatility. vanna: both
    together. theta: time. charm: time and the underlying's move. rho: the zero rate. dividends: cash received; of an
    option what dividends and borrow that are expected anew do to its forward. fees: paid. spread: a fill's price
    against the value before it. exercise: what became of an option without an order (exercise, assignment, expiry, cash
    settlement). unexplained: the rest.
    """

    delta: float = 0.0
    gamma: float = 0.0
    vega: float = 0.0
    theta: float = 0.0
    rho: float = 0.0
    vanna: float = 0.0
    volga: float = 0.0
    charm: float = 0.0
    dividends: float = 0.0
    fees: float = 0.0
    spread: float = 0.0
    exercise: float = 0.0
    unexplained: float = 0.0

    @property
    def total(self) -> float:
        """Return the change of value."""
        return sum(self)

    @property
    def explained_size(self) -> float:
        """Return the sum of the sizes of all terms but the last: what the unexplained is held against."""
        return sum(abs(value) for value in self[:-1])

    def plus(self, other: "Terms") -> "Terms":
        """Return the sum, term by term."""
        return Terms(*[one + more for one, more in zip(self, other, strict=True)])

    def times(self, factor: float) -> "Terms":
        """Return the terms of so many units."""
        return Terms(*[value * factor for value in self])


NOTHING = Terms()


def closed(terms: Terms, total: float) -> Terms:
    """Return the terms with the unexplained that makes them `total`."""
    return terms._replace(unexplained=total - sum(terms[:-1]))
