"""A Faust agent on the signals topic: count signals by symbol and strategy.

    pip install -r examples/requirements-faust.txt      # in an environment of its own
    AIOTS_WORLD=live python examples/faust_agent.py worker -l warn --without-web

The topic is typed, and our wire format is a codec: agents of yours see Signal objects.
"""

import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import fastavro
import faust

WORLD = os.environ.get("AIOTS_WORLD", "live")
BROKERS = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:19092")
SCHEMAS = Path(__file__).parents[1] / "schemas"
SIGNAL = fastavro.parse_schema(json.loads((SCHEMAS / "avro" / "Signal.avsc").read_text()))
WRITTEN = {  # by schema id, every version of the schema that signals were ever written with
    schema_id: fastavro.parse_schema(json.loads((SCHEMAS / "history" / f"{version}.avsc").read_text()))
    for version, schema_id in json.loads((SCHEMAS / "ids.lock.json").read_text()).items()
    if version.startswith("Signal.")
}


class SignalCodec(faust.Codec):
    """Confluent's wire format with the Signal schema."""

    def _loads(self, value: bytes) -> Any:
        written = WRITTEN.get(int.from_bytes(value[1:5], "big")) if value[0] == 0 else None
        if written is None:
            raise ValueError(f"expected a Signal, ids {sorted(WRITTEN)}, was header {value[:5].hex()}")
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), written, SIGNAL)

    def _dumps(self, value: Any) -> bytes:
        out = io.BytesIO()
        out.write(b"\0" + max(WRITTEN).to_bytes(4, "big"))
        fastavro.schemaless_writer(out, SIGNAL, value)
        return out.getvalue()


faust.serializers.codecs.register("aiots_signal", SignalCodec())


class Signal(faust.Record, serializer="aiots_signal"):
    """The fields that this agent uses; schemas/avro/Signal.avsc has them all."""

    id: str
    strategy: str
    symbol: str
    event_ns: int
    direction: str
    entry: float
    stop: float
    target: float
    confidence: float
    calibrated: bool


app = faust.App(
    f"{WORLD}-example-agent",
    broker=[f"kafka://{broker}" for broker in BROKERS.split(",")],
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
)
signals = app.topic(f"{WORLD}.signals", key_type=bytes, value_type=Signal, value_serializer="aiots_signal")
newest: dict[tuple[int, str], tuple[int, int]] = {}
counts: Counter[tuple[str, str]] = Counter()


def is_new(message: Any) -> bool:
    """Return whether a message's id is newer than the newest of its origin in its partition, and remember it."""
    headers = dict(message.headers or {})
    if "id" not in headers:
        return True
    origin, _, place = headers["id"].decode().rpartition(":")
    major, _, minor = place.partition(".")
    found = (int(major), int(minor))
    if found <= newest.get((message.partition, origin), (-1, -1)):
        return False
    newest[message.partition, origin] = found
    return True


@app.agent(signals)
async def count_signals(stream: Any) -> None:
    async for event in stream.events():
        if is_new(event.message):
            signal: Signal = event.value
            counts[signal.symbol, signal.strategy] += 1
            # Faust's worker logs what is printed.
            print(f"{signal.symbol} {signal.direction} {signal.strategy} {signal.id} {counts.total()}")


if __name__ == "__main__":
    app.main()
