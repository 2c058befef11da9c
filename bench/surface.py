"""The surface on 100 simulated chains: errors to the truth, arbitrage and time, beside three packages of the field.

The truth is made without our pricers (connectors/sources/sim_chain_truth.py): a third each SSVI, Heston with jumps, and
Heston with an earnings jump between expiries, nine expiries a chain, with noise, spreads, stale and one-sided quotes.
A slice's error is the root mean square distance of volatility from the truth at the listed strikes between its lowest
and its highest two-sided quote. Butterflies: Durrleman's g < 0, by differences, on 200 points over +-5 standard
deviations at the money. Calendar: w below that of the slice before, on the same points of the later one. A place where
a package gives no answer counts as both. The peers (QuantLib, fast-vollib, volsurface) run in an environment of their
own; the slowest fit some of the chains, on which ours is then held to them.
"""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.cluster import BenchError
from bench.context import Context
from bench.figures import below
from bench.peers import HERE, environment
from connectors.sources.sim_chain_quotes import QuotedChain, quoted_chain
from streams.options.surface import SurfaceFit, fit_surface, total_variance

F64 = NDArray[np.float64]

SECTION = "surface"
CHAINS, CHAINS_QUICK = 100, 3
POINTS = 200
REACH = 5.0
DIFFERENCE = 0.01
"""Of a standard deviation: the step of g's differences, whose error is far below G_ZERO."""
G_ZERO = -1e-6
ROUNDS = 9
SLICE_MS_MAX = 1.5
MEDIAN_RATIO_MAX, BEST_RATIO_MAX = 1.05, 1.2
CALENDAR_SHARE_MAX = 0.01
SECONDS_MAX = 1_800
OURS = "ours"


@dataclass(frozen=True)
class Places:
    """Where each slice's w is wanted: its strikes, its grid three times (shifted by a step), the next slice's grid."""

    k: list[F64]
    inside: list[NDArray[np.bool_]]
    strikes: list[int]
    deviations: F64


@dataclass(frozen=True)
class Judged:
    """What a package's surfaces are like. error: (s,) of a slice. butterfly, calendar: share of slices, of pairs.

    slice_ms: time a slice. kinds: (s,) of the truth.
    """

    error: F64
    butterfly: float
    calendar: float
    calendar_points: float
    slice_ms: float
    kinds: NDArray[np.str_]

    @property
    def is_clean(self) -> bool:
        """Return whether the limits are met that ours is held to."""
        return self.butterfly == 0.0 and self.calendar <= CALENDAR_SHARE_MAX


def run(context: Context) -> None:
    """Fit all, judge all."""
    chains = [quoted_chain(number) for number in range(context.size(CHAINS, CHAINS_QUICK))]
    places = places_of(chains)
    fits = fit_all(chains)
    ms = [timed(chains, fits, is_warm) for is_warm in (False, True)]
    judged = {OURS: judge(chains, places, our_variance(fits, places), ms[0])}
    if not context.quick:
        for name, (found, slice_ms, count) in peers(context, chains, places).items():
            judged[name] = judge(chains[:count], places, found, slice_ms)
    tell(context, judged)
    text = f"{len(chains)} chains of {len(chains[0].slices)}, every condition held; median of {ROUNDS} rounds, one core"
    context.add(below(SECTION, "a slice, from nothing", ms[0], "ms", SLICE_MS_MAX, note=text))
    context.add(below(SECTION, "a slice, from the last parameters", ms[1], "ms", SLICE_MS_MAX))
    in_spread(context, chains, fits)


def fit_one(chain: QuotedChain, last: F64 | None = None) -> SurfaceFit:
    """Fit a chain."""
    parts = chain.slices
    return fit_surface(
        [one.k for one in parts], [one.vol for one in parts], [one.half_spread for one in parts],
        [one.years for one in parts], last,
    )  # fmt: skip


def fit_all(chains: list[QuotedChain]) -> list[SurfaceFit]:
    """Fit all chains."""
    return [fit_one(chain) for chain in chains]


