"""LEAN's folders: which zip holds what, and which of them a run reads.

{root}/equity/usa/{tick,second,minute}/{ticker}/{YYYYMMDD}_{trade,quote}.zip hold one symbol and day,
{root}/equity/usa/{hour,daily}/{ticker}[_quote].zip every day of one symbol.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

SECOND_NS = 1_000_000_000
INTERVAL_NS = {
    "tick": 0,
    "second": SECOND_NS,
    "minute": 60 * SECOND_NS,
    "hour": 3_600 * SECOND_NS,
    "daily": 86_400 * SECOND_NS,
}
"""Resolutions, finest first, with the length of their bars."""
FINE = ("tick", "second", "minute")

_DAY_FILE = re.compile(r"(\d{8})_(trade|quote)\.zip")
_HISTORY_FILE = re.compile(r"(.+?)(_quote)?\.zip")


@dataclass(frozen=True, order=True)
class LeanFile:
    """One zip. ticker: lower case, as the folder spells it. day: None where the file holds many."""

    ticker: str
    resolution: str
    day: date | None
    kind: str
    path: Path

    @property
    def symbol(self) -> str:
        """Return the ticker as records spell it."""
        return self.ticker.upper()


class NoLeanDataError(ValueError):
    """A folder holds nothing of LEAN's, or nothing of what was asked for."""


def parse_resolutions(text: str) -> tuple[str, ...]:
    """Return the resolutions named in `auto` or a comma-separated list, finest first; ValueError for others."""
    names = [part.strip() for part in text.split(",")]
    if names == ["auto"]:
        return tuple(INTERVAL_NS)
    if unknown := [name for name in names if name not in INTERVAL_NS]:
        raise ValueError(f"resolution is auto, or a list of {', '.join(INTERVAL_NS)}; was {unknown[0]!r}")
    return tuple(name for name in INTERVAL_NS if name in names)


def find_roots(folder: Path) -> list[Path]:
    """Return every data root (the folder that holds equity/usa) that the folder lies in, is, or contains."""
    folder = folder.absolute()
    if not folder.is_dir():
        raise NoLeanDataError(f"no such folder: {folder}")
    for above in (folder, *folder.parents):
        if above.name == "usa" and above.parent.name == "equity":
            return [above.parent.parent]
        if (above / "equity" / "usa").is_dir() and folder in (above, above / "equity"):
            return [above]
    found = sorted(usa.parent.parent for usa in folder.rglob("usa") if usa.parent.name == "equity" and usa.is_dir())
    if not found:
        raise NoLeanDataError(f"{folder} is not LEAN's data: it neither holds nor lies in a folder equity/usa")
    return found


def find_files(folders: Sequence[Path], resolutions: Iterable[str], symbols: Sequence[str] = ()) -> list[LeanFile]:
    """Return the zips at or below the folders, sorted; where two hold the same, that of the folder named first."""
    wanted = {symbol.lower() for symbol in symbols}
    found: dict[tuple[str, str, date | None, str], LeanFile] = {}
    for folder in folders:
        for root in find_roots(folder):
            for resolution in resolutions:
                for path in _zips(root / "equity" / "usa" / resolution, folder.absolute()):
                    file = _describe(path, resolution)
                    if file and (not wanted or file.ticker in wanted):
                        found.setdefault((file.ticker, file.resolution, file.day, file.kind), file)
    return sorted(found.values(), key=lambda file: (file.ticker, file.resolution, file.day or date.min, file.kind))


def _zips(base: Path, folder: Path) -> list[Path]:
    """Return the zips below base that are at, below or above the folder that was named."""
    if not base.is_dir():
        return []
    start = folder if folder.is_relative_to(base) else base
    return sorted(path for path in start.rglob("*.zip") if path.is_relative_to(folder) or start == folder)


def _describe(path: Path, resolution: str) -> LeanFile | None:
    if resolution in FINE:
        match = _DAY_FILE.fullmatch(path.name)
        if not match:
            return None
        try:
            day = date(int(match[1][:4]), int(match[1][4:6]), int(match[1][6:]))
        except ValueError:
            return None
        return LeanFile(path.parent.name.lower(), resolution, day, match[2], path)
    match = _HISTORY_FILE.fullmatch(path.name)
    return match and LeanFile(match[1].lower(), resolution, None, "quote" if match[2] else "trade", path)
