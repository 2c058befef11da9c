"""Whose P&L it is: what closes a position is of those who opened it, and strategies sum to the account to the cent."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Fill, LegFill, OrderOrigin, Purpose, Settlement, SettlementKind, Side, Transfer
from streams.book.explain.books import fill_parts, settlement_parts, shared
from streams.book.explain.fold import Explainer, explain, sums
from streams.book.explain.terms import Terms
from streams.book.ledger import Ledger, apply_fill, apply_settlement, equity_cents
from tests.orderpath_rig import at, fill, mark
from tests.sizing_rig import option

PUT = "SPY   131108P00100000"
FLAT: dict[str, Any] = {"strategy": "flatten", "origin": OrderOrigin.BOOK, "purpose": Purpose.FLATTEN}
HAND: dict[str, Any] = {"strategy": "by_hand", "origin": OrderOrigin.TICKET, "purpose": Purpose.FLATTEN}


def by_strategy(*log: Any) -> dict[str, Terms]:
    """Return the terms of each strategy."""
    return sums(explain(log, "paper"), lambda row: row.strategy)


def bought(strategy: str, quantity: int, second: float, cents: int = 10_000, **changes: Any) -> Fill:
    """Return a fill of SPY; below 0: sold."""
    side = Side.BUY if quantity > 0 else Side.SELL
    given: dict[str, Any] = {"strategy": strategy, "event_ns": at(second), "price_cents": cents, **changes}
    return fill(f"{strategy}{second}", side, quantity=abs(quantity), **given)


def test_the_emergency_stop_is_the_openers() -> None:
    """Gain, spread and fee of the closing stand under who opened: the stop has no row."""
    sold = bought(second=80, quantity=-10, cents=10_190, fee_cents=11, **FLAT)
    found = by_strategy(mark(second=0), bought("a", 10, 1, fee_cents=5), mark(second=70, price=102.0), sold)
    assert found == {"a": Terms(delta=20.0, fees=-0.16, spread=-1.0)}


def test_a_person_closes_what_was_opened_first() -> None:
    """First in, first out over strategies; what is left over is the person's own."""
    log = [mark(second=0), bought("b", 10, 1), bought("a", 10, 2), mark(second=70, price=103.0)]
    log += [bought(second=80, quantity=-15, cents=10_300, fee_cents=30, **HAND), mark(second=150, price=104.0)]
    assert by_strategy(*log) == {"a": Terms(delta=35.0, fees=-0.1), "b": Terms(delta=30.0, fees=-0.2)}
    log += [bought(second=160, quantity=-9, cents=10_400, **HAND), mark(second=230, price=100.0)]
    found = by_strategy(*log)
    assert (found["a"].delta, found["by_hand"].delta) == (35.0, 16.0)


def test_legs_of_a_closing_combination_are_each_their_openers() -> None:
    """Its fee goes by what changed hands for whom."""
    legs = (LegFill("SPY", Side.SELL, 30, 10_100, 1), LegFill(PUT, Side.SELL, 10, 200, 100))
    log = [mark(second=0), bought("a", 30, 1), bought("b", 10, 2, 200, symbol=PUT, multiplier=100)]
    log += [bought(second=80, quantity=-1, cents=1, symbol="SPY", legs=legs, fee_cents=40, **HAND)]
    found = by_strategy(*log)
    assert found == {"a": Terms(spread=30.0, fees=-0.3), "b": Terms(fees=-0.1)}


def test_strategies_against_each_other_end_with_the_account() -> None:
    """A hedge's short side stays its own until the stop leaves nothing; then nothing moves either."""
    hedge: dict[str, Any] = {"origin": OrderOrigin.HEDGE}
    log = [mark(second=0), bought("a", 10, 1), bought("hedge", -6, 2, **hedge), mark(second=70, price=105.0)]
    assert by_strategy(*log) == {"a": Terms(delta=50.0), "hedge": Terms(delta=-30.0)}
    log += [bought(second=80, quantity=-4, cents=10_500, **FLAT), mark(second=150, price=90.0)]
    assert by_strategy(*log) == {"a": Terms(delta=50.0), "hedge": Terms(delta=-30.0)}


def test_an_exit_closes_its_own_first() -> None:
    """A strategy's exit is its own though another's lot is older; what it has not is the others'."""
    ledgers = {"a": apply_fill(Ledger(0, {}), bought("a", 10, 1)), "b": apply_fill(Ledger(0, {}), bought("b", 5, 2))}
    out: dict[str, Any] = {"purpose": Purpose.STOP}
    assert [(name, one.quantity) for name, one in fill_parts(ledgers, bought("b", -3, 3, **out))] == [("b", 3)]
    found = [(name, one.quantity) for name, one in fill_parts(ledgers, bought("b", -9, 3, **out))]
    assert found == [("b", 5), ("a", 4)]


def assigned(count: int) -> Settlement:
    """Return an assignment of so many puts sold."""
    transfers = (Transfer(PUT, count, 0, 100), Transfer("SPY", 100 * count, 1_000_000 * count, 1))
    kind = SettlementKind.ASSIGNMENT
    return Settlement("1", "paper", PUT, at(99), kind, -count, 10_000, transfers, True, -1_000_000 * count, 70)


