"""Day trades as FINRA counts them: a security opened and closed in one session (Rule 4210(f)(8)(B); Notice 21-13).

A closing fill counts once for all openings since the last one counted: buy, buy, sell, sell is one day trade, buy,
sell, buy, sell two. What was held overnight and is sold first is none. A combination's fill counts at most once.
A session is what MarketEvent SESSION_OPEN begins; without those, a session day in which the account did something.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SESSIONS = 5
"""Sessions that are counted together, the newest with them."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session day and how many day trades were made in it."""

    day: int
    trades: int


@dataclass(frozen=True, slots=True)
class Traded:
    """What was opened in a symbol in this session and is still held, signed. fresh: since the last that was counted."""

    quantity: int
    fresh: bool


def at_session(sessions: tuple[Session, ...], day: int) -> tuple[Session, ...]:
    """Return the last sessions with that of a day, which is not older than the newest."""
    if sessions and sessions[-1].day >= day:
        return sessions
    return (*sessions, Session(day, 0))[-SESSIONS:]


def after_fill(traded: Mapping[str, Traded], moves: list[tuple[str, int, int]]) -> tuple[dict[str, Traded], int]:
    """Return what is open of this session after a fill, and the day trades that it made (0 or 1).

    moves: symbol, quantity held before (signed) and bought (> 0) or sold, of each leg.
    """
    out, counted = dict(traded), False
    for symbol, held, signed in moves:
        before = out.get(symbol, Traded(0, False))
        closing = min(abs(held), abs(signed)) if held * signed < 0 else 0
        sign = 1 if signed > 0 else -1
        if closing and before.quantity:
            counted |= before.fresh
            left = max(0, abs(before.quantity) - closing)
            before = Traded(-sign * left, False)
        opening = abs(signed) - closing
        if opening:
            before = Traded((before.quantity if not closing else 0) + sign * opening, True)
        if before.quantity:
            out[symbol] = before
        else:
            out.pop(symbol, None)
    return out, int(counted)


def counted(sessions: tuple[Session, ...]) -> int:
    """Return the day trades of the last sessions."""
    return sum(session.trades for session in sessions)
