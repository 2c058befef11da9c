"""European volatilities and greeks: errors against 50 digits, and speed beside three packages of the field.

The peers (vanilla-option-pricers, iv-engine, lbriv) run in one process in an environment of their own, ours in this
one; they take turns round by round on the same quotes: a chain of 20 expiries, 60 strikes and both sides, all at once,
and batches of 64 and of 1. Theirs are given the forward, the discount factor and a slice of one expiry and side; ours
the spot, rate and yield of each option, and it says why there is no volatility. The best peer whose answers are right
is the one that counts.
"""

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench.cluster import BenchError
from bench.context import Context
from bench.figures import at_least, below, interleaved
from bench.peers import HERE, environment
from bench.pricing_accuracy import F64, GREEKS, due_statuses, error_units, expiry, greeks_errors, quotes
from streams.options import Status, greeks, implied_volatility, labels

SECTION = "pricing_european"
PEERS = ("vanilla-option-pricers", "iv-engine", "lbriv")
ROUNDS = 9
UNITS_MAX = 4.0
RIGHT = 1e-8
"""A peer's answers are right where no volatility is off by more than this share and 16 units of rounding."""
COLD_MIN, WARM_MIN = 1.0, 1.2
GREEKS_A_SECOND_MIN = 5_000_000
NAMES = ("price", "spot", "strike", "years", "rate", "yield_", "is_call", "expiry")


def run(context: Context) -> None:
    """Measure errors, then speed."""
    accuracy(context)
    cents = {"exact prices": chain(rounded=False), "prices in cents": chain(rounded=True)}
    python = environment(context, "pricing-peers", "pricing.txt")
    for name, quotes_ in cents.items():
        with peer_process(context, str(python), name, quotes_) as ask:
            right = right_peers(context, name, quotes_, ask)
            for rows in (slice(0, quotes_["price"].size), slice(0, 64), slice(0, 1)):
                speed(context, name, quotes_, rows, right, ask)
    greeks_speed(context, cents["exact prices"])


def accuracy(context: Context) -> None:
    """Errors of volatilities and greeks."""
    cases = quotes(context.size(5_000, 120))
    vol, status = implied_volatility(*cases.arguments())
    rows = zip(*(column.tolist() for column in cases.arguments()), strict=True)
    wrong = sum(label not in due_statuses(row) for label, row in zip(labels(status), rows, strict=True))
    solved = status == Status.OK
    units = error_units(cases.take(solved), vol[solved])
    middle, far = np.quantile(units, [0.5, 0.99])
    note = f"{len(cases):,} quotes, {solved.sum():,} solved; median {middle:.2f}, p99 {far:.2f}"
    context.add(below(SECTION, "volatility: largest error", float(units.max()), "roundings", UNITS_MAX, note=note))
    context.add(below(SECTION, "wrong statuses", float(wrong), "of them", 1.0))
    rng, worst = np.random.default_rng(7), 0.0
    for _ in range(context.size(20, 2)):
        options = expiry(rng, 41)
        worst = max(worst, float(greeks_errors(options, np.array(greeks(*options)[:9])).max()))
    text = f"over 1e-11 |reference| + 1e-12 scale; {', '.join(GREEKS)} against central differences in 60 digits"
    context.add(below(SECTION, "greeks: largest error", worst, "of what is allowed", 1.0, note=text))


def chain(rounded: bool) -> dict[str, Any]:
    """Return 20 expiries x 60 strikes x 2 sides, an expiry's calls before its puts, all with time value."""
    rng = np.random.default_rng(11)
    years = np.repeat(np.linspace(7.0, 730.0, 20) / 365.0, 120)
    place = np.tile(np.tile(np.linspace(-1.8, 1.8, 60), 2), 20)
    vol = 0.22 + 0.05 * place * place + rng.uniform(-0.01, 0.01, place.size)
    strike = np.round(400.0 * np.exp(place * 0.22 * np.sqrt(years)), 1)
    is_call = np.tile(np.repeat([True, False], 60), 20)
    spot, rate, yield_ = np.full(place.size, 400.0), np.full(place.size, 0.04), np.full(place.size, 0.012)
    price = greeks(spot, strike, years, rate, yield_, vol, is_call).price.copy()
    price = np.round(price, 2) if rounded else price
    found = dict(zip(NAMES, (price, spot, strike, years, rate, yield_, is_call, years), strict=True))
    return {**found, "vol": vol}


