"""Every page as the program makes it, without a browser: what it says, in both languages, and when something is wrong."""

import json
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import erosion

APP = Path(erosion.__file__).parents[1] / "app.py"


def only(page):
    """A page under the common header, as ``app.py`` puts it together."""
    import importlib

    import streamlit as st

    from erosion.ui.pages import frame

    chosen = frame.choose()
    st.session_state["choice"] = chosen
    if chosen is not None:
        frame.facts(chosen)
        frame.banners(chosen)
        importlib.import_module(f"erosion.ui.pages.{page}").show(chosen)


def open_page(page, folder, monkeypatch, **state):
    monkeypatch.setenv("EROSION_PRODUCTS", str(folder))
    at = AppTest.from_function(only, kwargs={"page": page}, default_timeout=60)
    for key, value in state.items():
        at.session_state[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def text_of(at):
    """All HTML of a page; tables and charts are not in it."""
    return "\n".join(element.proto.body for element in at.get("html"))


def tables(at):
    return [frame.value for frame in at.dataframe]


@pytest.mark.parametrize("page", ["today", "map", "list", "bulletin", "results", "operations"])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_page_speaks_both_languages(published, monkeypatch, page, language):
    text = text_of(open_page(page, published, monkeypatch, language=language))
    title = {"vi": "Sông Thử (song-thu)", "en": "Test River (song-thu)"}[language]
    other = {"vi": "Newest bank data", "en": "Số liệu bờ mới nhất"}[language]
    assert title in text
    assert other not in text
    assert {"vi": "20/05/2024 · 41 ngày tuổi", "en": "2024-05-20 · 41 days old"}[language] in text


def two_rivers(folder):
    """Say that the left bank is another river than the rest."""
    listed = folder / "song-thu" / "published.json"
    content = json.loads(listed.read_text(encoding="utf-8"))
    titles = {"thu": ("Sông Thử", "Test River"), "hai": ("Sông Hai", "Second River")}
    content["reaches"] = [{"name": name, "title": {"vi": vi, "en": en}} for name, (vi, en) in titles.items()]
    listed.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    for path in [*folder.glob("song-thu/*/segments_*.parquet"), *folder.glob("song-thu/*/stretches_*.parquet")]:
        layer = gpd.read_parquet(path)
        layer.loc[layer["bank"] == "L", "reach"] = "hai"
        layer.to_parquet(path)


def test_one_river_of_several_can_be_chosen(own, monkeypatch):
    plain = open_page("map", own, monkeypatch)
    assert all("Sông" not in table for table in tables(plain))
    two_rivers(own)
    at = open_page("map", own, monkeypatch)
    # The table of changes comes first and is of all rivers, the ranking last.
    assert all(set(table["Sông"]) == {"Sông Hai", "Sông Thử"} for table in tables(at))
    ranking = tables(open_page("map", own, monkeypatch, river="hai"))[-1]
    assert set(ranking["Sông"]) == {"Sông Hai"} and set(ranking["Bờ"]) == {"trái"}
    ranking = tables(open_page("map", own, monkeypatch, river="thu", language="en"))[-1]
    assert set(ranking["River"]) == {"Test River"} and "left" not in set(ranking["Bank"])
    assert len(tables(open_page("map", own, monkeypatch, river="nowhere"))[-1]) == len(tables(at)[-1])


def test_the_whole_program_opens_on_the_newest_date(published, monkeypatch):
    monkeypatch.setenv("EROSION_PRODUCTS", str(published))
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not at.exception
    assert "Sông Thử (song-thu)" in text_of(at)
    assert [box.value for box in at.selectbox] == ["2024-06-30", "1y", "song-thu"]


def test_legend_and_ranking_say_what_the_file_says(published, monkeypatch):
    at = open_page("map", published, monkeypatch)
    layer = pd.read_parquet(published / "song-thu" / "2024-06-30-abc2" / "segments_1y.parquet")
    text = text_of(at)
    for level, word in enumerate(("không đủ dữ liệu", "thấp", "trung bình", "cao", "rất cao")):
        mine = layer[layer["joint_level"] == level]
        km = f"{mine['length_m'].sum() / 1000:.1f}".replace(".", ",")
        assert f"{word} <small>{len(mine)} đoạn · {km} km</small>" in text
    top = tables(at)[-1]
    assert top["Mức"].iloc[0] == layer["level"].max()
    assert top["Xác suất"].iloc[0] == layer.loc[layer["level"] == layer["level"].max(), "p_event"].max()


def test_changes_since_the_run_before(published, monkeypatch):
    layer = pd.read_parquet(published / "song-thu" / "2024-06-30-abc2" / "segments_1y.parquet")
    known = (layer["level"] > 0) & (layer["previous_level"] > 0)
    text = text_of(open_page("map", published, monkeypatch))
    assert f"▲ {int((known & (layer['level'] > layer['previous_level'])).sum())} đoạn tăng mức" in text
    assert f"▼ {int((known & (layer['level'] < layer['previous_level'])).sum())} đoạn giảm mức" in text
    assert "Cảnh báo: " in text
    first = text_of(open_page("map", published, monkeypatch, **{"date song-thu": "2022-06-30", "region": "song-thu"}))
    assert "Đây là lần chạy đầu tiên" in first


def test_no_change_is_said_with_the_time(own, monkeypatch):
    path = own / "song-thu" / "2023-06-30-abc1" / "segments_1y.parquet"
    import geopandas as gpd

    table = gpd.read_parquet(path)
    table.assign(previous_level=table["level"]).to_parquet(path)
    (own / "ledger.sqlite").unlink()
    assert "Không có thay đổi; dữ liệu cập nhật lúc 08:01 01/07/2024." in text_of(open_page("map", own, monkeypatch))


def test_a_chosen_segment_is_explained(published, monkeypatch):
    layer = pd.read_parquet(published / "song-thu" / "2024-06-30-abc2" / "segments_1y.parquet")
    worst = layer.sort_values(["level", "p_event", "segment_id"], ascending=[False, False, True]).iloc[0]
    chosen = {"segment": worst["segment_id"], "segment_on": ("song-thu", "2024-06-30"), "region": "song-thu"}
    text = text_of(open_page("map", published, monkeypatch, **chosen))
    assert worst["segment_id"] in text
    assert "4 ● rất cao" in text
    assert f"<span>{round(100 * worst['p_event'])}%</span>" in text
    low, mid, high = (round(worst[f"retreat_p{q}_m"]) for q in (10, 50, 90))
    assert f"{mid} m ({low}–{high} m)" in text
    assert "Bờ cùng phía, cách 100–500 m về thượng lưu, lùi 12 m đất ổn định mỗi năm trong 3 năm qua." in text
    assert "phát lần đầu" in text
    assert "Diễn biến cảnh báo" in text
    assert "lạch sâu" in text


# --- what is wrong is said -------------------------------------------------------------------------------------------


def test_a_simulated_region_wears_its_ribbon_on_every_page(published, monkeypatch):
    for page in ("today", "map", "list", "results", "operations"):
        text = text_of(open_page(page, published, monkeypatch, region="tap-duot"))
        assert "MÔ PHỎNG" in text
        assert "MÔ PHỎNG" not in text_of(open_page(page, published, monkeypatch, region="song-thu"))


def test_a_failed_attempt_is_loud(own, monkeypatch, say_attempt, evil):
    say_attempt(own / "song-thu", "failed", message=f"no mask {evil}")
    text = text_of(open_page("map", own, monkeypatch))
    assert 'er-bad" role="alert"><b>Lần chạy cho ngày 01/07/2024 đã thất bại lúc 08:05 01/07/2024' in text
    assert "<img" not in text
    assert "&lt;img src=http://evil.example" in text


def test_an_attempt_that_never_ended_is_loud_and_a_young_one_is_not(own, monkeypatch, say_attempt):
    now = pd.Timestamp.now("UTC")
    say_attempt(own / "song-thu", "running", started=(now - pd.Timedelta(hours=1.1)).isoformat())
    assert "đến nay chưa xong" in text_of(open_page("map", own, monkeypatch))
    say_attempt(own / "song-thu", "running", started=(now - pd.Timedelta(minutes=9)).isoformat())
    text = text_of(open_page("map", own, monkeypatch))
    assert "Đang chạy cho ngày 01/07/2024" in text
    assert "er-banner er-bad" not in text


def test_a_degraded_run_says_what_was_missing_as_text_only(own, monkeypatch):
    at = open_page("map", own, monkeypatch)
    text = text_of(at)
    assert "Sản phẩm ngày 30/06/2023 được phát hành khi thiếu dữ liệu" in text
    assert "scene_7.tif: truncated" in text
    assert "<img" not in text
    # Markdown of a message would make the browser fetch its picture.
    assert not any("evil.example" in element.value for element in at.markdown)


def test_old_data_are_loud(own, monkeypatch):
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8"))
    content["runs"][-1]["newest_epoch"] = "2021-05-20"
    path.write_text(json.dumps(content), "utf-8")
    assert "Số liệu bờ đã cũ: ảnh mới nhất ngày 20/05/2021, 771 ngày" in text_of(open_page("map", own, monkeypatch))


def test_no_products_no_region_no_run(tmp_path, own, monkeypatch):
    assert "Chưa có sản phẩm nào" in text_of(open_page("map", tmp_path / "nothing", monkeypatch))
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | {"runs": []}), "utf-8")
    assert "chưa có lần chạy nào được phát hành" in text_of(open_page("map", own, monkeypatch))
    path.write_text("{", "utf-8")
    text = text_of(open_page("map", own, monkeypatch))
    assert "Không đọc được sản phẩm" in text
    assert "published.json" in text


