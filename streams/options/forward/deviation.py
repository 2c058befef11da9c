"""How far a forward may be off: by the quotes' age, by how few strikes there are, by how little they agree.

Age. A pair's call was quoted c seconds ago and its put p; prices move with the forward by their deltas, d and d - 1
(undiscounted). With M(a) the forward's move over the last a seconds, parity of the two shows, instead of F,

    F - d M(c) - (1 - d) M(p) = F - M(young) - share X,      X the move between the two, share = |delta| of the older

    lag^2 = var = (speed F)^2 (young + share^2 (old - young))

as moves over times that do not overlap are independent; both of one age are off by the whole move since then. The move
since the youngest quote of all is lacking to every strike, and no number of strikes averages it out: it is the common
lag. What a strike has beyond it widens its interval. Part of that is shared, too: two legs of ages a and b have
(speed F)^2 min(a, b) share share in common, so that the lag of the strikes' mean is summed over all pairs of legs,

    together^2 = (speed F)^2 sum_ij w_i w_j share_i share_j min(a_i, a_j),      w ~ 1 / half^2, half widened

    speed = vol x sqrt(0.75 / (252 sessions of 23,400 s))      per sqrt(second) of session (volatility time's weights)

Few strikes. A synthetic forward's middle is off by both its rights, each anywhere within half its own spread, and so by
half / sqrt(6), half being half the width of its interval; parity's density, which takes an interval for one error's, is
brought down to that by sqrt(2). The weighted mean of n is off by sqrt(1 / (6 sum 1/half^2)). Strikes that scatter more
than that say so themselves, and few of them say it badly: the scatter's own standard error counts with Student's t for
68 % at n - 1 degrees of freedom. The deviation is the largest of these three, of widened intervals, and with it, in
squares, the common lag; or, where that is more, that of unwidened ones and the lag of the strikes' mean.

Where the spot at the time of a quote is known, M is known: the forward's slope in the spot times the spot's move. An
interval is then moved on to now by d M(c) + (1 - d) M(p), and of the age only what the spot does not tell is left
(volatility moves, too, and makers lag): UNTOLD of the move's variance.

Source: put-call parity on prices of different times: Easton, Non-simultaneity and apparent option mispricing in tests
of put-call parity (1994); the formula follows from independent increments.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import entry, kernel
from streams.numerics.special import normal_cdf
from streams.options.forward.parity import WIDTH_MIN

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

SESSION_SHARE = 0.75 / (252.0 * 23_400.0)
"""Years of variance in a second of session."""
LEVEL_LAG_S = 5.0
"""A spot that is one price (a last trade, an index of last trades) and no quote is taken to be so many seconds old."""
PAIR = 6.0
"""The sum of two values, each anywhere within +-h / 2, has the variance h^2 / 6."""
DENSITY_SHARE = 0.7071067811865476
"""What is left of a density's deviation that takes the sum of two errors for one: sqrt(1 / 2)."""
UNTOLD = 0.04
"""Of the variance of what a right has moved by since its quote, where the spot's move is known."""
SPOT_TOLD_S = 23_400.0
"""A session: over longer times the spot also falls by dividends, which forwards do not."""
STUDENT = (1.837, 1.321, 1.197, 1.142, 1.111, 1.091, 1.077, 1.067)
"""Student's t within which 68.27 % lie, at 1, 2, ... degrees of freedom."""
STUDENT_REST = 0.53
"""Beyond the table t is 1 + this / degrees."""


class Aged(NamedTuple):
    """Intervals with what their quotes' age adds, (w,) each, and the lag common to all, quote currency."""

    low: F64
    high: F64
    common: float


@entry
def _age(strikes: F64, put_s: F64, call_s: F64, weight: F64, facts: F64, low: F64, high: F64) -> float:
    """Widen low and high (w,) in place; return the common lag. facts: forward, its deviations a year, to expiry.

    put_s, call_s: (w,) seconds.
    """
    forward, yearly, whole = facts[0], facts[1], facts[2]
    rate = yearly * yearly * SESSION_SHARE
    added = np.zeros(strikes.size)
    youngest = np.inf
    for i in range(strikes.size):
        call_delta = normal_cdf((forward - strikes[i]) / whole)
        share = call_delta if call_s[i] > put_s[i] else 1.0 - call_delta
        young, old = min(put_s[i], call_s[i]), max(put_s[i], call_s[i])
        added[i] = rate * (young + share * share * (old - young))
        if weight[i] > 0.0:
            youngest = min(youngest, young)
    common = rate * youngest if youngest < np.inf else 0.0
    for i in range(strikes.size):
        half = 0.5 * (high[i] - low[i])
        if added[i] > common and half < np.inf:
            wider = np.sqrt(half * half + PAIR * (added[i] - common)) - half
            low[i] -= wider
            high[i] += wider
    return float(np.sqrt(common))


@kernel
def _student(degrees: int) -> float:
    return STUDENT[degrees - 1] if degrees <= len(STUDENT) else 1.0 + STUDENT_REST / degrees


@entry
def few(low: F64, high: F64, forward: float) -> float:
    """Return the least deviation that n strikes' intervals allow a forward, quote currency; inf for none.

    low, high: (n,) of those that agree, finite. forward: NaN: their scatter about it does not count.
    """
    precision, scatter = 0.0, 0.0
    for i in range(low.size):
        half = max(0.5 * (high[i] - low[i]), WIDTH_MIN * abs(low[i]))
        apart = 0.5 * (low[i] + high[i]) - forward
        precision += 1.0 / (half * half)
        scatter += apart * apart / (half * half)
    if not precision > 0.0:
        return np.inf
    least = np.sqrt(1.0 / (PAIR * precision))
    if low.size < 2 or not abs(forward) < np.inf:
        return float(least)
    return float(max(least, _student(low.size - 1) * np.sqrt(scatter / (precision * (low.size - 1)))))


