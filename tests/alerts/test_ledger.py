"""The life of warnings in the ledger: by hand, against a plain model, through kills, and on two databases."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.alerts.ledger import (
    LedgerError,
    Run,
    changes_since_previous,
    history,
    is_recorded,
    last_run,
    open_ledger,
    open_warnings,
    previous_states,
    recent_runs,
    record_failure,
    record_run,
    schema,
    standing_products,
    superseded_by,
)
from erosion.alerts.life import plan_events
from erosion.alerts.states import STATE_COLUMNS

HERE = Path(__file__).resolve()


# --- databases -------------------------------------------------------------------------------------------------------


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


def dump(engine):
    """Every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in schema.METADATA.sorted_tables
        }


# --- making runs -----------------------------------------------------------------------------------------------------


def alerts(levels, previous=None, p_event=None):
    """Alerts of segments named by their level, chainage by order."""
    ids = list(levels)
    return pd.DataFrame(
        {
            "segment_id": ids,
            "level": list(levels.values()),
            "model_level": list(levels.values()),
            "previous_level": [(previous or {}).get(name, -1) for name in ids],
            "candidate_level": list(levels.values()),
            "candidate_runs": 1,
            "trigger_runs": 0,
            "why": ["unknown" if level == 0 else "raised" for level in levels.values()],
            "p_event": [np.nan if level == 0 else level / 5 for level in levels.values()]
            if p_event is None
            else p_event,
            "chainage_m": [100.0 * i for i in range(len(ids))],
            "bank": "L",
        }
    )


def crosswalk(*pairs):
    return pd.DataFrame(pairs, columns=["old_segment_id", "new_segment_id"])


def a_run(as_of, region="rio", **changes):
    started = datetime(2020, 1, 1, tzinfo=UTC)
    values = {
        "run_id": f"{region}-{as_of}",
        "region": region,
        "as_of": as_of,
        "started_at": started,
        "finished_at": started + pd.Timedelta(seconds=40),
        "outcome": "published",
        "model_id": "model-1",
        "inputs_hash": "abc",
        "product": f"{region}/{as_of}",
        "manifest": {"scenes": 3, "failed": ["x.tif: truncated"]},
    }
    return Run(**values | changes)


def record(engine, as_of, levels, walk=None, *, target="1y", region="rio", **changes):
    return record_run(engine, a_run(as_of, region, **changes), {target: alerts(levels)}, walk, warning_from_level=2)


def as_rows(table, *columns):
    return [tuple(row) for row in table[list(columns)].itertuples(index=False)]


def day(text):
    return pd.Timestamp(text, tz="UTC")


# --- opening ---------------------------------------------------------------------------------------------------------


def test_migrations_make_the_tables_the_program_uses(engine):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []


def test_opening_again_changes_nothing(url):
    first = open_ledger(url)
    record(first, "2010-01-01", {"a": 3})
    before = dump(first)
    second = open_ledger(url)
    assert dump(second) == before
    first.dispose()
    second.dispose()


def test_sqlite_file_is_made_with_its_folder_in_wal_mode(tmp_path):
    path = tmp_path / "new" / "ledger.sqlite"
    engine = open_ledger(path)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert path.exists()
    engine.dispose()


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database at all, but long enough to look at\n" * 30)
    with pytest.raises(LedgerError, match=r"notes\.txt.*not a database"):
        open_ledger(tmp_path / "notes.txt")
    with pytest.raises(LedgerError, match="unable to open"):
        open_ledger(tmp_path)


def test_a_ledger_from_before_the_trigger_is_brought_up_to_date(engine, url):
    record(engine, "2010-01-01", {"a": 3, "b": 0})
    before = dump(engine)
    memory = previous_states(engine, "rio", "1y", "2011-01-01")
    old = "run_id, target, segment_id, region, level, candidate_level, candidate_runs"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE old_states AS SELECT {old} FROM states")
        connection.exec_driver_sql("DROP TABLE states")
        connection.exec_driver_sql("ALTER TABLE old_states RENAME TO states")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine.dispose()
    again = open_ledger(url)
    # Until then every level was the model's own.
    pd.testing.assert_frame_equal(previous_states(again, "rio", "1y", "2011-01-01"), memory)
    assert memory["model_level"].tolist() == memory["level"].tolist() == [3, 0]
    assert dump(again) == before
    test_migrations_make_the_tables_the_program_uses(again)
    record(again, "2011-01-01", {"a": 3, "b": 0})
    again.dispose()


