"""The gateway's view of the broker: is it there, how far behind are we, how fast does each topic grow."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from gateway import source
from gateway.cursor import Layout
from gateway.settings import Settings
from gateway.source import SourceError
from schemas.topics import full_name

PIPELINE = ("market.ticks", "features", "signals", "book", "orders", "verdicts", "risk")
"""Topics whose rates the page shows, in flow order."""


class Watch:
    """Ask the broker for the ends of all topics, every few seconds, on a thread of its own.

    answered_s: when it last answered, monotonic. trouble: what is wrong with it, or empty. lag_records: records of the
    served topics not read yet. rates: records a second by topic of the pipeline.
    """

    def __init__(self, admin: AdminClient, layout: Layout, settings: Settings) -> None:
        self.answered_s = time.monotonic()
        self.trouble = ""
        self.lag_records = 0
        self._whole_s = time.monotonic()
        self.rates: dict[str, float] = {}
        self._admin = admin
        self._layout = layout
        self._settings = settings
        self._pool = ThreadPoolExecutor(1, "gateway-watch")
        partitions = max(topic.partitions for topic in layout.topics)
        self._asked = [(full_name(layout.world, name), one) for name in PIPELINE for one in range(partitions)]
        self._served = [self._asked.index((full_name(layout.world, name), one)) for name, one in layout.slots]
        self._before: tuple[float, list[int]] | None = None

    async def look(self, positions: Sequence[int]) -> None:
        """Ask once. positions: what was read when asked; SourceError where a topic stays shorter than that."""
        loop = asyncio.get_running_loop()
        try:
            ends = await loop.run_in_executor(
                self._pool, source.ends_of, self._admin, self._asked, self._settings.broker_silence_s
            )
        except KafkaException as error:
            self.trouble = error.args[0].str()
            return
        self.answered_s = now_s = time.monotonic()
        self.trouble = self._shrunk(ends, positions)
        if not self.trouble:
            self._whole_s = now_s
        elif now_s - self._whole_s > self._settings.shrunk_s:
            raise SourceError(f"{self.trouble}: was it deleted and made again?")
        self.lag_records = sum(max(0, ends[place] - positions[slot]) for slot, place in enumerate(self._served))
        self._measure_rates(now_s, ends)

    def _shrunk(self, ends: Sequence[int], positions: Sequence[int]) -> str:
        for slot, place in enumerate(self._served):
            if ends[place] < positions[slot]:
                topic, partition = self._asked[place]
                return f"{topic}/{partition} ends at {ends[place]}, but {positions[slot]} was read"
        return ""

    def lag_age_s(self, progress_s: float) -> float:
        """Return for how long records have waited; 0 without lag. progress_s: when one was last read, monotonic."""
        return time.monotonic() - progress_s if self.lag_records else 0.0

    def close(self) -> None:
        """Let the thread go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _measure_rates(self, now_s: float, ends: list[int]) -> None:
        if self._before is not None:
            before_s, before = self._before
            seconds = max(now_s - before_s, 1e-3)
            grown = [max(0, one - other) for one, other in zip(ends, before, strict=True)]
            width = len(ends) // len(PIPELINE)
            self.rates = {
                name: round(sum(grown[at * width : (at + 1) * width]) / seconds, 1) for at, name in enumerate(PIPELINE)
            }
        self._before = (now_s, ends)
