"""The audit chain: what is changed, taken out, moved or put in is found, on both databases."""

import hashlib
import json
import random
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, decisions, people_tables
from erosion.alerts.ledger.audit import START, Actor, AuditRow, audit_rows, chain_fault, hash_of, stored
from tests.alerts.ledger.made_entries import AN, NASTY, add_stretches, tamper, verified, write_one_of_each

# --- the chain alone --------------------------------------------------------------------------------------------------

texts = st.text(max_size=8)
contents = st.lists(
    st.tuples(st.datetimes(timezones=st.just(UTC)), texts, texts, texts, texts, texts), min_size=2, max_size=8
)


def chain(content):
    rows, before = [], START
    for seq, (at, *words) in enumerate(content, 1):
        row = AuditRow(seq, at, *words, hash="")
        before = hash_of(row, before)
        rows.append(row._replace(hash=before))
    return rows


@given(content=contents)
def test_a_chain_as_it_was_written_holds(content):
    assert chain_fault(chain(content)) is None


@given(content=contents, data=st.data())
def test_a_changed_row_is_found(content, data):
    rows = chain(content)
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from([n for n in AuditRow._fields if n != "seq"]))
    old = getattr(rows[place], name)
    new = old + timedelta(microseconds=1) if name == "at" and old.year < 9999 else None
    new = (
        data.draw(texts.filter(lambda text: text != old))
        if isinstance(old, str)
        else new or datetime(1, 1, 1, tzinfo=UTC)
    )
    rows[place] = rows[place]._replace(**{name: new})
    if new != old:
        assert chain_fault(rows).seq == place + 1


@given(content=contents, data=st.data())
def test_a_row_taken_out_is_found(content, data):
    rows = chain(content)
    place = data.draw(st.integers(0, len(rows) - 2))
    del rows[place]
    assert chain_fault(rows).seq == place + 1
    # Numbering what is left anew does not hide it.
    closed_up = [row._replace(seq=seq) for seq, row in enumerate(rows, 1)]
    assert chain_fault(closed_up) is not None


@given(content=contents, data=st.data())
def test_rows_in_another_order_are_found(content, data):
    rows = chain(content)
    order = data.draw(st.permutations(range(len(rows))).filter(lambda found: found != sorted(found)))
    first = next(k for k, place in enumerate(order) if place != k)
    assert chain_fault([rows[k] for k in order]) is not None
    numbered = [rows[k]._replace(seq=seq) for seq, k in enumerate(order, 1)]
    assert chain_fault(numbered).seq == first + 1


@given(
    content=contents,
    extra=st.tuples(st.datetimes(timezones=st.just(UTC)), texts, texts, texts, texts, texts),
    data=st.data(),
)
def test_a_row_put_in_is_found_even_with_a_hash_that_fits(content, extra, data):
    rows = chain(content)
    place = data.draw(st.integers(0, len(rows) - 1))
    before = rows[place - 1].hash if place else START
    forged = AuditRow(place + 1, *extra, hash="")
    forged = forged._replace(hash=hash_of(forged, before))
    moved = [row._replace(seq=row.seq + 1) for row in rows[place:]]
    assert chain_fault([*rows[:place], forged, *moved]).seq == place + 2


def test_the_hash_by_hand():
    row = AuditRow(1, datetime(2026, 11, 21, 1, 2, 3, 4, tzinfo=UTC), "an", "close", "stretch", "s1", '{"a":"ư"}', "")
    text = (
        "0" * 64 + "\n" + '{"action":"close","actor":"an","at":"2026-11-21T01:02:03.000004+00:00","object_id":"s1",'
        '"object_kind":"stretch","payload":"{\\"a\\":\\"ư\\"}","seq":1}'
    )
    assert hash_of(row, START) == hashlib.sha256(text.encode()).hexdigest()


# --- in the ledger ----------------------------------------------------------------------------------------------------


