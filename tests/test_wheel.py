"""What an installation has: wheel, wheel made from the sdist and editable install do the README's commands anywhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parent.parent
NOT_DATA = {"__pycache__", ".ipynb_checkpoints"}


def run(*command: object, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command to its end and return its output; it must end with 0."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(*folders: str) -> dict[str, str]:
    """Return the environment of a user who has set nothing of the project's; Python finds packages in ``folders``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EROSION_", "PYTHON"))}
    return kept | {"PYTHONPATH": os.pathsep.join(folders)}


class Built(NamedTuple):
    """Distributions of the present tree."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", out, cwd=ROOT)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation")
    again = tmp_path_factory.mktemp("again")
    run(*pip, "--disable-pip-version-check", "-w", again, sdist, cwd=again)
    return Built(wheel, sdist, next(again.glob("*.whl")))


def install(home: Path, *what: object) -> Path:
    """Return the folder of commands of a new virtual environment with nothing but ``what`` installed."""
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    commands = home / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", commands / "python", "install", "-q", "--no-deps", "--no-index")
    run(
        *pip,
        "--disable-pip-version-check",
        "--no-build-isolation",
        *what,
        cwd=home.parent,
        environment=environment(libraries()),
    )
    return commands


def libraries() -> str:
    """Return the folder of the libraries that are there; ``.pth`` files in it (editable installs) are not followed."""
    return sysconfig.get_path("purelib")


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel") / "venv", built.wheel)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder where a user starts; the run of one date goes into it."""
    return tmp_path_factory.mktemp("empty")


def shipped_files() -> set[str]:
    """Return the files of the checkout that an installation needs, by their place in the wheel."""
    beside = [ROOT / "app.py", *(ROOT / ".streamlit").rglob("*")]
    for folder in ("data_sources", "models"):
        beside += (ROOT / folder).rglob("*")
    named = {f"erosion/shipped/{path.relative_to(ROOT).as_posix()}" for path in beside if path.is_file()}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "erosion").rglob("*") if path.is_file()}
    return {name for name in named | package if not NOT_DATA & set(name.split("/"))}


def test_the_wheel_has_every_file_and_the_one_made_from_the_sdist_is_equal(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel, zipfile.ZipFile(built.wheel_of_sdist) as other:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert names == shipped_files()
        assert {"erosion/shipped/data_sources/regions/mamore.yaml", "erosion/shipped/.streamlit/config.toml"} < names
        assert sorted(wheel.namelist()) == sorted(other.namelist())
        for name in names:
            assert wheel.read(name) == other.read(name), name


def test_an_installed_wheel_checks_runs_and_serves_from_an_empty_folder(installed: Path, empty: Path) -> None:
    user = environment(libraries())
    place = run(installed / "python", "-c", "import erosion; print(erosion.__file__)", cwd=empty, environment=user)
    assert Path(place.strip()).is_relative_to(installed.parent)

    assert run(installed / "erosion", "check", "mamore", cwd=empty, environment=user).endswith("  ok\n")
    ran = run(installed / "erosion", "run", "mamore", "--date", "2010-08-01", cwd=empty, environment=user)
    (product,) = (empty / "products" / "mamore").glob("2010-08-01-*")
    assert f"published {product.relative_to(empty)}" in ran.splitlines()
    assert ran.splitlines()[-1] == "see it on the map: erosion serve --out products"
    assert (product / "segments.gpkg").stat().st_size > 1_000_000

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (empty / "serve.log").open("w+") as log:
        command = [str(installed / "erosion"), "serve", "--port", str(port)]
        server = subprocess.Popen(command, cwd=empty, env=user, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, Path(log.name))
            assert "<title>Streamlit</title>" in requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
            colour, page = first_page(f"ws://127.0.0.1:{port}/_stcore/stream")
        finally:
            server.terminate()
            server.wait(timeout=20)
    wanted = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert colour == wanted["theme"]["primaryColor"]
    assert "2010-08-01" in page or "01/08/2010" in page


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            if requests.get(address, timeout=5).text == "ok":
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"no answer in a minute: {log.read_text(encoding='utf-8')}")


def first_page(address: str) -> tuple[str, str]:
    """Return the main colour and the content of the page that a new visitor gets, as the browser's protocol has it."""
    colour, content = "", []
    rerun = BackMsg()
    rerun.rerun_script.query_string = ""
    with connect(address, subprotocols=["streamlit"], max_size=None) as socket_:
        socket_.send(rerun.SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket_.recv(timeout=60))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                colour = message.new_session.custom_theme.primary_color
            elif kind == "delta":
                assert message.delta.new_element.WhichOneof("type") != "exception", message
                content.append(str(message.delta))
            elif kind == "script_finished":
                return colour, "\n".join(content)


def test_an_editable_install_works_from_an_empty_folder(tmp_path: Path) -> None:
    commands = install(tmp_path / "venv", "--editable", ROOT)
    (tmp_path / "empty").mkdir()
    # Its own .pth file is followed, because it stands in the environment's own folder.
    told = run(commands / "erosion", "check", "mamore", cwd=tmp_path / "empty", environment=environment(libraries()))
    assert told.endswith("  ok\n")
