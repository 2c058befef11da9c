"""What shares need, and what options beside them change. Amounts as in strategies.py: what equity has to cover.

    long shares    50 % at first, 25 % from then on; short shares 50 % and 30 %, at least 5.00 a share
    covered call   shares count at most at the strike: + (S - K)+; maintenance 25 % of min(S, K)
    covered put    shares short count at least at the strike: + (K - S)+; maintenance of max(S, K)
    protective     maintenance min(25 % of S, 10 % of K + out of the money); short shares with a call: min(30 %, ...)
    conversion     shares, long put, short call of one strike and expiry: maintenance 10 % of K
    collar         the put's strike below the call's: maintenance min(10 % of put K + out of the money, 25 % of call K)
    reversal       short shares, short put, long call of one strike and expiry: 10 % of K + put in the money

Sources: Reg T 220.12; FINRA 4210(c), (f)(2); Cboe, Margin Manual (2000), pages 11 to 14 and 37 to 40.
"""

from collections.abc import Iterable, Iterator

from streams.risk.margin.formulas import part_of, protected_maintenance, short_share_maintenance
from streams.risk.margin.pairing import Plan
from streams.risk.margin.rules import MarginRow
from streams.risk.margin.spread import Line, Part
from streams.risk.margin.strategies import Strategy, made

Free = dict[str, Part]


class Shares:
    """The shares of one underlying and the rates they need. spot: mills a share."""

    def __init__(self, ticker: str, quantity: int, spot: int, multiplier: int, row: MarginRow) -> None:
        self.ticker, self.quantity, self.spot, self.multiplier, self.row = ticker, quantity, spot, multiplier, row
        self.long = quantity > 0
        self.sign = 1 if self.long else -1
        self.initial = part_of(spot, row.long_initial_bps if self.long else row.short_initial_bps)

    def maintenance(self, price: int) -> int:
        """Return the maintenance of one share that counts at a price, mills."""
        return part_of(price, self.row.long_maintenance_bps) if self.long else short_share_maintenance(price, self.row)


def share_strategies(plan: Plan, shares: Shares) -> tuple[list[Strategy], list[Part], int]:
    """Return what shares need beside options, and the long options and the shares that are left."""
    free: Free = {part.line.symbol: part for part in plan.free}
    found = []
    left = shares.quantity
    for line, count in plan.covered:
        for long, some in _protectors(line, count, free, shares):
            found.append(_covered(line, long, some, shares))
        left -= shares.sign * count * shares.multiplier
    strategies, left = _protected(left, free, shares)
    return found + strategies, list(free.values()), left


def shares_alone(shares: Shares) -> Strategy:
    """Return what shares need without options."""
    size, name = abs(shares.quantity), "long shares" if shares.long else "short shares"
    maintenance = size * shares.maintenance(shares.spot)
    return made(name, ((shares.ticker, shares.quantity),), size * shares.initial, maintenance)


def _spend(free: Free, line: Line, count: int) -> None:
    part = free.pop(line.symbol)
    if part.quantity > count:
        free[line.symbol] = Part(line, part.quantity - count)


def _protectors(short: Line, count: int, free: Free, shares: Shares) -> Iterator[tuple[Line | None, int]]:
    """Yield the long options of a covered option's expiry that lower maintenance, and None for the contracts left."""
    plain = _hedge_maintenance(short, None, shares)
    kin = [part.line for part in free.values() if part.line.day == short.day and part.line.is_call != short.is_call]
    for long in sorted(kin, key=lambda line: (_hedge_maintenance(short, line, shares), line.strike)):
        if not count or _hedge_maintenance(short, long, shares) >= plain:
            break
        some = min(count, free[long.symbol].quantity)
        _spend(free, long, some)
        yield long, some
        count -= some
    if count:
        yield None, count


def _hedge_maintenance(short: Line, long: Line | None, shares: Shares) -> int:
    """Return the maintenance of a contract's shares, a short option written on them, and a long one of its expiry."""
    n, row = shares.multiplier, shares.row
    counted = min(shares.spot, short.strike) if shares.long else max(shares.spot, short.strike)
    plain = n * shares.maintenance(counted)
    if long is None:
        return plain + short.itm
    if long.strike == short.strike:
        return min(plain, part_of(n * short.strike, row.hedge_bps)) + short.itm
    if shares.long and long.strike < short.strike:
        put = protected_maintenance(False, long.strike, shares.spot, n, row)
        return min(plain, put, part_of(n * short.strike, row.long_maintenance_bps)) + short.itm
    return plain + short.itm


def _covered(short: Line, long: Line | None, count: int, shares: Shares) -> Strategy:
    n = shares.multiplier
    value = (long.premium if long is not None else 0) - short.premium
    initial = n * shares.initial + short.itm + value
    maintenance = _hedge_maintenance(short, long, shares) + value
    legs: tuple[tuple[str, int], ...] = ((shares.ticker, shares.sign * n * count), (short.symbol, -count))
    name = "covered call" if shares.long else "covered put"
    if long is not None:
        legs += ((long.symbol, count),)
        same = long.strike == short.strike
        name = ("conversion" if same else "collar") if shares.long else "reversal"
    return made(name, legs, initial * count, maintenance * count)


def _protected(left: int, free: Free, shares: Shares) -> tuple[list[Strategy], int]:
    """Return shares that a long option protects where that needs less, and the shares left."""
    n, wanted = shares.multiplier, not shares.long
    plain = n * shares.maintenance(shares.spot)
    found = []
    for line, bound in sorted(_bounds(free.values(), wanted, shares), key=lambda pair: (pair[1], pair[0].symbol)):
        count = min(free[line.symbol].quantity, abs(left) // n)
        if not count or bound >= plain:
            break
        _spend(free, line, count)
        held = shares.sign * count * n
        name = "protective put" if shares.long else "protective call"
        initial = count * (n * shares.initial + line.premium)
        found.append(made(name, ((shares.ticker, held), (line.symbol, count)), initial, count * (bound + line.premium)))
        left -= held
    return found, left


def _bounds(free: Iterable[Part], is_call: bool, shares: Shares) -> list[tuple[Line, int]]:
    return [
        (line, protected_maintenance(is_call, line.strike, shares.spot, shares.multiplier, shares.row))
        for line, _ in free
        if line.is_call == is_call
    ]
