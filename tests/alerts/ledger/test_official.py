"""Official classes: the province changed its scheme in 2019, and each year's list has its own time."""

from datetime import date

import pytest

from erosion.alerts import ledger
from erosion.alerts.ledger import LedgerError, official
from erosion.alerts.ledger.official import OfficialClass
from tests.alerts.ledger.made_entries import AN

OLD = [
    OfficialClass(*one)
    for one in (
        ("4", "rất nguy hiểm", "very dangerous"),
        ("3", "nguy hiểm", "dangerous"),
        ("2", "trung bình", "medium"),
        ("1", "nhẹ", "slight"),
    )
]
NEW = [
    OfficialClass(*one)
    for one in (
        ("dbnh", "đặc biệt nguy hiểm", "exceptionally dangerous"),
        ("nh", "nguy hiểm", "dangerous"),
        ("bt", "bình thường", "ordinary"),
    )
]


def scheme(connection, **changes):
    values = {
        "region": "rio",
        "scheme": "an-giang-2017",
        "classes": OLD,
        "legal_basis": "?",
        "valid_from": date(2017, 1, 1),
        "valid_to": date(2018, 12, 31),
    }
    return official.set_scheme(connection, AN, **values | changes)


def a_class(connection, scheme_id, code, **changes):
    values = {
        "region": "rio",
        "official_id": "12",
        "title": "Bờ trái sông Vàm Nao",
        "commune": "30280",
        "reach": "vam-nao",
        "bank": "L",
        "from_m": 100,
        "to_m": 2500,
        "decision": "QĐ 12",
        "valid_from": date(2017, 7, 1),
    }
    return official.set_class(connection, AN, scheme_id=scheme_id, class_code=code, **values | changes)


def test_schemes_and_classes_hold_in_their_time(engine):
    with ledger.writing(engine) as connection:
        old = scheme(connection)
        new = scheme(connection, scheme="qd-01-2011", classes=NEW, valid_from=date(2019, 1, 1), valid_to=None)
        first = a_class(connection, old, "4")
        second = a_class(connection, new, "nh", valid_from=date(2019, 6, 1), valid_to=date(2023, 12, 30))
        other = a_class(connection, new, "bt", official_id="9", valid_from=date(2020, 1, 1))
    with ledger.querying(engine) as connection:

        def on(*day):
            return official.classes_on(connection, "rio", date(*day))["id"].tolist()

        assert [on(2017, 6, 30), on(2017, 7, 1), on(2019, 5, 31)] == [[], [first], [first]]
        assert [on(2019, 6, 1), on(2021, 1, 1)] == [[second], [second, other]]
        assert [on(2023, 12, 30), on(2023, 12, 31)] == [[second, other], [other]]  # ended, not back to the one before
        names = official.schemes_on(connection, "rio", date(2018, 12, 31))["scheme"].tolist()
        assert names == ["an-giang-2017"]
        (row,) = official.schemes_on(connection, "rio", date(2019, 1, 1)).to_dict("records")
        assert [OfficialClass(**one) for one in row["classes"]] == NEW
        assert official.schemes_on(connection, "song", date(2019, 1, 1)).empty


def test_a_class_belongs_to_its_scheme(engine):
    with ledger.writing(engine) as connection:
        old = scheme(connection)
    for scheme_id, code, change, words in (
        (old, "dbnh", {}, "no class 'dbnh'; it has 4, 3, 2, 1"),
        (99, "4", {}, "no scheme of entry 99"),
        (old, "4", {"region": "song"}, "song has no scheme"),
        (old, "4", {"from_m": 3000}, "exchange the two"),
        (old, "4", {"valid_to": date(2016, 1, 1)}, "give a later end"),
    ):
        with pytest.raises(LedgerError, match=words), ledger.writing(engine) as connection:
            a_class(connection, scheme_id, code, **change)
    for classes in ([], [OLD[0], OLD[0]]):
        with pytest.raises(LedgerError, match="each code once"), ledger.writing(engine) as connection:
            scheme(connection, classes=classes)
