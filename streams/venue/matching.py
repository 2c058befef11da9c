"""What a quote does to an order of one instrument.

- MARKET: at the executable side, less the mandate's slippage, rounded to a cent against the account: of an option at
  2.10 any slippage above 0 is a cent a share, a dollar a contract.
- LIMIT: where the executable side meets it: at the quote, rounded to a cent against the account. So it is better than
  the limit only where the quote is, and nothing is given away beyond the quote: the limit forbids it.
- A LIMIT that has come to rest has a place in the queue at its price. The market fills it when it moves through the
  queue: when the executable side meets the limit. Or when what stood ahead of it has traded: of shares, with
  `queue_shares` (how many stand ahead, for marks tell no sizes; -1: nobody knows), the volume of each mark whose trades
  touched the limit, and which began after the order came to rest, is taken off; what goes beyond fills at the limit, as
  long as the limit is not outside the quote. That volume includes trades at other prices of the mark, so `queue_shares`
  is best chosen large. Of options no volume is told, and only a quote that moves through fills them.
- STOP, STOP_LIMIT: touched by trades of shares (a mark's high or low; its executable side where it tells of no
  trade), by the executable side of an option's fit quote, as IBKR's bid/ask method; never by what was before the
  order. From then on a MARKET or LIMIT order, which the same mark may fill.
"""

from typing import NamedTuple

from schemas.records import OrderKind
from streams.book.money import MICRO_PER_CENT, micro_of, slipped_cents
from streams.venue.order import Order
from streams.venue.quotes import Quote, executable


class Deal(NamedTuple):
    """A trade of one instrument. slippage_cents: given away against the quote, cents, all shares."""

    quantity: int
    price_cents: int
    slippage_cents: int


def touched(order: Order, quote: Quote) -> bool:
    """Return whether a stop's price was reached after the order came."""
    if not quote.event_ns > order.start_ns or not quote.fit:
        return False
    seen = executable(quote, order.buying)
    if not quote.underlying:
        traded = quote.high if order.buying else quote.low
        seen = traded if traded == traded else seen
    if seen != seen:
        return False
    trigger = order.intent.trigger_cents * MICRO_PER_CENT
    return micro_of(seen) >= trigger if order.buying else micro_of(seen) <= trigger


def deal_of(order: Order, quote: Quote, room: int, slippage_bps: float) -> Deal | None:
    """Return the trade of a MARKET or LIMIT order at the executable side, up to room; None where there is none."""
    price = executable(quote, order.buying)
    quantity = min(order.remaining, room)
    if price != price or quantity < 1:
        return None
    cents = price_cents(order, price, slippage_bps)
    return (
        None
        if cents is None
        else Deal(quantity, cents, given_cents(price, cents, order.buying, quantity * order.intent.multiplier))
    )


def price_cents(order: Order, price: float, slippage_bps: float) -> int | None:
    """Return what a share costs or brings at the executable side, cents; None where the limit is not met."""
    micro = micro_of(price)
    if order.kind is OrderKind.MARKET:
        return slipped_cents(micro, slippage_bps, order.buying)
    cents = slipped_cents(micro, 0.0, order.buying)
    limit = order.intent.limit_cents
    return cents if (cents <= limit if order.buying else cents >= limit) else None


def given_cents(price: float, cents: int, buying: bool, shares: int) -> int:
    """Return what is given away against the quote, cents, all shares; >= 0."""
    at_quote = (micro_of(price) * shares + MICRO_PER_CENT // 2) // MICRO_PER_CENT
    given = cents * shares - at_quote
    return max(0, given if buying else -given)


def queue_moves(order: Order, quote: Quote) -> bool:
    """Return whether this mark's trades took from the queue ahead of a resting order."""
    if order.kind is not OrderKind.LIMIT or order.ahead < 0 or quote.underlying or quote.before_ns < order.start_ns:
        return False
    limit = order.intent.limit_cents * MICRO_PER_CENT
    trade = quote.low if order.buying else quote.high
    if trade != trade:
        return False
    return micro_of(trade) <= limit if order.buying else micro_of(trade) >= limit


def queue_deal(order: Order, quote: Quote, room: int) -> Deal | None:
    """Return the trade at the limit of an order whose turn has come: ahead is what it was before this mark's volume."""
    quantity = min(order.remaining, room, quote.volume - order.ahead)
    limit = order.intent.limit_cents * MICRO_PER_CENT
    known = quote.bid if order.buying else quote.ask
    inside = known != known or (micro_of(known) <= limit if order.buying else micro_of(known) >= limit)
    return Deal(quantity, order.intent.limit_cents, 0) if quantity >= 1 and inside else None
