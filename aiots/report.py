"""What became of the accounts: a fold of what the stages wrote, for backtests and summaries.

A round trip is a position from flat to flat. Money is in cents until it is printed.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from schemas import wire
from schemas.records import Fill, RiskReport, Side, Signal, Verdict

WATCHED = ("signals", "orders", "verdicts", "book", "risk")


@dataclass
class AccountFigures:
    """One account, as its RiskReports and Fills show it."""

    fills: int = 0
    unfilled: int = 0
    fees_cents: int = 0
    bought_cents: int = 0
    sold_cents: int = 0
    round_trips: int = 0
    won: int = 0
    gained_cents: int = 0
    lost_cents: int = 0
    held: dict[str, int] = field(default_factory=dict)
    flows_cents: dict[str, int] = field(default_factory=dict)
    reports: int = 0
    equity_first_cents: int | None = None
    equity_cents: int = 0
    cash_cents: int = 0
    peak_cents: int = 0
    drawdown_max: float = 0.0
    exposure_sum: float = 0.0
    halted: bool = False

    def fill(self, fill: Fill) -> None:
        """Count a fill, and a round trip where it leaves nothing held."""
        if fill.quantity == 0:
            self.unfilled += fill.remaining == 0
            return
        amount = fill.quantity * fill.price_cents
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        self.fills += 1
        self.fees_cents += fill.fee_cents
        self.bought_cents += amount if signed > 0 else 0
        self.sold_cents += amount if signed < 0 else 0
        flow = self.flows_cents.get(fill.symbol, 0) - signed * fill.price_cents - fill.fee_cents
        held = self.held.get(fill.symbol, 0) + signed
        self.held[fill.symbol], self.flows_cents[fill.symbol] = held, flow
        if held == 0:
            self._closed(self.flows_cents.pop(fill.symbol))
            del self.held[fill.symbol]

    def _closed(self, gain_cents: int) -> None:
        self.round_trips += 1
        self.won += gain_cents > 0
        self.gained_cents += max(0, gain_cents)
        self.lost_cents += max(0, -gain_cents)

    def report(self, report: RiskReport) -> None:
        """Take an account's state as risk sees it."""
        if self.equity_first_cents is None:
            self.equity_first_cents = report.equity_cents
        self.reports += 1
        self.equity_cents, self.cash_cents = report.equity_cents, report.cash_cents
        self.peak_cents = max(self.peak_cents, report.peak_cents)
        self.drawdown_max = max(self.drawdown_max, report.drawdown)
        self.exposure_sum += report.gross_notional_usd * 100 / report.equity_cents if report.equity_cents > 0 else 0.0
        self.halted = report.halted

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON, money in dollars."""
        first = self.equity_first_cents or 0
        return {
            "fills": self.fills,
            "unfilled": self.unfilled,
            "round_trips": self.round_trips,
            "hit_rate": self.won / self.round_trips if self.round_trips else None,
            "gained_usd": self.gained_cents / 100,
            "lost_usd": self.lost_cents / 100,
            "fees_usd": self.fees_cents / 100,
            "turnover_usd": (self.bought_cents + self.sold_cents) / 100,
            "pnl_usd": (self.equity_cents - first) / 100,
            "return": (self.equity_cents - first) / first if first else None,
            "equity_usd": self.equity_cents / 100,
            "cash_usd": self.cash_cents / 100,
            "drawdown_max": self.drawdown_max,
            "exposure_mean": self.exposure_sum / self.reports if self.reports else None,
            "open_positions": dict(sorted(self.held.items())),
            "halted": self.halted,
        }


@dataclass
class Report:
    """Everything watched, counted."""

    signals: Counter[str] = field(default_factory=Counter)
    signals_by_symbol: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    accounts: dict[str, AccountFigures] = field(default_factory=dict)

    def take(self, topic: str, payload: bytes) -> None:
        """Count a record that a stage wrote to a topic; those of no interest are passed over."""
        if topic.endswith(".rejects"):
            self.rejects[getattr(wire.decode(payload), "reason", "unknown")] += 1
            return
        kind = wire.name_of(payload)
        if (topic, kind) not in _TAKEN:
            return
        record: Any = wire.decode(payload)
        if isinstance(record, Signal):
            self.signals[record.strategy] += 1
            self.signals_by_symbol[record.symbol] += 1
        elif isinstance(record, Verdict):
            self.verdicts[str(record.decision)] += 1
            if record.rule:
                self.rules[record.rule] += 1
        elif isinstance(record, Fill):
            self._account(record.account).fill(record)
        elif isinstance(record, RiskReport):
            self._account(record.account).report(record)
        else:
            self.orders[str(record.purpose)] += 1

    def _account(self, name: str) -> AccountFigures:
        return self.accounts.setdefault(name, AccountFigures())

    def fills(self) -> int:
        """Return how many orders were filled, all accounts together."""
        return sum(account.fills for account in self.accounts.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return {
            "signals": dict(sorted(self.signals.items())),
            "signals_by_symbol": dict(sorted(self.signals_by_symbol.items())),
            "orders": dict(sorted(self.orders.items())),
            "verdicts": dict(sorted(self.verdicts.items())),
            "rules": dict(sorted(self.rules.items())),
            "rejects": dict(sorted(self.rejects.items())),
            "accounts": {name: account.as_dict() for name, account in sorted(self.accounts.items())},
        }

    def lines(self) -> list[str]:
        """Return the report as lines for people."""
        lines = [f"{name:9} {_counted(getattr(self, name))}" for name in ("signals", "orders", "verdicts")]
        if self.rules:
            lines.append(f"rules     {_counted(self.rules)}")
        if self.rejects:
            lines.append(f"rejects   {_counted(self.rejects)}")
        for name, account in sorted(self.accounts.items()):
            lines += _account_lines(name, account.as_dict())
        return lines


_TAKEN = {
    ("signals", "Signal"),
    ("orders", "OrderIntent"),
    ("verdicts", "Verdict"),
    ("book", "Fill"),
    ("risk", "RiskReport"),
}


def _counted(counts: Counter[str]) -> str:
    parts = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return f"{sum(counts.values())}" + (f" ({parts})" if parts else "")


def _account_lines(name: str, figures: dict[str, Any]) -> list[str]:
    hit_rate = (
        "none closed" if figures["hit_rate"] is None else f"{figures['hit_rate']:.0%} of {figures['round_trips']}"
    )
    change = "" if figures["return"] is None else f" ({figures['return']:+.2%})"
    exposure = "" if figures["exposure_mean"] is None else f" mean exposure {figures['exposure_mean']:.0%} of equity"
    return [
        f"account {name}{' HALTED' if figures['halted'] else ''}",
        f"  equity {figures['equity_usd']:,.2f} USD, P&L {figures['pnl_usd']:+,.2f}{change},"
        f" fees {figures['fees_usd']:,.2f}",
        f"  fills {figures['fills']}, round trips won {hit_rate}, worst drawdown {figures['drawdown_max']:.2%},"
        f"{exposure}",
        f"  open positions {figures['open_positions'] or 'none'}",
    ]
