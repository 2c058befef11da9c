"""The analytics stage whole: bars and indicators of every underlying (streams/bars), chains of those with options.

Bars take each batch first, in their kernel; what is not of bars (options, events) and the frames of underlyings that
have options then go to their chains, record by record. Without options a batch costs one more look at each head. What a
record causes comes out bars first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import wire
from schemas.records import BarFrame, ChainFrame, MarketEvent, OptionFrame, SurfaceFrame, TickFrame
from streams.bars.analytics import TOPIC, Analytics
from streams.bars.params import Params as BarParams
from streams.chain.scan import Scan
from streams.options.rates import RateCurves, curves_of
from streams.stage import Fold, Output, RecordError, Rejected, RejectReason

MS_NS, SECOND_NS = 1_000_000, 1_000_000_000
PREFIX = "chain/"
"""Of state keys; no key of bars begins so."""


@dataclass(frozen=True)
class Params(BarParams):
    """Parameters of chains, beside those of bars. chain_step_ms: instants of event time at which changes are told are
    its multiples. chain_look_ms: how often an expiry's forward and the surface are reckoned anew, at most;
    chain_contract_ms: how often one contract is told, at most. Within 50 ms of each quote: 10 for it and chain_step_ms,
    which 2,000 contracts at ten quotes a second keep most of a core busy with. chain_whole_s: how often every contract
    is told. rates: zero curves by the day from which they hold, as [rates] of
    the config, which is taken where there are none here.
    """

    chain_step_ms: int = 25
    chain_look_ms: int = 250
    chain_contract_ms: int = 250
    chain_whole_s: int = 60
    rates: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.chain_step_ms <= 60_000 or 60_000 % self.chain_step_ms:
            raise ValueError(f"chain_step_ms must divide a minute, was {self.chain_step_ms}")
        if self.chain_look_ms < self.chain_step_ms or self.chain_look_ms % self.chain_step_ms:
            raise ValueError(f"chain_look_ms must be a multiple of chain_step_ms, was {self.chain_look_ms}")
        if self.chain_contract_ms < 1:
            raise ValueError(f"chain_contract_ms must be >= 1, was {self.chain_contract_ms}")
        if self.chain_whole_s < 1:
            raise ValueError(f"chain_whole_s must be >= 1, was {self.chain_whole_s}")
        self.curves()

    def curves(self) -> RateCurves:
        """Return the zero curves; ValueError where one cannot be used."""
        return curves_of(self.rates)


class ChainAnalytics:
    """The fold: see streams/stage.py. counters: those of bars."""

    def __init__(self, params: Params) -> None:
        self._params = params
        self._bars = Analytics(params)
        self._scan = Scan()
        self._chains: Any = None
        """None until there are options, or news of an underlying: the chain's modules take a second to load."""
        self._new_watch = False
        self.counters = self._bars.counters
        self.names = self._bars.names

    def apply(self, payloads: Sequence[bytes]) -> Sequence[Output | Rejected]:
        """Advance over payloads in log order; return outputs sorted by at. Never raises for a bad record."""
        out = self._bars.apply(payloads)
        wanted = self._scan.of_use(self._bars)
        if not wanted:
            return out
        refused = {one.at for one in out if isinstance(one, Rejected)}
        more: list[Output | Rejected] = []
        while wanted:
            at = wanted.pop(0)
            if at in refused:
                continue
            more += self._one(at, payloads[at])
            if self._new_watch:
                self._new_watch = False
                wanted = self._scan.of_use(self._bars, at + 1)
        # Both are sorted by at, and the sort is stable: bars come first.
        return sorted((*out, *more), key=lambda one: one.at) if more else out

    def _one(self, at: int, payload: bytes) -> Iterator[Output | Rejected]:
        try:
            for frame in self._frames(payload):
                yield Output(at, TOPIC, None, frame.symbol.encode(), wire.encode(frame))
        except RecordError as error:
            yield Rejected(at, error.reason, error.detail)
        except Exception as error:  # a bug in a chain must not stop the pipeline: it is alarmed and named
            yield Rejected(at, RejectReason.BUG, f"{type(error).__name__}: {error}")

    def _frames(self, payload: bytes) -> Iterator[ChainFrame | SurfaceFrame]:
        from streams.chain.fold import Chains, decoded

        record = decoded(payload)
        if self._chains is None:
            self._chains = self._new_chains()
        chains: Chains = self._chains
        if isinstance(record, MarketEvent):
            yield from chains.take_event(record)
        elif isinstance(record, TickFrame | BarFrame | OptionFrame):
            try:
                yield from chains.take_frame(payload, record)
            finally:
                # Whatever its instants met: a chain that has options sees its underlying, as it would after a restart.
                if chains.has_options(record.symbol):
                    self._new_watch = self._scan.watch(record.symbol)

    def changed(self) -> dict[str, bytes | None]:
        """Return the encoded state of every key changed since the last call."""
        of_chains = {} if self._chains is None else self._chains.saved()
        return self._bars.changed() | {f"{PREFIX}{name}": data for name, data in of_chains.items()}

    def load(self, state: Mapping[str, bytes]) -> None:
        """Replace all state by what `changed` returned; ValueError where it is of another layout."""
        self._bars.load({key: data for key, data in state.items() if not key.startswith(PREFIX)})
        own = {key.removeprefix(PREFIX): data for key, data in state.items() if key.startswith(PREFIX)}
        self._scan = Scan()
        self._chains = None
        if own:
            self._chains = self._new_chains()
            self._chains.load(own)
            for symbol in self._chains.watched():
                self._scan.watch(symbol)

    def _new_chains(self) -> Any:
        from streams.chain.fold import Chains
        from streams.chain.underlying import Pace

        params = self._params
        pace = Pace(
            params.chain_step_ms * MS_NS, params.chain_look_ms * MS_NS, params.chain_contract_ms * MS_NS,
            params.chain_whole_s * SECOND_NS,
        )  # fmt: skip
        return Chains(params.curves(), pace)


def make(params: Params, partition: int, partitions: int) -> Fold:
    """Return the fold of a partition; ValueError for parameters that make no sense."""
    return ChainAnalytics(params)
