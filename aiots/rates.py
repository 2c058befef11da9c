"""The configured zero curves: [rates] of the config (streams/options/rates.py); AIOTS_RATES='{"2023-07-27": 0.055}'."""

from aiots.config import Config, ConfigError
from streams.options.rates import RateCurves, curves_of


def rates_of(config: Config) -> RateCurves:
    """Return the config's curves; ConfigError where one cannot be used."""
    try:
        return curves_of(config.rates)
    except ValueError as error:
        raise ConfigError(str(error)) from None
