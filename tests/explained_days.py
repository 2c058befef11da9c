"""Positions in every contract of a chain, held from its first mark on: what is explained of their days."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas import wire
from schemas.records import ChainFrame, OptionMark, Watch
from streams.book import router
from streams.book.explain.fold import Explainer, Row
from streams.book.valuation import option_micro
from streams.runtime.options import fold_factory, make_params
from streams.stage import Output
from streams.topology import BY_NAME
from tests.orderpath_rig import fill

BATCH = 256


def features_of(payloads: Iterable[bytes], rates: dict[str, float]) -> list[bytes]:
    """Return what analytics tells of chains from a recording, at its default pace."""
    stage = BY_NAME["analytics"]
    fold = fold_factory(stage, make_params(stage, {"rates": rates}), 0, 1)()
    every, told = list(payloads), []
    for first in range(0, len(every), BATCH):
        for out in fold.apply(every[first : first + BATCH]):
            assert isinstance(out, Output), out
            if wire.name_of(out.payload) in ("ChainFrame", "SurfaceFrame"):
                told.append(out.payload)
    return told


def marks_of(features: Sequence[bytes]) -> list[OptionMark]:
    """Return the router's marks of every contract, watched from the beginning."""
    frames = [wire.decode(payload) for payload in features if wire.name_of(payload) == "ChainFrame"]
    wanted = sorted({(one.symbol, name) for one in frames if isinstance(one, ChainFrame) for name in one.contracts})
    fold, marks = router.make(router.Params(), 0, 1), list[OptionMark]()
    watches = [wire.encode(Watch(symbol, name, 0)) for symbol, name in wanted]
    for out in fold.apply([*watches, *features]):
        assert isinstance(out, Output), out
        mark = wire.decode(out.payload)
        assert isinstance(mark, OptionMark)
        marks.append(mark)
    return marks


def explained(marks: Iterable[OptionMark], since_ns: int = 0) -> tuple[Row, ...]:
    """Return the rows of a contract bought at each first mark that has a value."""
    explainer, held = Explainer("paper"), set[str]()
    for mark in marks:
        if mark.event_ns < since_ns:
            continue
        explainer.take(mark)
        micro = option_micro(mark, None)
        if mark.symbol not in held and micro:
            held.add(mark.symbol)
            cents = max(round(micro / 10_000), 1)
            bought = fill(symbol=mark.symbol, multiplier=100, quantity=1, price_cents=cents, event_ns=mark.event_ns)
            explainer.take(bought)
    return explainer.rows()


def shares(rows: Iterable[Row]) -> NDArray[np.float64]:
    """Return of each position and day the unexplained as a share of the terms' sizes, but spread and fees, (n,)."""
    moves = [row.terms._replace(spread=0.0, fees=0.0) for row in rows]
    return np.array([abs(one.unexplained) / one.explained_size for one in moves if one.explained_size > 0.0])
