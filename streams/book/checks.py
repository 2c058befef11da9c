"""Checks of the records of the order path, each in a form that NaN cannot pass: BAD_VALUE says what was seen."""

from schemas.records import Fill, Mandate, Mark, OrderIntent, Signal
from streams.checks import INFINITY, bad, named, not_negative, positive, positive_or_unknown


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
    """Raise where a mandate's figures are out of their bounds."""
    named("mandate.account", mandate.account)
    positive("mandate.capital_cents", mandate.capital_cents)
    for what in ("risk_fraction", "concentration_max", "drawdown_max"):
        value = getattr(mandate, what)
        if not 0 <= value <= 1:
            raise bad(f"mandate.{what}", value, "0 to 1")
    for what in (
        "volatility_target",
        "position_notional_usd_max",
        "gross_notional_usd_max",
        "daily_loss_usd_max",
        "fee_per_share_cents",
        "fee_min_cents",
    ):
        not_negative(f"mandate.{what}", getattr(mandate, what))
    if not 0 <= mandate.slippage_bps < 10_000:
        raise bad("mandate.slippage_bps", mandate.slippage_bps, ">= 0 and < 10,000")


def check_fill(fill: Fill) -> None:
    """Raise where a fill's amounts are negative, or shares changed hands for nothing."""
    named("fill.account", fill.account)
    named("fill.symbol", fill.symbol)
    not_negative("fill.quantity", fill.quantity)
    not_negative("fill.fee_cents", fill.fee_cents)
    not_negative("fill.slippage_cents", fill.slippage_cents)
    if fill.quantity:
        positive("fill.price_cents", fill.price_cents)


def check_intent(intent: OrderIntent) -> None:
    """Raise where an order has no name, no shares or no price."""
    named("intent.id", intent.id)
    named("intent.account", intent.account)
    named("intent.symbol", intent.symbol)
    positive("intent.quantity", intent.quantity)
    positive("intent.reference", intent.reference)