def timed(chains: list[QuotedChain], fits: list[SurfaceFit], is_warm: bool) -> float:
    """Return milliseconds a slice."""
    spent = []
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        for chain, fit in zip(chains, fits, strict=True):
            fit_one(chain, fit.slices if is_warm else None)
        spent.append(time.perf_counter() - begun_s)
    return 1e3 * float(np.median(spent)) / sum(len(chain.slices) for chain in chains)


def places_of(chains: list[QuotedChain]) -> Places:
    """Return where w is wanted, all slices in order."""
    k, inside, strikes, deviations = [], [], [], []
    grid = np.linspace(-REACH, REACH, POINTS)
    for chain in chains:
        sizes = [float(np.interp(0.0, one.k, one.truth)) * np.sqrt(one.years) for one in chain.slices]
        for i, one in enumerate(chain.slices):
            quoted = one.k[np.isfinite(one.vol)]
            within = one.k[(one.k >= quoted.min()) & (one.k <= quoted.max())]
            own = grid * sizes[i]
            step = DIFFERENCE * sizes[i]
            after = grid * sizes[i + 1] if i + 1 < len(sizes) else np.zeros(0)
            k.append(np.concatenate([within, own - step, own, own + step, after]))
            inside.append(np.isin(one.k, within))
            strikes.append(len(within))
        deviations += sizes
    return Places(k, inside, strikes, np.array(deviations))


def our_variance(fits: list[SurfaceFit], places: Places) -> list[F64]:
    """Return our w at the places."""
    rows = np.concatenate([fit.slices for fit in fits])
    return [total_variance(row, k) for row, k in zip(rows, places.k, strict=True)]


def durrleman(k: F64, low: F64, middle: F64, high: F64, step: float) -> F64:
    """Return g by differences of w."""
    first, second = (high - low) / (2.0 * step), (high - 2.0 * middle + low) / (step * step)
    lean = 1.0 - 0.5 * k * first / middle
    return np.asarray(lean * lean - 0.25 * first * first * (1.0 / middle + 0.25) + 0.5 * second)


def judge(chains: list[QuotedChain], places: Places, found: list[F64], slice_ms: float) -> Judged:
    """Hold w at the places to the truth and to the conditions."""
    errors, butterflies, crossed, crossed_points, pairs, i = [], 0, 0, 0, 0, 0
    grid = np.linspace(-REACH, REACH, POINTS)
    for chain in chains:
        before: F64 | None = None
        for one in chain.slices:
            n, size, w = places.strikes[i], places.deviations[i], found[i]
            low, middle, high, after = (w[n + j * POINTS : n + (j + 1) * POINTS] for j in range(4))
            with np.errstate(invalid="ignore"):
                apart = np.sqrt(w[:n] / one.years) - one.truth[places.inside[i]]
                g = durrleman(grid * size, low, middle, high, DIFFERENCE * size)
            # Where there is no answer the error is the truth itself.
            apart = np.where(np.isfinite(apart), apart, one.truth[places.inside[i]])
            errors.append(float(np.sqrt(np.mean(apart * apart))))
            butterflies += not bool(np.all(g >= G_ZERO))
            if before is not None:
                below_before = int(np.sum(~(middle >= before)))
                crossed, crossed_points, pairs = crossed + (below_before > 0), crossed_points + below_before, pairs + 1
            before = after
            i += 1
    kinds = np.array([str(chain.truth.kind) for chain in chains for _ in chain.slices])
    points = crossed_points / (pairs * POINTS)
    return Judged(np.array(errors), butterflies / i, crossed / pairs, points, slice_ms, kinds)


