"""Laws of what the venue tells, each a function over an inbox and what came of it: they know the rules as people state
them, and nothing of how the venue keeps them.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil

from schemas.records import (
    Cancel,
    Control,
    ControlAction,
    Fill,
    LegFill,
    Mandate,
    MarketEvent,
    MarketEventKind,
    OrderIntent,
    Purpose,
    Record,
    Side,
    TimeInForce,
    Verdict,
)
from streams.venue.brackets import exit_id
from streams.venue.fees import FLAT
from streams.venue.stage import Params

Told = Sequence[tuple[int, Fill]]
"""What a venue told, each with the index of the record that it came of."""
PAIRS_MAX = 80
OPTION_LETTERS = 21


def trades(records: Sequence[Record], told: Told) -> Iterator[tuple[int, Fill, int, OrderIntent]]:
    """Yield each trade: index, fill, and index and intent of its order, or of the order whose exit it is of."""
    orders = {one.intent.id: (at, one.intent) for at, one in enumerate(records) if isinstance(one, Verdict)}
    for name, found in tuple(orders.items()):
        if found[1].bracket:
            for purpose in (Purpose.TARGET, Purpose.STOP):
                orders |= {exit_id(name, purpose, pair): found for pair in range(PAIRS_MAX)}
    for at, fill in told:
        if fill.quantity:
            yield at, fill, *orders[fill.intent_id]


def legs_of(fill: Fill) -> tuple[LegFill, ...]:
    """Return what a fill traded, one instrument each."""
    return fill.legs or (LegFill(fill.symbol, fill.side, fill.quantity, fill.price_cents, fill.multiplier),)


def touched(fill: Fill) -> set[str]:
    """Return the instruments of a fill, and the underlyings of its options."""
    symbols = {leg.symbol for leg in legs_of(fill)}
    return symbols | {symbol[:6].strip() for symbol in symbols if len(symbol) == OPTION_LETTERS}


def law_of_terms(records: Sequence[Record], told: Told, params: Params) -> None:
    """A fill is of the order's instrument, side and multiplier; a combination's of all legs in their ratios, at the
    sum of their prices; an exit is of the other side.
    """
    for _, fill, _, intent in trades(records, told):
        assert (fill.symbol, fill.multiplier) == (intent.symbol, intent.multiplier)
        assert (fill.side is intent.side) == (fill.intent_id == intent.id)
        if not intent.legs:
            assert not fill.legs
            continue
        found = [(leg.symbol, leg.side, leg.quantity, leg.multiplier) for leg in fill.legs]
        assert found == [(leg.symbol, leg.side, leg.ratio * fill.quantity, leg.multiplier) for leg in intent.legs]
        signs = [1 if leg.side is Side.BUY else -1 for leg in intent.legs]
        amounts = [leg.price_cents * leg.quantity * leg.multiplier for leg in fill.legs]
        net = sum(sign * amount for sign, amount in zip(signs, amounts, strict=True))
        assert fill.price_cents * fill.quantity == net


def law_of_halts(records: Sequence[Record], told: Told, params: Params) -> None:
    """Nothing trades whose symbol, underlying or market is halted. A HALT no later than the newest news is a repeat."""
    halted: set[str] = set()
    newest: dict[str, int] = {}
    by_record: dict[int, list[Fill]] = {}
    for at, fill, *_ in trades(records, told):
        by_record.setdefault(at, []).append(fill)
    for at, record in enumerate(records):
        if isinstance(record, MarketEvent):
            symbol, event_ns = record.symbol, record.event_ns
            if record.kind is MarketEventKind.HALT and event_ns > newest.get(symbol, -1):
                halted.add(symbol)
                newest[symbol] = event_ns
            elif record.kind is MarketEventKind.RESUME and symbol in halted:
                halted.discard(symbol)
                newest[symbol] = event_ns
        for fill in by_record.get(at, []):
            assert not halted & (touched(fill) | {""})


def law_of_stops(records: Sequence[Record], told: Told, params: Params) -> None:
    """An account that a person halted opens nothing until it is resumed."""
    halted = [False]
    for record in records:
        action = record.action if isinstance(record, Control) else None
        halted.append(halted[-1] if action is None else action is ControlAction.HALT)
    for at, fill, _, intent in trades(records, told):
        opens = intent.purpose is Purpose.ENTRY and fill.intent_id == intent.id
        assert not (opens and halted[at + 1])


def law_of_splits(records: Sequence[Record], told: Told, params: Params) -> None:
    """No order of before a split trades in its shares or their options after it."""
    splits = [
        (at, one.symbol)
        for at, one in enumerate(records)
        if isinstance(one, MarketEvent) and one.kind is MarketEventKind.SPLIT
    ]
    for at, fill, came, _ in trades(records, told):
        assert not any(came < split < at and symbol in touched(fill) for split, symbol in splits)


def law_of_days(records: Sequence[Record], told: Told, params: Params) -> None:
    """A DAY order that came in a session trades in that session only; no option trades outside one."""
    opened = [one for one in records if isinstance(one, MarketEvent) and one.kind is MarketEventKind.SESSION_OPEN]
    for _, fill, _, intent in trades(records, told):
        for one in opened:
            if any(len(leg.symbol) == OPTION_LETTERS for leg in legs_of(fill)):
                assert one.start_ns <= fill.event_ns <= one.end_ns
            of_day = intent.time_in_force is TimeInForce.DAY and fill.intent_id == intent.id
            if of_day and one.start_ns <= intent.event_ns <= one.end_ns:
                assert fill.event_ns <= one.end_ns


def law_of_cancels(records: Sequence[Record], told: Told, params: Params) -> None:
    """What was cancelled trades no more; a Cancel without an order is of all."""
    cancels = [(at, one.order_id) for at, one in enumerate(records) if isinstance(one, Cancel)]
    for at, fill, came, _ in trades(records, told):
        assert not any(came < cancel < at and order in ("", fill.intent_id) for cancel, order in cancels)


def law_of_latency(records: Sequence[Record], told: Told, params: Params) -> None:
    """Nothing trades at a quote of before the order and its latency."""
    for _, fill, _, intent in trades(records, told):
        assert fill.event_ns >= intent.event_ns + params.latency_ms * 1_000_000


def law_of_fees(records: Sequence[Record], told: Told, params: Params) -> None:
    """The fees of an order's fills are the fee of its whole, reckoned in exact fractions of a cent, rounded up."""
    (mandate,) = [one for one in records if isinstance(one, Mandate)]
    legs: dict[str, tuple[LegFill, ...]] = {}
    paid: dict[str, int] = {}
    for _, fill in told:
        name = fill.intent_id
        if not fill.quantity:
            assert fill.fee_cents == 0
            continue
        legs[name] = (*legs.get(name, ()), *legs_of(fill))
        paid[name] = paid.get(name, 0) + fill.fee_cents
        assert paid[name] == fee_of(params.fees, mandate, legs[name])


