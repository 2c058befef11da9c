"""An open-loop sender: so many frames a second on a fixed schedule, whatever becomes of them.

Run as `python -m bench.sender SETTINGS` (JSON of Schedule). Each frame of a symbol holds the ticks of one second of
event time and so closes the bar before it. A frame that is late is sent at once, and its schedule stands: what a slow
broker or a busy machine costs is in the latency, not left out of it (no coordinated omission). Prints `first NS` (wall
clock of the schedule's start) once, and at the end a line of JSON: how late it was itself.
"""

import gc
import json
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from connectors.sources.sim_market import INSTRUMENTS
from schemas.frames import encode_ticks
from schemas.records import MarketEvent, MarketEventKind
from schemas.topics import full_name, partition_of
from schemas.wire import encode
from streams.log.ids import Headers, Place, RecordId, headers_of
from streams.log.producer import LINGER_MS, LogProducer, client_name

SYMBOLS = tuple(one.symbol for one in INSTRUMENTS)
SECOND_NS = 1_000_000_000
OPEN_NS = 1_748_871_000 * SECOND_NS
"""2025-06-02 09:30 New York."""
SESSION_SECONDS = 23_400
TICKS = 8
SETTLE_SECONDS_MAX = 0.1


@dataclass(frozen=True)
class Schedule:
    """What to send. second: of the session, the first frame's; session: names this run in ids; seconds: how long."""

    bootstrap: str
    world: str
    partitions: int
    session: str
    second: int
    rate: int
    seconds: float
    opens: bool

    def text(self) -> str:
        """Return it as one argument."""
        return json.dumps(asdict(self))


class Ready(NamedTuple):
    """The arguments of LogProducer.send."""

    topic: str
    partition: int
    key: bytes | None
    payload: bytes
    headers: Headers


class Sender:
    """Makes frames and their ids."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._producer = LogProducer({"bootstrap.servers": schedule.bootstrap}, client_name("bench-sender"))
        self._topic = full_name(schedule.world, "market.ticks")
        self._previous: dict[int, Place] = {}
        self._due: deque[Ready] = deque()
        self._some, self._ended = threading.Event(), False
        self._partition = {symbol: partition_of(symbol, schedule.partitions) for symbol in SYMBOLS}
        self._delta_ns = np.arange(TICKS, dtype=np.int64) * (SECOND_NS // TICKS)
        self._kind = np.array([1, 2, *[0] * (TICKS - 2)], np.uint8)
        self._flags = np.array([2, *[0] * (TICKS - 1)], np.uint8)
        self._size = np.full(TICKS, 100, np.int64)
        self._condition = np.zeros(TICKS, np.int64)

    def open_session(self) -> None:
        """Open source and session in every partition."""
        close_ns = OPEN_NS + SESSION_SECONDS * SECOND_NS
        for partition in range(self.schedule.partitions):
            kind = MarketEventKind
            for what, start_ns, end_ns in ((kind.SOURCE_OPEN, 0, 0), (kind.SESSION_OPEN, OPEN_NS, close_ns)):
                event = MarketEvent("", "bench", OPEN_NS, what, start_ns, end_ns, 0.0, "")
                self._producer.send(*self._ready(partition, b"", encode(event), 0))

    def frame(self, number: int) -> Ready:
        """Return the schedule's n-th frame, ready to be sent: nothing but sending is left for the schedule."""
        symbol = SYMBOLS[number % len(SYMBOLS)]
        second = self.schedule.second + number // len(SYMBOLS)
        middle = 100.0 + 0.01 * (second % 50)
        price = np.full(TICKS, middle)
        price[0], price[1] = middle - 0.01, middle + 0.01
        event_ns = OPEN_NS + second * SECOND_NS + self._delta_ns
        payload = encode_ticks(symbol, "bench", event_ns, self._kind, self._flags, price, self._size, self._condition)
        return self._ready(self._partition[symbol], symbol.encode(), payload, number + 1)

    def _ready(self, partition: int, key: bytes, payload: bytes, number: int) -> Ready:
        previous = self._previous.get(partition)
        place = (number, 0 if previous is None or previous[0] != number else previous[1] + 1)
        self._previous[partition] = place
        record_id = RecordId(f"bench/{self.schedule.session}/{partition}", *place)
        return Ready(self._topic, partition, key or None, payload, headers_of(record_id, previous))

    def run(self) -> None:
        """Send on schedule until it ends."""
        if self.schedule.opens:
            self.open_session()
        count, gap_s = int(self.schedule.rate * self.schedule.seconds), 1.0 / self.schedule.rate
        frames = [self.frame(number) for number in range(count)]
        gc.freeze()
        gc.disable()
        late_s = np.empty(count)
        append = threading.Thread(target=self._append)
        append.start()
        begun_s, wall_ns = time.perf_counter(), time.time_ns()
        print(f"first {wall_ns}", flush=True)
        for number, frame in enumerate(frames):
            due_s = begun_s + number * gap_s
            # It sleeps and does not spin: a sender that burned a core would be measured, not the pipeline.
            if (left_s := due_s - time.perf_counter()) > 0:
                time.sleep(left_s)
            late_s[number] = time.perf_counter() - due_s
            self._due.append(frame)
            self._some.set()
        self._ended = True
        self._some.set()
        append.join()
        p50, p99 = np.percentile(late_s * 1e3, (50, 99)).tolist()
        print(json.dumps({"frames": count, "late_ms_p50": p50, "late_ms_p99": p99}), flush=True)

    def _append(self) -> None:
        """Send what came due within a producer's usual linger, and more once that is in the log (LogProducer.settle).

        On a thread: the schedule never waits for the broker.
        """
        while not self._ended or self._due:
            self._some.wait()
            time.sleep(LINGER_MS / 1e3)
            self._some.clear()
            while self._due:
                self._producer.send(*self._due.popleft())
            self._producer.settle(SETTLE_SECONDS_MAX)
        self._producer.flush()


if __name__ == "__main__":
    Sender(Schedule(**json.loads(sys.argv[1]))).run()
