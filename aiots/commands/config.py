"""`aiots config`: the settings in force, and their reference."""

import json
from typing import Annotated

import typer

from aiots.config import load_config
from aiots.console import WorldOption

SECRET = ("password", "username")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(config)


def config(
    reference: Annotated[bool, typer.Option(help="Print the page that lists every setting.")] = False,
    world: WorldOption = None,
) -> None:
    """Print the settings in force, from the file and the environment, as JSON; secrets are left out."""
    if reference:
        from aiots.reference import page

        typer.echo(page(), nl=False)
        return
    found = load_config(world=world)
    plain = {name: value for name, value in vars(found).items() if name != "kafka"}
    plain["kafka"] = {
        name: "(set)" if any(part in name for part in SECRET) else value for name, value in found.kafka.items()
    }
    typer.echo(json.dumps(plain, indent=2, default=lambda one: dict(one) if hasattr(one, "keys") else str(one)))
