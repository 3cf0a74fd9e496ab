"""What is published of the gauges of a region: days, the year before, what is usual, the forecast, and the facts beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.gauges import GaugeSource
from erosion.config.region import Reach
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS, GAUGE_FORECAST_COLUMNS, as_of_instant, known_at
from erosion.gauges.hydrograph import AHEAD_DAYS, COLUMNS, Station, hydrograph, stations

AS_OF = "2026-11-21"
DATUM = "gauge zero"


def entry(name: str = "file", gauge_id: str = "019803", **changed: Any) -> GaugeSource:
    """Catalogue entry of a source."""
    told: dict[str, Any] = {
        "driver": "gauge_files", "title": f"Sông Tiền, {name}", "river": "Tiền", "location": (105.2, 10.8),
        "cadence_days": 1.0, "latency_days": 1.0, "licence": f"licence of {name}", "attribution": f"people of {name}",
        "citation": "cite", "datum": DATUM,
    }  # fmt: skip
    return GaugeSource(name=name, gauge_id=gauge_id, **(told | changed))


def station(*sources: GaugeSource) -> Station:
    return Station(sources=sources or (entry(),), reaches=("tien",), main_of=("tien",))


def rows(times: Any, values: Any, **changed: Any) -> pd.DataFrame:
    """Gauge rows; available an hour after their time where nothing else is said."""
    time = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("ns")
    told: dict[str, Any] = {
        "gauge_id": "019803", "quantity": "stage", "available_at": time + pd.Timedelta(hours=1), "qc": "good",
        "flags": 0, "source": "file",
    }  # fmt: skip
    table = pd.DataFrame({"time": time, "value": np.asarray(values, float)}).assign(**(told | changed))
    table["available_at"] = pd.to_datetime(table["available_at"], utc=True)
    return table[list(GAUGE_COLUMNS)]


def issue(issued: str, times: Any, values: Any, **changed: Any) -> pd.DataFrame:
    """Forecast rows of one issue; available an hour after it."""
    issued_at = pd.Timestamp(issued, tz="UTC")
    told: dict[str, Any] = {
        "gauge_id": "019803", "quantity": "stage", "issued_at": issued_at, "member": -1, "source": "file",
        "available_at": issued_at + pd.Timedelta(hours=1),
    }  # fmt: skip
    table = pd.DataFrame({"time": pd.to_datetime(times, utc=True), "value": np.asarray(values, float)})
    table = table.assign(**(told | changed))
    table["available_at"] = pd.to_datetime(table["available_at"], utc=True)
    return table[list(GAUGE_FORECAST_COLUMNS)]


NO_FORECAST = issue("2026-01-01", [], [])


def made(
    *parts: pd.DataFrame,
    forecasts: pd.DataFrame = NO_FORECAST,
    as_of: str = AS_OF,
    of: Station | None = None,
    **more: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table and the facts of the only entry."""
    gauges = pd.concat(parts, ignore_index=True) if parts else rows([], [])
    table, facts = hydrograph(gauges, forecasts, as_of, [of or station()], **more)
    assert list(table.columns) == list(COLUMNS)
    (only,) = facts["gauges"]
    return table, only


def kind(table: pd.DataFrame, name: str) -> dict[str, tuple[float, ...]]:
    """Rows of a kind: day to value, low, high."""
    mine = table[table["kind"] == name]
    return {
        f"{day:%Y-%m-%d}": values
        for day, *values in mine[["day", "value", "low", "high"]].itertuples(index=False, name=None)
    }  # type: ignore[misc]


# --- observed --------------------------------------------------------------------------------------------------------


def test_a_day_of_hours_has_its_mean_lowest_and_highest_and_a_daily_value_has_no_range() -> None:
    hourly = entry("logger", cadence_days=1 / 24)
    table, _ = made(
        rows(["2026-11-20T01:00", "2026-11-20T13:00", "2026-11-20T23:00"], [1.0, 2.0, 6.0], source="logger"),
        rows(["2026-11-18T17:00"], [2.5]),
        of=station(entry(), hourly),
    )
    seen = kind(table, "observed")
    assert seen["2026-11-20"] == [3.0, 1.0, 6.0]
    assert seen["2026-11-19"][0] == 2.5, "a daily value stamped 17:00 UTC is that of the local day that begins then"
    assert np.isnan(seen["2026-11-19"][1:]).all()
    assert len(seen) == 2, "a day without a value has no row: the line breaks there"


