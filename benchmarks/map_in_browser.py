"""How fast the map is in a real browser: first drawn map, answer to a click, bytes sent, by number of bank segments.

``python benchmarks/map_in_browser.py 1000 12000 50000`` makes products of as many simulated segments, starts the program
for each of them, opens it in Chromium (WebGL in software) and prints a Markdown table. Beside them stands a page of
Streamlit with a map of one line and nothing else: what no map can be faster than on the same machine at the same time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from map_products import publish
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from erosion.core.contracts import LEVEL_COLOURS

ROOT: Final = Path(__file__).parents[1]
CHROMIUM: Final = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
MAP: Final = '[data-testid="stDeckGlJsonChart"]'
WORST: Final = LEVEL_COLOURS[4]
MOST_S: Final = 120.0

NOTE_MAP: Final = """(() => {
    const P = WebGL2RenderingContext.prototype, draw = P.drawElementsInstanced;
    let pieces = 0, waiting = false; window.first_map = 0;
    P.drawElementsInstanced = function (...given) {
        draw.apply(this, given);
        pieces += given[4];
        if (window.first_map || waiting) return;
        waiting = true;
        queueMicrotask(() => {
            if (pieces >= MOST) {
                this.readPixels(0, 0, 1, 1, this.RGBA, this.UNSIGNED_BYTE, new Uint8Array(4));
                window.first_map = Date.now() / 1000;
            }
            pieces = 0; waiting = false;
        });
    };
})()"""
"""Notes when a picture with that many pieces of line has been drawn, which reading a pixel waits for."""

NOTE_ANSWER: Final = """() => {
    const said = () => document.querySelector('.er-place')?.innerText ?? '';
    const before = said(); window.answered = 0;
    new MutationObserver((_, seen) => {
        if (said() !== before) { window.answered = Date.now() / 1000; seen.disconnect(); }
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
"""Notes when the page names another place."""

BARE = f"""
import pydeck, streamlit as st
st.set_page_config(layout="wide")
line = pydeck.Layer("PathLayer", [{{"p": [[0, 0], [100, 100]]}}], get_path="p", get_width=20, width_units="'pixels'",
                    get_color={[int(WORST[i : i + 2], 16) for i in (1, 3, 5)]}, pickable=True, id="line")
view = pydeck.View("OrthographicView", controller=True)
picked = st.pydeck_chart(
    pydeck.Deck([line], views=[view], initial_view_state={{"target": [0, 0, 0], "zoom": 0}}, map_provider=None),
    on_select="rerun", key="map",
)
if picked["selection"]["indices"]:
    st.html("<p class='er-place'>0</p>")
"""


@contextmanager
def served(script: Path, products: Path) -> Iterator[str]:
    """Give the address of a script that Streamlit serves on a free port of this computer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)],
        cwd=ROOT, env=os.environ | {"EROSION_PRODUCTS": str(products)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


class Watched:
    """A page and the bytes that it gets: data, and the program with its fonts."""

    def __init__(self, browser: Browser, pieces: int) -> None:
        self.context = browser.new_context(viewport={"width": 1400, "height": 900})
        self.context.set_default_timeout(1000 * MOST_S)
        self.page: Page = self.context.new_page()
        self.page.add_init_script(NOTE_MAP.replace("MOST", str(pieces)))
        self.sent: dict[str, int] = {"data": 0, "program": 0}
        self._paths: dict[str, str] = {}
        self._protocol = self.context.new_cdp_session(self.page)
        self._protocol.on("Network.webSocketFrameReceived", self._message)
        self._protocol.on("Network.responseReceived", self._response)
        self._protocol.on("Network.loadingFinished", self._loaded)
        self._protocol.send("Network.enable")

    def open(self, address: str) -> float:
        """Open an address and return how long the first map took [s]."""
        start = time.time()
        self.page.goto(address, wait_until="commit")
        self.page.wait_for_function("window.first_map > 0")
        return float(self.page.evaluate("window.first_map")) - start

    def _message(self, event: dict[str, Any]) -> None:
        self.sent["data"] += len(event["response"]["payloadData"]) * 3 // 4  # binary messages are told in base 64

    def _response(self, event: dict[str, Any]) -> None:
        self._paths[event["requestId"]] = event["response"]["url"]

    def _loaded(self, event: dict[str, Any]) -> None:
        data = urlsplit(self._paths.get(event["requestId"], "")).path.startswith("/media/")
        self.sent["data" if data else "program"] += int(event["encodedDataLength"])


def near(image: NDArray[Any], colour: str) -> NDArray[np.bool_]:
    """Return which pixels have nearly a colour, shape (rows, columns)."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    found: NDArray[np.bool_] = np.abs(image - rgb).max(axis=2) <= 12
    return found


def map_box(page: Page) -> tuple[int, int, int, int]:
    """Return x, y, width and height of the map [pixel]."""
    found = page.locator(MAP).bounding_box()
    assert found is not None
    return round(found["x"]), round(found["y"]), round(found["width"]), round(found["height"])


def clicks(watched: Watched, count: int) -> tuple[list[float], list[int]]:
    """Return how long each click on a bank took until the page named its place [s], and the bytes of each answer."""
    page = watched.page
    settle(page)
    picture = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB")).astype(int)
    left, top, width, height = map_box(page)
    rows, columns = np.nonzero(near(picture[top : min(top + height, 890), left : left + width], WORST))
    took, sent = [], []
    for number in range(count):
        pick = (len(rows) * (2 * number + 1)) // (2 * count)
        x, y = left + int(columns[pick]), top + int(rows[pick])
        page.mouse.move(x, y)
        page.wait_for_timeout(1500)
        before = watched.sent["data"]
        start, answered = _press(page, x, y)
        took.append(answered - start)
        settle(page)
        sent.append(watched.sent["data"] - before)
    return took, sent


def _press(page: Page, x: int, y: int) -> tuple[float, float]:
    """Return when a place of the map was clicked and when the page named a new place [s since 1970].

    A press that a busy computer handles for longer than a quarter of a second is no click for deck.gl; then it is clicked
    again, as a person would, and the time counts from there.
    """
    for _ in range(4):
        page.evaluate(NOTE_ANSWER)
        start = time.time()
        page.mouse.click(x, y)
        try:
            page.wait_for_function("window.answered > 0", timeout=15_000)
        except PlaywrightTimeout:
            continue
        return start, float(page.evaluate("window.answered"))
    raise TimeoutError(f"no answer to four clicks at {x}, {y}")


def settle(page: Page) -> None:
    """Wait until the program has answered everything."""
    page.wait_for_timeout(700)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(300)


def measure(browser: Browser, script: Path, products: Path, count: int, pieces: int) -> dict[str, float]:
    """Return seconds to the first map of the first visitor and of the next one, seconds of a click, bytes of each."""
    with served(script, products) as address:
        first = Watched(browser, pieces)
        cold = first.open(address)
        settle(first.page)
        first.context.close()
        watched = Watched(browser, pieces)
        warm = watched.open(address)
        settle(watched.page)
        view = watched.sent["data"]
        took, sent = clicks(watched, count)
        watched.context.close()
    return {
        "cold": cold, "warm": warm, "click": statistics.median(took), "slowest": max(took), "view": view,
        "sent": statistics.median(sent),
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("segments", type=int, nargs="*", default=[1_000, 12_000, 50_000])
    parser.add_argument("--clicks", type=int, default=5, help="clicks on the map of each size")
    parser.add_argument("--keep", type=Path, help="folder for the products; those already there are used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = options.keep or Path(made)
        for n in options.segments:
            if not (folder / str(n)).exists():
                publish(folder / str(n), n)
        bare_script = Path(made) / "bare.py"
        bare_script.write_text(BARE, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        bare = measure(browser, bare_script, folder, 1, 1)
        print(
            "| segments | first map, first visitor | first map, next one | click, median | click, slowest | first view | a click |"
        )
        print("|---:|---:|---:|---:|---:|---:|---:|")
        print(row("one line, bare page", bare, bare), flush=True)
        for n in options.segments:
            found = measure(browser, ROOT / "app.py", folder / str(n), options.clicks, n // 5)
            print(row(f"{n:,}", found, bare), flush=True)
        browser.close()


def row(name: str, found: dict[str, float], bare: dict[str, float]) -> str:
    """Return a row of the table: seconds, in brackets how many times those of the bare page, and kB."""
    times = [f"{found[key]:.2f} s ({found[key] / bare[of]:.1f})" for key, of in
             (("cold", "cold"), ("warm", "warm"), ("click", "click"), ("slowest", "click"))]  # fmt: skip
    return "| " + " | ".join([name, *times, *(f"{found[key] / 1000:,.0f} kB" for key in ("view", "sent"))]) + " |"


if __name__ == "__main__":
    main()
