"""The librdkafka that confluent-kafka has loaded, by ctypes: a client that fetches partitions and joins no group."""

import ctypes
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import confluent_kafka
import numpy as np
from numpy.typing import NDArray

_CONSUMER = 1
_TEXT_BYTES = 512
_FUNCTIONS = (
    "rd_kafka_consume_batch_queue",
    "rd_kafka_message_headers",
    "rd_kafka_header_get_all",
    "rd_kafka_message_destroy",
    "rd_kafka_message_timestamp",
)
"""Called by address from the kernel, in the order of kernel.py's constants."""


class ClientError(RuntimeError):
    """librdkafka refuses a setting, or cannot make what it was asked for."""


@cache
def library() -> ctypes.CDLL | None:
    """Return the shared library, None where it cannot be found or is another than confluent-kafka's own."""
    package = Path(confluent_kafka.__file__).parent
    beside = [package.parent / "confluent_kafka.libs", package / ".dylibs"]
    found = [str(path) for folder in beside if folder.is_dir() for path in sorted(folder.glob("librdkafka*"))]
    names = found or (["librdkafka.1.dylib"] if sys.platform == "darwin" else ["librdkafka.so.1"])
    for name in names:
        try:
            loaded = ctypes.CDLL(name)
            if loaded.rd_kafka_version() == confluent_kafka.libversion()[1]:
                return _typed(loaded)
        except (OSError, AttributeError):
            continue
    return None


def _typed(loaded: ctypes.CDLL) -> ctypes.CDLL:
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    whole = ctypes.POINTER(ctypes.c_int64)
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_conf_set", ctypes.c_int, [pointer, text, text, text, size]),
        ("rd_kafka_new", pointer, [ctypes.c_int, pointer, text, size]),
        ("rd_kafka_queue_new", pointer, [pointer]),
        ("rd_kafka_queue_destroy", None, [pointer]),
        ("rd_kafka_topic_new", pointer, [pointer, text, pointer]),
        ("rd_kafka_topic_destroy", None, [pointer]),
        ("rd_kafka_consume_start_queue", ctypes.c_int, [pointer, ctypes.c_int32, ctypes.c_int64, pointer]),
        ("rd_kafka_consume_stop", ctypes.c_int, [pointer, ctypes.c_int32]),
        ("rd_kafka_last_error", ctypes.c_int, []),
        ("rd_kafka_err2str", text, [ctypes.c_int]),
        ("rd_kafka_message_timestamp", ctypes.c_int64, [pointer, pointer]),
        ("rd_kafka_message_errstr", text, [pointer]),
        ("rd_kafka_destroy", None, [pointer]),
        ("rd_kafka_get_watermark_offsets", ctypes.c_int, [pointer, text, ctypes.c_int32, whole, whole]),
        ("rd_kafka_query_watermark_offsets", ctypes.c_int, [pointer, text, ctypes.c_int32, whole, whole, ctypes.c_int]),
    ):
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def addresses(loaded: ctypes.CDLL) -> NDArray[np.int64]:
    """Return where the functions lie that the kernel calls, int64 (5,)."""
    found = [ctypes.cast(getattr(loaded, name), ctypes.c_void_p).value or 0 for name in _FUNCTIONS]
    return np.array(found, np.int64)


class Client:
    """Fetch partitions into one queue, each from an offset on; by librdkafka's simple consumer, without a group."""

    def __init__(self, loaded: ctypes.CDLL, settings: Mapping[str, object]) -> None:
        """settings: librdkafka's, by name; ClientError where it knows one of them not, or not this value."""
        self._library = loaded
        said = ctypes.create_string_buffer(_TEXT_BYTES)
        conf = loaded.rd_kafka_conf_new()
        for name, value in settings.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if loaded.rd_kafka_conf_set(conf, name.encode(), text.encode(), said, _TEXT_BYTES) != 0:
                raise ClientError(said.value.decode(errors="replace"))
        self._client = loaded.rd_kafka_new(_CONSUMER, conf, said, _TEXT_BYTES)
        if not self._client:
            raise ClientError(said.value.decode(errors="replace"))
        self.queue: int = loaded.rd_kafka_queue_new(self._client)
        self._topics: dict[str, int] = {}

    def topic(self, name: str) -> int:
        """Return the address of a topic's handle: what its records carry."""
        if name not in self._topics:
            self._topics[name] = self._library.rd_kafka_topic_new(self._client, name.encode(), None)
        return self._topics[name]

    def start(self, topic: str, partition: int, offset: int) -> None:
        """Fetch a partition from an offset on."""
        if self._library.rd_kafka_consume_start_queue(self.topic(topic), partition, offset, self.queue) != 0:
            raise ClientError(f"{topic}/{partition}: {self.text(self._library.rd_kafka_last_error())}")

    def stop(self, topic: str, partition: int) -> None:
        """Fetch a partition no more; nothing of it comes after this."""
        self._library.rd_kafka_consume_stop(self.topic(topic), partition)

    def first(self, topic: str, partition: int, seconds_max: float) -> int:
        """Ask the broker for a partition's first offset; -1 where it does not answer."""
        low, high = ctypes.c_int64(), ctypes.c_int64()
        failed = self._library.rd_kafka_query_watermark_offsets(
            self._client, topic.encode(), partition, ctypes.byref(low), ctypes.byref(high), int(seconds_max * 1000)
        )
        return -1 if failed else low.value

    def end(self, topic: str, partition: int) -> int:
        """Return the end offset that the last fetch has told, -1 where none has."""
        low, high = ctypes.c_int64(), ctypes.c_int64()
        failed = self._library.rd_kafka_get_watermark_offsets(
            self._client, topic.encode(), partition, ctypes.byref(low), ctypes.byref(high)
        )
        return -1 if failed else high.value

    def stamp_ms(self, message: int) -> int:
        """Return a record's time stamp, ms since 1970 UTC."""
        return int(self._library.rd_kafka_message_timestamp(message, None))

    def close(self) -> None:
        """Give everything back; partitions have been stopped."""
        for handle in self._topics.values():
            self._library.rd_kafka_topic_destroy(handle)
        self._library.rd_kafka_queue_destroy(self.queue)
        self._library.rd_kafka_destroy(self._client)

    def text(self, code: int) -> str:
        """Return an error's text."""
        return str(self._library.rd_kafka_err2str(code).decode())
