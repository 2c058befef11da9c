"""Runs `aiots price` and `aiots iv` in this process and reads what they print."""

from typer.testing import CliRunner, Result

from aiots.__main__ import build_app


def aiots(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(build_app(), list(arguments), input=text)


def lines(result: Result) -> dict[str, str]:
    """Return the names and values that a single option prints."""
    assert result.exit_code == 0, result.output
    return {parts[0]: " ".join(parts[1:]) for parts in map(str.split, result.stdout.splitlines())}
