"""A stage process's figures for Prometheus, and its health; served on loopback by one thread.

The loop counts in plain integers; this module copies them once a second, so that a record costs nothing here.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import make_wsgi_app

OBSERVE_SECONDS = 1.0
HEALTH_SECONDS_MAX = 15.0
_LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0)


class StageMetrics:
    """Figures of one process. port 0: counted, but not served."""

    def __init__(self, stage: str, port: int) -> None:
        self.registry = CollectorRegistry()
        self._stage = stage
        self._observed_s = 0.0
        self._loop_s = time.monotonic()
        self._tasks: dict[str, dict[str, Any]] = {}
        self._last: dict[tuple[str, str], int] = {}
        labels = ["stage", "task"]
        self._counters = {
            name: Counter(f"aiots_{name}", text, labels, registry=self.registry)
            for name, text in {
                "records": "Records applied.",
                "outputs": "Records appended.",
                "duplicates_dropped": "Records of the inbox dropped as already applied.",
                "emissions_suppressed": "Outputs not appended again after a restart.",
            }.items()
        }
        self._rejects = Counter("aiots_rejects", "Records rejected.", [*labels, "reason"], registry=self.registry)
        self._fold = Counter("aiots_fold", "What the stage itself counts.", [*labels, "what"], registry=self.registry)
        self._lag = Gauge("aiots_lag_records", "Records of the inbox not yet applied.", labels, registry=self.registry)
        self._age = Gauge("aiots_checkpoint_age_seconds", "Since the last checkpoint.", labels, registry=self.registry)
        self._queue = Gauge(
            "aiots_producer_queue_records", "Outputs that wait (bound: 200000).", registry=self.registry
        )
        self._commit = Histogram("aiots_checkpoint_seconds", "Time of a checkpoint's commit.", registry=self.registry)
        self._append = Histogram(
            "aiots_latency_from_append_seconds",
            "From the append of a record to its outputs' hand-over, last record of each batch.",
            buckets=_LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._batch = Histogram(
            "aiots_batch_records",
            "Records of a batch.",
            buckets=(1, 2, 5, 10, 50, 100, 500, 1000),
            registry=self.registry,
        )
        self._server = _serve(self, port) if port else None

    def batch(self, stamp_ms: int, count: int) -> None:
        """Note a batch that has been applied; stamp_ms: append time of its last record."""
        self._batch.observe(count)
        self._append.observe(max(0.0, time.time() - stamp_ms / 1000))

    def checkpointed(self, seconds: float) -> None:
        """Note a checkpoint that was committed."""
        self._commit.observe(seconds)

    def observe(self, owned: Iterable[Any], lag: Callable[[Any], int], queued: int) -> None:
        """Copy the tasks' counts, at most once a second."""
        now_s = self._loop_s = time.monotonic()
        if now_s - self._observed_s < OBSERVE_SECONDS:
            return
        self._observed_s = now_s
        self._queue.set(queued)
        tasks: dict[str, dict[str, Any]] = {}
        for one in owned:
            name = str(one.key)
            if one.ready is None:
                tasks[name] = {"state": "recovering"}
                continue
            self._copy(name, one.ready.task)
            behind = lag(one)
            self._lag.labels(self._stage, name).set(behind)
            self._age.labels(self._stage, name).set(now_s - one.checkpoint_s)
            tasks[name] = {"state": "running", "position": one.ready.task.position, "lag": behind}
        self._tasks = tasks

    def _copy(self, name: str, task: Any) -> None:
        counters = task.counters
        for kind, metric in self._counters.items():
            self._add(metric.labels(self._stage, name), (name, kind), getattr(counters, kind))
        for reason, count in list(counters.rejects.items()):
            self._add(self._rejects.labels(self._stage, name, reason), (name, f"reject {reason}"), count)
        for what, count in list(task.fold.counters.items()):
            self._add(self._fold.labels(self._stage, name, what), (name, f"fold {what}"), count)

    def _add(self, metric: Any, key: tuple[str, str], count: int) -> None:
        before = self._last.get(key, 0)
        # A task that came back counts from 0 again.
        metric.inc(count - before if count >= before else count)
        self._last[key] = count

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the loop turns, and what each task does."""
        idle_s = time.monotonic() - self._loop_s
        healthy = idle_s < HEALTH_SECONDS_MAX
        return healthy, {
            "stage": self._stage,
            "ok": healthy,
            "loop_idle_seconds": round(idle_s, 1),
            "tasks": self._tasks,
        }

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: Prometheus asks every few seconds."""


def _serve(metrics: StageMetrics, port: int) -> Any:
    scrape = make_wsgi_app(metrics.registry)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/healthz":
            return scrape(environ, start_response)
        healthy, body = metrics.health()
        start_response("200 OK" if healthy else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    try:
        server = make_server("127.0.0.1", port, app, handler_class=_Quiet)
    except OSError as error:
        raise SystemExit(
            f"metrics port {port} is taken or not allowed: {error.strerror}; set AIOTS_METRICS_PORT"
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
