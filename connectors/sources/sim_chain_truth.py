"""Volatility surfaces whose truth is known: SSVI, Heston with jumps (Bates), and an earnings jump between expiries.

Nothing here shares code with the pricers of streams, so that what they find can be held to it. k = log(strike /
forward), w = implied volatility squared x years; prices are normalised: undiscounted, over the forward.

    SSVI      w = theta (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) / 2,
              phi = eta / (theta^gamma (1 + theta)^(1 - gamma))
    BATES     Heston's variance (v, long, reversion, vol of vol, correlation) and lognormal jumps at a rate
    EARNINGS  Heston's variance and, for expiries after the announcement, one jump: two normals mixed, up and down

Bates and EARNINGS are priced by the COS method of Fang and Oosterlee (2008) on the characteristic function in the form
of Albrecher et al. (2007, "the little trap"); their volatility by Newton's method on Black's formula. `TruthTable`
holds w on a grid of k and years, for a source that prices thousands of contracts many times a second.
Sources: Gatheral and Jacquier (2014); Heston (1993); Bates (1996).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from connectors.sources.sim_market import generator

F64 = NDArray[np.float64]
C128 = NDArray[np.complex128]

COS_TERMS = 1_024
COS_REACH = 11.0
"""Half-width of the COS method's range, in standard deviations that count fourth moments too."""
NEWTON_STEPS = 60
TABLE_REACH = 8.0
"""How far a table reaches, in standard deviations at the money."""
TABLE_POINTS = 241
PRICE_MIN = 1e-9
"""Normalised time values under this are too near the COS method's own error to have a volatility."""


class TruthKind(StrEnum):
    """What the truth is made by."""

    SSVI = "ssvi"
    BATES = "bates"
    EARNINGS = "earnings"


@dataclass(frozen=True)
class ChainTruth:
    """A surface's parameters. Variances per year of volatility time; chances and correlations per 1.00.

    variance, long_variance, reversion: of the variance (for SSVI: of the variance at the money), which goes from the
    first to the second at that rate a year. vol_of_vol, correlation: of Heston; correlation is SSVI's rho. jump_rate:
    a year; jump_mean, jump_sd: of the jump's logarithm. eta, gamma: SSVI's. up_chance, up, down, move_sd: the earnings
    jump's logarithm is normal around up (with that chance) or down, before the drift that makes it fair.
    """

    kind: TruthKind
    variance: float
    long_variance: float
    reversion: float
    correlation: float
    vol_of_vol: float = 0.0
    jump_rate: float = 0.0
    jump_mean: float = 0.0
    jump_sd: float = 0.0
    eta: float = 0.0
    gamma: float = 0.5
    up_chance: float = 0.5
    up: float = 0.0
    down: float = 0.0
    move_sd: float = 0.0

    @property
    def move(self) -> float:
        """Return the standard deviation of the earnings jump's logarithm."""
        apart = self.up - self.down
        return math.sqrt(self.move_sd**2 + self.up_chance * (1.0 - self.up_chance) * apart * apart)


def draw_truth(kind: TruthKind, seed: int, number: int = 0, vol: float | None = None) -> ChainTruth:
    """Return a truth of a kind, drawn from the stream (seed, number); vol: of today's variance, None: drawn, too."""
    random = generator(seed, number, 71)
    drawn = math.exp(random.uniform(math.log(0.14), math.log(0.60)))
    vol = drawn if vol is None else vol
    long_vol = vol * math.exp(random.uniform(-0.3, 0.3))
    reversion = random.uniform(0.8, 5.0)
    base = (vol * vol, long_vol * long_vol, reversion)
    if kind is TruthKind.SSVI:
        rho = random.uniform(-0.75, -0.1)
        most = 2.0 / (1.0 + abs(rho))
        return ChainTruth(kind, *base, rho, eta=random.uniform(0.35, 0.95) * most, gamma=random.uniform(0.3, 0.5))
    rho, vol_of_vol = random.uniform(-0.85, -0.3), vol * random.uniform(0.8, 2.4)
    if kind is TruthKind.BATES:
        jumps = (random.uniform(0.2, 1.5), random.uniform(-0.5, -0.1) * vol, random.uniform(0.15, 0.5) * vol)
        return ChainTruth(kind, *base, rho, vol_of_vol, *jumps)
    move, chance = random.uniform(0.03, 0.12), random.uniform(0.4, 0.65)
    parted = random.uniform(0.3, 0.85)  # of the move's variance, between up and down
    apart = move * math.sqrt(parted / (chance * (1.0 - chance)))
    up, down = (1.0 - chance) * apart, -chance * apart
    sd = move * math.sqrt(1.0 - parted)
    return ChainTruth(kind, *base, rho, vol_of_vol, up_chance=chance, up=up, down=down, move_sd=sd)


