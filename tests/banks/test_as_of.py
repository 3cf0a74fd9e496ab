"""What was known on a date stays what was known on that date."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.banks.as_of import (
    NothingKnownError,
    baseline_on,
    data_age_days,
    grid_of,
    issue_dates,
    knowledge_on,
    observe_region,
    water_known,
)
from erosion.core.contracts import GAUGE_COLUMNS
from tests.gauge_tables import gauge_rows
from tests.rivers import SHAPE, make_grid, make_region, make_water, sine_river, straight_river

NO_GAUGES = pd.DataFrame(columns=list(GAUGE_COLUMNS))


def history(years: int) -> xr.Dataset:
    """River whose bends grow a pixel a year; every mask can be had 30 days after its date of 1 July."""
    return make_water([sine_river(amplitude=30 + k) for k in range(years)])


def test_issue_dates_and_what_is_known_on_them() -> None:
    water = history(3)
    dates = issue_dates(water)
    assert dates.tolist() == [pd.Timestamp(f"{year}-07-31") for year in (2000, 2001, 2002)]
    assert water_known(water, dates[1]).sizes["epoch"] == 2
    assert water_known(water, dates[1] - pd.Timedelta(days=1)).sizes["epoch"] == 1
    with pytest.raises(NothingKnownError, match="2000-07-30; the first observation became available on 2000-07-31"):
        water_known(water, pd.Timestamp("2000-07-30"))


def test_the_baseline_is_the_newest_known_mask() -> None:
    water = history(3)
    baseline = baseline_on(make_region(), water, pd.Timestamp("2001-12-31"))
    assert baseline.version == "2001-07-01"
    assert (baseline.river_mask[:, 20:280] == water["water_fraction"][1].to_numpy()[:, 20:280].astype(bool)).all()
    assert data_age_days(baseline, pd.Timestamp("2001-12-31")) == 183
    assert baseline.grid == grid_of(water) == make_grid()


def test_later_epochs_change_no_earlier_row() -> None:
    region, as_of = make_region(), pd.Timestamp("2006-12-31")
    few, many = history(7), history(10)
    baseline = baseline_on(region, many, as_of)
    assert baseline.segments.equals(baseline_on(region, few, as_of).segments)
    then = knowledge_on(region, baseline, observe_region(region, few, baseline), NO_GAUGES, as_of)
    now = knowledge_on(region, baseline, observe_region(region, many, baseline), NO_GAUGES, as_of)
    assert then.banks.sizes["epoch"] == 7
    assert float(then.banks["land_loss_established_m2"].sum()) > 0
    xr.testing.assert_identical(then.banks, now.banks)


def test_later_gauge_values_are_left_out() -> None:
    region, as_of = make_region(), pd.Timestamp("2001-12-31")
    times = pd.to_datetime(["2001-12-30", "2001-12-31", "2002-01-01"], utc=True)
    gauges = gauge_rows(times, [1.0, 2.0, 3.0], latency="6h", quantity="discharge")
    water = history(2)
    baseline = baseline_on(region, water, as_of)
    known = knowledge_on(region, baseline, observe_region(region, water, baseline), gauges, as_of)
    assert known.gauges["value"].tolist() == [1.0, 2.0]


def test_pixels_the_newest_mask_misses_come_from_the_last_that_has_them() -> None:
    gone = np.zeros(SHAPE, dtype=bool)
    gone[:, 140:160] = True
    old = straight_river(90, 98)
    water = make_water([straight_river(), old, np.where(gone, np.nan, straight_river())])
    mask = baseline_on(make_region(), water, pd.Timestamp("2100-01-01")).river_mask
    assert (mask[:, 145:155] == old[:, 145:155]).all()
    assert (mask[:, 50:130] == straight_river()[:, 50:130]).all()
