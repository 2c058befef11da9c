"""Recovery and checkpoints, case by case; what happens when they meet faults is tests/simulation's."""

from dataclasses import replace

import pytest

from schemas import wire
from streams.log.ids import RecordId, headers_of
from streams.runtime.archive import newest_before
from streams.runtime.checkpoint import RefusedStartError, decode
from streams.runtime.recovery import (
    CheckpointAbortedError,
    FencedError,
    Pending,
    Recovered,
    recover,
    targets_of,
)
from streams.runtime.task import TaskKey
from tests.simulation.memory_log import Broker, CommitPlan, MemoryTaskLog
from tests.simulation.stages import PARTITIONS, TOPICS, build_of, control, make_fold

KEY = TaskKey("count", "sums", 1)
OUT = ("out", 1)


@pytest.fixture
def broker() -> Broker:
    """Six records wait in the inbox."""
    made = Broker(PARTITIONS)
    for topic in TOPICS:
        made.create(topic)
    for number in range(6):
        headers = headers_of(RecordId("src", number, 0), (number - 1, 0) if number else None)
        made.partition((KEY.topic, KEY.partition)).append(b"", wire.encode(control("ab"[number % 2], 7, "")), headers)
    return made


def start(broker: Broker, version: int = 1) -> Recovered:
    log = MemoryTaskLog(broker, KEY, ("out",))
    return recover(KEY, log, lambda: make_fold("count", version), build_of(version), ("out",), PARTITIONS)


def log_of(made: Recovered) -> MemoryTaskLog:
    log = made.checkpoints._log
    assert isinstance(log, MemoryTaskLog)
    return log


def work(broker: Broker, made: Recovered, count: int, send: int | None = None) -> None:
    """Fold so many records and append the first `send` outputs (None: all)."""
    inbox = broker.partition((KEY.topic, KEY.partition)).records
    for out in made.task.apply(inbox[made.task.position : made.task.position + count])[:send]:
        broker.partition((out.topic, out.partition)).append(out.key, out.payload, out.headers)


def take(made: Recovered, *, drained: bool = False) -> Pending:
    return made.checkpoints.take(log_of(made).ends(made.checkpoints.targets), drained=drained)


def saved(broker: Broker) -> Pending | None:
    found = decode(KEY, MemoryTaskLog(broker, KEY, ()).read_checkpoint())
    return None if found is None else Pending(found.manifest, dict(found.state))


def out_ids(broker: Broker) -> list[object]:
    return [dict(record.heads or ())["id"] for record in broker.partition(OUT).records]


def test_targets_are_every_partition_and_the_own_rejects() -> None:
    """What a task may write to, and so what is scanned at its start."""
    assert targets_of(KEY, ("x", "y"), 2) == [("x", 0), ("x", 1), ("y", 0), ("y", 1), ("count.rejects", 1)]


def test_a_first_start_leaves_a_checkpoint_before_its_first_output(broker: Broker) -> None:
    """A crash right after the first output must find this build's mark, undrained."""
    made = start(broker)
    assert (made.task.position, made.replay_records, made.checkpoints.committed_position) == (0, 6, 0)
    found = saved(broker)
    assert found is not None
    assert (found.manifest.build, found.manifest.drained, found.manifest.sequence) == (build_of(1), False, 1)
    with pytest.raises(RefusedStartError, match="not drained"):
        start(broker, version=2)


def test_a_crash_is_replayed_without_a_copy(broker: Broker) -> None:
    """Some outputs after the checkpoint are in the log, some are not: only those are appended."""
    made = start(broker)
    work(broker, made, 2)
    made.checkpoints.commit(take(made))
    assert broker.group_offsets == {"count.sums.1": 2}
    work(broker, made, 3, send=1)
    again = start(broker)
    assert (again.task.position, again.replay_records) == (2, 4)
    work(broker, again, 4)
    assert out_ids(broker) == [b"count/1/uuid2:%d.0" % at for at in range(6)]
    assert again.task.counters.emissions_suppressed == 1
    whole = make_fold("count", 1)
    whole.apply([record.payload or b"" for record in broker.partition((KEY.topic, KEY.partition)).records])
    assert getattr(again.task.fold, "state", None) == whole.state


