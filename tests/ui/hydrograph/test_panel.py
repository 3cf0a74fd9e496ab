"""The panel of the gauges beside the map: what it reports, in words."""

import hashlib
import json
from html import escape
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.hydrograph import NOT_SUSPECT, hydrograph
from erosion.ui.hydrograph import panel
from erosion.ui.products.gauges import read_gauges, read_hydrograph
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import Run, read_region
from erosion.words import has_text
from tests.ui.made_gauges import (
    AS_OF,
    EVIL,
    forecast_rows,
    gauge_rows,
    put,
    run_of,
    stations,
)
from tests.ui.pages.test_pages import open_page as open_page_of
from tests.ui.pages.test_pages import text_of
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401


def alone():
    """The panel without the map, which takes longer to make than all the rest."""
    import streamlit as st

    from erosion.ui.hydrograph import panel as hydrograph
    from erosion.ui.pages import frame

    hydrograph.panel(frame.choose(), st.session_state.get("reach"))


def open_panel(folder, monkeypatch, **state):
    monkeypatch.setenv("EROSION_PRODUCTS", str(folder))
    at = AppTest.from_function(alone, default_timeout=60)
    for key, value in ({"region": "song-thu"} | state).items():
        at.session_state[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def words(folder, monkeypatch, **state):
    return text_of(open_panel(folder, monkeypatch, **state))


def charts_of(at):
    return [*at.get("vega_lite_chart"), *at.get("arrow_vega_lite_chart")]


def facts_of(folder):
    path = run_of(folder, "song-thu", AS_OF) / "gauges.json"
    return path, json.loads(path.read_text("utf-8"))


def test_the_newest_reading_and_its_age_are_said_in_both_languages(published, monkeypatch):
    text = words(published, monkeypatch)
    assert "<b>2,85 m</b>, đọc lần cuối 02:00 01/07/2024, 4 giờ trước khi phát hành" in text
    assert "Mốc của mực nước: mốc quốc gia." in text
    assert "BĐ là mức báo động theo: Quyết định 05/2020/QĐ-TTg." in text
    assert "Nguồn số liệu: Đài tram-gio. Giấy phép: CC BY 4.0." in text
    assert "Bị nghi ngờ trong 30 ngày qua: 1 giá trị ngoài khoảng có thể xảy ra, 3 giá trị nhảy vọt." in text
    assert "dự báo phát lúc 13:00 30/06/2024" in text
    assert "Trạm không gửi số liệu" not in text
    text = words(published, monkeypatch, language="en")
    assert "<b>2.85 m</b>, last reading 02:00 2024-07-01, 4 hours before issue" in text


def test_a_gauge_that_is_stale_is_shown_first(published, monkeypatch):
    text = words(published, monkeypatch, **{"gauge song-thu": "7 stage"})
    assert '<div class="er-banner er-bad" role="alert"><b>Trạm không gửi số liệu 6 ngày</b>' in text
    assert "đọc lần cuối 07:00 24/06/2024, 6 ngày trước khi phát hành" in text


def test_a_gauge_whose_values_are_all_suspect_is_shown_first(own, monkeypatch):
    path, facts = facts_of(own)
    facts["gauges"][0]["last_usable"]["time"] = "2024-06-27T19:00:00+00:00"
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert "<b>3 ngày nay mọi số liệu của trạm đều bị nghi ngờ</b>" in words(own, monkeypatch)
    facts["gauges"][0]["last_usable"] = None
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert "<b>Mọi số liệu của trạm đều bị nghi ngờ</b>" in words(own, monkeypatch)


def test_a_suspect_newest_reading_is_reported(own, monkeypatch):
    path, facts = facts_of(own)
    facts["gauges"][0]["last_reading"]["suspect"] = True
    path.write_text(json.dumps(facts), encoding="utf-8")
    text = words(own, monkeypatch)
    assert "Giá trị này đang bị nghi ngờ." in text
    assert 'er-bad" role="alert"' not in text


def test_a_gauge_that_never_sent_anything_is_loud_and_has_no_chart(own, monkeypatch):
    put(
        run_of(own, "song-thu", AS_OF),
        *hydrograph(gauge_rows().iloc[:0], forecast_rows().iloc[:0], AS_OF, stations()[:1]),
    )
    at = open_panel(own, monkeypatch)
    assert "<b>Trạm chưa gửi số liệu nào</b>" in text_of(at)
    assert not charts_of(at)
    assert charts_of(open_panel(own, monkeypatch, **{"date song-thu": "2022-06-30"}, region="tap-duot"))


def test_a_mean_of_the_day_is_shown_without_a_time_of_day(own, monkeypatch):
    path, facts = facts_of(own)
    facts["gauges"][1]["last_reading"]["time"] = "2024-06-28T17:00:00+00:00"  # midnight in Viet Nam
    facts["gauges"][1]["stale"] = False
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert "đọc lần cuối 29/06/2024, 2 ngày trước" in words(own, monkeypatch, **{"gauge song-thu": "7 stage"})


def test_every_quality_flag_has_words_and_an_unknown_one_is_named(own, monkeypatch):
    for name, bit in GAUGE_FLAGS.items():
        assert has_text(f"hydrograph.flag.{name}") != bool(bit & NOT_SUSPECT), name
    path, facts = facts_of(own)
    facts["gauges"][0]["flag_counts"] = {"<u>new</u>": 1234}
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert "1.234 giá trị vì lý do khác (&lt;u&gt;new&lt;/u&gt;)" in words(own, monkeypatch)


def test_a_region_without_a_gauge_says_so_once(published, monkeypatch):
    text = words(published, monkeypatch, **{"date song-thu": "2023-06-30"})
    assert text.count("Khu vực này chưa có trạm đo mực nước.") == 1


def test_files_with_the_names_of_older_programs_are_read(own):
    """Runs stay as they were published: ``silent``, ``doubtful`` and ``doubts`` are what is now called otherwise."""
    path, facts = facts_of(own)
    run = next(run for run in read_region(own / "song-thu").runs if run.as_of == AS_OF)
    gauges = read_gauges(run)
    tables = [read_hydrograph(run, gauge) for gauge in gauges]
    for entry in facts["gauges"]:
        entry["silent"], entry["doubts"] = entry.pop("stale"), entry.pop("flag_counts")
        for reading in (entry["last_reading"], entry["last_usable"]):
            if reading is not None:
                reading["doubtful"] = reading.pop("suspect")
    path.write_text(json.dumps(facts), encoding="utf-8")
    table = run.directory / "hydrograph.parquet"
    pd.read_parquet(table).rename(columns={"suspect": "doubtful"}).to_parquet(table)
    assert read_gauges(run) == gauges and any(gauge.stale for gauge in gauges)
    assert any(table["suspect"].any() for table in tables)
    for gauge, then in zip(gauges, tables, strict=True):
        pd.testing.assert_frame_equal(read_hydrograph(run, gauge), then)


def test_a_run_of_an_older_program_shows_no_panel_and_no_error(own, monkeypatch):
    directory = run_of(own, "song-thu", "2022-06-30")
    for path in directory.glob("segments_*.parquet"):
        table = gpd.read_parquet(path)
        table.drop(columns=["model_level", "trigger", "trigger_points", "trigger_terms"]).to_parquet(path)
    # What that program published: its manifest holds the hashes of these files, its list none of the manifest.
    manifest = json.loads((directory / "manifest.json").read_text("utf-8"))
    for path in directory.glob("segments_*.parquet"):
        manifest["outputs"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (directory / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    listing = json.loads((directory.parent / "published.json").read_text("utf-8"))
    for entry in listing["runs"]:
        entry.pop("manifest_sha256", None)
    (directory.parent / "published.json").write_text(json.dumps(listing), "utf-8")
    chosen = {"segment": "thu-L-0000100", "segment_on": ("song-thu", "2022-06-30")}
    text = text_of(
        open_page_of("map", own, monkeypatch, region="song-thu", **{"date song-thu": "2022-06-30"}, **chosen)
    )
    assert "thu-L-0000100" in text
    # The newest run was made in 2024, on its own day: that there was none since is the one thing wrong.
    assert text.count("er-banner er-bad") == text.count("không có lần chạy nào: lần cuối lúc") == 1
    for word in ("trạm đo", "Nước và mưa", "không đọc được"):
        assert word not in text, word


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gauges.json", b"{"),
        ("gauges.json", b'{"gauges": [{"gauge_id": 1}]}'),
        ("gauges.json", b'{"gauges": 5}'),
        ("hydrograph.parquet", b"broken"),
    ],
)
def test_a_broken_file_is_named_and_the_map_stays(own, monkeypatch, name, content):
    (run_of(own, "song-thu", AS_OF) / name).write_bytes(content)
    text = text_of(open_page_of("map", own, monkeypatch, region="song-thu"))
    assert name in text
    assert "Đoạn có mức cao nhất" in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("last_reading", {"time": "noon", "value": 1.0, "suspect": False}),
        ("last_reading", {"time": "NaT", "value": 1.0, "suspect": False}),
        ("alarm_levels", [float("nan")]),
        ("quantity", "height"),
        ("sources", [{}]),
        ("flag_counts", []),
    ],
)
def test_facts_that_are_not_what_they_should_be_are_refused_by_name(own, key, value):
    path, facts = facts_of(own)
    facts["gauges"][0][key] = value
    path.write_text(json.dumps(facts), encoding="utf-8")
    run = next(run for run in read_region(own / "song-thu").runs if run.as_of == AS_OF)
    with pytest.raises(ProductError, match=r"gauges\.json"):
        read_gauges(run)


