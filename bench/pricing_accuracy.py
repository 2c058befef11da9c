"""How right European volatilities and greeks are, against arithmetic of 50 digits: python -m bench.pricing_accuracy.

One unit of a volatility's error is what one rounding of the inputs and of the price does to it,
eps (P + |delta| S + |rho| / T) / vega + eps vol. Greeks are compared with central differences of the price in 60
digits, which share no formula with ours; an error is allowed 1e-11 of the reference and 1e-12 of the greek's largest
value over the strikes of its expiry.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
EPS = 2.0**-52
DIGITS = 60
MINUTE_YEARS = 1.0 / (365.0 * 24.0 * 60.0)
STEP = mpmath.mpf(10) ** -15
"""Of a central difference: its error is 1e-30 of what it differs."""


@dataclass(frozen=True)
class Quotes:
    """Options and their prices, arrays of shape (n,). kind: what a case is there for."""

    kind: NDArray[np.str_]
    price: F64
    spot: F64
    strike: F64
    years: F64
    rate: F64
    yield_: F64
    is_call: NDArray[np.bool_]

    def __len__(self) -> int:
        return self.price.size

    def take(self, keep: NDArray[Any]) -> "Quotes":
        """Return the chosen ones."""
        return Quotes(**{name: value[keep] for name, value in vars(self).items()})

    def arguments(self) -> tuple[F64, F64, F64, F64, F64, F64, NDArray[np.bool_]]:
        """Return them in the order that implied_volatility takes them."""
        return self.price, self.spot, self.strike, self.years, self.rate, self.yield_, self.is_call


def exact_price(spot: Any, strike: Any, years: Any, rate: Any, yield_: Any, vol: Any, is_call: bool) -> Any:
    """Return the price of one option with mpmath's precision; whatever is no mpf is taken exactly."""
    spot, strike, years, rate, yield_, vol = (mpmath.mpf(one) for one in (spot, strike, years, rate, yield_, vol))
    asset, bond = spot * mpmath.exp(-yield_ * years), strike * mpmath.exp(-rate * years)
    total = vol * mpmath.sqrt(years)
    d1 = (mpmath.log(spot / strike) + (rate - yield_) * years) / total + total / 2
    side, root = (1 if is_call else -1), mpmath.sqrt(2)
    first, second = mpmath.erfc(-side * d1 / root), mpmath.erfc(-side * (d1 - total) / root)
    return side * (asset * first - bond * second) / 2


def exact_vega(spot: Any, strike: Any, years: Any, rate: Any, yield_: Any, vol: Any) -> Any:
    """Return d(price)/d(vol) of one option with mpmath's precision."""
    spot, strike, years, rate, yield_, vol = (mpmath.mpf(one) for one in (spot, strike, years, rate, yield_, vol))
    total = vol * mpmath.sqrt(years)
    d1 = (mpmath.log(spot / strike) + (rate - yield_) * years) / total + total / 2
    return spot * mpmath.exp(-yield_ * years - d1 * d1 / 2) * mpmath.sqrt(years / (2 * mpmath.pi))


KINDS: dict[str, Callable[[np.random.Generator, int], tuple[F64, F64, F64]]] = {
    # (deviations from the forward, years, volatility)
    "chain": lambda rng, n: (rng.normal(0.0, 1.2, n), rng.uniform(0.01, 2.0, n), rng.uniform(0.08, 1.0, n)),
    "far": lambda rng, n: (
        rng.uniform(3.0, 12.0, n) * sign(rng, n),
        10.0 ** rng.uniform(-3.0, 0.5, n),
        any_vol(rng, n),
    ),
    "near": lambda rng, n: (
        10.0 ** rng.uniform(-9.0, -1.0, n) * sign(rng, n),
        rng.uniform(0.001, 3.0, n),
        any_vol(rng, n),
    ),
    "minutes": lambda rng, n: (rng.normal(0.0, 2.0, n), rng.uniform(1.0, 120.0, n) * MINUTE_YEARS, any_vol(rng, n)),
    "cents": lambda rng, n: (rng.normal(0.0, 1.0, n), rng.uniform(0.005, 2.0, n), any_vol(rng, n)),
    "wild": lambda rng, n: (rng.normal(0.0, 1.5, n), rng.uniform(0.5, 30.0, n), 10.0 ** rng.uniform(-1.5, 0.7, n)),
}


def sign(rng: np.random.Generator, n: int) -> F64:
    """Return 1.0 or -1.0 at random."""
    return rng.choice([-1.0, 1.0], n)


