"""Make one kernel of the indicator files found, sorted by name.

numba cannot call what it finds at run time, so a module that calls each file's `update` is written beside the machine
code (streams/numerics/jit.py) and imported from there. This is the plug-in point: no indicator is named here.
"""

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.numerics.jit import CACHE_FOLDER
from streams.plugins import modules

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# Found by their folder: an import would close a circle, as indicators read the shape of a bar series from bars.
INDICATORS: dict[str, ModuleType] = modules("streams.indicators", [str(Path(__file__).parents[1] / "indicators")])
"""Every indicator by name, in name order."""

_HEAD = '''"""Generated from the files of streams/indicators: do not edit."""

import numpy as np
from numba import types

from streams.numerics.jit import DISABLED, entry, kernel
from streams.numerics.pointers import call, floats_at, routine, table_at
{imports}


@kernel
def update_inline(state, plan, settings, out, open_, high, low, close, volume, session_ns, interval_ns):
    """Take a bar into every instance. plan: see Plan."""
    if not (open_ > 0.0 and high > 0.0 and low > 0.0 and close > 0.0):
        for i in range(len(out)):
            out[i] = np.nan
        return
    for row in range(len(plan)):
        which = plan[row, 0]
        s = state[plan[row, 1] : plan[row, 2]]
        p = settings[plan[row, 3] : plan[row, 4]]
        y = out[plan[row, 5] : plan[row, 6]]
{branches}


if DISABLED:

    def update_all(address, *arguments):
        update_inline(*arguments)

    def update_series(address, state, plan, settings, out, open_, high, low, close, volume, session_ns, interval_ns):
        for i in range(len(close)):
            bar = (open_[i], high[i], low[i], close[i], volume[i], session_ns[i], interval_ns)
            update_inline(state, plan, settings, out[i], *bar)

    ADDRESS = 0
else:
    _i, _f = types.int64, types.float64

    @routine(_i, _i, _i, _i, _i, _i, _i, _i, _f, _f, _f, _f, _f, _i, _i)
    def _update(
        state, size, plan, rows, settings, numbers, out, outputs, open_, high, low, close, volume, session_ns, length_ns
    ):
        update_inline(
            floats_at(state, size),
            table_at(plan, rows, 7),
            floats_at(settings, numbers),
            floats_at(out, outputs),
            open_,
            high,
            low,
            close,
            volume,
            session_ns,
            length_ns,
        )
        return 0

    ADDRESS = _update.address

    @kernel
    def update_all(address, state, plan, settings, out, open_, high, low, close, volume, session_ns, interval_ns):
        """Call update_inline behind its address."""
        call(
            address,
            (
                state.ctypes.data,
                len(state),
                plan.ctypes.data,
                len(plan),
                settings.ctypes.data,
                len(settings),
                out.ctypes.data,
                len(out),
                open_,
                high,
                low,
                close,
                volume,
                session_ns,
                interval_ns,
            ),
        )

    @entry
    def update_series(address, state, plan, settings, out, open_, high, low, close, volume, session_ns, interval_ns):
        """Take n bars in, one after the other. out: (n, outputs)."""
        for i in range(len(close)):
            update_all(
                address,
                state,
                plan,
                settings,
                out[i],
                open_[i],
                high[i],
                low[i],
                close[i],
                volume[i],
                session_ns[i],
                interval_ns,
            )
'''


def _source() -> str:
    imports = "\n".join(f"from streams.indicators.{name} import update as update_{name}" for name in INDICATORS)
    branches = "\n".join(
        f"        {'if' if i == 0 else 'elif'} which == {i}:\n"
        f"            update_{name}(s, p, y, open_, high, low, close, volume, session_ns, interval_ns)"
        for i, name in enumerate(INDICATORS)
    )
    return _HEAD.format(imports=imports, branches=branches)


def _assembled() -> ModuleType:
    """Write the module unless it stands there already, and import it."""
    name, source = "aiots_assembled_indicators", _source()
    path = CACHE_FOLDER / f"{name}.py"
    if not path.exists() or path.read_text() != source:
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_text(source)
        scratch.replace(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_module = _assembled()
update_all: Any = _module.update_all
update_series: Any = _module.update_series
UPDATE: int = _module.ADDRESS
"""Where the machine code of all indicators stands in this process."""


@dataclass(frozen=True)
class Plan:
    """Which indicators with which settings, as arrays for the kernel.

    rows: int64 (instances, 7): number of the indicator, its state from and to, settings from and to, outputs from and
    to. settings: float64. names: of all outputs, in order. state_size: float64 of all states.
    """

    rows: I64
    settings: F64
    names: tuple[str, ...]
    state_size: int


def plan_of(wanted: Sequence[str], settings: Mapping[str, Sequence[Sequence[float]]]) -> Plan:
    """Return the plan of these indicators (none named: all), with other settings than a file's own where given.

    Raises ValueError for a name that no file bears, and for two outputs of one name.
    """
    for name in (*wanted, *settings):
        if name not in INDICATORS:
            raise ValueError(f"no indicator is named {name!r}; there are {', '.join(INDICATORS)}")
    rows: list[list[int]] = []
    numbers: list[float] = []
    names: list[str] = []
    state_size = 0
    for which, (name, module) in enumerate(INDICATORS.items()):
        if wanted and name not in wanted:
            continue
        for instance in settings.get(name, module.SETTINGS):
            outputs = module.outputs(*instance)
            size = module.state_size(*instance)
            spans = (state_size, state_size + size, len(numbers), len(numbers) + len(instance))
            rows.append([which, *spans, len(names), len(names) + len(outputs)])
            state_size += size
            numbers.extend(float(number) for number in instance)
            names.extend(outputs)
    if len(set(names)) != len(names):
        raise ValueError(f"two indicator outputs have one name in {names}")
    return Plan(np.array(rows, np.int64).reshape(-1, 7), np.array(numbers, np.float64), tuple(names), state_size)
