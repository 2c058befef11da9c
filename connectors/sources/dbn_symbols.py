"""What Databento's instrument numbers mean: a ticker, or an option contract and its underlying, by dataset and day.

A number is good for a day (UTC) of its dataset. Told by a file's header for that file, and by definition records (and
those of live symbol mappings) for every file of the dataset, from their day on; the header comes first. A definition
also names the underlying, where a contract's root does not spell it (BRKB: BRK.B).
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from connectors.sources.dbn_files import DEFINITION, SYMBOL_MAPPING, DbnFile, Run
from connectors.sources.frames import I64
from schemas.osi import OptionSymbol, osi, parse_osi, underlying_of

DAY_NS = 86_400 * 10**9
UNKNOWN, LEFT_OUT = -1, -2
"""In place of an instrument: nobody says what it is; it was not asked for."""
OPRA = "OPRA"
EQUITIES = frozenset({
    "ARCX", "BATS", "BATY", "DBEQ", "EDGA", "EDGX", "EPRL", "EQUS", "IEXG", "MEMX", "XASE", "XBOS", "XCHI", "XCIS",
    "XNAS", "XNYS", "XPSX",
})  # fmt: skip
"""Datasets of US equities, up to their dot."""
_TICKER = re.compile(r"[A-Z][A-Z0-9.+\-=^/ ]{0,31}")


class Instrument(NamedTuple):
    """symbol: key of its records, for an option the underlying's ticker. contract: OSI symbol, empty for an equity."""

    symbol: str
    contract: str = ""


def venue_of(dataset: str) -> str:
    """Return a dataset's first part: OPRA for OPRA.PILLAR."""
    return dataset.partition(".")[0]


@dataclass
class SymbolBook:
    """Instruments by number, as far as files have told them. wanted: tickers, all where empty."""

    wanted: frozenset[str] = frozenset()
    instruments: list[Instrument] = field(default_factory=list)
    _of_file: dict[tuple[str, int], list[tuple[int, int, str]]] = field(default_factory=dict)
    _of_dataset: dict[tuple[str, int], list[tuple[int, str]]] = field(default_factory=dict)
    _underlying: dict[str, str] = field(default_factory=dict)
    _number: dict[Instrument, int] = field(default_factory=dict)
    _resolved: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def add_header(self, file: DbnFile) -> None:
        """Take the mappings of a file's header."""
        for one in file.mappings:
            days = (int(np.datetime64(one.first).astype(int)), int(np.datetime64(one.end).astype(int)), one.symbol)
            self._of_file.setdefault((file.sha256, one.instrument_id), []).append(days)

    def add_records(self, file: DbnFile, runs: Iterable[Run]) -> None:
        """Take definitions and symbol mappings among a file's records."""
        for run in runs:
            if run.rtype not in (DEFINITION, SYMBOL_MAPPING):
                continue
            defines = run.rtype == DEFINITION
            names = run.records["raw_symbol" if defines else "stype_out_symbol"]
            days = (run.records["ts_recv" if defines else "ts_event"] // np.uint64(DAY_NS)).tolist()
            for number, day, name in zip(run.records["instrument_id"].tolist(), days, names.tolist(), strict=True):
                told = self._of_dataset.setdefault((file.dataset, number), [])
                entry = (day, name.decode("ascii", "replace"))
                if entry not in told:
                    told.append(entry)
                    told.sort(key=lambda one: one[0])  # Stable: what is told later on a day counts.
            if defines:
                for name, under in zip(names.tolist(), run.records["underlying"].tolist(), strict=True):
                    if under:
                        self._underlying[name.decode("ascii", "replace")] = under.decode("ascii", "replace")

    def numbers(self, file: DbnFile, instrument_id: I64, time_ns: I64) -> I64:
        """Return the index into `instruments` of each row, shape (n,); UNKNOWN or LEFT_OUT where there is none."""
        keys = (instrument_id << 20) | (time_ns // DAY_NS)  # Days since 1970 take 16 bits.
        distinct, where = np.unique(keys, return_inverse=True)
        found = [self._resolve(file, key >> 20, key & 0xFFFFF) for key in distinct.tolist()]
        return np.array(found, np.int64)[where]

    def symbols(self) -> list[str]:
        """Return the tickers of all that has been told, sorted, as far as they are wanted."""
        of_files = {name for told in self._of_file.values() for _, _, name in told}
        of_datasets = {name for told in self._of_dataset.values() for _, name in told}
        tickers = {made.symbol for name in of_files | of_datasets if (made := self._made(name))}
        return sorted(ticker for ticker in tickers if not self.wanted or ticker in self.wanted)

    def _resolve(self, file: DbnFile, instrument_id: int, day: int) -> int:
        key = (file.sha256, instrument_id, day)
        number = self._resolved.get(key)
        if number is None:
            name = self._name(file, instrument_id, day)
            made = self._made(name) if name else None
            if made is None or bool(made.contract) != (venue_of(file.dataset) == OPRA):
                number = UNKNOWN
            elif self.wanted and made.symbol not in self.wanted:
                number = LEFT_OUT
            else:
                number = self._number.setdefault(made, len(self.instruments))
                if number == len(self.instruments):
                    self.instruments.append(made)
            self._resolved[key] = number
        return number

    def _name(self, file: DbnFile, instrument_id: int, day: int) -> str:
        for first, end, name in self._of_file.get((file.sha256, instrument_id), ()):
            if first <= day < end and self._made(name):
                return name
        told = self._of_dataset.get((file.dataset, instrument_id), [])
        at = bisect_right(told, day, key=lambda one: one[0])
        return told[at - 1][1] if at else ""

    def _made(self, name: str) -> Instrument | None:
        """Return the instrument of a raw symbol; None where it is neither a contract nor a ticker."""
        option = parse_osi(name)
        if isinstance(option, OptionSymbol):
            return Instrument(underlying_of(self._underlying.get(name) or option.root), osi(option))
        return Instrument(name) if _TICKER.fullmatch(name) else None
