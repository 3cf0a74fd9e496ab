"""Field reports: where they are put, who may send them, sent twice, with a photo, and how they are listed."""

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

import geopandas as gpd
import pytest
import shapely
from streamlit.testing.v1 import AppTest

from erosion.alerts import ledger
from erosion.alerts.ledger import reports
from erosion.nightly.stages.places import FOLDER
from erosion.places.reading import Places
from erosion.places.stored import write_places
from erosion.publish.manifest import read_manifest, write_manifest
from erosion.ui.pages.report import chainage_m
from tests.ui.conftest import EVIL
from tests.ui.pages.test_pages import only, text_of
from tests.ui.products.test_photos import picture
from tests.ui.test_access import SIGNED_IN, staffed  # noqa: F401  # fixture

OFFICER = SIGNED_IN | {"sub": "7", "email": "xa@angiang.example", "email_verified": True}


@pytest.mark.parametrize(
    ("text", "metres"),
    [("12+300", 12_300), ("km 12+300", 12_300), (" KM12 + 30 ", 12_030), ("4", 4_000), ("4,5", 4_500), ("0.25", 250),
     ("", None), ("abc", None), ("12+", None), ("-3", None), ("1+2+3", None), ("99999", None)],
)  # fmt: skip
def test_a_chainage_as_people_write_it(text, metres):
    assert chainage_m(text) == metres


def open_report(folder, monkeypatch, user=None, **state):
    """The page for the local operator An, or for somebody who has signed in."""
    monkeypatch.setenv("EROSION_PRODUCTS", str(folder))
    if user is None:
        monkeypatch.setenv("EROSION_LOCAL_OPERATOR", "An")
    at = AppTest.from_function(only, kwargs={"page": "report"}, default_timeout=60)
    if user is not None:
        at.secrets["auth"] = {"client_id": "screen"}
        at.user = user
    for key, value in state.items():
        at.session_state[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def box(kind, label):
    return next(one for one in kind if one.label.startswith(label))


def fill(at, bank="L", chainage="3+000", verdict="cracked", words=""):
    box(at.selectbox, "Bờ").set_value(bank)
    box(at.text_input, "Lý trình").set_value(chainage)
    box(at.selectbox, "Thấy gì").set_value(verdict)
    box(at.text_area, "Mô tả").set_value(words)
    return at


def send(at):
    box(at.button, "Gửi báo cáo").click().run()
    assert not at.exception, at.exception
    return text_of(at)


def recorded(folder):
    return ledger.read_ledger(folder / "ledger.sqlite", lambda engine: _all(engine))


def _all(engine):
    with ledger.querying(engine) as connection:
        table = reports.reports(connection, "song-thu")
        return table, [reports.photos(connection, int(number)) for number in table["id"]]


def test_a_report_is_put_on_the_nearest_bank_and_sent_twice_is_one(own, monkeypatch):
    at = fill(open_report(own, monkeypatch), words=f"vết nứt {EVIL}")
    box(at.number_input, "Vết nứt dài").set_value(12.5)
    box(at.number_input, "Vết nứt rộng").set_value(3.0)
    box(at.number_input, "Cách mép").set_value(4.0)
    box(at.number_input, "Số nhà").set_value(2)
    text = send(at)
    assert "Đã ghi báo cáo số" in text and "Bờ trái · km 3+000" in text and "<img" not in text
    assert "đã ghi từ trước, không ghi lần hai" in send(at)
    table, _ = recorded(own)
    (row,) = table.to_dict("records")
    run = max((own / "song-thu").glob("20*-abc*"))
    segments = gpd.read_parquet(run / "segments_1y.parquet").set_index("segment_id")
    assert row["segment_id"] == "thu-L-0003000" and row["stretch_id"] == segments.loc["thu-L-0003000", "stretch_id"]
    line = segments.to_crs(32648).geometry["thu-L-0003000"]
    here = gpd.GeoSeries([shapely.Point(row["lon"], row["lat"])], crs=4326).to_crs(32648).iloc[0]
    assert line.distance(here) < 1.0
    assert (row["crack_length_m"], row["crack_width_m"], row["edge_distance_m"], row["houses"]) == (12.5, 0.03, 4.0, 2)
    assert row["actor"] == "local operator An" and bool(row["open"])
    seen = row["observed_at"].tz_convert("Asia/Ho_Chi_Minh")
    assert "(giờ +07:00)" in text and f"{seen:%H:%M %d/%m/%Y}" in text
    assert abs((datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")) - seen).total_seconds()) < 600


def test_a_sent_report_is_not_changed_and_another_one_can_be_sent(own, monkeypatch):
    at = fill(open_report(own, monkeypatch))
    send(at)
    assert "nội dung không sửa được" in send(fill(at, chainage="5+000"))
    assert len(recorded(own)[0]) == 1
    at.button("report another").click().run()
    assert "Đã ghi báo cáo số" in send(fill(at, chainage="5+000", verdict="nothing_seen"))
    assert recorded(own)[0]["chainage_m"].tolist() == [3_000.0, 5_000.0]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"chainage": "99+000"}, "Không có bờ nào ở lý trình này"),
        ({"chainage": "somewhere"}, "Không có bờ nào ở lý trình này"),
        ({"bank": "I", "chainage": "1+000"}, "Không có bờ nào ở lý trình này"),
        ({"bank": None}, "Hãy chọn sông và bờ trái"),
        ({"verdict": None}, "Hãy chọn một mục"),
    ],
)
def test_what_is_missing_or_elsewhere_is_said_and_not_recorded(own, monkeypatch, changes, shown):
    assert shown in send(fill(open_report(own, monkeypatch), **changes))
    assert recorded(own)[0].empty


