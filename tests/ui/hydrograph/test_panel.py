"""The gauges beside the map: what the panel says and draws, in words and in a real browser."""

import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from erosion.config.gauges import GaugeSource
from erosion.core.contracts import GAUGE_FLAGS, LEVEL_COLOURS
from erosion.gauges.hydrograph import NOT_SUSPECT, Station, hydrograph
from erosion.ui import products
from erosion.ui.choice import Choice
from erosion.ui.hydrograph import panel
from erosion.ui.trigger import terms as trigger
from erosion.ui.words import knows
from tests.ui.pages.test_pages import open_page as open_page_of
from tests.ui.pages.test_pages import text_of
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401

AS_OF = "2024-06-30"
NEWEST = pd.Timestamp(
    "2024-06-30T19:00", tz="UTC"
)  # 02:00 of 1 July in Viet Nam, five hours before the end of the date
EVIL = "<img src=http://evil.example/c.png onerror=alert(1)> ![x](http://evil.example/d.png)"
ALARMS = (3.5, 4.0, 4.5)


def entry(name, gauge_id, title, **changed):
    told = {
        "driver": "gauge_files", "river": "Tiền", "location": (105.2, 10.8), "cadence_days": 1.0, "latency_days": 1.0,
        "licence": "CC BY 4.0", "attribution": f"Đài {name}", "citation": "cite", "datum": "mốc quốc gia",
    }  # fmt: skip
    return GaugeSource(name=name, gauge_id=gauge_id, title=title, **(told | changed))


def stations():
    hourly = entry(
        "tram-gio", "019803", "Sông Tiền tại Tân Châu", cadence_days=1 / 24, latency_days=0.05,
        alarm_levels_m=ALARMS, alarm_source="Quyết định 05/2020/QĐ-TTg",
    )  # fmt: skip
    quiet = entry("tram-im", "7", EVIL, attribution=EVIL, licence=EVIL, datum=EVIL)
    rain = entry("mua", "9", "Mưa tại Tân Châu", datum=None)
    return [
        Station(sources=(hourly,), reaches=("thu",), main_of=("thu",)),
        Station(sources=(quiet,), reaches=("hai",), main_of=("hai",)),
        Station(sources=(rain,), reaches=("thu",)),
    ]


def season(days):
    """A tidal river's stage [m]: low in April, high in October."""
    return 2.1 - 1.5 * np.cos(2 * np.pi * (np.asarray(days.day_of_year) - 100) / 365)


def rows(time, value, gauge_id, quantity, source, qc="good", flags=0):
    return pd.DataFrame(
        {
            "gauge_id": gauge_id, "quantity": quantity, "time": time, "available_at": time + pd.Timedelta(minutes=30),
            "value": value, "qc": qc, "flags": flags, "source": source,
        }
    )  # fmt: skip


def gauge_rows():
    """Three gauges: hours with tide, doubts, a filled gap and a hole; one that is stale; rain."""
    hours = pd.date_range("2019-01-01", "2024-06-30T18:00", freq="6h", tz="UTC").append(pd.DatetimeIndex([NEWEST]))
    rise = np.random.default_rng(5)
    walk = np.cumsum(rise.normal(0, 0.02, hours.size)) * 0.3
    stage = season(hours) + 0.35 * np.sin(2 * np.pi * np.arange(hours.size) / 4.14) + walk - walk[-1]
    stage += 2.85 - stage[-1]
    hole = (hours >= "2024-04-10") & (hours < "2024-04-17")
    filled = (hours >= "2024-05-20") & (hours < "2024-05-24")
    table = rows(hours, stage, "019803", "stage", "tram-gio")
    table.loc[filled, ["qc", "flags"]] = ["estimated", GAUGE_FLAGS["filled"]]
    table = table[~hole]
    doubt = pd.date_range("2024-06-10", periods=3, freq="D", tz="UTC")
    spike = rows(doubt, [3.9, 3.95, 4.0], "019803", "stage", "tram-gio", "suspect", GAUGE_FLAGS["spike"])
    wild = rows(
        doubt[:1] + pd.Timedelta(days=6), [-9999.0], "019803", "stage", "tram-gio", "suspect", GAUGE_FLAGS["range"]
    )
    table = table[~table["time"].isin([*spike["time"], *wild["time"]])]
    days = pd.date_range("2019-01-01", "2024-06-24", tz="UTC")
    quiet = rows(days, season(days) - 0.6, "7", "stage", "tram-im")
    wet = pd.date_range("2023-01-01", "2024-06-30", tz="UTC")
    rain = rows(wet, np.where(rise.random(wet.size) < 0.4, rise.exponential(12, wet.size), 0.0), "9", "rain", "mua")
    return pd.concat([table, spike, wild, quiet, rain], ignore_index=True)


