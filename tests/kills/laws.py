"""What must hold after any number of kills."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from schemas import wire
from schemas.records import Fill, OrderIntent, RiskReport, Side, Signal, Verdict
from schemas.topics import full_name
from streams.log.filter import IdFilter, split_headers
from streams.log.reader import read

Digests = dict[tuple[str, str], str]
"""sha256 of the payloads of an underlying in a topic, in order, by (topic, underlying)."""


def distinct(kafka: Mapping[str, str], world: str, topic: str, partition: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, payload) of each record once, in log order; GapError where an origin misses one."""
    seen = IdFilter()
    for message in read(kafka, full_name(world, topic), partition):
        headers = split_headers(message.headers(), b"foreign", message.offset() or 0)
        if seen.accept_text(*headers):
            yield bytes(message.key() or b""), bytes(message.value() or b"")


class Hashes:
    """Running hashes by (topic, underlying)."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], Any] = defaultdict(hashlib.sha256)
        self.counts: Counter[str] = Counter()

    def add(self, topic: str, partition: int, key: bytes, payload: bytes) -> None:
        """Add a record; what is of no underlying stands once in each partition, so it is told apart by that."""
        digest = self._by_place[topic, key.decode() or f"partition {partition}"]
        digest.update(len(payload).to_bytes(4, "little"))
        digest.update(payload)
        self.counts[topic] += 1

    def digests(self) -> Digests:
        return {place: digest.hexdigest() for place, digest in sorted(self._by_place.items())}


def recorded_hashes(kafka: Mapping[str, str], world: str, partitions: int, without: Collection[str] = ()) -> Hashes:
    """Return the hashes of what stands in features and signals, duplicates dropped. without: names of records."""
    hashes = Hashes()
    for topic in ("features", "signals"):
        for partition in range(partitions):
            for key, payload in distinct(kafka, world, topic, partition):
                if wire.name_of(payload) not in without:
                    hashes.add(topic, partition, key, payload)
    return hashes


def check_order_path(kafka: Mapping[str, str], world: str, partitions: int, account_partitions: int) -> dict[str, int]:
    """Check that each signal is routed once, each intent has one verdict, and cash reconciles; return the counts."""
    signals = _ids(kafka, world, "signals", partitions, Signal)
    routed = _ids(kafka, world, "book", partitions, Signal)
    assert routed == Counter({name: count * account_partitions for name, count in signals.items()})
    assert not signals or max(signals.values()) == 1, "a signal stands in the log twice"
    intents = _ids(kafka, world, "orders", partitions, OrderIntent)
    judged: Counter[str] = Counter()
    for partition in range(partitions):
        for _, payload in distinct(kafka, world, "verdicts", partition):
            if wire.name_of(payload) == "Verdict":
                verdict = wire.decode(payload)
                assert isinstance(verdict, Verdict)
                judged[verdict.intent.id] += 1
    assert judged == intents
    fills = _check_cash(kafka, world, partitions)
    return {"signals": len(signals), "intents": len(intents), "verdicts": len(judged), "fills": fills}


def _check_cash(kafka: Mapping[str, str], world: str, partitions: int) -> int:
    """Cash in the newest report of each account is its first cash and the sum of its fills, to the cent."""
    flows: Counter[str] = Counter()
    newest: dict[str, RiskReport] = {}
    first: dict[str, int] = {}
    fills = 0
    for partition in range(partitions):
        for _, payload in distinct(kafka, world, "book", partition):
            record = wire.decode(payload) if wire.name_of(payload) in ("Fill", "Mandate") else None
            if isinstance(record, Fill):
                signed = record.quantity if record.side is Side.BUY else -record.quantity
                flows[record.account] -= signed * record.price_cents + record.fee_cents
                fills += record.quantity > 0
            elif record is not None:
                first.setdefault(record.account, record.capital_cents)  # type: ignore[union-attr]  # a Mandate
        for _, payload in distinct(kafka, world, "risk", partition):
            record = wire.decode(payload)
            if isinstance(record, RiskReport):
                newest[record.account] = record
    assert newest, "no risk report"
    for account, report in newest.items():
        assert report.cash_cents == first[account] + flows[account], f"cash of {account} does not reconcile"
    return fills


def _ids(kafka: Mapping[str, str], world: str, topic: str, partitions: int, kind: type) -> Counter[str]:
    found: Counter[str] = Counter()
    for partition in range(partitions):
        for _, payload in distinct(kafka, world, topic, partition):
            if wire.name_of(payload) == kind.__name__:
                found[getattr(wire.decode(payload), "id")] += 1  # noqa: B009  # Record has no common id
    return found
