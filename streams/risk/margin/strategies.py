"""What one underlying's positions need, strategy by strategy.

All amounts are what equity (cash and all positions at market) has to cover. So what is owed at market is counted once,
in equity, and a requirement here is the manuals' less the market value of what is short: a short call premium + 20 % is
20 %, short stock 150 % is 50 %, a long option its premium (it has no loan value, long-dated ones neither), a credit
spread its width less the credit, a call written on shares 50 % of the shares less its premium. For a position opened at
market this is the cash to bring, the manuals' "margin call".

Shares and what options do for them: hedged.py. Sources: FINRA 4210(f)(2); Cboe, Margin Manual (2000).
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.risk.margin.pairing import Plan
from streams.risk.margin.spread import Group, Part

Legs = tuple[tuple[str, int], ...]


class Strategy(NamedTuple):
    """Positions that are margined as one. legs: (symbol, shares or contracts, negative when short). Amounts: cents."""

    name: str
    legs: Legs
    initial_cents: int
    maintenance_cents: int


def option_strategies(plan: Plan) -> list[Strategy]:
    """Return the spreads and naked options of a plan."""
    return [*(spread_strategy(group) for group in plan.groups), *_naked(plan)]


def long_options(free: Iterable[Part]) -> list[Strategy]:
    """Return the long options that cover nothing: paid in full."""
    return [
        made("long call" if line.is_call else "long put", ((line.symbol, n),), line.premium * n, line.premium * n)
        for line, n in free
    ]


def made(name: str, legs: Legs, initial: int, maintenance: int) -> Strategy:
    """Return a strategy; initial, maintenance: mills, rounded up to cents."""
    return Strategy(name, legs, -(-initial // 10), -(-maintenance // 10))


def spread_strategy(group: Group) -> Strategy:
    """Return what a spread needs: its greatest loss, from what it is worth now."""
    value = sum(part.line.premium * part.quantity for part in group.longs)
    value -= sum(part.line.premium * part.quantity for part in group.shorts)
    legs = tuple((part.line.symbol, -part.quantity) for part in group.shorts)
    legs += tuple((part.line.symbol, part.quantity) for part in group.longs)
    return made(_spread_name(group), legs, group.loss + value, group.loss + value)


def _spread_name(group: Group) -> str:
    """Return the field's name of a spread, `spreads` where it has none."""
    parts = (*group.shorts, *group.longs)
    dated = any(part.line.day != group.shorts[0].line.day for part in group.longs)
    calls = sorted({part.line.strike for part in parts if part.line.is_call})
    puts = sorted({part.line.strike for part in parts if not part.line.is_call})
    if len(parts) == 2:
        kind = "call" if calls else "put"
        same = len(calls or puts) == 1
        shape = ("calendar" if same else "diagonal") if dated else "vertical"
        return f"{kind} {shape}"
    if dated or len({part.quantity for part in parts}) > 2:
        return "spreads"
    if len(calls) == 2 and len(puts) == 2 and len(parts) == 4:
        if calls == puts:
            return "box"
        return "iron butterfly" if calls[0] == puts[1] else "iron condor" if puts[1] < calls[0] else "spreads"
    if calls and puts:
        return "spreads"
    inner = {part.line.strike for part in group.shorts} if len(group.shorts) <= len(group.longs) else set()
    inner = inner or {part.line.strike for part in group.longs}
    strikes = calls or puts
    if len(parts) == 3 and inner == {strikes[1]}:
        return "butterfly"
    return "condor" if len(parts) == 4 and inner == set(strikes[1:3]) else "spreads"


def _naked(plan: Plan) -> list[Strategy]:
    found = []
    paired: dict[str, int] = {}
    for call, put, count in plan.pairs:
        greater = call if call.premium + call.addon >= put.premium + put.addon else put
        name = "short straddle" if call.strike == put.strike and call.day == put.day else "short strangle"
        legs = ((call.symbol, -count), (put.symbol, -count))
        found.append(made(name, legs, greater.addon * count, greater.addon * count))
        for line in (call, put):
            paired[line.symbol] = paired.get(line.symbol, 0) + count
    for line, count in _merged(plan.naked):
        if rest := count - paired.get(line.symbol, 0):
            name = "naked call" if line.is_call else "naked put"
            found.append(made(name, ((line.symbol, -rest),), line.addon * rest, line.addon * rest))
    return found


def _merged(parts: Iterable[Part]) -> list[Part]:
    counts: dict[str, Part] = {}
    for line, count in parts:
        before = counts.get(line.symbol)
        counts[line.symbol] = Part(line, count + (before.quantity if before is not None else 0))
    return list(counts.values())