@pytest.mark.parametrize("name", ["segments.gpkg", "history.parquet", "verification.json", "manifest.json"])
def test_a_broken_file_costs_its_part_of_the_page_only(own, monkeypatch, name):
    home = own / "song-thu"
    path = next(iter([*home.glob(name), *home.glob(f"2023-06-30-abc1/{name}")]))
    path.write_bytes(b"\x00 broken")
    at = AppTest.from_file(str(APP), default_timeout=60)
    monkeypatch.setenv("EROSION_PRODUCTS", str(own))
    at.session_state["segment"] = "thu-L-0000100"
    at.session_state["segment_on"] = ("song-thu", "2023-06-30")
    at.run()
    assert not at.exception
    assert "Sông Thử" in text_of(at)
    assert "4 ●" in text_of(open_page("map", own, monkeypatch))
    for page in ("results", "operations"):
        assert "Sông Thử" in text_of(open_page(page, own, monkeypatch))


def test_a_broken_layer_is_said_by_the_whole_program(own, monkeypatch):
    (own / "song-thu" / "2023-06-30-abc1" / "segments_1y.parquet").write_bytes(b"broken")
    monkeypatch.setenv("EROSION_PRODUCTS", str(own))
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not at.exception
    assert "Không đọc được sản phẩm" in text_of(at)
    assert "segments_1y.parquet" in text_of(at)


