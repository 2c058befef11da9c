# mypy: ignore-errors
# It runs in the peers' environment, whose packages this one has not.
"""What both peers' apps share: the EMA, the reading of our frames, the count."""

import io
import json
import os
import time

import fastavro

HEADER_BYTES = 5
ALPHA = 2.0 / 27.0


class Work:
    """One EMA per symbol; counts, and ends the process with a line of JSON at the last record."""

    def __init__(self, count, kind, schema_path):
        self.count, self.records, self.ticks = count, 0, 0
        self.first_s = 0.0
        self.ema = {}
        self.kind = kind
        if kind == "frames":
            with open(schema_path) as file:
                self.schema = fastavro.parse_schema(json.load(file))

    def tick(self, record):
        """Take one tick, a dict."""
        before = self.ema.get(record["symbol"])
        price = record["price"]
        self.ema[record["symbol"]] = price if before is None else before + ALPHA * (price - before)
        return self.done(1)

    def frame(self, payload):
        """Take one of our frames, bytes; other records (events) are only counted."""
        try:
            frame = fastavro.schemaless_reader(io.BytesIO(payload[HEADER_BYTES:]), self.schema)
        except Exception:
            return self.done(0)
        ema = self.ema.get(frame["symbol"])
        for kind, price in zip(frame["kind"], frame["price"], strict=True):
            if kind == 0:
                ema = price if ema is None else ema + ALPHA * (price - ema)
        self.ema[frame["symbol"]] = ema
        return self.done(len(frame["price"]))

    def done(self, ticks):
        """Count a record; return whether it was the last."""
        if self.records == 0:
            self.first_s = time.perf_counter()
        self.records += 1
        self.ticks += ticks
        if self.records == self.count:
            seconds = time.perf_counter() - self.first_s
            line = json.dumps({"records": self.records, "ticks": self.ticks, "seconds": seconds})
            os.write(1, f"\n{line}\n".encode())  # Faust turns what is printed into log lines
            os._exit(0)
        return False
