"""An order meets the newest quotes of its instruments: what it trades is told, and what is left of it returned."""

from dataclasses import replace

from schemas.records import LegFill, OrderKind, Side
from streams.venue import combos, fees, matching, quotes
from streams.venue.order import SECOND_NS, Order, Tally, is_option
from streams.venue.quotes import Quote
from streams.venue.states import traded
from streams.venue.turn import Turn

AFTER_TOUCH = {OrderKind.STOP: OrderKind.MARKET, OrderKind.STOP_LIMIT: OrderKind.LIMIT}


def meet(turn: Turn, order: Order) -> Order:
    """Return the order after the newest quotes, itself where they change nothing; the caller lets it work or leave."""
    found = [turn.quote(symbol) for symbol in order.symbols]
    if any(not _deals(turn, symbol, quote) for symbol, quote in zip(order.symbols, found, strict=True)):
        return order
    return _meet_legs(turn, order, found) if order.intent.legs else _meet_one(turn, order, found[0])


def _deals(turn: Turn, symbol: str, quote: Quote) -> bool:
    """Return whether an instrument is dealt in at the instant of its quote."""
    session = turn.session()
    if is_option(symbol) and (quote.event_ns >= quote.expiry_ns or (session.known and not session.has(quote.event_ns))):
        return False
    return not turn.halted(symbol, quote)


def _meet_one(turn: Turn, order: Order, quote: Quote) -> Order:
    if quote.event_ns < order.start_ns or not quote.fit:
        return order
    if order.kind in AFTER_TOUCH:
        if not matching.touched(order, quote):
            return order
        kind = AFTER_TOUCH[order.kind]
        order = replace(order, kind=kind, start_ns=quote.event_ns, ahead=turn.params.queue_shares)
    intent, params = order.intent, turn.params
    room = quotes.room(quote, intent.account, order.buying, params.participation)
    deal = matching.deal_of(order, quote, room, _slippage_bps(turn, order))
    if deal is None and matching.queue_moves(order, quote):
        deal = matching.queue_deal(order, quote, room)
        order = replace(order, ahead=max(0, order.ahead - quote.volume))
    if deal is None:
        return order
    leg = LegFill(intent.symbol, intent.side, deal.quantity, deal.price_cents, intent.multiplier)
    tally = _charged(turn, order, (leg,), quote.event_ns)
    fee = tally.fee_cents - order.tally.fee_cents
    turn.tell(traded(order, quote.event_ns, deal.quantity, deal.price_cents, fee, deal.slippage_cents))
    _take(turn, order, leg)
    return replace(order, remaining=order.remaining - deal.quantity, fills=order.fills + 1, tally=tally)


def _meet_legs(turn: Turn, order: Order, found: list[Quote]) -> Order:
    params, intent = turn.params, order.intent
    if not combos.fresh(order, found, params.quote_age_s * SECOND_NS):
        return order
    rooms = [
        quotes.room(quote, intent.account, leg.side is Side.BUY, params.participation)
        for leg, quote in zip(intent.legs, found, strict=True)
    ]
    deal = combos.combo_deal(order, found, rooms, _slippage_bps(turn, order))
    if deal is None:
        return order
    event_ns = max(quote.event_ns for quote in found)
    tally = _charged(turn, order, deal.legs, event_ns)
    fee = tally.fee_cents - order.tally.fee_cents
    turn.tell(traded(order, event_ns, deal.quantity, deal.net_cents, fee, deal.slippage_cents, deal.legs))
    for leg in deal.legs:
        _take(turn, order, leg)
    return replace(order, remaining=order.remaining - deal.quantity, fills=order.fills + 1, tally=tally)


def _slippage_bps(turn: Turn, order: Order) -> float:
    account = turn.account(order.intent.account)
    assert account is not None, "an order without an account"
    return account.mandate.slippage_bps


def _charged(turn: Turn, order: Order, legs: tuple[LegFill, ...], event_ns: int) -> Tally:
    account = turn.account(order.intent.account)
    assert account is not None, "an order without an account"
    return fees.charged(turn.params.fees, account.mandate, order.tally, legs, event_ns)


def _take(turn: Turn, order: Order, leg: LegFill) -> None:
    """Take what an account has traded off the quote."""
    before = turn.quote(leg.symbol)
    buying, participation = leg.side is Side.BUY, turn.params.participation
    after = quotes.after_trade(before, order.intent.account, buying, leg.quantity, participation)
    if after is not before:
        turn.put(f"quote/{leg.symbol}", after)
