# mypy: ignore-errors
# It runs in the peers' environment, whose packages this one has not.
"""Faust: one EMA. Arguments: bootstrap, topic, records, ticks|frames, schema file, state folder."""

import sys

import faust
from common import Work

bootstrap, topic, count, kind, schema, folder = sys.argv[1:7]
work = Work(int(count), kind, schema)
app = faust.App(
    "faust-peer-" + kind,
    broker=f"kafka://{bootstrap}",
    value_serializer="json" if kind == "ticks" else "raw",
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    datadir=folder,
    web_enabled=False,
    topic_partitions=1,
)
source = app.topic(topic, value_type=None if kind == "ticks" else bytes)


@app.agent(source)
async def ema(stream):
    """Take each record."""
    take = work.tick if kind == "ticks" else work.frame
    async for value in stream:
        take(value)


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "error"]
    app.main()
