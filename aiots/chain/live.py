"""The chain of a world's topic features: its newest state, what comes after it, and all of it."""

from collections.abc import Callable, Iterator

from aiots.chain.latest import Latest
from aiots.config import Config
from aiots.topic_reading import bounds_of, coming
from schemas.topics import full_name, partition_of

TOPIC = "features"
FIRST_RECORDS, GROWTH = 4_096, 8
"""So many of a partition's last records are looked through for a whole chain, then so many times more. What a restart
repeats, if anything, is fewer, and is known by what stands before it."""
Report = Callable[[int, int], None]


class LiveChain:
    """A symbol's part of a world's topic features. Kafka's errors are those of aiots.topic_reading.broker_errors."""

    def __init__(self, config: Config, symbol: str) -> None:
        """Fail where the world has no such topic."""
        self.symbol = symbol
        self.topic = full_name(config.world, TOPIC)
        self._kafka = config.kafka
        found = bounds_of(config, self.topic)
        self.partition = partition_of(symbol, len(found))
        self._low, self.end = found[self.partition]

    def newest(self, report: Report) -> Latest:
        """Return the newest state up to the topic's end as it was at opening."""
        records = FIRST_RECORDS
        while True:
            begin = max(self._low, self.end - records)
            latest = Latest(self.symbol)
            for payload in self._read(begin, report):
                latest.take(payload)
            if begin == self._low or (latest.is_whole and latest.surface is not None):
                return latest
            records *= GROWTH

    def every(self, report: Report) -> Iterator[bytes]:
        """Yield the values of all of the symbol's records up to that end."""
        return self._read(self._low, report)

    def follow(self, latest: Latest, check: Callable[[], None]) -> Iterator[None]:
        """Take what comes after that end; yield after each record of the symbol, until check raises."""
        for message in coming(self._kafka, self.topic, {self.partition: self.end}, self.symbol.encode(), check):
            latest.take(message.value())
            yield

    def _read(self, begin: int, report: Report) -> Iterator[bytes]:
        from streams.log.reader import read

        key = self.symbol.encode()
        for message in read(self._kafka, self.topic, self.partition, begin, self.end):
            report((message.offset() or 0) + 1 - begin, self.end - begin)
            value = message.value()
            if message.key() == key and value is not None:
                yield value
