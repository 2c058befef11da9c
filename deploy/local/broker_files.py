"""What the embedded broker is started with: its settings, its logging, its command line."""

import base64
import os
from pathlib import Path

from deploy.local.process import LOOPBACK

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    # One node: nothing to replicate to.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # Groups: join at once; a dead member is found in seconds.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "3000",
    # Topics are made by `aiots topics` and nothing else.
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(4 * 2**20),
    "replica.fetch.max.bytes": str(4 * 2**20),
    # Stamps of 2013 under a 7-day retention would vanish within minutes.
    "log.message.timestamp.type": "LogAppendTime",
    # After a crash the node must not wait for its own old session to expire.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Small machine: the cleaner's default buffer alone is a quarter of our heap.
    "log.cleaner.enable": "true",
    "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    "log.cleaner.io.buffer.size": str(8 * 2**20),  # holds the largest message
    "num.network.threads": "1",
    "num.io.threads": "2",
    "num.recovery.threads.per.data.dir": "2",
    "background.threads": "4",
    "log.index.size.max.bytes": str(2 * 2**20),
}

SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)
"""For a Java that runs for a second: less compiling."""

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders>
    <RollingFile name="File" fileName="{folder}/server.log" filePattern="{folder}/server.log.%i">
      <PatternLayout pattern="%d %p %c{{1}} %m%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10MB"/></Policies>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Root level="warn"><AppenderRef ref="File"/></Root>
    <Logger name="kafka.server" level="info"/>
    <Logger name="kafka.coordinator.transaction" level="info"/>
    <Logger name="org.apache.kafka.coordinator.group" level="info"/>
  </Loggers>
</Configuration>
"""


def write(data_dir: Path, port: int, controller_port: int) -> None:
    """Write server.properties and log4j2.xml for these ports."""
    settings = SETTINGS | {
        "listeners": f"BROKER://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{port}",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "log.dirs": str(data_dir.absolute() / "kafka"),
    }
    text = "".join(f"{name}={_escaped(value)}\n" for name, value in settings.items())
    (data_dir / "server.properties").write_text(text)
    (data_dir / "log4j2.xml").write_text(LOGGING.format(folder=_xml(str(data_dir.absolute()))))


def java_command(java: Path, jars: list[Path], data_dir: Path, heap_mb: int) -> list[str]:
    """Return the command line up to the main class."""
    return [
        str(java),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={data_dir.absolute() / 'log4j2.xml'}",
        "-cp",
        os.pathsep.join(map(str, jars)),
    ]


def new_cluster_id() -> str:
    """Return a random id in Kafka's form: 16 bytes as URL-safe base64, not beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
