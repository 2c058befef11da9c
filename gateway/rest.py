"""The HTTP side, read-only: the newest records, health, metrics and the page.

Requests are GET without a body; every answer closes its connection.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from gateway.feed import Feed
from gateway.hub import Hub
from gateway.message import SERVED, dumps
from gateway.settings import is_loopback
from gateway.watch import Watch

LIMIT_DEFAULT, LIMIT_MAX = 100, 1_000
JSON, HTML, TEXT = "application/json", "text/html; charset=utf-8", "text/plain; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
PAGE_ONLY = {
    # The page is one file: nothing is loaded from anywhere, and it talks to its own gateway only.
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Rest:
    """Answer requests by path."""

    def __init__(self, hub: Hub, feed: Feed, watch: Watch, is_ready: Callable[[], bool]) -> None:
        self._hub = hub
        self._feed = feed
        self._watch = watch
        self._is_ready = is_ready
        self._started_s = time.monotonic()

    def answer(self, target: str) -> Answer:
        """Return the response to GET target; 404 names what there is."""
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=False)
        if parts.path == "/":
            return Answer(HTTPStatus.OK, HTML, page(), PAGE_ONLY)
        if parts.path == "/healthz":
            return self._health()
        if parts.path == "/metrics":
            return self._metrics()
        if parts.path == "/v1/signals":
            return self._latest(query, frozenset({"signals"}), "signals")
        if parts.path == "/v1/latest":
            return self._latest(query, frozenset(query.get("topic", [])) or frozenset(SERVED), "messages")
        return problem(
            HTTPStatus.NOT_FOUND,
            f"no {parts.path[:80]!r}; there are /, /v1/stream, /v1/signals, /v1/latest, /healthz, /metrics",
        )

    def reasons(self) -> list[str]:
        """Return why the gateway is not healthy; empty when it is."""
        settings, reasons = self._hub.settings, []
        silence_s = time.monotonic() - self._watch.answered_s
        if silence_s > settings.broker_silence_s or self._watch.trouble:
            reasons.append(f"broker: {self._watch.trouble or 'asked'}; last answer {silence_s:.1f} s ago")
        if not self._is_ready():
            reasons.append("starting: not at the end of the topics yet")
        elif self._watch.lag_age_s(self._feed.progress_s) > settings.broker_silence_s:
            silence_s = time.monotonic() - self._feed.progress_s
            reasons.append(f"consumer: {self._watch.lag_records} records wait, none read for {silence_s:.1f} s")
        if gaps := self._feed.refused.get("origin_gap", 0):
            reasons.append(f"log: {gaps} records do not follow the ones before them; see `aiots verify`")
        return reasons

    def _health(self) -> Answer:
        reasons = self.reasons()
        now_s = time.monotonic()
        body = {
            "ok": not reasons,
            "reasons": reasons,
            "world": self._hub.layout.world,
            "cursor": self._hub.layout.text(self._hub.positions),
            "lag_records": self._watch.lag_records,
            "broker_answered_s": round(now_s - self._watch.answered_s, 3),
            "position_age_s": round(now_s - self._feed.progress_s, 3),
            "clients": len(self._hub.clients),
            "up_s": round(now_s - self._started_s, 1),
        }
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK, JSON, dumps(body))

    def _metrics(self) -> Answer:
        metrics = self._hub.metrics
        for reason, count in list(self._feed.refused.items()):
            metrics.refused.labels(reason).set(count)
        for topic, rate in self._watch.rates.items():
            metrics.rate.labels(topic).set(rate)
        return Answer(HTTPStatus.OK, PROMETHEUS, metrics.text())

    def _latest(self, query: dict[str, list[str]], topics: frozenset[str], name: str) -> Answer:
        if unknown := sorted(topics - set(SERVED)):
            return problem(HTTPStatus.BAD_REQUEST, f"no topic {unknown[0][:80]!r}; served are {', '.join(SERVED)}")
        if extra := sorted(set(query) - {"symbol", "strategy", "limit", "type", "topic"}):
            return problem(
                HTTPStatus.BAD_REQUEST, f"unknown parameter {extra[0][:80]!r}; known: symbol, strategy, type, limit"
            )
        text = query.get("limit", [str(LIMIT_DEFAULT)])[-1]
        if not text.isdecimal() or not 1 <= int(text[:9]) <= LIMIT_MAX:
            return problem(HTTPStatus.BAD_REQUEST, f"limit must be 1 to {LIMIT_MAX}, was {text[:80]!r}")
        wanted = {label: frozenset(query[label]) for label in ("symbol", "strategy", "type") if label in query}
        found: list[bytes] = []
        for one in self._hub.tail.newest_first(topics):
            if len(found) == int(text):
                break
            if all(getattr(one, label) in values for label, values in wanted.items()):
                found.append(b"{" + one.body[1:])
        head = dumps({"world": self._hub.layout.world, "cursor": self._hub.layout.text(self._hub.positions)})
        return Answer(HTTPStatus.OK, JSON, head[:-1] + b',"' + name.encode() + b'":[' + b",".join(found) + b"]}")


def problem(status: HTTPStatus, detail: str) -> Answer:
    """Return an error as JSON."""
    return Answer(status, JSON, dumps({"error": {"reason": status.phrase.lower().replace(" ", "_"), "detail": detail}}))


@cache
def page() -> bytes:
    """Return the built-in page."""
    return (Path(__file__).parent / "page.html").read_bytes()


def foreign_caller(host: str | None, origin: str | None, allowed: tuple[str, ...]) -> str | None:
    """Return what is wrong with a request's Host and Origin, None where they are of this machine and this page.

    A page from elsewhere can reach a loopback port by its own script, or by a name that resolves to 127.0.0.1 (DNS
    rebinding). The first shows in Origin, the second in Host.
    """
    name = urlsplit(f"//{host or ''}").hostname or ""
    if not is_loopback(name):
        return f"Host must be a loopback name or address, was {str(host)[:80]!r}"
    if origin is None or origin in allowed:
        return None
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or parts.netloc != host:
        return f"Origin must be that of this gateway's page, was {origin[:80]!r}"
    return None