def test_a_ledger_of_a_newer_program_is_refused(engine, url):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=r"version 9999.*newer program"):
        open_ledger(url)


def test_a_database_that_does_not_answer_is_named_without_its_password(postgres):
    for address in (postgres.url.set(database="nowhere"), postgres.url.set(password="sesame")):
        with pytest.raises(LedgerError, match=r"postgresql\+psycopg://river:\*\*\*@127") as caught:
            open_ledger(address.render_as_string(hide_password=False))
        assert "sesame" not in str(caught.value)
    with pytest.raises(LedgerError, match="driver is installed"):
        open_ledger("nosuchdatabase://somewhere")


def test_many_processes_may_open_a_new_ledger_at_once(url):
    script = "import sys; from erosion.alerts.ledger import open_ledger; open_ledger(sys.argv[1])"
    jobs = [
        subprocess.Popen([sys.executable, "-c", script, url], stderr=subprocess.PIPE, cwd=HERE.parents[2])
        for _ in range(3)
    ]
    for job in jobs:
        _, err = job.communicate(timeout=60)
        assert job.returncode == 0, err.decode()


# --- the life of a warning, by hand ----------------------------------------------------------------------------------


def test_life_of_a_warning(engine):
    record(engine, "2010-01-01", {"a": 1, "b": 1})
    record(engine, "2011-01-01", {"a": 3, "b": 1})
    record(engine, "2012-01-01", {"a": 4, "b": 1})
    record(engine, "2013-01-01", {"a": 4, "b": 1})
    record(engine, "2014-01-01", {"a": 0, "b": 0})
    record(engine, "2015-01-01", {"a": 2, "b": 1})
    (row,) = open_warnings(engine, "rio").to_dict("records")
    assert row["event_id"] == "rio-1y-20110101-a"
    assert (row["level"], row["segment_id"], row["updates"], row["simulated"]) == (2, "a", 3, False)
    assert (row["first_issued_at"], row["issued_at"]) == (day("2011-01-01"), day("2015-01-01"))
    record(engine, "2016-01-01", {"a": 1, "b": 1})
    assert open_warnings(engine, "rio").empty
    life = history(engine, "rio-1y-20110101-a")
    assert as_rows(life, "as_of", "kind", "from_level", "to_level", "why") == [
        (day("2011-01-01"), "issued", -1, 3, "raised"),
        (day("2012-01-01"), "raised", 3, 4, "raised"),
        (day("2014-01-01"), "unknown", 4, 0, "unknown"),
        (day("2015-01-01"), "raised", 0, 2, "raised"),
        (day("2016-01-01"), "closed", 2, 1, "raised"),
    ]
    assert life["p_event"].tolist()[:2] == [0.6, 0.8]
    assert np.isnan(life["p_event"].iloc[2])
    with engine.connect() as connection:
        closed = connection.execute(sa.select(schema.WARNINGS)).one()
        no_chance = sa.select(schema.TRANSITIONS.c.kind).where(schema.TRANSITIONS.c.p_event.is_(None))
        assert connection.execute(no_chance).scalars().all() == ["unknown"]
    assert (closed.state, closed.closed_reason, closed.closed_at) == (
        "closed",
        "below_warning_level",
        day("2016-01-01"),
    )
    assert closed.level == 1


def test_a_place_warned_again_after_closing_is_a_new_event(engine):
    for year, level in (("2010", 3), ("2011", 1), ("2012", 2)):
        record(engine, f"{year}-01-01", {"a": level})
    assert open_warnings(engine, "rio")["event_id"].tolist() == ["rio-1y-20120101-a"]


def test_unknown_opens_nothing_and_closes_nothing(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 0})
    record(engine, "2011-01-01", {"b": 0})  # no row for a: not known, so not closed either
    assert as_rows(open_warnings(engine, "rio"), "segment_id", "level", "bank") == [("a", 0, "L")]


def test_a_target_without_alerts_leaves_its_warnings_open_and_unknown(engine):
    both = {"1y": alerts({"a": 3}), "3y": alerts({"a": 4})}
    record_run(engine, a_run("2010-01-01"), both, None, warning_from_level=2)
    record(engine, "2011-01-01", {"m": 3}, crosswalk(("a", "m")), target="1y")
    assert as_rows(open_warnings(engine, "rio"), "target", "segment_id", "level") == [("1y", "m", 3), ("3y", "m", 0)]
    assert open_warnings(engine, "rio", target="3y")["event_id"].tolist() == ["rio-3y-20100101-a"]


