"""What sizing knows of an underlying: its newest mark, its volatility by minutes, and the last marks' range.

Volatility: exponentially weighted mean of squared simple returns of marks at least a minute apart,
    variance <- decay × variance + (1 − decay) × return²         (the first return starts it)
    annual   =  sqrt(variance × 252 × 390)
A pause of more than `pause_s` starts no return: nights are not minutes. Source: RiskMetrics (1996), section 5.2.
"""

import math
from dataclasses import dataclass, replace

from schemas.records import Mark, Side
from streams.book.money import cents_nearest

SECOND_NS = 1_000_000_000
MINUTES_PER_YEAR = 252 * 390
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Seen:
    """The range of trades of one mark: what a bracket is checked against."""

    event_ns: int
    high: float
    low: float


@dataclass(frozen=True, slots=True)
class Market:
    """One underlying. Prices in quote currency, NaN when unknown."""

    event_ns: int
    bid: float
    ask: float
    last: float
    sample_ns: int = 0
    sample: float = NAN
    variance: float = NAN
    samples: int = 0
    recent: tuple[Seen, ...] = ()


def executable(market: Market, side: Side) -> float:
    """Return the price at which an order fills now: ask to buy, bid to sell, else the last; NaN when unknown."""
    quote = market.ask if side is Side.BUY else market.bid
    return quote if quote == quote else market.last


def volatility_annual(market: Market, samples_min: int) -> float:
    """Return the realised volatility per sqrt(year), per 1.00; NaN before `samples_min` returns."""
    if market.samples < samples_min:
        return NAN
    return math.sqrt(market.variance * MINUTES_PER_YEAR)


def value_cents(market: Market | None) -> int | None:
    """Return what a share is valued at, cents: the last trade to the nearest cent, half up; None when unknown."""
    if market is None or not market.last > 0:
        return None
    return cents_nearest(market.last)


def after_mark(market: Market | None, mark: Mark, decay: float, pause_s: int, recent_max: int) -> Market:
    """Return the market after a mark. A mark older than the newest changes nothing but the recent ranges."""
    if market is None:
        market = Market(0, NAN, NAN, NAN)
    recent = market.recent
    if mark.high == mark.high:
        recent = (*recent[-recent_max + 1 :], Seen(mark.event_ns, mark.high, mark.low))
    if mark.event_ns < market.event_ns:
        return replace(market, recent=recent)
    last = mark.last if mark.last == mark.last else market.last
    sample_ns, sample, variance, samples = market.sample_ns, market.sample, market.variance, market.samples
    if last == last and mark.event_ns - sample_ns >= 60 * SECOND_NS:
        if sample == sample and mark.event_ns - sample_ns <= pause_s * SECOND_NS:
            change = last / sample - 1.0
            square = change * change
            variance = square if samples == 0 else decay * variance + (1.0 - decay) * square
            samples += 1
        sample_ns, sample = mark.event_ns, last
    return Market(mark.event_ns, mark.bid, mark.ask, last, sample_ns, sample, variance, samples, recent)