def test_a_few_hours_of_a_tidal_day_have_a_range_and_no_mean() -> None:
    hours = pd.date_range("2026-11-21T00:00", periods=11, freq="h", tz="UTC")
    hourly = station(entry(cadence_days=1 / 24))
    ((value, low, high),) = kind(made(rows(hours, np.arange(11.0)), of=hourly)[0], "observed").values()
    assert np.isnan(value)
    assert (low, high) == (0.0, 10.0)
    longer = hours.append(hours[-1:] + pd.Timedelta(hours=1))
    ((value, low, high),) = kind(made(rows(longer, np.arange(12.0)), of=hourly)[0], "observed").values()
    assert (value, low, high) == (5.5, 0.0, 11.0)


def test_rain_is_summed_and_is_held_against_no_year() -> None:
    days = pd.date_range("2020-01-01", AS_OF, freq="12h", tz="UTC")
    table, only = made(rows(days, 2.0, quantity="rain"), of=station(entry(cadence_days=0.5)))
    assert set(table["kind"]) == {"observed"}
    assert (table["value"].iloc[:-1] == 4.0).all()
    assert only["unit"] == "mm"
    assert only["datum"] is None


def test_suspect_values_have_a_row_of_their_own_and_do_not_touch_the_mean() -> None:
    hourly = station(entry(cadence_days=1 / 24))
    times = ["2026-11-20T01:00", "2026-11-20T09:00", "2026-11-20T17:00"]
    flagged = rows(times[1:2], [99.0], qc="suspect", flags=GAUGE_FLAGS["spike"], available_at=["2026-11-20T18:00"])
    table, _ = made(rows(times, [1.0, 99.0, 3.0]), flagged, of=hourly)
    assert table["suspect"].tolist() == [False, True]
    assert table["value"].tolist() == [2.0, 99.0]
    assert table[["low", "high"]].iloc[0].tolist() == [1.0, 3.0]


def test_a_flag_that_came_later_is_not_known_earlier() -> None:
    flagged = rows(["2026-11-19"], [9.0], qc="suspect", flags=1, available_at=["2026-11-21T06:00"])
    parts = rows(["2026-11-19"], [9.0]), flagged
    assert made(*parts, as_of="2026-11-20")[0]["suspect"].tolist() == [False]
    assert made(*parts, as_of="2026-11-21")[0]["suspect"].tolist() == [True]


def test_missing_and_superseded_values_are_nowhere() -> None:
    table, only = made(
        rows(["2026-11-19"], [2.0]),
        rows(["2026-11-20"], [5.0], qc="missing", flags=GAUGE_FLAGS["superseded"]),
        rows(["2026-11-21"], [np.nan], qc="missing"),
    )
    assert list(kind(table, "observed")) == ["2026-11-19"]
    assert only["last_reading"]["time"] == "2026-11-19T00:00:00+00:00"
    assert only["flag_counts"] == {}


def test_filled_values_are_marked_and_are_no_reading() -> None:
    table, only = made(
        rows(["2026-11-19"], [2.0]), rows(["2026-11-20"], [2.2], qc="estimated", flags=GAUGE_FLAGS["filled"])
    )
    assert table["filled"].tolist() == [False, True]
    assert only["last_reading"]["value"] == 2.0
    assert only["flag_counts"] == {}, "a filled gap is marked, not suspect"


def test_only_the_nights_asked_for_are_observed() -> None:
    days = pd.date_range("2026-01-01", AS_OF, tz="UTC")
    table, _ = made(rows(days, np.arange(len(days))), nights=3)
    assert list(kind(table, "observed")) == ["2026-11-19", "2026-11-20", "2026-11-21"]


# --- earlier years ---------------------------------------------------------------------------------------------------


def test_last_year_is_the_same_calendar_day_also_round_a_leap_day() -> None:
    days = pd.date_range("2023-01-01", "2025-03-05", tz="UTC")
    table, _ = made(rows(days, days.day_of_year), as_of="2025-03-05", nights=400)
    last = kind(table, "last_year")
    assert last["2025-03-01"][0] == 61.0, "1 March 2024 is day 61 of a leap year"
    assert last["2024-02-29"][0] == 59.0, "29 February has 28 February the year before"
    assert last["2025-02-28"][0] == 59.0
    assert max(last) == "2025-03-15", "as far ahead as the forecast"
    values = made(rows(days[days != "2024-03-01"], 1.0), as_of="2025-03-05")[0]
    assert "2025-03-01" not in kind(values, "last_year"), "a hole a year ago is a hole"


