# mypy: ignore-errors
# It runs in the peers' environment, whose packages this one has not.
"""Quix Streams: one EMA. Arguments: bootstrap, topic, records, ticks|frames, schema file, state folder."""

import sys

from common import Work
from quixstreams import Application

bootstrap, topic, count, kind, schema, folder = sys.argv[1:7]
work = Work(int(count), kind, schema)
app = Application(
    broker_address=bootstrap,
    consumer_group="quix",
    auto_offset_reset="earliest",
    state_dir=folder,
    loglevel="ERROR",
    auto_create_topics=False,
)
frame = app.dataframe(app.topic(topic, value_deserializer="json" if kind == "ticks" else "bytes"))
frame.update(work.tick if kind == "ticks" else work.frame)
app.run()
