"""Print every signal of a world, once: a plain Kafka consumer that drops duplicates by id.

    python examples/subscriber.py --world live --group my-app

Offsets are committed after a signal was dealt with, so a crash repeats the last ones and loses none. What you do with a
signal should bear that: store `newest` with your own results, or make the doing idempotent by the signal's `id`.
"""

import argparse
import io
import json
import os
from contextlib import suppress
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, KafkaException

SCHEMAS = Path(__file__).parents[1] / "schemas"
SIGNAL = fastavro.parse_schema(json.loads((SCHEMAS / "avro" / "Signal.avsc").read_text()))
WRITTEN = {  # by schema id, every version of the schema that signals were ever written with
    schema_id: fastavro.parse_schema(json.loads((SCHEMAS / "history" / f"{version}.avsc").read_text()))
    for version, schema_id in json.loads((SCHEMAS / "ids.lock.json").read_text()).items()
    if version.startswith("Signal.")
}


def decode(value: bytes) -> dict | None:
    """Return the signal in a record's value, None for another kind of record."""
    written = WRITTEN.get(int.from_bytes(value[1:5], "big")) if value[0] == 0 else None
    return None if written is None else fastavro.schemaless_reader(io.BytesIO(value[5:]), written, SIGNAL)


def is_new(partition: int, headers: list[tuple[str, bytes]] | None, newest: dict) -> bool:
    """Return whether a record's id is newer than the newest of its origin in its partition, and remember it."""
    record_id = dict(headers or []).get("id")
    if record_id is None:
        return True
    origin, _, place = record_id.decode().rpartition(":")
    major, _, minor = place.partition(".")
    found = (int(major), int(minor))
    if found <= newest.get((partition, origin), (-1, -1)):
        return False
    newest[partition, origin] = found
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", default="live")
    parser.add_argument("--group", default="example-subscriber")
    parser.add_argument("--count", type=int, default=0, help="stop after so many signals")
    options = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:19092"),
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([f"{options.world}.signals"])
    newest: dict[tuple[int, str], tuple[int, int]] = {}
    shown = 0
    try:
        while not options.count or shown < options.count:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            signal = decode(message.value())
            if signal is not None and is_new(message.partition(), message.headers(), newest):
                print(signal["symbol"], signal["direction"], signal["strategy"], signal["id"], flush=True)
                shown += 1
            consumer.store_offsets(message)
    finally:
        consumer.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
