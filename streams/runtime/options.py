"""What a stage's process needs to know, and how a row of the topology becomes code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

from streams.runtime.checkpoint import Build, params_hash
from streams.runtime.source import code_version
from streams.runtime.task import TaskKey
from streams.stage import Fold, Stage
from streams.topology import BY_NAME


@dataclass(frozen=True)
class RunOptions:
    """Options of one stage process. slot: names the process in its group, 0..n-1, so that a restart is recognised."""

    world: str
    stage: str
    slot: int
    kafka: Mapping[str, str]
    partitions: int
    params: Mapping[str, object]
    metrics_port: int = 0
    """0: no metrics are served."""
    checkpoint_seconds: float = 5.0
    batch_records_max: int = 2_000
    """Of one turn of the loop; only a stage that lags comes to so many. Its outputs are a request or two."""
    drain_seconds_max: float = 30.0


class ParameterError(ValueError):
    """A parameter that cannot be used; the text names the stage, what was seen and what was expected."""


def resolve(path: str) -> Any:
    """Return the object that `package.module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def stage_named(name: str) -> Stage:
    """Return a row of the topology; ParameterError where there is none of that name."""
    if name not in BY_NAME:
        raise ParameterError(f"unknown stage {name!r}; known are {', '.join(BY_NAME)}")
    return BY_NAME[name]


def make_params(stage: Stage, values: Mapping[str, object]) -> Any:
    """Return a stage's Params from a table of the config; lists become tuples."""
    kind = resolve(stage.params)
    known = [one.name for one in fields(kind)]
    for name in values:
        if name not in known:
            raise ParameterError(f"[stages.{stage.name}] unknown parameter {name!r}; known are {', '.join(known)}")
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return kind(**plain)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"[stages.{stage.name}] {error}") from error


def fold_factory(stage: Stage, params: Any, partition: int, partitions: int) -> Callable[[], Fold]:
    """Return what makes a fresh fold of one task."""
    make = resolve(stage.make)

    def fresh() -> Fold:
        fold: Fold = make(params, partition, partitions)
        return fold

    return fresh


def first_checkpoint(key: TaskKey, partitions: int) -> float:
    """Return when a task's first checkpoint is due, in checkpoint intervals: tasks that start together take turns.

    A transaction keeps the broker busy for some milliseconds, which those of a whole stage at once would multiply.
    """
    tasks = [(topic, partition) for topic in BY_NAME[key.stage].reads for partition in range(partitions)]
    turn = tasks.index((key.topic, key.partition)) / len(tasks)
    return (1 + list(BY_NAME).index(key.stage) + turn) / len(BY_NAME)


def build_of(stage: Stage, params: Any) -> Build:
    """Return what a checkpoint of this stage must have been made by."""
    return Build(code_version(), params_hash(params), stage.layout)