def forecast_rows():
    issued = pd.Timestamp("2024-06-30T06:00", tz="UTC")
    days = pd.date_range("2024-07-01", periods=10, tz="UTC")
    parts = [
        pd.DataFrame(
            {
                "gauge_id": "019803", "quantity": "stage", "time": days, "issued_at": issued, "member": member,
                "available_at": issued, "value": 2.6 + 0.05 * np.arange(10) * (1 + 0.25 * (member - 3)), "source": "tram-gio",
            }
        )
        for member in range(7)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def put(directory, table, facts):
    table.to_parquet(directory / "hydrograph.parquet")
    (directory / "gauges.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def run_of(out, region, date):
    (directory,) = (out / region).glob(f"{date}-*")
    return directory


def add_gauges(out):
    """Add gauge files to products: none in 2022, a region without gauges in 2023, three gauges in 2024."""
    put(run_of(out, "song-thu", "2023-06-30"), *hydrograph(gauge_rows(), forecast_rows(), "2023-06-30", []))
    put(run_of(out, "song-thu", AS_OF), *hydrograph(gauge_rows(), forecast_rows(), AS_OF, stations()))
    put(
        run_of(out, "tap-duot", "2022-06-30"),
        *hydrograph(gauge_rows(), forecast_rows(), "2022-06-30", stations()[:1]),
    )


def terms():
    """What the trigger says of a segment: one term known, one old, one that no version publishes."""
    told = {"unit": "m", "days": 3, "start": 0.3, "full": 1.0, "gauge": "019803", "title": EVIL, "time": "2024-06-30"}
    return json.dumps(
        [
            told | {"term": "drawdown", "points": 1.2, "of": 2.0, "value": 0.6, "state": "known"},
            told
            | {"term": "rain_on_low_water", "points": None, "of": 1.0, "value": None, "unit": "mm", "state": "old"},
            {"term": "<i>odd</i>", "points": 1.0, "of": 1.0, "state": "known"},
            "no term",
        ]
    )


def add_trigger(out):
    """Raise the worst segment of the newest run by one level, and leave the trigger of the second unknown."""
    path = run_of(out, "song-thu", AS_OF) / "segments_1y.parquet"
    table = gpd.read_parquet(path)
    first, second = table.sort_values(["level", "p_event"], ascending=False).index[:2]
    table["trigger"], table["trigger_points"] = 1.0, 1.2
    table["trigger_terms"] = terms()
    table.loc[first, "model_level"] = 3
    table.loc[first, "why"] = "trigger"
    table.loc[second, "trigger"] = -1.0
    table.to_parquet(path)
    return [str(table.loc[row, "segment_id"]) for row in (first, second)]


@pytest.fixture(scope="module")
def published(published, tmp_path_factory):
    """The products of other tests of the screen with gauges and a trigger, to be read only."""
    out = tmp_path_factory.mktemp("gauges") / "products"
    shutil.copytree(published, out)
    add_gauges(out)
    return out


@pytest.fixture(scope="module")
def raised(published):
    """Ids of a segment that the trigger has raised, and of one of which it is unknown."""
    return add_trigger(published)


@pytest.fixture
def own(published, tmp_path):
    """Products that a test may spoil."""
    return Path(shutil.copytree(published, tmp_path / "products"))


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


def newest(folder, language="vi"):
    """What a page knows of the newest run."""
    region = products.read_region(folder / "song-thu")
    return Choice(language, region, region.runs[-1], region.runs[-2], region.targets[0])


def charts_of(at):
    return [*at.get("vega_lite_chart"), *at.get("arrow_vega_lite_chart")]


def facts_of(folder):
    path = run_of(folder, "song-thu", AS_OF) / "gauges.json"
    return path, json.loads(path.read_text("utf-8"))


# --- words -----------------------------------------------------------------------------------------------------------


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
    facts["gauges"][0]["last_reading"]["doubtful"] = True
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


def test_a_mean_of_the_day_is_told_without_a_time_of_day(own, monkeypatch):
    path, facts = facts_of(own)
    facts["gauges"][1]["last_reading"]["time"] = "2024-06-28T17:00:00+00:00"  # midnight in Viet Nam
    facts["gauges"][1]["silent"] = False
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert "đọc lần cuối 29/06/2024, 2 ngày trước" in words(own, monkeypatch, **{"gauge song-thu": "7 stage"})


def test_every_quality_flag_has_words_and_an_unknown_one_is_named(own, monkeypatch):
    for name, bit in GAUGE_FLAGS.items():
        assert knows(f"hydrograph.doubt.{name}") != bool(bit & NOT_SUSPECT), name
    path, facts = facts_of(own)
    facts["gauges"][0]["doubts"] = {"<u>new</u>": 1234}
    path.write_text(json.dumps(facts), encoding="utf-8")
    assert "1.234 giá trị vì lý do khác (&lt;u&gt;new&lt;/u&gt;)" in words(own, monkeypatch)


def test_a_region_without_a_gauge_says_so_once(published, monkeypatch):
    text = words(published, monkeypatch, **{"date song-thu": "2023-06-30"})
    assert text.count("Khu vực này chưa có trạm đo mực nước.") == 1


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
    for word in ("trạm đo", "Nước và mưa", "không đọc được", "er-banner er-bad"):
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
        ("last_reading", {"time": "noon", "value": 1.0, "doubtful": False}),
        ("last_reading", {"time": "NaT", "value": 1.0, "doubtful": False}),
        ("alarm_levels", [float("nan")]),
        ("quantity", "height"),
        ("sources", [{}]),
        ("doubts", []),
    ],
)
def test_facts_that_are_not_what_they_should_be_are_refused_by_name(own, key, value):
    path, facts = facts_of(own)
    facts["gauges"][0][key] = value
    path.write_text(json.dumps(facts), encoding="utf-8")
    run = next(run for run in products.read_region(own / "song-thu").runs if run.as_of == AS_OF)
    with pytest.raises(products.ProductError, match=r"gauges\.json"):
        products.gauges(run)


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
    run = products.Run(AS_OF, "", Path(), False, "", "", finished, (), None)
    assert panel.issued(run) == pd.Timestamp(wanted, tz="UTC")


