"""The options of a simulated recording, day by day: what is listed, who quotes it, and frames beside the ticks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from connectors.sources.calendars import Calendar
from connectors.sources.frames import BID, F64, I64, FrameRule, Ticks
from connectors.sources.sessions import MINUTE_NS, SECOND_NS, Event, Session
from connectors.sources.sim_chain_listing import Listing, close_ns, expiry_days, strikes_of
from connectors.sources.sim_chain_market import OptionParams, OptionTruth, option_truth
from connectors.sources.sim_market import INSTRUMENTS, MarketDay
from connectors.sources.sim_options import ChainQuoter, Looks
from connectors.sources.sim_ticks import QUOTE_SHARE, ROWS_AN_EVENT
from connectors.sources.timeline import Frames, option_frames
from schemas.records import MarketEventKind

ROW_OF = {one.symbol: row for row, one in enumerate(INSTRUMENTS)}
PIECE_ROWS = 400_000
"""About so many rows of options are held in memory at a time."""
PIECE_SECONDS_MAX = 60
FRAME_ROWS = 512
"""Most rows of a frame of options: a chain is quoted in bursts."""
INTEREST_NS = 30 * MINUTE_NS
"""Before the opening, or the first instant that is played."""
ROWS_A_LOOK, ROWS_POWER = 0.9, 0.7
"""Rows a second and contract are about the first x looks a second to the power of the second: for a progress bar."""


@dataclass(frozen=True)
class SimOptions:
    """The options of a run. truths: by symbol, in the order of the instruments."""

    params: OptionParams
    seed: int
    calendar: Calendar
    sessions: tuple[Session, ...]
    truths: Mapping[str, OptionTruth]

    def news(self, event_ns: int) -> list[Event]:
        """Return what is announced at the beginning: dividends to come, and when earnings come out."""
        out = []
        for symbol, truth in self.truths.items():
            for ex_ns, cash in zip(truth.ex_ns.tolist(), truth.cash.tolist(), strict=True):
                out.append(Event(event_ns, MarketEventKind.DIVIDEND, symbol, start_ns=ex_ns, value=cash))
            if truth.event_ns:
                out.append(Event(event_ns, MarketEventKind.EARNINGS, symbol, start_ns=truth.event_ns))
        return out

    def overnight(self, price: F64, ended_ns: int, session: Session) -> F64:
        """Return last prices, (symbols,), as the next session finds them: after earnings by night, ex dividend."""
        out = price.copy()
        for symbol, truth in self.truths.items():
            if ended_ns <= truth.event_ns < session.start_ns:
                out[ROW_OF[symbol]] *= truth.jump
            out[ROW_OF[symbol]] -= truth.cash[truth.ex_ns == session.open_ns].sum()
        return out

    def evening(self, day: MarketDay) -> MarketDay:
        """Return a day with the earnings that come out while it is played: prices jump within that minute."""
        price = day.price.copy()
        for symbol, truth in self.truths.items():
            if day.start_ns <= truth.event_ns < day.end_ns:
                after = (truth.event_ns - day.start_ns) // MINUTE_NS + 1
                price[ROW_OF[symbol], after:] = np.round(price[ROW_OF[symbol], after:] * truth.jump, 6)
        return replace(day, price=price)

    def listings(self, days: Sequence[MarketDay]) -> list[dict[str, list[Listing]]]:
        """Return what is listed on each day, by symbol and expiry."""
        out: list[dict[str, list[Listing]]] = []
        strikes: dict[tuple[str, int], F64] = {}
        for day in days:
            ends = [(one, close_ns(one, self.calendar)) for one in self._expiry_days(day)]
            listed: dict[str, list[Listing]] = {}
            for symbol, truth in self.truths.items():
                at_ns = day.session.open_ns
                spot = opening_price(symbol, day)
                for one, end_ns in ends:
                    forward = truth.forward(at_ns, end_ns, spot)
                    deviation = float(np.sqrt(truth.variance(at_ns, end_ns, np.zeros(1))[0]))
                    before = strikes.get((symbol, end_ns))
                    strikes[symbol, end_ns] = strikes_of(forward, deviation, self.params.strikes, before)
                    listed.setdefault(symbol, []).append(Listing(one, end_ns, strikes[symbol, end_ns]))
            out.append(listed)
        return out

    def _expiry_days(self, day: MarketDay) -> tuple[date, ...]:
        return expiry_days(day.session.day, self.params.expiries, self.calendar)

    def rows(self, days: Sequence[MarketDay], ticks: Sequence[F64]) -> int:
        """Return about how many rows of options there are. ticks: of each day, those expected of each instrument."""
        total = 0.0
        for day, listed, expected in zip(days, self.listings(days), ticks, strict=True):
            seconds = (min(day.end_ns, day.session.close_ns) - day.session.open_ns) / SECOND_NS
            for symbol, some in listed.items():
                quotes = expected[ROW_OF[symbol]] * QUOTE_SHARE / ROWS_AN_EVENT / seconds
                looks = quotes / (1.0 + quotes / self.params.rate)
                contracts = sum(2 * len(one.strike) for one in some)
                total += contracts * (1.0 + ROWS_A_LOOK * looks**ROWS_POWER * seconds)
        return round(total)


class OptionDay:
    """One day of all options, chunk of ticks by chunk."""

    def __init__(
        self, options: SimOptions, number: int, day: MarketDay, listed: Mapping[str, Sequence[Listing]]
    ) -> None:
        """number: of the day in the run."""
        rate = options.params.rate
        self._quoters = {
            symbol: ChainQuoter(options.truths[symbol], some, day.session, options.seed, number)
            for symbol, some in listed.items()
        }
        self._looks = {symbol: Looks(day.session, rate) for symbol in listed}
        self._spot = dict.fromkeys(self._quoters, float("nan"))
        contracts = sum(len(one.contracts) for one in self._quoters.values())
        seconds = int(PIECE_ROWS / (2.0 * contracts * rate))
        self._piece_ns = min(max(seconds, 1), PIECE_SECONDS_MAX) * SECOND_NS
        self._interest_ns = max(day.start_ns, day.session.open_ns - INTEREST_NS)

    def pieces(
        self, name: str, begin_ns: int, end_ns: int, ticks: Sequence[Ticks], frames: Sequence[Frames], rule: FrameRule
    ) -> Iterator[tuple[list[Frames], int]]:
        """Yield the frames of a chunk of ticks with those of options, and up to when, in order.

        name: of the source. ticks: of every instrument; frames: of those that are played.
        """
        wide = FrameRule(max(rule.ticks_max, FRAME_ROWS), rule.span_ns)
        known = {symbol: self._known(symbol, ticks[ROW_OF[symbol]], end_ns) for symbol in self._quoters}
        for from_ns in range(begin_ns, end_ns, self._piece_ns):
            to_ns = min(from_ns + self._piece_ns, end_ns)
            out = [part for one in frames if len((part := _between(one, from_ns, to_ns)).sent_ns)]
            for symbol, quoter in self._quoters.items():
                if from_ns <= self._interest_ns < to_ns:
                    out.append(option_frames(symbol, name, "", quoter.interest(self._interest_ns), wide))
                looks, spots = known[symbol]
                now = slice(*np.searchsorted(looks, [from_ns, to_ns]).tolist())
                rows = quoter.quotes(looks[now], spots[now])
                if rows is not None:
                    out.append(option_frames(symbol, name, "", rows, wide))
            yield out, to_ns

    def _known(self, symbol: str, ticks: Ticks, end_ns: int) -> tuple[I64, F64]:
        """Return the looks of a chunk that ends at an instant, (l,) ns, and the spot that each finds, (l,)."""
        bid = np.flatnonzero(ticks.kind == BID)
        when = ticks.event_ns[bid]
        middle = np.append(self._spot[symbol], 0.5 * (ticks.price[bid] + ticks.price[bid + 1]))
        self._spot[symbol] = float(middle[-1])
        looks = self._looks[symbol].after(when, end_ns)
        return looks, middle[np.searchsorted(when, looks)]


def opening_price(symbol: str, day: MarketDay) -> float:
    """Return the price of a symbol at a day's regular opening, quote currency."""
    return float(day.price[ROW_OF[symbol], (day.session.open_ns - day.start_ns) // MINUTE_NS])


def _between(frames: Frames, from_ns: int, to_ns: int) -> Frames:
    """Return the frames that are sent in [from_ns, to_ns)."""
    a, b = np.searchsorted(frames.sent_ns, [from_ns, to_ns]).tolist()
    return replace(
        frames,
        sent_ns=frames.sent_ns[a:b],
        last_row=frames.last_row[a:b],
        rows=frames.rows[a:b],
        offsets=frames.offsets[a : b + 1],
    )


def sim_options(params: OptionParams, seed: int, calendar: Calendar, sessions: tuple[Session, ...]) -> SimOptions:
    """Return the options of a run; the calendar must reach calendar_days(params.expiries) past the last session."""
    first, last = sessions[0].day, sessions[-1].day
    chosen = [one.symbol for one in INSTRUMENTS if one.symbol in params.symbols]
    truths = {symbol: option_truth(symbol, seed, calendar, first, last, params) for symbol in chosen}
    return SimOptions(params, seed, calendar, sessions, truths)
