"""LEAN's folders: which zip holds what, and which of them a run reads.

{root}/{equity,index}/usa/{tick,second,minute}/{ticker}/{YYYYMMDD}_{trade,quote}.zip hold one symbol and day,
{root}/{equity,index}/usa/{hour,daily}/{ticker}[_quote].zip every day of one symbol,
{root}/option/usa/minute/{ticker}/{YYYYMMDD}_{trade,quote,openinterest}_american.zip the contracts of one
underlying and day, {root}/indexoption/usa/minute/{root}/..._european.zip those of one root (SPX and SPXW apart).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connectors.sources.lean_reference import data_zone
from schemas.osi import underlying_of

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
EQUITY, INDEX, OPTION, INDEX_OPTION = ASSETS = ("equity", "index", "option", "indexoption")
"""Folders of a data root, as LEAN names them."""

_DAY_FILE = re.compile(r"(\d{8})_(trade|quote)\.zip")
_OPTION_FILE = re.compile(r"(\d{8})_(trade|quote|openinterest)_(?:american|european)(?:\.zip){1,2}")
_HISTORY_FILE = re.compile(r"(.+?)(_quote)?\.zip")


@dataclass(frozen=True, order=True)
class LeanFile:
    """One zip. ticker: lower case, as the folder spells it. day: None where the file holds many.

    zone: time zone in which the file counts.
    """

    ticker: str
    resolution: str
    day: date | None
    kind: str
    path: Path
    asset: str = EQUITY
    zone: str = "America/New_York"

    @property
    def symbol(self) -> str:
        """Return the ticker as records spell it; of options the underlying's."""
        ticker = self.ticker.upper()
        return underlying_of(ticker) if self.asset == INDEX_OPTION else ticker

    @property
    def is_option(self) -> bool:
        """Return whether it holds contracts."""
        return self.asset in (OPTION, INDEX_OPTION)

    @property
    def scale(self) -> float:
        """Return what its prices are multiplied by: 1 for an index, whose values stand as they are."""
        return 1.0 if self.asset == INDEX else 10_000.0


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
        if above.name == "usa" and above.parent.name in ASSETS:
            return [above.parent.parent]
        if folder in (above, *(above / asset for asset in ASSETS)) and any(
            (above / asset / "usa").is_dir() for asset in ASSETS
        ):
            return [above]
    found = sorted({usa.parent.parent for usa in folder.rglob("usa") if usa.parent.name in ASSETS and usa.is_dir()})
    if not found:
        raise NoLeanDataError(f"{folder} is not LEAN's data: it neither holds nor lies in a folder equity/usa")
    return found


def find_files(
    folders: Sequence[Path], resolutions: Iterable[str], symbols: Sequence[str] = (), assets: Sequence[str] = (EQUITY,)
) -> list[LeanFile]:
    """Return the zips at or below the folders, sorted; where two hold the same, that of the folder named first.

    symbols: tickers or underlyings, all where empty. Options are found where resolutions hold minute.
    """
    wanted = {symbol.upper() for symbol in symbols}
    found: dict[tuple[str, str, str, date | None, str], LeanFile] = {}
    for folder in folders:
        for root in find_roots(folder):
            for asset, resolution in ((asset, resolution) for asset in assets for resolution in resolutions):
                for path in _zips(root / asset / "usa" / resolution, folder.absolute()):
                    file = _describe(path, asset, resolution, root)
                    if file and (not wanted or {file.ticker.upper(), file.symbol} & wanted):
                        found.setdefault((asset, file.ticker, file.resolution, file.day, file.kind), file)
    return sorted(
        found.values(),
        key=lambda file: (ASSETS.index(file.asset), file.ticker, file.resolution, file.day or date.min, file.kind),
    )


def _zips(base: Path, folder: Path) -> list[Path]:
    """Return the zips below base that are at, below or above the folder that was named."""
    if not base.is_dir():
        return []
    start = folder if folder.is_relative_to(base) else base
    return sorted(path for path in start.rglob("*.zip") if path.is_relative_to(folder) or start == folder)


def _describe(path: Path, asset: str, resolution: str, root: Path) -> LeanFile | None:
    options = asset in (OPTION, INDEX_OPTION)
    if options and resolution != "minute":
        return None
    if resolution in FINE:
        match = (_OPTION_FILE if options else _DAY_FILE).fullmatch(path.name)
        if not match:
            return None
        try:
            day = date(int(match[1][:4]), int(match[1][4:6]), int(match[1][6:]))
        except ValueError:
            return None
        ticker, kind = path.parent.name.lower(), match[2]
        return LeanFile(ticker, resolution, day, kind, path, asset, _zone(root, asset, ticker))
    match = _HISTORY_FILE.fullmatch(path.name)
    if not match:
        return None
    ticker, kind = match[1].lower(), "quote" if match[2] else "trade"
    return LeanFile(ticker, resolution, None, kind, path, asset, _zone(root, asset, ticker))


def _zone(root: Path, asset: str, ticker: str) -> str:
    """Return the zone of a file's times: New York, but of an index what the market hours say (SPX: Chicago)."""
    return data_zone(root, "Index", ticker.upper()) if asset == INDEX else "America/New_York"
