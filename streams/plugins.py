"""Find plug-ins: every module of a folder is one, under its file name."""

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def modules(package: str, path: Iterable[str]) -> dict[str, ModuleType]:
    """Return the modules of a package by name, in name order; those that begin with an underscore are no plug-ins."""
    names = sorted(found.name for found in pkgutil.iter_modules(path) if not found.name.startswith("_"))
    return {name: importlib.import_module(f"{package}.{name}") for name in names}
