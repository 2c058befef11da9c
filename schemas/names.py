"""Instruments in words: contracts as `aiots order` takes them, so that what is read can be typed."""

import re

from schemas.osi import LENGTH, TAIL, OptionSymbol, parse_osi

_OSI = re.compile(r"\b[A-Z1-9]{1,6} *\d{6}[CP]\d{8}\b")


def name_of(symbol: str) -> str:
    """Return an instrument's name for people: "AAPL 2026-12-18 C 200" of an OSI symbol, else the symbol as it is."""
    root = symbol[:-TAIL].strip()
    found = parse_osi(f"{root:6}{symbol[-TAIL:]}") if TAIL < len(symbol) <= LENGTH else None
    if not isinstance(found, OptionSymbol):
        return symbol
    return f"{found.root} {found.expiry} {found.right} {found.strike_mills / 1000:.10g}"


def named(text: str) -> str:
    """Return a text with the names of the contracts in it, in place of their OSI symbols."""
    return _OSI.sub(lambda match: name_of(match.group()), text)
