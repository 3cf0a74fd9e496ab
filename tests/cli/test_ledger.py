"""``erosion ledger`` as an administrator meets it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from erosion.alerts import ledger
from erosion.cli import command_line as cli
from tests.alerts.ledger.made_runs import record


def command(*words: str, out: Path) -> int:
    return cli.main(["ledger", *words, "--out", str(out)])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("EROSION_LEDGER", raising=False)
    add = ("people", "add", "an@x", "--name", "Nguyễn Văn An", "--role", "administrator")
    assert command(*add, out=tmp_path) == 0
    return tmp_path


def test_people_are_added_listed_and_removed(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add = ("people", "add", "ba@x", "--name", "Ba", "--role", "commune_officer", "--commune", "2", "--commune", "1")
    assert command(*add, out=own) == 1
    assert "--by" in capsys.readouterr().err
    assert command(*add, "--by", "an@x", "--from", "2026-11-01T07:00+07:00", "--to", "2126-01-01", out=own) == 0
    assert command("people", "list", out=own) == 0
    told = capsys.readouterr().out
    assert "an@x\tNguyễn Văn An\tadministrator, from" in told
    assert "ba@x\tBa\tcommune_officer in 1, 2, from 2026-11-01 00:00 UTC until 2126-01-01 00:00 UTC" in told
    assert command("people", "list", "--at", "2026-10-31", out=own) == 0
    assert capsys.readouterr().out == ""
    assert command("people", "remove", "an@x", "--by", "an@x", out=own) == 1
    assert "only active administrator" in capsys.readouterr().err
    assert command("people", "remove", "ba@x", "--by", "an@x", "--words", "left", out=own) == 0
    assert command("people", "list", out=own) == 0
    assert "ba@x" not in capsys.readouterr().out.splitlines()[-1]


def test_verify_says_how_many_hold_or_which_is_broken(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("people", "add", "ba@x", "--name", "Ba", "--role", "viewer", "--by", "an@x", out=own) == 0
    capsys.readouterr()
    assert command("verify", out=own) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 rows hold; note --noted 2:")
    noted = told.split("--noted ")[1].strip()
    assert command("verify", "--noted", noted, out=own) == 0
    with closing(sqlite3.connect(own / "ledger.sqlite")) as owner, owner:
        owner.execute("DROP TRIGGER people_no_update")
        owner.execute("UPDATE people SET role = 'administrator' WHERE id = 2")
    capsys.readouterr()
    assert command("verify", out=own) == 1
    assert "row 2 of the audit chain does not hold: the entry in people is not" in capsys.readouterr().out
    with closing(sqlite3.connect(own / "ledger.sqlite")) as owner, owner:
        for table, key in (("people", "id"), ("audit", "seq")):
            owner.execute(f"DROP TRIGGER {table}_no_delete")
            owner.execute(f"DELETE FROM {table} WHERE {key} = 2")
    assert command("verify", out=own) == 0
    assert command("verify", "--noted", noted, out=own) == 1
    assert "the row is missing; 2 had been noted" in capsys.readouterr().out


def test_nothing_but_the_first_administrator_makes_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["verify"],
        ["people", "list"],
        ["people", "remove", "x", "--by", "y"],
        ["withdraw", "x", "--reason", "y", "--by", "z"],
    ):
        assert command(*words, out=tmp_path) == 1
        told = capsys.readouterr().err
        assert "ledger.sqlite" in told and len(told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_withdrawn(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = ledger.open_ledger(own / "ledger.sqlite")
    record(engine, "2010-01-01", {"a": 3})
    record(engine, "2011-01-01", {"a": 4})
    words = ("withdraw", "rio-2011-01-01", "--reason", "wrong masks")
    assert command(*words, "--by", "nobody", out=own) == 1
    assert command(*words, "--by", "an@x", out=own) == 0
    assert "its files stay; rio-2010-01-01 stands" in capsys.readouterr().out
    assert ledger.withdrawn(engine, "rio-2011-01-01").reason == "wrong masks"
    engine.dispose()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "TASK"),
        (["people"], "WHAT"),
        (["people", "add", "x", "--name", "X", "--role", "boss"], "invalid choice: 'boss'"),
        (["people", "list", "--at", "2026-11-21T07:00"], "is not a time"),
        (["verify", "--noted", "3"], "give ROWS:HASH"),
        (["withdraw", "x", "--by", "y"], "--reason"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["ledger", *words])
    text = capsys.readouterr().err
    assert end.value.code == 1 and told in text and len(text.splitlines()) == 1
