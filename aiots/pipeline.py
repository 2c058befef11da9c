"""The processes of a whole pipeline on this machine, for a supervisor: broker, stages, gateway."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

from aiots.config import Config, endpoint_file, load_config
from aiots.stage import stage_command
from deploy.local.broker import start_broker
from deploy.local.supervisor import ProcessSpec, Supervisor

BROKER_RANK, STAGE_RANK, GATEWAY_RANK, SOURCE_RANK = range(4)
"""Stopped from the right to the left: what feeds the pipeline first, the broker last."""
BROKER_STOP_S_MAX = 30.0


class PipelineError(RuntimeError):
    """The pipeline cannot be started; the text says why."""


def aiots_command(*arguments: str) -> tuple[str, ...]:
    """Return the command line of `aiots` in this environment."""
    return (sys.executable, "-m", "aiots", *arguments)


def broker_spec(config: Config, port: int | None = None, say: Callable[[str], None] = lambda text: None) -> ProcessSpec:
    """Return the embedded broker as a supervised process, which is ready when its start returns.

    port: loopback; config.broker_port where None. Raises BrokerRunningError from its first start where one runs on this
    state folder already, which then is nobody's to supervise: look by running_broker() before.
    """
    data_dir = config.state_dir / "broker"
    used = config.broker_port if port is None else port

    def launch() -> subprocess.Popen[bytes]:
        broker = start_broker(data_dir, used, heap_mb=config.broker_heap_mb, say=say)
        assert broker.child is not None
        return broker.child

    return ProcessSpec(
        "broker",
        port=used,
        rank=BROKER_RANK,
        stop_s_max=BROKER_STOP_S_MAX,
        launch=launch,
        after_stop=lambda: endpoint_file(config.state_dir).unlink(missing_ok=True),
    )


def stage_specs(config: Config) -> list[ProcessSpec]:
    """Return the processes of every stage in flow order, config.processes of each (1 where unnamed), slots from 0.

    Their metrics stand on config.metrics_port and the ports after it, in this order.
    """
    from streams.topology import STAGES

    slots = [(stage.name, slot) for stage in STAGES for slot in range(config.processes.get(stage.name, 1))]
    return [
        ProcessSpec(
            f"{stage}-{slot}",
            stage_command(stage, slot, port),
            env=config.environment(),
            port=port,
            rank=STAGE_RANK,
        )
        for port, (stage, slot) in enumerate(slots, config.metrics_port)
    ]


def gateway_spec(config: Config) -> ProcessSpec:
    """Return the gateway as a supervised process."""
    return ProcessSpec(
        "gateway", aiots_command("gateway"), env=config.environment(), port=config.gateway_port, rank=GATEWAY_RANK
    )


def start_pipeline(
    supervisor: Supervisor,
    config: Config,
    say: Callable[[str], None],
    choose_world: Callable[[Config], Config] = lambda config: config,
) -> Config:
    """Start the broker, create the world's topics, publish its mandates where it is new, start stages and gateway.

    choose_world: names the world once the broker can be asked. Returns the settings as used.
    Raises PipelineError where the broker or the topics cannot be had.
    """
    from aiots.commands.control import publish
    from aiots.mandates import mandates_of
    from deploy.local.admin import TopicsError, ensure_topics
    from deploy.local.broker import running_broker
    from schemas.topics import full_name

    if config.embedded and not running_broker(config.state_dir / "broker"):
        supervisor.add(broker_spec(config, say=say))
        supervisor.start()
        broker = supervisor.processes[0]
        if broker.child is None:  # not worth a second try: the reason is known, and will not pass by itself
            raise PipelineError(f"broker: {broker.last_end}")
    config = choose_world(replace(config, kafka=load_config(world=config.world).kafka))
    try:
        created = ensure_topics(config.kafka, config.world, config.partitions).created
    except TopicsError as error:
        raise PipelineError(str(error)) from error
    if full_name(config.world, "book") in created:  # a new world: without a mandate an account trades nothing
        publish(config.kafka, config.world, config.partitions, mandates_of(config))
    # Before the stages and apart from them: several would compile the same at the same time.
    if subprocess.run([sys.executable, "-m", "streams.runtime.warm"], check=False).returncode:
        raise PipelineError("the kernels could not be compiled; see above")
    for spec in [*stage_specs(config), gateway_spec(config)]:
        supervisor.add(spec)
    supervisor.start()
    return config


def behind(config: Config) -> list[str]:
    """Return the stages' inboxes that are not folded to their end, by the groups' committed offsets."""
    from confluent_kafka import Consumer, TopicPartition

    from schemas.topics import full_name
    from streams.log.reader import bounds
    from streams.topology import STAGES

    found = []
    for stage in STAGES:
        settings = {**config.kafka, "group.id": f"{config.world}.{stage.name}", "log_level": 0}
        consumer = Consumer({**settings, "enable.auto.commit": False})
        topics = [full_name(config.world, topic) for topic in stage.reads]
        places = [TopicPartition(topic, partition) for topic in topics for partition in range(config.partitions)]
        for place in consumer.committed(places, timeout=30):
            end = bounds(config.kafka, place.topic, place.partition)[1]
            if max(place.offset, 0) != end:
                found.append(f"{stage.name} {place.topic}/{place.partition}: {max(place.offset, 0)} of {end}")
        consumer.close()
    return found
