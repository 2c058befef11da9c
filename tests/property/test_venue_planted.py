"""The venue's laws have teeth: each of these bugs, planted into it, breaks the law that is named beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from schemas.records import LegFill, Record, Side
from streams.venue import accept, brackets, combos, events, fees, fills, matching, quotes, stage, states
from streams.venue.order import Tally
from streams.venue.quotes import Quote
from streams.venue.stage import Params
from streams.venue.turn import Turn
from tests import venue_laws
from tests.property.test_venue_laws import PARAMS, STEPS, Steps, check_ends, check_exits, check_quotes, inbox, run
from tests.venue_laws import Told

Patch = pytest.MonkeyPatch
EXAMPLES_MAX = 300


def middle(quote: Quote, buying: bool) -> float:
    """Return a price at which nobody deals."""
    return (quote.bid + quote.ask) / 2


def fills_at_the_middle(patch: Patch) -> None:
    patch.setattr(matching, "executable", middle)


def combinations_fill_at_the_middle(patch: Patch) -> None:
    patch.setattr(combos, "executable", middle)


def a_leg_is_told_on_the_wrong_side(patch: Patch) -> None:
    patch.setattr(combos, "LegFill", lambda symbol, side, *rest: LegFill(symbol, Side.BUY, *rest))


def a_leg_is_dealt_at_the_wrong_side(patch: Patch) -> None:
    patch.setattr(combos, "executable", lambda quote, buying: quotes.executable(quote, True))


def a_leg_forgets_its_ratio(patch: Patch) -> None:
    patch.setattr(combos, "LegFill", lambda symbol, side, count, *rest: LegFill(symbol, side, 1, *rest))


def more_fills_than_is_left(patch: Patch) -> None:
    deal_of = matching.deal_of

    def greedy(*given: Any) -> Any:
        deal = deal_of(*given)
        return deal if deal is None or deal.quantity < 2 else deal._replace(quantity=deal.quantity - 1)

    # What is told is one less than what is taken off the order: its parts do not make the whole.
    patch.setattr(matching, "deal_of", greedy)
    traded = states.traded
    patch.setattr(fills, "traded", lambda order, at, count, *rest: traded(order, at, count + 1, *rest))


def a_quote_fills_beyond_its_size(patch: Patch) -> None:
    patch.setattr(quotes, "room", lambda *given: quotes.UNLIMITED)


def a_limit_is_not_looked_at(patch: Patch) -> None:
    price_cents = matching.price_cents

    def careless(order: Any, price: float, slippage_bps: float) -> int | None:
        free = replace(order.intent, limit_cents=10**9 if order.buying else 1)
        return price_cents(replace(order, intent=free), price, slippage_bps)

    patch.setattr(matching, "price_cents", careless)


def a_halt_stops_nothing(patch: Patch) -> None:
    patch.setattr(Turn, "halted", lambda *given: False)


def a_halt_of_the_underlying_stops_no_option(patch: Patch) -> None:
    halted = Turn.halted
    patch.setattr(Turn, "halted", lambda turn, symbol, quote: halted(turn, symbol, replace(quote, underlying=symbol)))


def a_halted_account_opens(patch: Patch) -> None:
    patch.setattr(accept, "opens", lambda intent: False)


def a_halt_cancels_nothing(patch: Patch) -> None:
    patch.setattr(events, "opens", lambda intent: False)


def a_split_leaves_orders_as_they_are(patch: Patch) -> None:
    patch.setattr(events, "_split", lambda *given: None)


def a_split_leaves_orders_of_options(patch: Patch) -> None:
    patch.setattr(events, "is_option", lambda symbol: False)


def a_day_order_survives_the_close(patch: Patch) -> None:
    patch.setattr(accept, "of_day", lambda intent: False)


def options_trade_outside_the_session(patch: Patch) -> None:
    patch.setattr(fills, "is_option", lambda symbol: False)


def a_cancel_does_nothing(patch: Patch) -> None:
    patch.setattr(stage, "on_cancel", lambda *given: None)


def latency_is_none(patch: Patch) -> None:
    patch.setattr(accept, "MILLISECOND_NS", 0)


def fees_are_rounded_down(patch: Patch) -> None:
    total_cents = fees.total_cents
    patch.setattr(fees, "total_cents", lambda *given: max(0, total_cents(*given) - 1))


def every_part_pays_the_least_fee(patch: Patch) -> None:
    charged = fees.charged

    def anew(schedule: str, mandate: Any, tally: Any, legs: Any, event_ns: int) -> Any:
        part = charged(schedule, mandate, Tally(), legs, event_ns)
        return replace(fees.tallied(tally, legs), fee_cents=tally.fee_cents + part.fee_cents)

    patch.setattr(fees, "charged", anew)


def the_secs_fee_is_on_what_is_bought(patch: Patch) -> None:
    of_sales = fees._of_sales
    patch.setattr(fees, "_of_sales", lambda tally, day: of_sales(replace(tally, sold_cents=tally.cents), day))


def the_other_exit_stays_whole(patch: Patch) -> None:
    patch.setattr(brackets, "_reduce_other", lambda *given: None)


def exits_always_sell(patch: Patch) -> None:
    patch.setattr(brackets, "Side", SimpleNamespace(BUY=Side.SELL, SELL=Side.SELL))


PAST_THE_CLOSE = [("mark", 1, 0, 40, 3, True, False)] * 21
"""Marks for 63 seconds, of a session of 60."""
FIRST: dict[Callable[[Patch], None], Steps] = {
    a_day_order_survives_the_close: [
        ("order", 1, -30, 11, 0, True, False),
        *PAST_THE_CLOSE,
        *[("mark", 1, -30, 40, 1, True, False)] * 3,
    ],
    options_trade_outside_the_session: [
        *PAST_THE_CLOSE,
        ("option", 6, 0, 10, 1, True, False),
        ("order", 5, 30, 4, 0, True, True),
    ],
    a_halt_of_the_underlying_stops_no_option: [
        ("event", 0, 0, 1, 1, True, False),
        ("option", 6, 0, 10, 1, True, False),
        ("order", 5, 30, 4, 0, True, True),
    ],
}
"""How a market begins where what matters is too rare among random ones."""

BUGS: tuple[tuple[Callable[[Patch], None], Callable[..., None]], ...] = (
    (fills_at_the_middle, check_quotes),
    (combinations_fill_at_the_middle, check_quotes),
    (a_leg_is_told_on_the_wrong_side, venue_laws.law_of_terms),
    (a_leg_is_dealt_at_the_wrong_side, check_quotes),
    (a_leg_forgets_its_ratio, venue_laws.law_of_terms),
    (more_fills_than_is_left, check_ends),
    (a_quote_fills_beyond_its_size, check_quotes),
    (a_limit_is_not_looked_at, check_quotes),
    (a_halt_stops_nothing, venue_laws.law_of_halts),
    (a_halt_of_the_underlying_stops_no_option, venue_laws.law_of_halts),
    (a_halted_account_opens, venue_laws.law_of_stops),
    (a_halt_cancels_nothing, venue_laws.law_of_stops),
    (a_split_leaves_orders_as_they_are, venue_laws.law_of_splits),
    (a_split_leaves_orders_of_options, venue_laws.law_of_splits),
    (a_day_order_survives_the_close, venue_laws.law_of_days),
    (options_trade_outside_the_session, venue_laws.law_of_days),
    (a_cancel_does_nothing, venue_laws.law_of_cancels),
    (latency_is_none, venue_laws.law_of_latency),
    (fees_are_rounded_down, venue_laws.law_of_fees),
    (every_part_pays_the_least_fee, venue_laws.law_of_fees),
    (the_secs_fee_is_on_what_is_bought, venue_laws.law_of_fees),
    (the_other_exit_stays_whole, check_exits),
    (exits_always_sell, venue_laws.law_of_terms),
)


def checked(law: Callable[..., None], params: Params, steps: Steps) -> None:
    """Assert a law over one run: of tests/venue_laws.py over what was told, or of test_venue_laws.py over its steps."""
    if law in venue_laws.LAWS:
        records: Sequence[Record] = inbox(steps)
        told: Told = run(records, params)[0]
        law(records, told, params)
    else:
        law(params, steps)


@pytest.mark.parametrize(("plant", "law"), BUGS, ids=[plant.__name__ for plant, _ in BUGS])
def test_a_planted_bug_breaks_its_law(
    plant: Callable[[Patch], None], law: Callable[..., None], monkeypatch: Patch
) -> None:
    """Within so many random markets; the failure is the law's own, not something else that broke."""

    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(params=PARAMS, steps=STEPS)
    def search(params: Params, steps: Steps) -> None:
        checked(law, params, [*FIRST.get(plant, []), *steps])

    plant(monkeypatch)
    with pytest.raises(AssertionError) as found:
        search()
    assert law.__name__ in [entry.name for entry in found.traceback]