def test_usual_is_the_band_of_days_around_in_at_least_three_earlier_years() -> None:
    days = pd.date_range("2022-06-01", "2026-06-30", tz="UTC")
    value = days.year * 1.0
    usual = kind(made(rows(days, value), as_of="2026-06-30", nights=2)[0], "usual")
    # 30 June: 31 days of each of 2025, 2024, 2023 and 2022, whose record begins a month before.
    pool = np.repeat([2022.0, 2023.0, 2024.0, 2025.0], 31)
    assert usual["2026-06-30"] == [2023.5, *np.quantile(pool, [0.1, 0.9])]
    assert len(usual) == 2 + AHEAD_DAYS
    short = rows(days[days.year >= 2024], 1.0)
    assert kind(made(short, as_of="2026-06-30")[0], "usual") == {}, "two earlier years say nothing"


def test_a_year_with_few_days_round_the_day_does_not_count_as_a_year() -> None:
    days = pd.date_range("2023-06-01", "2026-06-30", tz="UTC")
    few = days[(days.year != 2023) | (days >= "2023-07-10")]  # 6 of the 31 days around 30 June 2023
    assert "2026-06-30" in kind(made(rows(days, 1.0), as_of="2026-06-30", nights=1)[0], "usual")
    assert "2026-06-30" not in kind(made(rows(few, 1.0), as_of="2026-06-30", nights=1)[0], "usual")


def test_suspect_values_are_neither_last_year_nor_usual() -> None:
    days = pd.date_range("2020-01-01", "2025-12-31", tz="UTC")
    table, _ = made(rows(days, 1.0), rows(["2025-11-10"], [50.0], qc="suspect"), as_of=AS_OF)
    good = table[~table["suspect"] & (table["kind"] != "observed")]
    assert good["value"].max() == 1.0
    assert "2026-11-10" not in kind(table, "last_year"), "what was flagged later has no good value left"
    assert "2026-11-11" in kind(table, "last_year")


# --- forecast --------------------------------------------------------------------------------------------------------


def test_the_newest_known_forecast_is_shown_with_the_band_of_its_members() -> None:
    ahead = ["2026-11-22", "2026-11-23"]
    members = [issue("2026-11-21T03:00", ahead, [m, 10.0 * m], member=m) for m in range(5)]
    single = issue("2026-11-21T03:00", ahead, [77.0, 77.0])
    older = issue("2026-11-20T03:00", ahead, [5.0, 5.0])
    later = issue("2026-11-21T09:00", ahead, [6.0, 6.0], available_at="2026-11-22T01:00Z")
    forecasts = pd.concat([older, *members, single, later])
    table, only = made(rows(["2026-11-20"], [2.0]), forecasts=forecasts)
    coming = kind(table, "forecast")
    assert coming == {"2026-11-22": [2.0, 0.4, 3.6], "2026-11-23": [20.0, 4.0, 36.0]}
    assert only["forecast"] == {"issued_at": "2026-11-21T03:00:00+00:00", "source": "file", "members": 5}
    tomorrow = kind(made(forecasts=forecasts, as_of="2026-11-22")[0], "forecast")
    assert tomorrow["2026-11-23"][0] == 6.0
    assert np.isnan(tomorrow["2026-11-23"][1:]).all(), "one run has no band"


def test_four_members_have_a_median_and_no_band() -> None:
    forecasts = pd.concat([issue("2026-11-21", ["2026-11-24"], [m], member=m) for m in range(4)])
    ((value, low, high),) = kind(made(forecasts=forecasts)[0], "forecast").values()
    assert value == 1.5
    assert np.isnan([low, high]).all()


def test_a_corrected_forecast_and_the_more_trusted_of_two_sources_stand() -> None:
    first, second = entry("first"), entry("second")
    forecasts = pd.concat(
        [
            issue("2026-11-21", ["2026-11-22"], [1.0], source="second"),
            issue("2026-11-21", ["2026-11-22"], [2.0], source="first"),
            issue("2026-11-21", ["2026-11-22"], [3.0], source="first", available_at="2026-11-21T05:00Z"),
        ]
    )
    table, only = made(forecasts=forecasts, of=station(first, second))
    assert kind(table, "forecast")["2026-11-22"][0] == 3.0
    assert [source["name"] for source in only["sources"]] == ["first"]


