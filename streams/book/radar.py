"""What will become of options that are held, told before it does: an Alert with the dollars at stake.

Looked at with each mark of a contract that an account holds, told once a rule, contract and day, from two weekdays
ahead (so that the session before is not missed where a holiday lies between) to the day itself:

- early_exercise: a call whose time value is below a dividend that goes ex before it ends, a put sold whose time value
  is below a night's interest (the venue's own rules: settle_rules.py). At stake: what the holder gains by it.
- pin: a contract that ends within half an expected move of its strike, spot x iv x sqrt(years left). At stake: the
  strike's worth of shares that may change hands overnight; of an index nothing is delivered, and nothing told.
- assignment: a contract sold that ends in the money. At stake: what is delivered or paid for at the strike.
- expiry: a contract bought that ends in the money. At stake: what it is worth exercised.

The chance of assignment is the size of delta, which is near it (the chance to end in the money is a little less for a
call). Contracts that a split has changed are taken for standard ones of their multiplier.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from schemas.records import Alert, MarketEvent, MarketEventKind, OptionMark, Record
from streams.book.ledger import Ledger, Position
from streams.book.settle_rules import YEAR_NS, call_goes_before, put_goes_overnight, quote_of, time_value
from streams.book.settle_terms import is_cash_settled, parts_of
from streams.stage import Emit, Step

TOPIC = "risk"
DAY_NS = 86_400_000_000_000
NIGHT_NS = 63_000_000_000_000
"""16:00 to 09:30."""
EPOCH = date(1970, 1, 1)
WEEKDAYS_AHEAD = 2
PIN_MOVES = 0.5
KEPT_MAX = 16


@dataclass(frozen=True, slots=True)
class ExDates:
    """A ticker's dividends ahead: (day since 1970 on which it goes ex, cash of a share)."""

    ahead: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What an account was told on a day (since 1970): rule and contract."""

    day: int
    names: tuple[str, ...] = ()


STATE: dict[str, type] = {"radar": Told, "ex": ExDates}
NO_DATES = ExDates()


class Warn(NamedTuple):
    """One warning. at_stake_usd: >= 0."""

    rule: str
    text: str
    at_stake_usd: float


def after(state: Mapping[str, Any], record: Record, step: Step, ledgers: Iterable[tuple[str, Ledger]]) -> Step:
    """Return a stage's step with the radar's state and alerts. ledgers: of the accounts, by name."""
    if isinstance(record, MarketEvent):
        known = _ex_dates(state, record)
        return step if known is None else Step({**step.changed, f"ex/{record.symbol}": known}, step.outputs)
    if not isinstance(record, OptionMark):
        return step
    changed, outputs = {}, []
    for account, ledger in ledgers:
        position = ledger.positions.get(record.symbol)
        if position is None:
            continue
        told: Told = state.get(f"radar/{account}", Told(-1))
        day = record.event_ns // DAY_NS
        told = told if told.day == day else Told(day)
        for warning in warnings(record, position, state.get(f"ex/{record.underlying}", NO_DATES), told.names):
            told = Told(day, (*told.names, f"{warning.rule} {record.symbol}"))
            changed[f"radar/{account}"] = told
            alert = Alert(account, record.event_ns, warning.rule, warning.text, warning.at_stake_usd, 0.0)
            outputs.append(Emit(TOPIC, account, alert))
    return Step({**step.changed, **changed}, (*step.outputs, *outputs)) if outputs else step


def warnings(mark: OptionMark, position: Position, ex_dates: ExDates, told: Collection[str] = ()) -> list[Warn]:
    """Return what lies ahead of a position in a contract, by its mark; empty without a spot.

    told: rules and contracts that are not said again, before a word is written.
    """
    if not mark.spot > 0.0:
        return []
    today, last = mark.event_ns // DAY_NS, mark.expiry_ns // DAY_NS
    is_call, ends = mark.symbol[-9] == "C", mark.expiry_ns > mark.event_ns and is_near(today, last)
    goes = bool(ex_dates.ahead) if is_call else position.quantity < 0
    if not goes and not ends:
        return []
    strike = parts_of(mark.symbol).strike
    intrinsic = mark.spot - strike if is_call else strike - mark.spot
    found = []
    if goes and f"early_exercise {mark.symbol}" not in told and not is_cash_settled(mark.symbol):
        found = _early(mark, position, intrinsic, ex_dates, today, last)
    return found + _ending(mark, position, strike, intrinsic, told) if ends else found


def is_near(today: int, day: int) -> bool:
    """Return whether a day (since 1970) is today or at most two weekdays ahead."""
    if not today <= day <= today + WEEKDAYS_AHEAD + 2:
        return False
    ahead, left = EPOCH + timedelta(days=today), WEEKDAYS_AHEAD
    while left and today < day:
        ahead, today = ahead + timedelta(days=1), today + 1
        left -= ahead.weekday() < 5
    return today == day


def _early(
    mark: OptionMark, position: Position, intrinsic: float, ex_dates: ExDates, today: int, last: int
) -> list[Warn]:
    quote, parts = quote_of(mark), parts_of(mark.symbol)
    units, left = abs(position.quantity) * position.multiplier, time_value(quote, intrinsic)
    name, whose = mark.symbol.strip(), "yours" if position.quantity > 0 else "sold"
    if parts.is_call:
        for day, cash in ex_dates.ahead:
            if today < day <= last and is_near(today, day) and call_goes_before(quote, intrinsic, cash):
                text = (
                    f"{abs(position.quantity)} {name}, {whose}: time value {left:.2f} is below the dividend of "
                    f"{cash:.4g} a share that goes ex {EPOCH + timedelta(days=day)}: exercised the evening before, "
                    f"{(cash - left) * units:.2f} USD at stake"
                )
                return [Warn("early_exercise", text, (cash - left) * units)]
        return []
    opens = mark.event_ns + NIGHT_NS
    if position.quantity > 0 or not put_goes_overnight(quote, intrinsic, parts.strike, opens):
        return []
    interest = parts.strike * mark.rate * (NIGHT_NS / YEAR_NS)
    text = (
        f"{abs(position.quantity)} {name}, sold: time value {left:.4f} is below a night's interest of {interest:.4f} a "
        f"share: may be assigned tomorrow, {(interest - left) * units:.2f} USD at stake"
    )
    return [Warn("early_exercise", text, (interest - left) * units)]


def _ending(mark: OptionMark, position: Position, strike: float, intrinsic: float, told: Collection[str]) -> list[Warn]:
    cash_settled = is_cash_settled(mark.symbol)
    move = mark.spot * mark.iv * math.sqrt((mark.expiry_ns - mark.event_ns) / YEAR_NS)
    if move > 0.0 and abs(intrinsic) <= PIN_MOVES * move and not cash_settled:
        rule = "pin"
    elif not intrinsic > 0.0:
        return []
    else:
        rule = "expiry" if position.quantity > 0 or cash_settled else "assignment"
    if f"{rule} {mark.symbol}" in told:
        return []
    units, name = abs(position.quantity) * position.multiplier, mark.symbol.strip()
    head = f"{abs(position.quantity)} {name}, {'yours' if position.quantity > 0 else 'sold'}, ends"
    head = f"{head} {EPOCH + timedelta(days=mark.expiry_ns // DAY_NS)}"
    chance = f"chance of assignment {abs(mark.delta):.2f}" if mark.delta == mark.delta else "chance unknown"
    worth = strike * units
    if rule == "pin":
        text = (
            f"{head} with spot {abs(intrinsic):.2f} USD or {abs(intrinsic) / move:.2f} expected moves from its strike: "
            f"{chance}, {worth:.2f} USD of shares at stake"
        )
        return [Warn(rule, text, worth)]
    if rule == "expiry":
        worth, what = intrinsic * units, "settled" if cash_settled else "exercised"
        return [Warn(rule, f"{head} in the money by {intrinsic:.2f}: {what}, {worth:.2f} USD at stake", worth)]
    text = f"{head} in the money by {intrinsic:.2f}: {chance}, {worth:.2f} USD of shares at stake"
    return [Warn(rule, text, worth)]


def _ex_dates(state: Mapping[str, Any], event: MarketEvent) -> ExDates | None:
    """Return a ticker's dividends after an event; None where it changes none."""
    known: ExDates = state.get(f"ex/{event.symbol}", ExDates())
    today, value = event.event_ns // DAY_NS, event.value
    if event.kind is MarketEventKind.SPLIT and value > 0.0 and known.ahead:
        return replace(known, ahead=tuple((day, cash / value) for day, cash in known.ahead))
    if event.kind is not MarketEventKind.DIVIDEND or not 0.0 <= value < math.inf or not event.symbol:
        return None
    ex_day = (event.start_ns or event.event_ns) // DAY_NS
    kept = [one for one in known.ahead if one[0] >= today and one[0] != ex_day]
    if value > 0.0 and ex_day >= today:
        kept.append((ex_day, value))
    return ExDates(tuple(sorted(kept)[:KEPT_MAX]))
