"""The process of a stage: python -m aiots.stage NAME --slot 0, which `aiots run` and the supervisor start.

Without the command line's library, whose imports take longer than everything else that a restart does.
"""

import argparse
import faulthandler
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiots.config import Config, ConfigError, load_config

CHECKPOINT_SECONDS = 5.0


def stage_command(
    stage: str, slot: int, metrics_port: int = 0, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> tuple[str, ...]:
    """Return the command line of a stage's process in this environment."""
    options = (
        "--slot",
        str(slot),
        "--metrics-port",
        str(metrics_port),
        "--checkpoint-seconds",
        str(checkpoint_seconds),
    )
    return (sys.executable, "-m", "aiots.stage", stage, *options)


def run_stage(config: Config, stage: str, slot: int, metrics_port: int, checkpoint_seconds: float) -> None:
    """Run one process of a stage until SIGTERM or Ctrl-C; ParameterError where a setting of it cannot be used."""
    from streams.runtime.kafka import StageProcess
    from streams.runtime.options import RunOptions

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
    faulthandler.register(signal.SIGUSR1)  # a stage that stands still can be asked where
    process = StageProcess(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
    with loud():
        process.run()


def stage_params(config: Config, stage: str) -> dict[str, object]:
    """Return a stage's table of the config, with what the config itself knows (the accounts)."""
    params = dict(config.stage_params.get(stage, {}))
    if stage == "router":
        params.setdefault("accounts", list(config.accounts))
    return params


@contextmanager
def loud() -> Iterator[None]:
    """Turn the errors of a broken world into one line on stderr and exit code 1; a bug keeps its traceback."""
    from confluent_kafka import KafkaException

    from streams.log.filter import GapError
    from streams.log.producer import BrokenLogError
    from streams.log.reader import UnreadableLogError
    from streams.runtime.checkpoint import RefusedStartError
    from streams.runtime.recovery import FencedError
    from streams.runtime.task import MissingOffsetError

    try:
        yield
    except KafkaException as error:
        _stopped(error.args[0].str())
    except (
        BrokenLogError,
        UnreadableLogError,
        RefusedStartError,
        FencedError,
        MissingOffsetError,
        GapError,
    ) as error:
        _stopped(str(error))


def _stopped(reason: str) -> None:
    sys.stderr.write(f"stopped: {reason}\n")
    raise SystemExit(1) from None


def main(arguments: Sequence[str]) -> None:
    """Run a stage by its command line; a setting that cannot be used ends it with one line and exit code 2."""
    from deploy.local.process import let_others_first
    from streams.runtime.source import use_kernel_cache
    from streams.topology import BY_NAME

    parser = argparse.ArgumentParser("python -m aiots.stage", description="Run one process of a stage; see aiots run.")
    parser.add_argument("stage")
    parser.add_argument("--slot", type=int, default=0)
    parser.add_argument("--metrics-port", type=int, default=0)
    parser.add_argument("--checkpoint-seconds", type=float, default=CHECKPOINT_SECONDS)
    options = parser.parse_args(arguments)
    if options.stage in BY_NAME:
        let_others_first(BY_NAME[options.stage].nice)
    use_kernel_cache()
    from streams.runtime.options import ParameterError

    try:
        run_stage(load_config(), options.stage, options.slot, options.metrics_port, options.checkpoint_seconds)
    except (ConfigError, ParameterError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main(sys.argv[1:])
