"""What the risk stage is set to beside the accounts' mandates."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.risk.margin.rules import MarginRules, rules_of

SECTORS: dict[str, str] = {
    "AAPL": "technology",
    "MSFT": "technology",
    "NVDA": "technology",
    "GOOGL": "communication",
    "META": "communication",
    "AMZN": "consumer",
    "TSLA": "consumer",
    "SPY": "index",
    "QQQ": "index",
}
"""By the Global Industry Classification Standard (2023); funds on an index are of a sector of their own."""

OTHER_SECTOR = "other"


@dataclass(frozen=True)
class Params:
    """report_interval_s: least event time between two reports that only marks caused. working_max: orders under way
    of an account, at which nothing more is opened. sectors: by underlying; one that is not named is of "other".
    duplicate_s: how long a working order that is not a signal's forbids its like. pattern_equity_usd: equity from which
    day trades are free (FINRA 4210(f)(8)(B)). soft_interval_s: least event time between two looks at soft limits that
    only marks caused. margin: rates of margin by the day from which they hold (streams/risk/margin/rules.py).
    """

    report_interval_s: int = 60
    working_max: int = 256
    duplicate_s: int = 60
    pattern_equity_usd: int = 25_000
    soft_interval_s: int = 5
    sectors: Mapping[str, str] = field(default_factory=dict)
    margin: Mapping[str, object] = field(default_factory=dict)
    margin_rules: MarginRules = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("report_interval_s", "working_max", "duplicate_s", "pattern_equity_usd", "soft_interval_s"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be >= 1, was {getattr(self, name)}")
        object.__setattr__(self, "margin_rules", rules_of(self.margin))
        object.__setattr__(self, "sectors", {**SECTORS, **self.sectors})