def test_a_new_baseline_moves_closes_merges_and_splits(engine):
    record(engine, "2009-01-01", {"b": 2, "c": 1})
    record(engine, "2010-01-01", {"a": 3, "b": 2, "c": 4, "d": 2, "e": 2, "f": 3})
    walk = crosswalk(("a", "m"), ("b", "n"), ("c", "n"), ("d", None), ("e", "p"), ("e", "q"), ("f", "r"))
    record(engine, "2011-01-01", {"m": 3, "n": 4, "p": 2, "q": 3, "r": 2}, walk)
    assert as_rows(open_warnings(engine, "rio"), "event_id", "segment_id", "level") == [
        ("rio-1y-20090101-b", "n", 4),  # the older of two that met goes on
        ("rio-1y-20100101-a", "m", 3),
        ("rio-1y-20100101-e", "q", 3),  # the worse of its two parts
        ("rio-1y-20100101-f", "r", 2),
        ("rio-1y-20110101-p", "p", 2),  # the other part is warned on its own
    ]
    changes = changes_since_previous(engine, "rio-2011-01-01").set_index("event_id")
    assert changes["kind"].to_dict() == {
        "rio-1y-20090101-b": "raised",
        "rio-1y-20100101-a": "moved",
        "rio-1y-20100101-c": "closed",
        "rio-1y-20100101-d": "closed",
        "rio-1y-20100101-e": "raised",
        "rio-1y-20100101-f": "lowered",
        "rio-1y-20110101-p": "issued",
    }
    assert changes.loc["rio-1y-20100101-c", "why"] == "merged into rio-1y-20090101-b"
    assert changes.loc["rio-1y-20100101-d", ["why", "segment_id"]].tolist() == ["bank_gone", "d"]
    with engine.connect() as connection:
        reasons = dict(connection.execute(sa.select(schema.WARNINGS.c.event_id, schema.WARNINGS.c.closed_reason)).all())
    assert reasons["rio-1y-20100101-c"] == "merged"
    assert reasons["rio-1y-20100101-d"] == "bank_gone"


def test_a_split_place_does_not_close_while_a_part_is_unknown(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 3})
    walk = crosswalk(("a", "m"), ("a", "n"), ("b", "o"), ("b", "p"))
    record(engine, "2011-01-01", {"m": 1, "n": 0, "o": 1, "p": 1}, walk)
    assert as_rows(open_warnings(engine, "rio"), "event_id", "segment_id") == [("rio-1y-20100101-a", "n")]


def test_neighbours_that_shift_onto_each_other_keep_their_warnings(engine):
    # A baseline shifted by half a segment: every old place lies on two new ones.
    record(engine, "2010-01-01", {"a": 3, "b": 3})
    walk = crosswalk(("a", "m"), ("a", "n"), ("b", "n"), ("b", "o"))
    record(engine, "2011-01-01", {"m": 2, "n": 4, "o": 3}, walk)
    assert as_rows(open_warnings(engine, "rio"), "event_id", "segment_id") == [
        ("rio-1y-20100101-a", "n"),
        ("rio-1y-20100101-b", "o"),
        ("rio-1y-20110101-m", "m"),
    ]


def test_losing_a_warned_place_unsaid_is_refused_and_records_nothing(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 1})
    before = dump(engine)
    with pytest.raises(ValueError, match=r"1 segments .* a the first"):
        record(engine, "2011-01-01", {"m": 3}, crosswalk(("b", "m")))
    assert dump(engine) == before


def test_regions_do_not_touch_each_other(engine):
    record(engine, "2010-01-01", {"a": 3}, region="rio")
    record(engine, "2009-01-01", {"a": 2}, region="song", simulated=True)
    record(engine, "2011-01-01", {"a": 1}, region="rio")
    assert open_warnings(engine, "rio").empty
    assert as_rows(open_warnings(engine, "song"), "event_id", "simulated") == [("song-1y-20090101-a", True)]
    assert last_run(engine, "song")["run_id"] == "song-2009-01-01"
    assert len(previous_states(engine, "song", "1y", "2010-01-01")) == 1


