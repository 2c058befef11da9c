"""What must hold of an account's book after any number of kills, with options: each law by hand, from the log alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiots.config import Config
from aiots.stage import stage_params
from schemas import wire
from schemas.records import Decision, Fill, Mandate, OrderStatus, RiskReport, Settlement, Side, Verdict
from schemas.topics import partition_of
from streams.book.ledger import Ledger
from streams.runtime.peek import peek
from streams.runtime.task import TaskKey
from tests.kills.laws import distinct

INBOXES = {"sizing": ("book", "account"), "risk": ("orders", "account"), "venue": ("verdicts", "holder")}
"""What each stage that keeps a ledger reads, and the state key it keeps it under."""
ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED)


@dataclass
class ByHand:
    """An account's money and positions, added up from the log. fees, cash: cents; quantities: those that are not 0."""

    cash_cents: int = 0
    fees_cents: int = 0
    quantities: Counter[str] = field(default_factory=Counter)
    fills: list[Fill] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)

    def held(self) -> dict[str, int]:
        """Return what is held, by symbol."""
        return {symbol: quantity for symbol, quantity in sorted(self.quantities.items()) if quantity}


def records_of(kafka: Mapping[str, str], config: Config, account: str, topic: str, kind: type) -> Iterator[Any]:
    """Yield the distinct records of a kind of an account in a topic, in the order of the log."""
    for _, payload in distinct(kafka, config.world, topic, partition_of(account, config.partitions)):
        if wire.name_of(payload) == kind.__name__:
            record: Any = wire.decode(payload)
            if (record.intent.account if isinstance(record, Verdict) else record.account) == account:
                yield record


def by_hand(kafka: Mapping[str, str], config: Config, account: str) -> ByHand:
    """Return what fills and settlements in the account's inbox come to, without the ledger's code."""
    out = ByHand(next(records_of(kafka, config, account, "book", Mandate)).capital_cents)
    for fill in records_of(kafka, config, account, "book", Fill):
        out.fills.append(fill)
        parts = fill.legs or (fill,)
        for part in parts if fill.quantity else ():
            signed = part.quantity if part.side is Side.BUY else -part.quantity
            out.quantities[part.symbol] += signed
            out.cash_cents -= signed * part.price_cents * part.multiplier
        out.cash_cents -= fill.fee_cents
        out.fees_cents += fill.fee_cents
    for settlement in records_of(kafka, config, account, "book", Settlement):
        out.settlements.append(settlement)
        out.cash_cents += settlement.cash_cents - settlement.fee_cents
        out.fees_cents += settlement.fee_cents
        for transfer in settlement.transfers:
            out.quantities[transfer.symbol] += transfer.quantity
    return out


def ledger_of(kafka: Mapping[str, str], config: Config, account: str, stage: str) -> Ledger:
    """Return a stage's own ledger of an account: its newest checkpoint and what its inbox has had since."""
    topic, kind = INBOXES[stage]
    key = TaskKey(stage, topic, partition_of(account, config.partitions))
    fold, _ = peek(kafka, config.world, key, stage_params(config, stage), config.partitions)
    return fold.state[f"{kind}/{account}"].ledger  # type: ignore[no-any-return]  # what these keys hold


def check_reconciled(kafka: Mapping[str, str], config: Config, account: str) -> ByHand:
    """Check that cash, fees and positions agree: sizing's, risk's, the venue's, and the log's added up by hand."""
    expected = by_hand(kafka, config, account)
    venue = ledger_of(kafka, config, account, "venue")
    for stage in ("sizing", "risk"):
        assert ledger_of(kafka, config, account, stage) == venue, f"{stage} holds other than the venue"
    assert (venue.cash_cents, venue.fees_cents) == (expected.cash_cents, expected.fees_cents)
    assert {symbol: one.quantity for symbol, one in sorted(venue.positions.items())} == expected.held()
    for symbol, position in venue.positions.items():
        assert sum(lot.quantity for lot in position.lots) == position.quantity, symbol
    report = list(records_of(kafka, config, account, "risk", RiskReport))[-1]
    assert report.cash_cents == expected.cash_cents, "risk reports other cash"
    return expected


def check_orders(kafka: Mapping[str, str], config: Config, account: str) -> dict[str, OrderStatus]:
    """Check that each order was judged once, filled no more than approved and has ended; return how, by order.

    An order that waits for a person is judged twice: parked, and once it is approved.
    """
    judged: Counter[tuple[str, bool]] = Counter()
    approved: dict[str, int] = {}
    for verdict in records_of(kafka, config, account, "verdicts", Verdict):
        judged[verdict.intent.id, verdict.intent.parked] += 1
        if not verdict.intent.parked and verdict.decision is not Decision.REFUSE:
            approved[verdict.intent.id] = verdict.quantity
    assert not judged or max(judged.values()) == 1, "an order was judged twice"
    told: dict[str, list[Fill]] = defaultdict(list)
    for fill in records_of(kafka, config, account, "book", Fill):
        told[fill.intent_id].append(fill)
    ids = [fill.id for fills in told.values() for fill in fills]
    assert len(set(ids)) == len(ids), "a fill stands in the log twice"
    assert approved.keys() <= told.keys(), f"never answered: {approved.keys() - told.keys()}"
    out = {}
    for order, fills in told.items():
        last = fills[-1]
        assert all(fill.remaining for fill in fills[:-1]), f"{order} was told of after it had ended"
        assert last.remaining == 0, f"{order} still works: {last}"
        assert last.status in ENDED, f"{order} ended as {last.status}"
        assert sum(fill.quantity for fill in fills) <= approved.get(order, 1 << 62), f"{order} was overfilled"
        out[order] = last.status
    return out
