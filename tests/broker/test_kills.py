"""Real Kafka, real kills: whatever dies, however often, the log holds what an undisturbed run writes."""

from pathlib import Path

import pytest

from tests.kills.scenario import Outcome, Scenario, check, check_seen, planned

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]


def run(folder: Path, rounds: int, slots: int, seed: int, minutes: int) -> Outcome:
    plan, source = planned(rounds, slots, seed, minutes)
    outcome = Scenario(plan, folder).run(source)
    print(outcome.kills, outcome.suppressed, outcome.duplicates, outcome.aborted, outcome.counts)
    check(outcome)
    return outcome


def test_kills_of_everything_change_nothing(tmp_path: Path) -> None:
    """Ingest, every stage and the broker are killed over and over; payloads, verdicts and cash come out right."""
    outcome = run(tmp_path, rounds=20, slots=1, seed=1, minutes=150)
    check_seen(outcome)
    assert outcome.kills["broker"] == 2
    assert all(
        outcome.kills[name] >= 20 for name in ("ingest", "analytics", "signals", "router", "sizing", "risk", "venue")
    ), outcome.kills


def test_two_processes_a_stage_may_join_leave_and_die(tmp_path: Path) -> None:
    """The same with partitions that move between two processes of each stage."""
    run(tmp_path, rounds=6, slots=2, seed=2, minutes=60)
