"""Zero curves by date: interpolation, the config's table, and the recorded rates of twenty years."""

import csv
import math
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from aiots.config import ConfigError, load_config
from aiots.rates import rates_of
from streams.options.rates import RateCurve, RateCurves, flat_curve
from streams.runtime.checkpoint import params_hash
from streams.runtime.options import make_params
from streams.topology import BY_NAME


def test_the_logarithm_of_discount_is_linear_between_pillars() -> None:
    """z t is linear from (1, 0.02) to (2, 0.08); outside the zero rate is the nearest pillar's."""
    curve = RateCurve(date(2023, 1, 1), (1.0, 2.0), (0.02, 0.04))
    np.testing.assert_allclose(
        curve.zero(np.array([0.0, 0.5, 1.0, 1.5, 2.0, 9.0])), [0.02, 0.02, 0.02, 0.05 / 1.5, 0.04, 0.04]
    )
    assert math.isnan(curve.zero(math.nan))
    assert flat_curve(date(2023, 1, 1), 0.055).zero(0.3) == pytest.approx(0.055, rel=1e-15)


def test_the_last_curve_holds() -> None:
    """A curve holds until the next; before the first there is no rate."""
    curves = RateCurves((flat_curve(date(2023, 1, 1), 0.01), flat_curve(date(2023, 2, 1), 0.02)))
    assert [curves.rate(date(2023, *day), 1.0) for day in ((1, 1), (1, 31), (2, 1), (12, 1))] == [
        0.01,
        0.01,
        0.02,
        0.02,
    ]
    assert np.isnan(curves.rate(date(2022, 12, 31), np.ones(3))).all()
    assert curves.at(date(2022, 12, 31)) is None


@pytest.mark.parametrize(
    ("years", "rates"),
    [
        ((), ()),
        ((1.0,), (0.1, 0.2)),
        ((2.0, 1.0), (0.1, 0.1)),
        ((0.0,), (0.1,)),
        ((1.0,), (5.5,)),
        ((1.0,), (math.nan,)),
    ],
)
def test_what_makes_no_curve_is_refused(years: tuple[float, ...], rates: tuple[float, ...]) -> None:
    """Pillars ascend, and a percentage is no rate."""
    with pytest.raises(ValueError, match=r"must be|as many"):
        RateCurve(date(2023, 1, 1), years, rates)
    with pytest.raises(ValueError, match="ascending"):
        RateCurves((flat_curve(date(2023, 1, 1), 0.1), flat_curve(date(2023, 1, 1), 0.2)))


def test_the_config_gives_curves(tmp_path: Path) -> None:
    """A rate, pillars by years and pillars by dates; a child process is given the same."""
    path = tmp_path / "aiots.toml"
    path.write_text(
        '[rates]\n2023-08-04 = {dates = ["2024-08-03"], zero_rates = [0.0538]}\n2023-07-27 = 0.055\n'
        "2023-08-03 = {years = [0.25, 1], zero_rates = [0.05, 0.06]}\n"
    )
    config = load_config(environ={"AIOTS_CONFIG": str(path)})
    curves = rates_of(config)
    assert [curve.as_of.day for curve in curves.curves] == [27, 3, 4]
    assert curves.rate(date(2023, 7, 28), 0.1) == pytest.approx(0.055)
    assert curves.rate(date(2023, 8, 3), 1.0) == pytest.approx(0.06)
    assert curves.curves[2].years == (1.0,)
    assert rates_of(load_config(environ=config.environment())) == curves
    assert rates_of(load_config(environ={})) == RateCurves()


@pytest.mark.parametrize(
    "table", ['{"soon": 0.05}', '{"2023-07-27": "x"}', '{"2023-07-27": 5.5}', '{"2023-07-27": {"years": [1]}}', "[]",
              '{"2023-07-27": {"dates": ["x"], "zero_rates": [0.05]}}', '{"2023-07-27": {"years": 1, "zero_rates": 2}}']
)  # fmt: skip
def test_a_bad_rate_names_its_place(table: str) -> None:
    """The message says which entry cannot be used."""
    with pytest.raises(ConfigError, match=r"rates|RATES"):
        rates_of(load_config(environ={"AIOTS_RATES": table}))


def test_the_recorded_primary_credit_rate_is_a_dated_curve(lean_data: Path) -> None:
    """Twenty years of the Fed's primary credit rate: each holds until the next, 5.50 % from 27 July 2023."""
    with (lean_data / "alternative/interest-rate/usa/interest-rate.csv").open() as file:
        rows = [(date.fromisoformat(row["DATE"]), float(row["PCREDIT8"]) / 100.0) for row in csv.DictReader(file)]
    curves = RateCurves(tuple(flat_curve(day, rate) for day, rate in rows))
    for (day, rate), (following, _) in pairwise(rows):
        assert curves.rate(day, 0.5) == pytest.approx(rate)
        assert curves.rate(date.fromordinal(following.toordinal() - 1), 2.0) == pytest.approx(rate)
    assert curves.rate(date(2023, 8, 4), 7 / 365) == pytest.approx(0.055)


def test_the_configs_rates_are_those_of_analytics() -> None:
    """Analytics' parameters carry [rates], and can be hashed into a checkpoint; a table of its own goes before them."""
    config = load_config(environ={"AIOTS_RATES": '{"2023-07-27": 0.055}'})
    stage = BY_NAME["analytics"]
    params = make_params(stage, config.stage_params["analytics"])
    assert params.curves() == rates_of(config)
    assert params_hash(params) != params_hash(make_params(stage, {}))
    own = load_config(environ={"AIOTS_RATES": '{"2023-07-27": 0.055}', "AIOTS_STAGES": '{"analytics": {"rates": {}}}'})
    assert make_params(stage, own.stage_params["analytics"]).curves() == RateCurves()