@entry
def _together(strikes: F64, put_s: F64, call_s: F64, half: F64, facts: F64) -> float:
    """Return the deviation of the strikes' mean by age alone. half: (w,) half widths, > 0. facts: as _age."""
    count = strikes.size
    call, put = np.empty(count), np.empty(count)
    whole, total = 0.0, 0.0
    for i in range(count):
        weight = 1.0 / (half[i] * half[i])
        delta = normal_cdf((facts[0] - strikes[i]) / facts[2])
        call[i], put[i] = weight * delta, weight * (1.0 - delta)
        whole += weight
    for i in range(count):
        for j in range(count):
            total += call[i] * (call[j] * min(call_s[i], call_s[j]) + put[j] * min(call_s[i], put_s[j]))
            total += put[i] * (call[j] * min(put_s[i], call_s[j]) + put[j] * min(put_s[i], put_s[j]))
    return float(facts[1] * np.sqrt(SESSION_SHARE * total) / whole)


@entry
def _move(strikes: F64, put_by: F64, call_by: F64, facts: F64, low: F64, high: F64) -> None:
    """Move low and high (w,) in place by what their rights miss of the forward's move; facts: as _age."""
    for i in range(strikes.size):
        call_delta = normal_cdf((facts[0] - strikes[i]) / facts[2])
        by = call_delta * call_by[i] + (1.0 - call_delta) * put_by[i]
        low[i] += by
        high[i] += by


def moved_on(
    dealt: tuple[F64, F64], strikes: F64, by: F64, forward: float, vol: float, years: float
) -> tuple[F64, F64]:
    """Return synthetic forwards' intervals as of now.

    dealt: low and high, (w,) quote currency. by: (2, w) how far the forward has moved since each right was quoted, the
    puts' first, 0 where that is not known. The rest as for `aged`.
    """
    _, facts = _facts(by, forward, vol, years)
    if facts is None or not by.any():
        return dealt
    low, high = dealt[0].copy(), dealt[1].copy()
    _move(strikes, by[0].copy(), by[1].copy(), facts, low, high)
    return low, high


def told_of(spot: float, spot_then: F64, age_s: F64) -> tuple[F64, F64]:
    """Return by how much the spot has moved since each quote, 0 where that is not known, and the age that counts.

    spot_then: (n,) the spot at the time of each quote, NaN: not known. age_s: (n,) seconds.
    """
    move = spot - spot_then
    known = np.isfinite(move) & ~(age_s > SPOT_TOLD_S)
    return np.where(known, move, 0.0), np.where(known, UNTOLD * age_s, age_s)


def aged(low: F64, high: F64, strikes: F64, age_s: F64, weight: F64, forward: float, vol: float, years: float) -> Aged:
    """Return synthetic forwards' intervals with what age adds to them.

    low, high: (w,) quote currency, infinite where a side is missing. age_s: (2, w) seconds, the puts' first; NaN and
    what is negative: new. weight: (w,), 0: asked nothing. vol: per sqrt(year); not positive, or years not: no age
    counts.
    """
    seconds, facts = _facts(age_s, forward, vol, years)
    if facts is None:
        return Aged(low, high, 0.0)
    wide = Aged(low.copy(), high.copy(), 0.0)
    return wide._replace(common=_age(strikes, *seconds, weight, facts, wide.low, wide.high))


def deviation_of(
    density: float, dealt: tuple[F64, F64], wide: Aged, agree: Bool, strikes: F64, age_s: F64, forward: float,
    vol: float, years: float,
) -> float:  # fmt: skip
    """Return a forward's deviation, quote currency; see the module's head.

    density: parity's own. dealt, wide: intervals, (w,) each, as quoted and with their age. agree: (w,) which agree on
    the forward, one at least, of finite intervals. The rest as for `aged`.
    """
    least = max(DENSITY_SHARE * density, few(wide.low[agree], wide.high[agree], forward))
    least = float(np.sqrt(least * least + wide.common * wide.common))
    seconds, facts = _facts(age_s[:, agree], forward, vol, years)
    if facts is None:
        return least
    half = np.maximum(0.5 * (wide.high[agree] - wide.low[agree]), WIDTH_MIN * forward)
    lag = _together(strikes[agree], *seconds, half, facts)
    spread = few(dealt[0][agree], dealt[1][agree], np.nan)
    return max(least, float(np.sqrt(spread * spread + lag * lag)))


def _facts(age_s: F64, forward: float, vol: float, years: float) -> tuple[tuple[F64, F64], F64 | None]:
    """Return the puts' and the calls' ages, and what kernels want: forward, its deviation a year and to expiry."""
    seconds = np.where(age_s > 0.0, age_s, 0.0)
    spread = vol * forward
    known = spread > 0.0 and spread < np.inf and years > 0.0
    facts = np.array([forward, spread, spread * np.sqrt(years)]) if known else None
    return (seconds[0].copy(), seconds[1].copy()), facts


def moved(seconds: float, level: float, vol: float) -> float:
    """Return the deviation of a level's move over seconds of session, in its currency; 0 where vol is not known."""
    return float(level * vol * np.sqrt(SESSION_SHARE * seconds)) if vol > 0.0 and seconds > 0.0 else 0.0


def student(degrees: int) -> float:
    """Return Student's t within which 68 % lie; degrees >= 1."""
    return float(_student(degrees))
