"""The command line as a user meets it: help, dates, names, errors in one line, exit codes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from erosion.cli import command_line as cli
from erosion.cli import features
from erosion.features import FAMILIES
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED
from erosion.publish.applicability import applicability_line, applicability_text
from erosion.publish.manifest import read_manifest

COMMANDS = ("check", "run", "replay", "train", "evaluate", "features", "serve")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([*([command] if command else []), "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: erosion")
    for name in COMMANDS if not command else ():
        assert name in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["watch"], "invalid choice"),
        (["run"], "REGION"),
        (["run", "mamore", "--date", "06/07/2018"], "'06/07/2018' is not a date; write YYYY-MM-DD"),
        (["run", "mamore", "--date", "2018-02-30"], "is not a date"),
        (["run", "mamore", "--date", "2018"], "is not a date"),
        (["run", "mamore", "--date", "2018-06-22T10:00"], "is not a date"),
        (["run", "mamore", "--date", "yesterday"], "is not a date"),
        (["run", "mamore", "--date", "2126-11-21"], "2126-11-21 has not come yet"),
        (["fetch", "mamore", "--date", "2126-11-21"], "2126-11-21 has not come yet"),
        (["train", "mamore", "--until", "2126"], "2126-12-31 has not come yet"),
        (["evaluate", "mamore", "--first", "2126-01-01"], "2126-01-01 has not come yet"),
        (["replay", "mamore", "--from", "2018", "--to", "2006"], "--from 2018-01-01 is later than --to 2006-12-31"),
        (["trigger", "mamore", "--from", "2018", "--to", "2006"], "--from 2018-01-01 is later than --to 2006-12-31"),
        (["run", "mamore", "--model", "x"], "unrecognized arguments: --model x; see erosion run --help"),
        (["evaluate", "mamore", "--draws", "0"], "'0' is not a number of draws"),
        (["replay", "mamore", "--from", "MMVI", "--to", "2018"], "write YYYY-MM-DD or YYYY"),
        (["replay", "mamore", "--to", "2018"], "--from"),
        (["serve", "--port", "http"], "invalid int"),
    ],
)
def test_a_mistake_in_a_command_is_one_line_and_exit_code_1(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not argparse's 2, which stands for a degraded run."""
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    told = capsys.readouterr().err
    assert end.value.code == NOT_PUBLISHED
    assert words in told and len(told.splitlines()) == 1 and "--help" in told


@pytest.mark.parametrize("command", [["check"], ["run"], ["replay", "--from", "2006", "--to", "2007"]])
def test_an_unknown_region_is_reported_with_one_like_it(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([command[0], "mamoer", *command[1:]]) == NOT_PUBLISHED
    told = capsys.readouterr()
    # What a check finds is its result, not a failure of the command.
    text = told.out if command == ["check"] else told.err
    assert "did you mean mamore?" in text
    assert command == ["check"] or len(text.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "mamore", "athabasca", "--until", "2010"], "name the family of their release with --family"),
        (["train", "mamore", "mamore", "--until", "2010", "--family", "rivers"], "mamore is given twice"),
        (["train", "mamore", "--until", "2010", "--family", "rivers"], "needs two regions or more"),
        (["train", "mamore", "mamoer", "--until", "2010", "--family", "rivers"], "did you mean mamore?"),
        (["train", "mamore", "an-giang", "--until", "2010", "--family", "rivers"], "an-giang.yaml: targets differs"),
        (["train", "mamore", "athabasca", "--until", "2010", "--family", "mamore"], "was trained on mamore alone"),
        (["evaluate", "mamore", "mamore"], "mamore is given twice"),
        (["evaluate", "mamore", "mamoer"], "did you mean mamore?"),
        (["evaluate", "mamore:0-50", "mamore:40-90"], "mamore:40-90 and mamore:0-50 share banks"),
        (["evaluate", "mamore", "athabasca", "--without", "hydrology"], "--without is for one river"),
    ],
)
def test_regions_that_do_not_go_together_are_refused_in_a_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == NOT_PUBLISHED
    told = capsys.readouterr().err
    assert words in told and len(told.splitlines()) == 1


def test_help_loads_no_scientific_library() -> None:
    """They take seconds; help and a mistake in the arguments are answered without them."""
    program = (
        "import sys\nfrom erosion.cli import command_line as cli\n"
        "try: cli.main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    for arguments in (["--help"], ["replay", "--help"], ["run", "mamore", "--date", "yesterday"]):
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        loaded = done.stdout.rpartition("LOADED ")[2].split()
        assert "erosion" in loaded
        assert not {"numpy", "pandas", "shapely", "rasterio", "streamlit", "sqlalchemy", "lightgbm"} & set(loaded)


def test_every_command_has_its_module() -> None:
    folder = Path(cli.__file__).parent
    assert set(cli.COMMANDS) | {"__init__", "__main__", "command_line"} == {path.stem for path in folder.glob("*.py")}


def test_years_stand_for_their_first_and_last_day() -> None:
    arguments = cli._parser().parse_args(["replay", "mamore", "--from", "2006", "--to", "2018"])
    assert (arguments.first, arguments.last) == (date(2006, 1, 1), date(2018, 12, 31))
    today = cli._parser().parse_args(["run", "mamore"]).date
    assert abs(datetime.now(UTC).date() - today) <= timedelta(days=1)
    tomorrow = today + timedelta(days=1)  # already today east of Greenwich
    assert cli._parser().parse_args(["run", "mamore", "--date", f"{tomorrow:%Y-%m-%d}"]).date == tomorrow


def test_features_lists_every_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["features"]) == 0
    told = capsys.readouterr().out
    registered = [feature for family in FAMILIES.values() for feature in family.FEATURES]
    assert len(registered) > 50
    for feature in registered:
        assert f"  {feature.name} " in told and feature.meaning in told and f"[{feature.unit}]" in told


