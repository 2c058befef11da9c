"""How kernels are compiled and where their machine code is kept.

numba's `cache=True` looks only at the file of the entry function: after an edit of a callee in another file it ran the
old machine code. So the cache folder is named by a hash of every source file that kernels are made of; it lies under
NUMBA_CACHE_DIR, or else the user's cache folder. Reading and writing there at import is the one I/O of the core: it
moves when work is done, never what comes out.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

F = TypeVar("F", bound=Callable[..., Any])

ROOT = Path(__file__).resolve().parents[2]
KERNEL_FOLDERS = (
    "streams/numerics",
    "streams/bars",
    "streams/indicators",
    "streams/options",
    "streams/book",
    "streams/runtime/native",
)
KERNEL_FILES = (
    "schemas/binary.py",
    "schemas/frames.py",
    "schemas/ids.lock.json",
    "streams/plugins.py",
    "streams/chain/kernels.py",
)
CACHES_KEPT_MAX = 6
"""Folders of older sources that are kept beside the current one; the least recently made go first."""


def source_hash() -> str:
    """Return 16 hex digits that change with every source file that kernels are made of, and with numba's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    found = [path for folder in KERNEL_FOLDERS for path in (ROOT / folder).rglob("*.py")]
    for path in sorted((*found, *(ROOT / name for name in KERNEL_FILES))):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _cache_root() -> Path:
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ai-ots" / "numba"


def _cache_folder() -> Path:
    """Return the folder of this source's machine code, made if need be; forget those of long-gone sources."""
    root = _cache_root()
    folder = root / f"src-{source_hash()}"
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        stale = sorted(root.glob("src-*"), key=lambda path: path.stat().st_mtime)[:-CACHES_KEPT_MAX]
        for path in stale:
            shutil.rmtree(path, ignore_errors=True)
    return folder


_config: Any = config
_njit: Any = numba.njit
CACHE_FOLDER = _cache_folder()
_config.CACHE_DIR = str(CACHE_FOLDER)
DISABLED = bool(_config.DISABLE_JIT)
"""Kernels run as plain Python (NUMBA_DISABLE_JIT=1): for coverage, never for work."""


def kernel(function: F) -> F:
    """Compile a function that other kernels call: no GIL, division by zero gives inf or NaN, no fastmath.

    It counts no references and can make no arrays: all of them belong to the fold, whose entry holds them. Counting
    took more time than closing a bar.
    """
    compiled: Any = _njit(nogil=True, error_model="numpy", _nrt=False)(function)
    return cast(F, compiled)


def lane(function: F) -> F:
    """Compile as kernel and inline into every caller, so that the caller's loop becomes vector code."""
    compiled: Any = _njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)(function)
    return cast(F, compiled)


def maker(function: F) -> F:
    """Compile a function that returns arrays to other compiled functions: as kernel, and references are counted."""
    compiled: Any = _njit(nogil=True, error_model="numpy")(function)
    return cast(F, compiled)


def entry(function: F) -> F:
    """Compile a function that Python calls: as kernel, and its machine code is kept on disk."""
    compiled: Any = _njit(nogil=True, error_model="numpy", cache=True)(function)
    return cast(F, compiled)
