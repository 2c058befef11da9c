"""`aiots gateway`: the subscribers' door."""

from typing import Annotated

import typer

from aiots.config import load_config
from aiots.console import WorldOption, fail

GATEWAY_NICE = 3
"""As of the stages behind signals: what they and the broker do comes first."""


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
    from deploy.local.process import let_others_first
    from gateway.app import Gateway, PortInUseError, run
    from gateway.settings import SettingsError, settings_from
    from gateway.source import SourceError

    def tell(running: Gateway) -> None:
        typer.echo(f"gateway of world {config.world}: {running.url}  (WebSocket: {running.url}v1/stream)")

    let_others_first(GATEWAY_NICE)
    config = load_config(world=world)
    try:
        table = {"port": config.gateway_port} | dict(config.stage_params.get("gateway", {}))
        settings = settings_from(table, port=port, host=host)
        run(settings, config.kafka, config.world, tell)
    except (SettingsError, SourceError, PortInUseError) as error:
        fail(str(error))