def test_an_issue_time_within_a_day_is_part_of_the_event_id():
    nothing = pd.DataFrame(columns=["event_id", "target", "segment_id", "level", "first_issued_at"])
    plan = plan_events(
        nothing,
        alerts({"a": 2}),
        None,
        region="rio",
        target="1y",
        as_of="2010-01-01T06:00+07:00",
        warning_from_level=2,
    )
    assert plan["event_id"].tolist() == ["rio-1y-20091231T230000-a"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (alerts({"a": 2}).drop(columns="why"), "alerts of target 1y: missing why"),
        (pd.concat([alerts({"a": 2})] * 2), "segment a occurs twice"),
    ],
)
def test_bad_alerts_are_refused(engine, table, message):
    with pytest.raises(ValueError, match=message):
        record_run(engine, a_run("2010-01-01"), {"1y": table}, None, warning_from_level=2)
    assert last_run(engine, "rio") is None


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_recorded(engine):
    given_run = a_run("2010-01-01", outcome="degraded")
    record_run(engine, given_run, {"1y": alerts({"a": 1})}, None, warning_from_level=2)
    found = last_run(engine, "rio")
    assert found["as_of"] == day("2010-01-01")
    assert found["as_of"].tzinfo is not None
    assert (found["started_at"], found["finished_at"]) == (given_run.started_at, given_run.finished_at)
    assert (found["outcome"], found["exit_code"], found["model_id"]) == ("degraded", 2, "model-1")
    assert (found["inputs_hash"], found["product"], found["manifest"]) == ("abc", "rio/2010-01-01", given_run.manifest)
    assert found["previous_run_id"] is None
    assert found["superseded_by"] is None


def test_times_are_utc_whatever_zone_they_came_in(engine):
    local = pd.Timestamp("2020-01-01T07:00", tz="Asia/Ho_Chi_Minh")
    record(engine, pd.Timestamp("2010-01-01T07:00", tz="Asia/Ho_Chi_Minh"), {"a": 2}, run_id="r", started_at=local)
    found = last_run(engine, "rio")
    assert (found["as_of"], found["started_at"]) == (day("2010-01-01"), day("2020-01-01"))
    assert open_warnings(engine, "rio")["event_id"].tolist() == ["rio-1y-20100101-a"]
    with pytest.raises(LedgerError, match="no time zone"):
        record(engine, "2011-01-01", {"a": 2}, started_at=datetime(2020, 1, 1))


def test_the_same_run_twice_changes_nothing(engine):
    assert record(engine, "2010-01-01", {"a": 3}) == (True, 1, 1)
    before = dump(engine)
    assert record(engine, "2010-01-01", {"a": 3}) == (False, 0, 1)
    record(engine, "2011-01-01", {"a": 4})
    after = dump(engine)
    assert record(engine, "2010-01-01", {"a": 3}) == (False, 0, 1)  # also once a later run is on record
    assert dump(engine) == after != before


def test_a_run_id_stands_for_one_run(engine):
    record(engine, "2010-01-01", {"a": 3}, run_id="r")
    for changes in ({"inputs_hash": "other"}, {"as_of": "2010-01-02"}, {"region": "song"}):
        with pytest.raises(LedgerError, match="run r is on record for rio 2010-01-01"):
            record_run(
                engine, a_run(**{"as_of": "2010-01-01", "run_id": "r"} | changes), {}, None, warning_from_level=2
            )


def test_the_past_is_not_rewritten(engine):
    record(engine, "2011-01-01", {"a": 3})
    before = dump(engine)
    with pytest.raises(LedgerError, match=r"on record up to 2011-01-01.*2010-01-01 would rewrite the past"):
        record(engine, "2010-01-01", {"a": 3})
    assert dump(engine) == before


def test_failed_runs_are_kept_and_change_nothing_else(engine):
    record(engine, "2010-01-01", {"a": 3})
    failed = a_run(
        "2011-01-01", outcome="failed", finished_at=datetime(2021, 1, 1, tzinfo=UTC), manifest={"why": "disk"}
    )
    assert record_failure(engine, failed) == "rio-2011-01-01/failed-1"
    assert record_failure(engine, failed) == "rio-2011-01-01/failed-1"  # the same attempt told twice
    again = a_run("2011-01-01", outcome="failed", started_at=datetime(2020, 1, 2, tzinfo=UTC))
    assert record_failure(engine, again) == "rio-2011-01-01/failed-2"
    assert last_run(engine, "rio")["run_id"] == "rio-2010-01-01"
    assert len(open_warnings(engine, "rio")) == 1
    newest = recent_runs(engine, "rio").iloc[0]
    assert (newest["outcome"], newest["exit_code"], newest["manifest"]) == ("failed", 1, {"why": "disk"})
    # A failure for a later date stands in nobody's way, and the run may still succeed under its own id.
    record(engine, "2010-06-01", {"a": 2})
    assert record(engine, "2011-01-01", {"a": 1}).new
    assert len(recent_runs(engine, "rio")) == 5
    assert len(recent_runs(engine, "rio", limit=2)) == 2


