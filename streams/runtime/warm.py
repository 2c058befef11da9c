"""Compile every stage's kernels into the cache: python -m streams.runtime.warm. Once per version of the source."""

import sys
import time
from pathlib import Path

from streams.runtime.source import use_kernel_cache

STAMP = "compiled"


def stamp() -> Path:
    """Return the file that stands in the cache once everything is compiled."""
    return use_kernel_cache() / STAMP


def warm() -> float:
    """Compile what is not in the cache; return the seconds that it took."""
    began_s = time.perf_counter()
    from streams.runtime.fetch import make_fetch
    from streams.runtime.options import fold_factory, resolve
    from streams.topology import STAGES

    for stage in STAGES:
        fold_factory(stage, resolve(stage.params)(), 0, 1)().apply([])
    # Nobody listens there; kernels need a client to be called with.
    make_fetch({"bootstrap.servers": "127.0.0.1:1"}, lambda error, place: None, joined=True).close()
    stamp().touch()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    if not stamp().exists():
        sys.stderr.write("compiling the kernels, once for this version: a minute or two\n")
        sys.stderr.write(f"compiled in {warm():.0f} s\n")
