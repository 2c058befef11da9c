"""Part of LEAN's recorded data in a folder of its own: fewer contracts, a day's beginning; so a test is quick."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

MINUTE_MS = 60_000


def copy_part(
    source: Path, target: Path, path: str, end_minute: int, keep: Callable[[str], bool] = lambda name: True
) -> None:
    """Copy a zip, or each zip of a folder, below source: members that are kept, rows before a minute of the day."""
    zips = sorted((source / path).rglob("*.zip")) if (source / path).is_dir() else [source / path]
    for one in zips:
        to = target / one.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(one) as given, zipfile.ZipFile(to, "w") as written:
            for name in filter(keep, given.namelist()):
                rows = given.read(name).decode().splitlines()
                kept = [row for row in rows if row and int(row.partition(",")[0]) < end_minute * MINUTE_MS]
                written.writestr(name, "\n".join(kept))


def copy_whole(source: Path, target: Path, *paths: str) -> None:
    """Copy files and folders as they are."""
    for path in paths:
        to = target / path
        to.parent.mkdir(parents=True, exist_ok=True)
        if (source / path).is_dir():
            shutil.copytree(source / path, to)
        else:
            shutil.copyfile(source / path, to)
