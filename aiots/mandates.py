"""The configured accounts' Mandates: these defaults, altered by [mandates.ACCOUNT] of the config.

[mandates.paper]
modes = { momentum_breakout = "ask", "*" = "auto" }     # auto, ask, off; or one for all: modes = "ask"
margin = "cash"                                         # cash, reg_t
restricted = ["TSLA"]
vega_usd_max = 500
"""

from dataclasses import MISSING, fields
from enum import StrEnum
from typing import Any, TypeVar

from aiots.config import Config, ConfigError
from schemas.records import Mandate, MarginKind, Mode, StrategyMode
from streams.book.checks import check_mandate
from streams.signals.strategies import STRATEGIES
from streams.sizing.rules import RULES
from streams.stage import RecordError

E = TypeVar("E", bound=StrEnum)
ALL = "*"
"""Stands in `modes` for every strategy that is not named."""

DEFAULTS: dict[str, Any] = {
    "event_ns": 0,
    "capital_cents": 10_000_000,
    "strategies": (),
    "sizing": "fixed_fraction",
    "risk_fraction": 0.0025,
    "volatility_target": 0.05,
    "position_notional_usd_max": 25_000.0,
    "gross_notional_usd_max": 100_000.0,
    "concentration_max": 0.25,
    "daily_loss_usd_max": 2_000.0,
    "drawdown_max": 0.10,
    "slippage_bps": 1.0,
    "fee_per_share_cents": 0.5,
    "fee_min_cents": 100,
    **{one.name: one.default for one in fields(Mandate) if one.default is not MISSING},
}
"""100,000 USD; a quarter of a percent of it lost at a stop; a quarter of it in one symbol; no more than it in all."""


def mandates_of(config: Config) -> tuple[Mandate, ...]:
    """Return a Mandate for each configured account, in the config's order; ConfigError where one cannot be used."""
    if unknown := sorted(set(config.mandates) - set(config.accounts)):
        raise ConfigError(f"[mandates.{unknown[0]}]: no such account; accounts are {', '.join(config.accounts)}")
    return tuple(_mandate(account, dict(config.mandates.get(account, {}))) for account in config.accounts)


def _mandate(account: str, given: dict[str, Any]) -> Mandate:
    known = {one.name: one.type for one in fields(Mandate) if one.name != "account"}
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"[mandates.{account}] unknown setting {name!r}; known are {', '.join(known)}")
        given[name] = _typed(account, name, known[name], value)
    mandate = Mandate(account=account, **{**DEFAULTS, **given})
    try:
        check_mandate(mandate)
    except RecordError as error:
        raise ConfigError(f"[mandates.{account}] {error.detail}") from error
    if mandate.sizing not in RULES:
        raise ConfigError(f"[mandates.{account}] sizing must be one of {', '.join(RULES)}, was {mandate.sizing!r}")
    return mandate


def _typed(account: str, name: str, kind: Any, value: Any) -> Any:
    """Return a setting as the record holds it; ConfigError says what it must be."""
    if name == "modes":
        return _modes(account, value)
    if name == "margin":
        return _one_of(account, name, MarginKind, value)
    if name in ("strategies", "restricted"):
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            return tuple(value)
        raise ConfigError(f"[mandates.{account}] {name} must be of type list (of names), was {value!r}")
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise ConfigError(f"[mandates.{account}] {name} must be of type {getattr(kind, '__name__', kind)}, was {value!r}")


def _modes(account: str, value: Any) -> tuple[StrategyMode, ...]:
    """Return the modes of a table by strategy, "*" for all that it does not name; or of one mode, for all."""
    table = {ALL: value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        raise ConfigError(
            f'[mandates.{account}] modes must be a table such as {{ {next(iter(STRATEGIES))} = "ask" }},'
            f" or one mode for all, was {value!r}"
        )
    for strategy in table:
        if strategy != ALL and strategy not in STRATEGIES:
            known = ", ".join((ALL, *STRATEGIES))
            raise ConfigError(f"[mandates.{account}] modes: no strategy {strategy!r}; known are {known}")
    return tuple(
        StrategyMode("" if strategy == ALL else strategy, _one_of(account, f"modes.{strategy}", Mode, mode))
        for strategy, mode in sorted(table.items())
    )


def _one_of(account: str, name: str, kind: type[E], value: Any) -> E:
    """Return the member of a closed list that a text names, in any case."""
    names = {member.name.lower(): member for member in kind}
    if isinstance(value, str) and value.lower() in names:
        return names[value.lower()]
    raise ConfigError(f"[mandates.{account}] {name} must be one of {', '.join(names)}, was {value!r}")
