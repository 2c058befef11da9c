"""A day's report as one HTML file: no script, nothing fetched, plots inside."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from aiots.book.day import EXPLAINED_BY, GREEKS, DayFigures
from aiots.book.trail import NEW_YORK, cash_of, clock
from schemas.names import name_of, named
from streams.book.explain.fold import sums
from streams.book.explain.terms import Terms
from streams.risk.calls import text_of as calls_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILLS_MAX = 200
TEMPLATE = Path(__file__).with_name("day.html.j2")
INK, SOFT, GOOD, BAD = "#1c2430", "#5d6b7c", "#13795b", "#b3261e"


def page(found: DayFigures, world: str) -> str:
    """Return the report's HTML."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    env.filters["usd"] = lambda cents: f"{cents / 100:,.2f}"
    env.filters["name"] = name_of
    env.filters["named"] = named
    env.filters["clock"] = lambda event_ns: clock(event_ns)[:8]
    env.filters["calls"] = calls_text
    tiles = [
        ("Equity, USD", found.equity_cents),
        ("Profit and loss, USD", found.pnl_cents),
        ("Realised, USD", found.realised_cents),
        ("Fees, USD", -found.fees_cents),
        ("Slippage, USD", -found.slippage_cents),
        ("Cash, USD", found.cash_cents),
    ]
    charts = []
    if len(found.curve) > 1:
        low, high = (f"{cents / 100:,.2f}" for cents in (found.low_cents, found.high_cents))
        note = f"Between {low} and {high} USD; a point a minute of marks, times of New York."
        charts.append(("Equity", Markup(equity_svg(found)), note))  # of our own making
    if found.positions:
        charts.append(("Delta by expiry", Markup(delta_svg(found)), ""))
    return env.from_string(TEMPLATE.read_text()).render(
        day=found,
        world=world,
        summary=summary(found),
        tiles=tiles,
        charts=charts,
        greeks=GREEKS,
        explained=explained(found),
        fills=[(fill, cash_of(fill)) for fill in found.fills[:FILLS_MAX]],
        more_fills=max(0, len(found.fills) - FILLS_MAX),
        touched=touched(found),
    )


def summary(found: DayFigures) -> list[str]:
    """Return the day in sentences: what came of it, what was done, what is held, and what a person should look at."""
    pnl, before = found.pnl_cents, found.equity_before_cents
    share = f", {abs(pnl) / before:.2%} of {before / 100:,.2f}" if before > 0 else ""
    word = "gained" if pnl > 0 else "lost"
    first = f"The account {word} {abs(pnl) / 100:,.2f} USD{share}." if pnl else "Equity did not change."
    orders = len({fill.intent_id for fill in found.fills})
    done = f"{_count(len(found.fills), 'fill')} of {_count(orders, 'order')}" if orders else "No order was filled"
    stopped = f"risk refused {len(found.refused)} and cut {len(found.cut)}" if found.rules else "risk refused none"
    out = [first, f"{done}; {stopped}."]
    kinds = Counter(one.kind.lower() for one in found.settlements)
    if kinds:
        out.append(f"Without an order: {', '.join(_count(n, kind) for kind, n in sorted(kinds.items()))}.")
    held = f"{_count(len(found.positions), 'position')} held at the end" if found.positions else "Nothing is held"
    unmarked = ", ".join(name_of(one.symbol) for one in found.positions if not one.priced)
    out.append(f"{held}{f', at cost for want of a mark: {unmarked}' if unmarked else ''}.")
    if found.alerts:
        out.append(f"{_count(len(found.alerts), 'alert')}, below.")
    return out


def _count(number: int, noun: str) -> str:
    plural = noun if number == 1 else f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {plural}"


def explained(found: DayFigures) -> list[tuple[str, list[str], list[tuple[str, list[int]]], int]]:
    """Return a table by strategy and one by symbol: name, terms that are not all 0, rows in cents, the whole."""
    tables = []
    for name, by in EXPLAINED_BY.items():
        rows = sums(found.explained, by)
        used = [term for term in Terms._fields if any(round(getattr(row, term) * 100) for row in rows.values())]
        cents = [
            (key, [*(round(getattr(row, term) * 100) for term in used), round(row.total * 100)])
            for key, row in rows.items()
        ]
        tables.append((name.replace("_", " ").capitalize(), used, cents, sum(row[-1] for _, row in cents)))
    return tables


def touched(found: DayFigures) -> list[tuple[str, int, str]]:
    """Return each rule that cut or refused, how often, and what it said last."""
    newest = {}
    for verdict in (*found.refused, *found.cut):
        said = [reason for reason in verdict.reasons if reason.startswith(f"{verdict.rule}:")]
        newest[verdict.rule] = said[-1].partition(": ")[2] if said else ""
    return [(rule, count, newest.get(rule, "")) for rule, count in found.rules.most_common()]


def equity_svg(found: DayFigures) -> str:
    """Return the plot of equity through the day."""
    times = [_hours(event_ns) for event_ns, _ in found.curve]
    values = [cents / 100 for _, cents in found.curve]
    start = found.equity_before_cents / 100

    def draw(axes: "Axes") -> None:
        axes.plot(times, values, color=GOOD if values[-1] >= start else BAD, linewidth=1.6)
        axes.axhline(start, color=SOFT, linewidth=0.8, linestyle="--")
        axes.annotate("before the day", (times[0], start), color=SOFT, fontsize=8, va="bottom")
        axes.xaxis.set_major_formatter(lambda hours, _: f"{int(hours):02d}:{int(hours * 60 + 0.5) % 60:02d}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylabel("USD")

    return _svg(draw, 2.6)


def _hours(event_ns: int) -> float:
    """Return hours since midnight in New York."""
    moment = datetime.fromtimestamp(event_ns / 1e9, UTC).astimezone(NEW_YORK)
    return moment.hour + moment.minute / 60 + moment.second / 3600


def delta_svg(found: DayFigures) -> str:
    """Return the plot of delta in dollars by expiry."""
    sums: dict[str, float] = {}
    for (expiry, _), row in found.by_expiry().items():
        if row["delta_usd"] == row["delta_usd"]:
            sums[expiry or "shares"] = sums.get(expiry or "shares", 0.0) + row["delta_usd"]
    return _svg(lambda axes: _bars(axes, list(sums), list(sums.values())), 0.6 + 0.3 * len(sums))


def _bars(axes: "Axes", names: Sequence[str], values: Sequence[float]) -> None:
    axes.barh(names, values, color=[GOOD if value >= 0 else BAD for value in values], height=0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("USD")


def _svg(draw: "Callable[[Axes], None]", height: float) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "aiots", "font.size": 9, "axes.edgecolor": SOFT, "text.color": INK}):
        figure = Figure(figsize=(10, height + 0.5), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
