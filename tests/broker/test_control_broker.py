"""`aiots control` on a real broker: what it writes is read by the account's stages."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from schemas import wire
from schemas.records import Control, ControlAction, Mandate
from schemas.topics import full_name, partition_of
from streams.log.ids import ID_HEADER, parse_id
from streams.log.reader import read

pytestmark = pytest.mark.broker


def test_control_writes_to_the_accounts_inbox(
    broker: Mapping[str, str], topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mandate, halt and resume stand in order in the partition of the account, each call a session of its own."""
    world = topics(partitions=3)
    config = tmp_path / "aiots.toml"
    config.write_text('accounts = ["paper", "second", "third"]\n[mandates.second]\nrisk_fraction = 0.5\n')
    monkeypatch.setenv("AIOTS_CONFIG", str(config))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker["bootstrap.servers"])
    for arguments in (
        ["mandate"],
        ["halt", "second", "--reason", "a test"],
        ["resume", "second", "--reason", "the test is over"],
    ):
        result = CliRunner().invoke(build_app(), ["control", *arguments, "--world", world])
        assert result.exit_code == 0, result.output
    partition = partition_of("second", 3)
    messages = list(read(broker, full_name(world, "book"), partition))
    found = []
    for message in messages:
        headers: dict[str, Any] = dict(message.headers() or [])
        record_id = parse_id(headers[ID_HEADER])
        assert record_id.origin.startswith("control/")
        assert record_id.origin.endswith(f"/{partition}")
        record = wire.decode(message.value())
        if isinstance(record, Mandate | Control) and record.account == "second":
            assert message.key() == b"second"
            found.append(record)
    mandate, halt, resume = found
    assert isinstance(mandate, Mandate)
    assert (mandate.risk_fraction, mandate.sizing) == (0.5, "fixed_fraction")
    assert halt == Control("second", 0, ControlAction.HALT, "a test")
    assert resume == Control("second", 0, ControlAction.RESUME, "the test is over")
