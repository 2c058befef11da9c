"""Checks of the records of the order path, each in a form that NaN cannot pass: BAD_VALUE says what was seen."""

from datetime import date

from schemas.osi import OptionSymbol, parse_osi
from schemas.records import (
    Approval,
    Cancel,
    CorporateAction,
    Decision,
    Fill,
    Leg,
    LegFill,
    Mandate,
    Mark,
    MarketEvent,
    MarketEventKind,
    OptionMark,
    OrderIntent,
    OrderKind,
    OrderStatus,
    OrderTicket,
    Settlement,
    SettlementKind,
    Side,
    Signal,
    Statement,
    Verdict,
    Watch,
)
from streams.checks import INFINITY, bad, named, not_negative, positive, positive_or_unknown

GREEKS = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
MANDATE_LIMITS = (
    "volatility_target",
    "position_notional_usd_max",
    "gross_notional_usd_max",
    "daily_loss_usd_max",
    "fee_per_share_cents",
    "fee_min_cents",
    "net_notional_usd_max",
    "underlying_notional_usd_max",
    "sector_notional_usd_max",
    "strategy_notional_usd_max",
    "delta_usd_max",
    "gamma_usd_max",
    "vega_usd_max",
    "trade_loss_usd_max",
    "order_notional_usd_max",
    "price_band",
    "hedge_band_usd",
    "fee_per_contract_cents",
    "order_quantity_max",
    "day_trades_max",
)
MANDATE_SHARES = (
    "risk_fraction",
    "concentration_max",
    "drawdown_max",
    "drawdown_reduce",
    "drawdown_flatten",
    "soft_fraction",
)
UNFILLED = frozenset({OrderStatus.SENT, OrderStatus.ACKNOWLEDGED, OrderStatus.REJECTED, OrderStatus.IN_DOUBT})
"""States of an order that come without a fill."""
ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
"""States after which nothing of an order works."""


def check_mark(mark: Mark) -> None:
    """Raise where a mark's prices are not > 0 or NaN, or its low is above its high."""
    bid, ask, last, high, low = mark.bid, mark.ask, mark.last, mark.high, mark.low
    # Every stage of the order path asks this of every mark: of a good one in one look, of a bad one what is wrong.
    traded = 0 < last < INFINITY and 0 < low <= high < INFINITY
    quoted = (bid != bid or 0 < bid < INFINITY) and (ask != ask or 0 < ask < INFINITY)
    if traded and quoted and mark.volume >= 0 and mark.symbol:
        return
    named("mark.symbol", mark.symbol)
    positive_or_unknown("mark.bid", mark.bid)
    positive_or_unknown("mark.ask", mark.ask)
    positive_or_unknown("mark.last", mark.last)
    positive_or_unknown("mark.high", mark.high)
    positive_or_unknown("mark.low", mark.low)
    if mark.low > mark.high:
        raise bad("mark.low", mark.low, f"<= mark.high ({mark.high})")
    not_negative("mark.volume", mark.volume)


def check_option_mark(mark: OptionMark) -> None:
    """Raise where it is of no contract, a price is not > 0 or NaN, or a figure is infinite."""
    bid, ask, spot, forward = mark.bid, mark.ask, mark.spot, mark.forward
    # As in check_mark, one look at a good one: what is infinite, or NaN, makes the sum so.
    figures = mark.delta + mark.gamma + mark.vega + mark.theta + mark.rho + mark.vanna + mark.volga + mark.charm
    quoted = 0 < bid < INFINITY and 0 < ask < INFINITY and mark.bid_size >= 0 and mark.ask_size >= 0
    priced = 0 < spot < INFINITY and 0 < forward < INFINITY and 0 < mark.iv < INFINITY and -1 < mark.rate < 1
    valued = 0 <= mark.theoretical < INFINITY and -INFINITY < figures < INFINITY and 0 <= mark.dividends < INFINITY
    named_well = len(mark.symbol) == 21 and mark.underlying and mark.expiry_ns > 0 and mark.event_ns >= 0
    last = mark.last != mark.last or 0 < mark.last < INFINITY
    if quoted and priced and valued and named_well and last and mark.bits >= 0 and 0 <= mark.quality <= 1:
        return
    _contract("option_mark.symbol", mark.symbol)
    named("option_mark.underlying", mark.underlying)
    positive("option_mark.expiry_ns", mark.expiry_ns)
    for what in ("event_ns", "bid_size", "ask_size", "dividends", "bits", "surface_ns"):
        not_negative(f"option_mark.{what}", getattr(mark, what))
    for what in ("bid", "ask", "last", "spot", "forward", "iv"):
        positive_or_unknown(f"option_mark.{what}", getattr(mark, what))
    _finite("option_mark.rate", mark.rate)
    for what in ("theoretical", *GREEKS):
        value = getattr(mark, what)
        if value == value:
            _finite(f"option_mark.{what}", value)
    if not 0 <= mark.quality <= 1:
        raise bad("option_mark.quality", mark.quality, "0 to 1")


