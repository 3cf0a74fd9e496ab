"""The gauge's share of a feature row: hand-made flow, a gauge that says nothing, no gauge at all."""

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
