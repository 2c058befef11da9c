"""Sizing rules, one file each: the file name is what a mandate names in `sizing`."""

from streams.plugins import modules
from streams.sizing.sizer import Rule

RULES: dict[str, Rule] = {name: module.size for name, module in modules(__name__, __path__).items()}
