"""OptionMarks of watched contracts: what a contract's newest ChainFrame and its underlying's newest SurfaceFrame tell.

A Watch begins it. The chain's frames are the clock: with each of them a contract is told if something that an
OptionMark says has changed and `interval_ns` have passed since it was last told, or if five times as many have passed;
so no contract is told more than once in `interval_ns`, and one that stands still is known to be alive. (An instant of
another surface is no change if forward, rate and dividends are those of before.) A contract is first told once the
chain tells it: at once where it is quoted, else with the next whole frame.

Figures and spot are of one instant, the row's; forward, rate and dividends of another, `surface_ns`: the forward is
moved along with the spot since then, as that of the figures is. Where the chain has two roots that expire together, the
contract's own is taken. Before there is a surface forward is NaN, rate and dividends are 0.

A contract is watched until it expires. A split turns watched contracts into those that holders get (adjusted.py of
options/contracts); contracts that are adjusted already stay as they are, for their terms are not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from schemas.osi import OptionSymbol, osi, parse_osi
from schemas.records import MarketEvent, OptionMark, SurfaceFrame, Watch
from streams.book.chain_rows import ChainRows, Row
from streams.book.checks import check_option_mark, check_watch
from streams.checks import bad

NAN = float("nan")
SECOND_NS = 1_000_000_000
STILL = 5
"""A contract that does not change is told after so many intervals."""
CONTRACTS_MAX = 4_096
"""Of one underlying."""
LAST_HOUR = 21
"""UTC: no contract of a date expires after 16:00 in New York, which is 20:00 or 21:00."""
SPLIT_DENOMINATOR_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Watched:
    """A contract. expiry_ns: as the chain told it, else the latest that its date allows. told_ns: when it was last
    told. changed: there is news since. spot, floats, counts: of its newest row (chain_rows.py); empty before the first.
    """

    expiry_ns: int
    told_ns: int = 0
    changed: bool = False
    spot: float = NAN
    floats: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """An expiry's figures of the newest surface; spot: the surface's."""

    root: str
    expiry_ns: int
    spot: float
    forward: float
    rate: float
    dividends: float


@dataclass(frozen=True, slots=True)
class Watching:
    """What is watched of an underlying. now_ns: event time of its chain. split_ns: instant of the newest split."""

    now_ns: int = 0
    surface_ns: int = 0
    split_ns: int = 0
    outlooks: tuple[Outlook, ...] = ()
    contracts: dict[str, Watched] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """Contracts of the newest whole frame of an underlying that is watched, and its instant."""

    event_ns: int
    names: tuple[str, ...]


class Told(NamedTuple):
    """New states by key (None: gone), and what is told."""

    changed: dict[str, Any]
    marks: list[OptionMark]


STATE: dict[str, type] = {"watch": Watching, "listed": Listed}


def on_watch(state: Mapping[str, Any], watch: Watch, now_ns: int) -> dict[str, Any]:
    """Return the states that change. now_ns: event time so far of the underlying, 0 where not known.

    RecordError for a contract that is none, is of another underlying, has expired, or is not in the chain (where that
    is known: it is from the first watched contract of an underlying on, a whole frame later).
    """
    check_watch(watch)
    symbol, contract = watch.symbol, watch.contract
    watching: Watching = state.get(f"watch/{symbol}") or Watching()
    known = watching.contracts.get(contract)
    now_ns = max(now_ns, watch.event_ns, watching.now_ns)
    end_ns = known.expiry_ns if known is not None else last_ns(contract)
    if now_ns >= end_ns:
        raise bad("watch.contract", repr(contract), f"one that expires after {_time(now_ns)}")
    if known is not None:
        return {}
    listed: Listed | None = state.get(f"listed/{symbol}")
    if listed is not None and contract not in listed.names:
        raise bad("watch.contract", repr(contract), f"in {symbol}'s chain, as it was told at {_time(listed.event_ns)}")
    if len(watching.contracts) >= CONTRACTS_MAX:
        raise bad("watch.contract", repr(contract), f"one of at most {CONTRACTS_MAX} of {symbol}")
    contracts = dict(sorted({**watching.contracts, contract: Watched(end_ns)}.items()))
    return {f"watch/{symbol}": replace(watching, contracts=contracts)}


def on_chain(state: Mapping[str, Any], frame: ChainRows, interval_ns: int) -> Told:
    """Take the rows of a ChainFrame of a watched underlying, and tell what is due."""
    watching: Watching = state[f"watch/{frame.symbol}"]
    contracts = dict(watching.contracts)
    for name, row in frame.rows.items():
        contracts[name] = _with_row(contracts[name], row, frame.spot)
    told = _told(frame.symbol, replace(watching, contracts=contracts), frame.event_ns, interval_ns)
    if frame.names is not None and told.changed[f"watch/{frame.symbol}"] is not None:
        key = f"listed/{frame.symbol}"
        listed: Listed | None = state.get(key)
        if listed is None or listed.names != frame.names:
            told.changed[key] = Listed(frame.event_ns, frame.names)
    return told


def on_surface(state: Mapping[str, Any], frame: SurfaceFrame, interval_ns: int) -> Told:
    """Take a SurfaceFrame of a watched underlying, and tell what is due."""
    watching: Watching = state[f"watch/{frame.symbol}"]
    cash = list(zip(frame.ex_ns.tolist(), frame.cash.tolist(), strict=True))
    outlooks = tuple(
        Outlook(
            root, expiry_ns, frame.spot, forward, rate, sum((paid for ex_ns, paid in cash if ex_ns <= expiry_ns), 0.0)
        )
        for root, expiry_ns, forward, rate in zip(
            frame.root, frame.expiry_ns.tolist(), frame.forward.tolist(), frame.rate.tolist(), strict=True
        )
    )
    before = {(one.root, one.expiry_ns): one for one in watching.outlooks}
    news = {(one.root, one.expiry_ns) for one in outlooks if not _alike(one, before.get((one.root, one.expiry_ns)))}
    contracts = {
        name: replace(one, changed=True) if one.floats and (root_of(name), one.expiry_ns) in news else one
        for name, one in watching.contracts.items()
    }
    watching = replace(watching, surface_ns=frame.event_ns, outlooks=outlooks, contracts=contracts)
    return _told(frame.symbol, watching, frame.event_ns, interval_ns)


def on_split(state: Mapping[str, Any], event: MarketEvent) -> dict[str, Any]:
    """Return the states that change: watched contracts are those that the split makes of them, once."""
    watching: Watching | None = state.get(f"watch/{event.symbol}")
    if watching is None or event.event_ns <= watching.split_ns:
        return {}
    found = {
        after_split(name, event.symbol, event.value): Watched(one.expiry_ns) for name, one in watching.contracts.items()
    }
    contracts = dict(sorted(found.items()))
    # Figures are of shares of before, and so are those of a contract that keeps its name.
    after = Watching(watching.now_ns, 0, event.event_ns, (), contracts)
    gone = {f"listed/{event.symbol}": None} if f"listed/{event.symbol}" in state else {}
    return {f"watch/{event.symbol}": after, **gone}


def after_split(contract: str, ticker: str, ratio: float) -> str:
    """Return the OSI symbol that a contract has after a split into `ratio` new shares for one old."""
    # The options' package loads numba, which this process does without; a split of a watched contract is rare.
    from streams.options.contracts.adjusted import split, standard_terms

    parts = parse_osi(contract)
    shares = Fraction(ratio).limit_denominator(SPLIT_DENOMINATOR_MAX)
    if not isinstance(parts, OptionSymbol) or not shares:
        return contract
    try:
        return osi(split(standard_terms(parts, ticker), ticker, shares.numerator, shares.denominator).symbol)
    except ValueError:  # it is adjusted already
        return contract


def last_ns(contract: str) -> int:
    """Return the last instant at which a contract of this date can expire, ns UTC."""
    day = datetime(2000 + int(contract[6:8]), int(contract[8:10]), int(contract[10:12]), LAST_HOUR, tzinfo=UTC)
    return int(day.timestamp()) * SECOND_NS


def root_of(contract: str) -> str:
    """Return the root of an OSI symbol of 21 characters."""
    return contract[:6].rstrip()


def _with_row(one: Watched, row: Row, spot: float) -> Watched:
    floats, counts = row.floats, row.counts[1:]
    same = one.floats and _same(floats, one.floats) and counts == one.counts and _same((spot,), (one.spot,))
    return one if same else Watched(row.counts[0], one.told_ns, True, spot, floats, counts)


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether all figures are equal; unknown ones are."""
    return all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))


