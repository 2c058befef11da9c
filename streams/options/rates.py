"""Interest rates by date: zero curves that hold from a day on, and the rate to an expiry.

A curve has pillars (t_k, z_k): years (ACT/365) and zero rates, continuously compounded, per 1.00 and per year. Between
pillars the logarithm of the discount factor is linear in time (the forward rate is constant between pillars):

    z(t) t = z_k t_k + (z_{k+1} t_{k+1} - z_k t_k) (t - t_k) / (t_{k+1} - t_k);  discount = exp(-z(t) t)

Before the first pillar and after the last the zero rate is that pillar's. Curves do not blend: on a day the last one
given on or before it holds. The config's [rates] (docs/option_pricing.md) becomes a `RateCurves` by `curves_of`:

    [rates]
    2023-07-27 = 0.055                                          # one rate for every time
    2023-08-03 = {years = [0.0833, 0.25, 1], zero_rates = [0.0535, 0.0541, 0.0537]}
    2023-08-04 = {dates = ["2023-09-01", "2024-08-04"], zero_rates = [0.0536, 0.0538]}

Rates are continuously compounded, per 1.00 and per year; a pillar's date counts ACT/365 from the curve's day.
Source: Hagan and West, Interpolation Methods for Curve Construction (2006), raw interpolation.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
RATE_MIN, RATE_MAX = -0.5, 5.0
"""Outside of this a rate is taken for a percentage or a slip."""


@dataclass(frozen=True)
class RateCurve:
    """The zero rates that hold from a day on; ValueError where the pillars make no curve."""

    as_of: date
    years: tuple[float, ...]
    zero_rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if not (self.years and len(self.years) == len(self.zero_rates)):
            raise ValueError(f"a curve needs as many rates as years, was {len(self.zero_rates)} and {len(self.years)}")
        if not all(0.0 < before < after for before, after in zip((1e-9, *self.years), (*self.years, 1e9), strict=True)):
            raise ValueError(f"years must be > 0 and ascending, was {list(self.years)}")
        if not all(RATE_MIN <= rate <= RATE_MAX for rate in self.zero_rates):
            raise ValueError(f"rates must be from {RATE_MIN} to {RATE_MAX} per 1.00, was {list(self.zero_rates)}")

    def zero(self, years: F64 | float) -> F64:
        """Return the zero rate to a time, shape (n,), continuously compounded; NaN in, NaN out; <= 0: the first's."""
        times = np.asarray(years, np.float64)
        pillars, rates = np.array(self.years), np.array(self.zero_rates)
        held = np.clip(times, pillars[0], pillars[-1])
        left = np.clip(np.searchsorted(pillars, held, side="right") - 1, 0, max(len(pillars) - 2, 0))
        right = np.minimum(left + 1, len(pillars) - 1)
        low, high = rates[left] * pillars[left], rates[right] * pillars[right]
        span = np.where(right > left, pillars[right] - pillars[left], 1.0)
        return np.asarray((low + (high - low) * ((held - pillars[left]) / span)) / held, np.float64)


def flat_curve(as_of: date, rate: float) -> RateCurve:
    """Return the curve of one rate for every time; continuously compounded, per 1.00 and per year."""
    return RateCurve(as_of, (1.0,), (rate,))


@dataclass(frozen=True)
class RateCurves:
    """Curves by the day from which each holds, ascending; ValueError where two are of one day."""

    curves: tuple[RateCurve, ...] = ()

    def __post_init__(self) -> None:
        starts = [curve.as_of for curve in self.curves]
        if starts != sorted(set(starts)):
            raise ValueError(f"curves must be of ascending days, was {[str(day) for day in starts]}")

    def at(self, as_of: date) -> RateCurve | None:
        """Return the curve that holds on a day, None before the first."""
        count = bisect_right(self.curves, as_of, key=lambda curve: curve.as_of)
        return self.curves[count - 1] if count else None

    def rate(self, as_of: date, years: F64 | float) -> F64:
        """Return the zero rate from a day to a time, shape (n,), continuously compounded, per 1.00 and per year.

        years: (n,) ACT/365. NaN before the first curve's day, and for NaN years.
        """
        curve = self.at(as_of)
        return np.full(np.shape(years), np.nan) if curve is None else curve.zero(years)


def curves_of(table: Mapping[str, Any]) -> RateCurves:
    """Return the curves of a table such as the config's; ValueError where one cannot be used."""
    return RateCurves(tuple(sorted((_curve(day, given) for day, given in table.items()), key=lambda one: one.as_of)))


def _curve(text: str, given: Any) -> RateCurve:
    place = f"[rates] {text}"
    as_of = _date(place, text)
    if isinstance(given, int | float) and not isinstance(given, bool):
        return _made(place, lambda: flat_curve(as_of, float(given)))
    if not isinstance(given, Mapping) or set(given) not in ({"years", "zero_rates"}, {"dates", "zero_rates"}):
        raise ValueError(f"{place}: expected a rate, or years (or dates) and zero_rates, was {given!r}")
    if "dates" in given:
        pillars = tuple((_date(place, one) - as_of).days / 365.0 for one in given["dates"])
        return _made(place, lambda: RateCurve(as_of, pillars, tuple(float(one) for one in given["zero_rates"])))
    return _made(
        place,
        lambda: RateCurve(
            as_of, tuple(float(one) for one in given["years"]), tuple(float(one) for one in given["zero_rates"])
        ),
    )


def _made(place: str, make: Callable[[], RateCurve]) -> RateCurve:
    try:
        return make()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None


def _date(place: str, value: Any) -> date:
    """Return a date of text (or TOML's own); ValueError where it is none."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{place}: expected a date YYYY-MM-DD, was {value!r}") from None
