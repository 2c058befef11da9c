"""What every indicator file must keep, found by its name: a new file is tested here before its author writes a test."""

import inspect
import math
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.bars.assemble import INDICATORS, UPDATE, plan_of, update_series

F64 = NDArray[np.float64]
CASES = [
    pytest.param(name, settings, id=f"{name}{list(settings)}")
    for name, module in INDICATORS.items()
    for settings in module.SETTINGS
]


def walk(count: int, seed: int = 11) -> tuple[F64, F64, F64, F64, F64]:
    """Return open, high, low, close and volume of a random walk."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.002, count))
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1.0 + rng.uniform(0.0, 0.001, count))
    low = np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 0.001, count))
    volume = rng.integers(1, 10_000, count)
    columns = [np.asarray(column, np.float64) for column in (open_, high, low, close, volume)]
    return columns[0], columns[1], columns[2], columns[3], columns[4]


def computed(name: str, settings: tuple[float, ...], columns: tuple[F64, ...], cut: int | None = None) -> F64:
    """Return an indicator's outputs, by one call or by two that hand the state on."""
    plan = plan_of((name,), {name: (settings,)})
    count = len(columns[0])
    out = np.empty((count, len(plan.names)))
    state = np.zeros(plan.state_size)
    sessions = np.zeros(count, np.int64)
    for rows in (slice(0, count),) if cut is None else (slice(0, cut), slice(cut, count)):
        part = [np.ascontiguousarray(column[rows]) for column in columns]
        update_series(UPDATE, state, plan.rows, plan.settings, out[rows], *part, sessions[rows], 60_000_000_000)
        state = np.frombuffer(state.tobytes(), np.float64).copy()
    return out


@pytest.mark.parametrize(("name", "module"), INDICATORS.items())
def test_file_says_what_it_is(name: str, module: ModuleType) -> None:
    """A file has a docstring with its warm-up and a public function of its own name with a docstring."""
    assert "Warm after" in (module.__doc__ or "")
    function = getattr(module, name)
    assert inspect.getdoc(function)
    assert list(inspect.signature(function).parameters)
    assert module.SETTINGS


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_outputs_are_numbers_exactly_from_the_warmup_on(name: str, settings: tuple[float, ...]) -> None:
    """Not all outputs are numbers before the stated warm-up; from it on all of them are."""
    module = INDICATORS[name]
    warm = module.warmup(*settings)
    out = computed(name, settings, walk(warm + 30))
    assert not np.isnan(out[warm - 1 :]).any()
    if warm > 1:
        assert np.isnan(out[warm - 2]).any()
    assert out.shape[1] == len(module.outputs(*settings))


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_stream_equals_batch_to_the_byte(name: str, settings: tuple[float, ...]) -> None:
    """Saving and restoring the state anywhere changes no bit of what comes out."""
    columns = walk(130)
    whole = computed(name, settings, columns)
    for cut in (1, 19, 64, 129):
        assert computed(name, settings, columns, cut).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_state_stays_within_what_is_declared(name: str, settings: tuple[float, ...]) -> None:
    """update writes nothing outside state_size and its own outputs."""
    module = INDICATORS[name]
    size, outputs = module.state_size(*settings), len(module.outputs(*settings))
    state, out = np.full(size + 8, 7.5), np.full(outputs + 8, 7.5)
    state[:size] = 0.0
    numbers = np.array(settings, np.float64)
    for i, bar in enumerate(zip(*walk(150), strict=True)):
        module.update(state[:size], numbers, out[:outputs], *bar, i * 0, 60_000_000_000)
    assert (state[size:] == 7.5).all()
    assert (out[outputs:] == 7.5).all()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_a_bar_without_prices_changes_nothing(name: str, settings: tuple[float, ...]) -> None:
    """A NaN bar gives NaN and leaves the state as it was: the others come out as if it had not been there."""
    columns = walk(120)
    gaps = [40, 41, 90]
    holed = tuple(np.insert(column, gaps, math.nan) for column in columns)
    out = computed(name, settings, holed)
    at = [gap + i for i, gap in enumerate(gaps)]
    assert np.isnan(out[at]).all()
    assert np.delete(out, at, axis=0).tobytes() == computed(name, settings, columns).tobytes()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_flat_prices_give_finite_outputs(name: str, settings: tuple[float, ...]) -> None:
    """A price that never moves, without volume or with, gives numbers, no infinity."""
    flat = np.full(120, 50.0)
    for volume in (np.zeros(120), np.full(120, 10.0)):
        out = computed(name, settings, (flat, flat, flat, flat, volume))
        assert not np.isinf(out).any()


def test_names_are_unique_over_all_files() -> None:
    """No two outputs of the default settings bear one name."""
    names = plan_of((), {}).names
    assert len(set(names)) == len(names)


def test_wrong_names_and_settings_are_refused() -> None:
    """A name without a file, and two instances of equal settings, are errors that say so."""
    with pytest.raises(ValueError, match="no indicator is named 'emma'"):
        plan_of(("emma",), {})
    with pytest.raises(ValueError, match="two indicator outputs"):
        plan_of(("ema",), {"ema": ((5,), (5,))})
    assert plan_of(("ema",), {"ema": ((5,), (9,))}).names == ("ema_5", "ema_9")
