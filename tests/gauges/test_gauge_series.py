"""Gauges of a region: sources of one gauge combined, files and services brought into the store, read as they were known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.gauges import GaugeChecks, reading_rules
from erosion.config.region import Region, load_region
from erosion.core.contracts import GAUGE_FLAGS, check_gauges
from erosion.gauges import series as gauge_series
from erosion.gauges.combine import combine as combine_sources
from erosion.gauges.drivers import nasa_power
from erosion.gauges.series import zeros_of
from erosion.gauges.statistics import known_values
from tests.gauge_server import GaugeServer
from tests.gauge_tables import gauge_rows
from tests.gauges.test_gauge_store import entry

NOW = pd.Timestamp("2020-03-01", tz="UTC")


def combine(series: Any, now: pd.Timestamp) -> Any:
    return combine_sources(series, now, zeros_of([source for source, _ in series]))


FIRST = entry(name="first", cadence_days=1.0)
SECOND = entry(name="second", cadence_days=1.0)


def rows(
    values: dict[str, float], latency: str = "1D", qc: str = "good", source: str = "first", quantity: str = "stage"
) -> pd.DataFrame:
    return gauge_rows(list(values), list(values.values()), latency=latency, qc=qc, source=source, quantity=quantity)


def stands(table: pd.DataFrame, as_of: str) -> dict[str, tuple[float, str]]:
    """What can be used of each day on a date, and who says it."""
    known = known_values(table, as_of)
    return {f"{r.time:%m-%d}": (r.value, r.source) for r in known.itertuples() if r.qc in ("good", "estimated")}


# --- two sources of one gauge -----------------------------------------------------------------------------------------


def test_the_first_source_speaks_and_the_other_one_where_it_is_silent() -> None:
    first = rows({"2020-01-01": 1.0, "2020-01-03": 3.0}, latency="5D")
    second = rows({"2020-01-01": 1.02, "2020-01-02": 2.0, "2020-01-03": 3.01}, source="second")
    table, told = combine([(FIRST, first), (SECOND, second)], NOW)
    check_gauges(table)
    assert told == []
    # Before the first source has a day the second one speaks, as it did on that night.
    assert stands(table, "2020-01-04") == {
        "01-01": (1.02, "second"),
        "01-02": (2.0, "second"),
        "01-03": (3.01, "second"),
    }
    assert stands(table, "2020-01-06") == {"01-01": (1.0, "first"), "01-02": (2.0, "second"), "01-03": (3.01, "second")}
    assert stands(table, "2020-01-20") == {"01-01": (1.0, "first"), "01-02": (2.0, "second"), "01-03": (3.0, "first")}


def test_a_day_of_many_values_gives_way_to_the_daily_one() -> None:
    hourly = entry(name="second", cadence_days=1 / 24)
    hours = pd.date_range("2020-01-01 00:00", periods=48, freq="h")
    second = gauge_rows(hours, np.full(48, 5.0), source="second", latency="1h")
    first = rows({"2020-01-02": 5.05}, latency="2D")
    table, _ = combine([(FIRST, first), (hourly, second)], NOW)
    known = known_values(table, "2020-01-10")
    used = known[known["qc"] == "good"]
    assert (used["time"].dt.day == 1).sum() == 24 and used.loc[used["time"].dt.day == 2, "value"].tolist() == [5.05]
    gone = known[known["qc"] == "missing"]
    assert len(gone) == 23 and (gone["flags"] == GAUGE_FLAGS["superseded"]).all()
    assert (known_values(table, "2020-01-03")["qc"] == "good").sum() == 48


def test_a_flagged_source_hands_the_day_back() -> None:
    first = rows({"2020-01-02": 9.0})
    flag = first.assign(qc="suspect", flags=GAUGE_FLAGS["flat_line"], available_at=pd.Timestamp("2020-01-10", tz="UTC"))
    second = rows({"2020-01-02": 2.0}, source="second", latency="2D")
    table, _ = combine([(FIRST, pd.concat([first, flag])), (SECOND, second)], NOW)
    assert stands(table, "2020-01-08") == {"01-02": (9.0, "first")}
    early = second.assign(time=second["time"] + pd.Timedelta(hours=3))
    table, _ = combine([(FIRST, pd.concat([first, flag])), (SECOND, early)], NOW)
    assert stands(table, "2020-01-08") == {"01-02": (9.0, "first")}
    assert stands(table, "2020-01-10") == {"01-02": (2.0, "second")}


def test_two_sources_that_disagree_are_reported_and_marked() -> None:
    first = rows({"2020-01-01": 1.0, "2020-01-02": 2.0, "2020-01-03": 3.0})
    second = rows({"2020-01-01": 1.05, "2020-01-02": 2.6, "2020-01-03": 3.0}, source="second", latency="4D")
    table, (told,) = combine([(FIRST, first), (SECOND, second)], NOW)
    assert "differs from first on 1 of 3 days, by up to 0.6 m, last on 2020-01-02; first stands" in told.reason
    assert told.scene == "second" and told.usual, "two months ago is no news"
    assert not combine([(FIRST, first), (SECOND, second)], pd.Timestamp("2020-01-10", tz="UTC"))[1][0].usual
    flags = known_values(table, "2020-02-01").set_index("time")["flags"]
    assert flags.tolist() == [0, GAUGE_FLAGS["disputed"], 0]
    assert (known_values(table, "2020-01-05")["flags"] == 0).all(), "not known before both had spoken"
    assert stands(table, "2020-02-01")["01-02"] == (2.0, "first")
    # What counts as a difference is the gauge's own affair.
    loose = dataclasses.replace(FIRST, checks=GaugeChecks(agree_m=1.0))
    assert combine([(loose, first), (SECOND, second)], NOW)[1] == []
    flow = [
        (FIRST, first.assign(quantity="discharge", value=100.0)),
        (SECOND, second.assign(quantity="discharge", value=[115.0, 130.0, 90.0])),
    ]
    assert "on 1 of 3 days" in combine(flow, NOW)[1][0].reason  # 30 of 130 is more than a fifth


def test_stages_of_two_datums_are_not_mixed() -> None:
    first, second = rows({"2020-01-01": 1.0}), rows({"2020-01-01": 2.2, "2020-01-02": 2.3}, source="second")
    other = dataclasses.replace(SECOND, datum="mean sea level")
    table, (told,) = combine([(FIRST, first), (other, second)], NOW)
    assert (
        set(table["source"]) == {"first"}
        and "counts from 'mean sea level'" in told.reason
        and "datum_offset_m" in told.reason
    )
    table, told = combine([(FIRST, first), (dataclasses.replace(other, datum_offset_m=-1.2), second)], NOW)
    assert told == [] and stands(table, "2020-02-01") == {
        "01-01": (1.0, "first"),
        "01-02": (pytest.approx(1.1), "second"),
    }
    # Discharge has no zero.
    flows = [(FIRST, first.assign(quantity="discharge")), (other, second.assign(quantity="discharge"))]
    assert set(combine(flows, NOW)[0]["source"]) == {"first", "second"}


def test_an_empty_cell_of_the_trusted_source_hides_nothing() -> None:
    first = rows({"2020-01-01": 1.0, "2020-01-02": np.nan, "2020-01-03": 1.2})
    first.loc[1, "qc"] = "missing"
    second = rows({"2020-01-01": 1.0, "2020-01-02": 1.1}, source="second")
    for late in (pd.Timedelta(0), pd.Timedelta(days=3), -pd.Timedelta(hours=5)):
        shifted = first.assign(available_at=first["available_at"] + late)
        table, _ = combine([(FIRST, shifted), (SECOND, second)], NOW)
        assert stands(table, "2020-02-01")["01-02"] == (1.1, "second"), late
    # Flagged, flagged once more for another reason: the other source goes on speaking.
    bad = rows({"2020-01-02": 9.0})
    again = [
        bad,
        *(bad.assign(qc="suspect", flags=f, available_at=bad["available_at"] + pd.Timedelta(days=f)) for f in (1, 3)),
    ]
    table, _ = combine([(FIRST, pd.concat(again)), (SECOND, second)], NOW)
    assert stands(table, "2020-02-01")["01-02"] == (1.1, "second")
    # Where nobody has a usable value the flagged one of the trusted source is shown as what it is.
    table, _ = combine([(FIRST, pd.concat(again)), (SECOND, second.iloc[:1])], NOW)
    flagged = known_values(table, "2020-02-01").iloc[-1]
    assert (flagged["qc"], flagged["value"], flagged["time"].day) == ("suspect", 9.0, 2)


def test_the_zero_of_a_gauge_does_not_wait_for_its_first_source_to_speak() -> None:
    logger = dataclasses.replace(SECOND, datum="another zero")
    zeros = zeros_of([FIRST, logger])
    alone, (told,) = combine_sources([(logger, rows({"2020-01-01": 7.0}, source="second"))], NOW, zeros)
    assert alone.empty and "counts from 'another zero', that of gauge g from 'zero'" in told.reason
    # An entry that names its offset is brought to the zero of those that name none, wherever it stands in the list.
    above = dataclasses.replace(FIRST, datum="staff", datum_offset_m=0.2)
    assert zeros_of([above, SECOND]) == {"g": "zero"}
    table, _ = combine_sources(
        [(above, rows({"2020-01-01": 1.0})), (SECOND, rows({"2020-01-01": 1.2}, source="second"))],
        NOW,
        zeros_of([above, SECOND]),
    )
    assert stands(table, "2020-02-01") == {"01-01": (pytest.approx(1.2), "first")}


def test_a_dispute_once_reported_stays_reported() -> None:
    hourly = [entry(name=name, cadence_days=1 / 24) for name in ("first", "second", "third")]
    hours = pd.date_range("2020-01-01", periods=24, freq="h")
    one, two, three = (
        gauge_rows(hours, np.full(24, v), source=s.name, latency="1h")
        for s, v in zip(hourly, (1.0, 1.5, 1.0), strict=True)
    )
    table, told = combine(list(zip(hourly, (one, two, three), strict=True)), NOW)
    assert sorted(item.scene for item in told) == ["second", "third"], "every pair is compared"
    late = one.iloc[[5]].assign(time=one["time"].iloc[5] + pd.Timedelta(minutes=20), value=1.45)
    late["available_at"] = pd.Timestamp("2020-01-20", tz="UTC")
    with_late, _ = combine(list(zip(hourly, (pd.concat([one, late]), two, three), strict=True)), NOW)
    for as_of in ("2020-01-02", "2020-01-21"):
        known = known_values(with_late, as_of)
        assert (known["flags"] & GAUGE_FLAGS["disputed"] > 0).all()
    pd.testing.assert_frame_equal(known_values(table, "2020-01-10"), known_values(with_late, "2020-01-10"))
    # A later flag does not wipe the mark out.
    spike = one.iloc[[3]].assign(
        qc="suspect", flags=GAUGE_FLAGS["spike"], available_at=pd.Timestamp("2020-01-09", tz="UTC")
    )
    table, _ = combine(list(zip(hourly[:2], (pd.concat([one, spike]), two), strict=True)), NOW)
    assert GAUGE_FLAGS["disputed"] | GAUGE_FLAGS["spike"] in known_values(table, "2020-02-01")["flags"].tolist()


def test_two_readings_of_one_tide_do_not_disagree() -> None:
    often, seldom = entry(name="first", cadence_days=1 / 24), entry(name="second", cadence_days=0.5)
    hours = pd.date_range("2020-01-01", periods=24 * 30, freq="h")
    tide = np.sin(2 * np.pi * np.arange(len(hours)) / 12.42)
    series = [
        (often, gauge_rows(hours, tide, source="first")),
        (seldom, gauge_rows(hours[::12], tide[::12], source="second")),
    ]
    assert combine(series, NOW)[1] == []


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_later_values_change_nothing_that_was_known(data: st.DataObject) -> None:
    """Combining what was known on a date gives what was known on that date of everything combined."""
    parts = []
    for source in (FIRST, SECOND):
        count = data.draw(st.integers(0, 8))
        days = [f"2020-01-{data.draw(st.integers(1, 6)):02d}" for _ in range(count)]
        table = gauge_rows(days, [data.draw(st.sampled_from([1.0, 1.05, 2.0])) for _ in days], source=source.name)
        table["available_at"] += pd.to_timedelta([data.draw(st.integers(0, 9)) for _ in days], unit="D")
        table["qc"] = [data.draw(st.sampled_from(["good", "suspect", "missing"])) for _ in days]
        parts.append((source, table.drop_duplicates(["time", "available_at"]).sort_values(["time", "available_at"])))
    every, _ = combine(parts, NOW)
    check_gauges(every)
    for number in range(1, 17):
        as_of = pd.Timestamp(f"2020-01-{number:02d} 12:00", tz="UTC")
        then, _ = combine([(s, t[t["available_at"] <= as_of]) for s, t in parts], as_of)
        pd.testing.assert_frame_equal(known_values(every, as_of), known_values(then, as_of), check_dtype=False)


def test_the_second_source_of_a_gauge_is_no_neighbour_of_the_first() -> None:
    from erosion.gauges.quality.checks import check_quality
    from erosion.gauges.quality.days import SOURCE_OF

    days = pd.date_range("2010-01-01", "2016-12-31")
    level = 2 + np.sin(np.arange(len(days)) / 58) + 0.1 * np.sin(np.arange(len(days)) / 5)
    wrong = level.copy()
    wrong[2000:2010] += 1.5
    pair = [(level, "a"), (wrong, "b")]

    def marked(between: str) -> int:
        tables = [gauge_rows(days, values, gauge_id=f"g{between}{name}", source=name) for values, name in pair]
        checked = check_quality(pd.concat(tables, ignore_index=True), {})
        mine = checked[checked["source"] == "a"]
        return int((mine["flags"] & GAUGE_FLAGS["neighbour"] > 0).sum())

    assert marked("-") > 0, "as two gauges they are held against each other"
    assert marked(SOURCE_OF) == 0


# --- a region's gauges -------------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[GaugeServer]:
    with GaugeServer() as server:
        yield server


@pytest.fixture
def river(tmp_path: Path, crop_data: Path, service: GaugeServer) -> Region:
    """The short reach with one gauge in a file and its rain from a service."""
    region = yaml.safe_load((crop_data / "mamore_crop.yaml").read_text(encoding="utf-8"))
    region |= {"gauges": ["level", "rain"]}
    (tmp_path / "mamore_crop.yaml").write_text(yaml.safe_dump(region, allow_unicode=True), encoding="utf-8")
    masks = yaml.safe_load((crop_data / "mamore_masks.yaml").read_text(encoding="utf-8")) | {
        "path": str(crop_data / "masks")
    }
    (tmp_path / "mamore_masks.yaml").write_text(yaml.safe_dump(masks, allow_unicode=True), encoding="utf-8")
    common = {
        "title": "made", "gauge_id": "g", "river": "made", "location": [-65.0, -14.0], "licence": "CC0",
        "attribution": "nobody", "citation": "none", "cadence_days": 1, "latency_days": 1,
    }  # fmt: skip
    level = common | {
        "name": "level", "driver": "gauge_files", "path": "level.csv", "columns": {"time": "d", "stage_m": "h"},
        "units": {"stage_m": "m"}, "timezone": "UTC", "datum": "zero",
    }  # fmt: skip
    rain = common | {
        "name": "rain",
        "driver": "nasa_power",
        "gauge_id": "g-rain",
        "service": service.url,
        "pause_s": 0,
        "first_day": "2020-01-01",
    }
    for part in (level, rain):
        (tmp_path / f"{part['name']}.yaml").write_text(yaml.safe_dump(part), encoding="utf-8")
    write_level(tmp_path, {"2020-01-01": 1.0, "2020-01-02": 1.1})
    return load_region(tmp_path / "mamore_crop.yaml")


def write_level(folder: Path, values: dict[str, float]) -> None:
    (folder / "level.csv").write_text("\n".join(["d,h", *(f"{day},{value}" for day, value in values.items())]) + "\n")


PATH = "/api/temporal/daily/point"


def power(values: dict[str, float]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-65.0, -14.0, 150.0]},
        "properties": {"parameter": {"PRECTOTCORR": values}},
        "header": {"fill_value": -999.0, "start": min(values), "end": max(values), "time_standard": "UTC"},
        "parameters": {"PRECTOTCORR": {"units": "mm/day"}},
    }


def test_a_night_asks_once_and_a_later_one_only_for_what_is_new(
    river: Region, service: GaugeServer, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "erosion.gauges.series")
    service.answer(PATH, power({"20200101": 0.0, "20200102": 12.5}))
    assert gauge_series.fetch(river, store).skipped == []
    logged = [record.message for record in caplog.records if record.name == "erosion.gauges.series"]
    assert sorted(logged) == ["asking rain ...", "level: 2 new values", "rain: 2 new values"]
    asked = len(service.asked)
    assert gauge_series.fetch(river, store).skipped == [] and len(service.asked) == asked, (
        "the service was asked a moment ago"
    )
    assert gauge_series.fetch(river, store, full=True).skipped == [] and len(service.asked) > asked
    table, _, *listed = gauge_series.read(river, store, "2021-01-01")
    assert listed == [[], []]
    assert {(r.gauge_id, r.quantity, f"{r.time:%d}", r.value) for r in table.itertuples()} == {
        ("g", "stage", "01", 1.0), ("g", "stage", "02", 1.1), ("g-rain", "rain", "01", 0.0), ("g-rain", "rain", "02", 12.5),
    }  # fmt: skip
    early, _, flagged, told = gauge_series.read(river, store, "2020-01-01")
    assert (
        early.empty
        and flagged == []
        and all("the first value became available on 2020-01-02" in item.reason for item in told)
    )
    assert [item.scene for item in told] == ["level", "rain"]


def test_a_service_that_fails_costs_only_its_own_series(
    river: Region, service: GaugeServer, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from erosion.gauges.formats import web

    monkeypatch.setattr(web, "RETRY", dataclasses.replace(web.RETRY, tries=1))
    service.answer(PATH, "<html><title>Down for maintenance</title></html>", kind="text/html")
    (told,) = gauge_series.fetch(river, store).skipped
    assert told.scene == "rain" and "web page ('Down for maintenance')" in told.reason and not told.usual
    table, _, _, (never,) = gauge_series.read(river, store, "2021-01-01")
    assert set(table["gauge_id"]) == {"g"} and never.scene == "rain" and "never fetched" in never.reason
    # What was kept before stays when the service fails later.
    service.answer(PATH, power({"20200101": 3.0}))
    assert gauge_series.fetch(river, store).skipped == []
    service.answer(PATH, 500)
    assert len(gauge_series.fetch(river, store, full=True).skipped) == 1
    assert set(gauge_series.read(river, store, "2021-01-01").values["gauge_id"]) == {"g", "g-rain"}


def test_a_file_that_is_corrected_changes_tonight_and_no_earlier_night(
    river: Region, service: GaugeServer, store: Path
) -> None:
    service.answer(PATH, power({"20200101": 0.0}))
    gauge_series.fetch(river, store)
    write_level(river.path.parent, {"2020-01-01": 1.0, "2020-01-02": 1.7})
    tomorrow = pd.Timestamp.now("UTC").tz_localize(None).normalize() + pd.Timedelta(days=1)
    for _ in range(2):  # from the file beside the store, then from the store itself
        assert stands(gauge_series.read(river, store, "2020-02-01").values, "2020-02-01")["01-02"] == (1.1, "level")
        assert stands(gauge_series.read(river, store, tomorrow).values, str(tomorrow))["01-02"] == (1.7, "level")
        gauge_series.fetch(river, store)


def test_a_file_that_is_gone_leaves_what_was_kept_of_it(river: Region, service: GaugeServer, store: Path) -> None:
    service.answer(PATH, power({"20200101": 0.0}))
    (river.path.parent / "level.csv").rename(river.path.parent / "away.csv")
    (told,) = gauge_series.fetch(river, store).skipped
    assert "level.csv is not there" in told.reason
    assert set(gauge_series.read(river, store, "2020-02-01").values["gauge_id"]) == {"g-rain"}
    (river.path.parent / "away.csv").rename(river.path.parent / "level.csv")
    assert gauge_series.fetch(river, store).skipped == []
    (river.path.parent / "level.csv").write_text("<html>not found</html>")
    table, _, _, (told,) = gauge_series.read(river, store, "2020-02-01")
    assert stands(table[table["gauge_id"] == "g"], "2020-02-01") == {"01-01": (1.0, "level"), "01-02": (1.1, "level")}
    assert told.scene == "level" and "what was kept of it is used" in told.reason and not told.usual


def test_an_optional_file_that_was_not_brought_is_listed_and_nothing_is_wrong(
    river: Region, service: GaugeServer, store: Path
) -> None:
    service.answer(PATH, power({"20200101": 0.0}))
    entry_file = river.path.parent / "level.yaml"
    entry_file.write_text(entry_file.read_text("utf-8") + "optional: true\n", "utf-8")
    (river.path.parent / "level.csv").rename(river.path.parent / "away.csv")
    river = load_region(river.path)
    fetched = gauge_series.fetch(river, store)
    (told,) = fetched.skipped
    assert told.scene == "level" and told.usual
    assert (
        told.reason.startswith("not there, optional: bring the gauge's file (columns ") and "level.csv" in told.reason
    )
    for series in (fetched.series, None):
        table, _, flagged, unread = gauge_series.read(river, store, "2020-02-01", series)
        assert set(table["gauge_id"]) == {"g-rain"} and flagged == []
        assert unread == ([] if series else [told])
    # A file that is there and broken is an error, and one that is there is read.
    (river.path.parent / "level.csv").write_text("<html>not found</html>")
    (broken,) = gauge_series.fetch(river, store).skipped
    assert broken.scene == "level" and not broken.usual
    (river.path.parent / "away.csv").rename(river.path.parent / "level.csv")
    assert gauge_series.fetch(river, store).skipped == []
    # What was kept of it stands when it is taken away again.
    (river.path.parent / "level.csv").unlink()
    table, _, _, unread = gauge_series.read(river, store, "2020-02-01")
    assert set(table["gauge_id"]) == {"g", "g-rain"} and unread == [told]


def test_optional_is_no_rule_of_reading_so_that_a_series_goes_on(river: Region) -> None:
    level = river.gauge_sources[0]
    assert reading_rules(dataclasses.replace(level, optional=True)) == reading_rules(level)


def test_a_clock_that_once_ran_ahead_does_not_silence_a_service(
    river: Region, service: GaugeServer, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer(PATH, power({"20200101": 0.0}))
    now = pd.Timestamp.now("UTC")
    with monkeypatch.context() as clock:
        clock.setattr(pd.Timestamp, "now", classmethod(lambda cls, tz=None: now + pd.Timedelta(days=4000)))
        gauge_series.fetch(river, store)
    asked = len(service.asked)
    gauge_series.fetch(river, store)
    assert len(service.asked) > asked


def test_two_readings_of_the_same_files_are_the_same(river: Region, service: GaugeServer, store: Path) -> None:
    service.answer(PATH, power({"20200101": 0.0, "20200102": -3.0}))  # no rain: the driver has something to say
    told = gauge_series.fetch(river, store).skipped
    assert {item.scene for item in told} == {"rain"}
    write_level(river.path.parent, {"2020-01-01": 1.3, "2020-01-02": 1.1})
    tomorrow = pd.Timestamp.now("UTC").tz_localize(None).normalize() + pd.Timedelta(days=1)
    (one, _, _, said), (two, _, _, said_again) = (gauge_series.read(river, store, tomorrow) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert said == said_again and set(told) <= set(said), "what a service said is said until it is asked again"
    assert set(told) <= set(gauge_series.fetch(river, store).skipped)


def test_reading_what_was_just_fetched_gives_what_the_store_gives(
    river: Region, service: GaugeServer, store: Path
) -> None:
    service.answer(PATH, power({"20200101": 0.0, "20200102": 12.5, "20200103": -3.0}))
    write_level(river.path.parent, {"2020-01-01": 1.0, "2020-01-02": 1.7, "2020-01-03": 99.0})
    tomorrow = pd.Timestamp.now("UTC").tz_localize(None).normalize() + pd.Timedelta(days=1)
    fetched = gauge_series.fetch(river, store)
    assert set(fetched.series) == {"level", "rain"}
    direct = gauge_series.read(river, store, tomorrow, fetched.series)
    stored = gauge_series.read(river, store, tomorrow)
    assert len(direct.values) >= 5
    pd.testing.assert_frame_equal(direct.values, stored.values)
    pd.testing.assert_frame_equal(direct.forecasts, stored.forecasts)
    assert direct.skipped == stored.skipped
    assert direct.unread == [] and set(fetched.skipped) == set(stored.unread) != set()


def test_a_driver_that_trips_costs_only_its_own_series(
    river: Region, service: GaugeServer, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer(PATH, power({"20200101": 0.0}))
    monkeypatch.setattr(nasa_power, "read", lambda *_: 1 / 0)
    (told,) = gauge_series.fetch(river, store).skipped
    assert told.scene == "rain" and "mistake in the program: driver nasa_power: ZeroDivisionError" in told.reason
    assert set(gauge_series.read(river, store, "2020-02-01").values["gauge_id"]) == {"g"}


def test_a_store_that_cannot_be_written_is_reported(river: Region, service: GaugeServer, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    (told,) = gauge_series.fetch(river, blocked).skipped
    assert "cannot write to" in told.reason and "EROSION_STORE" in told.reason