def test_outcomes_go_through_their_own_door(engine):
    with pytest.raises(LedgerError, match="record_failure"):
        record(engine, "2010-01-01", {"a": 3}, outcome="failed")
    with pytest.raises(LedgerError, match="record_run"):
        record_failure(engine, a_run("2010-01-01"))


def test_the_run_before_a_date(engine):
    for year in ("2010", "2011", "2012"):
        record(engine, f"{year}-01-01", {"a": 3})
    assert last_run(engine, "rio")["run_id"] == "rio-2012-01-01"
    assert last_run(engine, "rio", before="2012-01-01")["run_id"] == "rio-2011-01-01"
    assert last_run(engine, "rio", before="2010-01-01") is None
    assert last_run(engine, "rio")["previous_run_id"] == "rio-2011-01-01"


def test_what_places_remember(engine):
    assert previous_states(engine, "rio", "1y", "2010-01-01").empty
    record(engine, "2010-01-01", {"b": 1, "a": 3})
    record(engine, "2011-01-01", {"b": 2, "a": 0})
    first = previous_states(engine, "rio", "1y", "2011-01-01")
    assert list(first.columns) == list(STATE_COLUMNS)
    assert first.to_numpy().tolist() == [["a", 3, 3, 3, 1, 0], ["b", 1, 1, 1, 1, 0]]
    assert previous_states(engine, "rio", "1y", "2012-01-01")["level"].tolist() == [0, 2]
    assert previous_states(engine, "rio", "3y", "2012-01-01").empty  # a target that is new
    record(engine, "2012-01-01", {"b": 2, "a": 0})
    with pytest.raises(LedgerError, match="memory of run rio-2010-01-01 is no longer kept"):
        previous_states(engine, "rio", "1y", "2011-01-01")
    with engine.connect() as connection:
        kept = set(connection.execute(sa.select(schema.STATES.c.run_id)).scalars())
    assert kept == {"rio-2011-01-01", "rio-2012-01-01"}


# --- a date run again ------------------------------------------------------------------------------------------------


def plan_of(engine, as_of, levels, walk=None):
    return plan_events(
        open_warnings(engine, "rio", before=as_of),
        alerts(levels),
        walk,
        region="rio",
        target="1y",
        as_of=as_of,
        warning_from_level=2,
    )


def test_a_run_resumed_after_recording_plans_the_same(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 2, "c": 1})
    levels, walk = {"m": 1, "n": 4, "o": 2}, crosswalk(("a", "m"), ("b", "n"), ("c", "o"))
    before = plan_of(engine, "2011-01-01", levels, walk)
    memory = previous_states(engine, "rio", "1y", "2011-01-01")
    record(engine, "2011-01-01", levels, walk)
    pd.testing.assert_frame_equal(plan_of(engine, "2011-01-01", levels, walk), before)
    pd.testing.assert_frame_equal(previous_states(engine, "rio", "1y", "2011-01-01"), memory)
    now = open_warnings(engine, "rio")
    planned = before[before["state"] == "open"]
    assert as_rows(now, "event_id", "segment_id", "level") == as_rows(planned, "event_id", "segment_id", "level")
    assert now["first_issued_at"].tolist() == planned["first_issued_at"].tolist()