def check_event(event: MarketEvent) -> None:
    """Raise where a dividend or split tells no amount, or a session ends before it begins."""
    if event.kind is MarketEventKind.DIVIDEND:
        named("event.symbol of a dividend", event.symbol)
        not_negative("event.value of a dividend", event.value)
    elif event.kind is MarketEventKind.SPLIT:
        named("event.symbol of a split", event.symbol)
        positive("event.value of a split", event.value)
    elif event.kind is MarketEventKind.SESSION_OPEN and not 0 < event.start_ns < event.end_ns:
        raise bad("event.start_ns of a session", event.start_ns, f"> 0 and < end_ns ({event.end_ns})")


def check_signal(signal: Signal) -> None:
    """Raise where a signal's prices are no bracket around its entry, or it has no name or expiry."""
    named("signal.id", signal.id)
    named("signal.symbol", signal.symbol)
    positive("signal.entry", signal.entry)
    positive("signal.stop", signal.stop)
    positive("signal.target", signal.target)
    low, high = sorted((signal.stop, signal.target))
    if not low < signal.entry < high:
        raise bad("signal.entry", signal.entry, f"between stop ({signal.stop}) and target ({signal.target})")
    if not signal.expires_ns > signal.event_ns:
        raise bad("signal.expires_ns", signal.expires_ns, f"> event_ns ({signal.event_ns})")


def check_mandate(mandate: Mandate) -> None:
    """Raise where a mandate's figures are out of their bounds, or its steps of drawdown out of order."""
    named("mandate.account", mandate.account)
    positive("mandate.capital_cents", mandate.capital_cents)
    for what in MANDATE_SHARES:
        value = getattr(mandate, what)
        if not 0 <= value <= 1:
            raise bad(f"mandate.{what}", value, "0 to 1")
    for what in MANDATE_LIMITS:
        not_negative(f"mandate.{what}", getattr(mandate, what))
    if not 0 <= mandate.slippage_bps < 10_000:
        raise bad("mandate.slippage_bps", mandate.slippage_bps, ">= 0 and < 10,000")
    halts = mandate.drawdown_max
    if mandate.drawdown_reduce > halts > 0:
        raise bad("mandate.drawdown_reduce", mandate.drawdown_reduce, f"<= drawdown_max ({halts}), or 0 for none")
    if 0 < mandate.drawdown_flatten < halts:
        raise bad("mandate.drawdown_flatten", mandate.drawdown_flatten, f">= drawdown_max ({halts}), or 0 for none")
    moded = [one.strategy for one in mandate.modes]
    if len(set(moded)) < len(moded):
        raise bad("mandate.modes", moded, "one mode a strategy")
    for symbol in mandate.restricted:
        named("mandate.restricted", symbol)


def check_fill(fill: Fill) -> None:
    """Raise where amounts are negative, something changed hands for nothing, or state and quantities do not agree."""
    named("fill.account", fill.account)
    named("fill.symbol", fill.symbol)
    for what in ("quantity", "fee_cents", "slippage_cents", "remaining"):
        not_negative(f"fill.{what}", getattr(fill, what))
    positive("fill.multiplier", fill.multiplier)
    if fill.quantity and fill.legs:
        _legs_filled(fill)
    elif fill.quantity:
        positive("fill.price_cents", fill.price_cents)
    status = fill.status
    if fill.quantity and status in UNFILLED:
        raise bad("fill.quantity", fill.quantity, f"0 where {status}")
    if status in ENDED and fill.remaining:
        raise bad("fill.remaining", fill.remaining, f"0 where {status}")
    if status is OrderStatus.PARTIALLY_FILLED:
        positive("fill.quantity of a part", fill.quantity)
        positive("fill.remaining of a part", fill.remaining)
    elif status is OrderStatus.ACKNOWLEDGED:
        positive("fill.remaining of an order that works", fill.remaining)


