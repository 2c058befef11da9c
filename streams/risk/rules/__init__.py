"""Risk rules, one file each: the file name stands in verdicts and alerts."""

from streams.plugins import modules
from streams.risk.limit import Rule

RULES: dict[str, Rule] = {
    name: Rule(module.judge, module.watch) for name, module in modules(__name__, __path__).items()
}
