"""`aiots run`, `aiots rebuild`, `aiots upgrade`: the stages' processes and their versions."""

from typing import Annotated

import typer

from aiots.config import load_config
from aiots.console import WorldOption
from aiots.stage import CHECKPOINT_SECONDS, loud, run_stage, stage_params


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(rebuild)
    app.command()(upgrade)


def run(
    stage: Annotated[str, typer.Argument(help="analytics, signals, router, sizing, risk or venue.")],
    slot: Annotated[int, typer.Option(help="Number of this process among those of its stage.", min=0)] = 0,
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics and /healthz on loopback; 0: none.", min=0)] = 0,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between checkpoints.", min=0.05)] = CHECKPOINT_SECONDS,
    world: WorldOption = None,
) -> None:
    """Run one process of a stage until SIGTERM or Ctrl-C, which drain and checkpoint.

    Any number of processes share a stage's partitions; give each its own --slot, and a process that is started again
    in its slot goes on at once where it stopped.
    """
    from streams.runtime.options import ParameterError

    try:
        run_stage(load_config(world=world), stage, slot, metrics_port, checkpoint_seconds)
    except ParameterError as error:
        raise typer.BadParameter(str(error)) from error


def rebuild(
    stage: Annotated[str, typer.Argument(help="The stage whose checkpoints are thrown away.")],
    world: WorldOption = None,
) -> None:
    """Throw a stage's checkpoints away: its next start folds its inbox from the beginning.

    What it wrote stays; only what is missing is appended. For another code version, replay into a new world instead.
    """
    config = load_config(world=world)
    from streams.runtime.options import ParameterError
    from streams.runtime.upgrade import rebuild_stage

    with loud():
        try:
            for line in rebuild_stage(
                config.kafka, config.world, stage, config.partitions, stage_params(config, stage)
            ):
                typer.echo(line)
        except ParameterError as error:
            raise typer.BadParameter(str(error)) from error


def upgrade(world: WorldOption = None) -> None:
    """Say whether every stage is drained, so that another code version may take over, and record that it does.

    Stop the stages of the old version with SIGTERM (aiots down) first: each drains and writes its last checkpoint.
    """
    config = load_config(world=world)
    from streams.runtime.upgrade import upgrade_world

    with loud():
        ready = upgrade_world(config.kafka, config.world, config.partitions, {**config.stage_params}, typer.echo)
    raise typer.Exit(0 if ready else 1)
