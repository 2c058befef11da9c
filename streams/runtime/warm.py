"""Compile every stage's kernels into the cache, once per version of the source.

Run: python -m streams.runtime.warm [--chains]. --chains: those of option chains too, which take longer than all others,
and which analytics else compiles when the first option comes.
"""

import sys
import time
from pathlib import Path

from streams.runtime.source import use_kernel_cache

STAMP = "compiled"
CHAINS = "--chains"


def stamp(chains: bool = False) -> Path:
    """Return the file that stands in the cache once everything is compiled."""
    return use_kernel_cache() / f"{STAMP}{CHAINS if chains else ''}"


def warm(chains: bool = False) -> float:
    """Compile what is not in the cache; return the seconds that it took."""
    began_s = time.perf_counter()
    from streams.runtime.fetch import make_fetch
    from streams.runtime.options import fold_factory, resolve
    from streams.topology import STAGES

    for stage in STAGES:
        fold_factory(stage, resolve(stage.params)(), 0, 1)().apply([])
    if chains:
        from streams.chain.rehearsal import rehearse

        rehearse(fold_factory(STAGES[0], resolve(STAGES[0].params)(), 0, 1)())
    # Nobody listens there; kernels need a client to be called with.
    make_fetch({"bootstrap.servers": "127.0.0.1:1"}, lambda error, place: None, joined=True).close()
    stamp(chains).touch()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    wanted = CHAINS in sys.argv[1:]
    if not stamp(wanted).exists():
        sys.stderr.write("compiling the kernels, once for this version: a minute or two\n")
        sys.stderr.write(f"compiled in {warm(wanted):.0f} s\n")
