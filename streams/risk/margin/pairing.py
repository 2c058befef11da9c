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

from collections.abc import Iterable, Sequence
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
MANY_LINES = 12
"""Above so many options of an underlying only one way of longs is tried: last expiry first, by nearness."""


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
    if not longs and not shares:
        plan = Plan(naked=[Part(line, -line.quantity) for line in shorts])
        plan.charge = sum((line.premium + line.addon) * count for line, count in plan.naked) - _straddled(plan)
        return plan
    cover = abs(shares) // multiplier
    coverable = cover > 0 and any(line.is_call == (shares > 0) for line in shorts)
    firsts = (False, True) if coverable and longs else (coverable,)
    backs: tuple[bool, ...] = (True,)
    strikes: tuple[bool, ...] = (shorts[0].day == shorts[-1].day,)
    if len(lines) <= MANY_LINES and _crossing(shorts, longs):
        backs, strikes = (True, False), (False, True)
    best: Plan | None = None
    for first, back, by_strike in product(firsts, backs, strikes):
        plan = _plan(shorts, longs, shares, multiplier, (first, back, by_strike))
        if best is None or plan.charge < best.charge:
            best = plan
    assert best is not None
    return best


def _order(line: Line) -> tuple[int, bool, int]:
    return line.day, line.is_call, line.strike


def _crossing(shorts: Sequence[Line], longs: Iterable[Line]) -> bool:
    """Return whether shorts of several expiries may want the same longs."""
    if shorts[0].day == shorts[-1].day:
        return False
    counts: dict[tuple[int, bool], int] = {}
    for line in (*shorts, *longs):
        key = line.day, line.is_call
        counts[key] = counts.get(key, 0) + line.quantity
    return any(counts.values())


def _plan(
    shorts: Sequence[Line], longs: Sequence[Line], shares: int, multiplier: int, way: tuple[bool, bool, bool]
) -> Plan:
    """Return one way's plan. way: shares before longs; last expiry first; longs by strike."""
    first, back, by_strike = way
    plan, cover, kind = Plan(), abs(shares) // multiplier, shares > 0
    left: dict[str, int] = {}
    if first:
        for line in sorted((one for one in shorts if one.is_call == kind), key=_saving, reverse=True):
            count = _cover(plan, line, -line.quantity, cover)
            left[line.symbol] = -line.quantity - count
            cover -= count
    sold: dict[int, tuple[list[Part], list[Part]]] = {}
    for line in shorts:
        if count := left.get(line.symbol, -line.quantity):
            sold.setdefault(line.day, ([], []))[line.is_call].append(Part(line, count))
    pool = {line.symbol: line.quantity for line in longs}
    kinds = [line for line in longs if not line.is_call], [line for line in longs if line.is_call]
    for day in sorted(sold, reverse=back):
        group = Group([], [])
        for is_call in (True, False):
            if mine := sold[day][is_call]:
                wanted = sum(part.quantity for part in mine)
                _side(plan, group, mine, _available(kinds[is_call], pool, day, wanted, by_strike), multiplier)
        for part in group.longs:
            pool[part.line.symbol] -= part.quantity
        if group.shorts:
            plan.groups.append(group)
    cover = _cover_naked(plan, cover, kind) if cover else 0
    for group in plan.groups:
        cover = _leave(plan, group, cover, kind, multiplier)
    if plan.naked:
        for group in plan.groups:
            _strangle(plan, group, multiplier)
    for group in plan.groups:
        for part in group.gone:
            pool[part.line.symbol] += part.quantity
    plan.groups = [group for group in plan.groups if group.shorts]
    plan.free = [Part(line, pool[line.symbol]) for line in longs if pool[line.symbol]]
    saved = _straddled(plan)
    plan.charge = (
        sum(group.loss for group in plan.groups)
        + sum(line.itm * count for line, count in plan.covered)
        + sum((line.premium + line.addon) * count for line, count in plan.naked)
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


def _available(longs: Sequence[Line], pool: dict[str, int], day: int, wanted: int, by_strike: bool) -> list[Part]:
    """Return the longs of a kind that may cover an expiry's shorts, the ones to take first at the front.

    longs: by day and strike. Where those of the day itself are enough, and go first, the others are left out.
    """
    parts, have = [], 0
    for line in longs:
        if line.day >= day and (count := pool[line.symbol]):
            if have >= wanted and line.day > day and not by_strike:
                break
            parts.append(Part(line, count))
            have += count
    if by_strike:
        parts.sort(key=_call_strike if parts and parts[0].line.is_call else _put_strike)
    elif longs and not longs[0].is_call:
        parts.sort(key=_day_put)
    return parts


def _call_strike(part: Part) -> tuple[int, int]:
    return part.line.strike, part.line.day


def _put_strike(part: Part) -> tuple[int, int]:
    return -part.line.strike, part.line.day


def _day_put(part: Part) -> tuple[int, int]:
    return part.line.day, -part.line.strike


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
        group.loss = multiplier * max(0, profile[0][0]) if profile else 0
        if not group.loss:
            break
        moves = [move for part in group.shorts if (move := _move(part, cover, kind)).cost < group.loss]
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
    return cover


def _strangle(plan: Plan, group: Group, multiplier: int) -> None:
    """Take shorts out of a spread where a naked one of the other kind bears them: a pair needs one side's addon."""
    for is_call in (True, False):
        bearers = [part.line for part in plan.naked if part.line.is_call != is_call]
        spare = sum(part.quantity if part.line.is_call != is_call else -part.quantity for part in plan.naked)
        profile = profile_of(group)
        if spare <= 0 or not profile or profile[0][0] <= 0:
            continue
        bearer = min(bearers, key=lambda line: (line.addon, line.symbol))
        moves = [
            Move(line, line.premium + line.addon - _saved(line, bearer), min(count, spare))
            for line, count in group.shorts
            if line.is_call == is_call
        ]
        for line, quantity in best_single(profile, moves, multiplier) or ():
            plan.naked.append(Part(line, quantity))
            i = next(i for i, one in enumerate(group.shorts) if one.line is line)
            group.shorts = without(group.shorts, i, quantity)
            trim(group)
            group.loss = multiplier * loss_of(group.shorts, group.longs)


def _saved(one: Line, other: Line) -> int:
    """Return what a naked call and a naked put save as a pair: the addon of the lesser side."""
    return other.addon if one.premium + one.addon >= other.premium + other.addon else one.addon


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
        saved += count * _saved(call, put)
        if some > count:
            calls.append(Part(call, some - count))
        if others > count:
            puts.append(Part(put, others - count))
    return saved


def _dearest(naked: Iterable[Part], is_call: bool) -> list[Part]:
    """Return the naked contracts of a kind, the dearest last."""
    return sorted((part for part in naked if part.line.is_call == is_call), key=_dearness)


def _dearness(part: Part) -> tuple[int, str]:
    return part.line.addon, part.line.symbol