def test_a_part_that_is_assigned_is_whose_was_sold_first() -> None:
    """Contracts, shares, money and fee go together: who gives no contract gets no shares and pays nothing."""
    ledgers = {}
    for name, second in (("a", 2), ("b", 1)):
        sold = bought(name, -2, second, 300, symbol=PUT, multiplier=100)
        ledgers[name] = apply_fill(Ledger(0, {}), sold)
    ((name, part),) = settlement_parts(ledgers, assigned(1))
    assert (name, part) == ("b", assigned(1))
    first, second_ = settlement_parts(ledgers, assigned(3))
    assert (first[0], first[1].quantity, first[1].cash_cents) == ("b", -2, -2_000_000)
    assert (second_[0], second_[1].transfers[1].quantity, second_[1].fee_cents) == ("a", 100, 24)
    assert [name for name, _ in settlement_parts(ledgers, assigned(4))] == ["a", "b"]
    assert settlement_parts({}, assigned(1)) == [("", assigned(1))]


def test_a_short_side_owes_what_the_long_side_is_paid() -> None:
    """Of a dividend on the difference: 25 cents on 10 shares, less 25 on 4."""
    paid = Settlement("1", "paper", "SPY", at(90), SettlementKind.DIVIDEND, 6, 25, (), False, 150, 0)
    log = [mark(second=0), bought("a", 10, 1), bought("h", -4, 2, origin=OrderOrigin.HEDGE), paid]
    assert by_strategy(*log) == {"a": Terms(dividends=2.5), "h": Terms(dividends=-1.0)}


def test_parts_sum_to_the_amount() -> None:
    """By weights of either sign; the last takes what rounding leaves."""
    assert shared(100, [1, 1, 1]) == [33, 33, 34]
    assert shared(-7, [10, -4]) == [-11, 4]
    assert shared(5, [-3, -3]) == [2, 3]


steps = st.lists(
    st.tuples(
        st.sampled_from(["mark", "open", "exit", "hedge", "hand", "stop", "dividend", "split", "assign"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(-9, 9).filter(bool),
        st.integers(9_500, 10_500),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=120, deadline=None)
@given(steps)
def test_strategies_sum_to_the_account_to_the_cent(drawn: list[tuple[str, str, int, int, bool]]) -> None:
    """Whatever opens, closes, hedges and settles: P&L by strategy is the account's change of equity, in whole cents;
    positions by strategy sum to the account's; and the stop and a person who only closes have nothing of their own.
    """
    account, fold, price = Ledger(0, {}), Explainer("paper"), 100.0
    opened = set[str]()
    fold.take(mark(second=0))
    fold.take(option(PUT, second=0, bid=1.95))
    for number, (kind, strategy, quantity, cents, is_put) in enumerate(drawn, 1):
        symbol, second = (PUT, 50 * number) if is_put else ("SPY", 50 * number)
        if kind == "mark":
            price = cents / 100
            fold.take(mark(second=second, price=price))
            continue
        position = account.positions.get(symbol)
        held = position.quantity if position is not None else 0
        record = _record(kind, strategy, quantity, cents, symbol, second, held)
        if record is None:
            continue
        opened |= {record.strategy} if isinstance(record, Fill) and kind in ("open", "hedge") else set()
        account = apply_fill(account, record) if isinstance(record, Fill) else apply_settlement(account, record)
        fold.take(record)
        if kind == "split":
            price = round(50 * price) / 100
            fold.take(mark(second=second, price=price))
        for one in ("SPY", PUT):
            mine = account.positions.get(one)
            parts = [ledger.positions[one].quantity for ledger in fold._ledgers.values() if one in ledger.positions]
            assert sum(parts) == (mine.quantity if mine is not None else 0)
    found = sums(fold.rows(), lambda row: row.strategy)
    equity = equity_cents(account, {"SPY": round(price * 100), PUT: 20_000})
    assert sum(round(terms.total * 100) for terms in found.values()) == equity
    assert all(abs(terms.total * 100 - round(terms.total * 100)) < 1e-6 for terms in found.values())
    assert set(found) <= opened | {""}


def _record(
    kind: str, strategy: str, quantity: int, cents: int, symbol: str, second: float, held: int
) -> Fill | Settlement | None:
    """Return what happens; None where it cannot. A person and the stop only close here."""
    given: dict[str, Any] = {"symbol": symbol, "multiplier": 100 if symbol == PUT else 1, "fee_cents": 7}
    closing = -held if abs(quantity) > abs(held) else (-abs(quantity) if held > 0 else abs(quantity))
    if kind == "open":
        return bought(strategy, quantity, second, cents, **given)
    if kind == "hedge":
        return bought("hedge", quantity, second, cents, **given, origin=OrderOrigin.HEDGE)
    if not held:
        return None
    if kind == "exit":
        return bought(strategy, closing, second, cents, **given, purpose=Purpose.STOP)
    if kind in ("hand", "stop"):
        how = HAND if kind == "hand" else FLAT
        whole = closing if kind == "hand" else -held
        return bought(quantity=whole, second=second, cents=cents, **given, **how)
    if kind == "dividend" and symbol == "SPY":
        return Settlement("1", "paper", "SPY", at(second), SettlementKind.DIVIDEND, held, 31, (), False, 31 * held, 0)
    if kind == "split" and symbol == "SPY":
        came = (Transfer("SPY", -held, 0, 1), Transfer("SPY", 2 * held, 0, 1))
        return Settlement("1", "paper", "SPY", at(second), SettlementKind.SPLIT, held, 0, came, True, 0, 0)
    if kind == "assign" and symbol == PUT and held < 0:
        return replace(assigned(min(abs(quantity), -held)), event_ns=at(second))
    return None
