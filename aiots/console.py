"""What every command shares when it talks to a person."""

from typing import NoReturn

import typer


def fail(message: str, code: int = 1) -> NoReturn:
    """Print `error: message` on stderr and leave the command with this exit code."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)
