"""Which source this process runs: the code version, and a cache for compiled kernels that cannot serve stale ones.

Imports nothing that imports numba: the cache's folder must be named before numba is loaded.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

CORE = ("schemas", "streams")
ROOT = Path(__file__).resolve().parents[2]
KERNELS = (
    "schemas",
    "streams/numerics",
    "streams/bars",
    "streams/indicators",
    "streams/options",
    "streams/book",
    "streams/runtime/native",
)
"""Where compiled functions stand; an edit elsewhere needs no new compilation."""


@cache
def code_version() -> str:
    """Return a hash of the source files that decide what a stage writes, 12 hex digits."""
    return _hash(CORE, "")


def use_kernel_cache() -> Path:
    """Keep compiled kernels in the user's cache, apart by the source they come from; call before numba is imported.

    Apart by place, too: numba keeps a file's kernels under the file's path. Its own key is one file's time stamp:
    after an edit in another file it would run a stale callee.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aiots" / "kernels"
    path = Path(os.environ.get("NUMBA_CACHE_DIR") or caches / _hash(KERNELS, f"{version('numba')} {ROOT}"))
    path.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(path)
    return path


def _hash(folders: Sequence[str], seed: str) -> str:
    digest = hashlib.sha256(seed.encode())
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".avsc", ".json") and path.is_file():
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
