"""The gateway's process: from settings to a port that answers, and down again."""

import asyncio
import errno
import signal
from collections.abc import Callable, Mapping

from gateway.door import Door
from gateway.feed import Batch, Feed
from gateway.hub import Hub
from gateway.metrics import Metrics
from gateway.rest import Rest
from gateway.settings import Settings
from gateway.source import find_layout, open_admin
from gateway.watch import Watch


class PortInUseError(RuntimeError):
    """Another process listens where the gateway should."""


class Gateway:
    """One running gateway. open() in the event loop, then run() until stop() or until the world breaks."""

    def __init__(self, settings: Settings, kafka: Mapping[str, str], world: str) -> None:
        self.settings = settings
        self.port = settings.port
        self._kafka = kafka
        self._world = world
        self._ready = False
        self._stop = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None

    async def open(self) -> None:
        """Find the topics, take the port, begin to read. SourceError, PortInUseError."""
        loop = self._loop = asyncio.get_running_loop()
        admin = open_admin(self._kafka)
        layout = await asyncio.to_thread(find_layout, admin, self._world, self.settings.start_s)
        self._feed = await asyncio.to_thread(
            Feed,
            self._kafka,
            layout,
            self.settings,
            lambda batch: loop.call_soon_threadsafe(self._on_batch, batch),
            lambda error: loop.call_soon_threadsafe(self._fail, error),
        )
        self.hub = Hub(self.settings, layout, self._kafka, Metrics(), self._feed.start_offsets)
        self._watch = Watch(admin, layout, self.settings)
        self.hub.metrics.gauge("gateway_lag_records", "Records not read yet", lambda: self._watch.lag_records)
        self.rest = Rest(self.hub, self._feed, self._watch, lambda: self._ready)
        try:
            self._server = await Door(self.hub, self.rest, lambda: self._ready).open()
        except OSError as error:
            self._watch.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortInUseError(
                f"port {self.settings.port} on {self.settings.address} is in use:"
                " stop what listens there, or choose another by --port"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        self._feed.start()
        self._see_whether_ready()

    @property
    def url(self) -> str:
        """Return where the page is."""
        host = self.settings.address
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def stop(self) -> None:
        """Let run() end. For signal handlers and other threads by call_soon_threadsafe."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until stop(); raise what broke the gateway otherwise."""
        chores = [asyncio.create_task(self._look()), asyncio.create_task(self._beat())]
        try:
            await self._stop.wait()
        finally:
            for chore in chores:
                chore.cancel()
            await self.close()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Close the port, the clients (1001) and the threads."""
        self._server.close()
        await self.hub.close()
        await asyncio.to_thread(self._feed.stop)
        self._watch.close()
        self._stopped.set()

    def _on_batch(self, batch: Batch) -> None:
        try:
            self.hub.on_batch(batch)
        finally:
            self._feed.done()
        self._see_whether_ready()

    def _see_whether_ready(self) -> None:
        if not self._ready:
            self._ready = all(at >= end for at, end in zip(self.hub.positions, self._feed.ends, strict=True))

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop.set()

    async def _look(self) -> None:
        while True:
            try:
                await self._watch.look(list(self.hub.positions))
            except Exception as error:  # a world that is no longer the one we began in ends the process
                self._fail(error)
                return
            await asyncio.sleep(self.settings.watch_s)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_s)
            before, self.hub.delivered_before = self.hub.delivered_before, self.hub.delivered
            self.hub.heartbeat(
                {
                    "lag_records": self._watch.lag_records,
                    "clients": len(self.hub.clients),
                    "delivered_per_s": round((self.hub.delivered - before) / self.settings.heartbeat_s, 1),
                    "records_per_s": self._watch.rates,
                    "reasons": self.rest.reasons(),
                }
            )


def run(settings: Settings, kafka: Mapping[str, str], world: str, tell: Callable[[Gateway], object]) -> None:
    """Run a gateway until SIGTERM or SIGINT; tell(gateway) is called once it listens. SourceError, PortInUseError."""

    async def main() -> None:
        gateway = Gateway(settings, kafka, world)
        await gateway.open()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, gateway.stop)
        tell(gateway)
        await gateway.run()

    asyncio.run(main())
