"""`aiots broker start|stop|status`: the embedded Kafka broker of this machine."""

from pathlib import Path
from typing import Annotated

import typer

from aiots.config import Config, load_config
from aiots.console import fail

app = typer.Typer(help="The embedded Kafka broker of this machine.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add `aiots broker`."""
    parent.add_typer(app, name="broker")


def data_dir(config: Config) -> Path:
    """Return the folder of the embedded broker's data."""
    return config.state_dir / "broker"


@app.command()
def start(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port on loopback; 0 takes a free one.")] = None,
) -> None:
    """Start it in the background; topics are kept between starts."""
    from deploy.local.broker import BrokerError, BrokerRunningError, memory_mb, start_broker

    config = load_config()
    if not config.embedded:
        _say_outside(config)
        return
    try:
        broker = start_broker(
            data_dir(config),
            config.broker_port if port is None else port,
            heap_mb=config.broker_heap_mb,
            dies_with_parent=False,
            say=typer.echo,
        )
    except BrokerRunningError as error:
        typer.echo(f"broker {error}")
    except BrokerError as error:
        fail(str(error))
    else:
        typer.echo(
            f"broker ready on {broker.bootstrap} after {broker.ready_s:.1f} s (pid {broker.pid}, "
            f"{memory_mb(broker)} MB), data in {broker.data_dir}"
        )


@app.command()
def stop() -> None:
    """Stop it; its data stays."""
    from deploy.local.broker import running_broker

    config = load_config()
    if not config.embedded:
        _say_outside(config)
        return
    broker = running_broker(data_dir(config))
    if broker is None:
        typer.echo("broker is not running")
        return
    went = broker.stop()
    typer.echo("broker stopped" if went else "broker did not stop in time and was killed; its data will be recovered")


@app.command()
def status() -> None:
    """Say where it runs; exit 3 where it does not."""
    from deploy.local.broker import memory_mb, running_broker

    config = load_config()
    if not config.embedded:
        _say_outside(config)
        return
    broker = running_broker(data_dir(config))
    if broker is None:
        typer.echo(f"broker is not running, data in {data_dir(config)}")
        raise typer.Exit(3)
    typer.echo(
        f"broker runs on {broker.bootstrap} (pid {broker.pid}, {memory_mb(broker)} MB), data in {broker.data_dir}"
    )


def _say_outside(config: Config) -> None:
    typer.echo(
        f"KAFKA_BOOTSTRAP_SERVERS is set: the cluster at {config.kafka['bootstrap.servers']} is used, "
        f"the embedded broker is not needed"
    )
