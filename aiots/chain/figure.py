"""A chain as a picture: smiles with their residuals, term structure, implied densities, in one PNG.

Colours are Okabe and Ito's, told apart by the colour-blind: puts vermilion, calls blue, the fit black; expiries by
viridis, from dark (near) to light.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiots.chain.latest import Latest
from aiots.chain.smiles import SmileLine, expiry_names, slices_of, smile_line
from aiots.chain.terminal import clock, number, percent, words
from schemas.records import SurfaceFrame
from streams.options.surface.function import forward_vol
from streams.options.surface.slices import total_variance
from streams.options.surface.smile import distribution
from streams.options.surface.status import FitStatus, SliceModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

F64 = NDArray[np.float64]

SMILES_MAX = 16
LARGE_MAX = 6
"""Up to so many smiles are drawn large."""
DENSITIES_MAX = 6
LAST_HEIGHT = 3.6
"""Inches."""
DPI = 110


class Panel(NamedTuple):
    """A smile's panel: so many in a row, inches."""

    across: int
    width: float
    height: float


LARGE, SMALL = Panel(3, 5.2, 4.0), Panel(4, 4.3, 3.5)
PUTS, CALLS, FIT, FAULTY = "#D55E00", "#0072B2", "#000000", "#999999"
DENSITY_REACH, DENSITY_POINTS = 4.5, 361
DAYS = 365.0
LOG_SPAN = 15.0
"""From so many times the nearest expiry's days on, the axis of days is logarithmic."""


def save_figure(latest: Latest, path: Path, wanted: Sequence[int] = ()) -> int:
    """Write the picture, overwriting; return how many smiles are in it.

    wanted: numbers of the expiries whose smiles are shown; where none is named up to SMILES_MAX, spread over all that
    have quotes. ValueError without a surface, OSError where the file cannot be written.
    """
    surface = latest.surface
    if surface is None:
        raise ValueError("a chain without a surface cannot be drawn")
    shown = list(wanted)[:SMILES_MAX] or chosen(surface)
    figure = draw(latest, surface, shown)
    figure.savefig(path, dpi=DPI, format="png")
    return len(shown)


def chosen(surface: SurfaceFrame) -> list[int]:
    """Return up to SMILES_MAX expiries that have quotes, the first and the last among them."""
    return spread_over([i for i, count in enumerate(surface.quotes) if count > 0], SMILES_MAX)


def spread_over(numbers: Sequence[int], most: int) -> list[int]:
    """Return up to `most` of them, evenly, the first and the last among them."""
    places = np.unique(np.rint(np.linspace(0, len(numbers) - 1, min(most, len(numbers)))).astype(int))
    return [numbers[i] for i in places.tolist()]


