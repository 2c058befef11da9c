"""Quotes and trades of a simulated underlying's options, look by look, around the truth of sim_chain_market.

Market makers look at a chain when its underlying is quoted (class Looks). The middle of that quote is the spot; a
contract is quoted anew where its fair value has moved by REQUOTE of the half spread since its standing quote, and now
and then without a reason:

    half spread = wide x (a cent + 0.4 % of the time value + 0.1 % of vega + 0.2 % of the value in the money)

its middle up to NOISE of that off the truth, sides rounded outward to cents (below 3.00, and on SPY and QQQ) or to
nickels. A bid under a cent is none. For SPELL_NS at a time some contracts are not looked at (stale), of some nobody
bids, and each is dealt in wider or tighter. Trades happen at standing quotes; open interest stands before the opening.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from connectors.sources.frames import ASK, BID, F64, I64, OPEN_INTEREST, PAIRED, TRADE, U8, Options
from connectors.sources.sessions import MINUTE_NS, SECOND_NS, Session
from connectors.sources.sim_chain import ChainState, chain_state, flat_mids
from connectors.sources.sim_chain_american import premiums
from connectors.sources.sim_chain_listing import Listing
from connectors.sources.sim_chain_market import YEAR_NS, OptionTruth
from connectors.sources.sim_market import INSTRUMENTS, generator

REQUOTE, REQUOTE_CHANCE, NOISE = 0.25, 0.1, 0.4
WIDE = 0.3
"""Of a symbol and, within it, of a contract: the logarithm of its spread goes from minus to plus this."""
STALE_SHARE, NO_BID_SHARE = 0.02, 0.02
SPELL_NS = 5 * MINUTE_NS
SPAN_NS = 60 * MINUTE_NS
SPAN_MIN_NS = MINUTE_NS
PENNY_BELOW, PENNY, NICKEL = 3.0, 0.01, 0.05
ALL_PENNY = ("SPY", "QQQ")
TRADES_A_LOOK = 0.5
LAG_NS = 10_000_000
"""From a quote of the underlying to the quotes that follow from it."""
ROW_NS = 1_000
LOOK_ROOM_NS = 10_000_000
"""A look's rows lie within so much event time after it, and before the next full second."""
SPOTS = 25
"""Of a span's table."""
SPOT_DEVIATIONS, SPOT_REACH_MIN = 5.0, 0.008
NODES = 3
"""Spots at which a span takes volatilities for its premiums."""
REGULAR_SALE = 0
OPTION_STREAMS = 80
"""Begins the names of their streams of random numbers."""


@dataclass(frozen=True)
class _Span:
    """A stretch of time in which values are read from tables. low: log of the least spot; step: between spots.

    premium: (2, spots, n) by time (begin, end), spot and contract.
    """

    begin_ns: int
    end_ns: int
    low: float
    step: float
    state: ChainState
    premium: F64

    def holds(self, at_ns: int, spot: float) -> bool:
        """Return whether an instant and a spot lie in it."""
        return at_ns < self.end_ns and 0.0 <= (math.log(spot) - self.low) / self.step < SPOTS - 1


@dataclass(frozen=True)
class Fair:
    """What n contracts are worth: price, time_value, vega per 1.00 (quote currency), volatility of Black."""

    price: F64
    time_value: F64
    vega: F64
    vol: F64