@pytest.mark.parametrize(("lat", "lon", "taken"), [(10.386, 105.57, True), (105.57, 10.386, False), (10.386, 106.5, False), (10.386, None, False)])  # fmt: skip
def test_coordinates_lie_in_the_region(own, monkeypatch, lat, lon, taken):
    at = open_report(own, monkeypatch)
    at.radio[0].set_value("degrees").run()
    box(at.number_input, "Vĩ độ").set_value(lat)
    box(at.number_input, "Kinh độ").set_value(lon)
    box(at.selectbox, "Thấy gì").set_value("collapsed")
    text = send(at)
    assert ("Đã ghi báo cáo số" in text) == taken, text
    assert len(recorded(own)[0]) == taken


def test_a_photo_gives_the_place_and_is_stored_without_it(own, monkeypatch):
    at = open_report(own, monkeypatch)
    at.radio[0].set_value("photo").run()
    gps = {1: "N", 2: (10.0, 23.0, 9.6), 3: "E", 4: (105.0, 34.0, 12.0)}
    at.file_uploader[0].set_value(("../../evil <b>.jpg", picture("PNG", gps), "image/png"))
    box(at.selectbox, "Thấy gì").set_value("undercut")
    assert "Đã ghi báo cáo số" in send(at)
    table, (photos,) = recorded(own)
    assert (table["lat"].iloc[0], table["lon"].iloc[0]) == pytest.approx((10.386, 105.57), abs=1e-6)
    (path,) = (own / "photos").iterdir()
    content = path.read_bytes()
    assert path.stem == hashlib.sha256(content).hexdigest() == photos["sha256"].iloc[0]
    assert (photos["size_bytes"].iloc[0], photos["media_type"].iloc[0]) == (len(content), "image/jpeg")
    assert b"GPS" not in content and b"SECRET" not in content


def test_a_file_that_is_no_photo_keeps_the_report_from_being_sent(own, monkeypatch):
    at = fill(open_report(own, monkeypatch))
    at.file_uploader[0].set_value(("a.jpg", b"<script>", "image/jpeg"))
    assert "không đọc được như một ảnh" in send(at)
    assert recorded(own)[0].empty and not (own / "photos").exists()


def test_a_photo_that_cannot_be_stored_is_said_and_sent_again(own, monkeypatch):
    (own / "photos").write_text("a file where the folder should be")
    at = fill(open_report(own, monkeypatch))
    at.file_uploader[0].set_value(("a.jpg", picture(), "image/jpeg"))
    assert "ảnh chưa lưu được" in send(at)
    (own / "photos").unlink()
    assert "đã ghi từ trước" in send(at)
    table, (photos,) = recorded(own)
    assert len(table) == len(photos) == 1


def test_viewers_see_why_and_no_form(staffed, monkeypatch):  # noqa: F811
    at = open_report(staffed, monkeypatch, SIGNED_IN | {"sub": "stranger"})
    assert "stranger không có trong danh sách" in text_of(at) and not at.text_area


def with_communes(folder):
    """Communes of the newest run: 30280 west of the middle of the river, 30299 east of it."""
    run = max((folder / "song-thu").glob("20*-abc*"))
    west, east = (
        shapely.box(550_000, 1_140_000, 564_000, 1_160_000),
        shapely.box(564_000, 1_140_000, 580_000, 1_160_000),
    )
    communes = gpd.GeoDataFrame(
        {"code": ["30280", "30299"], "name": ["Xã Tây", "Xã Đông"], "former": [(), ()]},
        geometry=[west, east],
        crs="EPSG:32648",
    )
    places = Places("EPSG:32648", communes, None, None, None, None, None, {"communes": shapely.union(west, east)}, ())
    write_places(folder / "song-thu" / FOLDER / "abc.gpkg", places)
    entry = {"file": f"{FOLDER}/abc.gpkg", "sha256": "0" * 64, "layers": {}}
    write_manifest(run, {**read_manifest(run), "places": entry})


def test_an_officer_reports_in_the_own_commune_only(staffed, monkeypatch):  # noqa: F811
    with_communes(staffed)
    at = open_report(staffed, monkeypatch, OFFICER)
    assert "còn nơi này thuộc 30299" in send(fill(at, chainage="6+000"))
    assert recorded(staffed)[0].empty
    assert "Đã ghi báo cáo số" in send(fill(at, chainage="2+000"))
    assert recorded(staffed)[0]["commune"].tolist() == ["30280"]


def test_where_communes_are_not_known_an_officer_is_told_so(staffed, monkeypatch):  # noqa: F811
    assert "chưa rõ thuộc xã/phường nào" in send(fill(open_report(staffed, monkeypatch, OFFICER)))
    assert recorded(staffed)[0].empty


def test_a_ledger_that_cannot_be_written_is_said(own, monkeypatch):
    at = fill(open_report(own, monkeypatch))
    (own / "ledger.sqlite").write_bytes(b"no ledger at all, " * 200)
    text = send(at)
    assert "Không đọc hoặc không ghi được sổ quyết định" in text and "Chưa ghi gì cả" in text