def test_one_entry_of_each_kind_holds_with_any_text(engine):
    count = write_one_of_each(engine)
    found = verified(engine)
    assert (found.rows, found.fault) == (count, None)
    with ledger.querying(engine) as connection:
        rows = audit_rows(connection)
        assert {json.loads(row.payload)["table"] for row in rows} == {t.name for t in people_tables.ENTRY_TABLES}
        assert all(json.loads(row.payload)["entry"]["id"] == row.seq for row in rows)
        assert found.hash == rows[-1].hash
        assert [row.action for row in audit_rows(connection, "stretch", "s1")] == ["acknowledge", "assign", "check"]
        (person,) = connection.execute(sa.select(people_tables.PEOPLE)).all()
        assert (person.name, person.words, person.communes) == (NASTY, NASTY, ["1", "2"])
        (bulletin,) = connection.execute(sa.select(people_tables.BULLETINS)).all()
        assert bulletin.content == {NASTY: [NASTY, 1.5, None]}


def test_an_empty_ledger_holds(engine):
    assert verified(engine) == (0, START, None)


def test_the_database_refuses_to_change_or_delete(engine):
    write_one_of_each(engine)
    for table in (people_tables.AUDIT, *people_tables.ENTRY_TABLES):
        for statement in (f"UPDATE {table.name} SET actor = 'x'", f"DELETE FROM {table.name}"):
            with pytest.raises(sa.exc.DBAPIError, match=f"{table.name} is append-only"), engine.begin() as connection:
                connection.exec_driver_sql(statement)
    assert verified(engine).fault is None


def test_every_column_of_every_row_is_held(engine):
    """A random other value in each column, one at a time, is found at that row."""
    write_one_of_each(engine)
    chance = random.Random(4)
    for table in (people_tables.AUDIT, *people_tables.ENTRY_TABLES):
        (key,) = table.primary_key.columns
        with ledger.querying(engine) as connection:
            row = connection.execute(sa.select(table).order_by(key).limit(1)).mappings().one()
        for column in table.columns:
            if column is key:
                continue
            other = another(row[column.name], column, chance)
            where = key == row[key.name]
            tamper(engine, sa.update(table).where(where).values({column.name: other}))
            fault = verified(engine).fault
            assert fault is not None and fault.seq == row[key.name], (table.name, column.name)
            tamper(engine, sa.update(table).where(where).values({column.name: row[column.name]}))
            assert verified(engine).fault is None, (table.name, column.name)


def another(value, column, chance):
    kind = column.type
    if column.name in ("level", "status"):  # what their checks allow
        return {"level": 1, "status": "issued"}[column.name]
    if isinstance(kind, sa.JSON):
        return ["other"]
    if isinstance(kind, sa.Float):
        return (value or 0) + 0.5
    if isinstance(kind, sa.Integer):
        return chance.randrange(500, 600)
    if isinstance(kind, sa.Date):
        return date(1999, 1, 1)
    if isinstance(value, datetime) or type(kind).__name__ == "UtcTime":
        return datetime(1999, 1, 1, tzinfo=UTC)
    return f"{value}'"


def test_rows_that_are_gone_or_forged_are_found_and_the_first_is_named(engine):
    count = write_one_of_each(engine)
    noted = verified(engine)
    tamper(engine, "DELETE FROM acknowledgements", "DELETE FROM assignments")
    assert verified(engine).fault == (2, "its entry is gone")
    tamper(engine, "DELETE FROM audit WHERE seq = 2")
    assert verified(engine).fault == (2, "the row is missing")
    # The last entry with its row leaves a chain that holds; what was noted finds it.
    tamper(engine, f"DELETE FROM withdrawn_runs WHERE id = {count}", f"DELETE FROM audit WHERE seq = {count}")
    assert verified(engine, (noted.rows, noted.hash)).fault.seq == 2