def test_a_checkpoint_taken_while_catching_up_hides_nothing(broker: Broker) -> None:
    """Outputs ahead of the task lie below the ends of now: a scan from those would append them again."""
    work(broker, start(broker), 6)
    behind = start(broker)
    work(broker, behind, 2)
    behind.checkpoints.commit(take(behind))
    last = start(broker)
    work(broker, last, 6)
    assert out_ids(broker) == [b"count/1/uuid2:%d.0" % at for at in range(6)]


def test_a_task_that_is_catching_up_is_not_drained(broker: Broker) -> None:
    """An old owner wrote ahead of it; another build would give other outputs under the same ids."""
    work(broker, start(broker), 6)
    behind = start(broker)
    work(broker, behind, 5)
    assert not take(behind, drained=True).manifest.drained
    work(broker, behind, 1)
    assert take(behind, drained=True).manifest.drained


def test_a_drained_task_is_undrained_by_its_next_start(broker: Broker) -> None:
    """Else a crash after that start's first outputs would let another build in."""
    made = start(broker)
    work(broker, made, 6)
    made.checkpoints.commit(take(made, drained=True))
    start(broker)
    with pytest.raises(RefusedStartError, match="not drained"):
        start(broker, version=2)


def test_another_build_starts_from_a_drained_checkpoint_once(broker: Broker) -> None:
    """It leaves its own mark at once, with the one before in its history; the old one is refused from then on."""
    made = start(broker)
    work(broker, made, 4)
    made.checkpoints.commit(take(made, drained=True))
    newer = start(broker, version=2)
    assert newer.task.position == 4
    found = saved(broker)
    assert found is not None
    assert (found.manifest.build, found.manifest.history) == (build_of(2), (("code1", "factor1", 4),))
    with pytest.raises(RefusedStartError, match="is of code code2"):
        start(broker, version=1)


def test_a_frozen_owner_that_wrote_ahead_keeps_another_build_out(broker: Broker) -> None:
    """Its outputs lie below the ends of the drained checkpoint; they are found all the same."""
    frozen = start(broker)
    heir = start(broker)
    work(broker, frozen, 6)
    work(broker, heir, 2, send=0)
    heir.checkpoints.commit(take(heir, drained=True))
    with pytest.raises(RefusedStartError, match=r"written beyond its drained checkpoint; start the old version once"):
        start(broker, version=2)
    old = start(broker)
    work(broker, old, 6)
    old.checkpoints.commit(take(old, drained=True))
    assert start(broker, version=2).task.position == 6


def test_outputs_of_inputs_that_are_gone_are_refused(broker: Broker) -> None:
    """The inbox lost its end: other records at those offsets would pass for written."""
    work(broker, start(broker), 6)
    del broker.partition((KEY.topic, KEY.partition)).records[3:]
    with pytest.raises(
        RefusedStartError, match=r"output of input offset 5, but the inbox ends at 3.*start a new world"
    ):
        start(broker)


def test_a_topic_that_a_later_version_writes_is_remembered(broker: Broker) -> None:
    """It was not there at the first checkpoint; created anew after that, it is refused like the others."""
    start(broker)
    for _ in range(2):
        log = MemoryTaskLog(broker, KEY, ("out", "end"))
        made = recover(KEY, log, lambda: make_fold("count", 1), build_of(1), ("out", "end"), PARTITIONS)
        work(broker, made, 1)
        made.checkpoints.commit(take(made))
    broker.create("end")
    with pytest.raises(RefusedStartError, match="topic end was created anew"):
        recover(KEY, log, lambda: make_fold("count", 1), build_of(1), ("out", "end"), PARTITIONS)


def test_changes_of_an_aborted_checkpoint_are_part_of_the_next(broker: Broker) -> None:
    """Also those that changed again since, and those whose transaction landed after all."""
    for landed in (False, True):
        made = start(broker)
        work(broker, made, 1)
        first = take(made)
        log_of(made).plan = CommitPlan(aborted=not landed, landed_but_said_aborted=landed)
        with pytest.raises(CheckpointAbortedError):
            made.checkpoints.commit(first)
        work(broker, made, 1)
        second = take(made)
        assert first.changes.keys() <= second.changes.keys()
        made.checkpoints.commit(second)
        assert take(made).changes == {}
        again = start(broker)
        assert again.task.position == made.task.position
        assert getattr(again.task.fold, "state", 0) == getattr(made.task.fold, "state", 1)


