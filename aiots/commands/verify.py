"""`aiots verify`: proof that what stands in the topics is what the stages make of their inboxes."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from aiots.config import load_config
from aiots.console import WorldOption
from aiots.stage import loud, stage_params


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    day: Annotated[str | None, typer.Option(help="Compare the outputs of this day only, YYYY-MM-DD (UTC).")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the certificate to this file as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate as JSON.")] = False,
    world: WorldOption = None,
) -> None:
    """Fold the recorded inboxes of a world again and compare features, signals, orders and verdicts byte for byte.

    Prints a certificate, or the first offset and field that differ. Exits 1 where anything differs, and where there is
    nothing to compare.
    """
    config = load_config(world=world)
    from streams.runtime import verify as proof
    from streams.topology import STAGES

    try:
        only = None if day is None else datetime.strptime(day, "%Y-%m-%d").date()
    except ValueError as error:
        raise typer.BadParameter(f"--day: expected YYYY-MM-DD, was {day!r}") from error
    params = {stage.name: stage_params(config, stage.name) for stage in STAGES}
    with loud():
        certificate = proof.verify(
            config.kafka,
            config.world,
            config.partitions,
            params,
            lambda task: typer.echo(f"folding {task}", err=True),
            only,
        )
    text = json.dumps(certificate.as_dict(), indent=2)
    if out is not None:
        out.write_text(text + "\n")
    typer.echo(text if as_json else said(certificate))
    raise typer.Exit(0 if certificate.ok else 1)


def said(certificate: "object") -> str:
    """Return a certificate as lines for people."""
    from streams.runtime.verify import Certificate

    assert isinstance(certificate, Certificate)
    lines = [f"world {certificate.world}: {certificate.records_folded} records folded again"]
    for topic, figures in certificate.topics.items():
        sums = " ".join(part["sha256"][:12] for part in figures["partitions"])
        lines.append(f"  {topic:14} {figures['records']:>10} records  sha256 {sums}")
    lines.append("  " + ", ".join(f"{name} {value}" for name, value in certificate.environment.items()))
    lines += [f"  warning: {bug}" for bug in certificate.bugs]
    if certificate.ok:
        lines.append(
            f"verified: {certificate.records_compared} outputs are byte-equal to what the stages make of their inboxes"
        )
    elif certificate.differences:
        lines += [f"DIFFERS: {one}" for one in certificate.differences]
    else:
        lines.append("NOT VERIFIED: there is nothing to compare; has this world been played?")
    return "\n".join(lines)
