"""Splits: shares and contracts become others; what is less than a share is paid in cash.

Shares: the whole part comes, the fraction is paid at the last price before, by its share of the cost (a sale of the
fraction: IRS Publication 550, "Stock Splits"). Contracts: streams/options/contracts/adjusted.py; their own fraction of
a share is fixed at the same price (the OCC fixes it in the days after). What had ended before is settled first.
"""

from dataclasses import replace
from fractions import Fraction

from schemas.records import MarketEvent, SettlementKind, Transfer
from streams.book.ledger import Position
from streams.book.money import MICRO_PER_CENT
from streams.book.settle_rules import Quote
from streams.book.settle_terms import Contract, contract_of, terms_of
from streams.book.valuation import is_option
from streams.venue.life.assignment import tell
from streams.venue.life.expiry import end_contracts
from streams.venue.life.records import made
from streams.venue.life.state import Draft, Params, day_of

DENOMINATOR_MAX = 1_000
NAN = float("nan")


def split(draft: Draft, event: MarketEvent, params: Params) -> None:
    """Turn every position of the event's ticker into what it is after the split; a repeat on one day does nothing."""
    ticker, day = event.symbol, day_of(event.event_ns)
    ratio = Fraction(event.value).limit_denominator(DENOMINATOR_MAX)
    known = draft.under(ticker)
    if not ticker or known.split_day >= day or ratio in (0, 1):
        return
    end_contracts(draft, event.event_ns, params, exact=True)
    tell(draft, event.event_ns)
    after = replace(
        known,
        price_micro=int(known.price_micro / ratio),
        spot_micro=int(known.spot_micro / ratio),
        dividends=tuple(replace(one, cash_micro=int(one.cash_micro / ratio)) for one in known.dividends),
        split_day=day,
    )
    draft.changed[f"ticker/{ticker}"] = after
    for account, holder in tuple(draft.holders()):
        for symbol, position in sorted(holder.ledger.positions.items()):
            if symbol == ticker:
                _shares(draft, account, symbol, position, ratio, event.event_ns)
            elif is_option(symbol):
                contract = draft.contract(symbol, position.multiplier)
                if ticker in dict(contract.shares):
                    _contracts(draft, account, contract, position.quantity, ticker, ratio, event.event_ns)


def _shares(draft: Draft, account: str, ticker: str, position: Position, ratio: Fraction, event_ns: int) -> None:
    sign, total = (1 if position.quantity > 0 else -1), abs(position.quantity) * ratio
    whole = total.numerator // total.denominator
    rest = total - whole
    cash = sign * int(rest * draft.under(ticker).micro / MICRO_PER_CENT + Fraction(1, 2))
    gone = Transfer(ticker, -position.quantity, 0 if whole else -cash, 1)
    back = int(abs(position.cost_cents) * rest / total) * (1 if position.cost_cents > 0 else -1)
    came = (Transfer(ticker, sign * whole, -back, 1),) if whole else ()
    text = f"{ratio.numerator}:{ratio.denominator} split: {position.quantity} {ticker} are {sign * whole}"
    if rest:
        text += f", {rest} of a share in cash"
    settlement = made(
        account, ticker, event_ns, SettlementKind.SPLIT, position.quantity, 0, (gone, *came), cash, text, bool(whole)
    )
    draft.settle(account, settlement)


def _contracts(
    draft: Draft, account: str, contract: Contract, quantity: int, ticker: str, ratio: Fraction, event_ns: int
) -> None:
    after, count = _adjusted(draft, contract, ticker, ratio)
    came = Transfer(after.symbol, quantity * count, 0, after.multiplier)
    gone = Transfer(contract.symbol, -quantity, 0, contract.multiplier)
    text = f"{ratio.numerator}:{ratio.denominator} split of {ticker}: {quantity} {contract.symbol.strip()} are "
    text += f"{quantity * count} {after.symbol.strip()}"
    kind = SettlementKind.SPLIT
    draft.settle(
        account, made(account, contract.symbol, event_ns, kind, quantity, 0, (gone, came), 0, text, carries=True)
    )
    quote: Quote | None = draft.get(f"contract/{contract.symbol}")
    if quote is not None:
        ends = Quote(quote.event_ns, quote.expiry_ns, NAN, NAN, NAN, NAN, quote.rate, NAN, NAN)
        draft.changed[f"contract/{after.symbol}"] = ends


def _adjusted(draft: Draft, contract: Contract, ticker: str, ratio: Fraction) -> tuple[Contract, int]:
    """Return a contract after a split, kept where its symbol does not say what it delivers, and how many it became."""
    # The rules come with the kernels of streams.options: only who holds contracts through a split needs them.
    from streams.options.contracts import adjusted

    terms = adjusted.split(terms_of(contract), ticker, ratio.numerator, ratio.denominator)
    terms = adjusted.cash_in_lieu(terms, (draft.under(ticker).micro + MICRO_PER_CENT // 2) // MICRO_PER_CENT)
    after = contract_of(terms)
    if not terms.is_standard:
        draft.changed[f"terms/{after.symbol}"] = after
    return after, terms.contracts
