"""Which source this process runs: the code version, and a cache for compiled kernels that cannot serve stale ones.

Imports nothing that imports numba: the cache's folder must be named before numba is loaded.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

CORE = ("schemas", "streams")


@cache
def code_version() -> str:
    """Return a hash of the source files that decide what a stage writes, 12 hex digits."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for folder in CORE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".avsc", ".json") and path.is_file():
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def use_kernel_cache(folder: Path) -> Path:
    """Keep compiled kernels below `folder`, apart by code version; call before numba is imported.

    numba's own key is one file's time stamp: after an edit in another file it would run a stale callee.
    """
    path = Path(os.environ.get("NUMBA_CACHE_DIR") or folder / code_version())
    path.mkdir(parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(path)
    return path