# --- past forecasts and operations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["today", "map", "list", "operations"])
def test_a_ledger_that_cannot_be_read_is_loud_on_every_page(own, monkeypatch, page):
    assert "The record of warnings cannot be read" not in text_of(open_page(page, own, monkeypatch, language="en"))
    (own / "ledger.sqlite").write_bytes(b"not a database" * 99)
    text = text_of(open_page(page, own, monkeypatch, language="en"))
    assert "This does not mean that there are none." in text
    assert f"ledger {own / 'ledger.sqlite'} cannot be read: file is not a database" in text
    assert "There is no ledger of warnings yet" not in text


@pytest.mark.parametrize("name", ["segments_1y_vi.csv", "segments.gpkg", "history.parquet", "manifest.json"])
def test_a_damaged_file_of_the_run_is_loud_with_the_cure(own, monkeypatch, name):
    assert "are damaged" not in text_of(open_page("map", own, monkeypatch, language="en"))
    path = own / "song-thu" / "2023-06-30-abc1" / name
    path.write_bytes(path.read_bytes()[:-9])
    text = text_of(open_page("map", own, monkeypatch, language="en"))
    assert "Files of the product of 2023-06-30 are damaged" in text
    assert str(path) in text
    assert "Run this date again, which makes the files anew" in text