def test_what_a_file_says_is_shown_as_text(published, monkeypatch):
    text = words(published, monkeypatch, **{"gauge song-thu": "7 stage"})
    assert EVIL not in text
    assert text.count(escape(EVIL)) == 3  # zero, attribution and licence; the title stands in the box


def test_the_main_gauge_of_the_chosen_reach_comes_up_and_another_can_be_chosen(published, monkeypatch):
    def box(at):
        (found,) = (box for box in at.selectbox if box.label == "Trạm đo")
        return found

    at = open_panel(published, monkeypatch)
    assert box(at).value == "019803 stage"
    for reach, gauge in (("hai", "7 stage"), ("thu", "019803 stage")):
        at.session_state["reach"] = reach
        at.run()
        assert box(at).value == gauge
    box(at).select("9 rain").run()
    assert box(at).value == "9 rain"
    at.run()
    assert box(at).value == "9 rain", "on the same reach what somebody chose stays"
    assert "chưa có trạm đo" not in text_of(at)
    at.session_state["reach"] = "<b>ba</b>"
    at.run()
    assert "&lt;b&gt;ba&lt;/b&gt; chưa có trạm đo; biểu đồ là của trạm khác trong khu vực." in text_of(at)


def test_the_page_asks_for_the_gauge_of_the_chosen_segment(own, monkeypatch):
    path = run_of(own, "song-thu", AS_OF) / "segments_1y.parquet"
    table = gpd.read_parquet(path)
    table.loc[table["bank"] == "L", "reach"] = "hai"
    table.to_parquet(path)
    chosen = {"segment": "thu-L-0000100", "segment_on": ("song-thu", AS_OF)}
    at = open_page_of("map", own, monkeypatch, region="song-thu", **chosen)
    assert "Trạm không gửi số liệu 6 ngày" in text_of(at)


def test_an_exercise_is_marked_in_the_panel_and_in_the_picture(published, monkeypatch):
    text = words(published, monkeypatch, region="tap-duot")
    assert '<span class="er-exercise">MÔ PHỎNG · SIMULATED</span>' in text
    assert 'class="er-exercise"' not in words(published, monkeypatch)


@pytest.mark.parametrize(
    ("finished", "wanted"),
    [
        ("2024-06-30T05:00:00+00:00", "2024-06-30T05:00:00"),  # tonight's run: when it finished
        ("2024-07-09T05:00:00+00:00", "2024-06-30T23:59:59.999999"),  # an old date made later: the end of that date
        ("2024-01-01T05:00:00+00:00", "2024-06-30T23:59:59.999999"),  # an exercise of a day to come
        ("soon", "2024-06-30T23:59:59.999999"),
    ],
)
def test_ages_count_from_the_issue(finished, wanted):
    run = Run(AS_OF, "", Path(), False, "", "none", "", finished, (), None)
    assert panel.issued(run) == pd.Timestamp(wanted, tz="UTC")
