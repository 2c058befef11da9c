"""Parameters of the paper venue."""

from dataclasses import dataclass

from streams.venue import life

PENNY = ("AAPL", "AMZN", "GOOG", "GOOGL", "META", "MSFT", "NVDA", "TSLA")


@dataclass(frozen=True)
class Params(life.Params):
    """latency_ms: event time from an order to the first mark it may fill at. waiting_max: orders that work at a time,
    per instrument. seen_max: order ids remembered per account, so that no order fills twice. participation: most of a
    mark's volume of shares that an account may trade, 0 to 1; 0: orders of shares fill whole. queue_shares: shares that
    stand ahead of an order that comes to rest at its limit; -1: unknown, only a quote that moves through fills it.
    quote_age_s: most that a combination's legs' quotes may lie apart. penny: underlyings whose options trade in steps
    of 1 and 5 cents; others' in 5 and 10. reject_closed: whether
    an order outside the session is refused; else it waits for the next.
    """

    latency_ms: int = 0
    waiting_max: int = 1_000
    seen_max: int = 256
    participation: float = 0.0
    queue_shares: int = -1
    quote_age_s: int = 5
    penny: tuple[str, ...] = PENNY
    reject_closed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds = (("latency_ms", 0), ("waiting_max", 1), ("seen_max", 1), ("queue_shares", -1), ("quote_age_s", 0))
        for name, least in bounds:
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be >= {least}, was {getattr(self, name)}")
        if not 0 <= self.participation <= 1:
            raise ValueError(f"participation must be >= 0 and <= 1, was {self.participation}")
