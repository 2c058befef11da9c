"""One spread: what it can lose, and which of its shorts are better out of it.

A spread is shorts of one expiry and as many longs of each kind. As its greatest loss is a maximum of what is linear in
the contracts, the cost of taking n contracts out is convex in n.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from streams.risk.margin.formulas import greatest_loss


class Line(NamedTuple):
    """A position in one option. day: ascending with the end of the contract. Amounts: mills; strike a share.

    premium: worth of a contract. addon: what a short contract needs beside it when naked. itm: its worth at once.
    """

    symbol: str
    day: int
    is_call: bool
    strike: int
    quantity: int
    premium: int
    addon: int
    itm: int


class Part(NamedTuple):
    """Contracts of a line, > 0."""

    line: Line
    quantity: int


@dataclass(slots=True)
class Group:
    """A spread: shorts of one expiry and as many longs of each kind. loss: mills, of all contracts."""

    shorts: list[Part]
    longs: list[Part]
    loss: int = 0
    gone: list[Part] = field(default_factory=list)
    """Longs that were let go."""


class Move(NamedTuple):
    """A short that may leave its spread. cost: mills of a contract outside of it. most: contracts, > 0."""

    line: Line
    cost: int
    most: int


def without(parts: Sequence[Part], i: int, count: int) -> list[Part]:
    """Return the parts with `count` contracts less of the i-th."""
    line, quantity = parts[i]
    rest = [Part(line, quantity - count)] if quantity > count else []
    return [*parts[:i], *rest, *parts[i + 1 :]]


def first_of(parts: Iterable[Part], count: int) -> list[Part]:
    """Return the first `count` contracts, all where there are fewer."""
    first = []
    for line, quantity in parts:
        if count <= 0:
            break
        first.append(Part(line, min(quantity, count)))
        count -= quantity
    return first


def _nets(shorts: Iterable[Part], longs: Iterable[Part]) -> tuple[dict[int, int], dict[int, int]]:
    calls: dict[int, int] = {}
    puts: dict[int, int] = {}
    for line, quantity in shorts:
        side = calls if line.is_call else puts
        side[line.strike] = side.get(line.strike, 0) + quantity
    for line, quantity in longs:
        side = calls if line.is_call else puts
        side[line.strike] = side.get(line.strike, 0) - quantity
    return calls, puts


def loss_of(shorts: Iterable[Part], longs: Iterable[Part]) -> int:
    """Return the greatest loss of a spread, mills a share times contracts, >= 0."""
    return greatest_loss(*_nets(shorts, longs))


def profile_of(group: Group) -> list[tuple[int, int]]:
    """Return (loss a share, price) at each strike, the greatest loss first."""
    calls, puts = _nets(group.shorts, group.longs)
    strikes = sorted(calls.keys() | puts.keys())
    if not strikes:
        return []
    points = []
    before = strikes[0]
    loss = slope = 0
    for strike, sold in puts.items():
        loss += (strike - before) * sold
        slope -= sold
    for strike in strikes:
        loss += slope * (strike - before)
        points.append((loss, strike))
        slope += calls.get(strike, 0) + puts.get(strike, 0)
        before = strike
    points.sort(reverse=True)
    return points


def _worth(line: Line, price: int) -> int:
    return max(0, price - line.strike if line.is_call else line.strike - price)


def _after(profile: Sequence[tuple[int, int]], moved: Sequence[tuple[Line, int]]) -> int:
    """Return the greatest loss a share once contracts are out of the spread."""
    return max(0, max(loss - sum(_worth(line, price) * n for line, n in moved) for loss, price in profile))


def _pays(profile: Sequence[tuple[int, int]], lines: Sequence[Line], bound: int) -> bool:
    """Return whether one contract of each out of the spread brings the loss below a bound; the first no ends it."""
    for loss, price in profile:
        if loss < bound:
            return True
        if loss - sum(_worth(line, price) for line in lines) >= bound:
            return False
    return bound > 0


def best_single(profile: Sequence[tuple[int, int]], moves: Iterable[Move], multiplier: int) -> list[Part] | None:
    """Return the contracts of one strike that are best out of the spread, None where none is."""
    worst = profile[0][0]
    best: tuple[int, Part] | None = None
    for line, cost, most in moves:
        each = -(-cost // multiplier)
        if worst <= each or not _pays(profile, (line,), worst - each):
            continue
        count = _best_count(profile, (line,), cost, most, multiplier)
        total = multiplier * _after(profile, ((line, count),)) + cost * count
        if total < multiplier * worst and (best is None or total < best[0]):
            best = total, Part(line, count)
    return None if best is None else [best[1]]


def best_double(profile: Sequence[tuple[int, int]], moves: Sequence[Move], multiplier: int) -> list[Part] | None:
    """Return as many contracts of a call and of a put that are better out of the spread, None where none are."""
    worst = profile[0][0]
    calls = [move for move in moves if move.line.is_call]
    puts = [move for move in moves if not move.line.is_call]
    for call, put in product(calls, puts):
        lines, cost = (call.line, put.line), call.cost + put.cost
        each = -(-cost // multiplier)
        if worst <= each or not _pays(profile, lines, worst - each):
            continue
        count = _best_count(profile, lines, cost, min(call.most, put.most), multiplier)
        total = multiplier * _after(profile, [(line, count) for line in lines]) + cost * count
        if total < multiplier * worst:
            return [Part(line, count) for line in lines]
    return None


def _best_count(
    profile: Sequence[tuple[int, int]], lines: Sequence[Line], cost: int, most: int, multiplier: int
) -> int:
    """Return from 1 to most the count of least cost; the cost is convex in it, so that halving finds it."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        here, there = (
            multiplier * _after(profile, [(line, n) for line in lines]) + cost * n for n in (middle, middle + 1)
        )
        if there < here:
            low = middle + 1
        else:
            high = middle
    return low


def trim(group: Group) -> None:
    """Let go of the longs that no short needs: calls of the highest strikes, puts of the lowest."""
    longs: list[Part] = []
    for is_call in (True, False):
        need = sum(part.quantity for part in group.shorts if part.line.is_call == is_call)
        sign = 1 if is_call else -1
        mine = [part for part in group.longs if part.line.is_call == is_call]
        for line, count in sorted(mine, key=lambda part: (sign * part.line.strike, part.line.day)):
            if kept := min(need, count):
                longs.append(Part(line, kept))
            if count > kept:
                group.gone.append(Part(line, count - kept))
            need -= kept
    group.longs = longs
