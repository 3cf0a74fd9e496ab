"""People and entries to write to a ledger, and a way to tamper with it."""

from datetime import UTC, date, datetime

import sqlalchemy as sa

from erosion.alerts import ledger
from erosion.alerts.ledger import bulletins, decisions, official, people, people_tables, reports
from erosion.alerts.ledger.audit import Actor
from erosion.alerts.ledger.official import OfficialClass
from erosion.alerts.ledger.reports import FieldReport
from erosion.alerts.ledger.schema import STRETCHES
from tests.alerts.ledger.made_runs import record

AN = Actor("an@angiang.example", "Nguyễn Văn An")
BA = Actor("ba@angiang.example", "Trần Thị Ba")
NASTY = "Robert'); DROP TABLE audit;--\n\"%s\" % {x} \\ ' :name $1 \u202e Vết nứt 💧 \x7f"
"""Text that means something to SQL, to formats and to JSON."""


def add_stretches(engine):
    """Stretches of long ago to decide on; no run touches them."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    fixed = {
        "reach": "rio",
        "bank": "L",
        "from_m": 0.0,
        "to_m": 100.0,
        "state": "closed",
        "level": 1,
        "length_m": 100.0,
    }
    times = {"first_issued_at": long_ago, "issued_at": long_ago, "closed_at": long_ago, "simulated": False}
    rows = [{"stretch_id": name, "region": "rio", **fixed, **times} for name in ("s1", "s2", "s3")]
    with engine.begin() as connection:
        connection.execute(sa.insert(STRETCHES), [*rows, {**rows[0], "stretch_id": "song-1", "region": "song"}])


def a_report(client_id="c-1", **changes):
    values = {
        "client_id": client_id,
        "region": "rio",
        "observed_at": datetime(2026, 11, 21, 3, 4, 5, 678901, tzinfo=UTC),
        "lon": 105.1234567,
        "lat": 10.5,
        "commune": "30280",
        "verdict": "cracked",
        "stretch_id": "s1",
        "crack_length_m": 12,
        "crack_width_m": 0.03,
        "edge_distance_m": 4.5,
        "houses": 3,
        "words": "vết nứt dài",
    }
    return FieldReport(**values | changes)


def write_one_of_each(engine):
    """One entry in every table; return how many."""
    add_stretches(engine)
    record(engine, "2010-01-01", {"a": 3})
    with ledger.writing(engine) as connection:
        people.set_person(connection, AN, login="an", name=NASTY, role="duty_officer", communes=["2", "1"], words=NASTY)
        decisions.acknowledge(connection, AN, "rio", "s1", 3, NASTY)
        decisions.assign(connection, AN, "rio", "s1", NASTY, datetime(2026, 11, 22, tzinfo=UTC))
        report = reports.add_report(connection, BA, a_report(words=NASTY, client_id=NASTY)).id
        reports.add_photo(connection, BA, report, sha256="ab" * 32, size_bytes=5, media_type=NASTY)
        decisions.check(connection, BA, "rio", "cracked", stretch_id="s1", report_id=report, words=NASTY)
        decisions.close(connection, AN, "rio", report_id=report, words=NASTY)
        scheme = official.set_scheme(
            connection,
            AN,
            region="rio",
            scheme=NASTY,
            classes=[OfficialClass("1", NASTY, "normal")],
            legal_basis=NASTY,
            valid_from=date(2011, 1, 4),
        )
        official.set_class(
            connection,
            AN,
            region="rio",
            official_id=NASTY,
            title=NASTY,
            commune=NASTY,
            reach="r",
            bank="L",
            from_m=-0.0,
            to_m=120,
            scheme_id=scheme,
            class_code="1",
            decision=NASTY,
            valid_from=date(2023, 12, 1),
        )
        draft = bulletins.draft_bulletin(
            connection, AN, region="rio", year=2026, content={NASTY: [NASTY, 1.5, None]}, words=NASTY
        )
        bulletins.set_status(connection, BA, draft, "approved", NASTY)
        ledger.withdraw_run(connection, BA, "rio-2010-01-01", NASTY)
    return len(people_tables.ENTRY_TABLES)


def verified(engine, noted=None):
    with ledger.querying(engine) as connection:
        return ledger.audit.verify(connection, noted)


def tamper(engine, *statements):
    """Do what the ledger forbids, as somebody would who owns the file or the database."""
    names = [table.name for table in (people_tables.AUDIT, *people_tables.ENTRY_TABLES)]
    owner = sa.create_engine(engine.url)  # SQLite: without foreign keys
    with owner.begin() as connection:
        if owner.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            for name in names:
                for action in ("update", "delete"):
                    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}_no_{action}")
        for statement in statements:
            connection.execute(sa.text(statement) if isinstance(statement, str) else statement)
    owner.dispose()