# --- the trigger of a segment ----------------------------------------------------------------------------------------


def test_the_trigger_of_a_segment_is_told_with_points_and_what_is_unknown(published, raised, monkeypatch):
    chosen = {"segment": raised[0], "segment_on": ("song-thu", AS_OF)}
    text = text_of(open_page_of("map", published, monkeypatch, region="song-thu", **chosen))
    because = f"Vì nước rút 0,6 m trong 3 ngày tại {escape(EVIL)}.</div>"
    assert f"<b>Mức được nâng một bậc, từ 3 lên 4</b>{because}" in text, "what is unknown has raised nothing"
    assert "Mức tác động của nước và mưa: ít nhất 1 trên 3 (ít nhất 1,2 điểm)." in text
    assert f"<li>Nước rút 0,6 m trong 3 ngày tại {escape(EVIL)}: 1,2 trên 2,0 điểm</li>" in text
    assert "<li>Không rõ mưa bao nhiêu trong 3 ngày" in text
    assert "(tối đa 1,0 điểm)</li>" in text
    assert "&lt;i&gt;odd&lt;/i&gt;" in text
    assert EVIL not in text
    assert "<i>odd" not in text


def row_of(choice, segment_id):
    return choice.segments.set_index("segment_id").loc[segment_id]


def test_an_unknown_trigger_is_never_low(published, raised):
    choice = newest(published)
    said = trigger.terms(choice, row_of(choice, raised[1]))
    assert "không rõ, vì thiếu số liệu. Không rõ không có nghĩa là thấp." in said
    assert "trên 3 (" not in said
    assert trigger.raised(choice, row_of(choice, raised[1])) == ""


