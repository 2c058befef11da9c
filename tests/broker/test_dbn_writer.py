"""Databento's files into a real broker: each record once, also where a run was interrupted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.sources.dbn import DbnSource, open_dbn
from connectors.sources.record import SourceRecord
from connectors.sources.writer import Bounds, Writer
from schemas.topics import full_name
from streams.log.reader import read
from tests import dbn_files as made

pytestmark = pytest.mark.broker

PARTITIONS = 2


@dataclass
class Stopping:
    """A source that is interrupted after so many records."""

    inner: DbnSource
    after: int

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def records(self, partitions: int) -> Iterator[SourceRecord]:
        for count, record in enumerate(self.inner.records(partitions)):
            if count == self.after:
                raise KeyboardInterrupt
            yield record


def test_an_interrupted_run_is_gone_on_with(
    broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path
) -> None:
    """Ended among the frames of an equity and of options, begun anew with the files the other way round."""
    world = topics(PARTITIONS)
    trades = [made.trade(0.05 * n, 10.0 + n) for n in range(100)]
    quotes = [made.best(0.05 * n, 1.0, 2.0 + n, made.OF_CALL) for n in range(100)]
    paths = [
        made.equity(tmp_path / "a.dbn", "trades", trades),
        made.options(tmp_path / "b.dbn.zst", "cmbp-1", quotes),
    ]
    records = list(open_dbn(paths).records(PARTITIONS))
    among = next(at for at, record in enumerate(records) if record.rows) + 3
    writer = Writer(broker, world, PARTITIONS, Bounds(lag_records_max=0))
    with pytest.raises(KeyboardInterrupt):
        writer.play(Stopping(open_dbn(paths), among))  # type: ignore[arg-type]  # a stub
    result = writer.play(open_dbn(paths[::-1], chunk_bytes=500))
    assert (result.skipped_records, result.records, result.rejected) == (among, len(records) - among, {})
    expected = [one.payload for partition in range(PARTITIONS) for one in records if one.partition == partition]
    topic = full_name(world, "market.ticks")
    assert [message.value() for part in range(PARTITIONS) for message in read(broker, topic, part)] == expected