def test_a_forecast_that_is_over_is_not_shown_and_one_reaches_ten_days() -> None:
    over = issue("2026-11-10", ["2026-11-20", "2026-11-21"], [1.0, 1.0])
    table, only = made(rows(["2026-11-20"], [2.0]), forecasts=over)
    assert kind(table, "forecast") == {}
    assert only["forecast"] is None
    long = issue("2026-11-20", pd.date_range("2026-11-20", periods=40), np.arange(40.0))
    assert list(kind(made(forecasts=long)[0], "forecast"))[-1] == "2026-12-01"


# --- facts -----------------------------------------------------------------------------------------------------------


def test_facts_name_everything_that_is_published() -> None:
    file = entry(alarm_levels_m=(3.5, 4.0, 4.5), alarm_source="Decision")
    _, only = made(rows(["2026-11-19", "2026-11-20"], [2.0, 2.25]), of=station(file))
    assert only["last_reading"] == {
        "time": "2026-11-20T00:00:00+00:00", "value": 2.25, "age_hours": 48.0, "suspect": False, "source": "file",
    }  # fmt: skip
    assert (only["gauge_id"], only["quantity"], only["unit"], only["datum"]) == ("019803", "stage", "m", DATUM)
    assert only["alarm_levels"] == [3.5, 4.0, 4.5]
    assert only["alarm_source"] == "Decision"
    assert only["reaches"] == ["tien"]
    assert only["sources"] == [
        {
            "name": "file", "title": "Sông Tiền, file", "attribution": "people of file", "licence": "licence of file",
            "url": None,
        }
    ]  # fmt: skip
    assert only["stale"] is False


@pytest.mark.parametrize(
    ("cadence", "last", "stale"),
    [
        (1.0, "2026-11-18T00:00", False),  # three cadences and a day of latency: four days
        (1.0, "2026-11-17T23:00", True),
        (1 / 24, "2026-11-20T00:30", False),  # an hourly gauge may be two days behind the end of the date
        (1 / 24, "2026-11-19T23:30", True),
        (10.0, "2026-10-23T00:00", False),
    ],
)
def test_a_gauge_is_stale_after_three_cadences_and_its_latency(cadence: float, last: str, stale: bool) -> None:
    source = entry(cadence_days=cadence, latency_days=1.0 if cadence >= 1 else 0.05)
    assert made(rows([last], [2.0]), of=station(source))[1]["stale"] is stale


def test_a_value_that_came_after_the_date_does_not_end_the_silence() -> None:
    late = rows(["2026-11-20"], [2.0], available_at=["2026-11-22"])
    assert made(rows(["2026-11-10"], [2.0]), late)[1]["stale"] is True


def test_a_gauge_of_which_nothing_is_known_is_stale_and_has_no_quantity() -> None:
    table, only = made()
    assert table.empty
    assert table["day"].dtype.kind == "M"
    assert (only["quantity"], only["unit"], only["last_reading"], only["stale"]) == (None, None, None, True)
    assert only["sources"] == []


def test_quality_flags_of_thirty_days_are_counted_by_kind() -> None:
    flat, spike = GAUGE_FLAGS["flat_line"], GAUGE_FLAGS["spike"]
    _, only = made(
        rows(["2026-11-10", "2026-11-11"], [2.0, 2.0], qc="suspect", flags=flat),
        rows(["2026-11-12"], [9.0], qc="suspect", flags=flat | spike),
        rows(["2026-11-13"], [2.0], flags=GAUGE_FLAGS["disputed"]),
        rows(["2026-11-14"], [2.0], qc="suspect"),
        rows(["2026-10-14"], [9.0], qc="suspect", flags=spike),
    )
    assert only["flag_counts"] == {"spike": 1, "flat_line": 3, "disputed": 1, "source": 1}
    assert only["last_reading"]["suspect"] is True
    assert only["last_usable"]["time"] == "2026-11-13T00:00:00+00:00"


def test_alarm_levels_stand_on_the_zero_that_is_shown() -> None:
    first = entry("first")
    second = entry("second", datum="sea", datum_offset_m=-0.25, alarm_levels_m=(3.5, 4.0, 4.5), alarm_source="Decision")
    _, only = made(rows(["2026-11-20"], [2.0], source="first"), of=station(first, second))
    assert only["datum"] == DATUM
    assert only["alarm_levels"] == [3.25, 3.75, 4.25]


