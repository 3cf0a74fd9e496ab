"""CF times of gridded files: as xarray decodes them where it can, and right where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.gauges.formats.grid_times import decoded


@given(
    st.sampled_from(["seconds", "minutes", "hours", "days"]),
    st.sampled_from(["1970-01-01", "1990-01-01 00:00:00", "2001-02-03T04:05:06"]),
    st.sampled_from(["standard", "gregorian", "proleptic_gregorian"]),
    st.lists(st.integers(0, 9_000), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_times_are_those_of_xarray(unit: str, since: str, calendar: str, numbers: list[int]) -> None:
    attrs = {"units": f"{unit} since {since}", "calendar": calendar}
    raw = np.array(numbers, float)
    own = decoded(raw, attrs, "time")
    expected = xr.decode_cf(xr.Dataset({"time": ("time", raw, attrs)}))["time"].values
    np.testing.assert_array_equal(own, expected.astype("datetime64[ns]"))


@pytest.mark.parametrize(("unit", "calendar"), [("hours", "julian"), ("hr", "standard"), ("h", "standard")])
def test_spellings_that_xarray_refuses_are_decoded(unit: str, calendar: str) -> None:
    attrs = {"units": f"{unit} since 1990-01-01", "calendar": calendar}
    raw = np.array([36.0])
    with pytest.raises(ValueError, match="unable to decode"):
        xr.decode_cf(xr.Dataset({"time": ("time", raw, attrs)}))
    assert decoded(raw, attrs, "time").tolist() == [np.datetime64("1990-01-02T12:00", "ns").astype(int)]
