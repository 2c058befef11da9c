"""Positions of one underlying, paired into strategies so that they need little margin; the same ones in the same way.

A spread here is all that one expiry's short contracts and the long contracts that cover them (of the same kind, ending
no earlier, one for one) can lose together: netting more into one spread never needs more than the parts do, so that
verticals, condors, butterflies, boxes, calendars and diagonals need no cases of their own. What is left to decide:

1. which longs cover which expiry's shorts: expiries from the last or from the first, longs by nearness of expiry or by
   strike, shares before or after longs; each way is tried, and the least taken;
2. which shorts stay uncovered where longs are too few: those that leave the least (loss of the spread and naked);
3. whether a short is better out of its spread, covered by shares or naked ("the lesser of"): tried one strike at a
   time, then a call's and a put's strike together, as many contracts as pay, until none does;
4. naked calls and naked puts as straddles and strangles: the dearest with the dearest;
5. what is left: shares, protected by longs that cover nothing (maintenance only).

Spreads hold shorts of one expiry, as the loss at two instants is not the loss at one; the rules would allow some more.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from streams.risk.margin.spread import (
    Group,
    Line,
    Move,
    Part,
    best_double,
    best_single,
    first_of,
    loss_of,
    profile_of,
    trim,
    without,
)

STEPS_MAX = 64
"""Bound of step 3."""


@dataclass(slots=True)
class Plan:
    """What becomes of every contract. charge: mills, beside premiums of longs and margin of shares."""

    charge: int = 0
    groups: list[Group] = field(default_factory=list)
    covered: list[Part] = field(default_factory=list)
    naked: list[Part] = field(default_factory=list)
    pairs: list[tuple[Line, Line, int]] = field(default_factory=list)
    """Of naked: (call, put, how many) as straddles and strangles."""
    free: list[Part] = field(default_factory=list)


def best_plan(lines: Sequence[Line], shares: int, multiplier: int) -> Plan:
    """Return the plan of least charge over the ways of step 1; the first of equals.

    lines: one of a symbol, none of quantity 0. shares: > 0 cover short calls, < 0 short puts, `multiplier` for one.
    """
    shorts = sorted((line for line in lines if line.quantity < 0), key=_order)
    longs = sorted((line for line in lines if line.quantity > 0), key=_order)
    if not shorts:
        return Plan(free=[Part(line, line.quantity) for line in longs])
    cover = abs(shares) // multiplier
    coverable = cover > 0 and any(line.is_call == (shares > 0) for line in shorts)
    firsts = (False, True) if coverable and longs else (coverable,)
    backs, strikes = ((False, True), (False, True)) if _crossing(shorts, longs) else ((True,), (False,))
    best: Plan | None = None
    for first, back, by_strike in product(firsts, backs, strikes):
        plan = _plan(shorts, longs, shares, multiplier, (first, back, by_strike))
        if best is None or plan.charge < best.charge:
            best = plan
    assert best is not None
    return best


def _order(line: Line) -> tuple[int, bool, int]:
    return line.day, line.is_call, line.strike


def _crossing(shorts: Iterable[Line], longs: Iterable[Line]) -> bool:
    """Return whether shorts of several expiries may want the same longs."""
    counts: dict[tuple[int, bool], int] = defaultdict(int)
    days = {line.day for line in shorts}
    for line in (*shorts, *longs):
        counts[line.day, line.is_call] += line.quantity
    return len(days) > 1 and any(counts.values())


def _plan(
    shorts: Sequence[Line], longs: Sequence[Line], shares: int, multiplier: int, way: tuple[bool, bool, bool]
) -> Plan:
    """Return one way's plan. way: shares before longs; last expiry first; longs by strike."""
    first, back, by_strike = way
    plan, cover, kind = Plan(), abs(shares) // multiplier, shares > 0
    left = {line.symbol: -line.quantity for line in shorts}
    if first:
        for line in sorted((one for one in shorts if one.is_call == kind), key=_saving, reverse=True):
            count = _cover(plan, line, -line.quantity, cover)
            left[line.symbol] -= count
            cover -= count
    pool = {line.symbol: line.quantity for line in longs}
    for day in sorted({line.day for line in shorts}, reverse=back):
        group = Group([], [])
        for is_call in (True, False):
            own = [Part(line, left[line.symbol]) for line in shorts if line.day == day and line.is_call == is_call]
            mine = [part for part in own if part.quantity]
            if mine:
                _side(plan, group, mine, _available(longs, pool, day, is_call, by_strike), multiplier)
        for part in group.longs:
            pool[part.line.symbol] -= part.quantity
        if group.shorts:
            group.loss = multiplier * loss_of(group.shorts, group.longs)
            plan.groups.append(group)
    cover = _cover_naked(plan, cover, kind)
    for group in plan.groups:
        cover = _leave(plan, group, cover, kind, multiplier)
    plan.groups = [group for group in plan.groups if group.shorts]
    used: dict[str, int] = defaultdict(int)
    for group in plan.groups:
        for part in group.longs:
            used[part.line.symbol] += part.quantity
    plan.free = [Part(line, line.quantity - used[line.symbol]) for line in longs if line.quantity > used[line.symbol]]
    saved = _straddled(plan)
    plan.charge = (
        sum(group.loss for group in plan.groups)
        + sum(part.line.itm * part.quantity for part in plan.covered)
        + sum((part.line.premium + part.line.addon) * part.quantity for part in plan.naked)
        - saved
    )
    return plan


