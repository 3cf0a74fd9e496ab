"""Opening a ledger: its tables, older and newer ones, and what is no ledger."""

import subprocess
import sys

import pandas as pd
import pytest

from erosion.alerts.ledger import LedgerError, open_ledger, previous_states, schema
from tests.alerts.ledger.made_runs import ROOT, dump, record


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


SINCE_0004 = ("stretch_members", "stretch_transitions", "stretches")


@pytest.mark.parametrize("version", ["0001", "0002"])
def test_a_ledger_that_counted_runs_is_brought_up_to_date(engine, url, version):
    record(engine, "2010-01-01", {"a": 3, "b": 0})
    before = dump(engine)
    memory = previous_states(engine, "rio", "1y", "2011-01-01")
    old = "run_id, target, segment_id, region, level, candidate_level, 3 AS candidate_runs"
    if version == "0002":  # until then every level was the model's own
        old += ", model_level, CASE WHEN segment_id = 'a' THEN 2 ELSE 0 END AS trigger_runs"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE old_states AS SELECT {old} FROM states")
        connection.exec_driver_sql("DROP TABLE states")
        connection.exec_driver_sql("ALTER TABLE old_states RENAME TO states")
        for table in reversed(schema.METADATA.sorted_tables):
            if table.name not in ("runs", "warnings", "transitions", "states"):
                table.drop(connection)  # later versions made them; its triggers go with it
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
    engine.dispose()
    again = open_ledger(url)
    # Runs are no observations, so there is one at most; what was waited for is waited for from the run on.
    if version == "0002":
        memory["trigger_since"] = ["2010-01-01", ""]
    pd.testing.assert_frame_equal(previous_states(again, "rio", "1y", "2011-01-01"), memory)
    assert memory["model_level"].tolist() == memory["level"].tolist() == [3, 0]
    assert version == "0002" or dump(again) == before | {table: [] for table in SINCE_0004}
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
    jobs = [subprocess.Popen([sys.executable, "-c", script, url], stderr=subprocess.PIPE, cwd=ROOT) for _ in range(3)]
    for job in jobs:
        _, err = job.communicate(timeout=60)
        assert job.returncode == 0, err.decode()


def test_only_the_ledger_knows_its_database():
    package = ROOT / "erosion"
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
