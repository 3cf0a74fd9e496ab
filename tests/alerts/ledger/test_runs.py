"""Runs on record: what comes back, failed ones, a date run again, and thirteen years of them."""

import sqlite3
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from erosion.alerts.ledger import (
    LedgerError,
    changes_since_previous,
    history,
    last_run,
    open_ledger,
    open_warnings,
    previous_states,
    recent_runs,
    record_failure,
    record_run,
    schema,
)
from erosion.alerts.life import plan_events
from erosion.alerts.states import STATE_COLUMNS
from tests.alerts.ledger.made_runs import a_run, alerts, as_rows, crosswalk, day, dump, record

# --- runs -------------------------------------------------------------------------------------------------------------


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
    assert first.to_numpy().tolist() == [
        ["a", 3, 3, 3, 1, "2010-01-01", "", ""],
        ["b", 1, 1, 1, 1, "2010-01-01", "", ""],
    ]
    assert previous_states(engine, "rio", "1y", "2012-01-01")["level"].tolist() == [0, 2]
    assert previous_states(engine, "rio", "3y", "2012-01-01").empty  # a target that is new
    record(engine, "2012-01-01", {"b": 2, "a": 0})
    with pytest.raises(LedgerError, match="memory of run rio-2010-01-01 is no longer kept"):
        previous_states(engine, "rio", "1y", "2011-01-01")
    with engine.connect() as connection:
        kept = set(connection.execute(sa.select(schema.STATES.c.run_id)).scalars())
    assert kept == {"rio-2011-01-01", "rio-2012-01-01"}


# --- a date run again -------------------------------------------------------------------------------------------------


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


# --- speed ------------------------------------------------------------------------------------------------------------


def test_a_replay_of_thirteen_years_is_recorded_whole(tmp_path):
    rng = np.random.default_rng(7)
    ids = [f"mamore-L-{i:07d}" for i in range(4300)]
    shares = [0.02, 0.78, 0.1, 0.07, 0.03]
    levels = {target: rng.choice(5, len(ids), p=shares) for target in ("1y", "3y")}
    walk = crosswalk(*zip(ids, ids[1:] + ids[:1], strict=True))  # a new baseline every year: every warning moves
    written = 0
    engine = open_ledger(tmp_path / "ledger.sqlite")
    for year in range(2006, 2019):
        tables = {}
        for target, old in levels.items():
            changed = rng.random(len(ids)) < 0.3
            levels[target] = np.where(changed, rng.choice(5, len(ids), p=shares), np.roll(old, 1))
            tables[target] = alerts(dict(zip(ids, levels[target].tolist(), strict=True)))
        written += record_run(engine, a_run(f"{year}-08-01"), tables, walk, warning_from_level=2).transitions
    engine.dispose()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("SELECT count(*) FROM runs").fetchone() == (13,)
        assert raw.execute("SELECT count(*) FROM transitions").fetchone() == (written,)
