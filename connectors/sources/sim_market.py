"""The simulated market at the height of minutes: nine prices that move together, and planted moves.

A minute's return of a symbol is beta x (market factor) + own noise, both of them with stochastic volatility of
U-shape over the day, plus rare jumps. Into this, moves are planted so that strategies have something to find: a calm
spell, then a burst with volume, which then holds or fails. Everything is drawn from PCG64 streams named by
(seed, day, purpose), so a part can be drawn again without what was before it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from connectors.sources.frames import F64, I64
from connectors.sources.sessions import MINUTE_NS, SECOND_NS, Session

MINUTES_A_YEAR = 252 * 390
MARKET_VOL = 0.14
"""Of the market factor, per sqrt(year)."""
PLANTED_SHARE = 0.85
HOLDS_SHARE = 0.7
SQUEEZE_SHARE = 0.4
MOVE_SIZE = 0.007
"""Return from start to end of a move of strength 1, at a volatility of 0.28; it grows with volatility's root."""
BURST_MINUTES, AFTER_MINUTES = 4, 6


@dataclass(frozen=True)
class Instrument:
    """A simulated underlying. vol: per sqrt(year). share: of all ticks. spread_cents: in a calm regular session."""

    symbol: str
    price: float
    vol: float
    beta: float
    share: float
    spread_cents: int


INSTRUMENTS = (
    Instrument("AAPL", 201.70, 0.28, 1.10, 0.13, 1),
    Instrument("MSFT", 461.97, 0.24, 1.00, 0.07, 4),
    Instrument("GOOGL", 169.03, 0.30, 1.10, 0.06, 2),
    Instrument("AMZN", 206.65, 0.32, 1.20, 0.09, 2),
    Instrument("TSLA", 342.69, 0.60, 1.80, 0.15, 5),
    Instrument("NVDA", 137.38, 0.46, 1.70, 0.16, 1),
    Instrument("META", 670.90, 0.34, 1.25, 0.05, 12),
    Instrument("SPY", 592.71, 0.145, 1.00, 0.17, 1),
    Instrument("QQQ", 523.21, 0.20, 1.25, 0.12, 1),
)


Instruments = tuple[Instrument, ...]


class MoveKind(StrEnum):
    """What is planted: a breakout from a range, or an expansion out of a squeeze."""

    BREAKOUT = "breakout"
    SQUEEZE = "squeeze"


CALM_MINUTES = {MoveKind.BREAKOUT: 12, MoveKind.SQUEEZE: 26}
"""How long it is calm before: for a squeeze, longer than the 20 bars by which it is usually seen."""


@dataclass(frozen=True)
class PlantedMove:
    """A planted move. direction: 1 up, -1 down. calm_ns to start_ns: the spell before; size: return from start to end.

    holds: after end_ns the price goes on in the direction; else it falls back to where it began.
    """

    symbol: str
    kind: MoveKind
    direction: int
    size: float
    holds: bool
    calm_ns: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class MarketDay:
    """One session at the height of minutes.

    start_ns: of the first minute. price: (symbols, minutes + 1) at the minutes' edges, quote currency.
    vol: (symbols, minutes) standard deviation of the return within a minute. activity: (symbols, minutes) ticks,
    of mean 1 over the regular minutes, weighted by share. wide: (minutes,) how much wider than calm spreads are.
    """

    session: Session
    start_ns: int
    price: F64
    vol: F64
    activity: F64
    wide: F64
    moves: tuple[PlantedMove, ...]

    @property
    def minutes(self) -> int:
        """Return how many minutes are simulated."""
        return len(self.wide)

    @property
    def end_ns(self) -> int:
        """Return when the last minute ends."""
        return self.start_ns + self.minutes * MINUTE_NS


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Return the stream of random numbers of one purpose."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=purpose)))


def simulate_day(
    seed: int,
    day_number: int,
    session: Session,
    before: F64 | None,
    minutes: int | None,
    instruments: tuple[Instrument, ...],
) -> MarketDay:
    """Simulate a session, or the first `minutes` of its regular hours.

    before: (symbols,) the last prices of the day before, None on the first. day_number: names the streams.
    """
    random = generator(seed, day_number, 0)
    start_ns = session.start_ns if minutes is None else session.open_ns
    end_ns = session.end_ns if minutes is None else min(session.open_ns + minutes * MINUTE_NS, session.end_ns)
    edge_ns = np.arange(start_ns, end_ns, MINUTE_NS)
    activity, calm_vol, wide = _shape_of_day(edge_ns, session)
    n, symbols = len(edge_ns), len(instruments)
    vol = np.array([one.vol for one in instruments])[:, None]
    beta = np.array([one.beta for one in instruments])[:, None]
    own_vol = np.sqrt(np.maximum(vol**2 - (beta * MARKET_VOL) ** 2, (0.15 * vol) ** 2))
    minute = np.sqrt(1.0 / MINUTES_A_YEAR) * calm_vol
    market = MARKET_VOL * minute * _stochastic_vol(random, 1, n) * random.standard_normal((1, n))
    own = own_vol * minute * _stochastic_vol(random, symbols, n) * random.standard_normal((symbols, n))
    jump = (random.random((symbols, n)) < 1.0 / 390.0) * random.standard_normal((symbols, n)) * vol * 0.012
    returns = beta * market + own + jump * (activity > 0.5)
    within = vol * minute * np.ones((symbols, n))
    moves, planted = _plant(random, instruments, edge_ns, session)
    returns = returns * planted.returns + planted.push
    gap = random.standard_normal(symbols) * vol[:, 0] * 0.35 / np.sqrt(252.0)
    first = np.array([one.price for one in instruments]) if before is None else before * (1.0 + gap)
    growth = np.concatenate([np.ones((symbols, 1)), 1.0 + np.clip(returns, -0.2, 0.2)], axis=1)
    price = np.round(first[:, None] * np.cumprod(growth, axis=1), 6)
    activity = activity * planted.activity
    regular = (edge_ns >= session.open_ns) & (edge_ns < session.close_ns)
    share = np.array([one.share for one in instruments])
    activity /= (share @ activity / share.sum())[regular].mean()
    return MarketDay(session, start_ns, price, within * planted.within, activity, wide, moves)


