"""The life of warnings in the ledger, by hand."""

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from erosion.alerts.ledger import (
    changes_since_previous,
    history,
    last_run,
    open_warnings,
    previous_states,
    record_run,
    schema,
)
from erosion.alerts.life import plan_events
from tests.alerts.ledger.made_runs import a_run, alerts, as_rows, crosswalk, day, dump, record


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
