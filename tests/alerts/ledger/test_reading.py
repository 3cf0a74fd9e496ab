"""What is read from a ledger: changes, standing runs, and errors of the database."""

import pytest
import sqlalchemy as sa

from erosion.alerts.ledger import (
    LedgerError,
    changes_since_previous,
    history,
    is_recorded,
    open_warnings,
    previous_states,
    record_failure,
    schema,
    standing_products,
    superseded_by,
)
from tests.alerts.ledger.made_runs import a_run, as_rows, record


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
