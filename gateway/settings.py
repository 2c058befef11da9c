"""The gateway's bounds. Every queue, cache, batch and wait of the gateway stands here, and on a gauge."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class SettingsError(ValueError):
    """A setting that the gateway cannot run with."""


@dataclass(frozen=True)
class Settings:
    """What the gateway may use. Sizes are bytes, waits are seconds."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback only, as there is no authentication yet."""
    port: int = 8087
    """0: a free port."""
    origins: tuple[str, ...] = ()
    """Web origins beside our own page that may connect, for example http://localhost:3000."""
    clients_max: int = 2_000
    client_message_bytes_max: int = 16_384
    queue_bytes_max: int = 1_048_576
    """What may wait for one client; beyond it the client is dropped."""
    queue_messages_max: int = 4_000
    write_buffer_bytes: int = 65_536
    """What is handed to the socket's buffer before the client's own queue is used."""
    slow_grace_s: float = 5.0
    """How long a dropped client may take to read the reason."""
    ping_idle_s: float = 20.0
    ping_reply_s: float = 20.0
    heartbeat_s: float = 5.0
    """How often a cursor is sent to every subscriber, records or not."""
    tail_messages_max: int = 5_000
    """Messages of each topic kept in memory for clients that come back."""
    tail_bytes_max: int = 16_777_216
    prime_records: int = 5_000
    """Records read before a starting point so that the duplicate filter knows who wrote last; a partition's worth."""
    batch_records_max: int = 500
    batches_ahead_max: int = 8
    """Batches that the Kafka thread may be ahead of the event loop."""
    feed_queue_kbytes: int = 16_384
    """What the Kafka client may fetch ahead for the live feed."""
    history_queue_kbytes: int = 2_048
    """The same for each reader of older records."""
    history_readers_max: int = 4
    """Clients that may read older records from Kafka at the same time; others wait their turn."""
    catch_up_chunk: int = 200
    """Messages sent to a client that catches up before the loop serves others."""
    catch_up_stall_s: float = 20.0
    """A client that catches up and takes nothing for so long is dropped as slow."""
    ahead_s: float = 5.0
    """How long a cursor may be ahead of what the gateway has read before it is refused."""
    watch_s: float = 2.0
    """How often the broker is asked for its ends: lag, rates, health."""
    broker_silence_s: float = 6.0
    """Unhealthy after the broker has not answered for so long."""
    shrunk_s: float = 10.0
    """How long a topic may be shorter than what was read of it, as when a broker restarts, before the gateway ends."""
    start_s: float = 30.0
    """How long the broker may take to answer at start."""
    stop_s: float = 3.0
    """How long clients may take to close at stop."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0 and field.name != "port":
                raise SettingsError(f"{field.name} must be > 0, was {value!r}")
        if not 0 <= self.port <= 65_535:
            raise SettingsError(f"port must be 0 to 65535, was {self.port}")
        if self.ping_reply_s > self.ping_idle_s:
            raise SettingsError(
                f"ping_reply_s must be at most ping_idle_s, was {self.ping_reply_s} > {self.ping_idle_s}"
            )
        if not is_loopback(self.host):
            raise SettingsError(
                f"the gateway listens on loopback only, as it does not authenticate anyone yet; host was {self.host!r}."
                " Use 127.0.0.1, ::1 or localhost, and a tunnel (ssh -L) to reach it from elsewhere"
            )

    @property
    def address(self) -> str:
        """Return the address to bind: localhost is 127.0.0.1, whatever the resolver says."""
        return "127.0.0.1" if self.host == "localhost" else self.host


def settings_from(table: Mapping[str, object], **given: object) -> Settings:
    """Return settings from a table of the configuration and values that go before it; SettingsError."""
    values = {**table, **{name: value for name, value in given.items() if value is not None}}
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Settings)}
    for name, value in values.items():
        if name not in kinds:
            raise SettingsError(f"unknown setting {name!r} of the gateway; known: {', '.join(sorted(kinds))}")
        if kinds[name] is float and isinstance(value, int) and not isinstance(value, bool):
            values[name] = float(value)
        elif name == "origins" and isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            values[name] = tuple(value)
        elif isinstance(value, bool) or not (isinstance(kinds[name], type) and isinstance(value, kinds[name])):
            raise SettingsError(f"{name} must be {getattr(kinds[name], '__name__', kinds[name])}, was {value!r}")
    return Settings(**values)  # type: ignore[arg-type]  # checked above, name by name


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
