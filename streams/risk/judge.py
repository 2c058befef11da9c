"""One order before the rules: what of it only reduces, the exposure it would add to, and what the rules allow."""

from schemas.records import Figure, OrderIntent, OrderOrigin
from streams.book.ledger import quantity_of
from streams.book.money import cents_up
from streams.risk import day_trades
from streams.risk.account import Account, Part, view_of
from streams.risk.exposure import Ends, Worst, size_of
from streams.risk.limit import Band, Bands, Exposed, OrderView
from streams.risk.margins import Needs
from streams.risk.market import Unit
from streams.risk.params import OTHER_SECTOR, Params
from streams.risk.rules import RULES

SECOND_NS = 1_000_000_000


def reducing_units(worst: Worst, parts: tuple[Part, ...], quantity: int) -> int:
    """Return how many units only reduce: each part closes what is held, after all working orders on its side have."""
    for part in parts:
        held, buys, sells, _ = worst.sides(part.symbol)
        left = -held - buys if part.ratio > 0 else held - sells
        quantity = min(quantity, max(0, left) // abs(part.ratio))
    return quantity if parts else 0


def view_order(worst: Worst, intent: OrderIntent, parts: tuple[Part, ...], reducing: int, params: Params) -> OrderView:
    """Return the part of an order that opens (>= 1 unit), as rules see it."""
    account, markets = worst.account, worst.markets
    reference = cents_up(intent.reference) if intent.reference > 0 else 0
    units = worst.units(parts, reference)
    exposed, other_gross = [], worst.gross_cents
    splitting = {one.underlying for one in account.kept.values()}
    for symbol, ratio, unit in units:
        held, buys, sells, size = worst.sides(symbol)
        long, short = held + buys, sells - held
        own, other = (long, short) if ratio > 0 else (short, long)
        price = max(size, unit.size_cents) if unit.known and unit.underlying not in splitting else None
        exposed.append(Exposed(symbol, abs(ratio), price, own + reducing * abs(ratio), max(0, other)))
        other_gross -= worst.size_cents(symbol)
    opening = intent.quantity - reducing
    bands = _bands(worst, intent, units, reducing, params)
    first = exposed[0]
    known = all(one.price_cents is not None for one in exposed)
    return OrderView(
        account=view_of(account),
        symbol=intent.symbol,
        opening=opening,
        price_cents=first.price_cents if known else None,
        side_quantity=max(0, first.quantity),
        other_side_quantity=first.other,
        other_gross_cents=other_gross,
        working=len(account.working),
        working_max=params.working_max,
        exposed=tuple(exposed) if intent.legs else (),
        bands=bands,
        intent=intent,
        account_state=account,
        markets=markets,
        duplicate=_duplicate(account, intent, parts, params.duplicate_s * SECOND_NS),
        day_trades=_day_trades(account, parts),
        hedging=_hedging(intent, bands.underlying, opening),
        pattern_equity_cents=params.pattern_equity_usd * 100,
        needs=Needs(account, intent, parts, reducing, markets, params.margin_rules),
    )


def _bands(
    worst: Worst, intent: OrderIntent, units: list[tuple[str, int, Unit]], reducing: int, params: Params
) -> Bands:
    """Return the signed measures. An order of several underlyings counts whole for each of them."""
    delta = sum(ratio * unit.delta for _, ratio, unit in units)
    gamma = sum(ratio * unit.gamma for _, ratio, unit in units)
    vega = sum(ratio * unit.vega for _, ratio, unit in units)
    underlying = units[0][2].underlying
    sector = params.sectors.get(underlying, OTHER_SECTOR)
    others = sum(
        size_of(worst.underlying_ends(other))
        for other in worst.delta
        if other != underlying and params.sectors.get(other, OTHER_SECTOR) == sector
    )
    strategy = intent.strategy
    elsewhere = sum(size_of(worst.strategy_ends(strategy, other)) for other in worst.delta if other != underlying)
    return Bands(
        delta=_band((worst.total[0], worst.total[1]), delta, reducing),
        gamma=_band((worst.gamma[0], worst.gamma[1]), gamma, reducing),
        vega=_band((worst.vega[0], worst.vega[1]), vega, reducing),
        underlying=_band(worst.underlying_ends(underlying), delta, reducing),
        sector=_band(worst.underlying_ends(underlying), delta, reducing, others),
        strategy=_band(worst.strategy_ends(strategy, underlying), delta, reducing, elsewhere),
        underlying_name=underlying,
        sector_name=sector,
        strategy_name=strategy or "without a name",
    )


def _band(ends: Ends, unit: int, reducing: int, others: int = 0) -> Band:
    down, up = ends
    moved = reducing * unit
    return Band(down + min(0, moved), up + max(0, moved), unit, others)


def _hedging(intent: OrderIntent, underlying: Band, opening: int) -> int:
    """Return the opening units of a hedge that bring the underlying's delta nearer to 0 and not beyond it, even if all
    that works on their side fills first; 0 of other orders.
    """
    if intent.origin is not OrderOrigin.HEDGE or not underlying.unit:
        return 0
    room = -underlying.up if underlying.unit > 0 else underlying.down
    return max(0, min(opening, room // abs(underlying.unit)))


def _duplicate(account: Account, intent: OrderIntent, parts: tuple[Part, ...], within_ns: int) -> str:
    """Return the working order that this one repeats, or empty. Signals' orders have ids that say the same of them."""
    if intent.origin is OrderOrigin.SIGNAL:
        return ""
    for key, order in account.working.items():
        same = order.parts == parts and order.kind is intent.kind and order.limit_cents == intent.limit_cents
        if same and order.origin is intent.origin and intent.event_ns - order.event_ns < within_ns:
            return key
    return ""


def _day_trades(account: Account, parts: tuple[Part, ...]) -> int:
    """Return the day trades of the last sessions if all that this one opened is closed in it, this order's with it;
    0 where the mandate sets no limit.
    """
    if not account.mandate.day_trades_max:
        return 0
    symbols = {symbol for symbol, one in account.traded.items() if one.fresh}
    for order in account.working.values():
        symbols.update(part.symbol for part in order.parts if _opens(account, part))
    symbols.update(part.symbol for part in parts)
    return day_trades.counted(account.sessions) + len(symbols)


def _opens(account: Account, part: Part) -> bool:
    return quantity_of(account.ledger, part.symbol) * part.ratio >= 0


def judged(view: OrderView) -> tuple[int, str, tuple[str, ...]]:
    """Return the opening units allowed, the rule that allowed least (first by name), and each rule's objection."""
    allowed, decisive, reasons = view.opening, "", []
    for name, rule in RULES.items():
        objection = rule.judge(view)
        if objection is None:
            continue
        assert 0 <= objection.quantity < view.opening, f"{name} allowed {objection.quantity} of {view.opening}"
        reasons.append(f"{name}: {objection.reason}")
        if objection.quantity < allowed:
            allowed, decisive = objection.quantity, name
    return allowed, decisive, tuple(reasons)


def figures_of(view: OrderView) -> tuple[Figure, ...]:
    """Return what the rules measured, in their order."""
    found = ((name, rule.measure(view)) for name, rule in RULES.items())
    return tuple(Figure(name, one.value, one.limit) for name, one in found if one is not None)
