"""The truth of a simulated recording as JSON lines: planted moves, and what options are drawn around.

One object a line, told apart by `record` (docs/simulated_chains.md):

    move    a planted move of a price: symbol, kind, direction, size, holds, calm_ns, start_ns, end_ns
    chain   an underlying's options: the surface's parameters, rate, borrow, dividends, earnings
    smile   one expiry at a session's opening, at the price of that instant: forward, and by strike Black's volatility
            and that of the spot model; null where an option is worth too little to have one
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiots.rates import rates_of

if TYPE_CHECKING:
    from aiots.config import Config
    from connectors.sources.sim import SimSource


def write_truth(source: "SimSource", file: Path) -> int:
    """Write the truth of a recording; return how many lines. OSError where the file cannot be written."""
    lines = [json.dumps(one, allow_nan=False) for one in truth_of(source)]
    file.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    return len(lines)


def truth_of(source: "SimSource") -> Iterator[dict[str, Any]]:
    """Yield the objects of the lines: moves, chains, smiles."""
    for move in source.truth:
        yield {"record": "move", **vars(move), "kind": move.kind.value}
    for truth in source.option_truths.values():
        yield {"record": "chain", **truth.described()}
    for day, listed in zip(source.days, source.listings, strict=True):
        event_ns = day.session.open_ns
        for symbol, listings in listed.items():
            truth, spot = source.option_truth(symbol), source.spot(symbol, day)
            for one in listings:
                vols = [
                    found(event_ns, one.expiry_ns, one.strike, spot).tolist() for found in (truth.vol, truth.spot_vol)
                ]
                yield {
                    "record": "smile",
                    "symbol": symbol,
                    "event_ns": event_ns,
                    "spot": spot,
                    "expiry": one.day.isoformat(),
                    "expiry_ns": one.expiry_ns,
                    "forward": truth.forward(event_ns, one.expiry_ns, spot),
                    "strike": one.strike.tolist(),
                    "vol": [vol if vol == vol else None for vol in vols[0]],
                    "spot_vol": [vol if vol == vol else None for vol in vols[1]],
                }


def other_rate(config: "Config", source: "SimSource") -> str:
    """Return what to do where analytics would reckon with another rate than the simulated options; else nothing."""
    of = source.params.options
    if of is None:
        return ""
    day = source.sessions[0].day
    known = float(rates_of(config).rate(day, 0.5))
    if abs(known - of.interest) < 1e-9:
        return ""
    given = f"{known:g}" if known == known else "no rate"
    return (
        f"note: these options carry a rate of {of.interest:g}, analytics is configured with {given} on {day};"
        f" borrows will be off by the difference. Set AIOTS_RATES='{{\"{day}\": {of.interest:g}}}' for its process."
    )