def total_variance(truth: ChainTruth, k: F64, years: float, after_event: bool = False) -> F64:
    """Return w at log-moneyness k, (n,), for one expiry; NaN where the option is worth too little to have one.

    years: of volatility time to expiry, > 0. after_event: whether the earnings jump lies before the expiry.
    """
    if truth.kind is TruthKind.SSVI:
        return _ssvi(truth, k, years)
    return implied_variance(k, otm_prices(truth, k, years, after_event))


def expected_variance(truth: ChainTruth, years: float) -> float:
    """Return the diffusion's expected total variance to expiry (for SSVI: w at the money)."""
    passed = -math.expm1(-truth.reversion * years) / truth.reversion
    return truth.long_variance * years + (truth.variance - truth.long_variance) * passed


def _ssvi(truth: ChainTruth, k: F64, years: float) -> F64:
    theta, rho = expected_variance(truth, years), truth.correlation
    phi = truth.eta / (theta**truth.gamma * (1.0 + theta) ** (1.0 - truth.gamma))
    moved = phi * k
    out: F64 = 0.5 * theta * (1.0 + rho * moved + np.sqrt((moved + rho) ** 2 + 1.0 - rho * rho))
    return out


def characteristic(truth: ChainTruth, u: C128, years: float, after_event: bool) -> C128:
    """Return E exp(i u log(S / F)) of Heston, jumps and (after_event) the earnings jump."""
    xi, rho, kappa, one = truth.vol_of_vol, truth.correlation, truth.reversion, 1j * u
    bent = kappa - rho * xi * one
    root = np.sqrt(bent * bent + xi * xi * (one + u * u))
    ratio = (bent - root) / (bent + root)
    decay = np.exp(-root * years)
    log_part = np.log((1.0 - ratio * decay) / (1.0 - ratio))
    level = kappa * truth.long_variance / (xi * xi) * ((bent - root) * years - 2.0 * log_part)
    out: C128 = level + truth.variance / (xi * xi) * (bent - root) * (1.0 - decay) / (1.0 - ratio * decay)
    if truth.jump_rate:
        mean, sd = truth.jump_mean, truth.jump_sd
        drift = math.expm1(mean + 0.5 * sd * sd)
        out = out + truth.jump_rate * years * (np.exp(one * mean - 0.5 * sd * sd * u * u) - 1.0 - one * drift)
    result: C128 = np.exp(out)
    if after_event and truth.kind is TruthKind.EARNINGS:
        fair = math.log(float(_jump(truth, np.ones(1, np.complex128))[0].real))
        result = result * _jump(truth, one) * np.exp(-one * fair)
    return result


def _jump(truth: ChainTruth, power: C128) -> C128:
    """Return E exp(power J) of the earnings jump before its drift."""
    wide = (0.5 * truth.move_sd**2) * power * power
    up: C128 = np.exp(power * truth.up + wide)
    down: C128 = np.exp(power * truth.down + wide)
    out: C128 = truth.up_chance * up + (1.0 - truth.up_chance) * down
    return out


def _moments(truth: ChainTruth, years: float, after_event: bool) -> tuple[float, float, float]:
    """Return mean, variance and fourth cumulant of log(S / F), by differences of the characteristic function."""
    size = math.sqrt(expected_variance(truth, years) + (truth.move**2 if after_event else 0.0))
    step = 0.05 / size
    at = np.log(characteristic(truth, np.array([1.0, 2.0], np.complex128) * step, years, after_event))
    second = -2.0 * at[0].real / step**2
    fourth = (2.0 * at[1].real - 8.0 * at[0].real) / step**4
    return float(at[0].imag / step), float(second), float(max(fourth, 0.0))


def otm_prices(truth: ChainTruth, k: F64, years: float, after_event: bool = False) -> F64:
    """Return normalised prices of the option out of the money (a put where k < 0), (n,), by the COS method."""
    mean, variance, fourth = _moments(truth, years, after_event)
    half = COS_REACH * math.sqrt(variance + math.sqrt(fourth))
    low, high = mean - half, mean + half
    width = high - low
    u = np.arange(COS_TERMS) * math.pi / width
    weight = (characteristic(truth, u.astype(np.complex128), years, after_event) * np.exp(-1j * u * low)).real
    weight[0] *= 0.5
    # Puts alone: their payoff is bounded, so that what lies outside of the range weighs nothing.
    end = np.clip(k, low, high)[:, None]
    angle = u[None, :] * (end - low)
    cosine, sine = np.cos(angle), np.sin(angle)
    strike = np.exp(k)[:, None]
    safe = np.where(u > 0.0, u, 1.0)
    flat = np.where(u > 0.0, sine / safe, end - low)
    grown = (np.exp(end) * (cosine + u * sine) - math.exp(low)) / (1.0 + u * u)
    put = (2.0 / width) * ((strike * flat - grown) @ weight)
    price: F64 = np.where(k < 0.0, put, put + 1.0 - strike[:, 0])
    return price


