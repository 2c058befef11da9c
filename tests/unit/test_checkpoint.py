"""Checkpoints in a compacted topic: they read back, through growth, shrinkage and tombstones, or are refused."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.runtime.checkpoint import (
    CHUNK_BYTES,
    Build,
    Checkpoint,
    Entry,
    Manifest,
    RefusedStartError,
    check,
    decode,
    decode_manifest,
    entries,
    first_start,
    params_hash,
)
from streams.runtime.task import Snapshot, TaskKey

KEY = TaskKey("router", "signals", 1)
BUILD = Build("c1", "p1", 1)
SNAPSHOT = Snapshot(5, {"src/é:x": (4, 0)}, {("book", 2): (3, 1)}, {("book", 2): 9, ("router.rejects", 1): 0})
MANIFEST = Manifest(SNAPSHOT, BUILD, {"signals": "u1", "book": "u2"}, 7, drained=False, history=(("c0", "p0", 2),))


def compacted(records: list[Entry]) -> list[Entry]:
    """The newest record of each key, tombstones gone, in the log's order."""
    newest = {name: at for at, (name, _) in enumerate(records)}
    return [entry for at, entry in enumerate(records) if newest[entry[0]] == at and entry[1] is not None]


def test_nothing_is_no_checkpoint() -> None:
    """An empty partition, one of other tasks only, and one that was thrown away."""
    other = list(entries(TaskKey("router", "features", 1), MANIFEST, {"a": b"1"}))
    assert decode(KEY, []) is None
    assert decode(KEY, other) is None
    assert decode(KEY, [*entries(KEY, MANIFEST, {}), (f"{KEY}/@".encode(), None)]) is None


def test_two_tasks_share_a_partition_and_stay_apart() -> None:
    """The router reads two topics: its two tasks of one number write to one checkpoint partition."""
    sibling = TaskKey("router", "features", 1)
    theirs = replace(MANIFEST, sequence=99)
    mixed = [*entries(KEY, MANIFEST, {"a": b"1"}), *entries(sibling, theirs, {"a": b"2", "b": b"3"})]
    assert decode(KEY, mixed) == Checkpoint(MANIFEST, {"a": b"1"})
    assert decode(sibling, mixed) == Checkpoint(theirs, {"a": b"2", "b": b"3"})


STATES = st.dictionaries(
    st.sampled_from(["a", "a/0", "a/1", "a/0/0", "", "=", "@", "ü"]),
    st.none() | st.tuples(st.sampled_from([0, 1, 7, 8, 9, 16, 25]), st.integers(0, 255)),
    max_size=5,
)