class ChainValues:
    """Fair values of the contracts of some expiries, call rows and put rows as in Listing.contracts."""

    def __init__(self, truth: OptionTruth, listings: Sequence[Listing], end_ns: int) -> None:
        """end_ns: no value is asked for after it; every expiry is at it or later."""
        self._truth, self._listings, self._end_ns = truth, listings, end_ns
        self._span: _Span | None = None
        self.strike = np.concatenate([np.tile(one.strike, 2) for one in listings])
        self.is_call = np.concatenate([np.repeat([True, False], len(one.strike)) for one in listings])
        self.expiry = np.repeat(np.arange(len(listings)), [2 * len(one.strike) for one in listings])
        self._expiry_ns = np.array([one.expiry_ns for one in listings], np.int64)
        counts = [len(one.strike) for one in listings]
        self._strikes = np.concatenate([one.strike for one in listings])
        self._expiries = np.repeat(np.arange(len(counts)), counts)
        starts = np.cumsum([0, *counts[:-1]]).tolist()
        self._place = np.concatenate([np.tile(a + np.arange(m), 2) for a, m in zip(starts, counts, strict=True)])

    def at(self, at_ns: int, spot: float) -> Fair:
        """Return fair values at an instant and spot; instants must not go back."""
        if self._span is None or not self._span.holds(at_ns, spot):
            self._span = self._begin(at_ns, spot)
        span, truth = self._span, self._truth
        carry = truth.carry(at_ns)
        years = (self._expiry_ns - at_ns) / YEAR_NS
        forward = np.array([carry.forward(spot, one) for one in years.tolist()])
        left = truth.time.between(at_ns, self._expiry_ns)
        elapsed = float(truth.time.between(span.begin_ns, at_ns)) if at_ns > span.begin_ns else 0.0
        mids = flat_mids(span.state, elapsed, forward, self._strikes, self._expiries)
        discount = np.exp(-truth.rate * years)
        european = np.where(self.is_call, mids.call[self._place], mids.put[self._place]) * discount[self.expiry]
        deviation = (mids.vol * np.sqrt(left)[self._expiries])[self._place]
        vol = deviation / np.sqrt(years)[self.expiry]
        gain = np.where(self.is_call, spot - self.strike, self.strike - spot)
        price = np.maximum(european + self._premium(span, at_ns, spot), np.maximum(gain, 0.0))
        d1 = np.log(forward[self.expiry] / self.strike) / deviation + 0.5 * deviation
        density = np.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
        vega = (discount * forward * np.sqrt(years))[self.expiry] * density
        return Fair(price, price - np.maximum(gain, 0.0), vega, vol)

    def _premium(self, span: _Span, at_ns: int, spot: float) -> F64:
        """Return premiums of early exercise, (n,): linear in time and log spot."""
        place = (math.log(spot) - span.low) / span.step
        left = int(place)
        share = place - left
        both = (1.0 - share) * span.premium[:, left] + share * span.premium[:, left + 1]
        passed = (at_ns - span.begin_ns) / (span.end_ns - span.begin_ns)
        out: F64 = np.maximum((1.0 - passed) * both[0] + passed * both[1], 0.0)
        return out

    def _begin(self, at_ns: int, spot: float) -> _Span:
        """Return the tables from an instant on, around a spot: shorter where an expiry is near."""
        truth = self._truth
        to_expiry_ns = int(self._expiry_ns[0]) - at_ns
        length_ns = min(SPAN_NS, max(to_expiry_ns // 4, SPAN_MIN_NS), max(self._end_ns - at_ns, SECOND_NS))
        end_ns = at_ns + length_ns
        left = truth.time.between(at_ns, self._expiry_ns)
        span_years = float(truth.time.between(at_ns, end_ns))
        event_years = float(truth.time.between(at_ns, truth.event_ns)) if truth.event_ns > at_ns else math.inf
        state = chain_state(truth.surface, left, min(span_years, event_years), event_years)
        near = truth.surface.variance * span_years
        reach = max(SPOT_DEVIATIONS * math.sqrt(near), SPOT_REACH_MIN)
        low, step = math.log(spot) - reach, 2.0 * reach / (SPOTS - 1)
        spots = np.exp(low + step * np.arange(SPOTS))
        table = self._premium_table(at_ns, length_ns, state, spots)
        return _Span(at_ns, end_ns, low, step, state, table)

    def _premium_table(self, at_ns: int, length_ns: int, state: ChainState, spots: F64) -> F64:
        """Return premiums at both ends of a span, (2, spots, n).

        A strike's volatility changes as the spot moves: between NODES spots premiums at the volatilities that the
        strike has there are blended.
        """
        carry, years = self._truth.carry(at_ns), (self._expiry_ns - at_ns) / YEAR_NS
        vols = []
        for spot in np.exp(np.linspace(math.log(spots[0]), math.log(spots[-1]), NODES)).tolist():
            forward = np.array([carry.forward(spot, one) for one in years.tolist()])
            vol = flat_mids(state, 0.0, forward, self._strikes, self._expiries).vol
            clock = np.sqrt(state.years / years)[self._expiries]
            ratio = [
                carry.spot_vol_ratio(float(ahead), one.strike, time)
                for one, ahead, time in zip(self._listings, forward, years.tolist(), strict=True)
            ]
            vols.append((vol * clock * np.concatenate(ratio))[self._place])
        place = np.linspace(0.0, NODES - 1.0, SPOTS)
        weight = np.maximum(1.0 - np.abs(place[:, None] - np.arange(NODES)), 0.0)
        out = np.empty((2, SPOTS, len(self.strike)))
        for number, time in enumerate(years.tolist()):
            at = np.flatnonzero(self.expiry == number)
            of = np.tile(self.strike[at], NODES), np.tile(self.is_call[at], NODES)
            vol = np.concatenate([one[at] for one in vols])
            found = premiums(carry, time, length_ns / YEAR_NS, spots, *of, vol).reshape(2, SPOTS, NODES, len(at))
            out[:, :, at] = np.einsum("tsna,sn->tsa", found, weight)
        return out


@dataclass
class _Rows:
    """Rows as they come; take() gives them as columns."""

    parts: list[tuple[I64, I64, U8, U8, F64, I64]] = field(default_factory=list)

    def add(self, event_ns: I64, contract: I64, kind: U8, flags: U8, price: F64, size: I64) -> None:
        self.parts.append((event_ns, contract, kind, flags, price, size))

    def take(self, contracts: tuple[str, ...]) -> Options:
        event_ns, contract, kind, flags, price, size = (np.concatenate(one) for one in zip(*self.parts, strict=True))
        self.parts.clear()
        condition = np.full(len(event_ns), REGULAR_SALE, np.int64)
        return Options(contracts, event_ns, contract, kind, flags, price, size, condition)


class ChainQuoter:
    """The quotes of one underlying's options on one day; what it gives is a function of its looks, in order."""

    def __init__(
        self, truth: OptionTruth, listings: Sequence[Listing], session: Session, seed: int, number: int
    ) -> None:
        """number: of the day, which names the streams of random numbers."""
        self.contracts = tuple(name for one in listings for name in one.contracts(truth.symbol))
        self._values = ChainValues(truth, listings, session.close_ns)
        names = [one.symbol for one in INSTRUMENTS]
        self._seed, self._streams = seed, (OPTION_STREAMS, names.index(truth.symbol), number)
        count = len(self.contracts)
        self._random = self._stream(81)
        self._wide_all = math.exp(float(self._random.uniform(-WIDE, WIDE)))
        weight = self._random.standard_exponential(count) ** 2
        self._weight = np.cumsum(weight / weight.sum())
        self._interest = np.floor(weight * 400.0).astype(np.int64)
        self._pennies = truth.symbol in ALL_PENNY
        self._spell = -1
        self._stale, self._no_bid, self._wide = np.zeros(count, bool), np.zeros(count, bool), np.ones(count)
        self._fair, self._half = np.full(count, np.nan), np.zeros(count)
        self._bid, self._ask = np.zeros(count), np.zeros(count)
        self._rows = _Rows()

    def _stream(self, *purpose: int) -> np.random.Generator:
        return generator(self._seed, *self._streams, *purpose)

    def interest(self, at_ns: int) -> Options:
        """Return the open interest of every contract."""
        count = len(self.contracts)
        none = np.zeros(count, np.uint8)
        at = np.arange(count)
        self._rows.add(at_ns + at * ROW_NS, at, none + np.uint8(OPEN_INTEREST), none, np.zeros(count), self._interest)
        return self._rows.take(self.contracts)

    def quotes(self, look_ns: I64, spot: F64) -> Options | None:
        """Return the rows of some looks; None where nothing is said. spot: (l,), NaN: not known, no look."""
        for at_ns, one in zip(look_ns.tolist(), spot.tolist(), strict=True):
            if one == one:
                self._look(at_ns, one)
        return self._rows.take(self.contracts) if self._rows.parts else None

    def _look(self, at_ns: int, spot: float) -> None:
        self._begin_spell(at_ns)
        fair, random, count = self._values.at(at_ns, spot), self._random, len(self.contracts)
        draws, bits = random.random((2, count)), random.integers(0, 1 << 16, count)
        moved = np.abs(fair.price - self._fair) > REQUOTE * self._half
        wanted = (moved | (draws[0] < REQUOTE_CHANCE)) & ~self._stale | np.isnan(self._fair)
        at = np.flatnonzero(wanted)
        if at.size:
            self._requote(at_ns, at, fair, draws[1], bits)
        self._trade(at_ns + at.size * ROW_NS)

    def _requote(self, at_ns: int, at: I64, fair: Fair, draws: F64, bits: I64) -> None:
        price, time_value = fair.price[at], fair.time_value[at]
        base = PENNY + 0.004 * time_value + 0.001 * fair.vega[at] + 0.002 * (price - time_value)
        half = self._wide_all * self._wide[at] * base
        middle = price + NOISE * half * (2.0 * draws[at] - 1.0)
        bid, ask = self._rounded(middle - half, False), self._rounded(middle + half, True)
        bid = np.where(self._no_bid[at] | (bid < PENNY - 1e-9), 0.0, bid)
        self._fair[at], self._half[at], self._bid[at], self._ask[at] = price, half, bid, ask
        sizes = 1 + np.stack([bits[at] & 0xFF, bits[at] >> 8]) ** 2 // 512
        sizes[0] = np.where(bid > 0.0, sizes[0], 0)
        kind = np.tile(np.array([BID, ASK], np.uint8), at.size)
        flags = np.tile(np.array([PAIRED, 0], np.uint8), at.size)
        when = np.repeat(at_ns + np.arange(at.size) * ROW_NS, 2)
        self._rows.add(when, np.repeat(at, 2), kind, flags, np.stack([bid, ask], 1).ravel(), sizes.T.ravel())

    def _rounded(self, price: F64, up: bool) -> F64:
        """Return prices at the next tick outward."""
        tick = np.where((price < PENNY_BELOW) | self._pennies, PENNY, NICKEL)
        ticks = np.ceil(price / tick - 1e-9) if up else np.floor(price / tick + 1e-9)
        return np.maximum(np.round(ticks * tick, 2), 0.0)

    def _trade(self, at_ns: int) -> None:
        """Deal in some contracts at their standing quotes."""
        count = int(self._random.poisson(TRADES_A_LOOK))
        if not count:
            return
        draws = self._random.random((3, count))
        at = np.minimum(np.searchsorted(self._weight, draws[0]), len(self._weight) - 1)
        price = np.where(draws[1] < 0.5, self._bid[at], self._ask[at])
        at, price, size = at[price > 0.0], price[price > 0.0], 1 + (draws[2] ** 4 * 60).astype(np.int64)[price > 0.0]
        when = at_ns + np.arange(at.size) * ROW_NS
        none = np.zeros(at.size, np.uint8)
        self._rows.add(when, at, none + np.uint8(TRADE), none, price, size)

    def _begin_spell(self, at_ns: int) -> None:
        """Draw which contracts are stale, without a bid, and how wide each is, where a spell has ended."""
        if at_ns // SPELL_NS == self._spell:
            return
        self._spell = at_ns // SPELL_NS
        random, count = self._stream(82, self._spell), len(self.contracts)
        self._stale = random.random(count) < STALE_SHARE
        self._no_bid = random.random(count) < NO_BID_SHARE
        self._wide = np.exp(random.uniform(-WIDE, WIDE, count))


class Looks:
    """When an underlying's quotes are looked at: LAG_NS after one, `rate` times a second at most, in regular hours."""

    def __init__(self, session: Session, rate: float) -> None:
        self._first_ns, self._end_ns = session.open_ns + SECOND_NS, session.close_ns - LOOK_ROOM_NS
        self._every_ns = round(SECOND_NS / rate)
        self._last_ns = 0
        self._next_ns = 0
        """Of a quote that is still to be looked at; 0: none."""

    def after(self, quote_ns: I64, until_ns: int) -> I64:
        """Return the looks before an instant, (l,) ns, that (q,) quotes before it lead to; calls go on in time."""
        out = []
        for one in (*quote_ns.tolist(), until_ns):
            if self._next_ns and self._next_ns <= one - (one == until_ns):
                out.append(self._next_ns)
                self._last_ns, self._next_ns = self._next_ns, 0
            if not self._next_ns and one < until_ns:
                at = max(one + LAG_NS, self._last_ns + self._every_ns, self._first_ns)
                # Its rows must not cross a full second, where a heartbeat may stand.
                self._next_ns = -(-at // SECOND_NS) * SECOND_NS if at % SECOND_NS > SECOND_NS - LOOK_ROOM_NS else at
        looks = np.array(out, np.int64)
        return looks[looks < self._end_ns]
