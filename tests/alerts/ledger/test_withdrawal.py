"""Withdrawing a run: it stays on record, warnings go back, and the next run goes on from the one before."""

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import (
    LedgerError,
    changes_since_previous,
    history,
    last_run,
    open_warnings,
    previous_states,
    recent_runs,
    standing_products,
    superseded_by,
)
from tests.alerts.ledger.made_entries import AN, verified
from tests.alerts.ledger.made_runs import as_rows, crosswalk, dump, record


def withdraw(engine, run_id, reason="wrong masks"):
    with ledger.writing(engine) as connection:
        return ledger.withdraw_run(connection, AN, run_id, reason)


def standing(engine):
    return as_rows(open_warnings(engine, "rio"), "event_id", "segment_id", "level")


def test_warnings_go_back_to_what_they_were_and_nothing_is_deleted(engine):
    record(engine, "2010-01-01", {"a": 3, "b": 2, "c": 1, "d": 4, "e": 2})
    before = standing(engine)
    walk = crosswalk(("a", "a"), ("b", "b"), ("c", "c"), ("d", "m"), ("e", "e"))
    record(engine, "2011-01-01", {"a": 4, "b": 1, "c": 3, "m": 4, "e": 0}, walk)
    after, rows = standing(engine), dump(engine)
    assert after != before
    done = withdraw(engine, "rio-2011-01-01")
    assert done.standing == "rio-2010-01-01" and done.transitions >= 5
    assert standing(engine) == before
    assert set(rows["transitions"]) < set(dump(engine)["transitions"])
    life = history(engine, "rio-1y-20100101-a")
    assert as_rows(life, "kind", "from_level", "to_level") == [("issued", -1, 3), ("raised", 3, 4), ("lowered", 4, 3)]
    assert life["why"].iloc[-1] == "withdrawn"
    assert history(engine, "rio-1y-20110101-c")["kind"].tolist() == ["issued", "closed"]
    assert history(engine, "rio-1y-20100101-b")["kind"].tolist() == ["issued", "closed", "issued"]
    assert standing_products(engine, "rio") == [("rio-2010-01-01", "rio/2010-01-01")]
    assert last_run(engine, "rio")["run_id"] == "rio-2010-01-01"
    assert superseded_by(engine, "rio-2011-01-01") == "rio-2011-01-01/withdrawn"
    found = ledger.withdrawn(engine, "rio-2011-01-01")
    assert (found.region, found.actor_name, found.reason) == ("rio", AN.name, "wrong masks")
    assert ledger.withdrawn(engine, "rio-2010-01-01") is None
    newest = recent_runs(engine, "rio").iloc[0]
    assert newest["manifest"]["messages"] == [f"rio-2011-01-01 was withdrawn by {AN.name}: wrong masks"]
    assert verified(engine).fault is None


def test_the_next_run_is_as_if_the_withdrawn_one_had_not_been(engine, tmp_path):
    other = ledger.open_ledger(tmp_path / "other.sqlite")
    for one in (engine, other):
        record(one, "2010-01-01", {"a": 3, "b": 2, "c": 1})
        if one is engine:
            record(one, "2011-01-01", {"a": 1, "b": 4, "c": 4})
            withdraw(one, "rio-2011-01-01")
        assert previous_states(one, "rio", "1y", "2012-01-01")["level"].tolist() == [3, 2, 1]
        record(one, "2012-01-01", {"a": 3, "b": 3, "c": 2})
    columns = ("event_id", "target", "kind", "from_level", "to_level")
    changes = [as_rows(changes_since_previous(one, "rio-2012-01-01"), *columns) for one in (engine, other)]
    assert standing(engine) == standing(other) and changes[0] == changes[1]
    other.dispose()


