"""A ledger against a statement of the same account: where they are not equal, to the cent and to the contract.

The ledger of truth is that of the account's own log: the sum of its Fills and Settlements, as sizing and risk keep it.
A statement is the other side's: the paper venue's own sums (streams/venue/statement.py), or a broker's.
"""

from typing import NamedTuple, Protocol

from schemas.records import StatedPosition
from streams.book.ledger import Ledger
from streams.book.money import text_of

CASH, FEES, POSITION, MULTIPLIER = "cash", "fees", "position", "multiplier"


class Stated(Protocol):
    """What a statement says; None: it does not tell (a broker's file may leave out cash or fees)."""

    @property
    def cash_cents(self) -> int | None:
        """Return cash, cents."""
        ...

    @property
    def fees_cents(self) -> int | None:
        """Return fees since the account was opened, cents."""
        ...

    @property
    def positions(self) -> tuple[StatedPosition, ...]:
        """Return positions, each symbol once."""
        ...


class Figure(NamedTuple):
    """One figure of both. ours, theirs: cents of cash and fees; else shares, contracts, or shares that a price is for.
    symbol: empty of cash and fees.
    """

    what: str
    symbol: str
    ours: int
    theirs: int

    @property
    def apart(self) -> int:
        """Return ours less theirs."""
        return self.ours - self.theirs

    @property
    def text(self) -> str:
        """Return it in words."""
        apart = self.apart
        if self.what in (CASH, FEES):
            return (
                f"{self.what} {text_of(self.ours)} USD in the ledger, {text_of(self.theirs)} in the statement:"
                f" {text_of(apart)} apart"
            )
        return f"{self.what} of {self.symbol}: {self.ours} in the ledger, {self.theirs} in the statement: {apart} apart"


def figures(ledger: Ledger, statement: Stated) -> tuple[Figure, ...]:
    """Return every figure that both tell, equal or not: cash, fees, then positions by symbol."""
    found = []
    if statement.cash_cents is not None:
        found.append(Figure(CASH, "", ledger.cash_cents, statement.cash_cents))
    if statement.fees_cents is not None:
        found.append(Figure(FEES, "", ledger.fees_cents, statement.fees_cents))
    stated = {one.symbol: one for one in statement.positions}
    for symbol in sorted(ledger.positions.keys() | stated.keys()):
        ours, theirs = ledger.positions.get(symbol), stated.get(symbol)
        held, said = ours.quantity if ours else 0, theirs.quantity if theirs else 0
        if held == said and ours and theirs and ours.multiplier != theirs.multiplier:
            found.append(Figure(MULTIPLIER, symbol, ours.multiplier, theirs.multiplier))
        else:
            found.append(Figure(POSITION, symbol, held, said))
    return tuple(found)


def differences(ledger: Ledger, statement: Stated) -> tuple[Figure, ...]:
    """Return the figures in which a ledger and a statement differ."""
    return tuple(one for one in figures(ledger, statement) if one.apart)
