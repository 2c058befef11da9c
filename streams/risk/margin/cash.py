"""A cash account: all is paid in full, and what is sold short is secured by shares, cash or a bought option.

    long shares and options     their value
    short call                  covered by shares, `multiplier` of them for a contract; else not allowed
    short put                   secured by cash: strike x multiplier
    spreads                     of European options on an index that end together: their greatest loss
    short shares                not allowed

Amounts as in strategies.py: what equity has to cover, so a put's cash less its premium. What is not allowed is named,
and needs what a margin account asks for. Sources: Reg T 220.8(a); FINRA 4210(f)(2), cash account transactions.
"""

from collections.abc import Mapping, Sequence

from streams.risk.margin.contract import Class
from streams.risk.margin.formulas import part_of, short_share_maintenance
from streams.risk.margin.pairing import best_plan
from streams.risk.margin.rules import MarginRow
from streams.risk.margin.spread import Line, Part
from streams.risk.margin.strategies import Strategy, long_options, made, spread_strategy

EUROPEAN = frozenset({"DJX", "MRUT", "NDX", "RUT", "SPX", "VIX", "XEO", "XND", "XSP"})
"""Indices whose options are European and settled in cash."""


def cash_strategies(
    ticker: str, shares: int, spot: int, classes: Mapping[Class, Sequence[Line]], row: MarginRow
) -> tuple[list[Strategy], list[str]]:
    """Return what one underlying's positions need, and what the account may not hold. spot: mills a share."""
    found: list[Strategy] = []
    forbidden: list[str] = []
    for key in sorted(classes):
        lines = classes[key]
        if ticker in EUROPEAN:
            spreads, lines = _spreads(lines, key.multiplier)
            found += spreads
        shares = _sold(lines, ticker, shares, spot, key.multiplier, found, forbidden)
        found += long_options(Part(line, line.quantity) for line in lines if line.quantity > 0)
    if shares > 0:
        found.append(made("long shares", ((ticker, shares),), shares * spot, shares * spot))
    if shares < 0:
        forbidden.append(f"{ticker}: a cash account sells no shares short")
        initial, maintenance = part_of(spot, row.short_initial_bps), short_share_maintenance(spot, row)
        found.append(made("short shares", ((ticker, shares),), -shares * initial, -shares * maintenance))
    return found, forbidden


def _sold(
    lines: Sequence[Line],
    ticker: str,
    shares: int,
    spot: int,
    multiplier: int,
    found: list[Strategy],
    forbidden: list[str],
) -> int:
    """Add what short options need, the calls of the lowest strikes covered first, and return the shares left."""
    for line in sorted((one for one in lines if one.quantity < 0), key=lambda one: (one.strike, one.day)):
        count = -line.quantity
        if not line.is_call:
            need = count * (multiplier * line.strike - line.premium)
            found.append(made("cash-secured put", ((line.symbol, -count),), need, need))
            continue
        covered = min(count, max(0, shares) // multiplier)
        if covered:
            held = covered * multiplier
            need = held * spot - covered * line.premium
            found.append(made("covered call", ((ticker, held), (line.symbol, -covered)), need, need))
            shares -= held
        if count > covered:
            forbidden.append(f"{line.symbol}: a cash account sells no call that shares do not cover")
            need = (count - covered) * line.addon
            found.append(made("naked call", ((line.symbol, covered - count),), need, need))
    return shares


def _spreads(lines: Sequence[Line], multiplier: int) -> tuple[list[Strategy], list[Line]]:
    """Return the spreads of options that end together, and the lines without what they hold."""
    found: list[Strategy] = []
    left = []
    for day in sorted({line.day for line in lines}):
        mine = [line for line in lines if line.day == day]
        plan = best_plan(mine, 0, multiplier)
        counts = {line.symbol: line.quantity for line in mine}
        for group in plan.groups:
            found.append(spread_strategy(group))
            for part in group.shorts:
                counts[part.line.symbol] += part.quantity
            for part in group.longs:
                counts[part.line.symbol] -= part.quantity
        left += [line._replace(quantity=counts[line.symbol]) for line in mine if counts[line.symbol]]
    return found, left
