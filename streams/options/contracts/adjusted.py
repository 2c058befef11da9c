"""What a contract delivers and how a corporate action changes it.

A premium or strike of 1.00 is `multiplier` units of currency, so that a contract is worth multiplier * V(s, K) where
s = (sum of shares * price + cash) / multiplier is the quoted unit's spot (`spot_of`): an adjusted contract is priced as
any other, at that spot.

- n:1 split, n whole: n contracts for one, strike / n to the nearest cent, a hundred shares each, the root unchanged.
- other splits (3:2): one contract, strike / ratio to the nearest cent, shares and multiplier times ratio, a new root
  (AAPL1); a fraction of a share is paid in cash at a price that is fixed after the split.
- reverse split 1:n: strike and multiplier unchanged, 100 / n shares and cash for the fraction, a new root.
- special cash dividend (at least 12.50 a contract and not ordinary): strike less the dividend, the root unchanged.
- merger: shares of another company and cash in place of each share, a new root.

These are the OCC's general rules; its information memo on each event decides. Source: OCC By-Laws, article VI, section
11A; OCC and others, Characteristics and Risks of Standardized Options. Amounts are whole numbers: shares, thousandths
of a currency unit (mills) for strikes, hundredths (cents) for cash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from schemas.osi import OptionSymbol

STANDARD_SHARES = 100
MINI_SHARES = 10
MINI_SUFFIX = "7"
SPECIAL_DIVIDEND_CENTS_MIN = 1250
"""A smaller special dividend, per contract, changes no strike."""


@dataclass(frozen=True)
class Deliverable:
    """What one contract delivers."""

    shares: tuple[tuple[str, int], ...]
    """(ticker, whole shares), in the order of the memo."""
    cash_cents: int = 0
    fraction: tuple[str, Fraction] | None = None
    """(ticker, part of a share below 1) that is paid in cash at a price not yet fixed; None once it is cash."""


@dataclass(frozen=True)
class Terms:
    """A contract with what it delivers. contracts: how many of it a holder of one contract before the event has."""

    symbol: OptionSymbol
    multiplier: int
    deliverable: Deliverable
    contracts: int = 1

    @property
    def is_standard(self) -> bool:
        """Return whether it is a hundred shares of one company at a multiplier of a hundred, and no cash."""
        one = self.deliverable
        plain = len(one.shares) == 1 and one.shares[0][1] == STANDARD_SHARES and not one.cash_cents
        return plain and one.fraction is None and self.multiplier == STANDARD_SHARES


def standard_terms(symbol: OptionSymbol, ticker: str | None = None) -> Terms:
    """Return the terms of an unadjusted contract, or of a mini (suffix 7, ten shares).

    ticker: of the underlying; the symbol's own where None. ValueError for another suffix: its memo has the terms.
    """
    suffix = symbol.root[-1] if symbol.is_adjusted else ""
    if suffix not in ("", MINI_SUFFIX):
        raise ValueError(f"root {symbol.root!r} is of an adjusted contract: its terms follow from its events")
    size = MINI_SHARES if suffix else STANDARD_SHARES
    return Terms(symbol, size, Deliverable(((ticker or symbol.ticker, size),)))


def adjusted_root(root: str) -> str:
    """Return the root of a contract after an adjustment that gives it a new one: AAPL, AAPL1, AAPL2, ..."""
    if root[-1].isdigit():
        if root[-1] == "9":
            raise ValueError(f"no suffix is left after {root!r}")
        return root[:-1] + str(int(root[-1]) + 1)
    return root[:5] + "1"


def split(terms: Terms, ticker: str, new: int, old: int) -> Terms:
    """Return the terms after a split of `new` shares for `old` of ticker; a reverse split where new < old.

    ValueError where new or old is not positive, or ticker is not delivered. `contracts` of the result counts those
    that one contract becomes.
    """
    if not (new > 0 and old > 0):
        raise ValueError(f"a split is of positive whole numbers, was {new}:{old}")
    if ticker not in dict(terms.deliverable.shares):
        raise ValueError(f"{terms.symbol.root} delivers no {ticker}")
    ratio = Fraction(new, old)
    if ratio == 1:
        return terms
    if ratio.denominator == 1 and terms.is_standard:
        count = ratio.numerator
        symbol = replace(terms.symbol, strike_mills=_to_cent(terms.symbol.strike_mills / ratio))
        return replace(terms, symbol=symbol, contracts=terms.contracts * count)
    deliverable = _scaled(terms.deliverable, ticker, ratio)
    symbol, multiplier = terms.symbol, terms.multiplier
    scaled = terms.multiplier * ratio
    if ratio > 1 and len(terms.deliverable.shares) == 1 and scaled.denominator == 1:
        multiplier = int(scaled)
        symbol = replace(symbol, strike_mills=_to_cent(symbol.strike_mills / ratio))
    return replace(
        terms,
        symbol=replace(symbol, root=adjusted_root(symbol.root)),
        multiplier=multiplier,
        deliverable=deliverable,
    )


def special_dividend(terms: Terms, cents_per_share: int) -> Terms:
    """Return the terms after a special cash dividend: the strike is lower by it, unless it is under 12.50 a contract.

    ValueError where it is not positive or takes the whole strike (the OCC then delivers the cash instead).
    """
    if not cents_per_share > 0:
        raise ValueError(f"dividend must be > 0 cents a share, was {cents_per_share}")
    shares = sum(count for _, count in terms.deliverable.shares)
    if cents_per_share * shares < SPECIAL_DIVIDEND_CENTS_MIN:
        return terms
    lower = Fraction(cents_per_share * shares * 10, terms.multiplier)
    strike_mills = _to_cent(terms.symbol.strike_mills - lower)
    if strike_mills <= 0:
        raise ValueError(f"a dividend of {cents_per_share} cents takes all of strike {terms.symbol.strike}")
    return replace(terms, symbol=replace(terms.symbol, strike_mills=strike_mills))


def merger(terms: Terms, ticker: str, into: str, ratio: Fraction, cents_per_share: int) -> Terms:
    """Return the terms after each share of ticker became `ratio` shares of `into` and cash; a new root.

    ratio: 0 for a cash merger. ValueError where ticker is not delivered.
    """
    held = dict(terms.deliverable.shares)
    if ticker not in held:
        raise ValueError(f"{terms.symbol.root} delivers no {ticker}")
    got = held.pop(ticker) * ratio
    whole, rest = divmod(got, 1)
    if whole:
        held[into] = held.get(into, 0) + int(whole)
    cash = terms.deliverable.cash_cents + dict(terms.deliverable.shares)[ticker] * cents_per_share
    deliverable = Deliverable(tuple(held.items()), cash, (into, rest) if rest else None)
    return replace(terms, symbol=replace(terms.symbol, root=adjusted_root(terms.symbol.root)), deliverable=deliverable)


def cash_in_lieu(terms: Terms, cents_per_share: int) -> Terms:
    """Return the terms once the price of a fraction is fixed: it is cash, to the nearest cent."""
    fraction = terms.deliverable.fraction
    if fraction is None:
        return terms
    cash = terms.deliverable.cash_cents + _nearest(fraction[1] * cents_per_share)
    return replace(terms, deliverable=replace(terms.deliverable, cash_cents=cash, fraction=None))


def spot_of(terms: Terms, prices: Mapping[str, float]) -> float:
    """Return the quoted unit's spot in quote currency: what the contract delivers, by its multiplier.

    prices: of each ticker delivered. NaN where one is absent. A fraction whose price is open counts at the share's.
    """
    value = terms.deliverable.cash_cents / 100.0
    parts = [(ticker, float(count)) for ticker, count in terms.deliverable.shares]
    if terms.deliverable.fraction is not None:
        ticker, part = terms.deliverable.fraction
        parts.append((ticker, part.numerator / part.denominator))
    for ticker, count in parts:
        value += count * prices.get(ticker, float("nan"))
    return value / terms.multiplier


def _scaled(one: Deliverable, ticker: str, ratio: Fraction) -> Deliverable:
    """Return what is delivered after a split of ticker, the part of a share apart."""
    before = one.fraction[1] if one.fraction is not None and one.fraction[0] == ticker else Fraction(0)
    shares, rest = [], one.fraction if one.fraction is not None and one.fraction[0] != ticker else None
    for name, count in one.shares:
        whole = count
        if name == ticker:
            held = (count + before) * ratio
            whole = held.numerator // held.denominator
            if held != whole:
                rest = (ticker, held - whole)
        if whole:
            shares.append((name, whole))
    return Deliverable(tuple(shares), one.cash_cents, rest)


def _nearest(value: Fraction) -> int:
    """Return the nearest whole number, a half upwards."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _to_cent(mills: Fraction) -> int:
    return _nearest(mills / 10) * 10
