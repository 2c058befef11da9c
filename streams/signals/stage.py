"""Signals: runs every enabled strategy over the closed bars of its interval, and turns its ideas into Signals.

- Frames of an interval that no strategy reads are skipped on their header, before they are decoded.
- A strategy has at most one open idea per symbol and direction: until a bar touches its stop (judged first) or target,
  or it expires; then `cooldown_s` must pass. (A strategy with `one_open` False is free of both.)
- The entry is executable: ask for LONG, bid for SHORT, the close where no quote is known. An idea whose stop is nearer
  than `stop_to_spread_min` spreads is a no-trade, counted in the state.
- Confidence is the strategy's raw score; while nothing has calibrated it, it says so and the grade is D.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from schemas.records import Direction, Evidence, FeatureFrame, Grade, MarketEvent, Priority, Record, Signal, Watch
from streams.checks import bad, not_negative, positive, positive_or_unknown, unexpected
from streams.fold import PureFold
from streams.signals.bar import Bar, BarReader
from streams.signals.strategies import STRATEGIES
from streams.signals.strategy import SECOND_NS, Idea, Row, Strategy
from streams.stage import Emit, Step

TOPIC = "signals"
REGULAR = 2
HOUR_S, DAY_S = 3_600, 86_400

PRIORITIES = {
    #               expires within an hour, within a day, later
    0.8: (Priority.CRITICAL, Priority.HIGH, Priority.MEDIUM),
    0.6: (Priority.HIGH, Priority.MEDIUM, Priority.MEDIUM),
    0.4: (Priority.MEDIUM, Priority.MEDIUM, Priority.LOW),
    0.0: (Priority.LOW, Priority.LOW, Priority.LOW),
}
"""Priority by least score and urgency."""


class Running(NamedTuple):
    """A strategy with its own Params, and the indicator columns it needs."""

    name: str
    strategy: Strategy
    params: Any
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Params:
    """strategies: those that run, by file name. horizon_scale: of target, stop and lifetime, see strategy.py.

    sessions: rows that count, by the frame's session byte (2 regular). settings: parameters of a strategy by its name,
    for example {"momentum_breakout": {"lookback": 30}}.
    """

    strategies: tuple[str, ...] = ("momentum_breakout", "volatility_squeeze")
    horizon_scale: float = 1.0
    sessions: tuple[int, ...] = (REGULAR,)
    stop_to_spread_min: float = 2.0
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    built: Mapping[str, Any] = field(init=False, repr=False, default_factory=dict)
    """The enabled strategies' own Params by name, in name order: made from settings."""

    def __post_init__(self) -> None:
        if not 0 < self.horizon_scale <= 10:
            raise ValueError(f"horizon_scale must be > 0 and <= 10, was {self.horizon_scale}")
        if not set(self.sessions) <= {0, 1, 2, 3}:
            raise ValueError(f"sessions must be of 0, 1, 2, 3, was {self.sessions}")
        if not self.stop_to_spread_min >= 0:
            raise ValueError(f"stop_to_spread_min must be >= 0, was {self.stop_to_spread_min}")
        for name in (*self.strategies, *self.settings):
            if name not in STRATEGIES:
                raise ValueError(f"unknown strategy {name!r}; known are {', '.join(STRATEGIES)}")
        object.__setattr__(self, "built", {name: self._build(name) for name in sorted(set(self.strategies))})

    @cached_property
    def running(self) -> Mapping[int, tuple[Running, ...]]:
        """The enabled strategies, in name order, by the length of the bars that they read, nanoseconds."""
        found: dict[int, tuple[Running, ...]] = {}
        for name, own in self.built.items():
            interval_ns, strategy = own.interval_s * SECOND_NS, STRATEGIES[name]
            found[interval_ns] = (
                *found.get(interval_ns, ()),
                Running(name, strategy, own, strategy.reads(own)),
            )
        return found

    def _build(self, name: str) -> Any:
        given = self.settings.get(name, {})
        try:
            return STRATEGIES[name].params_type(**given)
        except (TypeError, ValueError) as error:
            raise ValueError(f"settings.{name}: {error}") from error