def test_a_second_run_of_a_date_amends_the_first(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 3, "c": 1, "d": 1})
    record(engine, "2011-01-01", {"a": 1, "b": 4, "c": 2, "d": 1})
    record(engine, "2011-01-01", {"a": 3, "b": 2, "c": 1, "d": 2}, run_id="rio-2011-again")
    expected = [("rio-1y-20100101-a", 3), ("rio-1y-20100101-b", 2), ("rio-1y-20110101-d", 2)]
    assert as_rows(open_warnings(engine, "rio"), "event_id", "level") == expected
    assert as_rows(open_warnings(engine, "rio", before="2011-06-01"), "event_id", "level") == expected
    assert as_rows(history(engine, "rio-1y-20110101-c"), "kind", "why") == [
        ("issued", "raised"),
        ("closed", "superseded"),
    ]
    assert history(engine, "rio-1y-20100101-a")["kind"].tolist() == ["issued", "closed", "issued"]
    newest = last_run(engine, "rio")
    assert (newest["run_id"], newest["previous_run_id"]) == ("rio-2011-again", "rio-2010-01-01")
    assert previous_states(engine, "rio", "1y", "2012-01-01")["level"].tolist() == [3, 2, 1, 2]
    assert previous_states(engine, "rio", "1y", "2011-01-01")["level"].tolist() == [3, 3, 1, 1]
    # Against the date before: a is as it was, c never was.
    changes = changes_since_previous(engine, "rio-2011-again")
    assert as_rows(changes, "event_id", "kind", "from_level", "to_level") == [
        ("rio-1y-20100101-b", "lowered", 3, 2),
        ("rio-1y-20110101-d", "issued", -1, 2),
    ]
    first = changes_since_previous(engine, "rio-2011-01-01").set_index("event_id")["kind"].to_dict()
    assert first == {"rio-1y-20100101-b": "raised", "rio-1y-20110101-c": "issued", "rio-1y-20100101-a": "closed"}
    # And a third that says what the first said brings everything back.
    record(engine, "2011-01-01", {"a": 1, "b": 4, "c": 2, "d": 1}, run_id="rio-2011-third")
    assert as_rows(open_warnings(engine, "rio"), "event_id", "level") == [
        ("rio-1y-20100101-b", 4),
        ("rio-1y-20110101-c", 2),
    ]


def test_a_second_run_of_a_date_without_a_target_of_the_first(engine):
    record_run(engine, a_run("2010-01-01"), {"3y": alerts({"a": 3})}, None, warning_from_level=2)
    record(engine, "2010-01-01", {"a": 3}, run_id="again", target="1y")
    assert open_warnings(engine, "rio")["target"].tolist() == ["1y"]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_changes_are_worst_first_and_leave_out_what_stayed(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 3, "c": 2, "d": 3, "e": 1})
    record(engine, "2011-01-01", {"a": 3, "b": 4, "c": 1, "d": 0, "e": 4})
    changes = changes_since_previous(engine, "rio-2011-01-01")
    assert as_rows(changes, "segment_id", "kind", "from_level", "to_level", "chainage_m") == [
        ("b", "raised", 3, 4, 100.0),
        ("e", "issued", -1, 4, 400.0),
        ("c", "closed", 2, 1, 200.0),
        ("d", "unknown", 3, 0, 300.0),
    ]
    record(engine, "2012-01-01", {"a": 3, "b": 4, "c": 1, "d": 0, "e": 4})
    nothing = changes_since_previous(engine, "rio-2012-01-01")
    assert nothing.empty
    assert list(nothing.columns) == list(changes.columns)


def test_empty_answers_keep_their_columns(engine):
    assert list(open_warnings(engine, "rio").columns) == [column.name for column in schema.WARNINGS.c]
    assert list(open_warnings(engine, "rio", before="2010-01-01").columns) == list(open_warnings(engine, "rio").columns)
    assert str(open_warnings(engine, "rio")["first_issued_at"].dtype).endswith("UTC]")


def test_what_is_not_there_is_said(engine):
    with pytest.raises(LedgerError, match="no warning x"):
        history(engine, "x")
    with pytest.raises(LedgerError, match="no run x"):
        changes_since_previous(engine, "x")


def test_transitions_can_not_be_changed_or_deleted(engine):
    record(engine, "2010-01-01", {"a": 3})
    for statement in (sa.update(schema.TRANSITIONS).values(to_level=1), sa.delete(schema.TRANSITIONS)):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)
    assert history(engine, "rio-1y-20100101-a")["to_level"].tolist() == [3]


def test_what_the_database_refuses_is_an_error_of_the_ledger(engine):
    record(engine, "2010-01-01", {"a": 3})
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE states")
    with pytest.raises(LedgerError, match=r"(?s)states.*nothing was recorded"):
        record(engine, "2011-01-01", {"a": 4})
    with pytest.raises(LedgerError, match="states"):
        previous_states(engine, "rio", "1y", "2011-01-01")
    assert open_warnings(engine, "rio")["level"].tolist() == [3]


def test_only_the_ledger_knows_its_database():
    package = HERE.parents[2] / "erosion"
    guilty = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if package / "alerts" / "ledger" not in path.parents
        and any(
            line.split()[:1] in (["import"], ["from"]) and "sqlalchemy" in line
            for line in path.read_text("utf-8").splitlines()
        )
    ]
    assert guilty == []


