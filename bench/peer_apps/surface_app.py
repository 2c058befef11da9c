# mypy: ignore-errors
# It runs in the peers' environment, whose packages this one has not.
"""Smiles by QuantLib (SABR, SVI), fast-vollib (SVI, SSVI, tensor spline) and volsurface (SVI).

Arguments: an .npz with chains (flat quotes without those that have no volatility, and the places where w is wanted),
and where to write. Peers that take weights are given 1 / half spread^2; each has its own defaults otherwise. A slice
that a peer cannot fit, or a place where it gives nothing, is NaN. The slowest fit the first SLOW_CHAINS chains alone.
Line on stdout: {peer: [seconds a slice, chains]}.
"""

import json
import sys
import time
import warnings
from itertools import pairwise

import numpy as np
import QuantLib as ql
from fast_vollib.surface import SurfaceObservations, SurfacePoints
from fast_vollib.surface.capabilities import build_algorithm
from volsurface.core import MarketSlice
from volsurface.models.svi import RawSVI

warnings.simplefilter("ignore")
data = dict(np.load(sys.argv[1]))
QUOTES, PLACES, CHAINS, YEARS = data["quote_begin"], data["place_begin"], data["chain_begin"], data["years"]
FORWARD = 100.0
TODAY = ql.Date(1, 1, 2024)
ql.Settings.instance().evaluationDate = TODAY


def quotes(i):
    """Return k, volatility and half spread of slice i."""
    rows = slice(QUOTES[i], QUOTES[i + 1])
    return data["k"][rows], data["vol"][rows], data["half_spread"][rows]


def places(i):
    """Return the k where slice i is wanted."""
    return data["place"][PLACES[i] : PLACES[i + 1]]


def sabr(beta):
    """Return a fit of QuantLib's SABR with beta held."""

    def fit(i):
        k, vol, _ = quotes(i)
        strike, at_money, years = FORWARD * np.exp(k), float(vol[np.argmin(abs(k))]), float(YEARS[i])
        alpha = at_money * FORWARD ** (1.0 - beta)
        found = ql.SABRInterpolation(
            ql.Array(strike.tolist()), ql.Array(vol.tolist()), years, FORWARD, alpha, beta, 1.0, -0.3, False, True
        )
        held = (found.alpha(), beta, found.nu(), found.rho())
        return lambda place: np.array(
            [ql.sabrVolatility(float(one), FORWARD, years, *held) ** 2 * years for one in FORWARD * np.exp(place)]
        )

    return fit


def quantlib_svi(i):
    """Fit QuantLib's SVI. Its dates are whole days, as the chains' expiries are."""
    k, vol, _ = quotes(i)
    years, at_money = float(YEARS[i]), float(vol[np.argmin(abs(k))])
    w = at_money * at_money * years
    start = (0.5 * w, 0.5 * np.sqrt(w), np.sqrt(w), -0.3, 0.0)
    held = (False,) * 5
    found = ql.SviInterpolatedSmileSection(
        TODAY + round(years * 365.0), FORWARD, (FORWARD * np.exp(k)).tolist(), False, at_money, vol.tolist(),
        *start, *held,
    )  # fmt: skip
    return lambda place: np.array([found.variance(float(one)) for one in FORWARD * np.exp(place)])


def market_slice(i):
    """Return slice i as volsurface takes it."""
    k, vol, _ = quotes(i)
    return MarketSlice(FORWARD * np.exp(k), vol, float(YEARS[i]), FORWARD, FORWARD)


def volsurface_svi(i):
    """Fit volsurface's SVI."""
    model = RawSVI()
    model.fit(market_slice(i))
    return model.total_variance


def fast_vollib(name, **settings):
    """Return a fit of one of fast-vollib's calibrators to a chain."""

    def fit(begin, end):
        columns = [quotes(i) for i in range(begin, end)]
        years = np.concatenate([np.full(len(one[0]), YEARS[begin + j]) for j, one in enumerate(columns)])
        k, vol, half = (np.concatenate(part) for part in zip(*columns, strict=True))
        half = np.maximum(half, 0.3 * np.median(half))
        weight = (np.median(half) / half) ** 2
        found = build_algorithm(name, settings).fit(SurfaceObservations(k=k, T=years, iv=vol, weight=weight))

        def reader(i):
            def read(place):
                got = found.evaluate(SurfacePoints(k=place, T=np.full(len(place), YEARS[i])))
                valid = np.asarray(getattr(got, "valid", np.ones(len(place), bool)))
                return np.where(valid, np.asarray(got.iv, float) ** 2 * YEARS[i], np.nan)

            return read

        return [reader(i) for i in range(begin, end)]

    return fit


def alone(fit):
    """Return a fit of a chain, slice by slice; None for one that cannot be fitted."""

    def chain(begin, end):
        out = []
        for i in range(begin, end):
            try:
                out.append(fit(i))
            except Exception:
                out.append(None)
        return out

    return chain


PEERS = {
    "QuantLib SABR": alone(sabr(1.0)),
    "QuantLib SABR, beta 0.5": alone(sabr(0.5)),
    "QuantLib SVI": alone(quantlib_svi),
    "fast-vollib SVI": fast_vollib("svi", objective="implied_volatility"),
    "fast-vollib SSVI": fast_vollib("ssvi", enforce_no_butterfly=True),
    "fast-vollib spline": fast_vollib("spline"),
    "volsurface SVI": alone(volsurface_svi),
}

SLOW, SLOW_CHAINS = ("fast-vollib SVI", "volsurface SVI"), 30

seconds, found = {}, {}
for name, fit in PEERS.items():
    out, spent, fitted = np.full(len(data["place"]), np.nan), 0.0, 0
    chains = min(SLOW_CHAINS, len(CHAINS) - 1) if name in SLOW else len(CHAINS) - 1
    for begin, end in pairwise(CHAINS[: chains + 1]):
        begun = time.perf_counter()
        try:
            readers = fit(begin, end)
        except Exception:
            readers = [None] * (end - begin)
        spent += time.perf_counter() - begun
        for i, read in zip(range(begin, end), readers, strict=True):
            if read is not None:
                fitted += 1
                try:
                    out[PLACES[i] : PLACES[i + 1]] = read(places(i))
                except Exception as error:
                    print(name, i, repr(error), file=sys.stderr)
    slices = int(CHAINS[chains])
    found[name], seconds[name] = out, (spent / slices, chains)
    print(name, f"{fitted} of {slices} slices", f"{1e3 * spent / slices:.2f} ms", file=sys.stderr)
np.savez(sys.argv[2], **found)
print(json.dumps(seconds))