def test_the_end_of_the_chain_is_held_by_what_was_noted(engine):
    count = write_one_of_each(engine)
    noted = verified(engine)
    with ledger.writing(engine) as connection:
        decisions.acknowledge(connection, AN, "rio", "s2", 2)
    assert verified(engine, (noted.rows, noted.hash)).fault is None
    tamper(engine, f"DELETE FROM acknowledgements WHERE id = {count + 1}", f"DELETE FROM audit WHERE seq = {count + 1}")
    assert verified(engine, (noted.rows, noted.hash)).fault is None
    tamper(engine, f"DELETE FROM withdrawn_runs WHERE id = {count}", f"DELETE FROM audit WHERE seq = {count}")
    assert verified(engine).fault is None
    assert verified(engine, (noted.rows, noted.hash)).fault == (count, f"the row is missing; {count} had been noted")
    with ledger.writing(engine) as connection:
        decisions.acknowledge(connection, AN, "rio", "s3", 2)
    assert "not the one noted" in verified(engine, (noted.rows, noted.hash)).fault.why


def test_an_entry_without_its_row_is_found(engine):
    write_one_of_each(engine)
    columns = "id, at, actor, actor_name, words, region, stretch_id, level"
    values = "99, at, actor, actor_name, words, region, 's9', level"
    tamper(engine, f"INSERT INTO acknowledgements ({columns}) SELECT {values} FROM acknowledgements")
    assert verified(engine).fault == (99, "acknowledgements holds an entry that the chain does not know")


def test_what_sqlite_keeps_and_cannot_be_read_is_found(tmp_path):
    engine = ledger.open_ledger(tmp_path / "ledger.sqlite")
    write_one_of_each(engine)
    tamper(engine, "UPDATE people SET active_from = 'soon'")
    assert verified(engine).fault == (1, "the entry in people is not what the chain recorded")
    tamper(engine, "UPDATE audit SET at = 'never' WHERE seq = 1")
    assert verified(engine).fault == (1, "the row cannot be read")
    engine.dispose()


# --- what no ledger takes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        ("people", "name", "a\x00b", "NUL"),
        ("people", "name", "a\ud800", "half of a pair"),
        ("people", "name", None, "missing"),
        ("people", "name", 3, "text is needed"),
        ("people", "communes", ["\x00"], "NUL"),
        ("bulletins", "content", {"a": float("nan")}, "JSON"),
        ("people", "active_from", datetime(2026, 1, 1), "no time zone"),
        ("people", "active_from", "2026-01-01", "cannot be"),
        ("field_reports", "houses", 2**31, "beyond"),
        ("field_reports", "houses", 1.5, "cannot be"),
        ("field_reports", "lon", float("inf"), "not finite"),
        ("official_classes", "valid_from", datetime(2026, 1, 1), "date without time"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_place(table, column, value, words):
    (found,) = (t for t in people_tables.ENTRY_TABLES if t.name == table)
    with pytest.raises(LedgerError, match=words) as caught:
        stored(found.c[column], value)
    assert f"{table}.{column}" in str(caught.value) or "time zone" in words


def test_a_refused_entry_leaves_no_row(engine):
    add_stretches(engine)

    def two(second):
        with ledger.writing(engine) as connection:
            decisions.acknowledge(connection, AN, "rio", "s1", 3)
            decisions.acknowledge(connection, second, "rio", "s1", 3)

    with pytest.raises(LedgerError, match="NUL"):
        two(Actor("an", "\x00"))
    with pytest.raises(LedgerError, match="nothing was recorded"), ledger.writing(engine) as connection:
        decisions.acknowledge(connection, AN, "rio", "s1", 5)  # the database knows levels 0 to 4
    assert verified(engine) == (0, START, None)


@settings(max_examples=25, deadline=None)
@given(hours=st.integers(-12, 14), at=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
def test_times_are_kept_in_utc_whatever_their_zone(hours, at):
    column = people_tables.FIELD_REPORTS.c.observed_at
    local = at.replace(tzinfo=timezone(timedelta(hours=hours)))
    kept = stored(column, local)
    assert kept == local and kept.tzinfo == UTC and type(kept) is datetime
