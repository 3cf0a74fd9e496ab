"""The gauge's share of a feature row: hand-made flow, a gauge without values, no gauge at all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from erosion.features.hydrology import FEATURES, compute
from tests.gauge_tables import gauge_rows


def gauge(values: pd.Series, *, qc: str = "good", gauge_id: str = "g") -> pd.DataFrame:
    return gauge_rows(
        values.index, values.to_numpy(float), quantity="discharge", gauge_id=gauge_id, latency="2D", qc=qc
    )


def flow_at(epochs: pd.DatetimeIndex, flows: list[float]) -> pd.Series:
    """Constant flow for ten days around each scene."""
    days = [
        pd.Series(q, pd.date_range(e - pd.Timedelta(days=5), periods=11)) for e, q in zip(epochs, flows, strict=True)
    ]
    return pd.concat(days)


def test_flow_at_the_scenes(made, yearly) -> None:
    epochs = yearly(3)
    known = made(epochs, gauges=gauge(flow_at(epochs, [100, 400, 200])), gauge_id="g").know()
    got = compute(known)
    assert got["flow_scene_ratio"] == pytest.approx(0)  # the newest is the median of the three
    assert got["flow_scene_change"] == pytest.approx(np.log(0.5))


def test_days_that_came_later_do_not_count(made, yearly) -> None:
    """The window around a scene reaches beyond it; two days after the scene only its first half was available."""
    epochs = yearly(2)
    flow = flow_at(epochs, [100, 200])
    flow.iloc[-6:] = 9000.0  # from the day of the scene on
    known = made(epochs, gauges=gauge(flow), gauge_id="g").know()
    assert compute(known)["flow_scene_change"] == pytest.approx(np.log(90))
    early = dataclasses.replace(known, as_of=epochs[-1] + pd.Timedelta(days=2))
    assert compute(early)["flow_scene_change"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("case", ["no gauge", "another gauge", "all suspect", "no values"])
def test_without_a_usable_gauge_hydrology_is_missing(made, yearly, case: str) -> None:
    epochs = yearly(3)
    table = gauge(flow_at(epochs, [100, 400, 200]))
    if case == "another gauge":
        table["gauge_id"] = "other"
    if case == "all suspect":
        table["qc"] = "suspect"
    if case == "no values":
        table["value"] = np.nan
    got = compute(made(epochs, gauges=table, gauge_id=None if case == "no gauge" else "g").know())
    assert set(got) == {feature.name for feature in FEATURES}
    for name, values in got.items():
        assert np.isnan(values).all(), name


def test_every_segment_gets_the_same_number(made, yearly) -> None:
    epochs = yearly(3)
    known = made(epochs, gauges=gauge(flow_at(epochs, [100, 400, 300])), gauge_id="g").know()
    for values in compute(known).values():
        assert values.shape == (len(known.baseline.segments),)
        assert len(np.unique(values)) == 1


def seasons(until: str) -> pd.Series:
    """Low, 100, on 1 April; high, 1100, on 1 October; in straight lines between, the same every year."""
    days = pd.date_range("2000-04-01", until)
    knots = pd.date_range("2000-04-01", "2012-04-01", freq="6MS")
    at = (knots - days[0]).days
    return pd.Series(np.interp(np.arange(days.size), at, np.resize([100.0, 1100.0], at.size)), days)


def test_falls_are_told_as_shares_of_the_usual_range(made, yearly) -> None:
    known = made(yearly(3), gauges=gauge(seasons("2010-12-31")), gauge_id="g").know()
    flow = seasons("2010-12-31")
    got = compute(dataclasses.replace(known, as_of=pd.Timestamp("2010-11-30")))
    value = {name: values[0] for name, values in got.items()}
    # Known two days late: the newest is that of 28 November. The climate: water years from April, to 31 March 2010.
    climate = flow["2000-04-01":"2010-03-29"]
    usual = climate.quantile(0.95) - climate.quantile(0.05)
    fall = 1000 / 182  # a day, from 1 October to 1 April
    assert value["flow_change_3d"] == pytest.approx(-3 * fall / usual)
    assert value["flow_change_14d"] == pytest.approx(-14 * fall / usual)
    assert value["fastest_fall"] == pytest.approx(fall / usual)
    assert value["drawdown"] == pytest.approx(58 * fall / usual)
    assert value["days_since_peak"] > 365  # this year's flood is not over: the flow is still above its median
    assert value["low_mark_passed"] == 0 and np.isnan(value["days_since_low_mark"])
    assert np.isnan(value["rain_7d"]) and np.isnan(value["rain_on_low_water"])
    dry = compute(dataclasses.replace(known, as_of=pd.Timestamp("2010-03-31")))
    mark = flow["2000-10-01":"2009-09-28"].quantile(0.1)
    first = flow["2009-10-01":][lambda days: days < mark].index[0]
    assert dry["low_mark_passed"][0] == 1
    assert dry["days_since_low_mark"][0] == (pd.Timestamp("2010-03-31") - first).days


def test_rain_is_the_gauges_own_or_the_next_one(made, yearly) -> None:
    flow = gauge(seasons("2010-12-31"))
    days = pd.date_range("2010-02-01", "2010-07-10")
    other = gauge_rows(days, np.full(days.size, 2.0), quantity="rain", gauge_id="a_rain")
    own = gauge_rows(days, np.full(days.size, 3.0), quantity="rain", gauge_id="g")
    epochs = yearly(3)
    with_other = made(epochs, gauges=pd.concat([flow, other]), gauge_id="g").know()
    assert compute(with_other)["rain_7d"][0] == 14 and compute(with_other)["rain_30d"][0] == 60
    assert compute(with_other)["rain_on_low_water"][0] == 0  # in July the river is not low
    low = compute(dataclasses.replace(with_other, as_of=pd.Timestamp("2010-03-31")))
    assert low["rain_on_low_water"][0] == 6
    both = made(epochs, gauges=pd.concat([flow, other, own]), gauge_id="g").know()
    assert compute(both)["rain_7d"][0] == 21
