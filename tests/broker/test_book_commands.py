"""Commands that look at an account, given what they cannot use: one line that says what was wrong, and an exit code."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiots.__main__ import build_app
from schemas import wire
from schemas.topics import full_name
from streams.log.ids import RecordId, headers_of
from streams.log.producer import LogProducer, client_name
from tests.kills.inbox import Inbox
from tests.orderpath_rig import mandate, mark

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
LOOKS = (["audit", "paper"], ["day", "paper"], ["whatif", "paper", "BUY 1 SPY"], ["order", "list", "paper"])


@pytest.fixture
def here(broker: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place without settings, and the broker."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker["bootstrap.servers"])
    monkeypatch.setenv("AIOTS_PARTITIONS", "1")
    monkeypatch.setenv("AIOTS_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def refused(*arguments: str) -> tuple[int, str]:
    """Return exit code and output of a command, which must end by itself and say one thing."""
    result = CliRunner().invoke(build_app(), list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.output.count("error: ") == 1, result.output
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: " ".join(look[:2]))
def test_an_account_that_is_none(look: list[str]) -> None:
    """The accounts that there are are named."""
    code, said = refused(*[part.replace("paper", "nobody") for part in look])
    assert code in (1, 2)
    assert "unknown account 'nobody'; accounts are paper" in said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: " ".join(look[:2]))
def test_a_world_that_is_none(look: list[str]) -> None:
    """The topic is named, and the worlds that there are."""
    code, said = refused(*look, "--world", "nowhere")
    assert (code, "there is no topic nowhere." in said) == (2, True), said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: " ".join(look[:2]))
def test_a_broker_that_is_away(look: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address, and how to start one."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setattr("aiots.topic_reading.ANSWER_SECONDS_MAX", 1.5)
    code, said = refused(*look)
    assert (code, "no answer from 127.0.0.1:9" in said, "aiots broker start" in said) == (1, True, True), said


@pytest.mark.usefixtures("here")
def test_days_of_which_nothing_is_known(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """An empty world, a day without records, a text that is no day, an account without mandate."""
    world = topics(partitions=1)
    assert "nothing is recorded of paper in world" in refused("day", "paper", "--world", world)[1]
    assert "paper has no mandate in world" in refused("whatif", "paper", "BUY 1 SPY", "--world", world)[1]
    assert "paper has no mandate in world" in refused("order", "list", "paper", "--world", world)[1]
    inbox = Inbox(broker, world)
    inbox.put_into("verdicts", mandate(), mark(second=1))
    inbox.put_into("verdicts", mandate(event_ns=mark(second=1).event_ns))
    for command in ("day", "audit"):
        code, said = refused(command, "paper", "--day", "2014-01-02", "--world", world)
        assert (code, "nothing is recorded of paper on 2014-01-02; days are 2013-10-08" in said) == (2, True), said
        code, said = refused(command, "paper", "--day", "yesterday", "--world", world)
        assert (code, "--day must be YYYY-MM-DD, was 'yesterday'" in said) == (2, True), said
    code, said = refused("audit", "paper", "--order", "none", "--world", world)
    assert (code, "no order 'none' of paper on 2013-10-08" in said) == (2, True), said


@pytest.mark.usefixtures("here")
def test_a_log_that_cannot_be_read(broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """Bytes that are no record: the offset is named; a file of seals that is none: the line."""
    world = topics(partitions=1)
    inbox = Inbox(broker, world)
    inbox.put_into("verdicts", mandate(event_ns=mark().event_ns))
    inbox.put_bytes("verdicts", wire.encode(mark())[:12])
    inbox.put_bytes("verdicts", b"hello")
    for command in ("day", "audit"):
        code, said = refused(command, "paper", "--world", world)
        assert (code, "the record at offset" in said, "verdicts cannot be read" in said) == (1, True, True), said
    seals = Path("seals.jsonl")
    seals.write_text("BUY 1 SPY\n")
    code, said = refused("seal", "--file", str(seals), "--world", world)
    assert (code, "line 1: expected a seal, was 'BUY 1 SPY'" in said) == (2, True), said
    code, said = refused("seal", "--check", "--file", "none.jsonl", "--world", world)
    assert (code, "nothing is sealed in none.jsonl" in said) == (2, True), said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("value", [b'{"format":', b"[]", b'{"format": 2}'])
def test_a_checkpoint_that_is_cut_off(value: bytes, broker: Mapping[str, str], topics: Callable[..., str]) -> None:
    """The task is named, and what to do."""
    world = topics(partitions=1)
    Inbox(broker, world).put(mandate())
    producer = LogProducer(broker, client_name("test"))
    topic = full_name(world, "sizing.checkpoint")
    producer.send(topic, 0, b"sizing/book/0/@", value, headers_of(RecordId("test/0", 1, 0), None))
    producer.flush()
    for look in (["whatif", "paper", "BUY 1 SPY"], ["order", "list", "paper"]):
        code, said = refused(*look, "--world", world)
        assert (code, "checkpoint" in said, "rebuild in a new world" in said) == (1, True, True), said
