"""Assignment at expiry: decided at the closing price, told the next morning.

Near the strike it is a chance (streams/book/settle_rules.py), drawn from a hash of seed, account, contract and the
instant the contract ended: the same in every run. Of several contracts the chance's share is assigned, the part of a
contract that is left by the draw.
"""

import hashlib

from streams.book.money import MICRO_PER_CENT
from streams.book.settle_rules import assigned_chance
from streams.book.settle_terms import Contract
from streams.venue.life.records import delivered, expired
from streams.venue.life.state import Draft, Holder, Params, Pending

DRAWS = 1 << 64


def decide(account: str, contract: Contract, count: int, intrinsic_micro: int, end_ns: int, params: Params) -> Pending:
    """Return how many of `count` (> 0) contracts sold are assigned. intrinsic_micro: of one, at the closing price."""
    chance, of = assigned_chance(intrinsic_micro, contract.multiplier, params.pin_cents * MICRO_PER_CENT)
    name = f"{params.pin_seed}|{account}|{contract.symbol}|{end_ns}"
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    whole, rest = divmod(count * chance, of)
    return Pending(contract.symbol, whole + (draw * of < rest * DRAWS))


def tell(draft: Draft, now_ns: int) -> None:
    """Settle every short position that has ended: what was assigned is delivered, the rest has expired."""
    for account, holder in tuple(draft.holders()):
        if not holder.pending:
            continue
        draft.changed[f"holder/{account}"] = Holder(holder.ledger)
        for pending in holder.pending:
            position = holder.ledger.positions.get(pending.symbol)
            held = -position.quantity if position is not None else 0
            if position is None or held <= 0:
                continue
            contract = draft.contract(pending.symbol, position.multiplier)
            assigned = min(pending.assigned, held)
            if assigned:
                text = "told the morning after it ended"
                draft.settle(account, delivered(account, contract, -assigned, now_ns, draft.prices(contract), text))
            if assigned < held:
                draft.settle(account, expired(account, contract, assigned - held, now_ns))