def test_what_changed_since_a_checkpoint_was_taken_is_kept(broker: Broker) -> None:
    """The loop goes on while a commit is under way: the next checkpoint holds what it did."""
    made = start(broker)
    work(broker, made, 2)
    first = take(made)
    work(broker, made, 1)
    second = take(made)
    made.checkpoints.commit(first)
    third = take(made)
    assert first.changes.keys() == second.changes.keys() == {"all", "of/a", "of/b"}
    assert third.changes == {key: second.changes[key] for key in ("all", "of/a")}
    made.checkpoints.commit(third)
    assert getattr(start(broker).task.fold, "state", 0) == getattr(made.task.fold, "state", 1)


def test_an_older_checkpoint_never_follows_a_newer_one(broker: Broker) -> None:
    """It would take the manifest back and leave newer states behind it."""
    made = start(broker)
    work(broker, made, 1)
    first = take(made)
    work(broker, made, 1)
    made.checkpoints.commit(take(made))
    with pytest.raises(AssertionError, match="an older checkpoint would undo a newer one"):
        made.checkpoints.commit(first)


def test_empty_state_is_saved_too(broker: Broker) -> None:
    """Bytes of length 0 are a state, not the lack of one."""
    made = start(broker)
    pending = take(made)
    made.checkpoints.commit(replace(pending, changes={"a": b""}))
    found = saved(broker)
    assert found is not None
    assert found.changes == {"a": b""}


def test_an_old_owner_cannot_checkpoint(broker: Broker) -> None:
    """Fenced off by the next start, and nothing of what it tried is left."""
    old = start(broker)
    work(broker, old, 3)
    new = start(broker)
    before = saved(broker)
    with pytest.raises(FencedError):
        old.checkpoints.commit(take(old))
    assert saved(broker) == before
    new.checkpoints.commit(take(new))


def commit_of_day(made: Recovered, day: str) -> None:
    made.checkpoints.commit(made.checkpoints.take(log_of(made).ends(made.checkpoints.targets), day=day))


def test_the_last_checkpoint_of_a_day_is_archived_whole(broker: Broker) -> None:
    """With the first checkpoint of the next day: a proof of that day folds from there and gives the same bytes."""
    made = start(broker)
    work(broker, made, 1)
    commit_of_day(made, "2013-10-07")
    work(broker, made, 2)
    commit_of_day(made, "2013-10-07")
    work(broker, made, 1)
    commit_of_day(made, "")
    place = KEY.stage, KEY.partition
    assert not broker.archives.get(place)
    work(broker, made, 1)
    commit_of_day(made, "2013-10-08")
    work(broker, made, 1)
    commit_of_day(made, "2013-10-09")

    archive = broker.archives[place]
    first = newest_before(KEY, "2013-10-08", build_of(1), archive)
    second = newest_before(KEY, "2013-10-10", build_of(1), archive)
    assert first is not None
    assert second is not None
    assert (first.manifest.snapshot.position, first.manifest.day) == (4, "2013-10-07")
    assert (second.manifest.snapshot.position, second.manifest.day) == (5, "2013-10-08")
    assert newest_before(KEY, "2013-10-07", build_of(1), archive) is None
    assert newest_before(KEY, "2013-10-10", build_of(2), archive) is None
    made.task.restore(first.manifest.snapshot, first.state)
    made.task.suppress_through({})
    inbox = broker.partition((KEY.topic, KEY.partition)).records
    again = made.task.apply(inbox[4:])
    written = broker.partition(OUT).records[4:]
    assert [(out.payload, dict(out.headers)) for out in again] == [
        (one.payload, dict(one.heads or ())) for one in written
    ]


def test_an_archive_is_not_written_twice_where_its_commit_landed_unseen(broker: Broker) -> None:
    """The second would hold the state of another day under the first one's name."""
    made = start(broker)
    work(broker, made, 2)
    commit_of_day(made, "2013-10-07")
    work(broker, made, 2)
    log_of(made).plan = CommitPlan(landed_but_said_aborted=True)
    with pytest.raises(CheckpointAbortedError):
        commit_of_day(made, "2013-10-08")
    before = list(broker.archives[KEY.stage, KEY.partition])
    work(broker, made, 1)
    commit_of_day(made, "2013-10-08")
    assert broker.archives[KEY.stage, KEY.partition] == before