def normal_cdf(value: F64) -> F64:
    """Return the standard normal distribution function, (n,)."""
    flat = [math.erfc(one) for one in (value.ravel() * -math.sqrt(0.5)).tolist()]
    return np.array(flat).reshape(value.shape) * 0.5


def black_otm(k: F64, w: F64) -> F64:
    """Return Black's normalised price of the option out of the money, (n,)."""
    root = np.sqrt(w)
    sign = np.where(k < 0.0, -1.0, 1.0)
    d1 = -k / root + 0.5 * root
    price: F64 = sign * (normal_cdf(sign * d1) - np.exp(k) * normal_cdf(sign * (d1 - root)))
    return price


def implied_variance(k: F64, price: F64) -> F64:
    """Return Black's w of normalised prices out of the money, (n,), by Newton's method kept in a bracket; NaN if none.

    The bracket begins where the price is most curved, w = 2 |k|, from where Newton's method converges from one side.
    """
    good = (price > PRICE_MIN) & (price < np.minimum(1.0, np.exp(k)))
    x, wanted = k[good], price[good]
    root = np.sqrt(np.maximum(2.0 * np.abs(x), 1e-8))
    low, high = np.zeros(len(x)), np.full(len(x), 20.0)
    for _ in range(NEWTON_STEPS):
        apart = black_otm(x, root * root) - wanted
        low, high = np.where(apart < 0.0, root, low), np.where(apart < 0.0, high, root)
        slope = np.exp(-0.5 * (-x / root + 0.5 * root) ** 2) / math.sqrt(2.0 * math.pi)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = root - apart / slope
        moved = np.where((moved > low) & (moved < high), moved, 0.5 * (low + high))
        done = np.abs(moved - root) < 1e-13 * root
        root = moved
        if done.all():
            break
    out = np.full(len(k), np.nan)
    out[good] = root * root
    return out


@dataclass(frozen=True)
class TruthTable:
    """w of one expiry between two instants, on a grid: linear in years, cubic in k.

    years: (2,) to expiry at both ends, falling. place: (p,) k over `scale`. variance: (2, p), each over years.
    """

    years: F64
    scale: float
    place: F64
    variance: F64

    def total_variance(self, k: F64, years: float) -> F64:
        """Return w, (n,), at log-moneyness k; beyond the grid the last value."""
        first, last = self.years
        share = 0.0 if first == last else min(max((first - years) / (first - last), 0.0), 1.0)
        row = (1.0 - share) * self.variance[0] + share * self.variance[1]
        step = self.place[1] - self.place[0]
        at = np.clip((k / self.scale - self.place[0]) / step, 1.0, len(row) - 2.000001)
        left = at.astype(np.int64)
        t = at - left
        a, b, c, d = row[left - 1], row[left], row[left + 1], row[np.minimum(left + 2, len(row) - 1)]
        bend = t * ((c - a) + t * ((2.0 * a - 5.0 * b + 4.0 * c - d) + t * (3.0 * (b - c) + d - a)))
        out: F64 = (b + 0.5 * bend) * years
        return out


def truth_table(truth: ChainTruth, first_years: float, last_years: float, after_event: bool = False) -> TruthTable:
    """Return the table of one expiry between two instants; first_years > last_years > 0, both to expiry.

    Beyond where options are worth anything the nearest volatility that there is goes on.
    """
    extra = truth.move**2 if after_event and truth.kind is TruthKind.EARNINGS else 0.0
    scale = math.sqrt(expected_variance(truth, first_years) + extra)
    place = np.linspace(-TABLE_REACH, TABLE_REACH, TABLE_POINTS)
    rows = []
    for years in (first_years, last_years):
        w = total_variance(truth, place * scale, years, after_event) / years
        known = np.flatnonzero(np.isfinite(w))
        rows.append(np.interp(np.arange(len(w)), known, w[known]))
    return TruthTable(np.array([first_years, last_years]), scale, place, np.array(rows))
