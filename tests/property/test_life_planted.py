"""The laws of settlements hold over random days, and each bug that is planted into an option's life breaks them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.records import Fill, Settlement, SettlementKind, Statement
from streams.book.settle_terms import strike_cents
from streams.venue import fees, statement
from streams.venue.life import assignment, dividends, early, expiry, fold, records, splits
from streams.venue.life.state import Draft, Params
from tests.life_laws import Laws
from tests.life_rig import Life
from tests.orderpath_rig import mandate
from tests.property.test_life_laws import CAPITAL_CENTS, START, Days, Sums

Patch = pytest.MonkeyPatch
DAYS_MAX = 400


def live(seed: int, days: int) -> Counter[str]:
    """Live random days and assert the laws after every record; return how often each kind was settled."""
    params = Params(pin_seed=seed, fees=fees.IBKR_FIXED)
    life, market = Life(params, mandate(capital_cents=CAPITAL_CENTS)), Days(seed)
    laws, sums, day, told = Laws(params.fees), Sums(), START, 0
    for _ in range(days):
        for record in market.day(day, life):
            before = dict(life.state)
            settled = life(record)
            if isinstance(record, Fill):
                _count(laws, record)
            laws.check(record, settled, before, life.state)
            for one in life.told[told:]:
                if isinstance(one, Statement):
                    sums.check_statement(one)
                else:
                    sums.add(one)
            told = len(life.told)
        day += timedelta(days=3 if day.weekday() == 4 else 1)
    return sums.kinds


def _count(laws: Laws, fill: Fill) -> None:
    for one in fill.legs or (fill,):
        laws.held[one.symbol] += one.quantity if one.side == "BUY" else -one.quantity


def test_the_laws_of_settlements_hold() -> None:
    """Of every kind, at least once."""
    assert set(live(1, 120)) == {"fill", *SettlementKind}


def changed(make: Callable[..., Settlement], **fields: Callable[[Settlement], Any]) -> Callable[..., Settlement]:
    """Return a maker of settlements whose fields are others."""

    def wrong(*given: Any, **named: Any) -> Settlement:
        one = make(*given, **named)
        return replace(one, **{name: change(one) for name, change in fields.items()})

    return wrong


def twice(patch: Patch, kind: SettlementKind) -> None:
    """Settle everything of a kind twice."""
    settle = Draft.settle

    def again(draft: Draft, account: str, one: Settlement) -> None:
        settle(draft, account, one)
        if one.kind is kind:
            settle(draft, account, one)

    patch.setattr(Draft, "settle", again)


def shorts_are_paid_dividends(patch: Patch) -> None:
    patch.setattr(dividends, "_paid", changed(dividends._paid, cash_cents=lambda one: abs(one.cash_cents)))


def dividends_are_paid_twice(patch: Patch) -> None:
    twice(patch, SettlementKind.DIVIDEND)


def writers_are_assigned_twice(patch: Patch) -> None:
    twice(patch, SettlementKind.ASSIGNMENT)


def writers_are_never_told(patch: Patch) -> None:
    patch.setattr(fold, "tell", lambda *given: None)
    patch.setattr(splits, "tell", lambda *given: None)


def the_strike_is_ten_times_too_high(patch: Patch) -> None:
    patch.setattr(records, "strike_cents", lambda contract: 10 * strike_cents(contract))


def what_is_out_of_the_money_is_exercised(patch: Patch) -> None:
    patch.setattr(expiry, "is_exercised", lambda *given: True)


def an_exercise_brings_no_shares_to_pay_for(patch: Patch) -> None:
    for module in (expiry, assignment, early):
        patch.setattr(module, "delivered", changed(records.delivered, cash_cents=lambda one: 0))


def puts_deliver_as_calls(patch: Patch) -> None:
    delivered = records.delivered

    def wrong(account: str, contract: Any, quantity: int, *rest: Any) -> Settlement:
        one = delivered(account, contract, quantity, *rest)
        moved = tuple(replace(part, quantity=abs(part.quantity)) for part in one.transfers[1:])
        return replace(one, transfers=(one.transfers[0], *moved))

    for module in (expiry, assignment, early):
        patch.setattr(module, "delivered", wrong)


def cash_settlement_forgets_the_multiplier(patch: Patch) -> None:
    patch.setattr(expiry, "paid_out", changed(records.paid_out, cash_cents=lambda one: one.cash_cents // 100))


def a_split_loses_the_fraction(patch: Patch) -> None:
    patch.setattr(splits, "made", changed(records.made, cash_cents=lambda one: 0))


def a_split_leaves_contracts_as_they_are(patch: Patch) -> None:
    patch.setattr(splits, "_contracts", lambda *given: None)


def a_split_makes_no_more_contracts(patch: Patch) -> None:
    adjusted = splits._adjusted
    patch.setattr(splits, "_adjusted", lambda *given: (adjusted(*given)[0], 1))


def the_fee_of_an_exercise_is_lost(patch: Patch) -> None:
    patch.setattr(fees, "of_exercise", lambda *given: 0)


def a_call_exercised_pays_the_fee_on_a_sale(patch: Patch) -> None:
    of_exercise = fees.of_exercise
    patch.setattr(fees, "of_exercise", lambda schedule, one: of_exercise(schedule, one) or 1)


def the_statement_forgets_the_legs_of_combinations(patch: Patch) -> None:
    traded = statement._traded
    patch.setattr(statement, "_traded", lambda fill: traded(replace(fill, legs=())))


BUGS = (
    shorts_are_paid_dividends,
    dividends_are_paid_twice,
    writers_are_assigned_twice,
    writers_are_never_told,
    the_strike_is_ten_times_too_high,
    what_is_out_of_the_money_is_exercised,
    an_exercise_brings_no_shares_to_pay_for,
    puts_deliver_as_calls,
    cash_settlement_forgets_the_multiplier,
    a_split_loses_the_fraction,
    a_split_leaves_contracts_as_they_are,
    a_split_makes_no_more_contracts,
    the_fee_of_an_exercise_is_lost,
    a_call_exercised_pays_the_fee_on_a_sale,
    the_statement_forgets_the_legs_of_combinations,
)


@pytest.mark.parametrize("plant", BUGS, ids=[plant.__name__ for plant in BUGS])
def test_a_planted_bug_breaks_a_law(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """Within so many days; it is an assertion of the laws that fails, not something that the bug broke besides."""
    plant(monkeypatch)
    with pytest.raises(AssertionError) as found:
        live(1, DAYS_MAX)
    assert {"check", "check_statement"} & {entry.name for entry in found.traceback}
