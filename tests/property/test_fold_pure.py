"""The host of pure stages: errors become rejects and change nothing, and where the input is cut does not matter."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.records import Control, ControlAction, Mark, Record
from streams.fold import PureFold
from streams.stage import ALL_PARTITIONS, Emit, Output, RecordError, Rejected, RejectReason, Step
from tests.simulation.stages import control, make_fold


@dataclass(frozen=True)
class Count:
    seen: int = 0


@dataclass(frozen=True)
class Named:
    name: str


def advance(state: Mapping[str, Any], record: Record, params: int) -> Step:
    """Count controls by account; by their number do one of the things that may go wrong."""
    if not isinstance(record, Control):
        return Step({}, [])
    match record.event_ns:
        case 1:
            raise RecordError(RejectReason.BAD_VALUE, "one")
        case 2:
            raise ZeroDivisionError("two")
        case 3:
            return Step({f"of/{record.account}": Count(99)}, [Emit("out", "k", replace(record, event_ns="x"))])  # type: ignore[arg-type]
        case 4:
            return Step({f"of/{record.account}": None}, [])
    old = state.get(f"of/{record.account}", Count())
    everyone = ALL_PARTITIONS if record.event_ns == 5 else None
    return Step(
        {f"of/{record.account}": Count(old.seen + params), "name/last": Named(record.account)},
        [Emit("out", record.account, record, everyone)],
    )


def fold(**options: Any) -> PureFold:
    return PureFold(advance, 1, {"of": Count, "name": Named}, **options)


def wired(number: int, account: str = "a") -> bytes:
    return wire.encode(control(account, number, ""))


MARK = wire.encode(Mark("SPY", 7, 1.0, 2.0, 1.5, 2.0, 1.0, 10))


@pytest.mark.parametrize(
    ("payload", "reason", "detail"),
    [
        (b"", RejectReason.NOT_FRAMED, "magic byte"),
        (b"junk", RejectReason.NOT_FRAMED, "magic byte"),
        (b"\x00\xff\xff\xff\xff!", RejectReason.UNKNOWN_SCHEMA, "4294967295"),
        (wired(9)[:7], RejectReason.MALFORMED, "Control"),
        (wired(9) + b"!", RejectReason.MALFORMED, "Control"),
        (wired(1), RejectReason.BAD_VALUE, "one"),
        (wired(2), RejectReason.BUG, "ZeroDivisionError: two"),
        (wired(3), RejectReason.BUG, "Error"),
    ],
)
def test_a_record_of_no_use_is_rejected_and_changes_nothing(payload: bytes, reason: RejectReason, detail: str) -> None:
    """Unframed, unknown, cut short, too long, refused, a bug in advance, an output that cannot be encoded; and on."""
    made = fold()
    made.apply([wired(9)])
    before = dict(made.state)
    assert made.changed() == {"name/last": b'["a"]', "of/a": b"[1]"}
    rejected, output = made.apply([payload, wired(8)])
    assert isinstance(rejected, Rejected)
    assert (rejected.at, rejected.reason) == (0, reason)
    assert detail in rejected.detail
    assert output == Output(1, "out", None, b"a", wired(8))
    assert before == {"of/a": Count(1), "name/last": Named("a")}
    assert made.state["of/a"] == Count(2), "only the good record counts"


def test_a_rejected_record_leaves_nothing_to_save() -> None:
    """Not only the state: the list of what changed stays empty too."""
    made = fold()
    assert all(isinstance(result, Rejected) for result in made.apply([wired(1), wired(2), wired(3)]))
    assert made.changed() == {}


def test_state_is_saved_by_what_changed_and_loaded_whole() -> None:
    """A key that is gone is None; load replaces everything, and leaves nothing to save."""
    made = fold()
    made.apply([wired(9), wired(9, "b"), wired(4, "b")])
    saved = made.changed()
    assert saved == {"name/last": b'["b"]', "of/a": b"[1]", "of/b": None}
    assert made.changed() == {}
    other = fold()
    other.apply([wired(9, "c")])
    other.load({key: data for key, data in saved.items() if data is not None})
    assert other.state == made.state
    assert other.changed() == {}


def test_a_key_of_no_known_prefix_is_refused_unless_there_is_a_default() -> None:
    """A state type is chosen by the key's prefix."""
    with pytest.raises(KeyError, match="strange"):
        fold().load({"strange/a": b"[1]"})
    made = PureFold(advance, 1, {"": Count})
    made.load({"strange/a": b"[1]"})
    assert made.state == {"strange/a": Count(1)}


def test_some_records_are_passed_on_byte_for_byte() -> None:
    """Forwarded ones come before the outputs of advance, under their own key; others do not come at all."""
    made = fold(forwards={"Mark", "Control"}, forward_topic="next")
    assert made.apply([MARK, wired(9), wired(2)]) == [
        Output(0, "next", None, b"SPY", MARK),
        Output(1, "next", None, b"a", wired(9)),
        Output(1, "out", None, b"a", wired(9)),
        Rejected(2, RejectReason.BUG, "ZeroDivisionError: two"),
    ]
    named = fold(forwards={"Mark"}, forward_topic="next", key_of=lambda record: f"!{record.symbol}")
    assert named.apply([MARK])[0] == Output(0, "next", None, b"!SPY", MARK)


def test_what_a_stage_skips_is_neither_applied_nor_rejected() -> None:
    """skip sees the bytes, before anything is decoded."""
    made = fold(skip=lambda payload: payload == b"junk")
    assert made.apply([b"junk", wired(5)]) == [Output(1, "out", ALL_PARTITIONS, b"a", wired(5))]


PAYLOADS = st.lists(
    st.one_of(
        st.builds(
            lambda account, value: wire.encode(Control(account, value, ControlAction.HALT, "")),
            st.sampled_from("abc"),
            st.integers(0, 400),
        ),
        st.sampled_from((b"", b"junk", MARK)),
    ),
    max_size=30,
)


@given(payloads=PAYLOADS, cuts=st.lists(st.integers(0, 30), max_size=6), stage=st.sampled_from(("keyed", "count")))
def test_batch_boundaries_do_not_matter(payloads: list[bytes], cuts: list[int], stage: str) -> None:
    """Outputs, their order and the state are the same, also where the fold is saved and loaded at every cut."""
    whole, cut, saved = make_fold(stage, 1), make_fold(stage, 1), dict[str, bytes]()
    expected = whole.apply(payloads)
    seen: list[Any] = []
    edges = [0, *sorted(min(edge, len(payloads)) for edge in cuts), len(payloads)]
    for first, last in pairwise(edges):
        seen += [result._replace(at=result.at + first) for result in cut.apply(payloads[first:last])]
        for key, data in cut.changed().items():
            saved.pop(key, None)
            if data is not None:
                saved[key] = data
        cut = make_fold(stage, 1)
        cut.load(saved)
    assert seen == expected
    assert cut.state == whole.state
