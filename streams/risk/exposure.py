"""An account's exposure with every working order in its worst case (the rule and why it holds: limit.py).

Of a symbol:    long = max(0, position + working buys)        short = max(0, working sells − position)
Its size is the greater of the two times the size of one. A combination fills whole units at once, so its greeks are
those of all its legs together; its legs' symbols are limited one by one.
"""

from collections.abc import Mapping
from typing import Any

from streams.book.ledger import Position
from streams.risk.account import Account, Part
from streams.risk.exits import under_way
from streams.risk.market import Unit, held_unit, market_key, order_unit, unit_in, unit_of

Ends = tuple[int, int]
"""The least and greatest that fills can make of a signed measure, micro-dollars."""


class Worst:
    """What working orders may make of an account. Built once a record.

    orders: by symbol, what working orders buy and sell of it, and their highest reference and size, cents.
    delta: by underlying and strategy; total, gamma, vega: of the account. gross_cents: sum of all symbols' sizes.
    """

    def __init__(self, account: Account, markets: Mapping[str, Any]) -> None:
        self.account, self.markets = account, markets
        self.orders: dict[str, list[int]] = {}
        self._units: dict[tuple[str, int], Unit | None] = {}
        self.delta: dict[str, dict[str, list[int]]] = {}
        totals = [0, 0, 0]
        for underlying, strategies in account.sums.items():
            cells = self.delta[underlying] = {}
            for strategy, (delta, gamma, vega) in strategies.items():
                cells[strategy] = [delta, delta]
                totals[0] += delta
                totals[1] += gamma
                totals[2] += vega
        self.total, self.gamma, self.vega = ([value, value] for value in totals)
        for order in under_way(account):
            self._add(order.parts, order.quantity, order.reference_cents, order.strategy)
        self.gross_cents = account.gross_cents
        for symbol in self.orders:
            held, buys, sells, size = self.sides(symbol)
            self.gross_cents += max(held + buys, sells - held) * size - self._held_cents(symbol)

    def _add(self, parts: tuple[Part, ...], quantity: int, reference_cents: int, strategy: str) -> None:
        underlying, others = "", dict[str, int]()
        delta = gamma = vega = 0
        for part in parts:
            symbol = part.symbol
            unit = self._unit(symbol, part.multiplier)
            if unit is None:
                unit = order_unit(symbol, part.multiplier, reference_cents, self.markets)
            moved = quantity * part.ratio
            of, _, _, size, of_delta, of_gamma, of_vega = unit
            sums = self.orders.get(symbol)
            if sums is None:
                sums = self.orders[symbol] = [0, 0, 0, 0]
            if moved > 0:
                sums[0] += moved
            else:
                sums[1] -= moved
            if reference_cents > sums[2]:
                sums[2] = reference_cents
            if size > sums[3]:
                sums[3] = size
            if of == underlying or not underlying:
                underlying = of
                delta += moved * of_delta
            else:
                others[of] = others.get(of, 0) + moved * of_delta
            gamma += moved * of_gamma
            vega += moved * of_vega
        self._widen(underlying, strategy, delta)
        # An order of several underlyings may fill for all of them only, which lies within these ends.
        for of, moved in others.items():
            self._widen(of, strategy, moved)
        if gamma:
            self.gamma[gamma > 0] += gamma
        if vega:
            self.vega[vega > 0] += vega

    def _widen(self, underlying: str, strategy: str, delta: int) -> None:
        cells = self.delta.get(underlying)
        if cells is None:
            cells = self.delta[underlying] = {}
        cell = cells.get(strategy)
        if cell is None:
            cell = cells[strategy] = [0, 0]
        up = delta > 0
        cell[up] += delta
        self.total[up] += delta

    def approve(self, account: Account, parts: tuple[Part, ...], quantity: int, cents: int, strategy: str) -> None:
        """Take an order in that the account now has under way; cents: its reference."""
        before = sum(self.size_cents(part.symbol) for part in parts)
        self.account = account
        self._add(parts, quantity, cents, strategy)
        self.gross_cents += sum(self.size_cents(part.symbol) for part in parts) - before

    def units(self, parts: tuple[Part, ...], reference_cents: int) -> list[tuple[str, int, Unit]]:
        """Return symbol, signed ratio and unit of each part of an order."""
        return [
            (part.symbol, part.ratio, order_unit(part.symbol, part.multiplier, reference_cents, self.markets))
            for part in parts
        ]

    def sides(self, symbol: str) -> tuple[int, int, int, int]:
        """Return position, working buys, working sells and the size of one in cents (0 when unknown)."""
        buys, sells, reference, size = self.orders.get(symbol, (0, 0, 0, 0))
        position = self.account.ledger.positions.get(symbol)
        if position is None:
            return 0, buys, sells, size
        unit = self._held_unit(symbol, position)
        return position.quantity, buys, sells, unit.size_cents if unit.known else max(reference, unit.size_cents)

    def _unit(self, symbol: str, multiplier: int) -> Unit | None:
        """Return one share or contract by its market, looked up once; None where no size is known."""
        key = (symbol, multiplier)
        units = self._units
        if key in units:
            return units[key]
        unit = units[key] = unit_of(symbol, multiplier, self.markets.get(market_key(symbol)))
        return unit

    def _held_unit(self, symbol: str, position: Position) -> Unit:
        if self.account.kept:
            return unit_in(self.account.kept, symbol, position, self.markets.get(market_key(symbol)))
        unit = self._unit(symbol, position.multiplier)
        return held_unit(symbol, position, None) if unit is None else unit

    def size_cents(self, symbol: str) -> int:
        """Return a symbol's size, cents."""
        held, buys, sells, size = self.sides(symbol)
        return max(held + buys, sells - held, 0) * size

    def _held_cents(self, symbol: str) -> int:
        position = self.account.ledger.positions.get(symbol)
        if position is None:
            return 0
        return abs(position.quantity) * self._held_unit(symbol, position).size_cents

    def underlying_ends(self, underlying: str) -> Ends:
        """Return the delta of an underlying's shares and options, of all strategies."""
        cells = self.delta.get(underlying, {}).values()
        return sum(cell[0] for cell in cells), sum(cell[1] for cell in cells)

    def strategy_ends(self, strategy: str, underlying: str) -> Ends:
        """Return the delta of a strategy in an underlying."""
        down, up = self.delta.get(underlying, {}).get(strategy, (0, 0))
        return down, up


def size_of(ends: Ends) -> int:
    """Return the greatest size of a signed measure, micro-dollars."""
    return max(-ends[0], ends[1], 0)