def test_a_level_that_is_held_after_the_trigger_eased_says_so(published, raised):
    choice = newest(published, "en")
    row = row_of(choice, raised[0]).copy()
    assert "Level raised by one, from 3 to 4" in trigger.raised(choice, row)
    row["trigger_terms"] = "[]"
    assert "Water and rain have eased" in trigger.raised(choice, row)
    row["trigger_terms"] = None
    assert trigger.terms(choice, row).count("<li>") == 0
    row["trigger"] = None
    assert trigger.terms(choice, row) == ""


# --- the chart -------------------------------------------------------------------------------------------------------


def drawn(folder, number, language="vi", *, simulated=False, change=lambda table: table):
    """The chart of a gauge as the browser gets it."""
    run = next(run for run in products.read_region(folder / "song-thu").runs if run.as_of == AS_OF)
    gauge = products.gauges(run)[number]
    made = panel.chart(gauge, change(products.hydrograph(run, gauge)), AS_OF, language, simulated=simulated)
    return None if made is None else made.to_dict()


def layers(spec, **mark):
    """Data of the layers whose mark has these properties."""
    flat = [layer for part in spec["layer"] for layer in part.get("layer", [part])]
    found = [layer for layer in flat if all(layer["mark"].get(key) == value for key, value in mark.items())]
    return [spec["datasets"][layer["data"]["name"]] for layer in found]


def test_alarm_levels_are_lines_with_their_names_in_the_colours_of_levels(published):
    spec = drawn(published, 0)
    lines = layers(spec, type="rule", strokeWidth=2)[0]
    assert [row["label"] for row in lines] == ["BĐ1 3,50 m", "BĐ2 4,00 m", "BĐ3 4,50 m"]
    assert [row["colour"] for row in lines] == [LEVEL_COLOURS[level] for level in (2, 3, 4)]
    assert [row["label"] for row in layers(drawn(published, 0, "en"), type="rule", strokeWidth=2)[0]] == [
        "Alarm 1 3.50 m", "Alarm 2 4.00 m", "Alarm 3 4.50 m",
    ]  # fmt: skip


def test_a_wild_doubtful_value_does_not_stretch_the_picture_and_is_told(published):
    spec = drawn(published, 0)
    (points,) = layers(spec, type="point", color=panel.DOUBT)
    assert sorted(row["shape"] for row in points) == ["circle", "circle", "circle", "triangle-down"]
    (low, high) = next(
        layer["encoding"]["y"]["scale"]["domain"]
        for layer in spec["layer"]
        if "scale" in layer.get("encoding", {}).get("y", {})
    )
    assert low > -1.0
    assert 4.5 < high < 6.0
    assert min(row["value"] for row in points) == low
    day = next(row for row in layers(spec, type="rule", strokeWidth=7)[0] if row["date"] == "16/06/2024")
    assert day["doubtful"] == "−9.999,00 m"


def test_the_line_breaks_where_days_are_missing_and_not_at_filled_ones(published):
    (line,) = layers(drawn(published, 0), type="line", color=panel.WATER)
    pieces = {row["when"][:10]: row["piece"] for row in line}
    assert pieces["2024-04-09"] != pieces["2024-04-17"]
    assert "2024-04-12" not in pieces
    assert pieces["2024-05-15"] == pieces["2024-05-21"] == pieces["2024-06-20"]
    (squares,) = layers(drawn(published, 0), shape="square")
    assert [row["when"][:10] for row in squares] == [f"2024-05-{day}" for day in (20, 21, 22, 23)]


def test_days_reach_the_browser_as_its_own_midnights(published):
    spec = drawn(published, 0)
    for rows in spec["datasets"].values():
        assert all(row["when"].endswith("T00:00:00") for row in rows)


