"""The list of stretches, its filters, and a stretch in detail."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from erosion.ui.pages import list as list_page
from erosion.ui.products.stretches import EXPOSURE_COLUMNS


def stretches_of(folder, date="2024-06-30", region="song-thu"):
    (path,) = (folder / region).glob(f"{date}-*/stretches_1y.parquet")
    table = gpd.read_parquet(path)
    return path, table.sort_values(
        ["level", "p_event", "stretch_id"], ascending=[False, False, True], ignore_index=True
    )


def listed(at):
    (frame,) = (frame for frame in at.dataframe if frame.key and frame.key.startswith("list-"))
    return frame.value


def test_the_list_is_the_file(published, open_page, text_of):
    at = open_page("list", published, region="song-thu")
    _, file = stretches_of(published)
    table = listed(at)
    assert table["Mức"].tolist() == file["level"].tolist()
    assert table["Xác suất"].tolist() == file["p_event"].tolist()
    assert table["Lùi 50% (m)"].tolist() == file["retreat_p50_m"].tolist()
    assert table["Đất 10% (ha)"].tolist() == file["loss_p90_ha"].tolist()
    assert table["Dài (m)"].tolist() == file["length_m"].tolist()
    assert table["Tuổi (ngày)"].tolist() == file["data_age_days"].tolist()
    assert table["Đoạn bờ"].str.match(r"Bờ (trái|phải|cù lao) · km \d+\+\d{3}–\d+\+\d{3}$").all()
    km = f"{file['length_m'].sum() / 1000:.1f}".replace(".", ",")
    assert f"{len(file)} trong {len(file)} đoạn bờ · {km} km" in text_of(at)


def test_unknown_exposure_and_commune_are_said(published, open_page):
    shown = next(f for f in open_page("list", published, region="song-thu").dataframe if f.key.startswith("list-"))
    assert shown.value[["Nhà 20 m", "Nhà 50 m", "Nhà 100 m"]].isna().all(axis=None), "unknown is not 0"
    assert shown.proto.placeholder == "chưa có số liệu", "what a browser writes for a missing number"
    assert set(shown.value["Xã/phường (tên cũ)"]) == {"chưa có số liệu"}


def test_filters_of_the_page(own, open_page, text_of):
    path, file = stretches_of(own, "2023-06-30")
    codes = np.where(np.arange(len(file)) % 2 == 0, "30001", "30002")
    names = {"30001": ("xã Mỹ Hòa Hưng", "xã Mỹ Hòa Hưng"), "30002": ("phường Long Xuyên", "phường Bình Đức")}
    file.assign(
        commune_code=codes,
        communes=codes,
        commune=[names[c][0] for c in codes],
        commune_former=[names[c][1] for c in codes],
    ).to_parquet(path)
    (own / "ledger.sqlite").unlink()  # only it knows of stretches that have merged into others
    at = open_page("list", own)
    box = next(box for box in at.selectbox if box.label.startswith("Xã/phường"))
    assert box.options == ["phường Long Xuyên (cũ: phường Bình Đức)", "xã Mỹ Hòa Hưng (cũ: xã Mỹ Hòa Hưng)"]
    box.set_value("30001").run()
    assert not at.exception
    assert set(listed(at)["Xã/phường (tên cũ)"]) == {"xã Mỹ Hòa Hưng (cũ: xã Mỹ Hòa Hưng)"}
    assert len(listed(at)) == (codes == "30001").sum()
    (toggle,) = at.toggle
    toggle.set_value(True).run()
    assert len(listed(at)) == ((codes == "30001") & (file["change"] != "")).sum()


def test_select():
    table = pd.DataFrame(
        {
            "bank": ["L", "L", "R", "I"],
            "level": [4, 2, 4, 0],
            "changed": [True, False, False, True],
            "commune_code": ["1", "2", None, "3"],
            "communes": ["1", "2 1", None, "3"],
            "commune": ["xã Mỹ Hòa Hưng", "phường Long Xuyên", None, "xã Châu Phong"],
            "commune_former": ["xã Mỹ Hòa Hưng", "phường Bình Đức", None, "xã Phú Vĩnh"],
            "place_vi": [None, "gần chợ Vàm Cống", "tại bến phà An Hòa", None],
            "place_en": [None, None, None, None],
            "name": ["a", "b", "Sông Hậu · Bờ phải", "c"],
        }
    )

    def pick(commune=None, banks=(), levels=(), changed=False):
        return list_page.select(table, commune, banks, levels, changed=changed).index.tolist()

    assert pick() == [0, 1, 2, 3]
    assert pick(banks=["L"]) == [0, 1]
    assert pick(levels=[4, 0]) == [0, 2, 3]
    assert pick(changed=True) == [0, 3]
    assert pick("1") == [0, 1], "a stretch is of every commune that it touches"
    assert pick("3") == [3]
    assert pick("binh duc") == [1], "former names, typed without marks"
    assert pick("BÌNH ĐỨC") == [1]
    assert pick("vam cong") == [1] and pick("song hau") == [2] and pick("ben pha") == [2]
    assert pick("no such place") == []
    assert pick("1", banks=["L"], levels=[2]) == [1]


def test_no_commune_is_known_and_a_name_is_typed():
    table = pd.DataFrame({"commune_code": [None], "communes": [None], "commune": [None], "commune_former": [None],
        "place_vi": [None], "place_en": [None], "name": ["x"], "bank": ["L"], "level": [2], "changed": [True]})  # fmt: skip
    assert list_page.select(table, "mỹ", [], [], changed=False).empty
    assert list_page.communes(table, "vi") == {}


# --- one stretch -----------------------------------------------------------------------------------------------------


def test_an_address_opens_a_stretch(published, open_page, text_of):
    _, file = stretches_of(published)
    row = file.iloc[3]
    at = open_page("list", published, {"stretch": row["stretch_id"], "region": "song-thu"})
    text = text_of(at)
    assert row["stretch_id"] in text
    assert f"{round(100 * row['p_event'])}%</span>" in text
    for column, unit in (("retreat_p50_m", "m"), ("retreat_p90_m", "m")):
        assert f"<span>{round(row[column])} {unit}</span>" in text
    assert f"<span>{row['loss_p90_ha']:.2f} ha</span>".replace(".", ",") in text
    segments = gpd.read_parquet(published / "song-thu" / "2024-06-30-abc2" / "segments_1y.parquet")
    worst = segments.set_index("segment_id").loc[row["worst_segment_id"]]
    assert f"km {int(worst['chainage_m']) // 1000}+{int(worst['chainage_m']) % 1000:03d}" in text
    assert 1 <= text.split('class="er-why"')[1].split("</ul>")[0].count("<li>") <= 3
    assert "Chưa có số liệu về nhà, đường, trường học, nhân khẩu ở đây." in text
    assert "mới (mức – → " in text
    assert at.query_params["stretch"] == row["stretch_id"] and at.query_params["region"] == "song-thu"
    inside = next(frame.value for frame in at.dataframe if frame.key and frame.key.startswith("of stretch-"))
    assert set(inside["Đoạn"]) == set(segments.loc[segments["stretch_id"] == row["stretch_id"], "segment_id"])


def test_a_segment_of_the_stretch_opens_its_own_detail(published, open_page, text_of):
    _, file = stretches_of(published)
    row = file.iloc[0]
    chosen = {"segment": row["worst_segment_id"], "segment_on": ("song-thu", "2024-06-30"), "region": "song-thu"}
    at = open_page("list", published, stretch=row["stretch_id"], **chosen)
    assert f"· {row['worst_segment_id']}</small>" in text_of(at)
    stranger = file.iloc[1]
    at = open_page("list", published, stretch=stranger["stretch_id"], **chosen)
    assert f"· {row['worst_segment_id']}</small>" not in text_of(at), "a segment of another stretch"


def test_walking_the_list_and_going_back(published, open_page):
    _, file = stretches_of(published)
    at = open_page("list", published, {"stretch": file["stretch_id"].iloc[0], "region": "song-thu"})
    at.button(key="stretch.next").click().run()
    assert at.session_state["stretch"] == file["stretch_id"].iloc[1]
    assert at.query_params["stretch"] == file["stretch_id"].iloc[1]
    at.button(key="stretch.previous").click().run()
    assert at.session_state["stretch"] == file["stretch_id"].iloc[0]
    assert at.button(key="stretch.previous").disabled
    next(button for button in at.button if button.label == "Danh sách").click().run()
    assert at.session_state["stretch"] is None
    assert "stretch" not in at.query_params


def test_known_exposure_is_counted_and_unknown_said(own, open_page, text_of):
    path, file = stretches_of(own, "2023-06-30")
    file.assign(buildings_20m=0, buildings_50m=7, road_m_100m=1234.4, people_100m=None).to_parquet(path)
    text = text_of(open_page("list", own, {"stretch": file["stretch_id"].iloc[0]}))
    assert "<span>Nhà trong 20 m từ mép bờ</span><b>0</b>" in text
    assert "<span>Nhà trong 50 m</span><b>7</b>" in text
    assert "<span>Đường trong 100 m</span><b>1.234 m</b>" in text
    assert "<span>Nhân khẩu trong 100 m</span><b>chưa có số liệu</b>" in text


def test_a_stretch_that_is_not_open_keeps_its_log(published, open_page, text_of):
    old, new = (set(stretches_of(published, date)[1]["stretch_id"]) for date in ("2023-06-30", "2024-06-30"))
    gone = sorted(old - new)[0]
    text = text_of(open_page("list", published, {"stretch": gone, "region": "song-thu"}))
    assert "Đoạn bờ này không mở trong lần chạy đang xem" in text
    assert "30/06/2024: kết thúc" in text or "30/06/2024: gộp" in text
    then = text_of(
        open_page("list", published, {"stretch": gone}, **{"region": "song-thu", "date song-thu": "2023-06-30"})
    )
    assert "Đoạn bờ này không mở" not in then
    assert "30/06/2024: " not in then, "what came later was not known"


def test_an_address_of_nonsense_is_text(published, open_page, text_of, evil):
    text = text_of(open_page("list", published, {"stretch": evil, "region": "song-thu"}))
    assert "Đoạn bờ này không mở" in text and "<img" not in text and "&lt;img" in text


def test_hostile_text_in_every_field(own, open_page, text_of, evil):
    path, file = stretches_of(own, "2023-06-30")
    texts = dict.fromkeys(("commune", "commune_former", "commune_code", "communes", "place_vi", "place_en"), evil)
    file.assign(**texts, worst_segment_id=evil, change=evil, split_from=evil, model_id=evil, stretch_id=[f"{evil}{i}" for i in
        range(len(file))]).to_parquet(path)  # fmt: skip
    for page in ("list", "today"):
        at = open_page(page, own, stretch=f"{evil}0")
        assert "<img" not in text_of(at)
        spoken = [*at.markdown, *at.button, *at.caption, *at.expander]
        assert not any("evil.example" in str(getattr(e, "value", "") or getattr(e, "label", "")) for e in spoken)


@pytest.mark.parametrize("page", ["list", "today"])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_run_of_an_older_program_says_that_it_has_no_stretches(own, open_page, text_of, page, language):
    for path in (own / "song-thu").glob("*/stretches_*"):
        path.unlink()
    at = open_page(page, own, {"stretch": "x"} if page == "list" else {}, language=language)
    said = {"vi": "Lần chạy này chưa có danh sách đoạn bờ", "en": "This run has no list of stretches"}[language]
    assert said in text_of(at)
    if page == "list":
        ids = {"vi": "Đoạn", "en": "Segment"}[language]
        assert len(at.dataframe[-1].value[ids]) > 100, "its segments are still listed"


def test_no_stretch_at_all_is_no_all_clear(own, open_page, text_of):
    path, file = stretches_of(own, "2023-06-30")
    file.head(0).to_parquet(path)
    for page in ("list", "today"):
        assert "Không có đoạn bờ nào từ mức cần chú ý trở lên. Không mức nào có nghĩa là an toàn." in text_of(
            open_page(page, own)
        )


def test_every_exposure_has_words():
    from erosion.words import has_text

    assert all(has_text(f"exposure.{name}") for name in EXPOSURE_COLUMNS)
