"""A chain on the terminal: header, table of expiries, table of an expiry's contracts, smiles in characters."""

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aiots.chain.braille import Canvas
from aiots.chain.latest import NEVER_MS, Contracts, Latest, symbol_of
from aiots.chain.smiles import NEW_YORK, day_of, expiry_names, smile_line
from schemas.records import SurfaceFrame
from streams.options.forward.status import ForwardStatus
from streams.options.surface.smile import quote_edge
from streams.options.surface.status import FitStatus, SliceModel

DAYS = 365.0
PLOT_WIDTH, PLOT_HEIGHT = 64, 10
CALLS, PUTS = "cyan", "magenta"
UNUSUAL_SHOWN = 6
NONE = "–"


def chain_view(latest: Latest, wanted: Sequence[int], strikes: int, plot: bool) -> Group:
    """Return all that is shown; ValueError without a surface.

    wanted: numbers of the expiries whose contracts are shown. strikes: at most so many on each side of the forward.
    plot: with the smiles, of the wanted expiries or, where none is, of all.
    """
    surface = latest.surface
    if surface is None:
        raise ValueError("a chain without a surface cannot be shown")
    parts: list[RenderableType] = [header(latest, surface), expiries_table(surface)]
    for number in range(len(surface.years)):
        if number in wanted:
            contracts = latest.contracts(int(surface.expiry_ns[number]), surface.root[number])
            parts.append(contracts_table(contracts, surface, number, strikes))
        if plot and (number in wanted or not wanted):
            parts.append(smile_plot(latest, surface, number))
    return Group(*parts)


def header(latest: Latest, surface: SurfaceFrame) -> Panel:
    """Return what holds for the underlying as a whole."""
    rank = f"rank {surface.vol_rank:.0%}" if np.isfinite(surface.vol_rank) else "no rank yet"
    closes = "1 close" if surface.vol_closes == 1 else f"{surface.vol_closes} closes"
    volume = ratio(surface.put_volume.tolist(), surface.call_volume.tolist())
    interest = ratio(surface.put_interest.tolist(), surface.call_interest.tolist())
    lines = [
        f"spot {number(surface.spot, '.2f')}   30-day volatility {percent(surface.vol_30d)} ({rank}, {closes})",
        f"volume put/call {volume}   open interest put/call {interest}",
    ]
    if len(surface.ex_ns):
        paid = [f"{day_of(int(at))} {cash:.4g}" for at, cash in zip(surface.ex_ns, surface.cash, strict=True)]
        lines.append(f"dividends {', '.join(paid)}")
    if surface.next_event_ns:
        move = f", implied move {percent(surface.event_move)}" if np.isfinite(surface.event_move) else ""
        lines.append(f"next event {clock(surface.next_event_ns)}{move}")
    if surface.unusual:
        shown = [spelled(name) for name in surface.unusual[:UNUSUAL_SHOWN]]
        more = len(surface.unusual) - len(shown)
        lines.append(f"unusual volume: {', '.join(shown)}{f' and {more} more' if more else ''}")
    if not surface.rate_known:
        lines.append("no rate: [rates] has no curve of the day; the rate is taken as 0, and borrow takes its place")
    title = f"{surface.symbol}   {clock(surface.event_ns)} New York   {len(latest)} contracts"
    return Panel(Text("\n".join(lines)), title=title, title_align="left")


def expiries_table(surface: SurfaceFrame) -> Table:
    """Return the table of expiries, one row each."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    table.add_column("expiry", no_wrap=True)
    names = ("days", "forward", "± bp", "from", "borrow %", "quality", "atm %", "skew", "25Δ rr", "move %")
    for name in (*names, "fit", "quotes", "rms", "worst", "butterfly", "calendar %"):
        table.add_column(name, justify="left" if name in ("from", "fit") else "right", no_wrap=True)
    for i, name in enumerate(expiry_names(surface)):
        model, status = SliceModel(surface.model[i]).name, FitStatus(surface.fit_status[i])
        origin = ForwardStatus(surface.forward_status[i])
        table.add_row(
            name,
            f"{surface.years[i] * DAYS:.1f}",
            number(surface.forward[i], ".2f"),
            number(surface.forward_bp[i], ".1f"),
            "parity" if origin == ForwardStatus.OK else words(origin.name),
            borrow(surface, i),
            number(surface.forward_quality[i], ".2f"),
            number(100.0 * surface.atm_vol[i], ".2f"),
            number(surface.skew[i], "+.3f"),
            number(100.0 * surface.risk_reversal[i], "+.2f"),
            number(100.0 * surface.implied_move[i], ".2f"),
            model if status == FitStatus.OK else f"{model} {words(status.name)}",
            str(surface.quotes[i]),
            number(100.0 * surface.rms[i], ".2f"),
            number(100.0 * surface.worst[i], ".2f"),
            margin(surface.butterfly[i], "+.3f"),
            margin(100.0 * surface.calendar[i], "+.2f"),
        )
    return table


def borrow(surface: SurfaceFrame, i: int) -> str:
    """Return an expiry's borrow with its deviation, per cent."""
    deviation = surface.borrow_deviation[i]
    tail = f" ±{100.0 * deviation:.2f}" if np.isfinite(deviation) else ""
    return number(100.0 * surface.borrow[i], "+.2f") + tail


_SIDE = ("bid", "ask", "iv %", "delta", "volume", "open", "theo", "edge", "qual", "age")