@pytest.mark.parametrize("content", ["{}", "[]", '{"version": 99}'])
def test_a_list_of_another_shape_is_said_with_the_cure(own, monkeypatch, content):
    (own / "song-thu" / "published.json").write_text(content, "utf-8")
    text = text_of(open_page("map", own, monkeypatch))
    assert "published.json" in text
    assert "the next run of the region writes it anew" in text


def test_past_forecasts_are_the_files_numbers(published, monkeypatch):
    at = open_page("results", published, monkeypatch, region="song-thu")
    row = json.loads((published / "song-thu" / "verification.json").read_text("utf-8"))["rows"][0]
    table = tables(at)[0]
    assert table["Ngày phát hành"].tolist() == ["30/06/2022"]
    assert table["Báo đúng"].tolist() == [str(row["hits"])]
    assert table["Bỏ sót"].tolist() == [str(row["misses"])]
    assert table["Báo nhầm"].tolist() == [str(row["false_alarms"])]
    assert table["Báo trước được"].tolist() == ["75%"]
    text = text_of(at)
    assert f"Trong {row['events']} sự kiện: báo trước {row['hits']}, bỏ sót {row['misses']}" in text
    assert "mức từ 3 trở lên" in text
    places = tables(at)[-1]
    found = pd.read_parquet(published / "song-thu" / "verification.parquet")
    assert len(places) == int((found["outcome"] == "miss").sum())
    assert set(places["Lùi thực tế (m)"]) == {44.0}


def test_operations_list_runs_steps_and_what_was_left_out(published, monkeypatch):
    at = open_page("operations", published, monkeypatch, **{"region": "song-thu", "date song-thu": "2023-06-30"})
    runs, skipped, steps = tables(at)[:3]
    assert runs["Tính đến ngày"].tolist() == ["30/06/2024", "30/06/2023", "30/06/2022"]
    assert runs["Kết quả"].tolist() == ["đã phát hành", "phát hành khi thiếu dữ liệu", "đã phát hành"]
    assert "truncated" in skipped["Lý do"].iloc[0]
    assert steps["Bước"].tolist() == ["đọc ảnh và số đo trạm", "<i>odd</i>"]
    assert steps["Giây"].tolist() == ["1,25", "0,50"]


def test_operations_name_the_images_that_a_person_accepted(published, tmp_path, monkeypatch):
    published = Path(shutil.copytree(published, tmp_path / "products"))
    question = {"region": "song-thu", "date song-thu": "2023-06-30"}
    assert "chấp nhận" not in text_of(open_page("operations", published, monkeypatch, **question))
    (file,) = (published / "song-thu").glob("2023-06-30-*/manifest.json")
    content = json.loads(file.read_text("utf-8"))
    entry = {"newest_epoch": "2023-06-01", "missing": None, "accepted": ["thu_2023<b>.tif"]}
    file.write_text(json.dumps(content | {"reaches": {"thu": entry, "other": entry}}), "utf-8")
    text = text_of(open_page("operations", published, monkeypatch, **question))
    assert (
        "Ảnh được dùng vì đã có người kiểm tra và chấp nhận" in text
        and text.count("thu_2023") == 1
        and "2023<b>" not in text
    )
    text = text_of(open_page("operations", published, monkeypatch, language="en", **question))
    assert "Images used because a person has accepted them" in text