def _saving(line: Line) -> int:
    return line.premium + line.addon - line.itm


def _cover(plan: Plan, line: Line, wanted: int, cover: int) -> int:
    """Cover contracts by shares where that saves, and return how many. cover: how many the shares left can cover."""
    count = min(wanted, cover) if _saving(line) > 0 else 0
    if count:
        plan.covered.append(Part(line, count))
    return count


def _available(longs: Iterable[Line], pool: Mapping[str, int], day: int, is_call: bool, by_strike: bool) -> list[Part]:
    """Return the longs that may cover an expiry's shorts, the ones to take first at the front."""
    parts = [
        Part(line, pool[line.symbol])
        for line in longs
        if line.is_call == is_call and line.day >= day and pool[line.symbol]
    ]
    sign = 1 if is_call else -1
    if by_strike:
        return sorted(parts, key=lambda part: (sign * part.line.strike, part.line.day))
    return sorted(parts, key=lambda part: (part.line.day, sign * part.line.strike))


def _side(plan: Plan, group: Group, shorts: list[Part], longs: list[Part], multiplier: int) -> None:
    """Add one kind's shorts and the longs that cover them to a group; the ones too many go naked."""
    if not longs:
        plan.naked += shorts
        return
    over = sum(part.quantity for part in shorts) - sum(part.quantity for part in longs)
    kept = list(shorts)
    while over > 0:
        choice, count, least = 0, 0, 0
        for i, (line, quantity) in enumerate(kept):
            n = min(over, quantity)
            cost = (line.premium + line.addon) * n + multiplier * loss_of(without(kept, i, n), longs)
            if not count or cost * count < least * n:
                choice, count, least = i, n, cost
        plan.naked.append(Part(kept[choice].line, count))
        kept, over = without(kept, choice, count), over - count
    group.shorts += kept
    group.longs += first_of(longs, sum(part.quantity for part in kept))


def _cover_naked(plan: Plan, cover: int, kind: bool) -> int:
    """Cover naked shorts by shares, the dearest first, and return how many contracts the shares left can cover."""
    naked = sorted(plan.naked, key=lambda part: (part.line.is_call == kind, _saving(part.line)), reverse=True)
    plan.naked = []
    for line, quantity in naked:
        count = _cover(plan, line, quantity, cover) if line.is_call == kind else 0
        cover -= count
        if quantity > count:
            plan.naked.append(Part(line, quantity - count))
    return cover


def _leave(plan: Plan, group: Group, cover: int, kind: bool, multiplier: int) -> int:
    """Take shorts out of a spread where shares or nothing cover them for less; return the cover left."""
    for _ in range(STEPS_MAX):
        profile = profile_of(group)
        if not profile or profile[0][0] <= 0:
            break
        moves = [_move(part, cover, kind) for part in group.shorts]
        found = best_single(profile, moves, multiplier) or best_double(profile, moves, multiplier)
        if found is None:
            break
        for line, quantity in found:
            count = _cover(plan, line, quantity, cover) if line.is_call == kind else 0
            cover -= count
            if quantity > count:
                plan.naked.append(Part(line, quantity - count))
            i = next(i for i, one in enumerate(group.shorts) if one.line is line)
            group.shorts = without(group.shorts, i, quantity)
        trim(group)
        group.loss = multiplier * loss_of(group.shorts, group.longs)
    return cover


def _move(part: Part, cover: int, kind: bool) -> Move:
    line, quantity = part
    if cover and line.is_call == kind and _saving(line) > 0:
        return Move(line, line.itm, min(quantity, cover))
    return Move(line, line.premium + line.addon, quantity)


def _straddled(plan: Plan) -> int:
    """Pair naked calls with naked puts, and return what that saves, mills.

    The pair needs the greater side's requirement and the other side's premium (FINRA 4210(f)(2)).
    """
    calls, puts = _dearest(plan.naked, True), _dearest(plan.naked, False)
    saved = 0
    while calls and puts:
        (call, some), (put, others) = calls.pop(), puts.pop()
        count = min(some, others)
        plan.pairs.append((call, put, count))
        saved += count * (put.addon if call.premium + call.addon >= put.premium + put.addon else call.addon)
        if some > count:
            calls.append(Part(call, some - count))
        if others > count:
            puts.append(Part(put, others - count))
    return saved


def _dearest(naked: Iterable[Part], is_call: bool) -> list[Part]:
    """Return the naked contracts of a kind, the dearest last."""
    parts = [part for part in naked if part.line.is_call == is_call]
    return sorted(parts, key=lambda part: (part.line.addon, part.line.symbol))
