"""What must hold of an account's book after any number of kills, with options."""

from collections.abc import Mapping

from aiots.config import Config
from aiots.stage import stage_params
from schemas.topics import partition_of
from streams.book.ledger import Ledger
from streams.runtime.peek import peek
from streams.runtime.task import TaskKey

INBOXES = {"sizing": ("book", "account"), "risk": ("orders", "account"), "venue": ("verdicts", "holder")}
"""What each stage that keeps a ledger reads, and the state key it keeps it under."""


def ledger_of(kafka: Mapping[str, str], config: Config, account: str, stage: str) -> Ledger:
    """Return a stage's own ledger of an account: its newest checkpoint and what its inbox has had since."""
    topic, kind = INBOXES[stage]
    key = TaskKey(stage, topic, partition_of(account, config.partitions))
    fold, _ = peek(kafka, config.world, key, stage_params(config, stage), config.partitions)
    return fold.state[f"{kind}/{account}"].ledger  # type: ignore[no-any-return]  # what these keys hold


def check_ledgers(kafka: Mapping[str, str], config: Config, account: str) -> Ledger:
    """Check that sizing and risk hold what the venue holds: cash, fees, positions and lots; return it."""
    venue = ledger_of(kafka, config, account, "venue")
    for stage in ("sizing", "risk"):
        assert ledger_of(kafka, config, account, stage) == venue, f"{stage} holds other than the venue"
    return venue