@contextmanager
def peer_process(context: Context, python: str, name: str, quotes_: dict[str, Any]) -> Iterator[Callable[..., Any]]:
    """Start the peers' process; yield a function that asks it."""
    path = context.folder / f"{name.replace(' ', '-')}.npz"
    np.savez(path, **{key: quotes_[key] for key in NAMES})
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [python, str(HERE / "pricing_app.py"), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdin
    assert process.stdout
    into, out = process.stdin, process.stdout

    def ask(peer: str, rows: slice, seconds: float) -> dict[str, Any]:
        into.write(json.dumps({"peer": peer, "rows": [rows.start, rows.stop], "seconds": seconds}) + "\n")
        into.flush()
        line = out.readline()
        if not line:
            raise BenchError(f"{peer} ended without an answer")
        found: dict[str, Any] = json.loads(line)
        return found

    try:
        yield ask
    finally:
        into.close()
        process.wait(timeout=60)


def right_peers(context: Context, name: str, quotes_: dict[str, Any], ask: Callable[..., Any]) -> list[str]:
    """Return the peers whose volatilities are those of 50 digits, of a sample of the quotes."""
    from bench.pricing_accuracy import Quotes, exact_vol

    sample = np.arange(0, quotes_["price"].size, context.size(16, 240))
    columns = {key: quotes_[key][sample] for key in NAMES[:-1]}
    cases = Quotes(kind=np.full(sample.size, "chain"), **columns)
    rows = list(zip(*(column.tolist() for column in cases.arguments()), strict=True))
    begin = implied_volatility(*cases.arguments()).vol
    truth = [exact_vol(row, vol) for row, vol in zip(rows, begin.tolist(), strict=True)]
    exact, unit = np.array([float(vol) for vol, _ in truth]), np.array([unit for _, unit in truth])
    right, texts = [], []
    for peer in PEERS:
        vols = np.array(ask(peer, slice(0, quotes_["price"].size), 0.0)["vols"])[sample]
        off = np.abs(vols - exact)
        good = bool(np.all(off <= RIGHT * exact + 16.0 * unit))
        right += [peer] if good else []
        texts.append(
            f"{peer} {'right' if good else 'wrong'} ({np.nanmax(off):.1e} at worst, {np.isnan(off).sum()} NaN)"
        )
    context.note(f"{SECTION}: {name}: {'; '.join(texts)} on {sample.size} quotes")
    if not right:
        raise BenchError("no peer is right, so there is nothing to compare with")
    return right


def ours(quotes_: dict[str, Any], rows: slice, last: F64 | None) -> Callable[[], Any]:
    """Return a function that solves these rows once."""
    columns = [np.ascontiguousarray(quotes_[key][rows]) for key in NAMES[:-1]]
    price, spot, strike, years, rate, yield_, is_call = columns
    if last is None:
        return lambda: implied_volatility(price, spot, strike, years, rate, yield_, is_call)
    before = np.ascontiguousarray(last[rows])
    return lambda: implied_volatility(price, spot, strike, years, rate, yield_, is_call, before)


def seconds_each(once: Callable[[], Any], size: int, seconds_min: float) -> float:
    """Return the seconds an option takes."""
    count, seconds, repeat = 0, 0.0, max(1, 200 // size)
    while seconds < seconds_min:
        begin_s = time.perf_counter()
        for _ in range(repeat):
            once()
        seconds += time.perf_counter() - begin_s
        count += repeat * size
    return seconds / count


def speed(
    context: Context, name: str, quotes_: dict[str, Any], rows: slice, right: list[str], ask: Callable[..., Any]
) -> None:
    """Cold and warm, beside the best right peer."""
    size, burst = rows.stop - rows.start, 0.01 if context.quick else 0.05
    base = implied_volatility(*(quotes_[key] for key in NAMES[:-1])).vol
    last = base * (1.0 + np.random.default_rng(3).uniform(-0.01, 0.01, base.size))
    cold, warm = ours(quotes_, rows, None), ours(quotes_, rows, last)
    cold(), warm()
    steps: list[tuple[str, Callable[[], float]]] = [
        ("cold", lambda: seconds_each(cold, size, burst)), ("warm", lambda: seconds_each(warm, size, burst)),
    ]  # fmt: skip
    for peer in right:
        steps.append((peer, lambda peer=peer: float(ask(peer, rows, burst)["seconds"])))  # type: ignore[misc]
    values = interleaved(1 if context.quick else ROUNDS, steps)
    rates = {key: 1.0 / statistics.median(found) for key, found in values.items()}
    best = max(right, key=lambda peer: rates[peer])
    note = ", ".join(f"{peer} {rates[peer]:,.0f}/s" for peer in right) + f"; median of {len(values['cold'])} rounds"
    what = f"volatilities, {name}, {'the whole chain' if size > 64 else f'batches of {size}'}"
    for kind, least in (("cold", COLD_MIN), ("warm", WARM_MIN if size > 64 else COLD_MIN)):
        ratio = rates[kind] / rates[best]
        context.figure(SECTION, f"{what}, {kind}", rates[kind], "1/s", note=note)
        context.add(
            at_least(SECTION, f"{what}, {kind}: over {best}'s", ratio, "x", least, ratio=ratio, peer="ours / theirs")
        )


def greeks_speed(context: Context, quotes_: dict[str, Any]) -> None:
    """Price and eight greeks of the whole chain."""
    columns = [np.ascontiguousarray(quotes_[key]) for key in ("spot", "strike", "years", "rate", "yield_", "vol")]
    spot, strike, years, rate, yield_, vol = columns
    is_call = np.ascontiguousarray(quotes_["is_call"])

    def once() -> Any:
        return greeks(spot, strike, years, rate, yield_, vol, is_call)

    once()
    found = [seconds_each(once, spot.size, 0.02 if context.quick else 0.1) for _ in range(ROUNDS)]
    context.add(
        at_least(SECTION, "price and eight greeks", 1.0 / statistics.median(found), "1/s", GREEKS_A_SECOND_MIN,
                 note=f"{spot.size:,} options at once, one core; median of {ROUNDS} rounds")
    )  # fmt: skip