@dataclass(frozen=True, slots=True)
class Open:
    """An idea that is not over. Prices in quote currency."""

    stop: float
    target: float
    expires_ns: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One direction: the open idea, and the instant from which the next may come."""

    idea: Open | None = None
    free_ns: int = 0


@dataclass(frozen=True, slots=True)
class Ideas:
    """What one strategy has open on one symbol, and its no-trades by reason."""

    long: Slot = Slot()
    short: Slot = Slot()
    no_trades: dict[str, int] = field(default_factory=dict)


STATE: dict[str, type] = {"ideas": Ideas, **{name: strategy.state_type for name, strategy in STRATEGIES.items()}}


def make(params: Params, partition: int, partitions: int) -> PureFold:
    """Return the fold of one partition."""
    reader = BarReader(intervals_of(params), params.sessions)
    return PureFold(advance, params, STATE, skip=reader.skip, read=reader.read)


def intervals_of(params: Params) -> frozenset[int]:
    """Return the lengths of the bars that strategies read, nanoseconds."""
    return frozenset(params.running)


def advance(state: Mapping[str, Any], record: Record | Bar, params: Params) -> Step:
    """Return the signals of a frame's bars, and what they change."""
    if isinstance(record, Bar):
        return _advanced(state, record.interval_ns, (record.row,), params)
    if isinstance(record, MarketEvent | Watch):
        return Step({}, ())
    if not isinstance(record, FeatureFrame):
        raise unexpected("signals", record)
    return _advanced(state, record.interval_ns, rows(record), params)


def _advanced(state: Mapping[str, Any], interval_ns: int, bars: Iterable[Row], params: Params) -> Step:
    changed: dict[str, Any] = {}
    outputs: list[Emit] = []
    running = params.running.get(interval_ns)
    if not running:
        return Step(changed, outputs)
    for row in bars:
        if row.session in params.sessions:
            for one in running:
                signal = _run(state, changed, one, row, params)
                if signal is not None:
                    outputs.append(Emit(TOPIC, row.symbol, signal))
    return Step(changed, outputs)


def signal_id(strategy: str, symbol: str, event_ns: int, ordinal: int) -> str:
    """Return the 16 hex digits that name a signal."""
    return hashlib.sha256(f"{strategy}|{symbol}|{event_ns}|{ordinal}".encode()).hexdigest()[:16]


def priority_of(score: float, lifetime_s: int) -> Priority:
    """Return the priority by the table: the band of the score, and how soon the idea is void."""
    urgency = 0 if lifetime_s <= HOUR_S else 1 if lifetime_s <= DAY_S else 2
    return next(row[urgency] for least, row in PRIORITIES.items() if score >= least)


def check_columns(frame: FeatureFrame) -> None:
    """Raise where a frame's columns are not of equal length."""
    n, width = len(frame.delta_ns), len(frame.names)
    columns = (frame.open, frame.high, frame.low, frame.close, frame.volume, frame.bid, frame.ask, frame.session)
    if n < 1 or any(len(column) != n for column in columns) or len(frame.values) != n * width:
        seen = [len(column) for column in columns]
        raise bad(
            "columns of the frame", f"{seen} and {len(frame.values)} values", f"{n} >= 1 long, values {n} x {width}"
        )


def rows(frame: FeatureFrame) -> Iterator[Row]:
    """Yield a frame's bars that have a price, in time order; raise where columns or figures are out of their bounds."""
    check_columns(frame)
    event_ns, width = frame.base_ns, len(frame.names)
    values = frame.values.tolist()
    columns = zip(
        frame.delta_ns.tolist(),
        frame.open.tolist(),
        frame.high.tolist(),
        frame.low.tolist(),
        frame.close.tolist(),
        frame.volume.tolist(),
        frame.bid.tolist(),
        frame.ask.tolist(),
        frame.session,
        strict=True,
    )
    for at, (delta, open_, high, low, close, volume, bid, ask, session) in enumerate(columns):
        event_ns += delta
        if close != close:
            continue
        for what, price in (("open", open_), ("high", high), ("low", low), ("close", close)):
            positive(what, price)
        if not low <= min(open_, close) <= max(open_, close) <= high:
            raise bad("low, open, close, high", (low, open_, close, high), "in the bar's range")
        positive_or_unknown("bid", bid)
        positive_or_unknown("ask", ask)
        not_negative("volume", volume)
        named = dict(zip(frame.names, values[at * width : (at + 1) * width], strict=True))
        yield Row(frame.symbol, event_ns, open_, high, low, close, volume, bid, ask, session, named)


