"""What a browser is sent for a click on the map: the words of the segment, and no bank line."""

import numpy as np

from erosion.core.contracts import LEVEL_COLOURS
from tests.ui.test_browser import (  # noqa: F401
    MAP,
    address,
    browser,
    check_segment,
    drawn_map,
    layer,
    near,
    open_page,
    outside,
    settle,
)

MOST_BYTES = 100_000
"""Of one answer to a click."""


def test_a_click_sends_little_and_no_geometry(browser, address, outside, published):  # noqa: F811
    page = open_page(browser, address, outside, 1400, 900)
    here = page.url
    page.goto("about:blank")
    sent, asked, told = [], [], []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(".json") else None)
    network = page.context.new_cdp_session(page)
    network.on("Network.webSocketFrameReceived", lambda e: sent.append(e["response"]["payloadData"]))
    network.send("Network.enable")
    page.goto(here)
    drawn_map(page)
    settle(page)
    first = set(asked)
    assert len(first) >= 4, "the layers come from addresses of their own"
    assert len(asked) == len(first), "each of them is asked for once"
    assert all(url.startswith(f"{address}/") for url in first)
    rows, columns = np.nonzero(near(drawn_map(page), LEVEL_COLOURS[4]))
    for part in (3, 7):
        del sent[:]
        where = len(rows) * part // 10
        box = page.locator(MAP).bounding_box()
        page.mouse.move(box["x"] + columns[where], box["y"] + rows[where])
        page.wait_for_timeout(400)
        page.mouse.click(box["x"] + columns[where], box["y"] + rows[where])
        if told:  # the words of the first click stand there until the second one is answered
            page.locator(".er-place").filter(has_not_text=told[-1]).wait_for()
        told.append(check_segment(page, layer(published, "2024-06-30"))["segment_id"])
        assert 0 < sum(len(frame) for frame in sent) * 3 / 4 < MOST_BYTES
        drawn_map(page)
    assert set(asked) == first and len(asked) == len(first), "a click asks for no data of the map again"
    assert len(told) == 2
    page.context.close()
