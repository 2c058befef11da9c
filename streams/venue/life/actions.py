"""Corporate actions that a person tells of, as the OCC's memo has them: special dividends and cash mergers.

- Special dividend: of at least 12.50 a contract the strike is lowered by it, to the cent; smaller ones change nothing
  (OCC By-Laws, article VI, section 11A; Characteristics and Risks of Standardized Options, November 2012 Supplement).
  Where it takes the whole strike the cash is delivered beside the shares instead. Shares are paid it as any dividend.
- Cash merger: shares become cash. Options are worth what that leaves, from then on: in the money by a cent they are
  settled in cash, else they expire, holders and writers at once. (The OCC brings their expiration forward to the next
  monthly one, and exercises the same ones: IBKR, ibkr.info/article/639.) Contracts that deliver other shares too stay.
"""

from dataclasses import replace
from datetime import date

from schemas.records import CorporateAction, CorporateActionKind, Settlement, SettlementKind, Transfer
from streams.book.money import MICRO_PER_CENT, text_of
from streams.book.settle_rules import Quote, is_exercised
from streams.book.settle_terms import Contract, contract_of, intrinsic_micro, terms_of
from streams.book.valuation import is_option
from streams.venue.life import assignment
from streams.venue.life.expiry import end_contracts
from streams.venue.life.records import expired, made, paid_out, settlement_id
from streams.venue.life.state import EPOCH, Action, Draft, Params

NAN = float("nan")


def tell(draft: Draft, action: CorporateAction, params: Params) -> None:
    """Keep an action until the morning of its day; one whose morning has been takes effect at once."""
    if draft.get(f"holder/{action.account}") is None:
        return
    day = (date.fromisoformat(action.day) - EPOCH).days
    kept = Action(action.kind, action.cash_cents, day)
    clock = draft.clock
    if day > clock.day:
        draft.changed[f"action/{action.account}/{action.symbol}"] = kept
        return
    now_ns = max(action.event_ns, clock.open_ns)
    end_contracts(draft, now_ns, params, exact=True)
    assignment.tell(draft, now_ns)
    _apply(draft, action.account, action.symbol, kept, now_ns)


def take_effect(draft: Draft, now_ns: int, keys: tuple[str, ...]) -> None:
    """Apply what is due by the clock's day. keys: of the state, in order."""
    for key in keys:
        kind, _, rest = key.partition("/")
        kept: Action | None = draft.get(key) if kind == "action" else None
        if kept is None or kept.day > draft.clock.day:
            continue
        account, _, ticker = rest.rpartition("/")
        draft.changed[key] = None
        _apply(draft, account, ticker, kept, now_ns)


def _apply(draft: Draft, account: str, ticker: str, action: Action, now_ns: int) -> None:
    merger = action.kind is CorporateActionKind.CASH_MERGER
    for symbol, position in sorted(draft.get(f"holder/{account}").ledger.positions.items()):
        if symbol == ticker:
            draft.settle(account, _shares(account, ticker, position.quantity, action.cash_cents, now_ns, merger))
        elif is_option(symbol):
            contract = draft.contract(symbol, position.multiplier)
            if ticker not in dict(contract.shares):
                continue
            if not merger:
                _lower(draft, account, contract, position.quantity, action.cash_cents, now_ns)
            elif len(contract.shares) == 1:
                draft.settle(account, _ended(account, contract, position.quantity, action.cash_cents, now_ns))


def _shares(account: str, ticker: str, quantity: int, cents: int, now_ns: int, merger: bool) -> Settlement:
    """Return what shares are paid, and at a merger their end."""
    cash = quantity * cents
    kind = SettlementKind.CASH if merger else SettlementKind.DIVIDEND
    gone = (Transfer(ticker, -quantity, -cash, 1),) if merger else ()
    what = "cash merger" if merger else "special dividend"
    text = f"{what}: {quantity} {ticker}, {text_of(cents)} a share"
    paid = made(account, ticker, now_ns, kind, quantity, cents, gone, cash, text)
    # An ordinary dividend of the same morning has the plain id.
    return replace(paid, id=settlement_id(account, f"{ticker} {what}", kind, now_ns))


def _ended(account: str, contract: Contract, quantity: int, cents: int, now_ns: int) -> Settlement:
    """Return the end of a contract whose shares have become cash."""
    ((ticker, _),) = contract.shares
    value_micro = cents * MICRO_PER_CENT
    intrinsic = intrinsic_micro(contract, {ticker: value_micro})
    if intrinsic is not None and is_exercised(intrinsic, contract.multiplier):
        return paid_out(account, contract, quantity, now_ns, intrinsic, value_micro)
    return expired(account, contract, quantity, now_ns)


def _lower(draft: Draft, account: str, contract: Contract, quantity: int, cents: int, now_ns: int) -> None:
    """Turn contracts into those of the strike less a special dividend."""
    after = lowered(contract, cents)
    if after == contract:
        return
    if contract_is_kept(after):
        draft.changed[f"terms/{after.symbol}"] = after
    gone = Transfer(contract.symbol, -quantity, 0, contract.multiplier)
    came = Transfer(after.symbol, quantity, 0, after.multiplier)
    text = f"special dividend of {text_of(cents)}: {quantity} {contract.symbol.strip()} are {after.symbol.strip()}"
    kind = SettlementKind.SPLIT
    draft.settle(
        account, made(account, contract.symbol, now_ns, kind, quantity, 0, (gone, came), 0, text, carries=True)
    )
    quote: Quote | None = draft.get(f"contract/{contract.symbol}")
    if quote is not None:
        # Its end stays; its figures are of another strike.
        ends = Quote(quote.event_ns, quote.expiry_ns, NAN, NAN, NAN, NAN, quote.rate, NAN, NAN)
        draft.changed[f"contract/{after.symbol}"] = ends


def lowered(contract: Contract, cents: int) -> Contract:
    """Return a contract after a special dividend of so many cents a share."""
    # The rules come with the kernels of streams.options: only who holds contracts through one needs them.
    from streams.options.contracts import adjusted

    terms = terms_of(contract)
    count = sum(shares for _, shares in contract.shares)
    if cents * count * 10 < terms.symbol.strike_mills * contract.multiplier:
        return contract_of(adjusted.special_dividend(terms, cents))
    if cents * count < adjusted.SPECIAL_DIVIDEND_CENTS_MIN:
        return contract
    cash = replace(terms.deliverable, cash_cents=terms.deliverable.cash_cents + cents * count)
    root = adjusted.adjusted_root(terms.symbol.root)
    return contract_of(replace(terms, symbol=replace(terms.symbol, root=root), deliverable=cash))


def contract_is_kept(contract: Contract) -> bool:
    """Return whether a contract's symbol does not say what it delivers."""
    return not terms_of(contract).is_standard
