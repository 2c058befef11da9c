"""The `aiots` command.

Every module of aiots/commands adds its commands by `register(app)`; a new command is one new file there. Modules import
what is heavy (numba, pyarrow, Kafka) inside their commands, so that `aiots --help` answers at once.
"""

import os
import pkgutil
from importlib import import_module
from typing import Annotated

import typer

import aiots.commands


def build_app() -> typer.Typer:
    """Return the command line with every command that stands in aiots/commands."""
    app = typer.Typer(
        name="aiots",
        help="A Kafka pipeline for US equity and option trading signals. Educational; no investment advice.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )
    app.callback()(set_globals)
    for module in sorted(pkgutil.iter_modules(aiots.commands.__path__), key=lambda found: found.name):
        import_module(f"aiots.commands.{module.name}").register(app)
    return app


def set_globals(
    world: Annotated[str | None, typer.Option(help="World whose topics and groups are used (env AIOTS_WORLD).")] = None,
    config: Annotated[str | None, typer.Option(help="TOML file of settings (env AIOTS_CONFIG).")] = None,
) -> None:
    # Through the environment, so that the processes which a command starts see the same.
    if world is not None:
        os.environ["AIOTS_WORLD"] = world
    if config is not None:
        os.environ["AIOTS_CONFIG"] = config


def main() -> None:
    """Run the command line; a broken setting ends it with one line on stderr and exit code 2."""
    from aiots.config import ConfigError
    from streams.runtime.source import use_kernel_cache

    use_kernel_cache()
    try:
        build_app()()
    except ConfigError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
