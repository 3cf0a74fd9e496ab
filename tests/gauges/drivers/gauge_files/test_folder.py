"""A folder into which a logger drops its files."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from erosion.config.problems import CatalogError, Problems
from erosion.core.errors import SourceError
from erosion.gauges.drivers import gauge_files
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeFiles
from erosion.gauges.formats.reading import Asked, Reading
from erosion.gauges.formats.rows import Notes
from tests.gauges.drivers.gauge_files.made_gauge_files import ALL, check, excel, gauge, rows

# --- a folder of a logger's files ------------------------------------------------------------------------------------------


class Folder:
    """A folder into which files are dropped, with times that were chosen."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.path = path / "drop"
        self.path.mkdir()
        self.source = gauge(path, None, "drop", **changes)
        self.state: Any = {}

    def put(self, name: str, text: str | bytes, age_s: float = 7200) -> None:
        path = self.path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.age(name, age_s)

    def age(self, name: str, age_s: float) -> None:
        at = time.time() - age_s
        os.utime(self.path / name, (at, at))

    def read(self) -> Reading:
        reading = read(self.source, Asked(None, ALL.until, self.state))
        check(reading)
        self.state = json.loads(json.dumps(reading.state))
        return reading


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def told(reading: Reading) -> list[tuple[str, str, bool]]:
    return [(item.scene, item.reason, item.usual) for item in reading.skipped]


