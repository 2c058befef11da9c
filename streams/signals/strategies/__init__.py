"""Strategies, one file each: the file name is the strategy's name in signals, mandates and config."""

from streams.plugins import modules
from streams.signals.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {
    name: Strategy(module.Params, module.State, module.reads, module.advance)
    for name, module in modules(__name__, __path__).items()
}
