"""Risk rules, one file each: the file name stands in verdicts and alerts."""

from streams.plugins import modules
from streams.risk.limit import Rule, measure_nothing, watch_nothing

RULES: dict[str, Rule] = {
    name: Rule(module.judge, getattr(module, "watch", watch_nothing), getattr(module, "measure", measure_nothing))
    for name, module in modules(__name__, __path__).items()
}