def contracts_table(contracts: Contracts, surface: SurfaceFrame, expiry: int, strikes: int) -> Table:
    """Return calls to the left, puts to the right of their strikes; at most `strikes` on each side of the forward."""
    rungs, forward = np.unique(contracts.strike), float(surface.forward[expiry])
    middle = int(np.searchsorted(rungs, forward)) if np.isfinite(forward) else len(rungs) // 2
    name, total = expiry_names(surface)[expiry], len(rungs)
    rungs = rungs[max(0, middle - strikes) : middle + strikes]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1), title_justify="left")
    at = f"forward {number(forward, '.2f')}"
    table.title = f"{name}: {len(rungs)} of {total} strikes, calls left, puts right; {at}"
    for style, side in ((CALLS, True), ("bold", None), (PUTS, False)):
        for column in ("strike",) if side is None else _SIDE:
            table.add_column(column, justify="right", style=style, no_wrap=True)
    nearest = rungs[np.argmin(np.abs(rungs - forward))] if np.isfinite(forward) else np.nan
    for strike in rungs.tolist():
        cells = [*_cells(contracts, strike, True), f"{strike:g}", *_cells(contracts, strike, False)]
        table.add_row(*cells, style="reverse" if strike == nearest else None)
    return table


def _cells(contracts: Contracts, strike: float, is_call: bool) -> list[str]:
    """Return what is told of one contract, empty cells where it is not listed."""
    found = np.flatnonzero((contracts.strike == strike) & (contracts.is_call == is_call))
    if not found.size:
        return [""] * len(_SIDE)
    i = int(found[0])
    buying, selling = quote_edge(contracts.theoretical[i], contracts.bid[i], contracts.ask[i])
    edge = np.fmax(buying, selling)
    return [
        number(contracts.bid[i], ".2f"),
        number(contracts.ask[i], ".2f"),
        number(100.0 * contracts.iv[i], ".1f"),
        number(contracts.delta[i], "+.2f"),
        f"{contracts.volume[i]:,}",
        f"{contracts.open_interest[i]:,}",
        number(contracts.theoretical[i], ".2f"),
        number(float(edge), "+.2f"),
        number(contracts.quality[i], ".2f"),
        age(int(contracts.age_ms[i])),
    ]


def smile_plot(latest: Latest, surface: SurfaceFrame, expiry: int) -> Text:
    """Return an expiry's smile in characters: the fit as a line, quotes as dots."""
    smile, name = smile_line(latest, surface, expiry), expiry_names(surface)[expiry]
    vols = 100.0 * np.concatenate([smile.vol, smile.line_vol])
    if not vols.size:
        return Text(f"{name}: no volatility")
    places = np.concatenate([smile.strike, smile.line_strike])
    spread = max(float(vols.max() - vols.min()), 0.5)
    x_range = float(places.min()) - 1e-6, float(places.max()) + 1e-6
    y_range = float(vols.min()) - 0.05 * spread, float(vols.max()) + 0.05 * spread
    canvas = Canvas(PLOT_WIDTH, PLOT_HEIGHT, x_range, y_range)
    canvas.points(smile.line_strike, 100.0 * smile.line_vol, "dim")
    is_put = smile.strike < surface.forward[expiry]
    canvas.points(smile.strike[is_put], 100.0 * smile.vol[is_put], f"bold {PUTS}")
    canvas.points(smile.strike[~is_put], 100.0 * smile.vol[~is_put], f"bold {CALLS}")
    title = Text(f"{name} volatility % by strike (rms {number(100.0 * surface.rms[expiry], '.2f')})\n", "bold")
    low, high = (f"{one:.6g}" for one in x_range)
    return title + canvas.text(".1f", (low, f"forward {number(surface.forward[expiry], '.2f')}", high)) + Text("\n")


def wanted_expiries(surface: SurfaceFrame, latest: Latest, day: date) -> list[int]:
    """Return the numbers of the expiries of a day, by their last instant or by the day in their contracts' symbols."""
    named = {(ns, one.root) for ns, name in latest.names() if (one := symbol_of(name)).expiry == day}
    keys = zip(surface.expiry_ns.tolist(), surface.root, strict=True)
    return [i for i, (ns, root) in enumerate(keys) if day_of(ns) == day.isoformat() or (ns, root) in named]


def number(value: float, form: str) -> str:
    """Return a number, a dash for NaN."""
    return format(float(value), form) if np.isfinite(value) else NONE


def margin(value: float, form: str) -> str:
    """Return a margin of arbitrage; below 0 it is marked."""
    text = number(value, form)
    return f"[bold red]{text}[/]" if value < 0.0 else text


def percent(value: float) -> str:
    """Return a share as per cent."""
    return f"{100.0 * value:.2f} %" if np.isfinite(value) else NONE


def ratio(put: Sequence[int], call: Sequence[int]) -> str:
    """Return totals of puts and calls and their ratio."""
    puts, calls = sum(put), sum(call)
    return f"{puts:,}/{calls:,}" + (f" = {puts / calls:.2f}" if calls else "")


def words(name: str) -> str:
    """Return an enum's name in words."""
    return name.lower().replace("_", " ")


def spelled(contract: str) -> str:
    """Return a contract as people write it, e.g. SPXW 2021-01-06 3700 P."""
    one = symbol_of(contract)
    return f"{one.root} {one.expiry} {one.strike:g} {one.right}"


def clock(event_ns: int) -> str:
    """Return an instant on New York's clocks, to the second, with what is beyond where it is not 0."""
    seconds, rest = divmod(event_ns, 10**9)
    shown = datetime.fromtimestamp(seconds, NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")
    return f"{shown}.{rest // 10**6:03d}" if rest else shown


def age(age_ms: int) -> str:
    """Return an age in the unit that is short."""
    if age_ms == NEVER_MS:
        return NONE
    seconds = age_ms / 1000.0
    for unit, length in (("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if seconds < 100.0 * length:
            return f"{seconds / length:.0f}{unit}" if seconds >= 10.0 * length or unit != "s" else f"{seconds:.1f}s"
    return f"{seconds / 86_400.0:.0f}d"
