"""A task: numbers its outputs, names their causes, suppresses what stands in the log, and refuses what cannot be."""

from collections.abc import Mapping, Sequence

import pytest

from schemas import wire
from schemas.records import Reject
from streams.log.filter import GapError
from streams.log.ids import Headers, RecordId, headers_of
from streams.runtime import task as task_module
from streams.runtime.task import DivergedError, MissingOffsetError, Snapshot, Task, TaskKey
from streams.stage import ALL_PARTITIONS, Output, Rejected, RejectReason
from tests.simulation.memory_log import Stored

KEY = TaskKey("sizing", "book", 1)


class Echo:
    """A fold that answers each byte of a payload: o own partition, 2 partition two, * all, x reject, B too big."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.state: dict[str, bytes] = {}

    def apply(self, payloads: Sequence[bytes]) -> list[Output | Rejected]:
        out: list[Output | Rejected] = []
        for at, payload in enumerate(payloads):
            for letter in payload.decode():
                if letter == "x":
                    out.append(
                        Rejected(at, RejectReason.BAD_VALUE, f"bad <thing at 0x7f00deadbeef> \ud800{'y' * 5_000}")
                    )
                else:
                    partition = {"o": None, "2": 2, "*": ALL_PARTITIONS, "B": None}[letter]
                    size = task_module.PAYLOAD_BYTES_MAX + 1 if letter == "B" else 1
                    out.append(Output(at, "orders", partition, b"key", letter.encode() * size))
        return out

    def changed(self) -> dict[str, bytes | None]:
        return {}

    def load(self, state: Mapping[str, bytes]) -> None:
        self.state = dict(state)


def inbox(*payloads: bytes | None, start: int = 0) -> list[Stored]:
    """Records of one origin, each naming the one before."""
    rows = []
    for at, payload in enumerate(payloads, start):
        headers = headers_of(RecordId("src", at, 0), (at - 1, 0) if at else None)
        rows.append(Stored(at, b"", payload, headers))
    return rows


def new_task() -> Task:
    return Task(KEY, Echo(), "sizing/1/uuid", 3, "c0de")


def ids(task: Task, records: list[Stored]) -> list[tuple[str, int, Headers]]:
    return [(out.topic, out.partition, out.headers) for out in task.apply(records)]


def test_outputs_are_numbered_and_chained_by_target() -> None:
    """id: input offset and index; prev: the one before in that very partition; cause: the input's id."""
    task = new_task()
    made = ids(task, inbox(b"o2", None, b"*"))
    code = ("code", b"c0de")
    assert made == [
        ("orders", 1, [("id", b"sizing/1/uuid:0.0"), ("cause", b"src:0.0"), code]),
        ("orders", 2, [("id", b"sizing/1/uuid:0.1"), ("cause", b"src:0.0"), code]),
        ("orders", 0, [("id", b"sizing/1/uuid:2.0"), ("cause", b"src:2.0"), code]),
        ("orders", 1, [("id", b"sizing/1/uuid:2.1"), ("prev", b"0.0"), ("cause", b"src:2.0"), code]),
        ("orders", 2, [("id", b"sizing/1/uuid:2.2"), ("prev", b"0.1"), ("cause", b"src:2.0"), code]),
    ]
    assert (task.position, task.counters.records, task.counters.outputs) == (3, 3, 5)
    assert str(KEY) == "sizing/book/1"


def test_rejects_are_outputs_with_ids_in_sequence() -> None:
    """A rejected record and an output over the limit both go to .rejects, bounded, in valid text, the same each run."""
    task = new_task()
    made = task.apply(inbox(b"oxBo"))
    assert [(out.topic, out.headers[0][1]) for out in made] == [
        ("orders", b"sizing/1/uuid:0.0"),
        ("sizing.rejects", b"sizing/1/uuid:0.1"),
        ("sizing.rejects", b"sizing/1/uuid:0.2"),
        ("orders", b"sizing/1/uuid:0.3"),
    ]
    bad, big = wire.decode(made[1].payload), wire.decode(made[2].payload)
    assert isinstance(bad, Reject)
    assert isinstance(big, Reject)
    assert (bad.stage, bad.reason, bad.topic, bad.partition, bad.offset) == ("sizing", "bad_value", "book", 1, 0)
    assert bad.detail.startswith("bad <thing at 0x> \\ud800yyy")
    assert len(bad.detail) < 1_100
    assert bad.payload == b"oxBo"
    assert (big.reason, big.detail) == (
        "oversized",
        "output to orders: expected at most 4000000 bytes, was 4000001",
    )
    assert task.counters.rejects == {"bad_value": 1, "oversized": 1}