def test_files_of_a_folder_are_read_once(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    folder.put("notes.txt", "not a value")
    folder.put("~$a.csv", "held open")
    folder.put(".b.csv", "hidden")
    first = folder.read()
    assert [v[1] for v in rows(first)] == [1.0, 2.0]
    assert told(first) == [("notes.txt", "does not match the pattern under 'files' (*.csv)", True)]
    # What was read before is not looked into again: not even what would stop the reading.
    status = (folder.path / "a.csv").stat()
    (folder.path / "a.csv").write_bytes(b"x" * status.st_size)
    os.utime(folder.path / "a.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    folder.put("c.csv", "t,q\n2020-01-03,3\n")
    assert [v[1] for v in rows(folder.read())] == [3.0]
    assert len(folder.read().values) == 0


def test_a_file_whose_ending_is_in_capitals_is_read(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("B.CSV", "t,q\n2020-01-02,2\n")
    first = folder.read()
    assert [v[1] for v in rows(first)] == [1.0, 2.0] and told(first) == []


def test_a_file_that_grew_is_read_again_and_one_that_was_only_touched_is_not(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.read()
    folder.age("a.csv", 4000)
    assert len(folder.read().values) == 0
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-02,2\n", 3700)
    assert [v[1] for v in rows(folder.read())] == [1.0, 2.0]
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-02,3\n", 3600)
    assert [v[1] for v in rows(folder.read())] == [1.0, 3.0]


def test_a_file_that_is_still_written_waits(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n2020-01-03,3\n", age_s=5)
    first = folder.read()
    assert [v[1] for v in rows(first)] == [1.0]
    assert len(first.skipped) == 1 and first.skipped[0].scene == "b.csv" and first.skipped[0].usual
    assert re.fullmatch(
        r"changed \d+ s ago and may still be written; it is taken the next time", first.skipped[0].reason
    )
    folder.age("b.csv", 120)
    assert [v[1] for v in rows(folder.read())] == [2.0, 3.0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_last_line_without_an_end_waits_for_an_hour(tmp_path: Path, encoding: str) -> None:
    folder = Folder(tmp_path)
    whole = "t,q\n2020-01-01,1\n2020-01-02,34"
    folder.put("a.csv", whole[:-1].encode(encoding), age_s=3000)
    first = folder.read()
    assert len(first.values) == 0
    assert told(first) == [
        ("a.csv", "its last line has no end and may still be written; it is taken the next time", True)
    ]
    folder.put("a.csv", (whole + "\n").encode(encoding), age_s=300)
    assert [v[1] for v in rows(folder.read())] == [1.0, 34.0]
    folder.put("b.csv", "t,q\n2020-01-03,5".encode(encoding), age_s=3700)
    assert [v[1] for v in rows(folder.read())] == [5.0]


def test_a_file_that_changes_while_it_is_read_is_taken_the_next_time(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    whole = gauge_files.read_table

    def meanwhile(source: GaugeFiles, path: Path, notes: Notes) -> Any:
        values = whole(source, path, notes)
        if path.name == "b.csv":
            folder.put("b.csv", "t,q\n2020-01-02,2\n2020-01-03,3\n")
        return values

    with monkeypatch.context() as patch:
        patch.setattr(gauge_files, "read_table", meanwhile)
        reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0] and "changed while it was read" in reading.skipped[0].reason
    assert [v[1] for v in rows(folder.read())] == [2.0, 3.0]


def test_a_wrong_clock_of_a_logger_does_not_keep_its_file_waiting(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n", age_s=-86400)
    assert [v[1] for v in rows(folder.read())] == [1.0]


def test_a_file_that_vanished_is_reported_once(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    folder.read()
    (folder.path / "a.csv").unlink()
    reading = folder.read()
    assert len(reading.values) == 0
    assert told(reading) == [("gauge", "a.csv: no longer there, the values are kept", True)]
    assert told(folder.read()) == []


def test_a_broken_file_is_listed_every_night_until_it_is_mended(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "<html>no")
    for count in (1, 0):
        reading = folder.read()
        assert len(reading.values) == count
        ((name, reason, usual),) = told(reading)
        assert name == "b.csv" and "web page" in reason and not usual
    folder.put("b.csv", "t,q\n2020-01-02,2\n")
    assert [v[1] for v in rows(folder.read())] == [2.0]


def test_where_no_file_can_be_read_there_is_nothing_to_give(folder: Folder) -> None:
    with pytest.raises(SourceError, match=r"drop: holds no file like '\*.csv'; check 'path' and 'files' in"):
        folder.read()
    folder.put("b.csv", "<html>no")
    with pytest.raises(SourceError, match=r"b.csv: is a web page"):
        folder.read()


def test_a_logger_that_has_written_only_its_header_is_no_mistake(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    folder.put("b.csv", "t,q\n")
    assert told(folder.read()) == [("b.csv", "has a header and no values yet", True)]
    folder.put("b.csv", "t,q\n2020-01-02,2\n", 4000)
    assert [v[1] for v in rows(folder.read())] == [2.0]


def test_files_that_overlap(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-02,2\n2020-01-03,3\n2020-01-04,4\n", age_s=9000)
    folder.put("b.csv", "t,q\n2020-01-02,2\n2020-01-03,30\n2020-01-04,\n2020-01-05,5\n", age_s=8000)
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0, 2.0, 30.0, 4.0, 5.0]
    assert told(reading) == [
        (
            "b.csv",
            "1 values of discharge differ from those of a.csv, first at 2020-01-02T17:00:00+00:00; the newer file stands",
            False,
        )
    ]


def test_an_older_file_that_comes_late_does_not_overrule_a_newer_one(folder: Folder) -> None:
    folder.put("b.csv", "t,q\n2020-01-03,30\n2020-01-05,5\n", age_s=8000)
    folder.put("far.csv", "t,q\n2021-01-03,7\n", age_s=8000)
    folder.read()
    folder.put("a.csv", "t,q\n2020-01-01,1\n2020-01-03,3\n", age_s=9000)
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0, 30.0, 5.0]
    assert [item.scene for item in reading.skipped] == ["b.csv"]


def test_ten_minutes_that_two_files_share_are_no_disagreement(folder: Folder) -> None:
    folder.put("a.csv", "t,q\n2020-01-01T00:01Z,1\n2020-01-01T00:02Z,1\n", age_s=9000)
    folder.put("b.csv", "t,q\n2020-01-01T00:04Z,4\n2020-01-01T00:06Z,4\n", age_s=8000)
    reading = folder.read()
    assert len(reading.values) == 1 and all(item.usual for item in reading.skipped)


def test_a_link_out_of_the_folder_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("t,q\n2020-01-09,9\n")
    (folder.path / "link.csv").symlink_to(tmp_path / "secret.csv")
    folder.put("a.csv", "t,q\n2020-01-01,1\n")
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [1.0]
    assert told(reading) == [
        ("link.csv", "is a link out of the folder, left out; copy the file itself into the folder", False)
    ]


def test_excel_files_in_a_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path, files="*.xlsx")
    made = excel(tmp_path, [["t", "q"], [dt.datetime(2020, 1, 1), 4]])
    folder.put("a.xlsx", made.path.read_bytes(), age_s=100)
    folder.put("b.xlsx", made.path.read_bytes()[:-200], age_s=100)
    reading = folder.read()
    assert [v[1] for v in rows(reading)] == [4.0] and "cannot be read as Excel" in reading.skipped[0].reason


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*", "a/../../*.csv"])
def test_a_pattern_that_leads_out_of_the_folder_is_refused(tmp_path: Path, pattern: str) -> None:
    problems = Problems(tmp_path / "gauge.yaml")
    gauge(tmp_path, None, files=pattern).check(problems)
    with pytest.raises(CatalogError, match=r"files: .*leads out of the folder"):
        problems.stop_if_any()