def _alike(one: Outlook, other: Outlook | None) -> bool:
    figures = (one.rate, one.dividends, _at(one, 1.0))
    return other is not None and _same(figures, (other.rate, other.dividends, _at(other, 1.0)))


def _at(outlook: Outlook, spot: float) -> float:
    """Return an expiry's forward at a spot; as the surface told it where either spot is not known."""
    moved = outlook.forward * (spot / outlook.spot)
    return moved if moved == moved else outlook.forward


def _told(symbol: str, watching: Watching, event_ns: int, interval_ns: int) -> Told:
    """Return what is due at an instant; contracts that have expired go."""
    now_ns = max(event_ns, watching.now_ns)
    outlooks = {(one.root, one.expiry_ns): one for one in watching.outlooks}
    contracts, marks = {}, []
    for name, one in watching.contracts.items():
        if one.expiry_ns < now_ns:
            continue
        contracts[name], since_ns = one, now_ns - one.told_ns
        if one.floats and since_ns >= interval_ns and (one.changed or since_ns >= STILL * interval_ns):
            outlook = outlooks.get((root_of(name), one.expiry_ns))
            marks.append(_mark(symbol, name, one, outlook, now_ns, watching.surface_ns))
            contracts[name] = Watched(one.expiry_ns, now_ns, False, one.spot, one.floats, one.counts)
    if not contracts:
        return Told({f"watch/{symbol}": None, f"listed/{symbol}": None}, marks)
    watching = Watching(now_ns, watching.surface_ns, watching.split_ns, watching.outlooks, contracts)
    return Told({f"watch/{symbol}": watching}, marks)


def _mark(symbol: str, name: str, one: Watched, outlook: Outlook | None, now_ns: int, surface_ns: int) -> OptionMark:
    bid, ask, last, quality, iv, delta, gamma, vega, theta, rho, vanna, volga, charm, theoretical = one.floats
    bid_size, ask_size, bits = one.counts
    forward, rate, dividends = (NAN, 0.0, 0.0)
    if outlook is not None:
        forward, rate, dividends = _at(outlook, one.spot), outlook.rate, outlook.dividends
    mark = OptionMark(
        name, symbol, now_ns, one.expiry_ns, bid, ask, bid_size, ask_size, last, one.spot, forward, rate, dividends,
        theoretical, iv, delta, gamma, vega, theta, rho, vanna, volga, charm, bits, quality,
        surface_ns if outlook else 0,
    )  # fmt: skip
    check_option_mark(mark)
    return mark


def _time(event_ns: int) -> str:
    return datetime.fromtimestamp(event_ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