def test_check_of_the_region_that_comes_with_it(tmp_path: Path, erosion: Callable) -> None:
    done = erosion("check", "mamore", "--json", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    assert "1986-07-16" in done.stdout and "15250000" in done.stdout
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))


def test_run_says_what_it_did(crop: Path, tmp_path: Path, erosion: Callable) -> None:
    """From another folder, with a path relative to it, all three ways a run can end."""
    command = ("run", "crop/mamore_crop.yaml", "--out", "out", "--date")
    done = erosion(*command, "2009-08-16", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (PUBLISHED, "")
    (directory,) = (tmp_path / "out" / "mamore_crop").glob("2009-08-16-*")
    new = ["guajara_mirim: 16802 new values", "principe_da_beira: 15596 new values"]
    told = []
    for target in ("1y", "3y"):
        rows = pd.read_parquet(directory / f"segments_{target}.parquet", columns=["level", "length_m"])
        lengths = rows.groupby("level")["length_m"].sum().reindex(range(5), fill_value=0.0) / 1000
        told.append(f"{target}: " + ", ".join(f"{round(km, 3):g} km at level {level}" for level, km in lengths.items()))
    holds = read_manifest(directory)["applicability"]
    told.append(f"mamore_crop: {applicability_line(holds['reaches']['mamore_crop'])}")
    told += [applicability_text(holds, "en"), "see it on the map: erosion serve --out out"]
    assert done.stdout.splitlines() == [*new, f"published {directory.relative_to(tmp_path)}", *told]

    again = erosion(*command, "2009-08-16", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (PUBLISHED, "")
    assert again.stdout.splitlines() == [f"nothing new; {directory.relative_to(tmp_path)} stands", *told]

    degraded = erosion(*command, "2010-07-18", "--release", "mamore-20180708", cwd=tmp_path)
    assert degraded.returncode == DEGRADED
    assert "hindsight" in degraded.stderr and "published out/mamore_crop/2010-07-18-" in degraded.stdout.replace(
        "\\", "/"
    )

    early = erosion(*command, "1980-01-01", cwd=tmp_path)
    assert (early.returncode, early.stdout) == (NOT_PUBLISHED, "")
    assert early.stderr.startswith("erosion: mamore_crop 1980-01-01 was not published: ")
    assert "became available on 1986-08-01" in early.stderr and len(early.stderr.splitlines()) == 1


def test_a_replay_without_dates(crop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", str(crop), "--from", "2012", "--to", "2012", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == NOT_PUBLISHED
    assert "no observation of mamore_crop became available" in capsys.readouterr().err


def test_a_region_that_cannot_be_read_shows_on_the_map(
    crop: Path, tmp_path: Path, edit: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was published stays, and the last attempt says why nothing followed."""
    home = tmp_path / "out" / "mamore_crop"
    home.mkdir(parents=True)
    edit(crop, pixel=30)
    assert cli.main(["run", str(crop), "--date", "2009-08-16", "--out", str(tmp_path / "out")]) == NOT_PUBLISHED
    assert "unknown key; did you mean pixel_m?" in capsys.readouterr().err
    attempt = json.loads((home / "last_attempt.json").read_text(encoding="utf-8"))
    assert (attempt["outcome"], attempt["exit_code"], attempt["as_of"]) == ("failed", 1, "2009-08-16")
    assert "pixel_m" in attempt["message"]


def test_a_mistake_in_the_program_is_reported_without_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        return {}["column"]

    monkeypatch.setattr(features, "main", broken)
    assert cli.main(["features"]) == NOT_PUBLISHED
    told = capsys.readouterr().err
    assert (
        "mistake in the program: KeyError: 'column' (test_command_line.py, line" in told and len(told.splitlines()) == 1
    )
    monkeypatch.setenv("EROSION_TRACEBACK", "1")
    with pytest.raises(KeyError):
        cli.main(["features"])


def test_serve_refuses_without_products(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for out in (tmp_path / "none", tmp_path):
        assert cli.main(["serve", "--out", str(out)]) == NOT_PUBLISHED
        told = capsys.readouterr()
        assert "make some with `erosion replay` or `erosion run`" in told.err and told.out == ""


def test_serve_refuses_a_port_that_is_taken_before_it_tells_an_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "river").mkdir()
    (tmp_path / "river" / "published.json").touch()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert cli.main(["serve", "--out", str(tmp_path), "--port", str(port)]) == cli.FAILED
    told = capsys.readouterr()
    assert told.err == f"erosion: port {port} is taken; choose another with --port\n" and told.out == ""
    assert cli.main(["serve", "--out", str(tmp_path), "--port", "70000"]) == cli.FAILED
    assert capsys.readouterr().err == "erosion: 70000 is no port; choose another with --port, 1 to 65535\n"


def test_serve_prints_a_loopback_address(tmp_path: Path) -> None:
    (tmp_path / "river").mkdir()
    (tmp_path / "river" / "published.json").write_text('{"runs": []}', encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "erosion.cli", "serve", "--out", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == f"map: http://127.0.0.1:{port}\n"
        finally:
            server.terminate()
