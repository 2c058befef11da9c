"""The configured zero curves: [rates] of the config, a table a day from which it holds.

    [rates]
    2023-07-27 = 0.055                                          # one rate for every time
    2023-08-03 = {years = [0.0833, 0.25, 1], zero_rates = [0.0535, 0.0541, 0.0537]}
    2023-08-04 = {dates = ["2023-09-01", "2024-08-04"], zero_rates = [0.0536, 0.0538]}

Rates are continuously compounded, per 1.00 and per year; a pillar's date counts ACT/365 from the curve's day. In the
environment: AIOTS_RATES='{"2023-07-27": 0.055}'.
"""

from datetime import date
from typing import Any

from aiots.config import Config, ConfigError
from streams.options.rates import RateCurve, RateCurves, flat_curve


def rates_of(config: Config) -> RateCurves:
    """Return the config's curves; ConfigError where one cannot be used."""
    return RateCurves(tuple(sorted((_curve(day, given) for day, given in config.rates.items()), key=lambda c: c.as_of)))


def _curve(text: str, given: Any) -> RateCurve:
    place = f"[rates] {text}"
    as_of = _date(place, text)
    try:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return flat_curve(as_of, float(given))
        if not isinstance(given, dict) or set(given) not in ({"years", "zero_rates"}, {"dates", "zero_rates"}):
            raise ConfigError(f"{place}: expected a rate, or years (or dates) and zero_rates, was {given!r}")
        if "dates" in given:
            pillars = tuple((_date(place, one) - as_of).days / 365.0 for one in given["dates"])
        else:
            pillars = tuple(float(one) for one in given["years"])
        return RateCurve(as_of, pillars, tuple(float(one) for one in given["zero_rates"]))
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{place}: {error}") from None


def _date(place: str, value: Any) -> date:
    """Return a date of text (or TOML's own); ConfigError where it is none."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{place}: expected a date YYYY-MM-DD, was {value!r}") from None
