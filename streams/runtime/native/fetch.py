"""Fetch by librdkafka's own messages: runs of usual records go through one kernel, the others one by one.

While a full batch is folded, the next one is taken on a thread (ahead.py), so a stage that lags behind folds all the
time.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import KafkaError
from numpy.typing import NDArray

from streams.log.filter import IdFilter, split_headers
from streams.log.reader import reader_settings
from streams.runtime.fetch import ANSWER_SECONDS_MAX, FETCH_SETTINGS, Applied, OnError
from streams.runtime.native import kernel
from streams.runtime.native.ahead import Ahead, Batch, Found
from streams.runtime.native.library import Client, addresses
from streams.runtime.task import Outbound, Task

RECORDS_MAX = 4_096
BYTES_MAX = 8_000_000
"""Of the payloads of one run; larger ones go one by one."""
_NOT_A_CLIENTS = ("group.id", "enable.auto.commit")


class _Head(ctypes.Structure):
    """rd_kafka_message_t, of rdkafka.h."""

    _fields_ = (
        ("err", ctypes.c_int),
        ("rkt", ctypes.c_void_p),
        ("partition", ctypes.c_int32),
        ("payload", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
        ("key", ctypes.c_void_p),
        ("key_len", ctypes.c_size_t),
        ("offset", ctypes.c_int64),
    )


class _One:
    """A message as Task.apply takes it."""

    def __init__(self, library: ctypes.CDLL, address: int) -> None:
        head = _Head.from_address(address)
        self._offset = head.offset
        self._value = ctypes.string_at(head.payload, head.len) if head.payload else None
        self._headers = _headers(library, address)

    def offset(self) -> int:
        return int(self._offset)

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self._headers


def _headers(library: ctypes.CDLL, address: int) -> list[tuple[str, bytes | None]] | None:
    headers, name, value, size = ctypes.c_void_p(), ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_size_t()
    if library.rd_kafka_message_headers(ctypes.c_void_p(address), ctypes.byref(headers)) != 0:
        return None
    out: list[tuple[str, bytes | None]] = []
    pointers = ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)
    while library.rd_kafka_header_get_all(headers, ctypes.c_size_t(len(out)), *pointers) == 0:
        text = ctypes.string_at(value.value, size.value) if value.value is not None else None
        out.append(((name.value or b"").decode(errors="replace"), text))
    return out


class _Owned:
    """A task and the table of the origins that its filter knows. words: by batch, see kernel.py."""

    def __init__(self, task: Task, topic: int, partition: int, batches: Sequence[Batch]) -> None:
        self.task = task
        self.place = np.array([topic, partition, task.position], np.int64)
        self.origins = np.zeros((kernel.ORIGINS_MAX, kernel.ORIGIN_BYTES + 1), np.uint8)
        self.places = np.zeros((kernel.ORIGINS_MAX, kernel.PLACE_BYTES + 1), np.uint8)
        self.words = [batch.words.copy() for batch in batches]
        for words in self.words:
            words[kernel.PLACE] = self.place.ctypes.data
            words[kernel.ORIGINS] = self.origins.ctypes.data
            words[kernel.PLACES] = self.places.ctypes.data
        self.names: list[bytes] = []
        self._oldest = 0
        for origin in list(task.filter.places())[-kernel.ORIGINS_MAX :]:
            self._learn(origin)

    def learn(self, message: "_One") -> None:
        """Take over what the filter has learnt of a record that went the other way."""
        self.place[2] = self.task.position
        origin, _, _ = split_headers(message.headers(), b"", 0)
        if origin in self.task.filter.places():
            self._learn(origin)

    def _learn(self, origin: bytes) -> None:
        if origin in self.names:
            row = self.names.index(origin)
        elif len(self.names) < kernel.ORIGINS_MAX:
            row = len(self.names)
            self.names.append(origin)
        else:
            row = self._oldest = (self._oldest + 1) % kernel.ORIGINS_MAX
            self.names[row] = origin
        _put(self.origins[row], origin)
        _put(self.places[row], self.task.filter.places()[origin])

    def teach(self, rows: int) -> None:
        """Tell the filter of the origins that went on; rows: their bits."""
        known: IdFilter = self.task.filter
        while rows:
            row = rows.bit_length() - 1
            rows ^= 1 << row
            place = self.places[row]
            known.put(self.names[row], place[: place[-1]].tobytes())


def _put(row: NDArray[np.uint8], text: bytes) -> None:
    row[: len(text)] = np.frombuffer(text, np.uint8)
    row[-1] = len(text)


_Known = Mapping[tuple[int, int], tuple[tuple[str, int], _Owned]]
"""What is fetched, by the topic's handle and partition."""


class _Asked(NamedTuple):
    """Which batch, and what was fetched when it was asked for; place, owned: for whom it is taken ahead."""

    number: int
    known: _Known
    place: tuple[str, int] = ("", -1)
    owned: _Owned | None = None