def check_intent(intent: OrderIntent) -> None:
    """Raise where an order has no name, no quantity or no price, or is not what its kind needs."""
    named("intent.id", intent.id)
    named("intent.account", intent.account)
    _order("intent", intent)
    if intent.legs:
        _finite("intent.reference", intent.reference)
    else:
        positive("intent.reference", intent.reference)


def check_ticket(ticket: OrderTicket) -> None:
    """Raise where a person's order has no name or quantity, or is not what its kind needs."""
    named("ticket.id", ticket.id)
    named("ticket.account", ticket.account)
    not_negative("ticket.event_ns", ticket.event_ns)
    _order("ticket", ticket)
    positive_or_unknown("ticket.stop", ticket.stop)
    positive_or_unknown("ticket.target", ticket.target)


def check_verdict(verdict: Verdict) -> None:
    """Raise where the order cannot be used, the quantity is not what was decided, or a figure is unknown."""
    check_intent(verdict.intent)
    quantity, asked, decision = verdict.quantity, verdict.intent.quantity, verdict.decision
    if decision is Decision.REFUSE:
        if quantity:
            raise bad("verdict.quantity", quantity, "0 where refused")
        return
    if decision is Decision.APPROVE and quantity != asked:
        raise bad("verdict.quantity", quantity, f"the intent's ({asked}) where approved")
    if decision is Decision.CUT and not 0 < quantity < asked:
        raise bad("verdict.quantity", quantity, f"> 0 and below the intent's ({asked}) where cut")
    for figure in verdict.figures:
        if figure.value != figure.value or figure.limit != figure.limit:
            raise bad(f"verdict.figures {figure.name}", f"{figure.value} of {figure.limit}", "figures")


def check_settlement(settlement: Settlement) -> None:
    """Raise where nothing happened to anything, or an amount is out of its bounds."""
    named("settlement.id", settlement.id)
    named("settlement.account", settlement.account)
    named("settlement.symbol", settlement.symbol)
    if settlement.quantity == 0:
        raise bad("settlement.quantity", settlement.quantity, "contracts or shares, negative when short")
    not_negative("settlement.fee_cents", settlement.fee_cents)
    not_negative("settlement.price_cents", settlement.price_cents)
    if settlement.kind in (SettlementKind.EXERCISE, SettlementKind.ASSIGNMENT):
        positive("settlement.price_cents (strike)", settlement.price_cents)
    for transfer in settlement.transfers:
        named("settlement.transfers symbol", transfer.symbol)
        positive("settlement.transfers multiplier", transfer.multiplier)
        if transfer.quantity == 0:
            raise bad("settlement.transfers quantity", transfer.quantity, "other than 0")
    if settlement.carries and len(settlement.transfers) < 2:
        raise bad("settlement.transfers", len(settlement.transfers), ">= 2 where one carries its cost into others")


def check_statement(statement: Statement) -> None:
    """Raise where it is of no account or day, or states a position twice, of nothing, or of 0."""
    named("statement.account", statement.account)
    named("statement.day", statement.day)
    not_negative("statement.event_ns", statement.event_ns)
    symbols = [one.symbol for one in statement.positions]
    if len(set(symbols)) < len(symbols):
        raise bad("statement.positions", symbols, "each symbol once")
    for one in statement.positions:
        named("statement.positions symbol", one.symbol)
        positive("statement.positions multiplier", one.multiplier)
        if one.quantity == 0:
            raise bad("statement.positions quantity", one.quantity, "other than 0")


def check_action(action: CorporateAction) -> None:
    """Raise where it is of no account or share, pays nothing, or its day is none."""
    named("action.account", action.account)
    named("action.symbol", action.symbol)
    positive("action.cash_cents", action.cash_cents)
    not_negative("action.event_ns", action.event_ns)
    try:
        date.fromisoformat(action.day)
    except ValueError:
        raise bad("action.day", repr(action.day), "YYYY-MM-DD") from None


