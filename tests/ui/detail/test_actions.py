"""The panel of one stretch: its state, who did what, and what the person at the page may do."""

import geopandas as gpd
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from erosion.alerts import ledger
from erosion.workflow import actions
from erosion.workflow.actions import LocalOperator, Place
from tests.ui.conftest import EVIL
from tests.ui.pages.test_pages import text_of
from tests.ui.test_access import SIGNED_IN, staffed  # noqa: F401  # fixture

OFFICER = SIGNED_IN | {"sub": "7", "email": "xa@angiang.example", "email_verified": True}


def panel_of(stretch_id):
    from erosion.ui.detail import actions
    from erosion.ui.pages import frame

    actions.panel(frame.choose(), stretch_id)


@pytest.fixture
def stretch(staffed):  # noqa: F811
    """The worst stretch of the newest run, and its level."""
    run = max((staffed / "song-thu").glob("20*-abc*"))
    worst = gpd.read_parquet(run / "segments_1y.parquet").dropna(subset="stretch_id").nlargest(1, "joint_level").iloc[0]
    table = pd.read_parquet(run / "stretches_1y.parquet")
    return worst["stretch_id"], int(table.set_index("stretch_id")["level"][worst["stretch_id"]]), run


def open_panel(folder, monkeypatch, stretch_id, user=None):
    monkeypatch.setenv("EROSION_PRODUCTS", str(folder))
    if user is None:
        monkeypatch.setenv("EROSION_LOCAL_OPERATOR", "An")
    at = AppTest.from_function(panel_of, kwargs={"stretch_id": stretch_id}, default_timeout=60)
    if user is not None:
        at.secrets["auth"] = {"client_id": "screen"}
        at.user = user
    at.run()
    assert not at.exception, at.exception
    return at


def press(at, what, words="", **chosen):
    """Fill in the form of an action and record it."""
    for name, value in chosen.items():
        next(one for one in at.selectbox if one.key.startswith(f"act {what} ") and one.key.endswith(name)).set_value(
            value
        )
    next(one for one in at.text_area if one.key.startswith(f"act {what} ")).set_value(words)
    next(one for one in at.button if f"act {what} " in one.key or f"act {what} " in one.form_id).click().run()
    assert not at.exception, at.exception
    return text_of(at)


def test_the_usual_way_of_a_stretch(staffed, stretch, monkeypatch):  # noqa: F811
    at = open_panel(staffed, monkeypatch, stretch[0])
    assert "mới, chưa ai xem" in text_of(at)
    text = press(at, "acknowledge", f"đã đọc {EVIL}")
    assert "Tình trạng: đã xem" in text and "An: xác nhận đã xem" in text and "<img" not in text
    assert "đã giao kiểm tra" in press(at, "assign", whom="duty")
    text = press(at, "check", verdict="cracked")
    assert "Tình trạng: đã kiểm tra" in text and "Vết nứt trên mặt đất" in text
    assert "chưa có lý do" in press(at, "close")
    assert "Tình trạng: đã khép lại" in press(at, "close", "đã gia cố")
    assert "đã đóng đoạn bờ" in press(at, "acknowledge")
    engine = ledger.open_ledger(staffed / "ledger.sqlite")
    with ledger.querying(engine) as connection:
        made = ledger.decisions.decisions(connection, "song-thu", stretch[0])
    engine.dispose()
    assert [one.kind for one in made] == ["acknowledge", "assign", "check", "close"]
    assert {one.actor for one in made} == {"local operator An"} and made[0].level == stretch[1]


def test_what_is_not_chosen_is_said_and_not_recorded(staffed, stretch, monkeypatch):  # noqa: F811
    at = open_panel(staffed, monkeypatch, stretch[0])
    assert "hãy chọn đủ các mục" in press(at, "assign") and "chưa ai xem" in text_of(at)


def test_viewers_see_what_others_did_and_can_do_nothing(staffed, stretch, monkeypatch):  # noqa: F811
    engine = ledger.open_ledger(staffed / "ledger.sqlite")
    actions.acknowledge(engine, LocalOperator("Bà <b>Ba</b>"), Place("song-thu", stretch[0], ()), stretch[1])
    engine.dispose()
    at = open_panel(staffed, monkeypatch, stretch[0], {"is_logged_in": False})
    text = text_of(at)
    assert "Bà &lt;b&gt;Ba&lt;/b&gt;: xác nhận đã xem" in text and "bạn chưa đăng nhập" in text and not at.text_area


@pytest.mark.parametrize(
    ("communes", "able"), [("30280", True), ("30299 30280", True), ("30299", False), (None, False)]
)
def test_officers_act_in_their_communes(staffed, stretch, monkeypatch, communes, able):  # noqa: F811
    path = stretch[2] / "stretches_1y.parquet"
    pd.read_parquet(path).assign(communes=communes).to_parquet(path)
    at = open_panel(staffed, monkeypatch, stretch[0], OFFICER)
    kinds = {one.key.split()[1] for one in at.text_area}
    assert kinds == ({"acknowledge", "check"} if able else set())


def test_a_stretch_of_another_date_is_not_acted_on(staffed, monkeypatch):  # noqa: F811
    at = open_panel(staffed, monkeypatch, "song-thu-2001-01-01-gone")
    assert "chỉ xử lý được trên kết quả mới nhất" in text_of(at) and not at.text_area
