"""`aiots run`, `aiots rebuild`, `aiots upgrade`: the stages' processes and their versions."""

import signal
from typing import Annotated, Any

import typer

from aiots.config import Config, WorldOption, load_config


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(rebuild)
    app.command()(upgrade)


def run(
    stage: Annotated[str, typer.Argument(help="analytics, signals, router, sizing, risk or venue.")],
    slot: Annotated[int, typer.Option(help="Number of this process among those of its stage.", min=0)] = 0,
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics and /healthz on loopback; 0: none.", min=0)] = 0,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between checkpoints.", min=0.05)] = 5.0,
    world: WorldOption = None,
) -> None:
    """Run one process of a stage until SIGTERM or Ctrl-C, which drain and checkpoint.

    Any number of processes share a stage's partitions; give each its own --slot, and a process that is started again
    in its slot goes on at once where it stopped.
    """
    config = load_config(world=world)
    from streams.runtime.kafka import StageProcess
    from streams.runtime.options import ParameterError, RunOptions

    options = RunOptions(
        world=config.world,
        stage=stage,
        slot=slot,
        kafka=config.kafka,
        partitions=config.partitions,
        params=stage_params(config, stage),
        metrics_port=metrics_port,
        checkpoint_seconds=checkpoint_seconds,
    )
    try:
        process = StageProcess(options)
    except ParameterError as error:
        raise typer.BadParameter(str(error)) from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
    with loud():
        process.run()


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


def stage_params(config: Config, stage: str) -> dict[str, object]:
    """Return a stage's table of the config, with what the config itself knows (the accounts)."""
    params = dict(config.stage_params.get(stage, {}))
    if stage == "router":
        params.setdefault("accounts", list(config.accounts))
    return params


class loud:
    """Turn the errors of a broken world into one line on stderr and exit code 1; a bug keeps its traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        from confluent_kafka import KafkaException

        from streams.log.filter import GapError
        from streams.log.producer import BrokenLogError
        from streams.log.reader import UnreadableLogError
        from streams.runtime.checkpoint import RefusedStartError
        from streams.runtime.recovery import FencedError
        from streams.runtime.task import MissingOffsetError

        told = (
            BrokenLogError,
            UnreadableLogError,
            RefusedStartError,
            FencedError,
            MissingOffsetError,
            GapError,
            KafkaException,
        )
        if isinstance(error, told):
            text = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            typer.echo(f"stopped: {text}", err=True)
            raise typer.Exit(1) from error
