"""The processes of a whole pipeline on this machine, for a supervisor: broker, stages, gateway."""

import subprocess
import sys
from collections.abc import Callable

from aiots.config import Config, endpoint_file
from deploy.local.broker import start_broker
from deploy.local.supervisor import ProcessSpec

BROKER_RANK, STAGE_RANK, GATEWAY_RANK, SOURCE_RANK = range(4)
"""Stopped from the right to the left: what feeds the pipeline first, the broker last."""
BROKER_STOP_S_MAX = 30.0


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
            aiots_command("run", stage, "--slot", str(slot), "--metrics-port", str(port)),
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