@settings(max_examples=200)
@given(rounds=st.lists(STATES, max_size=5), clean=st.booleans())
def test_changes_add_up_to_the_state(rounds: list[dict[str, tuple[int, int] | None]], clean: bool) -> None:
    """Keys that look like chunks of others, growing, shrinking, gone and back: with compaction or without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.runtime.checkpoint.CHUNK_BYTES", 8)
        log: list[Entry] = []
        state: dict[str, bytes] = {}
        for sequence, drawn in enumerate(rounds):
            changes = {key: None if cell is None else bytes([cell[1]]) * cell[0] for key, cell in drawn.items()}
            for key, data in changes.items():
                state.pop(key, None)
                if data is not None:
                    state[key] = data
            log += entries(KEY, replace(MANIFEST, sequence=sequence), changes)
            log = compacted(log) if clean else log
        found = decode(KEY, log)
        assert (found is None) == (not rounds)
        if found is not None:
            assert found.state == state
            assert found.manifest == replace(MANIFEST, sequence=len(rounds) - 1)


def test_a_large_state_is_cut_and_may_shrink_again() -> None:
    """Chunks of 512 kB; those that a smaller state no longer has are stale, and not read."""
    large, small = b"L" * (2 * CHUNK_BYTES + 5), b"S"
    grown = list(entries(KEY, MANIFEST, {"a": large}))
    assert [len(value or b"") for _, value in grown[:-1]] == [CHUNK_BYTES + 4, CHUNK_BYTES, 5]
    shrunk = [*grown, *entries(KEY, MANIFEST, {"a": small})]
    again = [*shrunk, *entries(KEY, MANIFEST, {"a": large[: CHUNK_BYTES + 1]})]
    for log, expected in ((grown, large), (shrunk, small), (again, large[: CHUNK_BYTES + 1])):
        assert decode(KEY, log) == decode(KEY, compacted(log)) == Checkpoint(MANIFEST, {"a": expected})


def test_a_checkpoint_that_is_not_whole_is_refused() -> None:
    """A chunk is missing: no state is made up."""
    records = list(entries(KEY, MANIFEST, {"a": b"x" * (CHUNK_BYTES + 1)}))
    with pytest.raises(
        RefusedStartError, match=r"router/signals/1: chunk 1 of 2 of .* missing; rebuild in a new world"
    ):
        decode(KEY, [records[0], records[2]])


def test_an_onlooker_who_sees_half_a_checkpoint_takes_the_one_before_it() -> None:
    """A log's end as of now may lie in the midst of a transaction: state that is cut off is none of a manifest's."""
    first = list(entries(KEY, MANIFEST, {"a": b"x"}))
    newer = replace(MANIFEST, sequence=8)
    log = [*first, *entries(KEY, newer, {"a": b"x" * (2 * CHUNK_BYTES + 1)})]
    seen = [decode_manifest(KEY, log[:end]) for end in range(len(log) + 1)]
    assert seen == [None, None, MANIFEST, MANIFEST, MANIFEST, MANIFEST, newer]
    assert decode_manifest(TaskKey("router", "features", 1), log) is None


def test_a_checkpoint_of_another_format_is_refused() -> None:
    """A later version of ours wrote it."""
    with pytest.raises(RefusedStartError, match=r"format is 9, this code reads 1; rebuild in a new world"):
        decode(KEY, [(f"{KEY}/@".encode(), b'{"format": 9}')])


IDS = {"signals": "u1", "book": "u2"}


def test_the_same_build_on_the_same_log_goes_on() -> None:
    """Also at both ends of the log, and where this version writes to one topic more."""
    for low, high in ((0, 5), (5, 5), (5, 900)):
        assert check(KEY, MANIFEST, BUILD, {**IDS, "risk": "u3"}, low, high) is MANIFEST


@pytest.mark.parametrize("topic", ["signals", "book"])
def test_a_topic_created_anew_is_refused(topic: str) -> None:
    """Input or output: offsets and ids mean other records now."""
    with pytest.raises(RefusedStartError, match=rf"topic {topic} was created anew .*aiots rebuild router"):
        check(KEY, MANIFEST, BUILD, {**IDS, topic: "u9"}, 0, 9)


@pytest.mark.parametrize(("low", "high"), [(6, 9), (0, 4)])
def test_a_position_outside_the_log_is_refused(low: int, high: int) -> None:
    """What was to be read next has expired, or was lost."""
    with pytest.raises(RefusedStartError, match=rf"offset 5, but the log holds {low} to {high}.*start a new world"):
        check(KEY, MANIFEST, BUILD, IDS, low, high)


@pytest.mark.parametrize("build", [Build("c2", "p1", 1), Build("c1", "p2", 1), Build("c1", "p1", 2)])
def test_another_build_needs_a_drained_checkpoint(build: Build) -> None:
    """Code, parameters and layout count; the text names what to do."""
    with pytest.raises(RefusedStartError, match=r"not drained; start the old version once .*aiots upgrade"):
        check(KEY, MANIFEST, build, IDS, 0, 9)


def test_another_build_goes_on_from_a_drained_checkpoint() -> None:
    """And the one before it stands in the history, with the offset where it ended."""
    build = Build("c2", "p2", 1)
    made = check(KEY, replace(MANIFEST, drained=True), build, IDS, 0, 9)
    assert made.build == build
    assert made.history == (("c0", "p0", 2), ("c1", "p1", 5))


def test_another_layout_is_refused_even_when_drained() -> None:
    """Its state cannot be read."""
    with pytest.raises(RefusedStartError, match=r"layout is 1, this code reads 2; rebuild in a new world"):
        check(KEY, replace(MANIFEST, drained=True), Build("c2", "p1", 2), IDS, 0, 9)


def test_a_first_start_sees_the_inbox_from_its_beginning() -> None:
    """Without a checkpoint nothing may have expired."""
    first_start(KEY, 0)
    with pytest.raises(RefusedStartError, match=r"no checkpoint and the log begins at offset 3.*start a new world"):
        first_start(KEY, 3)


def test_parameters_are_known_by_their_values() -> None:
    """Equal parameters have one hash, others another."""

    @dataclass(frozen=True)
    class Params:
        a: int = 1
        b: tuple[str, ...] = ("x",)

    assert params_hash(Params()) == params_hash(Params(1, ("x",)))
    assert params_hash(Params()) != params_hash(Params(2))
    assert len(params_hash(Params())) == 16
