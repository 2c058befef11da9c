"""Chains of a recording: LEAN's files or an exported market.ticks, folded by analytics in memory; exported features.

Every function yields records of the topic features, in the order in which a live stage would have appended them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from aiots.config import Config
from aiots.stage import stage_params

if TYPE_CHECKING:
    from connectors.sources.lean import LeanSource
    from connectors.sources.recording import Recording

BATCH_RECORDS = 64
SLACK_NS = 300 * 1_000_000_000
"""How far past the wanted instant a source is played: by then it has said that everything before is sent."""
Report = Callable[[int, int], None]
"""Called with what is done and what there is in all, as often as Ctrl-C is to be noticed."""


class NoChainDataError(ValueError):
    """A recording that has nothing of the chain; the text says what was looked for."""


class FaultyFoldError(RuntimeError):
    """Analytics had an error of its own in a record; the text names it."""


def open_day(folders: Sequence[Path], symbol: str, day: date) -> "LeanSource":
    """Open one symbol and day of LEAN's files; NoChainDataError where there are no options of it."""
    from connectors.sources.lean import open_lean
    from connectors.sources.lean_files import NoLeanDataError

    where = ", ".join(map(str, folders))
    for folder in folders:
        if not folder.exists():
            raise NoChainDataError(f"there is no folder {folder}")
    try:
        source = open_lean(folders, [symbol], day, day)
    except NoLeanDataError:
        raise NoChainDataError(f"no data of {symbol} on {day} in {where}") from None
    if not any(part.is_option for parts in source.days.values() for part in parts):
        raise NoChainDataError(f"no options of {symbol} on {day} in {where}: only the underlying")
    return source


def play_lean(config: Config, source: "LeanSource", through_ns: int | None, report: Report) -> Iterator[bytes]:
    """Yield what analytics tells of LEAN's files up to an instant (None: the day's end)."""
    total = source.rows_total or 0

    def payloads() -> Iterator[bytes]:
        done = 0
        for record in source.records(1):
            if through_ns is not None and record.event_ns > through_ns + SLACK_NS:
                return
            done += record.rows
            report(done, total)
            yield record.payload

    return folded(config, payloads())


def play_recording(config: Config, recording: "Recording", symbol: str, report: Report) -> Iterator[bytes]:
    """Yield the records of an exported features topic, or what analytics tells of an exported market.ticks."""
    from schemas.topics import logical_name, partition_of

    partition = partition_of(symbol, recording.partitions)
    total = recording.rows[partition]

    def payloads() -> Iterator[bytes]:
        for done, row in enumerate(recording.read(partition), 1):
            report(done, total)
            if row.value is not None and row.key in (symbol.encode(), b"", None):
                yield row.value

    kind = logical_name(recording.topic)
    if kind == "features":
        return payloads()
    if kind == "market.ticks":
        return folded(config, payloads())
    raise NoChainDataError(f"{recording.topic} holds no chains: export features or market.ticks")


def folded(config: Config, payloads: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what analytics, with the config's parameters and rates, tells of records of market.ticks."""
    from streams.runtime.options import fold_factory, make_params, stage_named
    from streams.stage import Rejected, RejectReason

    stage = stage_named("analytics")
    fold = fold_factory(stage, make_params(stage, stage_params(config, "analytics")), 0, 1)()

    def apply(batch: Sequence[bytes]) -> Iterator[bytes]:
        for out in fold.apply(batch):
            if not isinstance(out, Rejected):
                yield out.payload
            elif out.reason == RejectReason.BUG:
                raise FaultyFoldError(f"analytics failed on a record: {out.detail}")

    batch: list[bytes] = []
    for payload in payloads:
        batch.append(payload)
        if len(batch) == BATCH_RECORDS:
            yield from apply(batch)
            batch = []
    yield from apply(batch)
