"""Fetch by librdkafka's own messages: runs of usual records go through one kernel, the others one by one."""

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from confluent_kafka import KafkaError
from numpy.typing import NDArray

from streams.joined import Joined
from streams.log.filter import IdFilter, split_headers
from streams.log.reader import reader_settings
from streams.numerics.memory import PADDING
from streams.runtime.fetch import ANSWER_SECONDS_MAX, FETCH_SETTINGS, Applied, OnError
from streams.runtime.native import kernel
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
    """A task and the table of the origins that its filter knows."""

    def __init__(self, task: Task, topic: int, partition: int, shared: NDArray[np.int64]) -> None:
        self.task = task
        self.place = np.array([topic, partition, task.position], np.int64)
        self.origins = np.zeros((kernel.ORIGINS_MAX, kernel.ORIGIN_BYTES + 1), np.uint8)
        self.places = np.zeros((kernel.ORIGINS_MAX, kernel.PLACE_BYTES + 1), np.uint8)
        self.words = np.zeros(kernel.WORDS, np.int64)
        self.words[: kernel.SHARED_WORDS] = shared
        for word, array in ((kernel.PLACE, self.place), (kernel.ORIGINS, self.origins), (kernel.PLACES, self.places)):
            self.words[word] = array.ctypes.data
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


class _Causes:
    """Offset and id of each record of a run, made when asked for: most records cause no output."""

    def __init__(self, offsets: NDArray[np.int64], ids: NDArray[np.uint8]) -> None:
        self._offsets, self._ids = memoryview(offsets), memoryview(ids.reshape(-1))

    def __getitem__(self, index: int) -> tuple[int, bytes]:
        start = index * kernel.ID_BYTES
        end = start + self._ids[start + kernel.ID_BYTES - 1]
        return self._offsets[index], bytes(self._ids[start:end])


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
        self._by_handle: dict[tuple[int, int], tuple[tuple[str, int], _Owned]] = {}
        self._pointers = np.zeros(RECORDS_MAX, np.int64)
        self._slots = np.zeros(8, np.int64)
        self._data = np.zeros(BYTES_MAX + PADDING, np.uint8)
        self._bounds = np.zeros(RECORDS_MAX + 1, np.int64)
        self._offsets = np.zeros(RECORDS_MAX, np.int64)
        self._ids = np.zeros((RECORDS_MAX, kernel.ID_BYTES), np.uint8)
        self._causes = _Causes(self._offsets, self._ids)
        self._words = np.zeros(kernel.WORDS, np.int64)
        self._words[: kernel.QUEUE] = addresses(library)
        self._words[kernel.QUEUE] = self._client.queue
        self._words[kernel.ROOM] = BYTES_MAX
        for word, array in (
            (kernel.POINTERS, self._pointers),
            (kernel.SLOTS, self._slots),
            (kernel.DATA, self._data),
            (kernel.BOUNDS, self._bounds),
            (kernel.OFFSETS, self._offsets),
            (kernel.IDS, self._ids),
        ):
            self._words[word] = array.ctypes.data
        self._load_kernels()

    def _load_kernels(self) -> None:
        """Compile, or load, before there is anything to fetch: nobody waits for it in the midst of a stream."""
        words = self._words.copy()
        words[kernel.PLACE] = self._slots.ctypes.data
        kernel.poll(words, 0, 1)
        kernel.take(words, 0, 0)
        kernel.destroy(words, 0)

    def first(self, topic: str, partition: int) -> int:
        return self._client.first(topic, partition, ANSWER_SECONDS_MAX)

    def start(self, topic: str, partition: int, task: Task) -> None:
        owned = _Owned(task, self._client.topic(topic), partition, self._words[: kernel.SHARED_WORDS])
        self._owned[topic, partition] = owned
        self._by_handle[self._client.topic(topic), partition] = ((topic, partition), owned)
        self._client.start(topic, partition, task.position)

    def stop(self, topic: str, partition: int) -> None:
        if self._owned.pop((topic, partition), None) is not None:
            del self._by_handle[self._client.topic(topic), partition]
            self._client.stop(topic, partition)

    def end(self, topic: str, partition: int) -> int:
        return self._client.end(topic, partition)

    def close(self) -> None:
        for place in list(self._owned):
            self.stop(*place)
        self._client.close()

    def turn(self, wait_s: float, records_max: int) -> Iterator[Applied]:
        count = kernel.poll(self._words, int(wait_s * 1000), min(records_max, RECORDS_MAX))
        if count <= 0:
            return
        try:
            yield from self._apply(int(count))
        finally:
            kernel.destroy(self._words, count)

    def _apply(self, count: int) -> Iterator[Applied]:
        at = 0
        while at < count:
            address = int(self._pointers[at])
            head = _Head.from_address(address)
            place, owned = self._by_handle.get((head.rkt, head.partition), _NOBODY)
            if owned is None:
                at += 1
            elif head.err != 0:
                self._on_error(KafkaError(head.err, self._client.text(head.err)), place)
                at += 1
            elif taken := int(kernel.take(owned.words, at, count)):
                at += taken
                yield self._run(place, owned, taken, int(self._pointers[at - 1]))
            else:
                at += 1
                yield self._one(place, owned, address)

    def _run(self, place: tuple[str, int], owned: _Owned, taken: int, last: int) -> Applied:
        """Apply the usual records that were taken; last: the address of the last of them."""
        owned.teach(int(owned.words[kernel.ROWS]))
        payloads = Joined(self._data, self._bounds[: taken + 1])
        outputs = owned.task.apply_accepted(payloads, self._causes, int(owned.place[2]))
        return Applied(place, outputs, taken, self._client.stamp_ms(last), payloads[taken - 1])

    def _one(self, place: tuple[str, int], owned: _Owned, address: int) -> Applied:
        message = _One(self._library, address)
        outputs: list[Outbound] = owned.task.apply([message])
        owned.learn(message)
        return Applied(place, outputs, 1, self._client.stamp_ms(address), message.value() or b"")


_NOBODY: tuple[tuple[str, int], None] = ("", -1), None