def _shape_of_day(edge_ns: I64, session: Session) -> tuple[F64, F64, F64]:
    """Return activity, volatility and width of spreads by minute, shape (minutes,): U-shaped in the regular session."""
    x = (edge_ns + MINUTE_NS // 2 - session.open_ns) / (session.close_ns - session.open_ns)
    regular = (x >= 0) & (x < 1)
    t = np.clip(x, 0.0, 1.0)
    u = 0.55 + 1.9 * (1.0 - t) ** 8 + 1.3 * t**12
    whole = np.linspace(0.0, 1.0, 391)
    u /= np.mean(0.55 + 1.9 * (1.0 - whole) ** 8 + 1.3 * whole**12)
    before = 0.01 + 0.05 * np.clip(1.0 + x * 2.5, 0.0, 1.0)
    after = 0.012 + 0.06 * np.clip(1.0 - (x - 1.0) * 8.0, 0.0, 1.0)
    outside = np.where(x < 0, before, after)
    activity = np.where(regular, u, outside)
    vol = np.where(regular, 0.45 + 0.55 * u, 0.35)
    wide = np.where(regular, np.clip(0.6 + 0.6 * u, 0.0, 3.0), 8.0)
    return activity, vol, wide


def _stochastic_vol(random: np.random.Generator, rows: int, n: int) -> F64:
    """Return multipliers of volatility, shape (rows, n), of mean about 1: the exponential of a slow AR(1)."""
    shock = random.standard_normal((rows, n)) * 0.1
    level = np.zeros((rows, n))
    level[:, 0] = shock[:, 0] * 4.0
    for k in range(1, n):
        level[:, k] = 0.97 * level[:, k - 1] + shock[:, k]
    out: F64 = np.round(np.exp(level - 0.085), 9).astype(np.float64)
    return out


@dataclass(frozen=True)
class _Overlay:
    """What planting does to each (symbol, minute): factors of returns, of the sway within, and of activity; a push."""

    returns: F64
    within: F64
    activity: F64
    push: F64


def _plant(
    random: np.random.Generator, instruments: Instruments, edge_ns: I64, session: Session
) -> tuple[tuple[PlantedMove, ...], _Overlay]:
    """Plant moves one after the other in each symbol's regular session."""
    shape = (len(instruments), len(edge_ns))
    overlay = _Overlay(np.ones(shape), np.ones(shape), np.ones(shape), np.zeros(shape))
    open_at = int(np.searchsorted(edge_ns, session.open_ns))
    close_at = int(np.searchsorted(edge_ns, session.close_ns))
    start_ns = int(edge_ns[0])
    moves = []
    for row, one in enumerate(instruments):
        begin = open_at + int(random.integers(1, 6))
        while True:
            planted, is_squeeze, up, holds = random.random(4)
            strength, pause = float(random.uniform(0.8, 1.4)), int(random.integers(0, 5))
            kind = MoveKind.SQUEEZE if is_squeeze < SQUEEZE_SHARE else MoveKind.BREAKOUT
            at = begin + CALM_MINUTES[kind]
            end = at + BURST_MINUTES
            if end + AFTER_MINUTES > close_at:
                break
            if planted < PLANTED_SHARE:
                direction, does_hold = (1 if up < 0.5 else -1), bool(holds < HOLDS_SHARE)
                size = direction * strength * MOVE_SIZE * (one.vol / 0.28) ** 0.5
                _lay(overlay, row, kind, (begin, at, end), size, does_hold)
                edges_ns = (start_ns + minute * MINUTE_NS for minute in (begin, at, end))
                moves.append(PlantedMove(one.symbol, kind, direction, size, does_hold, *edges_ns))
            begin = end + AFTER_MINUTES + pause
    return tuple(sorted(moves, key=lambda move: (move.start_ns, move.symbol))), overlay


def _lay(overlay: _Overlay, row: int, kind: MoveKind, edges: tuple[int, int, int], size: float, holds: bool) -> None:
    begin, at, end = edges
    after = end + AFTER_MINUTES
    # In a squeeze the closes hardly move while each bar keeps some range: the closes' deviation falls below the range.
    returns, within = (0.06, 0.45) if kind is MoveKind.SQUEEZE else (0.35, 0.5)
    overlay.returns[row, begin:at], overlay.within[row, begin:at] = returns, within
    overlay.returns[row, at:after] = 0.3
    overlay.push[row, at:end] = size / BURST_MINUTES
    overlay.push[row, end:after] = (0.6 if holds else -1.0) * size / AFTER_MINUTES
    overlay.activity[row, begin:at] = 0.6
    overlay.activity[row, at:end] = 4.0
    overlay.activity[row, end:after] = 1.6


assert MINUTE_NS == 60 * SECOND_NS
