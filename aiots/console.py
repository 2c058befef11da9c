"""What every command shares when it talks to a person."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from aiots.config import Config

WorldOption = Annotated[
    str | None, typer.Option("--world", help="World whose topics and groups are used (env AIOTS_WORLD; default live).")
]
"""For a command's signature: `world: WorldOption = None`, then `load_config(world=world)`."""


def fail(message: str, code: int = 1) -> NoReturn:
    """Print `error: message` on stderr and leave the command with this exit code."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


@contextmanager
def only_writer(config: Config) -> Iterator[None]:
    """Hold this machine's lock on writing to a world; fails where another process has it."""
    config.state_dir.mkdir(parents=True, exist_ok=True)
    with (config.state_dir / f"ingest-{config.world}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fail(f"another `aiots ingest` writes to world {config.world}: one writer at a time", 2)
        yield