def test_only_the_last_120_and_the_next_ten_days_are_drawn(published):
    spec = drawn(published, 0)
    days = sorted({row["when"][:10] for row in layers(spec, type="rule", strokeWidth=7)[0]})
    assert (days[0], days[-1]) == ("2024-03-03", "2024-07-10")
    (forecast,) = layers(spec, type="line", color=panel.FORECAST)
    assert [row["when"][:10] for row in forecast] == [f"2024-07-{day:02d}" for day in range(1, 11)]


def test_without_recent_days_there_is_no_chart(published):
    assert drawn(published, 0, change=lambda table: table[table["day"] < "2024-01-01"]) is None


def test_a_picture_of_an_exercise_says_so(published):
    assert drawn(published, 0, simulated=True)["title"]["text"] == "MÔ PHỎNG · SIMULATED"
    assert "title" not in drawn(published, 0)


def test_a_gauge_with_nothing_but_suspect_values_is_drawn(published):
    spec = drawn(published, 0, change=lambda table: table[table["doubtful"]])
    assert len(layers(spec, type="point", color=panel.DOUBT)[0]) == 4
    assert layers(spec, type="line", color=panel.WATER) == [[]] or not layers(spec, type="line", color=panel.WATER)[0]


# --- in a browser ----------------------------------------------------------------------------------------------------

PANEL = ".st-key-hydrograph"
CHART = f'{PANEL} [data-testid="stVegaLiteChart"] svg.marks'


@pytest.fixture(scope="module")
def office(browser, address, outside):  # noqa: F811
    page = open_page(browser, address, outside, 1400, 900)
    yield page
    page.context.close()


def test_the_panel_is_drawn_below_the_map(office):
    office.wait_for_selector(CHART)
    texts = office.locator(f"{CHART} text").all_text_contents()
    for said in ("BĐ1 3,50 m", "BĐ2 4,00 m", "BĐ3 4,50 m", "phát hành 30/06/2024", "Mực nước (m)", "01/06"):
        assert said in texts
    assert "đọc lần cuối 02:00 01/07/2024, 4 giờ trước khi phát hành" in office.locator(PANEL).inner_text()
    chart, deck = (office.locator(at).bounding_box() for at in (CHART, '[data-testid="stDeckGlJsonChart"]'))
    assert chart["y"] > deck["y"] + deck["height"]
    assert chart["width"] > 400 and chart["height"] > 200


def test_a_touched_day_tells_everything_of_it(office):
    office.locator(PANEL).scroll_into_view_if_needed()
    box = office.locator(CHART).bounding_box()
    office.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    tip = office.locator("#vg-tooltip-element")
    tip.get_by_text("Năm trước").wait_for()
    said = tip.inner_text()
    assert re.search(r"Đo được\s+\d,\d\d m \(\d,\d\d – \d,\d\d\)", said)
    assert "piece" not in said


def test_another_gauge_is_silent_and_its_names_are_text(office):
    pick(office, "Trạm đo", f"{EVIL} · mực nước")
    office.get_by_text("Trạm không gửi số liệu 6 ngày").wait_for()
    settle(office)
    said = office.locator(PANEL).inner_text()
    assert said.count(EVIL) == 3
    assert office.locator(f"{PANEL} img").count() == 0
    pick(office, "Trạm đo", "Mưa tại Tân Châu · mưa")
    office.locator(f"{CHART} text").get_by_text("Mưa mỗi ngày (mm)").wait_for()
    assert office.locator(f"{PANEL} .er-bad").count() == 0


def test_a_phone_shows_the_panel_within_its_width(office):
    office.set_viewport_size({"width": 390, "height": 844})
    settle(office)
    box = office.locator(CHART).bounding_box()
    assert 250 < box["width"] <= 390
    assert office.evaluate("document.documentElement.scrollWidth") <= 390
    wide = office.evaluate(
        """() => [...document.querySelectorAll('.st-key-hydrograph, .st-key-hydrograph *')]
            .filter(e => e.getBoundingClientRect().right > 391 && e.getBoundingClientRect().width > 0)
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not wide


def test_the_panel_asked_nothing_of_another_computer(outside):  # noqa: F811
    assert outside == []
