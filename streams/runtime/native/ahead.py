"""Take the next batch on a thread while the loop folds the last one.

Polling librdkafka and taking its records needs no Python, so it goes on beside a fold. One batch at a time, and only
after one that was taken whole: whatever is unusual waits for the loop, which knows every case.
"""

import threading
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.binary import Int
from streams.joined import Joined
from streams.numerics.memory import PADDING
from streams.runtime.native import kernel

I64 = NDArray[np.int64]


class Causes:
    """Offset and id of each record of a run, made when asked for: most records cause no output."""

    def __init__(self, offsets: I64, ids: NDArray[np.uint8]) -> None:
        self._offsets, self._ids = memoryview(offsets), memoryview(ids.reshape(-1))

    def __getitem__(self, index: int) -> tuple[int, bytes]:
        start = index * kernel.ID_BYTES
        end = start + self._ids[start + kernel.ID_BYTES - 1]
        return self._offsets[index], bytes(self._ids[start:end])


class Batch:
    """Room for the records of one batch. words: see kernel.py, those of a place left out.

    functions: addresses of librdkafka's functions; queue: that records are polled from.
    """

    def __init__(self, functions: I64, queue: int, records_max: int, bytes_max: int) -> None:
        self.pointers = np.zeros(records_max, np.int64)
        self._slots = np.zeros(8, np.int64)
        self._data = np.zeros(bytes_max + PADDING, np.uint8)
        self._bounds = np.zeros(records_max + 1, np.int64)
        self._offsets = np.zeros(records_max, np.int64)
        self._ids = np.zeros((records_max, kernel.ID_BYTES), np.uint8)
        self.causes = Causes(self._offsets, self._ids)
        self.words = np.zeros(kernel.WORDS, np.int64)
        self.words[: kernel.QUEUE] = functions
        self.words[kernel.QUEUE] = queue
        self.words[kernel.ROOM] = bytes_max
        for word, array in (
            (kernel.POINTERS, self.pointers),
            (kernel.SLOTS, self._slots),
            (kernel.DATA, self._data),
            (kernel.BOUNDS, self._bounds),
            (kernel.OFFSETS, self._offsets),
            (kernel.IDS, self._ids),
        ):
            self.words[word] = array.ctypes.data

    def payloads(self, taken: int) -> Joined:
        """Return those of the run that was taken last."""
        return Joined(self._data, self._bounds[: taken + 1])

    def load_kernels(self) -> None:
        """Compile, or load, before there is anything to fetch: nobody waits for it in the midst of a stream."""
        words = self.words.copy()
        words[kernel.PLACE] = self._slots.ctypes.data
        kernel.poll(words, 0, 1)
        kernel.take(words, 0, 0)
        kernel.destroy(words, 0)
        kernel.ahead(words, 1)


class Found(NamedTuple):
    """What kernel.ahead has found: records, the first of which were taken."""

    count: int
    taken: int
    stamp_ms: int


class Ahead:
    """The thread; at most one batch is asked for at a time. It ends with close(), or with the process."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[I64, Int] | None] = SimpleQueue()
        self._answered: SimpleQueue[Found | BaseException] = SimpleQueue()
        self._busy = False
        self._thread: threading.Thread | None = None

    def ask(self, words: I64, records_max: int) -> None:
        """Begin to take a batch: what words name is the thread's until wait() has returned."""
        assert not self._busy
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="fetch-ahead", daemon=True)
            self._thread.start()
        self._busy = True
        self._asked.put((words, records_max))

    def wait(self) -> Found:
        """Return what was found; raises what went wrong."""
        assert self._busy
        found = self._answered.get()
        self._busy = False
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            words, records_max = asked
            try:
                count = int(kernel.ahead(words, records_max))
                self._answered.put(Found(count, int(words[kernel.TAKEN]), int(words[kernel.STAMP_MS])))
            except BaseException as error:
                self._answered.put(error)
