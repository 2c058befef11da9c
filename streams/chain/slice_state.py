"""A way of exercise as bytes and back: tables that fill as they are read are made anew, built ones are kept."""

from typing import Any

from numpy.typing import NDArray

from streams.options.american import AmericanTable, open_table, tables_beside
from streams.options.cash import CashTables, new_tables
from streams.options.forward.boundary import BoundaryExercise
from streams.options.forward.cash_exercise import CashExercise
from streams.options.forward.exercise import EuropeanExercise, Exercise

NOTHING, EUROPEAN, BOUNDARY, CASH = "nothing", "european", "boundary", "cash"
_WHOLE = ("strike", "is_call", "american", "expiry_ns", "begin_ns", "end_ns")
_BUILT = ("meta", "extra")
"""Of rows that were built alone: the rest of them says nothing, and is most of a table."""


def saved_exercise(way: Exercise | None) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Return head and arrays, as pack takes them."""
    if isinstance(way, BoundaryExercise):
        return [BOUNDARY, [_terms(way.table), _terms(way.further)]], {}
    if isinstance(way, CashExercise):
        tables = way.tables
        built = tables.begin_ns != 0
        arrays: dict[str, NDArray[Any]] = {name: getattr(tables, name) for name in _WHOLE}
        arrays |= {name: getattr(tables, name)[built] for name in _BUILT}
        return [CASH, [way.event_ns, way.kept]], arrays
    return [EUROPEAN if isinstance(way, EuropeanExercise) else NOTHING, []], {}


def exercise_of(head: Any, arrays: dict[str, NDArray[Any]]) -> Exercise | None:
    """Return what saved_exercise was given."""
    kind, rest = head
    if kind == BOUNDARY:
        table, further = (open_table(*one) for one in rest)
        return BoundaryExercise(table, further, tables_beside(table))
    if kind == CASH:
        whole = [arrays[name] for name in _WHOLE]
        tables = _room(*whole)
        built = tables.begin_ns != 0
        for name in _BUILT:
            getattr(tables, name)[built] = arrays[name]
        return CashExercise(tables, int(rest[0]), bool(rest[1]))
    return EuropeanExercise() if kind == EUROPEAN else None


def _terms(table: AmericanTable) -> list[float]:
    return [float(table.years[0]), float(table.rate[0]), float(table.yield_[0])]


def _room(*whole: NDArray[Any]) -> CashTables:
    strike, is_call, american, expiry_ns, begin_ns, end_ns = whole
    tables = new_tables(strike, is_call, expiry_ns, american)
    tables.begin_ns[:], tables.end_ns[:] = begin_ns, end_ns
    return tables
