"""What the options of a simulated underlying are worth: the truth that quotes are drawn around, at any instant.

    truth = option_truth("AAPL", seed=1, calendar, first_day, last_day, params)
    truth.forward(event_ns, expiry_ns, spot)              # spot carried by rate, borrow and cash dividends
    truth.vol(event_ns, expiry_ns, strike, spot)          # Black's, on that forward
    truth.spot_vol(event_ns, expiry_ns, strike, spot)     # of the spot model with cash dividends: of American quotes
    truth.move, truth.event_ns, truth.jump                # the earnings: implied move, when, and how the price moves

A surface of sim_chain_truth runs in volatility time, which is the simulated prices' own: a session is worth
SESSION_SHARE of a trading day by its length, a night (of any length) the rest. Its European price of a strike is
Black's at `vol`; exercise before expiry adds what sim_chain_american says at `spot_vol`.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np

from connectors.sources.calendars import REGULAR_OPEN, Calendar
from connectors.sources.frames import F64, I64
from connectors.sources.sessions import MINUTE_NS, at_new_york
from connectors.sources.sim_chain import YEARS_MIN, draw_jump
from connectors.sources.sim_chain_american import Carry
from connectors.sources.sim_chain_listing import calendar_days, expiry_days
from connectors.sources.sim_chain_truth import ChainTruth, TruthKind, draw_truth, total_variance
from connectors.sources.sim_market import INSTRUMENTS, generator

YEAR_NS = 365 * 24 * 60 * MINUTE_NS
SESSION_NS = 390 * MINUTE_NS
NIGHT_VOL = 0.35
"""Of the simulated price's overnight return, over that of a session: see simulate_day."""
SESSION_SHARE = 1.0 / (1.0 + NIGHT_VOL**2)
PREMIUM = 1.1
"""Implied volatility over that of the simulated price."""
BORROW_MAX = 0.02
ANNOUNCED_NS = 30 * MINUTE_NS
"""After the close of its day."""

KINDS = {
    "AAPL": TruthKind.SSVI,
    "MSFT": TruthKind.BATES,
    "GOOGL": TruthKind.EARNINGS,
    "AMZN": TruthKind.SSVI,
    "TSLA": TruthKind.BATES,
    "NVDA": TruthKind.EARNINGS,
    "META": TruthKind.EARNINGS,
    "SPY": TruthKind.SSVI,
    "QQQ": TruthKind.BATES,
}
"""A third each; funds have no earnings."""
DIVIDENDS = {
    "AAPL": (0.26, (2, 5, 8, 11), 11),
    "MSFT": (0.83, (2, 5, 8, 11), 20),
    "GOOGL": (0.21, (3, 6, 9, 12), 9),
    "NVDA": (0.01, (3, 6, 9, 12), 11),
    "META": (0.53, (3, 6, 9, 12), 16),
    "SPY": (1.76, (3, 6, 9, 12), 20),
    "QQQ": (0.79, (3, 6, 9, 12), 23),
}
"""Cash a share, the months in which it goes ex, and the day of the month (the next session). AMZN and TSLA pay none."""


@dataclass(frozen=True)
class OptionParams:
    """What makes simulated options. symbols: underlyings that have them. rate: looks of the market makers a second, at
    most: they follow the underlying's quotes.

    expiries: listed at a time. strikes: about so many an expiry, each with a call and a put. interest: flat zero rate,
    continuous, per 1.00 and year; analytics must be given the same.
    """

    symbols: tuple[str, ...]
    rate: float = 4.0
    expiries: int = 8
    strikes: int = 24
    interest: float = 0.043

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.symbols) - set(KINDS)):
            raise ValueError(f"options are of {', '.join(KINDS)}, was {unknown[0]!r}")
        if not (self.symbols and 0.001 <= self.rate <= 20.0 and -0.05 <= self.interest <= 0.5):
            raise ValueError(f"expected symbols, 0.001 <= rate <= 20, -0.05 <= interest <= 0.5, was {self}")
        if not (2 <= self.expiries <= 20 and 5 <= self.strikes <= 100):
            raise ValueError(f"expected 2 to 20 expiries of 5 to 100 strikes, was {self}")


@dataclass(frozen=True)
class VolatilityTime:
    """Years of volatility time, linear between knots. instant_ns: (n,) opens and closes; years: (n,)."""

    instant_ns: I64
    years: F64

    def between(self, from_ns: int, to_ns: I64 | int) -> F64:
        """Return the years from an instant to others, at least YEARS_MIN; of their shape."""
        base = int(self.instant_ns[0])
        knots = (self.instant_ns - base).astype(np.float64)
        ends = np.interp(np.asarray(to_ns - np.int64(base), np.float64), knots, self.years)
        out: F64 = np.maximum(ends - np.interp(float(from_ns - base), knots, self.years), YEARS_MIN)
        return out


