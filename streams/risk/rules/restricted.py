"""Underlyings in which the mandate lets nothing be opened."""

from streams.risk.limit import Measure, Objection, OrderView


def _named(view: OrderView) -> str:
    return view.symbol if view.bands is None else view.bands.underlying_name


def judge(view: OrderView) -> Objection | None:
    """Object to all that opens in a restricted underlying, its options with it."""
    if _named(view) in view.account.mandate.restricted:
        return Objection(0, f"{_named(view)} is restricted by the mandate, {view.opening} would be opened")
    return None


def measure(view: OrderView) -> Measure | None:
    """Return 1 where the underlying is restricted; none where none is."""
    names = view.account.mandate.restricted
    return Measure(float(_named(view) in names), 0.0) if names else None