def test_runs_that_stand_are_listed_without_failed_and_superseded_ones(engine):
    assert standing_products(engine, "rio") == []
    record(engine, "2010-01-01", {"a": 3})
    record(engine, "2011-01-01", {"a": 3})
    record(engine, "2011-01-01", {"a": 2}, run_id="again", product="rio/again")
    record_failure(engine, a_run("2012-01-01", outcome="failed"))
    record(engine, "2012-01-01", {"a": 2}, region="other")
    assert standing_products(engine, "rio") == [("rio-2010-01-01", "rio/2010-01-01"), ("again", "rio/again")]
    assert superseded_by(engine, "rio-2011-01-01") == "again"
    assert superseded_by(engine, "again") is superseded_by(engine, "nobody") is None
    assert is_recorded(engine, "again") is True
    assert is_recorded(engine, "nobody") is False


# --- against a plain model -------------------------------------------------------------------------------------------

levels_of = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 4), min_size=1)
links = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["a", "b", "c", "d", "e", None])), max_size=8)
steps = st.lists(st.tuples(st.booleans(), levels_of, st.none() | links), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def one_engine(tmp_path_factory):
    engine = open_ledger(tmp_path_factory.mktemp("model") / "ledger.sqlite")
    yield engine
    engine.dispose()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(series=steps)
def test_any_series_of_runs_keeps_the_laws(one_engine, series):
    engine, region = one_engine, f"r{time.time_ns()}"
    date, number = pd.Timestamp("2010-01-01", tz="UTC"), 0
    for same_date, levels, walk in series:
        number += 1
        if not same_date:
            date += pd.Timedelta(days=1)
        before = open_warnings(engine, region, before=date)
        if walk is not None:  # every place has a way on, or a word that it is gone
            linked = {old for old, _ in walk}
            walk = crosswalk(*dict.fromkeys(walk), *[(old, None) for old in "abcde" if old not in linked])
        record(engine, date, levels, walk, region=region, run_id=f"{region}-{number}")
        now = open_warnings(engine, region)

        # One warning a place; one for every place at a warning level; none at a known lower one.
        assert not now["segment_id"].duplicated().any()
        standing = dict(zip(now["segment_id"], now["level"], strict=True))
        for place, level in levels.items():
            assert standing.get(place, 0) == (level if level >= 2 else 0)
            assert place in standing or level < 2
        # Places without knowledge keep their warning: nobody's warning ends unsaid.
        ways = {place: {place} for place in before["segment_id"]}
        if walk is not None:
            ways = {
                place: set(walk.loc[walk["old_segment_id"] == place, "new_segment_id"].dropna())
                for place in before["segment_id"]
            }
        for row in before.to_dict("records"):
            if row["event_id"] in set(now["event_id"]):
                continue
            gone = ways[row["segment_id"]]
            assert all(levels.get(place, 0) == 1 or place in standing for place in gone)
        # What stood before the date does not depend on how often the date is run.
        again = open_warnings(engine, region, before=date)
        columns = ["event_id", "segment_id", "level", "first_issued_at"]
        pd.testing.assert_frame_equal(again[columns], before[columns])
        # The transitions alone tell how things stand.
        later = open_warnings(engine, region, before=date + pd.Timedelta(days=1))
        pd.testing.assert_frame_equal(later[columns], now[columns])
    with engine.connect() as connection:
        events = connection.execute(sa.select(schema.WARNINGS).where(schema.WARNINGS.c.region == region)).all()
    for event in events:
        life = history(engine, event.event_id)
        assert life["kind"].iloc[0] == "issued"
        assert life["from_level"].tolist()[1:] == life["to_level"].tolist()[:-1]
        assert (life["to_level"].iloc[-1], life["segment_id"].iloc[-1]) == (event.level, event.segment_id)
        assert (life["kind"].iloc[-1] == "closed") == (event.state == "closed")


# --- kills and other writers -----------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import sqlalchemy as sa
from test_ledger import LEVELS_AFTER, open_ledger, record

engine = open_ledger(sys.argv[2])

def after(connection, cursor, statement, *rest):
    if statement.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

def commit(connection):
    if sys.argv[3] == "COMMIT":
        os.kill(os.getpid(), signal.SIGKILL)

sa.event.listen(engine, "after_cursor_execute", after)
sa.event.listen(engine, "commit", commit)
record(engine, "2011-01-01", LEVELS_AFTER)
"""
LEVELS_BEFORE = {f"s{i:04d}": i % 5 for i in range(2000)}
LEVELS_AFTER = {f"s{i:04d}": (i + i // 5) % 5 for i in range(2000)}


@pytest.mark.parametrize("statement", ["INSERT INTO runs", "UPDATE warnings", "INSERT INTO states", "COMMIT"])
def test_a_process_killed_while_recording_leaves_the_ledger_as_it_was(engine, url, statement):
    record(engine, "2010-01-01", LEVELS_BEFORE)
    before = dump(engine)
    engine.dispose()
    job = subprocess.run(
        [sys.executable, "-c", KILLED, str(HERE.parent), url, statement],
        cwd=HERE.parents[2],
        capture_output=True,
        check=False,
    )
    assert job.returncode == -signal.SIGKILL, job.stderr.decode()
    assert dump(engine) == before
    assert record(engine, "2011-01-01", LEVELS_AFTER).new
    wanted = {place for place, level in LEVELS_AFTER.items() if level >= 2}
    wanted |= {place for place, level in LEVELS_AFTER.items() if level == 0 and LEVELS_BEFORE[place] >= 2}
    assert set(open_warnings(engine, "rio")["segment_id"]) == wanted


HOLDING = """
import sys, time
from erosion.alerts import ledger
from erosion.alerts.ledger.opening import writing
engine = ledger.open_ledger(sys.argv[1])
with writing(engine):
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@contextlib.contextmanager
def another_writer(url, seconds):
    job = subprocess.Popen(
        [sys.executable, "-c", HOLDING, url, str(seconds)], stdout=subprocess.PIPE, cwd=HERE.parents[2]
    )
    try:
        assert job.stdout.readline() == b"writing\n"
        yield
    finally:
        job.kill()
        job.communicate()


def test_a_second_writer_waits_and_readers_do_not(engine, url):
    record(engine, "2010-01-01", {"a": 3})
    with another_writer(url, 1.0):
        start = time.perf_counter()
        assert len(open_warnings(engine, "rio")) == 1
        assert time.perf_counter() - start < 0.5
        assert record(engine, "2011-01-01", {"a": 4}).new
        assert time.perf_counter() - start > 0.5
    assert open_warnings(engine, "rio")["level"].tolist() == [4]


def test_a_second_writer_that_waited_too_long_says_so(url):
    engine = open_ledger(url, wait_s=0.2)
    with another_writer(url, 30), pytest.raises(LedgerError, match=r"another process has been writing for over 0\.2 s"):
        record(engine, "2011-01-01", {"a": 4})
    assert last_run(engine, "rio") is None
    engine.dispose()


def test_two_writers_of_one_run_record_it_once(engine, url):
    results = []

    def write():
        own = open_ledger(url)
        results.append(record(own, "2010-01-01", LEVELS_BEFORE))
        own.dispose()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(result.new for result in results) == [False, True]
    assert len(history(engine, "rio-1y-20100101-s0002")) == 1


# --- speed -----------------------------------------------------------------------------------------------------------


def test_a_replay_of_thirteen_years_is_recorded_in_seconds(tmp_path):
    rng = np.random.default_rng(7)
    ids = [f"mamore-L-{i:07d}" for i in range(4300)]
    shares = [0.02, 0.78, 0.1, 0.07, 0.03]
    levels = {target: rng.choice(5, len(ids), p=shares) for target in ("1y", "3y")}
    walk = crosswalk(*zip(ids, ids[1:] + ids[:1], strict=True))  # a new baseline every year: every warning moves
    elapsed = written = 0.0
    engine = open_ledger(tmp_path / "ledger.sqlite")
    for year in range(2006, 2019):
        tables = {}
        for target, old in levels.items():
            changed = rng.random(len(ids)) < 0.3
            levels[target] = np.where(changed, rng.choice(5, len(ids), p=shares), np.roll(old, 1))
            tables[target] = alerts(dict(zip(ids, levels[target].tolist(), strict=True)))
        start = time.process_time()
        written += record_run(engine, a_run(f"{year}-08-01"), tables, walk, warning_from_level=2).transitions
        elapsed += time.process_time() - start
    engine.dispose()
    size = (tmp_path / "ledger.sqlite").stat().st_size / 1e6
    print(f"13 runs of 8600 rows, {written:.0f} transitions: {elapsed:.2f} s of processor time, {size:.1f} MB")
    assert elapsed < 5  # 2.5 s on a quiet machine
    with sqlite3.connect(tmp_path / "ledger.sqlite") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
