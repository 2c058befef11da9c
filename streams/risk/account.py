"""What risk keeps of an account, and its exposure with every working order filled in its worst case.

Worst case of a symbol: either all working buys fill and no sell does, or all sells and no buy:
    long  = max(0, position + working buys)        short = max(0, working sells − position)
Its size is the greater of the two times the price of a share (the higher of last and ask, rounded up to a cent).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.records import Mandate, Mark, OrderIntent, PositionReport, RiskReport, Side
from streams.book.ledger import Ledger, equity_cents, quantity_of
from streams.book.money import cents_nearest, cents_up, dollars_of
from streams.risk.limit import AccountView

DAY_NS = 86_400_000_000_000
DAY_CUT_NS = 8 * 3_600_000_000_000
"""A session day runs from 08:00 UTC to 08:00 UTC: 03:00 or 04:00 in New York, when no US market trades."""


@dataclass(frozen=True, slots=True)
class Market:
    """One underlying. value_cents: of a share, to value it; exposure_cents: to limit it; None when unknown."""

    event_ns: int
    value_cents: int | None
    exposure_cents: int | None


@dataclass(frozen=True, slots=True)
class Working:
    """An order under way, as approved. reference_cents: its price when it was made, rounded up."""

    symbol: str
    side: Side
    quantity: int
    reference_cents: int


@dataclass(frozen=True, slots=True)
class Account:
    """One account. working by order id. day: number of the session day, -1 before the first. alerted: rules told."""

    mandate: Mandate
    ledger: Ledger
    peak_cents: int
    day_open_cents: int
    working: dict[str, Working] = field(default_factory=dict)
    halted: str = ""
    day: int = -1
    now_ns: int = 0
    report_ns: int = 0
    alerted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """Shares at stake in a symbol, worst case, and what a share counts for (None when unknown)."""

    long: int
    short: int
    price_cents: int | None

    @property
    def cents(self) -> int:
        """Worst-case notional; 0 without a price, which only a symbol without position and order can lack."""
        return max(self.long, self.short) * (self.price_cents or 0)


def opened(mandate: Mandate) -> Account:
    """Return a new account with the mandate's capital as cash."""
    capital = mandate.capital_cents
    return Account(mandate, Ledger(capital, {}), peak_cents=capital, day_open_cents=capital)


def after_mark(market: Market | None, mark: Mark) -> Market:
    """Return the market after a mark; one older than the newest changes nothing. An unknown price keeps the old."""
    if market is None:
        market = Market(0, None, None)
    if mark.event_ns < market.event_ns:
        return market
    value = cents_nearest(mark.last) if mark.last == mark.last else market.value_cents
    known = [price for price in (mark.last, mark.ask) if price == price]
    exposure = cents_up(max(known)) if known else market.exposure_cents
    return Market(mark.event_ns, value, exposure)


def equity(account: Account, markets: Mapping[str, Any]) -> int:
    """Return cash and positions at the last marks, cents. markets: state by key."""
    prices: dict[str, int] = {}
    for symbol in account.ledger.positions:
        market: Market | None = markets.get(f"market/{symbol}")
        if market is not None and market.value_cents is not None:
            prices[symbol] = market.value_cents
    return equity_cents(account.ledger, prices)


def exposure(account: Account, symbol: str, markets: Mapping[str, Any]) -> Exposure:
    """Return the worst case of one symbol."""
    held = quantity_of(account.ledger, symbol)
    buys = sells = reference = 0
    for order in account.working.values():
        if order.symbol == symbol:
            reference = max(reference, order.reference_cents)
            if order.side is Side.BUY:
                buys += order.quantity
            else:
                sells += order.quantity
    market: Market | None = markets.get(f"market/{symbol}")
    price = market.exposure_cents if market is not None else None
    if price is None and held:
        price = max(reference, -(-abs(account.ledger.positions[symbol].cost_cents) // abs(held)))
    return Exposure(max(0, held + buys), max(0, sells - held), price if price is not None else reference or None)


def gross_cents(account: Account, markets: Mapping[str, Any], without: str = "") -> int:
    """Return the worst-case notional of all symbols but one, cents."""
    symbols = {order.symbol for order in account.working.values()} | set(account.ledger.positions)
    return sum(exposure(account, symbol, markets).cents for symbol in sorted(symbols) if symbol != without)


def view_of(account: Account, equity_now_cents: int) -> AccountView:
    """Return the account as rules see it."""
    return AccountView(account.mandate, equity_now_cents, account.peak_cents, account.day_open_cents, account.halted)


def at_time(account: Account, event_ns: int, markets: Mapping[str, Any]) -> Account:
    """Return the account at an instant: a new session day opens with the equity before what happens now."""
    day = (event_ns - DAY_CUT_NS) // DAY_NS
    if day > account.day:
        account = replace(account, day=day, day_open_cents=equity(account, markets), alerted=())
    return account if event_ns <= account.now_ns else replace(account, now_ns=event_ns)


def with_order(account: Account, intent: OrderIntent, quantity: int) -> Account:
    """Return the account with an approved order under way."""
    order = Working(intent.symbol, intent.side, quantity, cents_up(intent.reference))
    return replace(account, working={**account.working, intent.id: order})


def after_news(account: Account, order_id: str, remaining: int) -> Account:
    """Return the account after a venue's news of an order: so much of it still works; 0: it has ended."""
    order = account.working.get(order_id)
    if order is None:
        return account
    if remaining:
        return replace(account, working={**account.working, order_id: replace(order, quantity=remaining)})
    return replace(account, working={key: order for key, order in account.working.items() if key != order_id})


def report(account: Account, markets: Mapping[str, Any]) -> RiskReport:
    """Return the account's state as a record."""
    now = equity(account, markets)
    positions = []
    for symbol, position in sorted(account.ledger.positions.items()):
        market: Market | None = markets.get(f"market/{symbol}")
        price = market.value_cents if market is not None else None
        value = position.cost_cents if price is None else position.quantity * price
        positions.append(PositionReport(symbol, position.quantity, position.cost_cents, value))
    return RiskReport(
        account=account.mandate.account,
        event_ns=account.now_ns,
        cash_cents=account.ledger.cash_cents,
        equity_cents=now,
        peak_cents=account.peak_cents,
        drawdown=1.0 - now / account.peak_cents,
        daily_pnl_cents=now - account.day_open_cents,
        realised_cents=account.ledger.realised_cents,
        fees_cents=account.ledger.fees_cents,
        gross_notional_usd=dollars_of(sum(abs(position.value_cents) for position in positions)),
        net_notional_usd=dollars_of(sum(position.value_cents for position in positions)),
        halted=bool(account.halted),
        positions=tuple(positions),
    )