class NativeFetch:
    """See streams/runtime/fetch.py."""

    def __init__(self, library: ctypes.CDLL, kafka: Mapping[str, str], on_error: OnError) -> None:
        self._on_error = on_error
        settings: dict[str, Any] = {**reader_settings(kafka), **FETCH_SETTINGS}
        for name in _NOT_A_CLIENTS:
            del settings[name]
        self._library = library
        self._client = Client(library, settings)
        self._owned: dict[tuple[str, int], _Owned] = {}
        self._by_handle: _Known = {}
        room = addresses(library), self._client.queue, RECORDS_MAX, BYTES_MAX
        self._batches = (Batch(*room), Batch(*room))
        self._batches[0].load_kernels()
        self._ahead = Ahead()
        self._asked: _Asked | None = None
        self._found: Found | None = None
        """What was found of the batch asked for, where somebody had to wait for it before its turn."""

    def first(self, topic: str, partition: int) -> int:
        return self._client.first(topic, partition, ANSWER_SECONDS_MAX)

    def start(self, topic: str, partition: int, task: Task) -> None:
        self._stand_still()
        handle, place = self._client.topic(topic), (topic, partition)
        owned = self._owned[place] = _Owned(task, handle, partition, self._batches)
        self._by_handle = {**self._by_handle, (handle, partition): (place, owned)}
        self._client.start(topic, partition, task.position)

    def stop(self, topic: str, partition: int) -> None:
        if self._owned.pop((topic, partition), None) is not None:
            self._stand_still()
            gone = (self._client.topic(topic), partition)
            self._by_handle = {handle: known for handle, known in self._by_handle.items() if handle != gone}
            self._client.stop(topic, partition)

    def _stand_still(self) -> None:
        """Wait until the thread takes nothing."""
        if self._asked is not None and self._found is None:
            self._found = self._ahead.wait()

    def end(self, topic: str, partition: int) -> int:
        return self._client.end(topic, partition)

    def close(self) -> None:
        for place in list(self._owned):
            self.stop(*place)
        for _ in self._turn_ahead(0):  # of nobody's any more: given back
            raise AssertionError("a record of a partition that was stopped")
        self._ahead.close()
        self._client.close()

    def turn(self, wait_s: float, records_max: int) -> Iterator[Applied]:
        records_max = min(records_max, RECORDS_MAX)
        none = True
        for applied in self._turn_ahead(records_max):
            none = False
            yield applied
        if none:
            words = self._batches[0].words
            count = int(kernel.poll(words, int(wait_s * 1000), records_max))
            if count <= 0:
                return
            try:
                yield from self._apply(_Asked(0, self._by_handle), 0, count, records_max)
            finally:
                kernel.destroy(words, count)

    def _turn_ahead(self, records_max: int) -> Iterator[Applied]:
        """As turn, of what was taken ahead."""
        self._stand_still()
        asked, found = self._asked, self._found
        self._asked = self._found = None
        if asked is None or found is None:
            return
        try:
            if found.taken > 0 and asked.owned is not None and self._owned.get(asked.place) is asked.owned:
                ask = records_max if found.taken == found.count == records_max else 0
                yield self._run(asked.place, asked.owned, asked.number, found.taken, found.stamp_ms, ask)
            yield from self._apply(asked, found.taken, found.count, records_max)
        finally:
            if found.taken < found.count:
                kernel.destroy(self._batches[asked.number].words, found.count)

    def _apply(self, asked: _Asked, at: int, count: int, records_max: int) -> Iterator[Applied]:
        """Apply a batch's records from `at` on, those of partitions that are no longer fetched left out."""
        pointers = self._batches[asked.number].pointers
        while at < count:
            address = int(pointers[at])
            head = _Head.from_address(address)
            place, owned = asked.known.get((head.rkt, head.partition), _NOBODY)
            if owned is None or self._owned.get(place) is not owned:
                at += 1
            elif head.err != 0:
                self._on_error(KafkaError(head.err, self._client.text(head.err)), place)
                at += 1
            elif taken := int(kernel.take(owned.words[asked.number], at, count)):
                at += taken
                stamp_ms = self._client.stamp_ms(int(pointers[at - 1]))
                ask = records_max if at == count == records_max else 0
                yield self._run(place, owned, asked.number, taken, stamp_ms, ask)
            else:
                at += 1
                yield self._one(place, owned, address)

    def _run(self, place: tuple[str, int], owned: _Owned, number: int, taken: int, stamp_ms: int, ask: int) -> Applied:
        """Apply usual records that were taken. ask: so many are taken ahead meanwhile, as these end a full batch."""
        batch, position = self._batches[number], int(owned.place[2])
        owned.teach(int(owned.words[number][kernel.ROWS]))
        if ask > 0:
            # From here on the next batch goes into place and table: what this one left there has been read.
            self._asked = _Asked(1 - number, self._by_handle, place, owned)
            self._ahead.ask(owned.words[1 - number], ask)
        payloads = batch.payloads(taken)
        outputs = owned.task.apply_accepted(payloads, batch.causes, position)
        return Applied(place, outputs, taken, stamp_ms, payloads[taken - 1])

    def _one(self, place: tuple[str, int], owned: _Owned, address: int) -> Applied:
        message = _One(self._library, address)
        outputs: list[Outbound] = owned.task.apply([message])
        owned.learn(message)
        return Applied(place, outputs, 1, self._client.stamp_ms(address), message.value() or b"")


_NOBODY: tuple[tuple[str, int], None] = ("", -1), None
