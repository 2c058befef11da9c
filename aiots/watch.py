"""What a person wants to see of a running pipeline: rates, lag, the last signals and verdicts."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from aiots.report import Report
from schemas import wire
from schemas.records import Signal, Verdict
from schemas.topics import full_name
from streams.log.filter import IdFilter, split_headers
from streams.log.reader import reader_settings

NEW_YORK = ZoneInfo("America/New_York")
LAST_MAX = 8
TOPICS = ("signals", "orders", "verdicts", "book", "risk")
_KINDS = {
    "signals": {"Signal"},
    "orders": {"OrderIntent"},
    "verdicts": {"Verdict"},
    "book": {"Fill"},
    "risk": {"RiskReport"},
}


class Watcher:
    """Reads what the stages write, on a thread, each record once. Use as a context manager."""

    def __init__(self, kafka: Mapping[str, str], world: str, partitions: int) -> None:
        self.report = Report()
        self.signals: deque[Signal] = deque(maxlen=LAST_MAX)
        self.verdicts: deque[Verdict] = deque(maxlen=LAST_MAX)
        self._seen = {(full_name(world, topic), n): IdFilter() for topic in TOPICS for n in range(partitions)}
        self._logical = {full_name(world, topic): topic for topic in TOPICS}
        self._consumer = Consumer(reader_settings(kafka))
        self._consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for topic, n in self._seen])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, 0.2):
                if message.error() is None:
                    self._take(message)

    def _take(self, message: Any) -> None:
        place = (message.topic(), message.partition())
        if not self._seen[place].accept_text(*split_headers(message.headers(), b"foreign", message.offset())):
            return
        payload, topic = message.value(), self._logical[place[0]]
        try:
            if wire.name_of(payload) not in _KINDS[topic]:
                return
            self.report.take(topic, payload)
            if topic == "signals":
                self.signals.append(wire.decode(payload))  # type: ignore[arg-type]  # a Signal, by its name
            elif topic == "verdicts":
                self.verdicts.append(wire.decode(payload))  # type: ignore[arg-type]  # a Verdict, by its name
        except wire.WireError:
            return


@dataclass
class StageFigures:
    """One stage process, as its metrics tell."""

    state: str = "starting"
    records: float = 0.0
    ticks: float = 0.0
    lag: float = 0.0
    rejects: float = 0.0
    rate: float = 0.0
    tick_rate: float = 0.0
    read_s: float = field(default=0.0, repr=False)


def read_stage(port: int, before: StageFigures) -> StageFigures:
    """Ask a stage process on loopback for its figures; what it was before, marked, where it does not answer."""
    try:
        health = json.loads(_get(port, "/healthz"))
        text = _get(port, "/metrics")
    except (OSError, ValueError):
        return StageFigures("no answer", before.records, before.ticks, before.lag, before.rejects)
    now_s, states = time.monotonic(), {task["state"] for task in health["tasks"].values()}
    found = StageFigures("running" if states == {"running"} else ", ".join(sorted(states)) or "no partition")
    found.read_s = now_s
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("aiots_records_total"):
            found.records += float(value)
        elif name.startswith("aiots_lag_records"):
            found.lag += float(value)
        elif name.startswith("aiots_rejects_total"):
            found.rejects += float(value)
        elif name.startswith("aiots_fold_total") and 'what="ticks"' in name:
            found.ticks += float(value)
    seconds = now_s - before.read_s
    if before.read_s and seconds > 0:
        found.rate = max(0.0, found.records - before.records) / seconds
        found.tick_rate = max(0.0, found.ticks - before.ticks) / seconds
    return found


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1.0) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        return error.read().decode()


def clock(event_ns: int) -> str:
    """Return an event time as New York date and time."""
    return datetime.fromtimestamp(event_ns / 1e9, NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")


def view(world: str, page: str, stages: Mapping[str, StageFigures], watcher: Watcher, note: str) -> Group:
    """Return the live view."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("stage", "state"):
        table.add_column(name)
    for name in ("records", "records/s", "ticks/s", "lag", "rejects"):
        table.add_column(name, justify="right")
    for name, one in stages.items():
        ticks = f"{one.tick_rate:,.0f}" if one.ticks else ""
        rejects = f"{one.rejects:,.0f}"
        table.add_row(name, one.state, f"{one.records:,.0f}", f"{one.rate:,.0f}", ticks, f"{one.lag:,.0f}", rejects)
    signals = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("New York", "symbol", "strategy", "side", "entry", "stop", "target", "score", "grade"):
        signals.add_column(name)
    for idea in list(watcher.signals):
        prices = (f"{idea.entry:.2f}", f"{idea.stop:.2f}", f"{idea.target:.2f}")
        score = f"{idea.confidence:.2f}{'' if idea.calibrated else ' uncalibrated'}"
        signals.add_row(clock(idea.event_ns), idea.symbol, idea.strategy, idea.direction, *prices, score, idea.grade)
    verdicts = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("New York", "account", "order", "decision", "rule"):
        verdicts.add_column(name)
    for verdict in list(watcher.verdicts):
        intent = verdict.intent
        order = f"{intent.side} {verdict.quantity} of {intent.quantity} {intent.symbol} ({intent.purpose.lower()})"
        verdicts.add_row(clock(verdict.event_ns), intent.account, order, verdict.decision, verdict.rule)
    return Group(
        Panel(table, title=f"world {world}", subtitle=note),
        Panel(signals, title=f"signals: {sum(watcher.report.signals.values())}"),
        Panel(verdicts, title=f"verdicts: {sum(watcher.report.verdicts.values())}, fills: {watcher.report.fills()}"),
        f"page: {page}    Ctrl-C drains and stops. Educational; not advice, no promise of profit.",
    )
