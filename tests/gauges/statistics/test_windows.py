"""Windows of days: what was known, the newest revision, hours that become a day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.gauges.statistics.windows import known_ranges, known_windows
from tests.gauge_tables import gauge_rows
from tests.gauges.statistics.made_stages import DAY, again, daily_stage, one

# --- windows -------------------------------------------------------------------------------------------------------------


def test_a_window_holds_what_was_known_and_its_newest_revision() -> None:
    rows = daily_stage("2020-01-01", [1.0, 2.0, 3.0, 4.0])
    rows = again(rows, "2020-01-02", "2020-01-04", 2.5)  # corrected
    rows = again(rows, "2020-01-01", "2020-01-04 10:00", 1.0, "suspect")  # flagged
    got = known_windows(rows, ["2020-01-03", "2020-01-04", "2020-01-05"], 5, "stage").isel(gauge_id=0)
    nan = np.nan
    np.testing.assert_array_equal(
        got,
        [
            [nan, 2.0, 1.0, nan, nan],  # the third value is known on the fourth
            [nan, 3.0, 2.5, nan, nan],
            [nan, 4.0, 3.0, 2.5, nan],
        ],
    )
    at_nine = known_windows(rows, [pd.Timestamp("2020-01-04 09:00")], 4, "stage").isel(gauge_id=0, as_of=0)
    np.testing.assert_array_equal(at_nine, [nan, 3.0, 2.5, 1.0])  # an hour before the flag


def test_an_instant_knows_what_came_at_it() -> None:
    rows = gauge_rows(pd.DatetimeIndex(["2020-01-01"]), [1.0], latency="9h")
    dates = [pd.Timestamp("2020-01-01 08:59:59.999999"), pd.Timestamp("2020-01-01 09:00")]
    got = known_windows(rows, dates, 1, "stage")
    np.testing.assert_array_equal(got[0, :, 0], [np.nan, 1.0])


def test_a_value_that_another_source_takes_over_leaves_its_day() -> None:
    """At 17:00 UTC of the 9th, midnight of the 10th in Viet Nam, a book's daily value gives way to a logger's hour."""
    hours = pd.date_range("2020-01-09", periods=24, freq="h", tz="UTC")
    logger = gauge_rows(hours, np.full(24, 2.0), source="logger", latency="5D")
    book = gauge_rows(hours[[17]], [7.0], source="book", latency="1D")
    got = known_windows(pd.concat([book, logger]), ["2020-01-12", "2020-01-15"], 9, "stage").isel(gauge_id=0)
    assert got.sel(as_of="2020-01-12", age=2) == 7.0  # the 10th
    assert np.isnan(got.sel(as_of="2020-01-15", age=5)) and got.sel(as_of="2020-01-15", age=6) == 2.0


def test_a_flagged_value_is_missing_and_no_older_revision_steps_in() -> None:
    rows = again(daily_stage("2020-01-01", [1.0]), "2020-01-01", "2020-01-05", 7.0, "missing")
    got = known_windows(rows, ["2020-01-04", "2020-01-05"], 10, "stage").isel(gauge_id=0)
    assert got.sel(as_of="2020-01-04", age=3) == 1.0 and got.sel(as_of="2020-01-05").isnull().all()


def test_hours_become_a_day_once_they_stand_for_half_of_it() -> None:
    hours = pd.date_range("2020-01-01", periods=48, freq="h", tz="UTC")
    rows = gauge_rows(hours, np.arange(48.0), latency="0h")
    dates = [pd.Timestamp(f"2020-01-02 {hour}") for hour in ("10:30", "11:30", "23:30")]
    got = known_windows(rows, dates, 2, "stage").isel(gauge_id=0)
    np.testing.assert_array_equal(got[:, 0], [np.nan, np.arange(24, 36).mean(), np.arange(24, 48).mean()])
    # Rain is summed.
    rain = known_windows(rows.assign(quantity="rain"), dates[-1:], 1, "rain").item()
    assert rain == np.arange(24, 48).sum()


def test_the_day_of_a_daily_value_does_not_move_when_hours_begin() -> None:
    """Thirty years of daily values at local midnight, then hours: what was a day's value stays on its day."""
    midnights = pd.date_range("2019-12-20", "2020-01-04", tz="Asia/Ho_Chi_Minh").tz_convert("UTC")
    before = gauge_rows(midnights, np.arange(16.0), source="book")
    hours = pd.date_range("2020-01-05", periods=24 * 30, freq="h", tz="UTC")
    rows = pd.concat([before, gauge_rows(hours, np.full(hours.size, 99.0), source="logger", latency="0h")])
    got = known_windows(rows, ["2020-01-06", "2020-02-10"], 60, "stage").isel(gauge_id=0)
    for as_of in got["as_of"].to_numpy():
        days = got.sel(as_of=as_of).assign_coords(age=as_of.astype("datetime64[D]") - got["age"].to_numpy())
        assert days.sel(age=np.datetime64("2019-12-20")) == 0.0  # stamped 17:00 UTC of the 19th
        assert days.sel(age=np.datetime64("2020-01-04")) == 15.0


