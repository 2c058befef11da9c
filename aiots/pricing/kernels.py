"""Says that kernels are being compiled, where a command would else be silent for half a minute."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from streams.numerics.jit import CACHE_FOLDER, DISABLED

QUIET_S = 1.0
"""Work that took less found its kernels in the cache, though no command had left its stamp: nothing more is said."""


@contextmanager
def compiling(model: str, kind: str) -> Iterator[None]:
    """Say on standard error that a model's kernels are compiled, once for each version of their source.

    kind: price or implied. A file in the cache's folder stands for kernels that a command has used before.
    """
    stamp = CACHE_FOLDER / f"used-{model}-{kind}"
    if DISABLED or stamp.exists():
        yield
        return
    began_s = time.perf_counter()
    sys.stderr.write(f"compiling the kernels of --model {model}, once for this version: up to a minute\n")
    sys.stderr.flush()
    yield
    if (took_s := time.perf_counter() - began_s) > QUIET_S:
        sys.stderr.write(f"compiled in {took_s:.0f} s\n")
    stamp.touch()