def _run(state: Mapping[str, Any], changed: dict[str, Any], one: Running, row: Row, params: Params) -> Signal | None:
    """Run one strategy over one bar; put what changes into `changed`; return its signal, if any."""
    name, strategy, own, reads = one
    if not all(map(row.values.__contains__, reads)):
        missing = [column for column in reads if column not in row.values]
        raise bad(f"indicators of {name}", f"without {', '.join(missing)}", "among the frame's names")
    key, ideas_key = f"{name}/{row.symbol}", f"ideas/{name}/{row.symbol}"
    before = changed.get(key) or state.get(key) or strategy.state_type()
    ideas: Ideas = changed.get(ideas_key) or state.get(ideas_key) or Ideas()
    changed[key], idea = strategy.advance(before, row, own, params.horizon_scale)
    one_open = getattr(own, "one_open", True)
    after = _over(ideas, row, own.cooldown_s) if one_open else ideas
    signal = None
    if idea is not None:
        after, signal = _published(after, idea, name, row, params, one_open)
    if after is not ideas:
        changed[ideas_key] = after
    return signal


def _over(ideas: Ideas, row: Row, cooldown_s: int) -> Ideas:
    """Return the ideas that are still open after this bar."""
    long, short = ideas.long.idea, ideas.short.idea
    if long is None and short is None:
        return ideas
    free = Slot(None, row.event_ns + cooldown_s * SECOND_NS)
    if long is not None and (row.low <= long.stop or row.high >= long.target or row.event_ns >= long.expires_ns):
        ideas = replace(ideas, long=free)
    if short is not None and (row.high >= short.stop or row.low <= short.target or row.event_ns >= short.expires_ns):
        ideas = replace(ideas, short=free)
    return ideas


def _published(
    ideas: Ideas, idea: Idea, name: str, row: Row, params: Params, one_open: bool
) -> tuple[Ideas, Signal | None]:
    """Return the ideas and the signal of a new one, or None with its reason counted."""
    long = idea.direction is Direction.LONG
    slot = ideas.long if long else ideas.short
    if one_open and slot.idea is not None:
        return _no_trade(ideas, "already_open"), None
    if one_open and row.event_ns < slot.free_ns:
        return _no_trade(ideas, "cooling_down"), None
    quote = row.ask if long else row.bid
    entry = quote if quote == quote else row.close
    sign = 1.0 if long else -1.0
    stop, target = _rounded(entry * (1.0 - sign * idea.stop_move)), _rounded(entry * (1.0 + sign * idea.target_move))
    low, high = sorted((stop, target))
    if not 0 < low < entry < high:
        return _no_trade(ideas, "no_bracket"), None
    spread = row.ask - row.bid
    if spread > 0 and abs(entry - stop) < params.stop_to_spread_min * spread:
        return _no_trade(ideas, "wide_spread"), None
    signal = Signal(
        id=signal_id(name, row.symbol, row.event_ns, 0),
        strategy=name,
        symbol=row.symbol,
        event_ns=row.event_ns,
        ordinal=0,
        direction=idea.direction,
        entry=entry,
        stop=stop,
        target=target,
        expires_ns=row.event_ns + idea.lifetime_s * SECOND_NS,
        confidence=_rounded(idea.score),
        calibrated=False,
        grade=Grade.D,
        priority=priority_of(idea.score, idea.lifetime_s),
        bid=row.bid,
        ask=row.ask,
        evidence=tuple(Evidence(what, figure + 0.0) for what, figure in idea.evidence),
        text=idea.text,
    )
    taken = Slot(Open(stop, target, signal.expires_ns), slot.free_ns)
    if not one_open:
        return ideas, signal
    return (replace(ideas, long=taken) if long else replace(ideas, short=taken)), signal


def _no_trade(ideas: Ideas, reason: str) -> Ideas:
    return replace(ideas, no_trades={**ideas.no_trades, reason: ideas.no_trades.get(reason, 0) + 1})


def _rounded(value: float) -> float:
    """Return a number >= 0 to four decimals, half up."""
    return int(value * 10_000 + 0.5) / 10_000