def test_another_run_of_the_date_takes_its_place(engine):
    record(engine, "2010-01-01", {"a": 3})
    record(engine, "2011-01-01", {"a": 4, "b": 4})
    withdraw(engine, "rio-2011-01-01")
    record(engine, "2011-01-01", {"a": 2, "b": 3}, run_id="mended", inputs_hash="other")
    assert standing(engine) == [("rio-1y-20100101-a", "a", 2), ("rio-1y-20110101-b", "b", 3)]
    changes = changes_since_previous(engine, "mended")
    assert sorted(as_rows(changes, "segment_id", "kind", "to_level")) == [("a", "lowered", 2), ("b", "issued", 3)]
    withdraw(engine, "mended")
    assert standing(engine) == [("rio-1y-20100101-a", "a", 3)]


def test_the_only_run_leaves_nothing_standing(engine):
    record(engine, "2010-01-01", {"a": 3})
    record(engine, "2010-01-01", {"a": 2}, region="song")
    assert withdraw(engine, "rio-2010-01-01").standing is None
    assert last_run(engine, "rio") is None and standing(engine) == []
    assert len(open_warnings(engine, "song")) == 1
    record(engine, "2010-01-02", {"a": 3})
    assert standing(engine) == [("rio-1y-20100102-a", "a", 3)]


def test_what_cannot_be_withdrawn_says_why_and_changes_nothing(engine):
    for year in (2009, 2010, 2011):
        record(engine, f"{year}-01-01", {"a": 3})
    before = dump(engine)
    for run_id, words in (
        ("rio-2010-01-01", "not the newest of rio, rio-2011-01-01 went on from it"),
        ("rio-1999-01-01'; DROP TABLE runs;--", "no published run"),
    ):
        with pytest.raises(LedgerError, match=words):
            withdraw(engine, run_id)
    assert dump(engine) == before
    withdraw(engine, "rio-2011-01-01")
    before = dump(engine)
    with pytest.raises(LedgerError, match="stands no longer"):
        withdraw(engine, "rio-2011-01-01")
    with pytest.raises(LedgerError, match="memory of the run before, rio-2009-01-01, is no longer kept"):
        withdraw(engine, "rio-2010-01-01")
    with pytest.raises(LedgerError, match="no published run"):
        withdraw(engine, "rio-2011-01-01/withdrawn")
    assert dump(engine) == before


def test_stretches_go_back_too(engine, tmp_path):
    other = ledger.open_ledger(tmp_path / "other.sqlite")
    apart = [name for k in range(4) for name in (f"s{k}a", f"s{k}b", f"x{k}", f"y{k}", f"z{k}")]

    def levels(**given):
        return {name: given.get(name, 1) for name in apart}

    for one in (engine, other):
        record(one, "2010-01-01", levels(s0a=3, s1a=2, s2a=4))
        before = as_rows(ledger.open_stretches(one, "rio"), "stretch_id", "level", "length_m", "first_issued_at")
        if one is engine:
            record(one, "2011-01-01", levels(s0a=4, s0b=3, s2a=2, s3a=3))  # raised and grown, closed, lowered, issued
            changed = ledger.open_stretches(one, "rio")
            assert as_rows(changed, "stretch_id", "level", "length_m", "first_issued_at") != before
            withdraw(one, "rio-2011-01-01")
            after = ledger.open_stretches(one, "rio")
            assert as_rows(after, "stretch_id", "level", "length_m", "first_issued_at") == before
            life = ledger.stretch_history(one, "rio-20110101-s3a")
            assert life["kind"].tolist() == ["issued", "closed"] and life["reason"].iloc[-1] == "withdrawn"
        record(one, "2012-01-01", levels(s0a=3, s0b=3, s1a=2, s2a=0, s3a=2))
    columns = ("stretch_id", "level", "length_m", "from_m", "to_m", "first_issued_at")
    assert as_rows(ledger.open_stretches(engine, "rio"), *columns) == as_rows(
        ledger.open_stretches(other, "rio"), *columns
    )
    other.dispose()