def test_a_discharge_has_no_zero_and_no_alarm_level() -> None:
    source = entry(alarm_levels_m=(3.5, 4.0, 4.5), alarm_source="Decision")
    _, facts = hydrograph(
        pd.concat([rows(["2026-11-20"], [900.0], quantity="discharge"), rows(["2026-11-20"], [2.0])]),
        NO_FORECAST, AS_OF, [station(source)],
    )  # fmt: skip
    stage, discharge = facts["gauges"]
    assert (stage["quantity"], discharge["quantity"]) == ("stage", "discharge")
    assert discharge["alarm_levels"] == []
    assert discharge["datum"] is None
    assert discharge["unit"] == "m3/s"


def test_stations_say_which_reaches_a_gauge_speaks_for() -> None:
    sources = [entry("old"), entry("chau_doc", "039801"), entry("new")]
    reaches = [
        Reach(name="tien", upstream=(105.0, 10.0), gauges=("new",)),
        Reach(name="hau", upstream=(105.0, 10.0), gauges=("chau_doc", "old")),
        Reach(name="kenh", upstream=(105.0, 10.0)),
    ]
    tan_chau, chau_doc = stations(sources, reaches)
    assert [source.name for source in tan_chau.sources] == ["old", "new"]
    assert tan_chau.reaches == ("tien", "hau", "kenh")
    assert tan_chau.main_of == ("tien", "kenh")
    assert (chau_doc.reaches, chau_doc.main_of) == (("hau", "kenh"), ("hau",))


def test_gauges_come_in_the_order_of_the_list_and_both_files_can_be_written(tmp_path: Path) -> None:
    one, two = station(entry("b", "9")), station(entry("a", "1"))
    gauges = pd.concat(
        [rows(["2026-11-20"], [1.0], gauge_id="1", source="a"), rows(["2026-11-20"], [9.0], gauge_id="9", source="b")]
    )
    table, facts = hydrograph(gauges, NO_FORECAST, AS_OF, [one, two])
    assert table["gauge_id"].tolist() == ["9", "1"]
    table.to_parquet(tmp_path / "hydrograph.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "hydrograph.parquet"), table)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["as_of"] == AS_OF


# --- as-of -----------------------------------------------------------------------------------------------------------

DAYS = st.integers(0, 60)
VALUES = st.tuples(
    DAYS, DAYS, st.floats(-5, 20), st.sampled_from(["good", "estimated", "suspect", "missing"]), st.integers(0, 2047)
)
ISSUES = st.tuples(DAYS, DAYS, st.integers(1, 12), st.integers(-1, 2), st.floats(-5, 20))


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, max_size=40), st.lists(ISSUES, max_size=15), DAYS)
def test_what_comes_later_changes_nothing_of_a_date(
    values: list[tuple[int, int, float, str, int]], issues: list[tuple[int, int, int, int, float]], on: int
) -> None:
    start = pd.Timestamp("2026-09-01", tz="UTC")
    gauges = pd.concat(
        [rows([], [])]
        + [
            rows([start + pd.Timedelta(days=d)], [v], qc=q, flags=f, available_at=start + pd.Timedelta(days=d + late))
            for d, late, v, q, f in values
        ]
    ).drop_duplicates(["time", "available_at"])
    forecasts = pd.concat(
        [NO_FORECAST]
        + [
            issue(
                f"{start + pd.Timedelta(days=d):%Y-%m-%d}", [start + pd.Timedelta(days=d + lead)], [v], member=m,
                available_at=start + pd.Timedelta(days=d + late),
            )
            for d, late, lead, m, v in issues
        ]
    ).drop_duplicates(["time", "available_at", "issued_at", "member"])  # fmt: skip
    as_of = f"{start + pd.Timedelta(days=on):%Y-%m-%d}"
    whole = hydrograph(gauges, forecasts, as_of, [station()])
    then = hydrograph(
        gauges[known_at(gauges["available_at"], pd.Timestamp(as_of))],
        forecasts[known_at(forecasts["available_at"], pd.Timestamp(as_of))],
        as_of, [station()],
    )  # fmt: skip
    pd.testing.assert_frame_equal(whole[0], then[0])
    assert whole[1] == then[1]
    table = whole[0]
    assert not table.duplicated(["gauge_id", "quantity", "kind", "day", "suspect"]).any()
    assert not (table["low"] > table["high"]).any()
    assert not (table["value"] > table["high"] + 1e-9).any()
    observed = table.loc[table["kind"] == "observed", "day"]
    assert (observed.dt.tz_localize("UTC") <= as_of_instant(as_of)).all()
