"""Who may use the screen: signed in with a real provider, as a local operator, or only looking."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from erosion.alerts import ledger
from erosion.alerts.ledger import people
from tests.alerts.ledger.made_entries import AN
from tests.commands import forked
from tests.ui.pages.test_pages import APP, text_of
from tests.ui.test_browser import ARGUMENTS, CHROMIUM, ROOT, WAIT_MS, missing

STAFF = {
    "duty": ("Trần <b>Trực</b>", "duty_officer", ()),
    "xa@angiang.example": ("Lê Thị Xã", "commune_officer", ("30280",)),
}
SIGNED_IN = {"is_logged_in": True}


@pytest.fixture
def staffed(own):
    """Products whose ledger has a duty officer (by subject) and a commune officer (by e-mail)."""
    engine = ledger.open_ledger(own / "ledger.sqlite")
    with ledger.writing(engine) as connection:
        for login, (name, role, communes) in STAFF.items():
            people.set_person(connection, AN, login=login, name=name, role=role, communes=communes)
    engine.dispose()
    return own


def open_app(folder, monkeypatch, user=None, operator=None):
    monkeypatch.setenv("EROSION_PRODUCTS", str(folder))
    if operator is not None:
        monkeypatch.setenv("EROSION_LOCAL_OPERATOR", operator)
    at = AppTest.from_file(str(APP), default_timeout=60)
    if user is not None:
        at.secrets["auth"] = {"client_id": "screen"}
        at.user = user
    at.run()
    assert not at.exception, at.exception
    return at


def test_without_sign_in_people_only_look_and_are_told_why(staffed, monkeypatch):
    assert "Chỉ xem: chưa thiết lập đăng nhập" in text_of(open_app(staffed, monkeypatch))


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ({"is_logged_in": False}, "bạn chưa đăng nhập"),
        (SIGNED_IN | {"sub": "duty"}, "Trần &lt;b&gt;Trực&lt;/b&gt;, cán bộ trực"),
        (SIGNED_IN | {"sub": "7", "email": "xa@angiang.example", "email_verified": True}, "Lê Thị Xã, cán bộ xã/phường: 30280"),
        (SIGNED_IN | {"sub": "7", "email": "xa@angiang.example"}, "Chỉ xem: 7 không có trong danh sách"),
        (SIGNED_IN | {"sub": "7", "email": "xa@angiang.example", "email_verified": "true"}, "Chỉ xem: 7 "),
        (SIGNED_IN | {"sub": "<img src=x>"}, "Chỉ xem: &lt;img src=x&gt; không có"),
        (SIGNED_IN | {"sub": "local operator An"}, "Chỉ xem: local operator An không"),
    ],
)  # fmt: skip
def test_the_list_of_people_says_who_somebody_is(staffed, monkeypatch, user, shown):
    text = text_of(open_app(staffed, monkeypatch, user))
    assert shown in text and "<img" not in text


def test_who_was_removed_is_no_longer_on_the_list(staffed, monkeypatch):
    at = open_app(staffed, monkeypatch, SIGNED_IN | {"sub": "duty"})
    assert "cán bộ trực" in text_of(at)
    engine = ledger.open_ledger(staffed / "ledger.sqlite")
    with ledger.writing(engine) as connection:
        people.remove_person(connection, AN, "duty")
    engine.dispose()
    at.run()
    assert "Chỉ xem: duty không có" in text_of(at)


@pytest.mark.parametrize("page", ["today", "list", "map", "report", "bulletin", "results", "zone", "operations"])
def test_a_local_operator_is_named_on_every_page(staffed, monkeypatch, page):
    at = open_app(staffed, monkeypatch, operator="Nguyễn <i>An</i>")
    at._page_hash = calc_hash(page)  # AppTest opens a page of a navigation only so
    at.run()
    assert at.session_state["page"] == page
    text = text_of(at)
    assert 'role="alert">NGƯỜI VẬN HÀNH TẠI MÁY: Nguyễn &lt;i&gt;An&lt;/i&gt;' in text


def test_a_local_operator_is_not_taken_beside_a_provider(staffed, monkeypatch):
    text = text_of(open_app(staffed, monkeypatch, {"is_logged_in": False}, operator="An"))
    assert "NGƯỜI VẬN HÀNH" not in text and "Không dùng chế độ người vận hành tại máy" in text


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.168.1.4", "map.angiang.example", "127.0.0.1.example"])
def test_the_command_refuses_a_local_operator_that_others_could_reach(staffed, address):
    done = forked(["serve", "--out", str(staffed), "--address", address, "--local-operator", "An"], staffed)
    assert done.returncode == 1 and "--local-operator is refused" in done.stderr


def test_the_command_refuses_a_local_operator_without_a_name(staffed):
    done = forked(["serve", "--out", str(staffed), "--local-operator", " "], staffed)
    assert done.returncode == 1 and "needs the name" in done.stderr


def test_a_broken_ledger_is_said_and_nobody_is_anybody(staffed, monkeypatch):
    (staffed / "ledger.sqlite").write_bytes(b"no ledger at all, " * 200)
    text = text_of(open_app(staffed, monkeypatch, SIGNED_IN | {"sub": "duty"}))
    assert "Không đọc hoặc không ghi được sổ quyết định" in text and "cán bộ trực" not in text


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(command, address, log, **environment):
    """A process that answers at an address, ended at the end."""
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def playing():
    """A browser."""
    if missing():
        if os.environ.get("CI") == "true":
            pytest.fail(missing())
        pytest.skip(missing())
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def new_page(browser, **options):
    page = browser.new_context(locale="vi-VN", **options).new_page()
    page.set_default_timeout(WAIT_MS)
    return page


def test_people_sign_in_and_out_with_a_provider(staffed, tmp_path_factory, playing):
    folder = tmp_path_factory.mktemp("provider")
    port, screen = free_port(), free_port()
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{screen}/oauth2callback"\ncookie_secret = "{os.urandom(24).hex()}"\n'
        f'client_id = "screen"\nclient_secret = "made up"\n'
        f'server_metadata_url = "http://127.0.0.1:{port}/.well-known/openid-configuration"\n'
    )
    claims = {"sub": "7", "email": "xa@angiang.example", "email_verified": True}
    provider = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--user-claims", json.dumps(claims)]
    app = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(screen), "--secrets.files", str(secrets)]  # fmt: skip
    discovery, health = f"http://127.0.0.1:{port}/.well-known/openid-configuration", f"http://127.0.0.1:{screen}/_stcore/health"  # fmt: skip
    with (
        serving(provider, discovery, folder / "provider.log"),
        serving(app, health, folder / "app.log", EROSION_PRODUCTS=str(staffed)),
    ):
        page = new_page(playing, viewport={"width": 1400, "height": 900})
        page.goto(f"http://127.0.0.1:{screen}/list")
        for subject, shown in (("7", "Lê Thị Xã, cán bộ xã/phường: 30280"), ("duty", "Trần <b>Trực</b>, cán bộ trực")):
            page.get_by_text("Chỉ xem: bạn chưa đăng nhập.").wait_for()
            page.get_by_role("button", name="Đăng nhập").click()
            page.locator('input[name="sub"]').fill(subject)
            page.get_by_role("button", name="Authorize", exact=True).click()
            page.get_by_text(shown).wait_for()
            page.get_by_role("button", name="Đăng xuất").click()
            page.get_by_role("button", name="End session").click()  # the provider asks, and leads back
        page.get_by_text("Chỉ xem: bạn chưa đăng nhập.").wait_for()
    assert "Traceback" not in (folder / "app.log").read_text()


def test_a_local_operator_at_the_command_line(staffed, tmp_path, playing):
    port = free_port()
    command = [shutil.which("erosion", path=str(Path(sys.executable).parent)), "serve", "--out", staffed, "--port", str(port), "--local-operator", "An"]  # fmt: skip
    with serving(command, f"http://127.0.0.1:{port}/_stcore/health", tmp_path / "serve.log"):
        page = new_page(playing)
        page.goto(f"http://127.0.0.1:{port}/operations")
        page.get_by_text("NGƯỜI VẬN HÀNH TẠI MÁY: An").wait_for()
        # What a server in front of this one passes on comes from somebody else.
        other = new_page(playing, extra_http_headers={"X-Forwarded-For": "203.0.113.7"})
        other.goto(f"http://127.0.0.1:{port}/operations")
        other.get_by_text("Không dùng chế độ người vận hành tại máy").wait_for()
        assert other.get_by_text("NGƯỜI VẬN HÀNH TẠI MÁY: An").count() == 0