def fee_of(schedule: str, mandate: Mandate, legs: Sequence[LegFill]) -> int:
    """Return the fee of an order that has traded so much in October 2013, cents."""
    options = [leg for leg in legs if len(leg.symbol) == OPTION_LETTERS]
    shares, contracts = sum(leg.quantity for leg in legs if leg not in options), sum(leg.quantity for leg in options)
    if schedule == FLAT:
        share, contract = Fraction(str(mandate.fee_per_share_cents)), Fraction(str(mandate.fee_per_contract_cents))
        return max(mandate.fee_min_cents, ceil(share * shares + contract * contracts))
    commission = max(Fraction(100), Fraction(1, 2) * shares + 70 * contracts)
    if not contracts:
        commission = min(commission, Fraction(sum(leg.quantity * leg.price_cents for leg in legs), 100))
    sold = [leg for leg in legs if leg.side is Side.SELL]
    value = sum(leg.quantity * leg.price_cents * leg.multiplier for leg in sold)
    sold_contracts = sum(leg.quantity for leg in sold if leg in options)
    sold_shares = sum(leg.quantity for leg in sold) - sold_contracts
    passed_on = Fraction("3.77") * contracts + Fraction("17.4") * value / 1_000_000
    passed_on += min(Fraction(595), Fraction("0.0119") * sold_shares) + Fraction("0.2") * sold_contracts
    return ceil(commission + passed_on)


LAWS = (
    law_of_terms,
    law_of_halts,
    law_of_stops,
    law_of_splits,
    law_of_days,
    law_of_cancels,
    law_of_latency,
    law_of_fees,
)
