"""The newest quote of an instrument, as far as orders may meet it.

- A quote's executable side is its ask to buy, its bid to sell. Where a share's side is not known it is the last trade;
  an option without a side is not dealt in on that side. The middle is nobody's price, and nothing is done at it.
- A quote of an option that says of itself crossed, locked, stale or suspicious fills nothing until the next.
- How much: of options the size shown. What an account took of a side stays taken until that side's price or size is
  another: the same quote seen a second later is not new. Of shares no size is told: orders fill whole, or, with
  `participation`, up to that share of the volume traded since the mark before, once a mark.
"""

from dataclasses import dataclass, replace

from schemas.records import Mark, OptionMark
from streams.book.money import micro_of

NAN = float("nan")
UNLIMITED = 1 << 62
CROSSED, LOCKED, STALE, SUSPICIOUS = 4, 8, 16, 4096
"""Of streams.options.QuoteBits, whose package brings compiled kernels along."""
UNFIT = CROSSED | LOCKED | STALE | SUSPICIOUS


@dataclass(frozen=True, slots=True)
class Taken:
    """What an account has bought and sold of a quote."""

    account: str
    bought: int
    sold: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The newest mark of an instrument. Prices in quote currency, NaN when unknown.

    before_ns: instant of the mark before, which high, low and volume are since. underlying, expiry_ns: of an option.
    fit: whether orders may meet it.
    """

    event_ns: int
    bid: float
    ask: float
    last: float
    before_ns: int = -1
    high: float = NAN
    low: float = NAN
    volume: int = 0
    bid_size: int = 0
    ask_size: int = 0
    underlying: str = ""
    expiry_ns: int = 0
    fit: bool = True
    taken: tuple[Taken, ...] = ()


UNKNOWN = Quote(-1, NAN, NAN, NAN)


def of_shares(before: Quote, mark: Mark) -> Quote:
    """Return the quote after a mark; an unknown last trade keeps the one before."""
    last = mark.last if mark.last == mark.last else before.last
    return Quote(mark.event_ns, mark.bid, mark.ask, last, before.event_ns, mark.high, mark.low, mark.volume)


def of_option(before: Quote, mark: OptionMark) -> Quote:
    """Return the quote after a mark of an option."""
    ask_stays = mark.ask == before.ask and mark.ask_size == before.ask_size
    bid_stays = mark.bid == before.bid and mark.bid_size == before.bid_size
    kept = [replace(one, bought=one.bought * ask_stays, sold=one.sold * bid_stays) for one in before.taken]
    return Quote(
        event_ns=mark.event_ns,
        bid=mark.bid,
        ask=mark.ask,
        last=mark.last,
        before_ns=before.event_ns,
        bid_size=mark.bid_size,
        ask_size=mark.ask_size,
        underlying=mark.underlying,
        expiry_ns=mark.expiry_ns,
        fit=not mark.bits & UNFIT,
        taken=tuple(one for one in kept if one.bought or one.sold),
    )


def executable(quote: Quote, buying: bool) -> float:
    """Return the price at which an order may fill now; NaN where there is none."""
    side = quote.ask if buying else quote.bid
    return side if side == side or quote.underlying else quote.last


def room(quote: Quote, account: str, buying: bool, participation: float) -> int:
    """Return how much an account may still trade at this quote."""
    taken = next((one for one in quote.taken if one.account == account), None)
    bought, sold = (taken.bought, taken.sold) if taken is not None else (0, 0)
    if quote.underlying:
        return max(0, quote.ask_size - bought if buying else quote.bid_size - sold)
    if not participation:
        return UNLIMITED
    return max(0, int(quote.volume * participation) - bought - sold)


def after_trade(quote: Quote, account: str, buying: bool, quantity: int, participation: float) -> Quote:
    """Return the quote less what an account has traded at it."""
    if not quote.underlying and not participation:
        return quote
    before = next((one for one in quote.taken if one.account == account), Taken(account, 0, 0))
    others = tuple(one for one in quote.taken if one.account != account)
    bought, sold = (quantity, 0) if buying else (0, quantity)
    return replace(quote, taken=(*others, Taken(account, before.bought + bought, before.sold + sold)))


def reach(quote: Quote) -> tuple[int, int]:
    """Return the lowest and the highest price of the mark, micro-dollars; (UNLIMITED, -1) where it tells none."""
    prices = [one for one in (quote.bid, quote.ask, quote.last, quote.high, quote.low) if one == one]
    return (micro_of(min(prices)), micro_of(max(prices))) if prices else (UNLIMITED, -1)
