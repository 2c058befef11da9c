"""At which move of an underlying a margin call comes: maintenance above equity, over a grid of moves.

A share moves with its underlying, an option to

    max(in the money, 0, price + delta dS + gamma dS² / 2)

by its greeks of now: good for small moves, rough for those of 10 % and more, where gamma itself has changed; without
greeks an option keeps what it is worth beyond its value in the money. Other underlyings stay where they are. Volatility
and time stay, so that a fall that comes with higher volatility calls earlier than this says.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.records import MarginKind
from streams.risk.margin.contract import Held, is_option, terms_of
from streams.risk.margin.rules import MarginRow
from streams.risk.margin.underlying import of_positions

PERCENTS = tuple(percent for percent in range(-20, 21) if percent)


class Greeks(NamedTuple):
    """A share of a contract: d(price)/dS, and d(delta)/dS per 1.00 of quote currency. Not NaN."""

    delta: float
    gamma: float


class Moved(NamedTuple):
    """The account after a move of the underlying, percent. Amounts: cents."""

    percent: int
    equity_cents: int
    maintenance_cents: int

    @property
    def excess_cents(self) -> int:
        """Equity beyond maintenance; below 0 a margin call of so much."""
        return self.equity_cents - self.maintenance_cents


class Forecast(NamedTuple):
    """The grid, ascending, and the nearest moves down and up that bring a margin call, percent; None: none on it."""

    moves: tuple[Moved, ...]
    down_percent: int | None
    up_percent: int | None


def forecast(
    ticker: str,
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    greeks: Mapping[str, Greeks],
    equity_cents: int,
    other_maintenance_cents: int,
    row: MarginRow,
    kind: MarginKind = MarginKind.REG_T,
    percents: Sequence[int] = PERCENTS,
) -> Forecast:
    """Return where margin calls come for moves of one underlying; ValueError where it has no price.

    positions: the underlying's. prices: cents a share, by symbol; an option without one keeps its cost.
    other_maintenance_cents: what the account's other underlyings need.
    """
    if ticker not in prices:
        raise ValueError(f"{ticker} must have a price to be moved")
    moves = []
    for percent in sorted(percents):
        change, need = after_move(ticker, positions, prices, greeks, percent, row, kind)
        moves.append(Moved(percent, equity_cents + change, need + other_maintenance_cents))
    return nearest(moves)


def nearest(moves: Sequence[Moved]) -> Forecast:
    """Return a grid of moves, ascending, with the nearest that bring a margin call."""
    called = [one.percent for one in moves if one.excess_cents < 0]
    down, up = [one for one in called if one < 0], [one for one in called if one > 0]
    return Forecast(tuple(moves), max(down, default=None), min(up, default=None))


def after_move(
    ticker: str,
    positions: Mapping[str, Held],
    prices: Mapping[str, int],
    greeks: Mapping[str, Greeks],
    percent: int,
    row: MarginRow,
    kind: MarginKind,
) -> tuple[int, int]:
    """Return what a move of an underlying that has a price changes in equity, and the maintenance then, cents."""
    after = _moved(ticker, positions, prices, greeks, percent)
    change = sum(
        held.quantity * held.multiplier * (after[symbol] - prices[symbol])
        for symbol, held in positions.items()
        if symbol in prices
    )
    return change, of_positions(ticker, positions, after, row, kind).maintenance_cents


def _moved(
    ticker: str, positions: Mapping[str, Held], prices: Mapping[str, int], greeks: Mapping[str, Greeks], percent: int
) -> dict[str, int]:
    """Return the prices after a move, cents to the nearest."""
    before = prices[ticker]
    spot = (before * (100 + percent) + 50) // 100
    found = {ticker: spot}
    for symbol in positions:
        if not is_option(symbol) or symbol not in prices:
            continue
        terms = terms_of(symbol)
        sign, strike = (1 if terms.is_call else -1), terms.strike // 10
        now, then = max(0, sign * (before - strike)), max(0, sign * (spot - strike))
        one = greeks.get(symbol)
        if one is None:
            found[symbol] = then + max(0, prices[symbol] - now)
            continue
        step = (spot - before) / 100.0
        change = 100.0 * (one.delta * step + 0.5 * one.gamma * step * step)
        found[symbol] = max(then, int(max(0.0, prices[symbol] + change) + 0.5))
    return found