def test_the_bytes_of_a_reject_are_bounded() -> None:
    """The first 1,024 bytes of what was seen."""
    (out,) = new_task().apply(inbox(b"x" + b"" * 10)[:1])
    assert len(out.payload) < 3_000
    made = new_task().apply(inbox(b"o" * 5_000 + b"x"))[-1]
    reject = wire.decode(made.payload)
    assert isinstance(reject, Reject)
    assert reject.payload == b"o" * 1_024


def test_duplicates_are_dropped_and_old_offsets_passed_over() -> None:
    """A copy further on counts as dropped; an offset that was read before does not count at all."""
    task = new_task()
    first, second = inbox(b"o", b"o")
    task.apply([first, second])
    copy = Stored(2, b"", first.payload, first.heads)
    assert task.apply([first, second, copy]) == []
    assert (task.position, task.counters.duplicates_dropped, task.counters.records) == (3, 1, 2)


def test_missing_offsets_and_gaps_stop_loudly() -> None:
    """The log lost something: neither is survived."""
    with pytest.raises(MissingOffsetError, match="expected offset 0, was 1"):
        new_task().apply(inbox(b"o", b"o")[1:])
    task, rows = new_task(), inbox(b"o", b"o", b"o")
    with pytest.raises(GapError):
        task.apply([rows[0], Stored(1, b"", b"o", rows[2].heads)])


def test_outputs_in_the_log_are_not_appended_again() -> None:
    """By target: what stands there is suppressed, what does not is appended, and the chain goes through both."""
    task = new_task()
    task.suppress_through({("orders", 1): (1, 0), ("orders", 2): (0, 1)})
    assert task.catching_up() == {("orders", 1): (1, 0), ("orders", 2): (0, 1)}
    assert [out.headers[0][1] for out in task.apply(inbox(b"o2", b"o"))] == []
    assert task.catching_up() == {}
    made = task.apply(inbox(b"o2", b"o", b"o2")[2:])
    assert [dict(out.headers)["prev"] for out in made] == [b"1.0", b"0.1"]
    assert task.counters.emissions_suppressed == 3


def test_an_output_that_is_not_given_again_stops_loudly() -> None:
    """The log holds what this code does not give: other code wrote it, and going on would mix the two."""
    task = new_task()
    task.suppress_through({("orders", 1): (0, 1)})
    with pytest.raises(DivergedError, match=r"orders/1 holds output 0\.1.*gives 1\.0 next"):
        task.apply(inbox(b"o", b"o"))


def test_a_task_goes_on_from_a_snapshot() -> None:
    """Position, ids seen and chain come back: the next output is the one that an unbroken run gives."""
    rows = inbox(b"o2", b"o", b"o2")
    unbroken, before, after = new_task(), new_task(), new_task()
    unbroken.apply(rows[:2])
    before.apply(rows[:2])
    snapshot = before.snapshot({("orders", 1): 7})
    assert snapshot == Snapshot(2, {"src": (1, 0)}, {("orders", 1): (1, 0), ("orders", 2): (0, 1)}, {("orders", 1): 7})
    after.restore(snapshot, {"a": b"1"})
    assert isinstance(after.fold, Echo)
    assert after.fold.state == {"a": b"1"}
    assert after.apply(rows[2:]) == unbroken.apply(rows[2:])
    after.suppress_through({("orders", 1): (1, 0)})
    assert after.catching_up() == {}, "what the chain holds is no news"
