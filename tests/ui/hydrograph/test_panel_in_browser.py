"""The panel of the gauges in a real browser."""

import re

import pytest

from tests.ui.made_gauges import EVIL
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401

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


def test_another_gauge_is_stale_and_its_names_are_text(office):
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
