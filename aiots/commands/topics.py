"""`aiots topics`: the topics of a world as schemas/topics.py says."""

import typer

from aiots.config import load_config
from aiots.console import WorldOption, fail


def register(app: typer.Typer) -> None:
    """Add `aiots topics`."""
    app.command()(topics)


def topics(world: WorldOption = None) -> None:
    """Create the topics that a world lacks and alter settings that differ; never partition counts."""
    from deploy.local.admin import TopicsError, ensure_topics
    from deploy.local.broker import running_broker

    config = load_config(world=world)
    if config.embedded and running_broker(config.state_dir / "broker") is None:
        # Whoever else may listen on the default port is not ours to write to.
        fail("the embedded broker is not running: start it with `aiots broker start`, or set KAFKA_BOOTSTRAP_SERVERS")
    try:
        changes = ensure_topics(config.kafka, config.world, config.partitions)
    except TopicsError as error:
        fail(str(error))
    for name in changes.created:
        typer.echo(f"created {name}")
    for change in changes.altered:
        typer.echo(f"altered {change}")
    if not (changes.created or changes.altered):
        typer.echo(f"topics of world {config.world} are as they should be")