def any_vol(rng: np.random.Generator, n: int) -> F64:
    """Return volatilities from 5 % to 200 %."""
    return 10.0 ** rng.uniform(-1.3, 0.3, n)


def quotes(count: int, seed: int = 20_261_123) -> Quotes:
    """Return so many quotes of all kinds; prices are the exact ones, rounded to float64 or (cents) to cents."""
    rng, parts = np.random.default_rng(seed), []
    for i, (kind, draw) in enumerate(KINDS.items()):
        each = count // len(KINDS) + (i < count % len(KINDS))
        deviations, years, vol = draw(rng, each)
        rate = np.where(rng.random(each) < 0.3, 0.0, rng.uniform(-0.01, 0.08, each))
        yield_ = np.where(rng.random(each) < 0.4, 0.0, rng.uniform(0.0, 0.06, each))
        spot = np.round(rng.uniform(5.0, 700.0, each), 2)
        strike = spot * np.exp((rate - yield_) * years + deviations * vol * np.sqrt(years))
        if kind in ("chain", "cents"):
            strike = np.maximum(np.round(strike), 1.0)
        is_call = rng.random(each) < 0.5
        columns = (spot, strike, years, rate, yield_, vol, is_call)
        with mpmath.workdps(DIGITS):
            price = np.array([float(exact_price(*row)) for row in zip(*(c.tolist() for c in columns), strict=True)])
        price = np.maximum(np.round(price, 2), 0.01) if kind == "cents" else price
        parts.append(Quotes(np.full(each, kind), price, *columns[:5], is_call))
    return Quotes(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def exact_vol(row: tuple[Any, ...], begin: float) -> tuple[Any, float]:
    """Return the volatility of one quote (arguments' order) with 50 digits, and one unit of its error.

    begin: near the answer. Newton's iteration on the logarithm of the time value, or of what is missing to the
    greatest one; ValueError where it does not end.
    """
    price, spot, strike, years, rate, yield_, is_call = row
    with mpmath.workdps(DIGITS):
        asset = mpmath.mpf(spot) * mpmath.exp(-mpmath.mpf(yield_) * years)
        bond = mpmath.mpf(strike) * mpmath.exp(-mpmath.mpf(rate) * years)
        most = min(asset, bond)
        value = price - max(asset - bond if is_call else bond - asset, mpmath.mpf(0))
        high = 2 * value > most
        target = mpmath.log(most - value if high else value)
        vol = mpmath.mpf(begin)
        for _ in range(60):
            vega = exact_vega(spot, strike, years, rate, yield_, vol)
            model = exact_price(spot, strike, years, rate, yield_, vol, asset < bond)
            model, vega = (most - model, -vega) if high else (model, vega)
            change = (target - mpmath.log(model)) * model / vega
            vol += change
            if abs(change) < abs(vol) * mpmath.mpf(10) ** -30:
                break
        else:
            raise ValueError(f"no exact volatility of {row}")
        total = vol * mpmath.sqrt(years)
        d1 = mpmath.log(asset / bond) / total + total / 2
        side, root = (1 if is_call else -1), mpmath.sqrt(2)
        parts = asset * mpmath.erfc(-side * d1 / root) / 2 + bond * mpmath.erfc(-side * (d1 - total) / root) / 2
        return vol, float(EPS * (price + parts) / abs(vega) + EPS * vol)


def error_units(found: Quotes, vols: F64) -> F64:
    """Return the error of each volatility in units."""
    rows = zip(*(column.tolist() for column in found.arguments()), strict=True)
    errors = []
    for row, vol in zip(rows, vols.tolist(), strict=True):
        truth, unit = exact_vol(row, vol)
        with mpmath.workdps(DIGITS):
            errors.append(float(abs(mpmath.mpf(vol) - truth)) / unit)
    return np.array(errors)


def due_statuses(row: tuple[Any, ...]) -> set[str]:
    """Return the statuses that exact arithmetic allows a sound quote: two, where rounding decides between them."""
    price, spot, strike, years, rate, yield_, is_call = row
    with mpmath.workdps(DIGITS):
        asset = mpmath.mpf(spot) * mpmath.exp(-mpmath.mpf(yield_) * years)
        bond = mpmath.mpf(strike) * mpmath.exp(-mpmath.mpf(rate) * years)
        forward = (asset - bond) if is_call else (bond - asset)
        value = mpmath.mpf(price) - max(forward, mpmath.mpf(0))
        noise = 2 * EPS * (asset + bond) if forward > 0 else mpmath.mpf(0)
        bound = asset if is_call else bond
        due = set()
        if price >= bound * (1 - 4 * EPS):
            due.add("above_bound")
        if -2 * noise <= value <= 2 * noise:
            due.add("at_exercise_value")
        if value < min(-noise / 2, 0):
            due.add("below_intrinsic")
        if value > noise / 2 and price < bound:
            due.add("ok")
        return due


GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")


def exact_greeks(row: tuple[Any, ...]) -> list[float]:
    """Return price and greeks of one option by central differences in 60 digits, in the order of GREEKS."""
    spot, strike, years, rate, yield_, vol = (mpmath.mpf(one) for one in row[:6])
    s, v, t = spot * STEP, vol * STEP, years * STEP

    def at(spot_: Any = spot, years_: Any = years, rate_: Any = rate, vol_: Any = vol) -> Any:
        return exact_price(spot_, strike, years_, rate_, yield_, vol_, row[6])

    middle, up, down = at(), at(spot + s), at(spot - s)
    higher, lower = at(vol_=vol + v), at(vol_=vol - v)

    def delta(**other: Any) -> Any:
        return (at(spot + s, **other) - at(spot - s, **other)) / (2 * s)

    return [
        float(one)
        for one in (
            middle,
            (up - down) / (2 * s),
            (up - 2 * middle + down) / (s * s),
            (higher - lower) / (2 * v),
            -(at(years_=years + t) - at(years_=years - t)) / (2 * t),
            (at(rate_=rate + STEP) - at(rate_=rate - STEP)) / (2 * STEP),
            (delta(vol_=vol + v) - delta(vol_=vol - v)) / (2 * v),
            (higher - 2 * middle + lower) / (v * v),
            -(delta(years_=years + t) - delta(years_=years - t)) / (2 * t),
        )
    ]


def expiry(rng: np.random.Generator, strikes: int) -> tuple[Any, ...]:
    """Return one expiry's options, in the order that greeks takes them: one spot, many strikes and volatilities."""
    spot, years = rng.uniform(5.0, 700.0), 10.0 ** rng.uniform(-3.5, 0.5)
    level, rate, yield_ = rng.uniform(0.08, 0.9), rng.uniform(-0.01, 0.08), rng.uniform(0.0, 0.06)
    deviations = np.linspace(-5.0, 5.0, strikes)
    strike = spot * np.exp(deviations * level * np.sqrt(years))
    vol = level * (1.0 + 0.02 * deviations * deviations)
    full = [np.full(strikes, one) for one in (spot, years, rate, yield_)]
    return full[0], strike, *full[1:], vol, rng.random(strikes) < 0.5


def greeks_errors(options: tuple[Any, ...], found: F64) -> F64:
    """Return |error| / (1e-11 |reference| + 1e-12 scale) of rows of price and greeks, shape (9, n); 1 is the goal."""
    rows = zip(*(column.tolist() for column in options), strict=True)
    with mpmath.workdps(DIGITS):
        truth = np.array([exact_greeks(row) for row in rows]).T
    scale = np.abs(truth).max(axis=1, keepdims=True)
    errors: F64 = np.abs(found - truth) / (1e-11 * np.abs(truth) + 1e-12 * scale)
    return errors


def main() -> None:
    """Print the errors of 5,000 volatilities and of the greeks of 20 expiries."""
    from streams.options import greeks, implied_volatility, labels

    cases = quotes(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
    vol, status = implied_volatility(*cases.arguments())
    rows = zip(*(column.tolist() for column in cases.arguments()), strict=True)
    wrong = sum(label not in due_statuses(row) for label, row in zip(labels(status), rows, strict=True))
    units = np.full(len(cases), np.nan)
    units[status == 0] = error_units(cases.take(status == 0), vol[status == 0])
    print(f"{len(cases)} volatilities, {wrong} wrong statuses; errors in units of rounding:")
    for kind in KINDS:
        of = units[(cases.kind == kind) & (status == 0)]
        print(
            f"  {kind:8} {of.size:5} solved  median {np.median(of):.2f}  "
            f"p99 {np.quantile(of, 0.99):.2f}  max {of.max():.2f}"
        )
    rng, worst = np.random.default_rng(7), np.zeros(len(GREEKS))
    for _ in range(20):
        options = expiry(rng, 41)
        worst = np.maximum(worst, greeks_errors(options, np.array(greeks(*options)[:9])).max(axis=1))
    print("greeks of 20 expiries x 41 strikes, |error| over 1e-11 |reference| + 1e-12 scale, at worst:")
    print("  " + "  ".join(f"{name} {value:.2g}" for name, value in zip(GREEKS, worst, strict=True)))


if __name__ == "__main__":
    main()