def check_cancel(cancel: Cancel) -> None:
    """Raise where it is of no account. (No order_id: all of the account.)"""
    named("cancel.account", cancel.account)
    not_negative("cancel.event_ns", cancel.event_ns)


def check_approval(approval: Approval) -> None:
    """Raise where it names no account or order."""
    named("approval.account", approval.account)
    named("approval.order_id", approval.order_id)
    not_negative("approval.event_ns", approval.event_ns)


def check_watch(watch: Watch) -> None:
    """Raise where its contract is none, or is of another underlying."""
    named("watch.symbol", watch.symbol)
    not_negative("watch.event_ns", watch.event_ns)
    contract = _contract("watch.contract", watch.contract)
    # Roots have no dots: BRK.B's is BRKB.
    if contract.underlying != watch.symbol.replace(".", ""):
        raise bad("watch.contract", repr(watch.contract), f"a contract of {watch.symbol}")


def _order(what: str, order: OrderIntent | OrderTicket) -> None:
    """Raise where a kind lacks its price, or a combination is none."""
    named(f"{what}.symbol", order.symbol)
    positive(f"{what}.quantity", order.quantity)
    positive(f"{what}.multiplier", order.multiplier)
    if order.legs:
        _legs(what, order)
    elif order.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        positive(f"{what}.limit_cents of a {order.kind}", order.limit_cents)
    if order.kind in (OrderKind.STOP, OrderKind.STOP_LIMIT):
        positive(f"{what}.trigger_cents of a {order.kind}", order.trigger_cents)
    if order.bracket and not (0 < order.stop < INFINITY or 0 < order.target < INFINITY):
        raise bad(
            f"{what}.stop and target of a bracket", f"{order.stop} and {order.target}", "> 0, one of them at least"
        )


def _legs(what: str, order: OrderIntent | OrderTicket) -> None:
    if len(order.legs) < 2:
        raise bad(f"{what}.legs", len(order.legs), ">= 2, or none")
    if order.side is not Side.BUY:
        raise bad(f"{what}.side of a combination", order.side, "BUY: its legs have sides of their own")
    if order.kind not in (OrderKind.MARKET, OrderKind.LIMIT):
        raise bad(f"{what}.kind of a combination", order.kind, "MARKET or LIMIT")
    if order.multiplier != 1:
        raise bad(f"{what}.multiplier of a combination", order.multiplier, "1: its legs have multipliers of their own")
    for leg in order.legs:
        positive(f"{what}.legs ratio", leg.ratio)
    _each_leg(what, order.legs)


def _legs_filled(fill: Fill) -> None:
    if len(fill.legs) < 2:
        raise bad("fill.legs", len(fill.legs), ">= 2, or none")
    for leg in fill.legs:
        positive("fill.legs price_cents", leg.price_cents)
        if not (leg.quantity > 0 and leg.quantity % fill.quantity == 0):
            raise bad("fill.legs quantity", leg.quantity, f"> 0, a multiple of {fill.quantity} combinations")
    _each_leg("fill", fill.legs)


def _each_leg(what: str, legs: tuple[Leg, ...] | tuple[LegFill, ...]) -> None:
    """Raise where a leg is of nothing, or two are of one instrument."""
    symbols = [leg.symbol for leg in legs]
    for leg in legs:
        named(f"{what}.legs symbol", leg.symbol)
        positive(f"{what}.legs multiplier", leg.multiplier)
    if len(set(symbols)) < len(symbols):
        raise bad(f"{what}.legs", symbols, "each of an instrument of its own")


def _contract(what: str, symbol: str) -> OptionSymbol:
    """Return the parts of an OSI symbol of 21 characters."""
    found = parse_osi(symbol)
    if isinstance(found, OptionSymbol) and len(symbol) == 21:
        return found
    fault = "length" if isinstance(found, OptionSymbol) else found
    raise bad(what, f"{symbol!r} (its {fault} is wrong)", "an OSI symbol of 21 characters")


def _finite(what: str, value: float) -> None:
    if not -INFINITY < value < INFINITY:
        raise bad(what, value, "finite")