def test_tidal_range_needs_hours_all_through_the_day() -> None:
    hours = pd.date_range("2020-01-01", periods=72, freq="h", tz="UTC")
    tide = 1.0 + 0.5 * np.cos(2 * np.pi * np.arange(72) / 12)  # two tides a day, high at 0 and 12, low at 6 and 18
    rows = gauge_rows(hours, tide, latency="0h")
    got = known_ranges(rows, ["2020-01-03", "2020-01-04"], 4).isel(gauge_id=0)
    np.testing.assert_allclose(got, [[1, 1, 1, np.nan], [np.nan, 1, 1, 1]])
    half = rows[(rows["time"] < "2020-01-03") | (rows["time"] >= "2020-01-03T14:00Z")]
    assert known_ranges(half, ["2020-01-03"], 1).isnull().all()
    assert known_ranges(daily_stage("2020-01-01", [1.0, 2.0]), ["2020-01-04"], 4).isnull().all()
    assert one(rows, "2020-01-04")["tidal_range"] == pytest.approx(1.0)


def plain_window(rows: pd.DataFrame, date: pd.Timestamp, days: int, *, rain: bool) -> list[float]:
    """The same by loops: newest revision of each time, its day by the company it had when it came."""
    limit = date.tz_localize("UTC") + DAY - pd.Timedelta(microseconds=1)
    firsts = rows.groupby(["source", "time"])["available_at"].min()
    known = (
        rows[rows["available_at"] <= limit].sort_values(["time", "available_at"]).drop_duplicates("time", keep="last")
    )
    by_day: dict[pd.Timestamp, list[tuple[float, float]]] = {}
    for row in known.itertuples():
        first = firsts[row.source, row.time]
        near = [
            abs((other - row.time) / pd.Timedelta(hours=1))
            for (source, other), came in firsts.items()
            if source == row.source and other != row.time and came <= first
        ]
        near = [hours for hours in near if hours <= 20]
        hours = min(min(near), 12.0) if near else 24.0
        day = row.time.normalize() if near else (row.time + pd.Timedelta(hours=12)).normalize()
        if row.qc in ("good", "estimated") and np.isfinite(row.value):
            by_day.setdefault(day, []).append((row.value, hours))
    out = []
    for age in range(days):
        values = by_day.get((date - age * DAY).tz_localize("UTC"), [])
        enough = sum(hours for _, hours in values) >= 12
        total = sum(value for value, _ in values)
        out.append((total if rain else total / len(values)) if enough else np.nan)
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),  # time, in steps of three hours
            st.integers(0, 40),  # latency, in hours
            st.integers(-50, 50),
            st.sampled_from(["good", "estimated", "suspect", "missing"]),
            st.sampled_from(["a", "b"]),
        ),
        min_size=1,
        max_size=30,
        unique_by=(lambda row: (row[0], row[0] * 3 + row[1]),),
    ),
    st.lists(st.integers(-1, 12), min_size=1, max_size=5),
    st.booleans(),
)
def test_windows_are_what_a_plain_loop_finds(
    values: list[tuple[int, int, int, str, str]], asked: list[int], rain: bool
) -> None:
    start = pd.Timestamp("2019-12-28", tz="UTC")  # across the new year
    rows = pd.concat(
        [
            gauge_rows(
                [start + pd.Timedelta(hours=3 * step)],
                [float(value)],
                latency=f"{latency}h",
                qc=qc,
                source=source,
                quantity="rain" if rain else "stage",
            )
            for step, latency, value, qc, source in values
        ],
        ignore_index=True,
    )
    dates = [start.tz_localize(None) + day * DAY for day in asked]
    got = known_windows(rows, dates, 9, "rain" if rain else "stage").isel(gauge_id=0)
    for place, date in enumerate(dates):
        np.testing.assert_allclose(got[place], plain_window(rows, date, 9, rain=rain), rtol=1e-12)