@lru_cache(maxsize=4)
def _knots(first: date, last: date, holidays: frozenset[date], early: tuple[tuple[date, Any], ...]) -> VolatilityTime:
    calendar = Calendar(holidays, dict(early))
    sessions = [calendar.session(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    instants, years, total = [], [], 0.0
    for session in (one for one in sessions if one is not None):
        for instant, share in (
            (session.open_ns, 1.0 - SESSION_SHARE),
            (session.close_ns, SESSION_SHARE * (session.close_ns - session.open_ns) / SESSION_NS),
        ):
            total += share / 252.0
            instants.append(instant)
            years.append(total)
    return VolatilityTime(np.array(instants, np.int64), np.array(years))


def volatility_time(first: date, last: date, calendar: Calendar) -> VolatilityTime:
    """Return the volatility time of the sessions from one day to another; the calendar must know them."""
    return _knots(first, last, calendar.holidays, tuple(sorted(calendar.early_closes.items())))


@dataclass(frozen=True)
class OptionTruth:
    """The truth of one underlying's options; event_ns 0, jump 1 and move 0 where no earnings come.

    ex_ns, cash: (d,) dividends by date, ns UTC of the ex-date's opening and quote currency a share.
    """

    symbol: str
    surface: ChainTruth
    rate: float
    borrow: float
    ex_ns: I64
    cash: F64
    event_ns: int
    jump: float
    time: VolatilityTime

    @property
    def move(self) -> float:
        """Return the implied move of the earnings: standard deviation of the logarithm of the price."""
        return self.surface.move if self.event_ns else 0.0

    def carry(self, event_ns: int) -> Carry:
        """Return how the spot is carried from an instant on."""
        ahead = self.ex_ns > event_ns
        return Carry(self.rate, self.borrow, (self.ex_ns[ahead] - event_ns) / YEAR_NS, self.cash[ahead])

    def forward(self, event_ns: int, expiry_ns: int, spot: float) -> float:
        """Return the forward of a spot at an instant."""
        return self.carry(event_ns).forward(spot, (expiry_ns - event_ns) / YEAR_NS)

    def is_after(self, event_ns: int, expiry_ns: int) -> bool:
        """Return whether the earnings lie between an instant and an expiry."""
        return event_ns < self.event_ns <= expiry_ns

    def variance(self, event_ns: int, expiry_ns: int, k: F64) -> F64:
        """Return total variance at log(strike / forward), (n,); NaN where an option is worth too little to have one."""
        years = float(self.time.between(event_ns, expiry_ns))
        return total_variance(self.surface, k, years, self.is_after(event_ns, expiry_ns))

    def vol(self, event_ns: int, expiry_ns: int, strike: F64, spot: float) -> F64:
        """Return Black's volatility on the forward, per sqrt(year) of ACT/365, (n,); NaN as in variance."""
        years = (expiry_ns - event_ns) / YEAR_NS
        k = np.log(strike / self.forward(event_ns, expiry_ns, spot))
        return np.sqrt(self.variance(event_ns, expiry_ns, k) / years)

    def spot_vol(self, event_ns: int, expiry_ns: int, strike: F64, spot: float) -> F64:
        """Return the volatility of the spot model with cash dividends, (n,): what an American quote implies."""
        years, forward = (expiry_ns - event_ns) / YEAR_NS, self.forward(event_ns, expiry_ns, spot)
        ratio = self.carry(event_ns).spot_vol_ratio(forward, strike, years)
        return self.vol(event_ns, expiry_ns, strike, spot) * ratio

    def described(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        surface = {name: value for name, value in vars(self.surface).items() if name != "kind"}
        return {
            "symbol": self.symbol,
            "kind": self.surface.kind.value,
            "surface": surface,
            "session_share": SESSION_SHARE,
            "rate": self.rate,
            "borrow": self.borrow,
            "dividends": [[int(ex), cash] for ex, cash in zip(self.ex_ns, self.cash.tolist(), strict=True)],
            "event_ns": self.event_ns,
            "move": self.move,
            "jump": self.jump,
        }


def option_truth(symbol: str, seed: int, calendar: Calendar, first: date, last: date, of: OptionParams) -> OptionTruth:
    """Return the truth of an underlying's options from the first to the last session day; drawn from (seed, symbol).

    calendar: must reach calendar_days(of.expiries) past the last day.
    """
    number = [one.symbol for one in INSTRUMENTS].index(symbol)
    surface = draw_truth(KINDS[symbol], seed, number, INSTRUMENTS[number].vol * PREMIUM)
    random = generator(seed, number, 74)
    borrow, event_share = float(random.uniform(0.0, BORROW_MAX)), float(random.random())
    end = expiry_days(last, of.expiries, calendar)[-1]
    ex_ns, cash = _dividends(symbol, first, end, calendar)
    event_ns = 0
    if surface.kind is TruthKind.EARNINGS:
        event_ns = _announcement(first, of.expiries, calendar, event_share)
    jump = draw_jump(surface, seed, number)
    time = volatility_time(first - timedelta(days=7), last + timedelta(days=calendar_days(of.expiries)), calendar)
    return OptionTruth(symbol, surface, of.interest, borrow, ex_ns, cash, event_ns, jump, time)


def _announcement(first: date, expiries: int, calendar: Calendar, share: float) -> int:
    """Return when earnings come out: on an evening between the first two expiries of the first day."""
    before, after = expiry_days(first, expiries, calendar)[:2]
    days = [before + timedelta(days=n) for n in range(1, (after - before).days)]
    sessions = [session for session in map(calendar.session, days) if session is not None]
    return sessions[math.floor(share * len(sessions))].close_ns + ANNOUNCED_NS


def _dividends(symbol: str, first: date, last: date, calendar: Calendar) -> tuple[I64, F64]:
    """Return ex-dates' openings and cash from a day to the first after another day."""
    cash, months, day_of_month = DIVIDENDS.get(symbol, (0.0, (), 1))
    out: list[int] = []
    for number in range(48 if cash else 0):
        years, month = divmod(first.month - 1 + number, 12)
        if month + 1 not in months:
            continue
        day = date(first.year + years, month + 1, day_of_month)
        ex_day = day if calendar.session(day) else calendar.next_session_day(day)
        if ex_day >= first:
            out.append(at_new_york(ex_day, REGULAR_OPEN))
        if ex_day > last:
            break
    return np.array(out, np.int64), np.full(len(out), cash)