def test_a_long_segment_id_is_not_cut_short():
    """Without its last digit hau_exercise-R-0001140 reads as the id of another place."""
    from PIL import ImageFont

    from erosion.ui.ranking import _width

    letters = ImageFont.load_default(14)  # of about the size and width of the table's
    for reach in ("tien", "mamore", "vam_nao", "hau_exercise", "a_reach_with_a_very_long_name"):
        ids = [f"{reach}-R-0001140", f"{reach}-L-0000000"]
        assert _width("segment_id", pd.DataFrame({"segment_id": ids})) >= letters.getlength(ids[0]) + 16


@pytest.mark.parametrize("page", ["map", "results"])
def test_what_each_level_is_worth(published, monkeypatch, page):
    text = text_of(open_page(page, published, monkeypatch, language="en"))
    assert (
        "4 ● very high: about 4 in 5 metres of bank at this level are expected to retreat 30 m or more in 365 days"
        in text
    )
    assert "2 ◔ medium: about 1 in 4 metres" in text and "(probability from 13%)" in text
    assert "in a single year it may be 13% to 63% (four years in five)" in text
    assert "In 7 forecasts that were checked, 48% of the length at this level did." in text
    assert "caught 61% of the segments that eroded; 37% of the segments warned of were false alarms" in text
    vi = text_of(open_page(page, published, monkeypatch))
    assert "3 ◕ cao: dự tính khoảng 1 trên 2 mét bờ ở mức này lùi từ 30 m trong 365 ngày (xác suất từ 38%)." in vi


def test_runs_of_an_older_program_state_no_worth_and_show_their_own_level(own, monkeypatch):
    for path in own.glob("song-thu/*/manifest.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        del content["level_worth"]
        path.write_text(json.dumps(content), encoding="utf-8")
    for path in own.glob("song-thu/*/segments_*.parquet"):
        table = gpd.read_parquet(path)
        table.drop(columns=["joint_level", "asked_level", "held_by"]).to_parquet(path)
    text = text_of(open_page("map", own, monkeypatch, language="en"))
    assert "metres of bank at this level" not in text and "not enough data" in text


@pytest.mark.parametrize(
    ("share", "says"),
    [
        ("none", "thu-20220630<"),
        ("part", "thu-20220630 · học một phần từ sông mô phỏng"),
        ("all", "thu-20220630 · chỉ học từ sông mô phỏng"),
    ],
)
def test_a_model_that_learnt_from_simulated_rivers_says_so(own, monkeypatch, share, says):
    """Whether or not the river watched is simulated itself."""
    file = own / "song-thu" / "published.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for run in content["runs"]:
        run["model_simulated"] = share
    file.write_text(json.dumps(content), encoding="utf-8")
    text = text_of(open_page("map", own, monkeypatch))
    assert says in text
    assert ("sông mô phỏng" in text) == (share != "none")


def test_the_map_shows_the_joint_level_first(published, monkeypatch):
    table = gpd.read_parquet(next(published.glob("song-thu/2024-06-30-*/segments_1y.parquet")))

    def legend(**state):
        return text_of(open_page("map", published, monkeypatch, language="en", **state))

    own, joint = ((table[column] == 2).sum() for column in ("level", "joint_level"))
    assert own != joint
    assert f"medium <small>{joint} · " in legend()
    assert f"medium <small>{own} · " in legend(colour="level")
    assert "Joint level" in {
        option
        for box in open_page("map", published, monkeypatch, language="en").get("button_group")
        for option in box.options
    }


def test_a_segment_says_what_holds_its_level_and_how_the_horizons_differ(published, monkeypatch):
    table = gpd.read_parquet(next(published.glob("song-thu/2024-06-30-*/segments_1y.parquet")))
    row = table[table["level"] == 4].iloc[0]
    text = text_of(
        open_page(
            "map", published, monkeypatch, language="en",
            segment=row["segment_id"], segment_on=("song-thu", "2024-06-30"),
        )
    )  # fmt: skip
    assert "The newest probability asks for level 2; level 4 is held until a new image or enough days" in text
    assert "Joint level: 4 ● very high (by horizon: 365 days 4 ● very high; 1,095 days 4 ● very high)" in text
