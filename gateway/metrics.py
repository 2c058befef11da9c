"""What the gateway tells Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counters and gauges of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "gateway_messages", "Messages read from Kafka and served", ["topic"], registry=self.registry
        )
        self.delivered = Counter("gateway_delivered", "Messages handed to clients' sockets", registry=self.registry)
        self.dropped = Counter(
            "gateway_clients_dropped", "Clients closed by the gateway", ["reason"], registry=self.registry
        )
        self.client_errors = Counter(
            "gateway_client_errors",
            "Messages of clients that could not be followed",
            ["reason"],
            registry=self.registry,
        )
        self.turned_away = Counter(
            "gateway_requests_refused", "Requests and upgrades refused", ["reason"], registry=self.registry
        )
        self.resumed = Counter("gateway_resumed", "Cursors taken up", registry=self.registry)
        self.history_reads = Counter(
            "gateway_history_reads", "Reads of older records from Kafka for a client", registry=self.registry
        )
        self.gaps = Counter(
            "gateway_gap_records", "Records lost to retention before a client got them", registry=self.registry
        )
        self.latency = Histogram(
            "gateway_latency_seconds",
            "From append at the broker to the sockets of all clients",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.refused = Gauge(
            "gateway_records_refused", "Records of Kafka not served, since start", ["reason"], registry=self.registry
        )
        self.rate = Gauge(
            "gateway_topic_records_per_second", "Records appended to each topic", ["topic"], registry=self.registry
        )

    def gauge(self, name: str, doc: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read when asked for."""
        Gauge(name, doc, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
