"""Field reports: sent twice they are one, open until closed, their photos by hash."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, decisions, reports
from tests.alerts.ledger.made_entries import AN, BA, NASTY, a_report, verified

pytestmark = pytest.mark.usefixtures("stretches")


def open_ones(engine, stretch_id=None):
    with ledger.querying(engine) as connection:
        table = reports.reports(connection, "rio", stretch_id)
    return table.loc[table["open"], "id"].tolist()


def test_a_report_comes_back_as_it_was_sent(engine):
    given = a_report(words=NASTY, houses=None, reach="hau", bank="L", chainage_m=1234.5, segment_id="hau-L-12")
    with ledger.writing(engine) as connection:
        reports.add_report(connection, BA, given)
    with ledger.querying(engine) as connection:
        (row,) = reports.reports(connection, "rio").to_dict("records")
    for name in ("client_id", "observed_at", "lon", "lat", "commune", "verdict", "stretch_id", "chainage_m", "words"):
        assert row[name] == getattr(given, name), name
    assert (row["crack_length_m"], row["crack_width_m"], row["edge_distance_m"]) == (12.0, 0.03, 4.5)
    assert pd.isna(row["houses"]) and row["actor_name"] == BA.name and row["open"]


def test_a_report_sent_twice_is_one_and_another_under_its_id_is_refused(engine):
    with ledger.writing(engine) as connection:
        first = reports.add_report(connection, BA, a_report())
        assert first.new
        assert reports.add_report(connection, BA, a_report(crack_length_m=np.float64(12))) == (first.id, False)
    for changed, actor in ((a_report(houses=4), BA), (a_report(words="other"), BA), (a_report(), AN)):
        with pytest.raises(LedgerError, match="with another content"), ledger.writing(engine) as connection:
            reports.add_report(connection, actor, changed)
    assert verified(engine).rows == 1


def test_a_report_is_open_until_a_closure_of_it_stands(engine):
    with ledger.writing(engine) as connection:
        one = reports.add_report(connection, BA, a_report("c-1")).id
        two = reports.add_report(connection, BA, a_report("c-2", stretch_id="s2")).id
        reports.add_report(connection, BA, a_report("c-3", verdict="nothing_seen"))
        reports.add_report(connection, BA, a_report("c-4", region="song", stretch_id=None))
        unsure = reports.add_report(connection, BA, a_report("c-5", verdict="unsure")).id
    assert open_ones(engine) == [one, two, unsure]
    with ledger.writing(engine) as connection:
        decisions.check(connection, AN, "rio", "cracked", report_id=one)
        decisions.close(connection, AN, "rio", stretch_id="s1")  # of the stretch, not of its report
    assert open_ones(engine, "s1") == [one, unsure]
    with ledger.writing(engine) as connection:
        closure = decisions.close(connection, AN, "rio", report_id=one)
    assert open_ones(engine) == [two, unsure]
    with ledger.writing(engine) as connection:
        decisions.undo(connection, AN, closure)
    assert open_ones(engine) == [one, two, unsure]
    with ledger.writing(engine) as connection:
        decisions.close(connection, AN, "rio", report_id=one)
    assert open_ones(engine) == [two, unsure]


def test_a_photo_is_known_by_its_hash(engine):
    with ledger.writing(engine) as connection:
        report = reports.add_report(connection, BA, a_report()).id
        given = {"sha256": "0123456789abcdef" * 4, "size_bytes": 2_000_000, "media_type": "image/jpeg"}
        first = reports.add_photo(connection, BA, report, **given)
        assert first.new and reports.add_photo(connection, BA, report, **given) == (first.id, False)
        (row,) = reports.photos(connection, report).to_dict("records")
        assert {name: row[name] for name in given} == given
    for sha256 in ("AB" * 32, "ab" * 31, "x" * 64):
        with pytest.raises(LedgerError, match="no SHA-256"), ledger.writing(engine) as connection:
            reports.add_photo(connection, BA, report, sha256=sha256, size_bytes=1, media_type="image/jpeg")
    with pytest.raises(LedgerError, match="entry 77 is no field report"), ledger.writing(engine) as connection:
        reports.add_photo(connection, BA, 77, **given)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "bad"}, "no verdict"),
        ({"client_id": " "}, "the phone made"),
        ({"lon": 181.0}, "no place"),
        ({"lat": float("nan")}, "no place"),
        ({"houses": -1}, "houses of a report"),
        ({"edge_distance_m": float("nan")}, "edge_distance_m of a report"),
        ({"crack_length_m": float("inf")}, "not finite"),
        ({"observed_at": pd.Timestamp("2026-01-01")}, "no time zone"),
    ],
)
def test_a_report_that_cannot_be_is_refused(engine, change, words):
    with pytest.raises(LedgerError, match=words), ledger.writing(engine) as connection:
        reports.add_report(connection, BA, replace(a_report(), **change))