def draw(latest: Latest, surface: SurfaceFrame, shown: Sequence[int]) -> "Figure":
    """Return the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panel = LARGE if len(shown) <= LARGE_MAX else SMALL
    rows = -(-len(shown) // panel.across)
    across = -(-len(shown) // max(rows, 1))
    heights = [panel.height] * rows + [LAST_HEIGHT]
    figure = Figure(figsize=(max(across, 2) * panel.width, sum(heights) + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_title(surface, len(shown)), fontsize=13)
    grid = figure.add_gridspec(rows + 1, 1, height_ratios=heights)
    for row in range(rows):
        of_row = list(shown[row * across : (row + 1) * across])
        places = grid[row].subgridspec(2, across, height_ratios=(3, 1), hspace=0.03)
        for column, expiry in enumerate(of_row):
            upper = figure.add_subplot(places[0, column])
            lower = figure.add_subplot(places[1, column], sharex=upper)
            draw_smile(upper, lower, smile_line(latest, surface, expiry), surface, expiry)
    last = grid[rows].subgridspec(1, 2)
    draw_term(figure.add_subplot(last[0]), surface)
    draw_densities(figure.add_subplot(last[1]), surface, spread_over(shown, DENSITIES_MAX))
    return figure


def _title(surface: SurfaceFrame, shown: int) -> str:
    parts = [f"{surface.symbol}  {clock(surface.event_ns)} New York", f"spot {number(surface.spot, '.2f')}"]
    parts.append(f"30-day volatility {percent(surface.vol_30d)}")
    if shown < len(surface.years):
        parts.append(f"{shown} of {len(surface.years)} expiries")
    if not surface.rate_known:
        parts.append("no rate known, taken as 0")
    return "   ".join(parts)


def draw_smile(upper: "Axes", lower: "Axes", smile: SmileLine, surface: SurfaceFrame, expiry: int) -> None:
    """Draw quotes with half spreads and the fit, and below what lies between them, in points of volatility."""
    forward, is_put = surface.forward[expiry], smile.strike < surface.forward[expiry]
    for side, colour, label in ((is_put, PUTS, "puts"), (~is_put, CALLS, "calls")):
        bars: dict[str, Any] = {"fmt": "o", "ms": 3, "lw": 0.8, "color": colour, "ecolor": colour, "alpha": 0.85}
        half = 100.0 * smile.half_spread[side]
        upper.errorbar(smile.strike[side], 100.0 * smile.vol[side], half, label=label, **bars)
        lower.errorbar(smile.strike[side], 100.0 * smile.residual[side], half, **bars)
    upper.plot(smile.line_strike, 100.0 * smile.line_vol, color=FIT, lw=1.3, label="fit", zorder=3)
    if smile.faulty_strike.size:
        upper.plot(smile.faulty_strike, 100.0 * smile.faulty_vol, "x", color=FAULTY, ms=4, label="left out")
    for axes in (upper, lower):
        axes.axvline(forward, color=FAULTY, lw=0.8, ls=":")
        axes.grid(alpha=0.25, lw=0.5)
    lower.axhline(0.0, color=FIT, lw=0.8)
    _limits(upper, lower, smile)
    model, status = SliceModel(surface.model[expiry]).name, FitStatus(surface.fit_status[expiry])
    fit = model if status == FitStatus.OK else f"{model} {words(status.name)}"
    figures = f"{fit}, rms {number(100.0 * surface.rms[expiry], '.2f')}, g {number(surface.butterfly[expiry], '.2f')}"
    name = expiry_names(surface)[expiry]
    upper.set_title(f"{name} ({surface.years[expiry] * DAYS:.1f} days)\n{figures}", fontsize=10)
    upper.tick_params(labelbottom=False)
    upper.set_ylabel("volatility %")
    lower.set_ylabel("residual")
    lower.set_xlabel("strike")
    upper.legend(fontsize=7.5, loc="best", framealpha=0.7)


def _limits(upper: "Axes", lower: "Axes", smile: SmileLine) -> None:
    """Let fit and fitted quotes fill the panel: the bars of quotes without a bid would flatten everything."""
    vols = 100.0 * np.concatenate([smile.vol, smile.line_vol])
    if not vols.size:
        return
    low, high = float(vols.min()), float(vols.max())
    near = 100.0 * smile.faulty_vol[np.abs(100.0 * smile.faulty_vol - 0.5 * (low + high)) < 0.8 * (high - low)]
    low, high = min([low, *near]), max([high, *near])
    room = 0.12 * max(high - low, 1.0)
    upper.set_ylim(max(low - room, 0.0), high + room)
    places = np.concatenate([smile.strike, smile.line_strike])
    side = 0.02 * float(places.max() - places.min())
    upper.set_xlim(float(places.min()) - side, float(places.max()) + side)
    known = np.abs(smile.residual[np.isfinite(smile.residual)])
    if known.size:
        widest = 100.0 * float(np.max(known) + np.median(smile.half_spread))
        lower.set_ylim(-1.1 * widest, 1.1 * widest)


def draw_term(axes: "Axes", surface: SurfaceFrame) -> None:
    """Draw volatility at the forward by days to expiry, and what it implies between two expiries."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    slices = slices_of(surface)
    there = np.flatnonzero(np.isfinite(slices).all(axis=1))
    days = surface.years[there] * DAYS
    if there.size:
        between = forward_vol(slices[there], surface.years[there])
        edges = np.concatenate([[0.0 if days[-1] < LOG_SPAN * days[0] else 0.6 * days[0]], days])
        axes.stairs(100.0 * between, edges, baseline=None, color=CALLS, lw=1.2, label="between expiries")
        vols, sure = 100.0 * surface.atm_vol[there], np.array([surface.fit_status[i] == FitStatus.OK for i in there])
        axes.plot(days, vols, "o-", color=FIT, ms=4, lw=1.2, label="to expiry")
        if not sure.all():
            axes.plot(days[~sure], vols[~sure], "o", color=FIT, mfc="white", ms=5, label="fit not ok")
        if days[-1] >= LOG_SPAN * days[0]:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        low, high = axes.get_ylim()
        axes.set_ylim(max(low - 0.1 * (high - low), 0.0), high + 0.1 * (high - low))
        axes.legend(fontsize=8, framealpha=0.7)
    axes.set_title("term structure of volatility at the forward", fontsize=10)
    axes.set_xlabel("days to expiry")
    axes.set_ylabel("volatility %")
    axes.grid(alpha=0.25, lw=0.5)


def draw_densities(axes: "Axes", surface: SurfaceFrame, shown: Sequence[int]) -> None:
    """Draw the density of log(S / forward), each expiry in its own deviations so that a day and a year compare."""
    from matplotlib import colormaps

    slices, names, drawn = slices_of(surface), expiry_names(surface), 0
    places = np.linspace(-DENSITY_REACH, DENSITY_REACH, DENSITY_POINTS)
    normal = np.exp(-0.5 * places * places) / np.sqrt(2.0 * np.pi)
    axes.plot(places, normal, color=FAULTY, lw=1.0, ls=":", label="normal")
    for expiry in shown:
        row = slices[expiry]
        if np.isfinite(row).all():
            money = float(np.sqrt(total_variance(row, [0.0])[0]))
            density, _ = distribution(row, money * places)
            colour = colormaps["viridis"](0.88 * drawn / max(len(shown) - 1, 1))
            style = ("-", "--", "-.")[drawn % 3]
            axes.plot(places, density * money, color=colour, lw=1.4, ls=style, label=names[expiry])
            drawn += 1
    axes.set_xlim(-DENSITY_REACH, DENSITY_REACH)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_title("implied density of log(S / forward)", fontsize=10)
    axes.set_xlabel("deviations at the money")
    axes.legend(fontsize=8, framealpha=0.7)
    axes.grid(alpha=0.25, lw=0.5)
