"""Soft limits: a person is told, once a rule and session day, when a measure has come near its limit.

Looked at after fills and settlements, and with marks of what is held at most every `soft_interval_s` of event time.
The fall from the peak has steps of its own (drawdown_reduce, drawdown_stop, drawdown_flatten) and is not told here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from schemas.records import Alert
from streams.book.money import MICRO_PER_DOLLAR, dollars_of
from streams.risk.account import Account
from streams.risk.exposure import Ends, Worst, size_of
from streams.risk.params import OTHER_SECTOR


class Usage(NamedTuple):
    """A rule's measure now, every working order in its worst case. what: of which it is."""

    rule: str
    what: str
    value: float
    limit: float


def usages(worst: Worst, sectors: Mapping[str, str]) -> Iterator[Usage]:
    """Yield the measures of all limits that are set, of each rule the largest."""
    account, mandate = worst.account, worst.account.mandate
    symbols = sorted({*account.ledger.positions, *worst.orders})
    largest, symbol = max(((worst.size_cents(one), one) for one in symbols), default=(0, ""))
    if account.equity_cents > 0:
        yield Usage("concentration", symbol, largest / account.equity_cents, mandate.concentration_max)
    loss = dollars_of(account.day_open_cents - account.equity_cents)
    if loss < mandate.daily_loss_usd_max:
        yield Usage("daily_loss", "the day's loss", loss, mandate.daily_loss_usd_max)
    net = _dollars((worst.total[0], worst.total[1]))
    yield Usage("delta_usd", "delta", net, mandate.delta_usd_max)
    yield Usage("gamma_usd", "gamma", _dollars((worst.gamma[0], worst.gamma[1])), mandate.gamma_usd_max)
    yield Usage("gross_notional", "gross", dollars_of(worst.gross_cents), mandate.gross_notional_usd_max)
    yield Usage("net_notional", "net", net, mandate.net_notional_usd_max)
    yield Usage("position_notional", symbol, dollars_of(largest), mandate.position_notional_usd_max)
    of_sector: dict[str, float] = {}
    of_strategy: dict[str, float] = {}
    of_underlying: dict[str, float] = {}
    for underlying in sorted(worst.delta):
        of_underlying[underlying] = _dollars(worst.underlying_ends(underlying))
        sector = sectors.get(underlying, OTHER_SECTOR)
        of_sector[sector] = of_sector.get(sector, 0.0) + of_underlying[underlying]
        for strategy in worst.delta[underlying]:
            size = _dollars(worst.strategy_ends(strategy, underlying))
            of_strategy[strategy] = of_strategy.get(strategy, 0.0) + size
    yield _largest("sector_notional", "sector", of_sector, mandate.sector_notional_usd_max)
    yield _largest("strategy_notional", "strategy", of_strategy, mandate.strategy_notional_usd_max)
    yield _largest("underlying_notional", "underlying", of_underlying, mandate.underlying_notional_usd_max)
    yield Usage("vega_usd", "vega", _dollars((worst.vega[0], worst.vega[1])), mandate.vega_usd_max)


def told(worst: Worst, sectors: Mapping[str, str]) -> tuple[Account, list[Alert]]:
    """Return the account, and an Alert of each measure that is soft_fraction of its limit or more and is news."""
    account = replace(worst.account, soft_ns=worst.account.now_ns)
    mandate, alerts, names = account.mandate, [], []
    for usage in usages(worst, sectors) if mandate.soft_fraction > 0 else ():
        name = f"soft {usage.rule}"
        if not (usage.limit > 0 and usage.value >= mandate.soft_fraction * usage.limit) or name in account.alerted:
            continue
        share = usage.value / usage.limit
        text = f"{usage.what} is {_figure(usage.value)}, {share:.2f} of its limit {_figure(usage.limit)}"
        alerts.append(Alert(mandate.account, account.now_ns, usage.rule, text, usage.value, usage.limit))
        names.append(name)
    return replace(account, alerted=(*account.alerted, *names)) if names else account, alerts


def _dollars(ends: Ends) -> float:
    return size_of(ends) / MICRO_PER_DOLLAR


def _largest(rule: str, what: str, sizes: Mapping[str, float], limit: float) -> Usage:
    size, name = max(((value, name) for name, value in sizes.items()), default=(0.0, ""))
    return Usage(rule, f"{what} {name}".rstrip(), size, limit)


def _figure(value: float) -> str:
    """Return a figure for people: whole from a thousand on, else four digits."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
