"""Quality control of forty years of two real gauges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.statistics import known_values
from tests.gauges.quality.made_series import DAY, GAUGES, dates, table

# --- a real river --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mamore() -> pd.DataFrame:
    parts = []
    for path in sorted(GAUGES.glob("*.csv")):
        days_of = pd.read_csv(path, parse_dates=["date"])
        time = pd.DatetimeIndex(days_of["date"]) + pd.Timedelta(hours=4)
        parts.append(
            table(time, days_of["discharge_m3s"], gauge_id=path.name[:8], quantity="discharge", latency=2 * DAY)
        )
    return pd.concat(parts, ignore_index=True)


def test_forty_years_of_two_real_gauges_raise_four_marks_and_one_flag(mamore: pd.DataFrame) -> None:
    known = known_values(check_quality(mamore, {}), "2100-01-01")
    assert len(known) == 32_398
    marked = known[(known["flags"] & GAUGE_FLAGS["neighbour"]) > 0]
    # In October 2011 the Mamoré rose from 800 to 2,400 m3/s within six days and the Guaporé did not.
    assert sorted(marked["time"].dt.strftime("%Y-%m-%d")) == ["2011-10-24", "2011-10-25", "2011-10-30", "2011-10-31"]
    assert (marked["qc"] == "good").all()
    suspect = known[known["qc"] == "suspect"]
    assert (suspect["flags"] == GAUGE_FLAGS["flat_line"]).all()
    assert suspect["gauge_id"].unique().tolist() == ["15250000"]
    repeated = suspect["time"].dt.strftime("%Y-%m-%d").tolist()
    assert repeated == dates("2008-10-26", 23)
    # The agency itself calls these days estimated; the check was not told.
    days_of = pd.read_csv(GAUGES / "15250000_guajara_mirim.csv", index_col="date")
    assert (days_of.loc[repeated, "status"] == 2).all()
    assert len(known[known["flags"] > 0]) == 27


@pytest.mark.parametrize(
    ("kind", "flag", "share"),
    [("spike", "spike", 0.95), ("drop", "spike", 0.95), ("dead", "flat_line", 0.8), ("copy", "duplicated_day", 0.85)],
)
def test_faults_put_into_a_real_series_are_found(mamore: pd.DataFrame, kind: str, flag: str, share: float) -> None:
    one = mamore[mamore["gauge_id"] == "15250000"].reset_index(drop=True)
    value = one["value"].to_numpy().copy()
    places = np.arange(4000, 16_000, 307)
    for place in places:
        if kind == "spike":
            value[place] *= 1.3
        elif kind == "drop":
            value[place : place + 2] *= 0.6
        elif kind == "dead":
            value[place : place + 40] = value[place]
        elif kind == "copy":
            value[place : place + 12] = value[place - 12 : place]
    known = known_values(check_quality(one.assign(value=value), {}), "2100-01-01")
    has = known["flags"].to_numpy() & GAUGE_FLAGS[flag] > 0
    length = {"spike": 1, "drop": 2, "dead": 40, "copy": 12}[kind]
    found = np.array([has[place : place + length].any() for place in places])
    assert found.mean() >= share
    inside = np.zeros(has.size, dtype=bool)
    for place in places:
        inside[place - 1 : place + length + 1] = True
    assert (has & ~inside).sum() <= 26  # the 23 flagged days of the unchanged series among them
