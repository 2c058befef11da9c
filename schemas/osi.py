"""OSI symbols of listed options, both ways: `AAPL  140606C00645000` and its parts.

Six places of root (left-justified), yymmdd of expiry (years 2000 to 2099), C or P, and the strike in thousandths in
eight digits. Vendors leave out the root's spaces: that form is read, too. A root's last digit marks an adjusted
contract (AAPL1) or, as 7, a mini of ten shares (2013 to 2014); a digit before it marks a FLEX option (2SPX).
Source: OCC, Options Symbology Initiative (2010).
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

ROOT = re.compile(r"[1-9]?[A-Z]{1,6}[1-9]?")
TAIL = 15
"""Characters after the root."""
LENGTH = 21
"""Characters of a symbol; bytes too, as all are ASCII."""
STRIKE_MILLS_MAX = 99_999_999


INDEX_ROOTS = {"SPXW": "SPX", "SPXPM": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX", "XEO": "OEX"}
"""Roots of index options that are not their index's ticker."""


class SymbolFault(StrEnum):
    """Why a text is no OSI symbol."""

    LENGTH = "length"
    ROOT = "root"
    EXPIRY = "expiry"
    RIGHT = "right"
    STRIKE = "strike"


@dataclass(frozen=True, order=True)
class OptionSymbol:
    """The parts of an OSI symbol; ValueError where they make none."""

    root: str
    expiry: date
    is_call: bool
    strike_mills: int
    """Strike in thousandths of the quote currency, an exact whole number."""

    def __post_init__(self) -> None:
        if not (len(self.root) <= 6 and ROOT.fullmatch(self.root)):
            raise ValueError(f"root must be 1 to 6 capitals, a digit at either end allowed, was {self.root!r}")
        if not 2000 <= self.expiry.year <= 2099:
            raise ValueError(f"expiry must be in 2000 to 2099, was {self.expiry}")
        if not 0 < self.strike_mills <= STRIKE_MILLS_MAX:
            raise ValueError(f"strike must be from 0.001 to 99,999.999, was {self.strike_mills} thousandths")

    @property
    def strike(self) -> float:
        """Return the strike in quote currency."""
        return self.strike_mills / 1000.0

    @property
    def right(self) -> str:
        """Return `C` or `P`."""
        return "C" if self.is_call else "P"

    @property
    def is_adjusted(self) -> bool:
        """Return whether the root's suffix says that the contract is not the standard one of a hundred shares."""
        return self.root[-1].isdigit()

    @property
    def ticker(self) -> str:
        """Return the root without digits: for equities the underlying's ticker, without its dot (BRKB)."""
        return self.root.strip("123456789")

    @property
    def underlying(self) -> str:
        """Return the ticker of what is delivered or settled: SPX for SPXW, else `ticker`."""
        return underlying_of(self.root)


def underlying_of(root: str) -> str:
    """Return the ticker of the underlying of a root: SPX for SPXW, AAPL for AAPL1, BRKB for BRKB."""
    ticker = root.strip("123456789")
    return INDEX_ROOTS.get(ticker, ticker)


def osi(symbol: OptionSymbol) -> str:
    """Return the symbol of 21 characters."""
    return f"{symbol.root:6}{symbol.expiry:%y%m%d}{symbol.right}{symbol.strike_mills:08d}"


def parse_osi(text: str) -> OptionSymbol | SymbolFault:
    """Return the parts of a symbol, or why it is none; the root's spaces may be left out."""
    if not TAIL < len(text) <= LENGTH:
        return SymbolFault.LENGTH
    root, day, right, mills = text[:-TAIL], text[-TAIL:-9], text[-9], text[-8:]
    padded = len(text) == LENGTH
    root = root.rstrip(" ") if padded else root
    if not ROOT.fullmatch(root):
        return SymbolFault.ROOT
    if right not in "CP":
        return SymbolFault.RIGHT
    if not (day.isascii() and day.isdigit()):
        return SymbolFault.EXPIRY
    try:
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return SymbolFault.EXPIRY
    if not (mills.isascii() and mills.isdigit() and int(mills) > 0):
        return SymbolFault.STRIKE
    return OptionSymbol(root, expiry, right == "C", int(mills))
