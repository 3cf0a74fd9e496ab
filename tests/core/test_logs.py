"""Log records on the console: plain lines, JSON lines with the run they belong to, progress bars only on a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

COMMAND = [sys.executable, "-m", "erosion.cli"]


def test_a_run_logs_one_json_object_a_line(crop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (crop.parent / "gauges" / "15250000_guajara_mirim.csv").write_text("", encoding="utf-8")
    monkeypatch.setenv("EROSION_LOG", "json")
    command = [*COMMAND, "run", str(crop), "--date", "2010-07-18", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    out, err = ([json.loads(line) for line in text.splitlines()] for text in (done.stdout, done.stderr))
    assert all(list(one) == ["time", "level", "logger", "run_id", "message"] for one in (*out, *err))
    assert {one["level"] for one in out} == {"info"} and {one["level"] for one in err} == {"warning"}
    (published,) = [one for one in out if one["message"].startswith("published ")]
    assert published["logger"] == "erosion.cli.run"
    assert published["run_id"] == f"mamore_crop-{Path(published['message'].split(' ', 1)[1]).name}"
    assert any("is empty" in one["message"] for one in err)
    assert abs(pd.Timestamp(published["time"]) - pd.Timestamp.now("UTC")) < pd.Timedelta("1h")


def test_a_format_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, erosion: Callable) -> None:
    monkeypatch.setenv("EROSION_LOG", "xml")
    done = erosion("features")
    assert done.returncode == 1
    assert done.stderr == "erosion: EROSION_LOG is 'xml'; set it to plain or json, or leave it away\n"


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_a_progress_bar_is_drawn_on_a_terminal_and_nowhere_else(crop: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "replay", str(crop), "--from", "2009", "--to", "2009", "--out", str(tmp_path / "out")]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert plain.returncode == 0 and plain.stderr == ""
    assert plain.stdout.splitlines()[0] == "[1/1] 2009-08-16 published"
    import termios  # not on Windows

    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        drawn = b""
        try:
            while piece := os.read(ours, 4096):
                drawn += piece
        except OSError:  # the other end was closed
            pass
        assert process.stdout is not None
        assert process.stdout.read().splitlines()[0] == "[1/1] 2009-08-16 published (as before)"
    os.close(ours)
    assert "replay" in drawn.decode() and "1/1" in drawn.decode()
