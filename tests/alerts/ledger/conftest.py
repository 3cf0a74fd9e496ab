"""Ledgers to write to: an SQLite file and a PostgreSQL server of their own."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from erosion.alerts.ledger import open_ledger
from tests.alerts.ledger.made_entries import add_stretches


def postgres_binaries():
    """Folder of a PostgreSQL server's programs, None where none is installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL cluster of its own on a free loopback port, gone after the tests; gives host:port."""
    folder = postgres_binaries()
    if folder is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed here, and CI must test against it: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql to test against it")
    if importlib.util.find_spec("psycopg") is None:
        pytest.fail("PostgreSQL is installed but its Python driver is not: pip install 'psycopg[binary]'")
    # The server refuses to run as root.
    as_user = {"user": "nobody", "cwd": "/"} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="ledger-pg-", dir="/tmp"))
    server = None
    try:
        if as_user:
            shutil.chown(home, "nobody")
        (home / "password").write_text("river")
        (home / "password").chmod(0o644)
        make = [
            folder / "initdb",
            "-D",
            home / "data",
            "-U",
            "river",
            "-E",
            "UTF8",
            "--no-sync",
            "--auth=scram-sha-256",
        ]
        subprocess.run([*make, "--pwfile", home / "password"], check=True, capture_output=True, **as_user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        with (home / "log").open("w") as log:
            server = subprocess.Popen(
                [folder / "postgres", "-D", home / "data", "-p", str(port), *options], stdout=log, stderr=log, **as_user
            )
        admin = sa.create_engine(
            f"postgresql+psycopg://river:river@127.0.0.1:{port}/postgres", isolation_level="AUTOCOMMIT"
        )
        for _ in range(200):
            with contextlib.suppress(sa.exc.OperationalError), admin.connect():
                break
            assert server.poll() is None, (home / "log").read_text()
            time.sleep(0.05)
        yield admin
        admin.dispose()
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once: nothing here is worth keeping
            server.wait(30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    admin = request.getfixturevalue("postgres")
    name = f"ledger_{time.time_ns()}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")  # as good as a database of its own, and made at once
    address = admin.url.set(drivername="postgresql").update_query_dict({"options": f"-csearch_path={name}"})
    return address.render_as_string(hide_password=False)


@pytest.fixture
def engine(url):
    engine = open_ledger(url)
    yield engine
    engine.dispose()


@pytest.fixture
def stretches(engine):
    """Stretches to decide on, in the ledger of the test."""
    add_stretches(engine)