def peers(context: Context, chains: list[QuotedChain], places: Places) -> dict[str, tuple[list[F64], float, int]]:
    """Return the peers' w at the places by name, their milliseconds a slice, and how many chains they fitted."""
    python = environment(context, "surface-peers", "surface.txt")
    source, target = context.folder / "chains.npz", context.folder / "peers.npz"
    slices = [one for chain in chains for one in chain.slices]
    quoted = [np.isfinite(one.vol) for one in slices]
    begins = np.concatenate([[0], np.cumsum([len(k) for k in places.k])])
    np.savez(
        source, years=[one.years for one in slices], place=np.concatenate(places.k), place_begin=begins,
        k=np.concatenate([one.k[good] for one, good in zip(slices, quoted, strict=True)]),
        vol=np.concatenate([one.vol[good] for one, good in zip(slices, quoted, strict=True)]),
        half_spread=np.concatenate([one.half_spread[good] for one, good in zip(slices, quoted, strict=True)]),
        quote_begin=np.concatenate([[0], np.cumsum([good.sum() for good in quoted])]),
        chain_begin=np.concatenate([[0], np.cumsum([len(chain.slices) for chain in chains])]),
    )  # fmt: skip
    context.say(f"{SECTION}: {len(slices)} slices by the peers, some minutes")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(python), str(HERE / "surface_app.py"), str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False, env=env)
    if done.returncode:
        raise BenchError(f"the peers failed: {done.stderr[-2_000:]}")
    context.say(done.stderr.strip())
    spent: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    read: Any = np.load(target)
    return {
        name: (np.split(read[name], begins[1:-1]), 1e3 * seconds, int(count))
        for name, (seconds, count) in spent.items()
    }


def tell(context: Context, judged: dict[str, Judged]) -> None:
    """Say every package's figures, and hold ours to them."""
    own = judged[OURS]
    shares = {}
    for name, one in judged.items():
        count = one.error.size
        median = float(np.median(one.error))
        shares[name] = float(np.median(own.error[:count])) / median
        by_kind = ", ".join(f"{kind} {basis_points(one.error[one.kinds == kind])}" for kind in np.unique(one.kinds))
        ours = own.error[:count]
        note = (
            f"{count} slices: p95 {basis_points(one.error, 0.95)} (ours there {basis_points(ours)}, p95 "
            f"{basis_points(ours, 0.95)}); median by truth: {by_kind}; butterfly in {one.butterfly:.1%} of slices, "
            f"calendar in {one.calendar:.1%} of pairs ({one.calendar_points:.2%} of points); {one.slice_ms:.2f} ms each"
        )
        context.figure(SECTION, f"error, median: {name}", 1e4 * median, "bp of vol", note=note)
    context.add(below(SECTION, "slices with a butterfly", 100.0 * own.butterfly, "%", 1e-9))
    context.add(below(SECTION, "pairs that cross", 100.0 * own.calendar, "%", 100.0 * CALENDAR_SHARE_MAX))
    others = [name for name in judged if name != OURS]
    clean = [name for name in others if judged[name].is_clean]
    goals = ((clean, MEDIAN_RATIO_MAX, "the best without arbitrage"), (others, BEST_RATIO_MAX, "the best"))
    for names, bound, text in goals:
        if names:
            best = max(names, key=lambda name: shares[name])
            context.add(below(SECTION, f"error over that of {text}", shares[best], "x", bound + 1e-9, note=best))


def basis_points(errors: F64, share: float = 0.5) -> str:
    """Return a quantile of errors in volatility, as text."""
    return f"{1e4 * np.quantile(errors, share):.1f}"


def in_spread(context: Context, chains: list[QuotedChain], fits: list[SurfaceFit]) -> None:
    """Say how far the fit is from the truth in half spreads, quote by quote."""
    shares = []
    for chain, fit in zip(chains, fits, strict=True):
        for row, one in zip(fit.slices, chain.slices, strict=True):
            good = np.isfinite(one.vol) & np.isfinite(one.half_spread) & (one.half_spread > 0.0)
            vol = np.sqrt(total_variance(row, one.k[good]) / one.years)
            shares.append(np.abs(vol - one.truth[good]) / one.half_spread[good])
    every = np.concatenate(shares)
    note = f"{every.size:,} quotes; median {np.median(every):.2f}, share above one {np.mean(every > 1.0):.1%}"
    context.add(below(SECTION, "error at quotes, p95", float(np.quantile(every, 0.95)), "half spreads", 1.0, note=note))
