"""Stretches in the ledger, on SQLite and on a real PostgreSQL server."""

import pandas as pd
import pytest
import sqlalchemy as sa

from erosion.alerts.ledger import (
    LedgerError,
    open_stretches,
    record_run,
    run_stretch_changes,
    standing_stretches,
    stretch_history,
)
from tests.alerts.ledger.made_runs import a_run, alerts, as_rows, crosswalk, dump, record


def test_a_stretch_opens_changes_and_closes(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 2, "c": 1})
    assert as_rows(open_stretches(engine, "rio"), "stretch_id", "level", "length_m", "from_m", "to_m") == [
        ("rio-20100101-a", 3, 200.0, -50.0, 150.0)
    ]
    record(engine, "2011-01-01", {"a": 4, "b": 2, "c": 2})
    record(engine, "2012-01-01", {"a": 1, "b": 1, "c": 1})
    assert open_stretches(engine, "rio").empty
    steps = stretch_history(engine, "rio-20100101-a")
    assert as_rows(steps, "kind", "from_level", "to_level", "to_length_m") == [
        ("issued", -1, 3, 200.0), ("raised", 3, 4, 300.0), ("closed", 4, 4, 300.0),
    ]  # fmt: skip
    assert steps["reason"].tolist()[-1] == "below_warning_level"
    with pytest.raises(LedgerError, match="no stretch nothing"):
        stretch_history(engine, "nothing")


def test_the_past_stands_as_it_stood(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 2})
    record(engine, "2011-01-01", {"a": 4, "b": 1})
    (before,) = standing_stretches(engine, "rio", "2011-01-01")
    assert (before.level, before.length_m, before.segments) == (3, 200.0, ("a", "b"))
    (now,) = standing_stretches(engine, "rio", "2012-01-01")
    assert (now.level, now.length_m, now.segments) == (4, 100.0, ("a",))
    assert standing_stretches(engine, "rio", "2010-01-01") == []


def test_a_second_run_of_a_date_starts_from_the_run_before_and_amends_the_first(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 1})
    record(engine, "2011-01-01", {"a": 1, "b": 3}, run_id="first", inputs_hash="1")
    assert open_stretches(engine, "rio")["stretch_id"].tolist() == ["rio-20110101-b"]
    record(engine, "2011-01-01", {"a": 3, "b": 1}, run_id="second", inputs_hash="2")
    assert open_stretches(engine, "rio")["stretch_id"].tolist() == ["rio-20100101-a"]
    closed = stretch_history(engine, "rio-20110101-b")
    assert closed[["kind", "reason"]].iloc[-1].tolist() == ["closed", "superseded"]
    assert stretch_history(engine, "rio-20100101-a")["kind"].tolist() == ["issued", "closed", "issued"]
    (standing,) = standing_stretches(engine, "rio", "2012-01-01")
    assert standing.segments == ("a",)


def test_recording_again_changes_nothing(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 2})
    record(engine, "2011-01-01", {"a": 3, "b": 3})
    before = dump(engine)
    record(engine, "2011-01-01", {"a": 3, "b": 3})
    assert dump(engine) == before


def test_a_merger_and_a_new_baseline(engine):
    record(engine, "2010-01-01", {"a": 2, "b": 1, "c": 1, "d": 1, "e": 3, "f": 3})
    walk = crosswalk(*zip("abcdef", "uvwxyz", strict=True))
    record(engine, "2011-01-01", {"u": 2, "v": 2, "w": 2, "x": 2, "y": 3, "z": 3}, walk)
    (row,) = open_stretches(engine, "rio").to_dict("records")
    assert (row["stretch_id"], row["length_m"]) == ("rio-20100101-e", 600.0)
    gone = stretch_history(engine, "rio-20100101-a").iloc[-1]
    assert (gone["kind"], gone["reason"], gone["other_id"]) == ("closed", "merged", "rio-20100101-e")
    changes = run_stretch_changes(engine, "rio-2011-01-01")
    assert as_rows(changes, "stretch_id", "kind", "bank") == [
        ("rio-20100101-e", "grown", "L"), ("rio-20100101-a", "closed", "L"),
    ]  # fmt: skip


def test_slow_growth_is_told_in_the_end(engine):
    names = [f"s{i:02d}" for i in range(30)]
    for year, many in enumerate((20, 21, 22, 23)):
        record(engine, f"{2010 + year}-01-01", {name: 3 if i < many else 1 for i, name in enumerate(names)})
    steps = stretch_history(engine, "rio-20100101-s00")
    assert as_rows(steps, "kind", "to_length_m") == [("issued", 2_000.0), ("grown", 2_200.0)]


def test_the_joint_level_of_all_targets_makes_the_stretches(engine):
    both = {"1y": alerts({"a": 1, "b": 1}), "3y": alerts({"a": 3, "b": 1})}
    both["1y"]["joint_level"] = both["3y"]["joint_level"] = [3, 1]
    record_run(engine, a_run("2010-01-01"), both, None, warning_from_level=2)
    assert open_stretches(engine, "rio")["level"].tolist() == [3]


def test_two_regions_keep_to_themselves(engine):
    record(engine, "2010-01-01", {"a": 3})
    record(engine, "2010-01-01", {"a": 2}, region="song")
    record(engine, "2011-01-01", {"a": 1})
    assert open_stretches(engine, "song")["stretch_id"].tolist() == ["song-20100101-a"]


def test_transitions_of_stretches_are_evidence(engine):
    record(engine, "2010-01-01", {"a": 3})
    for statement in ("UPDATE stretch_transitions SET to_level = 1", "DELETE FROM stretch_transitions"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_a_run_that_is_not_there_is_named(engine):
    with pytest.raises(LedgerError, match="no run nowhere"):
        run_stretch_changes(engine, "nowhere")
    assert isinstance(open_stretches(engine, "rio"), pd.DataFrame)
