"""`aiots gateway`: the subscribers' door."""

from typing import Annotated

import typer

from aiots.config import load_config
from aiots.console import WorldOption, fail


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gateway")(gateway)


def gateway(
    world: WorldOption = None,
    port: Annotated[int | None, typer.Option(help="Port of page, HTTP and WebSocket; 0: a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Loopback address to listen on.")] = None,
) -> None:
    """Serve signals, verdicts and risk reports over WebSocket and HTTP, and the page, until Ctrl-C or SIGTERM.

    Bounds (clients, queues, memory) are set in the table [stages.gateway] of the configuration.
    """
    from gateway.app import Gateway, PortInUseError, run
    from gateway.settings import SettingsError, settings_from
    from gateway.source import SourceError

    def tell(running: Gateway) -> None:
        typer.echo(f"gateway of world {config.world}: {running.url}  (WebSocket: {running.url}v1/stream)")

    config = load_config(world=world)
    try:
        table = {"port": config.gateway_port} | dict(config.stage_params.get("gateway", {}))
        settings = settings_from(table, port=port, host=host)
        run(settings, config.kafka, config.world, tell)
    except (SettingsError, SourceError, PortInUseError) as error:
        fail(str(error))
